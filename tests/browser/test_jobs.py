"""What people come for, done by keys alone and by touch on a telephone."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Page

from roadbed.kernel.settings import Settings
from roadbed.receipts.service import Filter
from tests.browser.chromium import CHROMIUM
from tests.browser.test_console import signed_in
from tests.browser.test_releases import SHORT
from tests.conftest import Folders, Site, serving
from tests.release_steps import gated, traffic, write

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="NO CHROMIUM: sudo apt-get install chromium"),
]


class Hands:
    """A page worked by keys alone, or by touch alone."""

    def __init__(self, page: Page, how: str) -> None:
        self.page = page
        self.how = how

    async def press(self, name: str, role: str = "button") -> None:
        """Press what is called ``name``: by Tab and Enter, or with a finger."""
        target = self.page.get_by_role(role, name=name).first  # type: ignore[arg-type]
        await target.wait_for()
        if self.how == "touch":
            await target.tap()
            return
        for _ in range(120):
            if await target.evaluate("element => element === document.activeElement"):
                await self.page.keyboard.press("Enter")
                return
            await self.page.keyboard.press("Tab")
        raise AssertionError(f"Tab does not reach {name}")

    async def type(self, text: str) -> None:
        """Type into the field that has the focus, or into the first one that is touched."""
        if self.how == "touch":
            await self.page.locator("main form :is(input:not([type=hidden]), textarea)").first.tap()
        await self.page.keyboard.type(text)


@pytest.fixture
async def site(settings: Settings, folders: Folders, url: str) -> AsyncIterator[Site]:
    write(folders, rollout=SHORT, count=700)
    async with serving(settings, url) as served:
        await traffic(served.app, [1, 2, 3])
        yield served


@pytest.fixture(params=["keys", "touch"])
async def hands(request: pytest.FixtureRequest, site: Site) -> AsyncIterator[Hands]:
    async with signed_in(site, touch=request.param == "touch") as page:
        yield Hands(page, request.param)


async def test_a_release_is_signed(site: Site, hands: Hands) -> None:
    await gated(site.app)
    await hands.page.goto(f"{site.address}/")
    await hands.press("Sign a release", "link")
    await hands.press("Sign as domain lead")
    await hands.press("Sign now")
    signs = hands.page.locator(".signs", has_text="ana approved")
    await signs.wait_for()
    assert "domain lead" in (await signs.inner_text()).lower()


async def test_a_use_case_is_halted_and_resumed(site: Site, hands: Hands) -> None:
    await hands.page.goto(f"{site.address}/usecases/triage")
    await hands.press("Halt triage", "link")
    await hands.page.get_by_label("Why").wait_for()
    await hands.type("looks wrong")
    await hands.press("Halt now")
    await hands.page.locator("h1", has_text="Halted").wait_for()
    await site.app.halts.resume("triage", actor="dev")
    await hands.page.goto(f"{site.address}/")
    await hands.press("Agree to resume", "link")
    await hands.press("Confirm the resume")
    await hands.page.locator(".alert.halted").wait_for(state="detached")
    assert await site.app.halts.standing("triage") is None


async def test_a_receipt_is_read(site: Site, hands: Hands) -> None:
    [newest] = await site.app.receipts.search(Filter(), served=["triage"], most=1)
    await hands.page.goto(f"{site.address}/receipts")
    await hands.press("number 3", "link")
    await hands.page.wait_for_url(f"**/receipts/{newest['task_id']}")
    await hands.press("Copy link")
    told = await hands.page.locator(".lead").inner_text()
    assert "Waiting for a person." in told or "blind sample" in told  # one in a hundred is drawn
