"""Outcomes in a real browser: the page, the form on a receipt, the review that it opens."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from playwright.async_api import Page

from tests.browser.test_console import CHROMIUM, UNSAFE, signed_in
from tests.conftest import Site
from tests.unit.test_trust import stand

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="NO CHROMIUM: sudo apt-get install chromium"),
]
PATH = "/usecases/triage/outcomes"


@dataclass
class Desk:
    """A signed-in page on a use case whose answers go out by themselves."""

    site: Site
    page: Page

    async def task(self, text: str = "take it back") -> str:
        sent = await self.site.shop.post(
            "/usecases/triage/tasks", json={"input": {"text": text}, "key": f"key of {text}"}
        )
        assert sent.status_code == 200, sent.text
        return str(sent.json()["task"])

    async def go(self, path: str = PATH) -> str:
        await self.page.goto(f"{self.site.address}{path}")
        return await self.page.locator("main").inner_text()


@pytest.fixture
async def desk(site: Site) -> AsyncIterator[Desk]:
    await stand(site.app, reference_rate=0.0)
    async with signed_in(site) as page:
        yield Desk(site=site, page=page)


async def test_from_the_empty_page_to_a_corrected_answer(desk: Desk) -> None:
    task, page = await desk.task(), desk.page
    await desk.go("/usecases/triage")
    await page.keyboard.press("g")
    await page.keyboard.press("o")
    await page.wait_for_url(f"**{PATH}")
    empty = await page.locator("main").inner_text()
    assert "No outcome is reported yet" in empty
    assert '"task_key": "order-7"' in await page.locator("pre").inner_text()
    await desk.go(f"/receipts/{task}")
    await page.get_by_text("Report an outcome").click()
    await page.get_by_role("button", name="Report", exact=True).click()
    problem = page.locator(".problem")
    await problem.wait_for()
    assert "has no result" in await problem.inner_text()
    await page.get_by_label("wrong").check()
    await page.get_by_label("queue").fill("billing")
    await page.get_by_label("Note").fill(UNSAFE)
    await page.get_by_role("button", name="Report", exact=True).click()
    await page.wait_for_url("**/receipts/*#turned-out")
    said = await page.locator("section", has=page.locator("#turned-out")).inner_text()
    assert "× wrong: billing is right" in said
    assert "onerror" in said
    told = await desk.go()
    assert "0 of 1 reported automatic answers turned out right" in told
    assert "are no proof of the limit" in told
    assert "0.0–" in told
    await page.keyboard.press("j")
    await page.keyboard.press("Enter")
    await page.wait_for_url(f"**/receipts/{task}")
    await desk.go("/usecases/triage/reviews")
    note = page.locator("form.item .note")
    await note.wait_for()
    assert "not checked" in await note.inner_text()
    assert "billing" in await note.inner_text()
    assert (
        "Somebody reported that this answer turned out wrong"
        in await page.locator(".judge").inner_text()
    )
    assert await page.locator("[name='output.queue']").input_value() == ""
    await page.keyboard.press("a")
    await page.locator("[data-empty]").wait_for()
    assert await page.title() != "owned"
    # The person found the answer right all the same: the report is listed, and nothing else.
    told = await desk.go()
    assert "1 report says that a person's verdict is wrong" in told
    assert "contradicts a verdict" in told
    await desk.go(f"/receipts/{task}")
    await page.get_by_role("button", name="Withdraw the report").click()
    await page.wait_for_url("**/receipts/*#turned-out")
    assert "withdrawn by ana" in await page.locator("main").inner_text()
    assert "verdict is wrong" not in await desk.go()


async def test_what_waits_for_a_blind_verdict_is_kept_back(desk: Desk) -> None:
    await stand(desk.site.app, reference_rate=1.0)
    task, page = await desk.task(), desk.page
    told = await desk.go(f"/receipts/{task}")
    assert "shown after the review" in told
    await page.get_by_text("Report an outcome").click()
    assert await page.get_by_label("wrong").count() == 0
    await page.get_by_label("queue").fill("billing")
    await page.get_by_role("button", name="Report", exact=True).click()
    await page.wait_for_url("**/receipts/*#turned-out")
    assert "billing" not in await page.locator("main").inner_text()
    told = await desk.go()
    assert "shown after its blind review" in told
    assert "1 shown after their blind review" in told
    await desk.go("/usecases/triage/reviews")
    await page.locator("form.item").wait_for()
    assert "billing" not in await page.locator("main").inner_text()


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_it_fits_a_telephone(desk: Desk, scheme: str) -> None:
    task = await desk.task()
    body = {"task": task, "output": {"queue": "billing" * 20}, "note": "long " * 200}
    sent = await desk.site.shop.post("/usecases/triage/outcomes", json=body)
    assert sent.status_code == 200, sent.text
    await desk.page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    await desk.page.set_viewport_size({"width": 360, "height": 740})
    for path in (PATH, f"/receipts/{task}"):
        await desk.go(path)
        wide = await desk.page.evaluate("document.documentElement.scrollWidth")
        assert wide <= 360, path
        unnamed = await desk.page.evaluate(
            "[...document.querySelectorAll('main input, main textarea, main button')]"
            ".filter(control => !control.labels?.length && !control.textContent.trim()).length"
        )
        assert unnamed == 0, path
