"""Versions, replays, timeline and notebook in a real browser."""

from __future__ import annotations

import pytest

from roadbed.kernel.settings import Settings
from tests import pilot
from tests.browser.test_console import CHROMIUM, signed_in
from tests.conftest import Folders, serving

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="NO CHROMIUM: sudo apt-get install chromium"),
]


async def test_a_new_member_of_the_pod_catches_up(
    folders: Folders, settings: Settings, url: str
) -> None:
    pilot.start(folders)
    async with serving(settings, url) as site:
        [task, *_] = await pilot.past(site.app, folders)
        async with signed_in(site) as page:
            main = page.locator("main")
            await page.goto(f"{site.address}/usecases/triage")
            timeline = page.locator("section.timeline")
            assert "14 days: proof" in await timeline.locator("svg").inner_html()
            assert "Waits for the risk partner, 3 days." in await timeline.inner_text()
            await page.keyboard.press("g")
            await page.keyboard.press("n")
            await page.wait_for_url("**/notebook")
            text = await main.inner_text()
            for said in (
                "Send money to refunds",
                "Accepted by ana",
                "6 of 6 wrong before version 2, 0 of 5 wrong since",
                "Halted: Refunds went to the wrong team",
                "Resumed by dev and ana",
                "<script>document.title='owned'</script>",
            ):
                assert said in text
            assert await page.title() == "Notebook · triage"
            await page.keyboard.press("g")
            await page.keyboard.press("l")
            await page.wait_for_url("**/versions")
            await page.get_by_role("button", name="Compare").click()
            await page.wait_for_url("**/versions/1..2")
            text = await main.inner_text()
            for said in (
                "Version 2 differs from version 1",
                "Error limit lowered from 2 % to 1 %.",
                "Rule “lawyers”: route and condition changed.",
                "usecase.py",
            ):
                assert said in text
            inserted = await page.locator("ins").first.inner_text()
            assert inserted.startswith("+")
            await page.goto(f"{site.address}/receipts/{task.task_id}")
            await page.locator("#replay select").select_option("2")
            await page.get_by_role("button", name="Re-run").click()
            await page.wait_for_url("**/replay#replay")
            again = await page.locator("#replay").inner_text()
            assert "Version 2 says something else, which is right." in again
            await page.goto(f"{site.address}/receipts/{task.task_id}/replay")
            assert page.url.endswith(f"/receipts/{task.task_id}#replay")
            await page.locator("#replay button").click()
            await page.wait_for_url("**/replay#replay")
            await page.goto(f"{site.address}/usecases/triage/versions/9")
            assert "There is no version '9'." in await main.inner_text()
            for place in ("", "/notebook", "/versions", "/versions/1..2"):
                for width in (360, 1280):
                    await page.set_viewport_size({"width": width, "height": 800})
                    await page.goto(f"{site.address}/usecases/triage{place}")
                    wide = await page.evaluate("document.documentElement.scrollWidth")
                    assert wide <= width, (place, width)
