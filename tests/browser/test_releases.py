"""Release steps in a real browser: two people promote, one rolls back; narrow and dark."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass

import pytest
from playwright.async_api import Page, Route

from roadbed.app import App
from roadbed.kernel.settings import Settings
from tests.browser.chromium import sends
from tests.browser.test_console import CHROMIUM, signed_in
from tests.conftest import Folders, Site, serving
from tests.release_steps import HARMFUL, edit, gated, live, traffic, write

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="NO CHROMIUM: sudo apt-get install chromium"),
]
SHORT = "shadow_tasks=0, canary_tasks=4, canary_share=0.5"
RELEASES = "/usecases/triage/releases"
UNNAMED = """[...document.querySelectorAll('input, select, textarea, button, a, svg')].filter(
    control => control.type !== 'hidden'
               && !(control.labels?.length || control.getAttribute('aria-label')
                    || control.textContent.trim())).length"""

CLICK_TWICE = """button => {
    new MutationObserver(() => sessionStorage.setItem('said', button.ariaBusy))
        .observe(button, { attributes: true });
    button.click(); button.click(); }"""


@dataclass
class Desk:
    """Pages of the people who release, each signed in by name."""

    site: Site
    pages: dict[str, Page]

    @property
    def app(self) -> App:
        return self.site.app

    async def go(self, person: str, path: str) -> str:
        await self.pages[person].goto(f"{self.site.address}{path}")
        return await self.told(person)

    async def told(self, person: str) -> str:
        return await self.pages[person].locator("main").inner_text()

    async def press(self, person: str, *keys: str) -> None:
        for key in keys:
            await self.pages[person].keyboard.press(key)

    async def send(self, person: str, *keys: str) -> None:
        await sends(self.pages[person], *keys)

    async def confirm(self, person: str, key: str) -> None:
        """Press ``key``, read the summary that it opens, and press it again."""
        await self.send(person, key)
        await self.pages[person].locator(".confirm").wait_for()
        await self.pages[person].wait_for_load_state()
        await self.send(person, key)

    async def lead(self, person: str, text: str) -> None:
        """Wait until the first sentence says ``text``, and keys are listened to."""
        await self.pages[person].locator(".lead", has_text=text).wait_for(timeout=20_000)
        await self.pages[person].wait_for_load_state()


@pytest.fixture
async def desk(folders: Folders, settings: Settings, url: str) -> AsyncIterator[Desk]:
    write(folders, rollout=SHORT, count=700)
    async with serving(settings, url) as site, AsyncExitStack() as stack:
        pages = {
            person: await stack.enter_async_context(signed_in(site, person))
            for person in ("ben", "ana", "dev")
        }
        yield Desk(site=site, pages=pages)


async def test_up_by_two_words_and_down_by_one_hand(desk: Desk) -> None:
    await desk.go("ben", "/usecases/triage")
    await desk.press("ben", "g", "v")
    await desk.pages["ben"].wait_for_url(f"**{RELEASES}")
    assert "This page will show each release" in await desk.told("ben")
    assert "roadbed release plan triage" in await desk.told("ben")
    await desk.pages["ben"].get_by_label("Why").fill("the first one")
    await desk.press("ben", "Enter")
    await desk.pages["ben"].wait_for_url("**/releases/rel_*")
    await desk.lead("ben", "is planned")
    await desk.send("ben", "m")
    await desk.lead("ben", "Version 2 passed its gate")
    assert "the domain lead and risk partner have to agree" in await desk.told("ben")
    assert "You made this release" in await desk.told("ben")
    assert await desk.pages["ben"].get_by_role("button", name="Sign as").count() == 0
    [release] = await desk.app.releases.history("triage")
    path = f"/releases/{release.id}"
    for person, role in (("ana", "domain lead"), ("dev", "risk partner")):
        await desk.go(person, RELEASES)
        await desk.press(person, "j", "Enter")
        await desk.pages[person].wait_for_url(f"**{path}")
        await desk.lead(person, "Your sign-off is needed")
        assert f"Your sign-off is needed, as {role}." in await desk.told(person)
        await desk.confirm(person, "a")
        await desk.pages[person].locator(".signs", has_text=f"{person} approved").wait_for()
        await desk.pages[person].wait_for_load_state()
    await desk.send("dev", "u")
    await desk.lead("dev", "the risk partner has to agree")
    await desk.confirm("dev", "a")
    # Ben's page follows by itself.
    await desk.lead("ben", "everybody who has to agree did. Next: begin canary.")
    await desk.send("ben", "m")
    await desk.lead("ben", "is in canary: it decides 50 % of the tasks")
    await traffic(desk.app, range(4))
    await desk.app.releases.check_trial(release.id)
    await desk.go("ben", path)
    text = await desk.told("ben")
    assert "4 of 4 compared" in text
    assert "roll-back line" in text
    assert await desk.pages["ben"].locator(".release-steps [aria-current=step]").inner_text() != ""
    await desk.confirm("ben", "m")
    await desk.lead("ben", "is live: it decides every task")
    await desk.go("ana", path)
    await desk.press("ana", "b")
    await desk.pages["ana"].keyboard.type("complaints")
    await desk.press("ana", "Enter")
    await desk.lead("ana", "was rolled back by ana: complaints")
    assert "↶ rolled back" in await desk.go("ana", RELEASES)


async def test_a_form_goes_out_once_and_says_that_it_is_under_way(desk: Desk) -> None:
    page = desk.pages["ben"]
    await desk.go("ben", RELEASES)
    sent = []

    async def slow(route: Route) -> None:
        if route.request.method == "POST":
            sent.append(route.request.post_data)
            await asyncio.sleep(1.5)
        await route.continue_()

    await page.route(f"**{RELEASES}", slow)
    await page.get_by_label("Why").fill("the first one")
    await page.get_by_role("button", name="Plan a release").evaluate(CLICK_TWICE)
    await page.wait_for_url("**/releases/rel_*")
    assert await page.evaluate("sessionStorage.getItem('said')") == "true"
    assert len(sent) == 1
    assert len(await desk.app.releases.history("triage")) == 1


async def test_what_is_begun_stays_while_the_page_renews_itself(desk: Desk) -> None:
    page = desk.pages["ben"]
    await desk.go("ben", RELEASES)
    field = page.get_by_label("Why? Other people read this.")
    await field.press_sequentially("j and")
    await desk.app.releases.plan("triage", actor="ana")
    # The rest of the page goes on, and no key becomes a command.
    await page.locator("main a", has_text="Release 1").first.wait_for()
    await page.keyboard.type(" more")
    assert await field.input_value() == "j and more"
    await field.fill("")
    await page.keyboard.press("Escape")
    await desk.app.halts.drill("triage", actor="ana")
    await field.wait_for(state="detached")


async def test_what_changed_since_it_was_read_is_not_signed(desk: Desk) -> None:
    release = await gated(desk.app)
    await desk.go("ana", f"/releases/{release.id}")
    again = await desk.app.releases.gate(release.id, actor="ben")
    assert again.content != release.content
    await desk.pages["ana"].locator(f"[data-copy='{again.content}']").wait_for()
    await desk.send("ana", "a")
    problem = desk.pages["ana"].locator(".problem[role=alert]")
    await problem.wait_for()
    assert "is not what release 1 is now" in await problem.inner_text()
    await desk.pages["ana"].wait_for_load_state()
    await desk.confirm("ana", "x")
    await desk.lead("ana", "but ana (domain lead) refused it")
    answer = await desk.pages["ana"].request.post(
        f"{desk.site.address}/releases/{release.id}",
        form={"what": "withdraw", "why": " "},
        headers={"Origin": desk.site.address},
    )
    assert answer.status == 422
    answer = await desk.pages["ana"].request.post(
        f"{desk.site.address}/releases/{release.id}",
        form={"what": "promote"},
        headers={"Origin": desk.site.address},
    )
    assert answer.status == 409
    assert "cannot become live" in await answer.text()
    for path in ("/releases/rel_none", "/usecases/nobody/releases"):
        missing = await desk.pages["ana"].goto(f"{desk.site.address}{path}")
        assert missing is not None
        assert missing.status == 404


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_every_state_fits_a_telephone(desk: Desk, scheme: str) -> None:
    page = desk.pages["ana"]
    await page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    await page.set_viewport_size({"width": 360, "height": 780})

    async def fits(path: str) -> str:
        text = await desk.go("ana", path)
        wide = await page.evaluate("document.documentElement.scrollWidth")
        assert wide <= 360, path
        assert await page.locator("h1").count() == 1
        assert await page.locator("[style]").count() == 0
        assert await page.evaluate(UNNAMED) == 0, path
        return text

    await fits(RELEASES)
    release = await desk.app.releases.plan("triage", actor="ben", reason="a_long_word_" * 20)
    path = f"/releases/{release.id}"
    assert "The plan requires" in await fits(path)
    release = await desk.app.releases.gate(release.id, actor="ben")
    text = await fits(path)
    assert "Passed: " in text
    assert "● Gate" in text
    for person in ("ana", "dev"):
        await desk.app.releases.sign(
            release.id,
            person=person,
            verdict="approve",
            content=release.content or "",
            note="a_long_word_" * 20,
        )
    await desk.app.releases.canary(release.id, actor="ben")
    assert "nothing compared yet" in await fits(path)
    await traffic(desk.app, range(2))
    await desk.app.releases.check_trial(release.id)
    assert "Each version alone" in await fits(path)
    await desk.app.releases.roll_back("triage", actor="ben", why="a_long_word_" * 20)
    assert "× Canary" in await fits(path)
    await fits(RELEASES)


async def test_a_failed_gate_says_why(desk: Desk, folders: Folders) -> None:
    await live(desk.app)
    await edit(desk.app, folders, HARMFUL, rollout=SHORT, count=700)  # type: ignore[arg-type]
    worse = await gated(desk.app)
    text = await desk.go("ana", f"/releases/{worse.id}")
    assert "failed its gate: wrong answers" in text
    assert "× Wrong answers:" in text
    assert "not reached" in text
    assert await desk.pages["ana"].locator("svg .dot").count() == 1
    first = desk.pages["ana"].locator("h3", has_text="Broken").locator("+ div tbody tr").first
    assert (await first.locator("td").all_inner_texts())[2] == "elsewhere"
