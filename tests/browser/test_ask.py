"""Asking in a browser: by keys, with citations that open, and answers that appear by themselves."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Page

from roadbed.kernel.settings import Settings
from roadbed.reviews.model import VerdictKind
from tests.acceptance.test_asking import ASK, asking, give
from tests.browser.chromium import CHROMIUM
from tests.browser.test_console import signed_in
from tests.conftest import Folders, Site
from tests.libraries import NAME

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="NO CHROMIUM: sudo apt-get install chromium"),
]


@pytest.fixture
async def site(settings: Settings, folders: Folders, url: str) -> AsyncIterator[Site]:
    async with asking(settings, folders, url) as served:
        yield served


@pytest.fixture
async def page(site: Site) -> AsyncIterator[Page]:
    async with signed_in(site, "mia") as opened:
        yield opened


async def ask(page: Page, question: str) -> str:
    """Type a question and send it; the task that it became."""
    await page.locator("[name='question']").focus()
    await page.keyboard.type(question)
    before = page.url
    await page.keyboard.press("Enter")
    await page.wait_for_function("before => location.href !== before", arg=before)
    await page.locator("#latest").wait_for()
    return page.url.partition("#")[0].rpartition("/")[2]


async def test_a_question_is_asked_by_keys_and_its_answer_appears(site: Site, page: Page) -> None:
    await page.locator("a", has_text="Ask handbook").click()
    # The field has the focus: whoever comes to ask types at once.
    await page.locator("[name='question']:focus").wait_for()
    await page.keyboard.type("How many days of leave")
    await page.keyboard.press("Shift+Enter")
    await page.keyboard.type("in a year?")
    await page.keyboard.press("Enter")
    waiting = page.locator("article", has_text="A person checks the answer")
    await waiting.wait_for()
    task = page.url.partition("#")[0].rpartition("/")[2]
    assert "days of leave\nin a year" in await page.locator("article h2").inner_text()
    await give(site, task, VerdictKind.ACCEPT)
    await page.locator("article", has_text="A person checked this answer.").wait_for()


async def test_a_follow_up_that_is_typed_survives_the_answer(site: Site, page: Page) -> None:
    await page.goto(f"{site.address}{ASK}")
    task = await ask(page, "How many days of leave in a year?")
    await page.locator("body[data-streaming]").wait_for()
    await page.locator("[name='question']").focus()
    await page.keyboard.type("And until wh")
    await give(site, task, VerdictKind.ACCEPT)
    await page.locator("article", has_text="A person checked this answer.").wait_for()
    await page.keyboard.type("en?")
    assert await page.locator("[name='question']").input_value() == "And until when?"
    await page.keyboard.press("Enter")
    await page.wait_for_function("() => document.querySelectorAll('article').length === 2")


async def test_every_citation_opens_its_document_at_the_marked_passage(
    site: Site, page: Page
) -> None:
    await page.goto(f"{site.address}{ASK}")
    await ask(page, "How many days of leave in a year?")
    places = page.locator(".passages a")
    count = await places.count()
    assert count
    for number in range(count):
        await places.nth(number).click()
        await page.locator("mark#passage").wait_for()
        assert "leave" in (await page.locator("mark#passage").inner_text()).lower()
        await page.go_back()
        await places.first.wait_for()


async def test_a_wrong_answer_is_sent_to_a_reviewer(site: Site, page: Page) -> None:
    await page.goto(f"{site.address}{ASK}")
    task = await ask(page, "How many days of leave in a year?")
    await give(site, task, VerdictKind.ACCEPT)
    await page.locator("summary", has_text="This is wrong").click()
    await page.locator("[name='note']").fill("It is 32 since May.")
    await page.locator("button", has_text="Send to a reviewer").click()
    await page.locator("article", has_text="You said that this answer is wrong.").wait_for()
    [outcome] = (await site.app.outcomes.repository.newest(NAME, most=5)).outcomes
    assert (outcome.task_id, outcome.right, outcome.note) == (task, False, "It is 32 since May.")


async def test_a_question_outlives_a_lost_connection(site: Site, page: Page) -> None:
    await page.goto(f"{site.address}{ASK}")
    field = page.locator("[name='question']")
    await field.focus()
    await page.keyboard.type("How many days of leave in a year?")
    await page.context.set_offline(True)
    await page.keyboard.press("Enter")
    await page.locator("[data-offline]", has_text="There is no connection.").wait_for()
    await page.context.set_offline(False)
    await page.reload()  # also where the browser did not know that it was offline
    assert await field.input_value() == "How many days of leave in a year?"
    await field.focus()
    await page.keyboard.press("Enter")
    await page.locator("#latest").wait_for()
    await page.goto(f"{site.address}{ASK}")
    assert await field.input_value() == ""


async def test_the_first_question_stands_beside_no_empty_list(site: Site, page: Page) -> None:
    await page.goto(f"{site.address}{ASK}")
    assert "What you ask will be listed here" in await page.locator("aside").inner_text()
    await ask(page, "How many days of leave in a year?")
    assert "What you ask will be listed here" not in await page.locator("main").inner_text()


async def test_a_question_that_is_too_long_or_blank_says_so_and_stays(
    site: Site, page: Page
) -> None:
    await page.goto(f"{site.address}{ASK}")
    field = page.locator("[name='question']")
    await field.fill("word " * 10_000)
    await page.keyboard.press("Enter")
    problem = page.locator(".problem[role=alert]", has_text="characters")
    await problem.wait_for()
    told = "The question has 49,999 characters, and at most 4,000 are read. Shorten it."
    assert told in await problem.inner_text()
    assert len(await field.input_value()) == 49_999 + 1
    await field.fill("  ")
    await page.get_by_role("button", name="Ask").click()
    await page.locator(".problem[role=alert]", has_text="Type a question.").wait_for()
    await field.fill("leave? " * 500)
    await page.keyboard.press("Enter")
    await page.locator("#latest").wait_for()
    assert len(await page.locator("#latest h2").inner_text()) < 700
    await page.locator("summary", has_text="The whole question").wait_for()


async def test_a_question_of_blanks_says_what_to_do(site: Site, page: Page) -> None:
    await page.goto(f"{site.address}{ASK}")
    await page.locator("[name='question']").focus()
    await page.keyboard.type("   ")
    await page.keyboard.press("Enter")
    await page.locator(".problem[role=alert]", has_text="Type a question.").wait_for()
    assert await site.app.database.fetch("SELECT id FROM task") == []
