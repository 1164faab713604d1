"""Answers from documents at the desk and on receipts, and a report about one that was checked."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from roadbed.kernel.settings import Settings
from tests.browser.chromium import CHROMIUM
from tests.browser.test_console import signed_in
from tests.conftest import Site, serving
from tests.unit.test_corrected_answers import ask, library, ready

__all__ = ["library"]  # a fixture
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="NO CHROMIUM: sudo apt-get install chromium"),
]
DESK = "/usecases/ask/reviews"
QUESTION = "What may a hotel cost a night?"
ANSWER = "A hotel may cost 120 EUR a night."


@pytest.fixture
async def site(settings: Settings, library: Path, url: str) -> AsyncIterator[Site]:
    async with serving(settings, url) as served:
        await ready(served.app)
        yield served


@pytest.fixture
async def page(site: Site) -> AsyncIterator[Page]:
    async with signed_in(site, "reviewer") as opened:
        yield opened


async def item(site: Site, page: Page) -> str:
    """Open the desk with a question on it; the task of the question."""
    task = str((await ask(site.app, QUESTION))["task_id"])
    await page.goto(f"{site.address}{DESK}")
    await page.locator("form.item").wait_for()
    return task


class TestDesk:
    async def test_a_proposal_is_text_with_links_to_where_it_stands(
        self, site: Site, page: Page
    ) -> None:
        await item(site, page)
        proposed = page.locator(".given .proposed")
        await expect(proposed).to_contain_text(ANSWER)
        assert "dov_" not in await page.locator("form.item").inner_text()
        await proposed.locator("a", has_text="travel.md").first.click()
        await page.locator("mark#passage").wait_for()

    async def test_a_verdict_is_told_without_json(self, site: Site, page: Page) -> None:
        task = await item(site, page)
        await page.keyboard.press("a")
        told = page.locator("#result .told")
        await expect(told).to_contain_text("You agreed with the decider: ")
        await expect(told).to_contain_text(ANSWER)
        await expect(told).to_contain_text("(travel.md, Travel › Hotels)")
        assert "{" not in await told.inner_text()
        await page.goto(f"{site.address}/receipts/{task}")
        receipt = await page.locator("main").inner_text()
        assert ANSWER in await page.locator(".lead").first.inner_text()
        assert "dov_" not in receipt
        assert "[{" not in receipt

    async def test_a_long_answer_is_quoted_by_its_beginning_apart_from_what_follows(
        self, site: Site, page: Page, library: Path
    ) -> None:
        long = "Whoever keeps a bicycle in the cellar of the firm locks it to the rail. " * 12
        (library / "bicycles.md").write_text(f"# Bicycles\n\n{long}\n", encoding="utf-8")
        await ready(site.app)
        for _ in range(2):
            await ask(site.app, "Where does the firm keep a bicycle in the cellar?")
        await page.goto(f"{site.address}{DESK}")
        await page.locator("form.item").wait_for()
        first = await page.locator("form.item").get_attribute("data-review")
        await page.keyboard.press("a")
        told = page.locator("#result .told")
        await expect(told).to_contain_text("in the cellar … (bicycles.md, Bicycles …)")
        assert len(await told.inner_text()) < 250
        await page.locator(f"form.item:not([data-review='{first}'])").wait_for()
        above, below = await told.bounding_box(), await page.locator("#item").bounding_box()
        assert above is not None
        assert below is not None
        assert below["y"] - (above["y"] + above["height"]) >= 16

    async def test_e_then_p_changes_no_route(self, site: Site, page: Page) -> None:
        await item(site, page)
        search = page.locator("[data-cite-search]")
        await page.keyboard.press("e")
        await expect(search).to_be_focused()
        await page.keyboard.type("price of hotels")
        await expect(search).to_have_value("price of hotels")
        await page.keyboard.press("Escape")
        await page.keyboard.press("p")
        await expect(search).to_be_focused()
        await page.keyboard.type("trains")
        await expect(search).to_have_value("trains")
        await expect(page.locator("[name='output.route']")).to_have_value("")


class TestReport:
    async def test_about_a_checked_answer_is_answered_on_its_receipt(
        self, site: Site, page: Page
    ) -> None:
        task = await item(site, page)
        await page.keyboard.press("a")
        await expect(page.locator("#result .told")).to_contain_text("Recorded.")
        declared = site.app.deployments.get("ask").loaded.declared
        sent = {"task": task, "right": False, "note": "It is 130 since May."}
        await site.app.outcomes.report(declared, sent, by="ana")
        await page.goto(f"{site.address}/usecases/ask/outcomes")
        against = page.locator("section[aria-labelledby=against]")
        await expect(against).to_contain_text("the reviewer undoes the verdict there")
        await expect(against.locator("tbody th").first).to_have_text(QUESTION)
        await against.locator("tbody a").first.click()
        await page.get_by_role("button", name="Undo your verdict").click()
        await page.locator("form.item").wait_for()
        note = page.locator("form.item .note")
        await expect(note).to_contain_text("Reported, not checked: the answer was wrong.")
        await expect(note).to_contain_text("It is 130 since May.")
        await expect(note).to_contain_text("By ana.")
        # The address does not bring the item back once it has its verdict.
        assert page.url == f"{site.address}{DESK}"
        await page.keyboard.press("x")
        await page.locator("[data-empty]").wait_for()
        await page.reload()
        await page.locator("[data-empty]").wait_for()
        assert await page.locator("#result .problem").count() == 0

    async def test_somebody_else_reads_whose_verdict_it_is(self, site: Site, page: Page) -> None:
        task = await item(site, page)
        await page.keyboard.press("a")
        await expect(page.locator("#result .told")).to_contain_text("Recorded.")
        declared = site.app.deployments.get("ask").loaded.declared
        await site.app.outcomes.report(declared, {"task": task, "right": False}, by="ana")
        async with signed_in(site, "ana") as other:
            await other.goto(f"{site.address}/receipts/{task}")
            checked = other.locator("section[aria-labelledby=checked]")
            await expect(checked).to_contain_text("Only reviewer can undo this verdict")
            assert await other.get_by_role("button", name="Undo your verdict").count() == 0
            refused = await other.request.post(
                f"{site.address}/receipts/{task}/undo", headers={"origin": site.address}
            )
            assert refused.status == 409
            assert "problem" in await refused.text()
