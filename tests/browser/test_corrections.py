"""Corrections of answers from documents in a real browser, by keys."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from roadbed.kernel.settings import Settings
from roadbed.reviews.model import VerdictKind
from tests.browser.chromium import CHROMIUM
from tests.browser.test_console import signed_in
from tests.conftest import Site, serving
from tests.unit.test_corrected_answers import QUESTION, TRAINS, ask, improve, library, ready

__all__ = ["library"]  # a fixture
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="NO CHROMIUM: sudo apt-get install chromium"),
]
HOTEL = "What may a hotel cost a night?"


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


async def test_an_emptied_search_box_shows_what_was_there_before_a_search(site: Site) -> None:
    await ask(site.app, QUESTION)
    async with signed_in(site, "reviewer") as page:
        await page.goto(f"{site.address}/usecases/ask/reviews")
        search, place = page.locator("[data-cite-search]"), page.locator("[data-cite-found]")
        await search.fill("zebra")
        await search.press("Enter")
        await expect(place).to_contain_text("No passage that you may read has any of these words.")
        await search.fill("")
        await search.press("Enter")
        await expect(place).to_have_text("")


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


async def choose(page: Page, words: str) -> None:
    """Choose the best passage for some words, by keys."""
    await page.keyboard.press("p")
    await page.keyboard.press("Control+a")
    await page.keyboard.type(words)
    await page.keyboard.press("Enter")
    await expect(page.locator("[data-passage]").first).to_be_focused()
    await page.keyboard.press("Space")
    await expect(page.locator("[data-cited] li")).to_have_count(1)


async def test_a_passage_that_the_answer_cites_too_is_given_and_not_called_agreement(
    site: Site,
) -> None:
    task = (await ask(site.app, HOTEL))["task_id"]
    async with signed_in(site, "reviewer") as page:
        await page.goto(f"{site.address}/usecases/ask/reviews")
        await page.locator("form.item").wait_for()
        await page.locator("[name='output.text']").fill("120 EUR at most.")
        await page.locator("[name='output.text']").press("Escape")
        await choose(page, "hotel cost night")
        await page.keyboard.press("Enter")
        told = page.locator("#result")
        await expect(told).to_contain_text("Your answer is the right one now: ")
        await expect(told).to_contain_text("counts as right too: ")
        await expect(told).not_to_contain_text("You agreed")
    verdict = await site.app.database.fetch_one(
        "SELECT verdict.kind, verdict.right_output FROM verdict JOIN review "
        "ON review.id = verdict.review_id WHERE review.task_id = %(task)s",
        {"task": task},
    )
    assert verdict is not None
    assert verdict["kind"] == "correct"
    assert verdict["right_output"]["text"] == "120 EUR at most."
    assert "Ask the office" in verdict["right_output"]["citations"][0]["quote"]


@pytest.mark.parametrize("key", ["a", "x"])
async def test_a_verdict_that_would_drop_chosen_passages_is_refused(site: Site, key: str) -> None:
    await ask(site.app, HOTEL)
    async with signed_in(site, "reviewer") as page:
        await page.goto(f"{site.address}/usecases/ask/reviews")
        await page.locator("form.item").wait_for()
        await choose(page, "rail second class")
        await page.locator("h1").click()
        await page.evaluate("document.activeElement.blur()")
        await page.keyboard.press(key)
        await expect(page.locator("#result .problem")).to_contain_text("Press Correct to give")
        await expect(page.locator("[data-cited] li")).to_have_count(1)  # nothing is lost
        await page.locator("[data-uncite]").click()
        await page.keyboard.press("Escape")
        await page.keyboard.press(key)
        await expect(page.locator("#result")).to_contain_text("Recorded.")


async def test_enter_in_a_note_does_not_choose_among_answers(site: Site) -> None:
    app = site.app
    review = (await ask(app, "Where may visitors park their cars?"))["review_id"]
    declared = app.deployments.get("ask").loaded.declared
    output = {"route": "not_in_documents", "text": "", "citations": [], "notes": []}
    await app.reviews.give(declared, review, VerdictKind.CORRECT, reviewer="chi", output=output)
    async with signed_in(site, "ana") as page:
        await page.goto(f"{site.address}/usecases/ask/gaps")
        await page.get_by_role("textbox", name="Note").fill("The map of the site says it")
        await page.keyboard.press("Enter")
        first = page.get_by_role("button", name="A document answers it now")
        await expect(first).to_be_focused()
        assert await app.database.fetch("SELECT * FROM gap_decision") == []
        await page.keyboard.press("Enter")
        await expect(first).to_have_count(0)
