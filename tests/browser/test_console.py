"""The console in a real browser: fifty reviews by keyboard, receipts, narrow and dark."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from playwright.async_api import Page

from roadbed.kernel.settings import Settings
from roadbed.web import SESSION_COOKIE
from tests.browser.chromium import CHROMIUM, SHARED
from tests.conftest import Folders, Site, serving

__all__ = ["CHROMIUM", "signed_in"]
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="NO CHROMIUM: sudo apt-get install chromium"),
]
UNSAFE = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"
HOSTILE = """
@usecase.decider
def decide(inquiry, context):
    return Answer(output=Routing(queue="<b>returns</b>"), confidence=0.9,
                  evidence={"why": "<script>document.title='owned'</script>"})
"""


@pytest.fixture
async def page(site: Site) -> AsyncIterator[Page]:
    """A signed-in page on the site with the usual use case."""
    async with signed_in(site) as signed:
        yield signed


@asynccontextmanager
async def signed_in(site: Site, person: str = "ana", *, touch: bool = False) -> AsyncIterator[Page]:
    """A signed-in page; any error in its console fails the test. ``touch``: of a telephone."""
    errors: list[str] = []
    async with SHARED.page(touch=touch) as tab:
        tab.on("pageerror", lambda error: errors.append(str(error)))
        tab.on("console", lambda line: errors.append(line.text) if line.type == "error" else None)
        await enter(tab, site, person)
        await tab.goto(site.address)
        yield tab
    # The tests check refused requests themselves.
    assert [item for item in errors if "Failed to load resource" not in item] == []


async def enter(tab: Page, site: Site, person: str) -> None:
    """Give the browser a session by a one-time link. ``test_people`` follows one by hand."""
    people = site.app.people
    proof = await people.spend_link(await people.issue_link_code(person))
    cookie = {"name": SESSION_COOKIE, "value": await people.open_session(proof)}
    await tab.context.add_cookies([{**cookie, "url": site.address}])  # type: ignore[typeddict-item]


async def send(site: Site, count: int, text: str = "number") -> None:
    for number in range(count):
        sent = await site.shop.post(
            "/usecases/triage/tasks", json={"input": {"text": f"{text} {number}"}}
        )
        assert sent.status_code == 200


async def test_fifty_reviews_by_keyboard(site: Site, page: Page) -> None:
    await send(site, 50)
    await page.locator("#inbox", has_text="tasks wait for a person").wait_for()  # it follows
    await page.keyboard.press("j")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/reviews")
    seen: list[str] = []
    for number in range(50):
        item = page.locator("form.item")
        await item.wait_for()
        review = await item.get_attribute("data-review")
        assert review is not None
        seen.append(review)
        if await item.get_attribute("data-blind") == "yes":
            assert "returns" not in await item.locator(".judge").inner_text()
            await page.keyboard.press("e")
            await page.keyboard.type("returns")
            await page.keyboard.press("Enter")
        elif number % 3:
            await page.keyboard.press("a")
        else:
            await page.keyboard.press("x")
        await page.wait_for_function(
            "old => document.querySelector('form.item')?.dataset.review !== old", arg=review
        )
    await page.locator("[data-empty]").wait_for()
    assert len(set(seen)) == 50
    rows = await site.app.database.fetch(
        "SELECT kind, count(*) AS n FROM verdict WHERE reviewer = 'ana' GROUP BY kind"
    )
    assert sum(row["n"] for row in rows) == 50
    assert (await site.app.reviews.waiting("triage"))["waiting"] == 0
    # A task that arrives now appears by itself.
    await send(site, 1, "late")
    await page.locator("form.item").wait_for(timeout=8_000)


async def test_undo_skip_note_and_mistakes_lose_nothing(site: Site, page: Page) -> None:
    await send(site, 3)
    await site.app.database.fetch("UPDATE review SET blind = false")
    await page.goto(f"{site.address}/usecases/triage/reviews")
    item = page.locator("form.item")
    await item.wait_for()
    first = await item.get_attribute("data-review")
    await page.keyboard.press("n")
    await page.keyboard.type("looked twice")
    await page.keyboard.press("Escape")
    await page.keyboard.press("x")
    await page.locator(".told").wait_for()
    await page.wait_for_function(
        "old => document.querySelector('form.item').dataset.review !== old", arg=first
    )
    await page.keyboard.press("u")
    await page.wait_for_function(
        "old => document.querySelector('form.item').dataset.review === old", arg=first
    )
    # Somebody else has it meanwhile: the desk says so and goes on, and the text can be read.
    await site.app.database.fetch(
        "UPDATE review SET claimed_by = 'somebody' WHERE id = %(id)s", {"id": first}
    )
    await page.keyboard.press("e")
    await page.keyboard.type("refunds")
    await page.keyboard.press("Enter")
    await page.locator("#result .problem").wait_for()
    await page.wait_for_function(
        "old => document.querySelector('form.item').dataset.review !== old", arg=first
    )
    told = await page.locator("#result").inner_text()
    assert "somebody is working on this review" in told
    assert "refunds" in told
    second = await item.get_attribute("data-review")
    await page.keyboard.press("Escape")
    await page.keyboard.press("s")
    await page.wait_for_function(
        "old => document.querySelector('form.item').dataset.review !== old", arg=second
    )
    notes = await site.app.database.fetch("SELECT note, undone_at FROM verdict")
    assert [(row["note"], row["undone_at"] is not None) for row in notes] == [
        ("looked twice", True)
    ]


async def test_a_blind_label_that_is_taken_back_goes_to_somebody_else(
    site: Site, page: Page
) -> None:
    await send(site, 2)
    await site.app.database.fetch("UPDATE review SET blind = true")
    await page.set_viewport_size({"width": 360, "height": 740})
    await page.goto(f"{site.address}/usecases/triage/reviews")
    item = page.locator("form.item")
    await item.wait_for()
    first = await item.get_attribute("data-review")
    # On a telephone the field for the answer stands above the row of buttons, in the first view.
    field = await item.locator("[name='output.queue']").bounding_box()
    buttons = await item.locator(".verdicts").bounding_box()
    assert field
    assert buttons
    assert field["y"] + field["height"] <= buttons["y"]
    await page.keyboard.press("x")
    await page.locator(".told", has_text="then somebody else labels the task").wait_for()
    await page.keyboard.press("u")
    await page.locator(".told", has_text="so somebody else labels it").wait_for()
    assert await item.get_attribute("data-review") != first
    assert [review.id for review in await site.app.reviews.queue("triage", reviewer="kim")][-1] in {
        first,
        await item.get_attribute("data-review"),
    }
    assert first not in {
        review.id for review in await site.app.reviews.queue("triage", reviewer="ana")
    }


async def test_keys_search_receipts_and_their_links(site: Site, page: Page) -> None:
    await send(site, 3)
    await page.set_viewport_size({"width": 1280, "height": 500})
    await page.keyboard.press("?")
    assert await page.locator("#keys").is_visible()
    assert await page.locator("#keys").evaluate("list => list.scrollTop") == 0
    await page.keyboard.press("Escape")
    await page.keyboard.press("g")
    await page.keyboard.press("t")
    await page.wait_for_url("**/receipts")
    await page.keyboard.press("/")
    await page.keyboard.type("number 1")
    await page.keyboard.press("Enter")
    await page.wait_for_url(re.compile("q=number"))
    assert await page.locator("tbody tr").count() == 1
    await page.keyboard.press("j")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/receipts/tsk_*")
    assert "number 1" in await page.locator("main").inner_text()
    shown = await page.locator("[data-copy]").first.get_attribute("data-copy")
    link = await page.locator("a[href^='/v1/receipts/']").get_attribute("href")
    assert link is not None
    answer = await page.goto(f"{site.address}{link}")
    assert answer is not None
    assert json.loads(await answer.text())["task"] == shown
    await page.goto(f"{site.address}/receipts?q=nothing+like+it")
    assert "No receipt matches" in await page.locator("main").inner_text()
    for missing in ("/receipts/tsk_none", "/usecases/none", "/nowhere", "/usecases/none/reviews"):
        answer = await page.goto(f"{site.address}{missing}")
        assert answer is not None
        assert answer.status == 404
        await page.goto("about:blank")


async def test_figures_are_live(site: Site, page: Page) -> None:
    await page.goto(f"{site.address}/usecases/triage")
    assert "No review waits" in await page.locator("#headline").inner_text()
    await page.wait_for_timeout(500)
    await send(site, 4)
    await page.wait_for_function(
        "() => document.getElementById('headline').textContent.includes('4 reviews wait')"
    )
    # Who is on a button by keyboard stays on it.
    await page.get_by_role("button", name="Drill now").focus()
    await send(site, 1, "later")
    await page.wait_for_function(
        "() => document.getElementById('headline').textContent.includes('5 reviews wait')"
    )
    assert await page.evaluate("document.activeElement.textContent.trim()") == "Drill now"


async def test_nothing_that_came_from_outside_runs(
    folders: Folders, settings: Settings, url: str
) -> None:
    folders.write(HOSTILE)
    async with serving(settings, url) as site, signed_in(site) as page:
        await look_for_what_runs(site, page)


async def look_for_what_runs(site: Site, page: Page) -> None:
    await send(site, 1, UNSAFE)
    queue = await site.app.reviews.queue("triage", reviewer="ana")
    for path in (
        "/",
        "/usecases/triage",
        "/receipts",
        f"/receipts/{queue[0].task_id}",
        "/usecases/triage/reviews",
        "/receipts?q=%3Cscript%3E",
    ):
        await page.goto(f"{site.address}{path}")
        await page.wait_for_timeout(150)
        assert "owned" not in await page.title()
    assert await page.locator("img[src=x]").count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_pages_fit_a_telephone_and_are_named_for_everybody(
    site: Site, page: Page, scheme: str, tmp_path: Path
) -> None:
    await send(site, 3, "a_long_word_" * 20)
    await page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    await page.set_viewport_size({"width": 360, "height": 740})
    for path in ("/", "/usecases/triage", "/usecases/triage/reviews", "/receipts"):
        await page.goto(f"{site.address}{path}")
        await page.wait_for_timeout(200)
        width = await page.evaluate("document.documentElement.scrollWidth")
        assert width <= 360, path
        unnamed = await page.evaluate("""
            [...document.querySelectorAll(
                'input:not([type=hidden]), select, textarea, button, a')].filter(
                control => !(control.labels?.length || control.textContent.trim()
                          || control.getAttribute('aria-label'))).length""")
        assert unnamed == 0, path
        assert await page.locator("h1").count() == 1
        assert await page.locator("main").count() == 1
    weight = await page.evaluate("""performance.getEntriesByType('resource').concat(
        performance.getEntriesByType('navigation')).reduce((n, e) => n + e.encodedBodySize, 0)""")
    assert weight < 100_000
    hosts = await page.evaluate(
        "performance.getEntriesByType('resource').map(entry => new URL(entry.name).host)"
    )
    assert set(hosts) <= {site.address.removeprefix("http://")}
    await page.screenshot(path=tmp_path / f"{scheme}.png")


async def test_without_a_session_there_is_a_way_in(site: Site, page: Page) -> None:
    await page.goto(site.address)
    await page.locator("text=Sign out").click()
    await page.wait_for_function(
        "() => document.querySelector('h1').textContent.includes('signed out')"
    )
    answer = await page.goto(site.address)
    assert answer is not None
    assert answer.status == 401
    assert "roadbed user link" in await page.locator("main").inner_text()
