"""Documents are uploaded in a browser: chosen, or dropped on the field, without a script."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Page

from roadbed.background import relaying
from roadbed.kernel.settings import Settings
from tests import libraries
from tests.browser.chromium import CHROMIUM
from tests.browser.test_console import signed_in
from tests.conftest import Folders, Site, serving
from tests.libraries import NAME

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="NO CHROMIUM: sudo apt-get install chromium"),
]
PATH = f"/usecases/{NAME}/documents"


@pytest.fixture
async def site(settings: Settings, folders: Folders, url: str) -> AsyncIterator[Site]:
    folders.write()
    libraries.declare(settings.usecases)
    async with serving(settings, url) as served:
        yield served


async def stored(site: Site, count: int) -> list[str]:
    """The paths of uploaded files once there are so many."""
    async with asyncio.timeout(30):
        while True:
            uploads = await site.app.libraries.sources.uploads.list(NAME)
            if len(uploads) >= count:
                return [upload.path for upload in uploads]
            await asyncio.sleep(0.05)


async def drop(page: Page, files: list[Path], target: str) -> None:
    """Drop files on an element as the desktop does."""
    box = await page.locator(target).bounding_box()
    assert box is not None
    session = await page.context.new_cdp_session(page)
    for step in ("dragEnter", "dragOver", "drop"):
        await session.send(
            "Input.dispatchDragEvent",
            {
                "type": step,
                "x": box["x"] + box["width"] / 2,
                "y": box["y"] + box["height"] / 2,
                "data": {
                    "items": [],
                    "files": [str(file) for file in files],
                    "dragOperationsMask": 1,
                },
            },
        )


async def test_files_are_chosen_or_dropped_and_then_read(site: Site, tmp_path: Path) -> None:
    files = [tmp_path / f"{name}.md" for name in ("leave", "trips", "pay")]
    for file in files:
        file.write_text(f"Rules of {file.stem} for everybody.")
    async with signed_in(site, "ana") as page:
        await page.goto(f"{site.address}{PATH}")
        await page.get_by_text("Upload documents").click()
        await page.set_input_files('input[type="file"]', files[0])
        await page.get_by_role("button", name="Upload and ingest").click()
        assert await stored(site, 1) == ["leave.md"]
        await page.wait_for_load_state()
        unread = page.locator("section[aria-labelledby=unread]")
        assert "1 uploaded file is stored and waits to be read" in await unread.inner_text()
        assert "leave.md" in await unread.inner_text()
        assert "by ana" in await unread.inner_text()
        assert await page.get_by_role("button", name="An ingestion waits").is_disabled()
        await page.get_by_text("Upload documents").click()
        await drop(page, files[1:], 'input[type="file"]')
        await page.get_by_label("Folder of the library").fill("rules")
        await page.get_by_role("button", name="Upload and ingest").click()
        assert await stored(site, 3) == ["leave.md", "rules/pay.md", "rules/trips.md"]
        async with relaying(site.app), asyncio.timeout(60):
            await page.wait_for_load_state()
            while await page.get_by_role("button", name="Ingest now").count() == 0:
                await asyncio.sleep(0.2)
                await page.reload()
        assert await page.get_by_text("rules/trips.md").count() == 1
        assert await unread.count() == 0
