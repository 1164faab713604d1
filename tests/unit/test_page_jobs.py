"""Pages are fetched by the job of an ingestion, shown with their address, and asked again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from roadbed.app import App
from roadbed.background import relaying
from roadbed.kernel.settings import Settings
from roadbed.work.model import Job
from tests import libraries
from tests.browsing import browsing
from tests.conftest import Folders, Site, serving
from tests.libraries import NAME
from tests.web_pages import Web, serving_pages

PATH = f"/usecases/{NAME}/documents"
PAGES = 45  # more than two steps of fetching


@pytest.fixture
def web() -> Iterator[Web]:
    with serving_pages() as web:
        for number in range(PAGES):
            web.pages[f"/{number}.html"] = f"<html><p>Rule {number} of leave.</p></html>".encode()
        yield web


@pytest.fixture
async def site(settings: Settings, folders: Folders, url: str, web: Web) -> AsyncIterator[Site]:
    folders.write()
    declared = 'urls="documents/urls.txt", private_hosts=("127.0.0.1",)'
    root = libraries.declare(settings.usecases, declared)
    addresses = "\n".join(web.url + path for path in web.pages)
    libraries.write(root, {"urls.txt": addresses})
    quiet = settings.model_copy(update={"library_seconds": 0})
    async with serving(quiet, url) as served:
        yield served


async def ended(app: App) -> Job:
    """The newest ingestion, once it is ended."""
    async with asyncio.timeout(120):
        while True:
            job = await app.ingestion_jobs.current(NAME)
            if job is not None and job.ended_at is not None:
                return job
            await asyncio.sleep(0.05)


async def test_a_job_fetches_and_reads_pages(site: Site, web: Web) -> None:
    jobs = site.app.ingestion_jobs
    async with relaying(site.app):
        started = await jobs.start_if_changed(NAME)
        assert started is not None
        result = (await ended(site.app)).result
        assert isinstance(result, dict)
        assert (result["read"], result["unreadable"]) == (PAGES, [])
        assert await jobs.start_if_changed(NAME) is None
        web.statuses["/1.html"] = 404
        await site.app.database.fetch(
            "UPDATE fetched_page SET asked_at = asked_at - interval '25 hours' RETURNING path"
        )
        again = await jobs.start_if_changed(NAME)
        assert again is not None
        assert again.asked_by == "roadbed"
        result = (await ended(site.app)).result
        assert isinstance(result, dict)
        assert (result["read"], result["unchanged"], result["gone"]) == (0, PAGES - 1, 1)
    assert web.count("/2.html") == [200, 304]
    async with browsing(site, "ana") as browser:
        page = await browser.get(PATH)
        assert "Addresses without a page" in page.text
        assert f"{web.url}/1.html: It answered 404." in page.text
        document = await site.app.libraries.documents.document(NAME, f"{web.place}/2.html")
        page = await browser.get(f"{PATH}/{document.id}")
        assert f'<a href="{web.url}/2.html" rel="noreferrer">' in page.text
        exported = await browser.get(f"{PATH}/export.csv?columns=path,origin,address")
        assert f"{web.place}/2.html,Address,{web.url}/2.html" in exported.text


async def test_an_upload_asks_no_page_that_is_not_due(site: Site, web: Web) -> None:
    async with relaying(site.app):
        await site.app.ingestion_jobs.start(NAME, by="ana")
        await ended(site.app)
        stored = await site.shop.put(
            f"{PATH}/files", params={"path": "leave.md"}, content=b"Thirty days."
        )
        assert stored.status_code == 200
        await ended(site.app)
        assert web.count("/2.html") == [200]
        await site.shop.post(f"{PATH}/ingest")
        await ended(site.app)
        assert web.count("/2.html") == [200, 304]


async def test_an_ingestion_that_was_cancelled_is_not_started_for_pages(site: Site) -> None:
    jobs = site.app.ingestion_jobs
    job = await jobs.start(NAME, by="ana")
    await site.app.jobs.cancel(job.id, actor="ana")
    assert await jobs.start_if_changed(NAME) is None


async def test_a_wrong_list_is_said_on_the_page(site: Site, settings: Settings, web: Web) -> None:
    async with relaying(site.app):
        await site.app.ingestion_jobs.start(NAME, by="ana")
        await ended(site.app)
    libraries.write(settings.usecases / NAME, {"urls.txt": f"{web.url}/2.html\nno address\n"})
    async with browsing(site, "ana") as browser:
        page = await browser.post(f"{PATH}/ingest")
        assert page.status_code == 503
        assert "1 wrong lines: line 2: it begins with neither" in page.text
        assert "1 wrong lines" in (await browser.get(PATH)).text  # without a job that says it
