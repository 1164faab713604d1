"""Corrections of answers from documents in a real browser, by keys."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import expect

from roadbed.kernel.settings import Settings
from tests.browser.chromium import CHROMIUM
from tests.browser.test_console import signed_in
from tests.conftest import Site, serving
from tests.unit.test_corrected_answers import QUESTION, TRAINS, ask, improve, library, ready

__all__ = ["library"]  # a fixture
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="NO CHROMIUM: sudo apt-get install chromium"),
]


@pytest.fixture
async def site(settings: Settings, library: Path, url: str) -> AsyncIterator[Site]:
    async with serving(settings, url) as served:
        await ready(served.app)
        yield served


async def test_a_passage_is_picked_by_keys_and_answers_in_the_next_version(site: Site) -> None:
    await ask(site.app, QUESTION)
    async with signed_in(site, "reviewer") as page:
        await page.goto(f"{site.address}/usecases/ask/reviews")
        await page.locator("form.item").wait_for()
        await page.keyboard.press("p")
        await page.keyboard.press("Control+a")
        await page.keyboard.type("rail second class")
        await page.keyboard.press("Enter")
        await expect(page.locator("[data-passage]").first).to_be_focused()
        await page.keyboard.press("Space")
        chosen = page.locator("[data-cited] li")
        await expect(chosen).to_have_text([f"travel.md, {TRAINS} Remove"])
        await page.reload()  # nothing is lost
        await expect(chosen).to_have_text([f"travel.md, {TRAINS} Remove"])
        await page.locator("[data-uncite]").click()
        await expect(chosen).to_have_count(0)
        await expect(page.locator("[data-cite-search]")).to_be_focused()
        await page.keyboard.press("Control+a")
        await page.keyboard.type("rail second class")
        await page.keyboard.press("Enter")
        await expect(page.locator("[data-passage]").first).to_be_focused()
        await page.keyboard.press("Space")
        await expect(chosen).to_have_count(1)
        await page.keyboard.press("Enter")
        await expect(page.locator("#result")).to_contain_text("Recorded.")
        await improve(site.app)
        await ready(site.app)  # the new version draws questions for the blind sample again
        again = await ask(site.app, QUESTION)
        await page.goto(f"{site.address}/receipts/{again['task_id']}")
        decision = page.locator("section[aria-labelledby=decided]")
        await expect(decision).to_contain_text("Staff go by rail in second class.")
        await expect(decision).to_contain_text("A person said which passage is right")


async def test_an_outcome_names_the_right_passage_on_the_receipt(site: Site) -> None:
    task = (await ask(site.app, QUESTION))["task_id"]
    async with signed_in(site, "reviewer") as page:
        await page.set_viewport_size({"width": 360, "height": 740})
        await page.goto(f"{site.address}/receipts/{task}")
        await page.get_by_text("Report an outcome").click()
        search = page.locator("[data-cite-search]")
        await expect(search).to_have_value(QUESTION)
        await search.fill("rail second class")
        await page.keyboard.press("Enter")
        await expect(page.locator("[data-passage]").first).to_be_focused()
        await page.keyboard.press("Space")
        chosen = page.locator("[data-cited] li")
        await expect(chosen).to_have_text([f"travel.md, {TRAINS} Remove"])
        assert await page.evaluate("document.documentElement.scrollWidth") <= 360
        await page.locator("[name=source]").evaluate("field => { field.value = '\\u0007'; }")
        await page.get_by_role("button", name="Report", exact=True).click()
        await expect(page.locator(".problem")).to_contain_text("source is not text")
        await expect(chosen).to_have_text([f"travel.md, {TRAINS} Remove"])  # nothing is lost
        await page.locator("[name=source]").fill("a mail")
        await page.get_by_label("wrong").check()
        await page.get_by_role("button", name="Report", exact=True).click()
        await page.wait_for_url("**/receipts/*#turned-out")
        outcome = page.locator("section[aria-labelledby=turned-out] ul.rows")
        await expect(outcome).to_contain_text("Staff go by rail in second class.")
        await page.locator("section[aria-labelledby=turned-out] a").click()
        await expect(page.locator("mark#passage")).to_contain_text("Staff go by rail")
