"""Documents are uploaded and ingested over HTTP and in the console, by who may improve."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import httpx2
import pytest

from roadbed.background import relaying
from roadbed.kernel.settings import Settings
from roadbed.people.model import Role
from roadbed.work.model import JobState
from tests import libraries
from tests.acceptance.test_api import problem
from tests.browsing import browsing
from tests.conftest import Folders, Site, serving
from tests.libraries import NAME

API = f"/usecases/{NAME}/documents"
LEAVE = "# Leave\n\nEverybody has thirty days of leave.\n"


@pytest.fixture
async def site(settings: Settings, folders: Folders, url: str) -> AsyncIterator[Site]:
    folders.write()
    root = libraries.declare(settings.usecases, 'access={"hr": "hr"}')
    libraries.write(root, {"pay.md": "Salaries are paid on the last working day."})
    async with serving(settings, url) as served:
        yield served


async def ended(site: Site) -> None:
    """Until no ingestion is under way."""
    job = await site.app.ingestion_jobs.current(NAME)
    async with asyncio.timeout(60):
        while job is not None and job.ended_at is None:
            await asyncio.sleep(0.05)
            job = await site.app.ingestion_jobs.current(NAME)


async def put(site: Site, path: str, content: str | bytes = LEAVE) -> httpx2.Response:
    return await site.shop.put(f"{API}/files", params={"path": path}, content=content)


class TestApi:
    async def test_an_upload_is_read_by_itself(self, site: Site) -> None:
        async with relaying(site.app):
            answer = await put(site, "travel/leave.md")
            assert answer.status_code == 200
            stored = answer.json()
            assert stored["upload"]["path"] == "travel/leave.md"
            assert stored["job"]["kind"] == "ingest documents"
            for number in range(5):  # while the job runs, or after it
                await put(site, f"more/{number}.md", f"Bicycle {number}.")
            await ended(site)
            await ended(site)
            listed = (await site.shop.get(API)).json()["documents"]
        origins = {document["path"]: document["origin"] for document in listed}
        assert origins == {
            "pay.md": "folder",
            "travel/leave.md": "upload",
            **{f"more/{number}.md": "upload" for number in range(5)},
        }

    async def test_delete_and_ingest(self, site: Site) -> None:
        await put(site, "leave.md")
        async with relaying(site.app):
            await ended(site)
            gone = await site.shop.delete(f"{API}/files", params={"path": "leave.md"})
            assert gone.json()["job"]["state"] == "waiting"
            await ended(site)
            document = await site.app.libraries.documents.document(NAME, "leave.md")
            assert document.state == "deleted"
            started = (await site.shop.post(f"{API}/ingest")).json()["job"]
            again = (await site.shop.post(f"{API}/ingest?allow_gone=true")).json()["job"]
            assert again["id"] == started["id"] or again["asked_by"] == "shop"
            await ended(site)
        missing = await site.shop.delete(f"{API}/files", params={"path": "leave.md"})
        await problem(missing, 404, "unknown_document")

    async def test_what_is_refused(self, site: Site) -> None:
        await problem(await put(site, "../leave.md"), 422, "upload_refused")
        await problem(await put(site, "pay.md"), 422, "upload_refused")
        await problem(await put(site, "empty.md", b""), 422, "upload_refused")
        await problem(await put(site, "hr/pay.md"), 403, "upload_not_allowed")
        await problem(await site.shop.put(f"{API}/files", content=b"x"), 422, "request_invalid")
        other = "/usecases/triage/documents"
        await problem(
            await site.shop.put(f"{other}/files?path=a.md", content=b"x"), 409, "no_library"
        )
        await problem(await site.shop.post(f"{other}/ingest"), 409, "no_library")
        assert await site.app.libraries.sources.uploads.list(NAME) == []

    async def test_documents_may_be_larger_than_other_bodies(self, site: Site) -> None:
        large = LEAVE.encode() + b"x" * 3_000_000
        assert (await put(site, "large.md", large)).status_code == 200
        refused = await site.shop.post(f"{API}/ingest", content=large)
        await problem(refused, 413, "body_too_large")

    async def test_more_than_a_request_may_hold(
        self, settings: Settings, url: str, folders: Folders
    ) -> None:
        folders.write()
        libraries.declare(settings.usecases)
        less = settings.model_copy(update={"max_upload_bytes": 2_000_000})
        async with serving(less, url) as site:
            answer = await put(site, "large.md", b"x" * 2_000_001)
        await problem(answer, 413, "body_too_large")
        assert "ROADBED_MAX_UPLOAD_BYTES" in answer.json()["remedy"]

    async def test_an_upload_stays_stored_if_the_folder_is_not_there(
        self, site: Site, settings: Settings
    ) -> None:
        async with relaying(site.app):
            await site.shop.post(f"{API}/ingest")
            await ended(site)
        (settings.usecases / NAME / "documents").rename(settings.usecases / NAME / "moved")
        answer = (await put(site, "leave.md")).json()
        assert answer["upload"]["path"] == "leave.md"
        assert answer["job"] is None
        assert "is not there" in answer["problem"]


class TestConsole:
    async def test_files_of_a_form_are_stored_and_read(self, site: Site) -> None:
        async with browsing(site, "ana") as browser, relaying(site.app):
            page = await browser.get(API)
            assert 'enctype="multipart/form-data"' in page.text
            files = [
                ("file", ("leave.md", LEAVE)),
                ("file", ("bicycle.md", "Bicycles are in the yard.")),
            ]
            page = await browser.post(f"{API}/upload", files=files, data={"folder": "travel/"})
            assert page.status_code == 200
            await ended(site)
            page = await browser.get(API)
            assert "travel/leave.md" in page.text
            assert "travel/bicycle.md" in page.text
            document = await site.app.libraries.documents.document(NAME, "travel/leave.md")
            page = await browser.get(f"{API}/{document.id}")
            assert "It was uploaded." in page.text
            assert f'action="{API}/{document.id}/delete"' in page.text
            page = await browser.post(f"{API}/{document.id}/delete")
            await ended(site)
            page = await browser.get(API)
            listed, deleted = page.text.split('id="deleted"')
            assert "travel/leave.md" not in listed
            assert "travel/leave.md" in deleted

    async def test_a_refused_file_says_why_and_the_others_stay(self, site: Site) -> None:
        async with browsing(site, "ana") as browser:
            files = [("file", ("leave.md", LEAVE)), ("file", ("pay.md", "Nothing is paid."))]
            page = await browser.post(f"{API}/upload", files=files)
            assert page.status_code == 422
            assert "pay.md is a document of another source of the library." in page.text
            page = await browser.post(f"{API}/upload", files={"other": ("a.md", LEAVE)})
            assert page.status_code == 200
            broken = await browser.post(
                f"{API}/upload",
                content=b"no form",
                headers={"Content-Type": "multipart/form-data; boundary=x"},
            )
            assert broken.status_code == 422
            assert "The form cannot be read" in broken.text
            other = await browser.post("/usecases/triage/documents/upload", files=files)
            assert other.status_code == 409
            assert "has no library" in other.text
        uploads = await site.app.libraries.sources.uploads.list(NAME)
        assert [upload.path for upload in uploads] == ["leave.md"]

    async def test_ingest_now_leads_to_the_job_and_says_that_it_waits(self, site: Site) -> None:
        async with browsing(site, "ana") as browser:
            assert "Ingest now" in (await browser.get(API)).text
            page = await browser.post(f"{API}/ingest", data={"what": "ingest"})
            assert page.url.path == f"/usecases/{NAME}/jobs"
            page = await browser.get(API)
            assert "Ingest now" not in page.text
            assert "No process takes jobs at the moment." in page.text
            assert "<button disabled>An ingestion waits</button>" in page.text
            assert "An ingestion runs" not in page.text
            async with relaying(site.app):
                await ended(site)
            assert "Ingest now" in (await browser.get(API)).text

    async def test_missing_documents_are_offered_with_a_warning(
        self, site: Site, settings: Settings
    ) -> None:
        root = settings.usecases / NAME
        libraries.write(root, {f"notes/{number}.txt": f"Note {number}." for number in range(11)})
        async with browsing(site, "ana") as browser, relaying(site.app):
            await browser.post(f"{API}/ingest")
            await ended(site)
            assert "allow_gone" not in (await browser.get(API)).text
            for file in (root / "documents" / "notes").iterdir():
                file.unlink()
            await browser.post(f"{API}/ingest")
            await ended(site)
            page = await browser.get(API)
            assert "The newest ingestion failed." in page.text
            assert "Most documents are missing." in page.text  # a group has others: no count
            library = site.app.deployments.get(NAME).loaded.declared.library
            assert library is not None
            await site.app.libraries.access.add(NAME, library, "hr", "ana", by="ana")
            page = await browser.get(API)
            assert "11 documents are missing." in page.text
            await browser.post(f"{API}/ingest", data={"what": "allow_gone"})
            await ended(site)
            job = await site.app.ingestion_jobs.current(NAME)
            assert job is not None
            assert job.state is JobState.DONE
            assert len((await site.shop.get(API)).json()["documents"]) == 1

    async def test_a_folder_that_is_not_there_is_said_on_the_page(
        self, site: Site, settings: Settings
    ) -> None:
        (settings.usecases / NAME / "documents").rename(settings.usecases / NAME / "moved")
        async with browsing(site, "ana") as browser:
            page = await browser.post(f"{API}/ingest")
        assert page.status_code == 503
        assert "is not there" in page.text

    async def test_only_who_may_improve_is_offered_it(self, site: Site) -> None:
        await site.app.members.add("vera", by="test")
        await site.app.members.grant("vera", NAME, Role.VIEWER, by="ana")
        async with browsing(site, "vera") as browser:
            page = await browser.get(API)
            assert page.status_code == 200
            assert "Ingest now" not in page.text
            assert "multipart" not in page.text
            refused = await browser.post(f"{API}/upload", files={"file": ("a.md", LEAVE)})
            assert refused.status_code == 403
