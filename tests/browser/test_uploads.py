"""Documents are uploaded in a browser: chosen, or dropped on the field, without a script."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from playwright.async_api import Page

from roadbed.background import relaying
from roadbed.kernel.settings import Settings
from roadbed.knowledge.ingestion_jobs import KIND
from roadbed.work.service import working_lock
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


@asynccontextmanager
async def holding(site: Site) -> AsyncIterator[None]:
    """As if a process took jobs: it holds their lock."""
    async with site.app.database.transaction() as connection:
        await connection.execute(
            "SELECT pg_advisory_xact_lock_shared(hashtextextended(%(lock)s, 15))",
            {"lock": working_lock(KIND)},
        )
        yield


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
            await page.get_by_role("button", name="Ingest now").wait_for(timeout=60_000)
        assert await page.get_by_text("rules/trips.md").count() == 1
        assert await unread.count() == 0


async def test_the_page_follows_an_ingestion_and_keeps_what_somebody_does(
    site: Site, tmp_path: Path
) -> None:
    chosen = tmp_path / "pay.md"
    chosen.write_text("Pay comes on the last day of the month.")
    libraries.write(site.app.deployments.get(NAME).loaded.folder, {"leave.md": "Leave is 30 days."})
    async with signed_in(site, "ana") as page:
        await page.goto(f"{site.address}{PATH}")
        await page.locator("body[data-streaming]").wait_for()
        await page.evaluate("document.body.sameLoading = true")
        summary, file = page.get_by_text("Upload documents"), page.locator("input[type=file]")
        await summary.click()
        await file.set_input_files(chosen)
        folder = page.get_by_label("Folder of the library")
        await folder.press_sequentially("rul")
        await site.app.ingestion_jobs.start(NAME, by="ben")
        waits = page.get_by_role("button", name="An ingestion waits")
        await waits.wait_for()
        assert await waits.is_disabled()
        assert await page.get_by_text("No process takes jobs at the moment.").count() == 1
        async with relaying(site.app):
            await page.get_by_role("link", name="leave.md").wait_for(timeout=60_000)
            await page.get_by_role("button", name="Ingest now").wait_for(timeout=60_000)
            await folder.press_sequentially("es")  # the focus is where it was
            assert await folder.input_value() == "rules"
            assert await file.evaluate("field => [...field.files].map(file => file.name)") == [
                "pay.md"
            ]
        search = page.get_by_label("Search the text")
        await search.press_sequentially("last ")
        await site.app.ingestion_jobs.start(NAME, by="ben")
        await waits.wait_for()
        async with relaying(site.app):
            await page.get_by_role("button", name="Ingest now").wait_for(timeout=60_000)
            await page.keyboard.type("day")
            assert await search.input_value() == "last day"
            assert await page.evaluate("document.body.sameLoading")
            assert await folder.input_value() == "rules"
            await page.get_by_role("button", name="Upload and ingest").click()
            assert await stored(site, 1) == ["rules/pay.md"]
            await page.get_by_role("link", name="pay.md").wait_for(timeout=60_000)


async def test_the_page_says_how_far_a_job_is(site: Site) -> None:
    """Progress is no event of the audit log. A page is made once more after the last event, so one
    step would be shown in any case.
    """
    async with signed_in(site, "ana") as page, holding(site):
        job = await site.app.ingestion_jobs.start(NAME, by="ben")
        for path in (PATH, f"/usecases/{NAME}/jobs"):
            await page.goto(f"{site.address}{path}")
            await page.locator("body[data-streaming]").wait_for()
            for step in range(3):
                words = f"Step {step} of {path}."
                await site.app.database.fetch(
                    "UPDATE job SET state = 'running', doing = %(words)s, done = 1, total = 9 "
                    "WHERE id = %(id)s RETURNING id",
                    {"id": job.id, "words": words},
                )
                await page.get_by_text(words).first.wait_for()
            assert await page.get_by_text("No process takes jobs").count() == 0
