"""Incident, erasure and money in a real browser: the way through, narrow and dark."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from roadbed.kernel.settings import Settings
from tests.browser.test_console import CHROMIUM, signed_in
from tests.conftest import Folders, serving
from tests.unit.test_budgets import COSTING, budgeted
from tests.unit.test_decisions import decide
from tests.unit.test_deliveries import Ledger, pump
from tests.unit.test_trust import declared

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="NO CHROMIUM: sudo apt-get install chromium"),
]


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_incident_and_erasure_by_hand_on_a_telephone(
    folders: Folders, settings: Settings, url: str, scheme: str, tmp_path: Path
) -> None:
    folders.write(COSTING)
    async with serving(settings, url) as site, signed_in(site) as page:
        await page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        await page.set_viewport_size({"width": 360, "height": 740})
        declared(site.app).deliver("crm", to=Ledger())
        await budgeted(site.app, per_month=4.0, per_day=2.0)
        task = (await decide(site.app, "Ada Lovelace costs 1.5")).task_id
        await pump(site.app)

        async def fits(name: str) -> str:
            await page.screenshot(path=tmp_path / f"{name}-{scheme}.png", full_page=True)
            assert await page.evaluate("document.documentElement.scrollWidth") <= 360, name
            unnamed = await page.evaluate("""
                [...document.querySelectorAll('input:not([type=hidden]), button, a')].filter(
                    control => !(control.labels?.length || control.textContent.trim()
                              || control.getAttribute('aria-label'))).length""")
            assert unnamed == 0, name
            return await page.locator("main").inner_text()

        await page.goto(f"{site.address}/usecases/triage")
        assert "used up: too little for one more task" in await fits("money")
        await page.get_by_role("link", name="Operate").click()
        await page.get_by_role("link", name="Incident").click()
        await page.get_by_label("What happened").fill("wrong refunds")
        await fits("ask")
        await page.get_by_role("button", name="Collect").click()
        await page.wait_for_url("**/incidents/inc_*")
        assert "1 task and 1 effect" in await fits("incident")
        async with page.expect_download() as downloading:
            await page.get_by_role("link", name="Download all of it").click()
        file = await downloading.value
        assert file.suggested_filename.startswith("incident-triage-inc_")
        collected = await asyncio.to_thread(Path(await file.path()).read_text)
        assert "Lovelace" in collected
        await page.goto(f"{site.address}/receipts/{task}")
        await page.get_by_role("link", name="Erase…").click()
        await page.get_by_label("Why?").fill("asked for")
        await fits("erase")
        await page.get_by_role("button", name="Erase for good").click()
        assert "/erase" in page.url  # not without the tick
        await page.get_by_label("I know that it cannot be undone").check()
        await page.get_by_role("button", name="Erase for good").click()
        await page.wait_for_url(f"**/receipts/{task}")
        assert "The content of this task was erased" in await fits("erased")
