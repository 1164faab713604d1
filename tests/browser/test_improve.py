"""Suggestions in a real browser: read, accepted, edited, rejected and taken back by keyboard."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from playwright.async_api import Page

from roadbed.improvement.mining import ReviewedCase
from roadbed.kernel.settings import Settings
from roadbed.testing.planted import Planted, planted
from tests.browser.chromium import sends
from tests.browser.test_console import CHROMIUM, UNSAFE, signed_in
from tests.conftest import Folders, Site, serving
from tests.unit.test_proposals import loaded_of, play, write_orders

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="NO CHROMIUM: sudo apt-get install chromium"),
]
PATH = "/usecases/triage/proposals"


@dataclass
class Desk:
    """A signed-in page on a use case with planted mistakes."""

    site: Site
    page: Page
    planted: Planted

    async def go(self, path: str = PATH) -> str:
        await self.page.goto(f"{self.site.address}{path}")
        return await self.page.locator("main").inner_text()

    async def press(self, *keys: str) -> None:
        for key in keys:
            await self.page.keyboard.press(key)

    async def states(self) -> dict[str, str]:
        every = ("open", "accepted", "rejected", "withdrawn")
        results = await self.site.app.proposals.list("triage", states=every)
        return {item.kind: item.state for item in results}


@pytest.fixture
async def desk(folders: Folders, settings: Settings, url: str) -> AsyncIterator[Desk]:
    made = planted(1, accepted=120)
    write_orders(folders, made)
    async with serving(settings, url) as site, signed_in(site) as page:
        yield Desk(site=site, page=page, planted=made)


async def test_decided_by_keyboard(desk: Desk) -> None:
    empty = await desk.go()
    assert "No proposal waits" in empty
    assert "roadbed proposals list triage --suggest" in empty
    await play(desk.site.app, desk.planted.seen)
    await desk.go("/usecases/triage")
    await desk.press("g", "i")
    await desk.page.wait_for_url(f"**{PATH}")
    await sends(desk.page, "l")
    assert await desk.page.locator(".cards > li").count() == 3
    text = await desk.page.locator("main").inner_text()
    assert "3 proposals wait. The first would correct" in text
    assert 'Where region is north and code starts with "7": line is garden' in text
    assert "n = 20" in text
    await desk.page.screenshot(path=picture("light"), full_page=True)
    await desk.page.emulate_media(color_scheme="dark")
    await desk.page.screenshot(path=picture("dark"), full_page=True)
    titles = await desk.page.locator(".cards > li > a").all_inner_texts()
    kinds = [
        "alias" if "Read" in title else "rule" if "Where" in title else "record" for title in titles
    ]
    await sends(desk.page, "j", "j", "x")
    assert await desk.page.locator(".cards > li").count() == 2
    assert (await desk.states())[kinds[1]] == "rejected"
    await sends(desk.page, "j", "a")
    assert await desk.page.locator(".cards > li").count() == 1
    states = await desk.states()
    assert [states[kind] for kind in kinds] == ["accepted", "rejected", "open"]
    assert "by" in await desk.page.locator("section", has_text="Decided").first.inner_text()
    await sends(desk.page, "u")
    assert await desk.page.locator(".cards > li").count() == 2
    assert (await desk.states())[kinds[0]] == "open"


async def test_a_rule_is_edited_and_a_mistake_is_told_beside_it(desk: Desk) -> None:
    await play(desk.site.app, desk.planted.seen)
    await desk.site.app.proposals.suggest(loaded_of(desk.site.app), actor="ana")
    await desk.go()
    card = desk.page.locator(".cards > li", has_text="Where region is north")
    await card.locator("> a").focus()
    await desk.press("e")
    written = card.locator("textarea[name=when]")
    await written.fill("input.region ==")
    await card.get_by_role("button", name="Accept as written").click()
    said = desk.page.locator(".cards .problem")
    await said.wait_for()
    assert "cannot be accepted as it is written" in await said.inner_text()
    assert await desk.page.locator("textarea[name=when]").first.input_value() == "input.region =="
    await desk.page.locator("textarea[name=when]").first.fill('input.region == "north"')
    await desk.page.get_by_role("button", name="Accept as written").first.click()
    await desk.page.locator("td", has_text="(edited)").wait_for()
    assert (await desk.states())["rule"] == "accepted"


async def test_contradictions_name_people_and_lead_to_receipts(desk: Desk) -> None:
    right = next(item for item in desk.planted.seen if not item.wrong)
    other: ReviewedCase = replace(
        right, right={"line": "toys" if right.right != {"line": "toys"} else "sport"}
    )
    await play(desk.site.app, [right], "rae")
    await play(desk.site.app, [other], "zoe")
    await desk.go()
    await desk.page.locator("h3").wait_for()
    part = await desk.page.locator("[data-part]").inner_text()
    assert "2 of 2 examples contradict one another" in part
    assert "rae" in part
    await desk.page.get_by_role("link", name="zoe").click()
    await desk.page.wait_for_url("**/receipts/tsk_*")


async def test_hostile_text_is_shown_and_nothing_more(desk: Desk) -> None:
    seen = [
        replace(item, input={**item.input, "supplier": UNSAFE[:55]}, right={"line": "garden"})
        for item in desk.planted.seen[:20]
    ]
    await play(desk.site.app, [*desk.planted.seen[20:], *seen])
    await desk.site.app.proposals.suggest(loaded_of(desk.site.app), actor="ana")
    text = await desk.go()
    assert "<img src=x" in text
    assert await desk.page.title() == "Proposals · triage"


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_it_fits_a_telephone(desk: Desk, scheme: str) -> None:
    await play(desk.site.app, desk.planted.seen)
    await desk.site.app.proposals.suggest(loaded_of(desk.site.app), actor="ana")
    await desk.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    await desk.page.set_viewport_size({"width": 390, "height": 844})
    await desk.go()
    assert await desk.page.evaluate("document.documentElement.scrollWidth") <= 390
    assert await desk.page.locator("h1").count() == 1


def picture(name: str) -> str | None:
    """The folder for screenshots, if it is set."""
    folder = os.environ.get("PICTURES")
    return str(Path(folder) / f"improve-{name}.png") if folder else None
