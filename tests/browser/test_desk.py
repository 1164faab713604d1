"""The review desk when things go wrong: no network, a colleague, a reload, a typing error."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Page, Route

from roadbed.kernel.settings import Settings
from roadbed.reviews.model import VerdictKind
from tests.browser.chromium import CHROMIUM
from tests.browser.test_console import send, signed_in
from tests.conftest import Folders, Site
from tests.queues import serving_queues
from tests.unit.test_trust import declared

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="NO CHROMIUM: sudo apt-get install chromium"),
]
KEPT = "() => Object.keys(sessionStorage).filter(key => key.includes(':typed:')).length"


@pytest.fixture
async def site(settings: Settings, folders: Folders, url: str) -> AsyncIterator[Site]:
    async with serving_queues(settings, folders, url) as served:
        yield served


@pytest.fixture
async def page(site: Site) -> AsyncIterator[Page]:
    """The desk of ``rae`` with three items, none of them blind."""
    await send(site, 3)
    await site.app.database.fetch("UPDATE review SET blind = false")
    async with signed_in(site, "rae") as opened:
        await opened.goto(f"{site.address}/usecases/triage/reviews")
        await shown(opened)
        yield opened


async def shown(page: Page) -> str:
    """The item on the desk."""
    item = page.locator("form.item")
    await item.wait_for()
    return str(await item.get_attribute("data-review"))


async def after(page: Page, review: str) -> str:
    """The item on the desk once ``review`` is not there any more."""
    await page.wait_for_function(
        "old => { const item = document.querySelector('form.item');"
        " return item && item.dataset.review !== old; }",
        arg=review,
    )
    return await shown(page)


async def back(page: Page, review: str) -> None:
    """Wait until ``review`` is on the desk."""
    await page.wait_for_function(
        "old => document.querySelector('form.item')?.dataset.review === old", arg=review
    )


async def types(page: Page, queue: str, note: str = "") -> None:
    """Type without sending."""
    if note:
        await page.keyboard.press("n")
        await page.keyboard.type(note)
        await page.keyboard.press("Escape")
    await page.keyboard.press("e")
    await page.keyboard.type(queue)


async def typed(page: Page) -> tuple[str, str]:
    return (
        await page.locator("[name='output.queue']").input_value(),
        await page.locator("[name='note']").input_value(),
    )


async def verdicts(site: Site) -> list[tuple[str, str, str]]:
    rows = await site.app.database.fetch(
        "SELECT review_id, kind, right_output ->> 'queue' AS queue FROM verdict"
        " WHERE undone_at IS NULL ORDER BY id"
    )
    return [(row["review_id"], row["kind"], row["queue"]) for row in rows]


async def closed_by_ben(site: Site, review: str) -> None:
    await site.app.database.fetch("UPDATE review SET claimed_by = NULL, claim_until = NULL")
    await site.app.reviews.give(declared(site.app), review, VerdictKind.REJECT, reviewer="ben")


class TestSomebodyElse:
    async def test_closes_the_item_and_the_desk_goes_on(self, site: Site, page: Page) -> None:
        first = await shown(page)
        await types(page, "refunds", "looked twice")
        await closed_by_ben(site, first)
        await page.keyboard.press("Enter")
        second = await after(page, first)
        said = await page.locator("#result").inner_text()
        assert "already has its verdict" in said
        assert "queue: refunds" in said
        assert "note: looked twice" in said
        await page.keyboard.press("Escape")
        await page.keyboard.press("a")
        await after(page, second)
        assert [row[:2] for row in await verdicts(site)] == [(first, "reject"), (second, "accept")]

    async def test_has_it_and_what_was_typed_is_there_when_it_comes_back(
        self, site: Site, page: Page
    ) -> None:
        first = await shown(page)
        await site.app.database.fetch(
            "UPDATE review SET claimed_by = 'ben', claim_until = now() + interval '1 h'"
            " WHERE id = %(id)s",
            {"id": first},
        )
        await types(page, "refunds")
        await page.keyboard.press("Enter")
        await after(page, first)
        assert "ben is working on this review" in await page.locator("#result").inner_text()
        await site.app.database.fetch(
            "UPDATE review SET claimed_by = NULL, claim_until = NULL WHERE id = %(id)s",
            {"id": first},
        )
        await page.evaluate("sessionStorage.removeItem('roadbed:rae:at:triage')")
        await page.reload()
        assert await shown(page) == first
        assert await typed(page) == ("refunds", "")

    async def test_closes_it_while_the_page_is_loaded_again(self, site: Site, page: Page) -> None:
        first = await shown(page)
        await types(page, "refunds")
        await closed_by_ben(site, first)
        await page.reload()
        assert await shown(page) != first
        said = await page.locator("#result").inner_text()
        assert "already has its verdict" in said
        assert "queue: refunds" in said


class TestAReload:
    async def test_keeps_the_item_what_was_typed_and_undo(self, site: Site, page: Page) -> None:
        first = await shown(page)
        await page.keyboard.press("a")
        second = await after(page, first)
        await page.keyboard.press("w")
        await types(page, "refunds", "looked twice")
        await site.app.database.fetch(
            "UPDATE review SET priority = 4 WHERE id <> %(id)s", {"id": second}
        )
        await page.reload()
        assert await shown(page) == second
        assert await typed(page) == ("refunds", "looked twice")
        assert await page.locator("[name='new_kind']").is_checked()
        await page.keyboard.press("u")
        await back(page, first)
        assert await verdicts(site) == []

    async def test_keeps_nothing_of_a_verdict_that_was_taken(self, site: Site, page: Page) -> None:
        first = await shown(page)
        await types(page, "refunds")
        assert await page.evaluate(KEPT) == 1
        await page.keyboard.press("Enter")
        await after(page, first)
        assert await page.evaluate(KEPT) == 0

    async def test_keeps_nothing_for_the_next_person(self, site: Site, page: Page) -> None:
        await types(page, "refunds")
        await page.keyboard.press("Escape")
        await page.get_by_role("button", name="Sign out").click()
        await page.wait_for_url("**/sign-out")
        assert await page.evaluate("sessionStorage.length") == 0


class TestNoNetwork:
    async def test_loses_nothing_that_was_typed(self, site: Site, page: Page) -> None:
        first = await shown(page)
        await types(page, "refunds", "looked twice")
        await page.context.set_offline(True)
        await page.keyboard.press("Enter")
        await page.locator("#result .problem", has_text="does not answer").wait_for()
        assert await typed(page) == ("refunds", "looked twice")
        await page.context.set_offline(False)
        await page.keyboard.press("Enter")
        await after(page, first)
        assert await verdicts(site) == [(first, "correct", "refunds")]

    async def test_does_not_lose_the_undo(self, site: Site, page: Page) -> None:
        first = await shown(page)
        await page.keyboard.press("a")
        await after(page, first)
        await page.context.set_offline(True)
        await page.keyboard.press("u")
        await page.locator("#result .problem", has_text="Press u again").wait_for()
        await page.context.set_offline(False)
        await page.keyboard.press("u")
        await back(page, first)
        assert await verdicts(site) == []

    async def test_for_an_answer_counts_a_verdict_once(self, site: Site, page: Page) -> None:
        first = await shown(page)
        await lose_the_answer(page, f"**/reviews/{first}")
        await types(page, "refunds")
        await page.keyboard.press("Enter")
        await page.locator("#result .problem", has_text="does not answer").wait_for()
        assert await verdicts(site) == [(first, "correct", "refunds")]
        await page.keyboard.press("Enter")
        await after(page, first)
        assert "Recorded" in await page.locator("#result").inner_text()
        assert await verdicts(site) == [(first, "correct", "refunds")]

    async def test_for_an_answer_takes_a_verdict_back_once(self, site: Site, page: Page) -> None:
        first = await shown(page)
        await page.keyboard.press("a")
        await after(page, first)
        await lose_the_answer(page, f"**/reviews/{first}/undo")
        await page.keyboard.press("u")
        await page.locator("#result .problem", has_text="Press u again").wait_for()
        await page.keyboard.press("u")
        await back(page, first)
        assert "Undone" in await page.locator("#result").inner_text()

    async def test_after_the_verdict_brings_the_next_item_later(
        self, site: Site, page: Page
    ) -> None:
        first = await shown(page)
        await page.wait_for_load_state("networkidle")
        await page.route("**/reviews/next*", lambda route: route.abort())
        await page.keyboard.press("a")  # the next one is there already
        second = await after(page, first)
        await page.keyboard.press("a")
        await page.locator("#result", has_text="Your verdict is stored").wait_for()
        await page.unroute("**/reviews/next*")
        await after(page, second)
        assert [row[0] for row in await verdicts(site)] == [first, second]

    async def test_at_the_start_brings_the_first_item_later(self, site: Site, page: Page) -> None:
        await page.route("**/reviews/next*", lambda route: route.abort())
        await page.reload()
        await page.locator("#result .problem", has_text="does not answer").wait_for()
        await page.unroute("**/reviews/next*")
        assert await shown(page)

    async def test_at_the_start_keeps_what_is_typed_before_the_item_is_there(
        self, site: Site, page: Page
    ) -> None:
        held = asyncio.Event()

        async def late(route: Route) -> None:
            await held.wait()
            await route.continue_()

        await page.route("**/reviews/next*", late)
        await page.reload()
        await page.locator("[data-loading]").wait_for()
        await page.keyboard.press("e")
        await page.keyboard.type("axurefuns")
        for key in ("Backspace", "Backspace"):
            await page.keyboard.press(key)
        held.set()
        await shown(page)
        await page.keyboard.type("nds")
        assert await typed(page) == ("axurefunds", "")
        assert await verdicts(site) == []


async def test_a_halt_is_told_and_the_item_stays(site: Site, page: Page) -> None:
    first = await shown(page)
    await types(page, "refunds", note="why")
    await page.locator("body[data-streaming]").wait_for()
    await site.app.halts.halt("triage", actor="ana", reason="a wrong table")
    await page.locator("main .halted", has_text="a wrong table").wait_for()
    assert await shown(page) == first
    assert await typed(page) == ("refunds", "why")
    await page.keyboard.press("Enter")
    await after(page, first)
    assert await verdicts(site) == [(first, "correct", "refunds")]


async def lose_the_answer(page: Page, path: str) -> None:
    """The next request to ``path`` arrives, and its answer does not. Later ones are as always."""
    lost = False

    async def lose(route: Route) -> None:
        nonlocal lost
        if lost:
            await route.continue_()
            return
        lost = True
        try:  # without an end of its own, a connection that was reset would leave the page waiting
            await route.fetch(max_retries=2, timeout=20_000)
        finally:
            await route.abort()

    await page.route(path, lose)


class TestASkip:
    async def test_is_taken_back(self, site: Site, page: Page) -> None:
        first = await shown(page)
        await types(page, "refunds")
        await page.keyboard.press("Escape")
        await page.keyboard.press("s")
        await after(page, first)
        await page.keyboard.press("u")
        await back(page, first)
        assert await typed(page) == ("refunds", "")

    async def test_by_everybody_brings_the_item_back_last(self, site: Site, page: Page) -> None:
        await site.app.database.fetch("DELETE FROM membership WHERE person IN ('shop', 'reviewer')")
        everybody = ("ana", "ben", "chi", "dev")
        rows = await site.app.database.fetch("SELECT id FROM review ORDER BY id")
        for row in rows:
            for person in everybody:
                await site.app.database.fetch(
                    "UPDATE review SET skipped_by = array_append(skipped_by, %(person)s)"
                    " WHERE id = %(id)s",
                    {"id": row["id"], "person": person},
                )
        seen = []
        for _ in range(4):
            seen.append(await shown(page))
            await page.keyboard.press("s")
            if len(seen) < 4:
                await after(page, seen[-1])
        assert (len(set(seen[:3])), seen[3]) == (3, seen[0])
        await page.locator(".note", has_text="nobody else can take it").wait_for()


class TestATypingError:
    async def test_is_one_key_from_what_was_meant(self, site: Site, page: Page) -> None:
        first = await shown(page)
        await types(page, "refnds")
        await page.keyboard.press("Enter")
        await page.get_by_role("button", name="Use “refunds”").wait_for()
        said = await page.locator("#result").inner_text()
        assert "No queue is called refnds. Did you mean refunds?" in said
        assert await verdicts(site) == []
        await page.keyboard.press("Enter")
        await after(page, first)
        assert await verdicts(site) == [(first, "correct", "refunds")]

    async def test_a_second_key_does_not_make_a_label_of_it(self, site: Site, page: Page) -> None:
        await shown(page)
        await types(page, "safety")
        await page.keyboard.press("Enter")
        new = page.get_by_role("button", name="It is new")
        await new.wait_for()
        assert not await new.evaluate("button => button === document.activeElement")
        async with page.expect_response(lambda answer: answer.request.method == "POST") as again:
            await page.keyboard.press("Enter")
        assert (await again.value).status == 422
        await new.wait_for()
        assert await verdicts(site) == []
        assert await site.app.database.fetch("SELECT FROM held_verdict") == []

    async def test_that_is_none_waits_and_can_be_taken_back(self, site: Site, page: Page) -> None:
        first = await shown(page)
        await types(page, "safety", "smoke")
        await page.keyboard.press("Enter")
        await page.get_by_role("button", name="It is new").click()
        await page.locator("#result", has_text="Stored, but not counted yet").wait_for()
        assert "ana" in await page.locator("#result").inner_text()
        second = await after(page, first)
        assert await verdicts(site) == []
        assert await page.locator("#waiting").inner_text() == "2"
        await page.keyboard.press("u")
        await back(page, first)
        assert second != first
        async with signed_in(site) as lead:
            await lead.goto(f"{site.address}/usecases/triage/labels")
            assert "No label waits" in await lead.locator("main").inner_text()

    async def test_is_confirmed_as_new_by_the_lead_by_key(self, site: Site, page: Page) -> None:
        first = await shown(page)
        await types(page, "safety")
        await page.keyboard.press("Enter")
        await page.get_by_role("button", name="It is new").click()
        await page.locator("#result", has_text="Stored, but not counted yet").wait_for()
        async with signed_in(site) as lead:
            await lead.goto(f"{site.address}/usecases/triage/labels")
            assert "Confirm “safety” as new" in await lead.locator("main").inner_text()
            await lead.keyboard.press("a")
            await lead.locator("main", has_text="No label waits").wait_for()
        assert await verdicts(site) == [(first, "correct", "safety")]
