"""My work in a real browser: what waits, one key to the button, and who stands in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import timedelta

import pytest

from roadbed.kernel.settings import Settings
from roadbed.receipts.service import Filter
from tests.browser.test_console import CHROMIUM, signed_in
from tests.browser.test_releases import SHORT, Desk
from tests.conftest import Folders, serving
from tests.release_steps import traffic, write

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="NO CHROMIUM: sudo apt-get install chromium"),
]


@pytest.fixture
async def desk(settings: Settings, folders: Folders, url: str) -> AsyncIterator[Desk]:
    """Ana, Ben and Dev before one use case with a gated release and waiting tasks."""
    write(folders, rollout=SHORT)
    async with serving(settings, url) as site, AsyncExitStack() as stack:
        pages = {
            name: await stack.enter_async_context(signed_in(site, name))
            for name in ("ana", "ben", "dev")
        }
        await traffic(site.app, [1, 2, 3])
        release = await site.app.releases.plan("triage", actor="ben")
        await site.app.releases.gate(release.id, actor="ben")
        yield Desk(site=site, pages=pages)


@pytest.mark.parametrize("size", [(1440, 900), (390, 844)])
async def test_one_key_leads_to_the_button_that_is_asked_for(
    desk: Desk, size: tuple[int, int]
) -> None:
    page = desk.pages["dev"]
    width, height = size
    await page.set_viewport_size({"width": width, "height": height})
    await desk.go("dev", "/")
    assert "1 thing waits for you, for" in await page.locator("#headline").inner_text()
    await desk.press("dev", "j", "Enter")
    await page.wait_for_url("**/releases/rel_*")
    box = await page.get_by_role("button", name="Sign as risk partner").bounding_box()
    assert box is not None
    assert box["y"] >= 0
    assert box["y"] + box["height"] <= height


async def test_an_item_is_gone_from_every_page_when_it_is_answered(desk: Desk) -> None:
    await desk.go("dev", "/")
    await desk.go("ana", "/")
    [sign] = await desk.pages["ana"].get_by_role("link", name="Sign a release").all()
    await sign.click()
    await desk.pages["ana"].wait_for_url("**/releases/rel_*")
    await desk.pages["ana"].wait_for_load_state()
    await desk.confirm("ana", "a")
    await desk.go("ana", "/")
    assert "Sign a release" not in await desk.told("ana")
    assert "3 tasks wait for a person." in await desk.told("ana")
    [release] = await desk.site.app.releases.history("triage")
    assert release.content is not None
    # In another place: the page that is open follows.
    await desk.site.app.releases.sign(
        release.id, person="dev", verdict="approve", content=release.content
    )
    await desk.pages["dev"].locator("#headline", has_text="Nothing waits for you.").wait_for()
    await desk.go("ben", "/")
    assert "Take the next step of a release" in await desk.told("ben")


async def test_who_is_away_says_so_and_who_stands_in(desk: Desk) -> None:
    page = desk.pages["ana"]
    await desk.go("ana", "/account")
    await page.get_by_text("Say that you will be away").click()
    await page.get_by_label("Back on").fill("2099-01-01")
    await page.get_by_role("button", name="Save").click()
    await page.locator(".problem", has_text="at most a year from now").wait_for()
    await page.get_by_label("Back on").fill(f"{desk.app.clock.now() + timedelta(days=9):%Y-%m-%d}")
    await page.get_by_label("Who stands in").fill("ben")
    await page.get_by_role("button", name="Save").click()
    await page.locator(".problem", has_text="ben is not domain lead of 'triage'").wait_for()
    assert await page.get_by_label("Who stands in").input_value() == "ben", "what was typed is lost"
    await page.get_by_label("Who stands in").fill("")
    await page.get_by_role("button", name="Save").click()
    await page.get_by_text("Nobody stands in.").wait_for()
    await desk.go("ana", "/")
    assert "You are away until" in await desk.told("ana")
    await desk.go("ana", "/account")
    await page.get_by_role("button", name="I am here again").click()
    await page.get_by_text("Say that you will be away").wait_for()


async def test_the_palette_goes_anywhere_by_keys(desk: Desk) -> None:
    page = desk.pages["ana"]
    await desk.go("ana", "/")
    await desk.press("ana", "Control+k")
    await page.locator("#offered li").first.wait_for()
    await page.keyboard.type("tri rel")
    await page.locator("#offered", has_text="triage: Releases").wait_for()
    await page.locator("#offered", has_not_text="My work").wait_for()
    await desk.press("ana", "ArrowDown", "ArrowUp", "Enter")
    await page.wait_for_url("**/usecases/triage/releases")
    [row] = await desk.app.receipts.search(Filter(use_case="triage"), served=["triage"], most=1)
    await page.get_by_role("button", name="Go to").click()
    await page.keyboard.type(row["task_id"])
    await page.locator("#offered", has_text="task").wait_for()
    await page.locator("#offered li", has_text=row["task_id"]).first.get_by_role("link").click()
    await page.wait_for_url(f"**/receipts/{row['task_id']}")
    await desk.press("ana", "Control+k")
    await page.keyboard.type("<script>alert(1)</script>")
    await page.locator("#offered", has_text="Receipts with <script>").wait_for()
    await desk.press("ana", "Escape")
    assert await page.locator("#palette[open]").count() == 0
