"""Files that did not change, read again because reading improved: real reading, a real database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from io import BytesIO
from typing import Any

import pytest

from roadbed.kernel.settings import Settings
from roadbed.knowledge.errors import DocumentUnreadableError, UnreadableReason
from roadbed.knowledge.findings import DocumentFinding
from roadbed.knowledge.model import Extraction
from roadbed.knowledge.reading import READING
from roadbed.knowledge.reading.process import DocumentReader
from roadbed.storage.database import Database
from tests import documents
from tests.browsing import browsing
from tests.conftest import serving
from tests.libraries import NAME, Shelf, declare, names_read
from tests.libraries import shelf as opened
from tests.web_pages import Web, serving_pages

ACCESS = 'access={"hr": "hr"}'
LEAVE = "# Leave\n\nEverybody has thirty days of leave in a year.\n"
PARENTS = "# Parents\n\nParental leave lasts sixteen weeks and is paid in full.\n"
PAY = "# Pay\n\nSalaries are paid on the last working day.\n"
PAGE = b"<html><body><h1>Leave</h1><p>Everybody has thirty days of leave.</p></body></html>"
EARLIER = (
    "UPDATE document SET reading = %(reading)s",
    "UPDATE document_version SET reading = %(reading)s",
)
Spoil = Callable[[Extraction], Extraction]


@pytest.fixture
async def shelf(settings: Settings, url: str) -> AsyncIterator[Shelf]:
    async with opened(settings, url, ACCESS) as made:
        made.write({"leave.md": LEAVE, "parents.md": PARENTS, "hr/pay.md": PAY})
        yield made


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    return names_read(monkeypatch)


async def read_earlier(shelf: Shelf, reading: int = READING - 1) -> None:
    """Let all that is stored be of an earlier reading."""
    for statement in EARLIER:
        async with shelf.app.database.transaction() as connection:
            await connection.execute(statement, {"reading": reading})


async def ingest_with(shelf: Shelf, spoil: Spoil, *, only: str = "leave.md") -> Any:
    """Ingest by a reader that gives another text of one file than reading gives now."""
    genuine = DocumentReader.read

    async def spoiled(self: DocumentReader, content: bytes, name: str) -> Extraction:
        extraction = await genuine(self, content, name)
        return spoil(extraction) if name == only else extraction

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DocumentReader, "read", spoiled)
        return await shelf.ingest()


def torn(extraction: Extraction) -> Extraction:
    [part] = extraction.parts
    return replace(extraction, parts=(replace(part, text=part.text.replace("thirty", "thi ty")),))


def unreadable(reason: UnreadableReason) -> Spoil:
    def refused(_extraction: Extraction) -> Extraction:
        raise DocumentUnreadableError("leave.md", reason, "a test")

    return refused


async def numbers(shelf: Shelf) -> set[tuple[int, int | None]]:
    """The number of the reading of each document and of its version in force."""
    rows = await shelf.app.libraries.documents.known(NAME)
    return {(row["reading"], row["version_reading"]) for row in rows.values()}


async def events(shelf: Shelf) -> dict[str, int]:
    rows = await shelf.app.database.fetch(
        "SELECT kind, count(*)::integer AS n FROM audit_entry WHERE kind LIKE 'document %%' "
        "GROUP BY kind"
    )
    return {row["kind"]: row["n"] for row in rows}


class TestTheSame:
    @pytest.mark.parametrize("reading", [0, READING - 1])
    async def test_only_the_number_is_written(
        self, shelf: Shelf, read: list[str], reading: int
    ) -> None:
        shelf.write({"locked.pdf": documents.pdf(["Pay rises"], password="secret")})
        await shelf.ingest()
        stored = await shelf.app.libraries.documents.documents(NAME)
        tables = ("document_version", "document_change", "passage", "audit_entry")
        rows = [await shelf.count(table) for table in tables]
        await read_earlier(shelf, reading)
        plan = await shelf.app.libraries.ingestion.plan(shelf.loaded)
        assert (plan.reread, plan.unchanged, len(plan.changes)) == (4, 0, 4)
        summary = await shelf.ingest()
        assert (summary.reread, summary.improved, summary.unchanged) == (4, 0, 4)
        assert (summary.read, summary.still_unreadable, summary.failed) == (0, 1, [])
        assert await shelf.app.libraries.documents.documents(NAME) == stored
        assert [await shelf.count(table) for table in tables] == rows
        assert await numbers(shelf) == {(READING, READING), (READING, None)}
        again = await shelf.ingest()
        assert (again.reread, again.unchanged, len(read)) == (0, 4, 8)

    async def test_files_of_every_format(self, shelf: Shelf) -> None:
        files: dict[str, str | bytes] = {
            "terms.pdf": documents.pdf([documents.WORDS, documents.WORDS]),
            "page.html": PAGE,
            "note.eml": b"From: a@example.org\nSubject: Trips\n\nTrips are booked by the office.\n",
            "rates.csv": "Item,EUR\nTrain,30\n",
        }
        shelf.write(files)
        await shelf.ingest()
        await read_earlier(shelf)
        summary = await shelf.ingest()
        assert (summary.reread, summary.improved, summary.failed) == (7, 0, [])

    async def test_a_file_that_has_less_text_than_an_older_one_keeps_that_finding(
        self, shelf: Shelf
    ) -> None:
        shelf.write({"terms.md": documents.WORDS * 5})
        await shelf.ingest()
        shelf.write({"terms.md": documents.WORDS * 2})
        await shelf.ingest()
        [finding] = (await shelf.document("terms.md")).findings
        await read_earlier(shelf)
        assert (await shelf.ingest()).improved == 0
        document = await shelf.document("terms.md")
        assert (document.version, document.findings) == (2, (finding,))

    async def test_a_file_of_another_group_now_moves(self, shelf: Shelf) -> None:
        await shelf.ingest()
        async with shelf.app.database.transaction() as connection:
            await connection.execute("UPDATE document SET access_group = NULL")
        await read_earlier(shelf)
        await shelf.ingest()
        document = await shelf.document("hr/pay.md")
        assert (document.version, document.group) == (1, "hr")
        assert await events(shelf) == {"document added": 3, "document moved": 1}

    async def test_a_later_number_is_not_read_again(self, shelf: Shelf, read: list[str]) -> None:
        """A process of an earlier release works beside those of the newest one."""
        await shelf.ingest()
        await read_earlier(shelf, READING + 1)
        assert (await shelf.ingest()).unchanged == 3
        assert len(read) == 3

    async def test_no_file_costs_a_query_of_its_own(
        self, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asked: list[object] = []
        genuine = Database.fetch

        async def counted(self: Database, query: Any, *arguments: Any, **named: Any) -> Any:
            asked.append(query)
            return await genuine(self, query, *arguments, **named)

        monkeypatch.setattr(Database, "fetch", counted)
        costs = []
        for files in (1, 40):
            shelf.write({f"notes/{number}.txt": f"Note {number}." for number in range(files)})
            await shelf.ingest()
            asked.clear()
            assert (await shelf.app.libraries.ingestion.plan(shelf.loaded)).changes == []
            costs.append(len(asked))
        assert costs[0] == costs[1]


class TestDifferent:
    async def test_a_better_text_is_a_new_version_and_the_old_one_can_be_cited(
        self, shelf: Shelf
    ) -> None:
        await ingest_with(shelf, torn)
        [match] = await shelf.matches("days of leave in a year", most=1)
        assert "thi ty" in match.passage.text
        await read_earlier(shelf)
        summary = await shelf.ingest()
        assert (summary.reread, summary.improved, summary.unchanged) == (3, 1, 2)
        assert (summary.read, summary.failed) == (0, [])
        [newer] = await shelf.matches("days of leave in a year", most=1)
        assert (newer.passage.version, "thirty" in newer.passage.text) == (2, True)
        stored = shelf.app.libraries.documents
        cited = (await stored.passages([match.passage.key]))[match.passage.key]
        assert (cited.version, "thi ty" in cited.text) == (1, True)
        versions = await stored.versions((await shelf.document("leave.md")).id)
        assert [version.reading for version in versions] == [READING, READING - 1]
        assert versions[0].content_hash == versions[1].content_hash
        assert await events(shelf) == {"document added": 3, "document read again": 1}

    async def test_a_finding_or_a_title_is_a_difference_too(self, shelf: Shelf) -> None:
        def noted(extraction: Extraction) -> Extraction:
            return replace(extraction, findings=(DocumentFinding(kind="macros"),))

        def titled(extraction: Extraction) -> Extraction:
            return replace(extraction, title="Another title")

        for version, spoil in ((2, noted), (4, titled)):
            await ingest_with(shelf, spoil)
            if version == 4:
                await read_earlier(shelf)
                await ingest_with(shelf, spoil)
            await read_earlier(shelf)
            assert (await shelf.ingest()).improved == 1
            assert (await shelf.document("leave.md")).version == version

    async def test_a_file_that_could_not_be_read_now_can(self, shelf: Shelf) -> None:
        [failed] = (await ingest_with(shelf, unreadable(UnreadableReason.CORRUPT))).failed
        assert failed.version is None
        await read_earlier(shelf)
        summary = await shelf.ingest()
        assert (summary.reread, summary.improved, summary.failed) == (3, 1, [])
        document = await shelf.document("leave.md")
        assert (document.state, document.version, document.reason) == ("current", 1, None)
        assert "leave.md" in await shelf.paths("thirty days")
        assert (await events(shelf))["document read again"] == 1

    async def test_another_reason_is_told(self, shelf: Shelf) -> None:
        await ingest_with(shelf, unreadable(UnreadableReason.CORRUPT))
        await read_earlier(shelf)
        summary = await ingest_with(shelf, unreadable(UnreadableReason.NONSENSE))
        assert [failed.reason for failed in summary.failed] == ["nonsense"]
        assert (summary.reread, summary.unchanged, summary.still_unreadable) == (3, 2, 0)

    async def test_what_cannot_be_read_any_more_stays_in_force_until_it_can(
        self, shelf: Shelf
    ) -> None:
        await shelf.ingest()
        await read_earlier(shelf)
        summary = await ingest_with(shelf, unreadable(UnreadableReason.NONSENSE))
        assert [(failed.path, failed.version) for failed in summary.failed] == [("leave.md", 1)]
        assert "leave.md" in await shelf.paths("thirty days")
        assert (await shelf.ingest()).still_unreadable == 1
        assert (READING, READING - 1) in await numbers(shelf)
        await read_earlier(shelf)
        summary = await shelf.ingest()
        assert (summary.improved, summary.failed) == (1, [])
        document = await shelf.document("leave.md")
        assert (document.state, document.version, document.reason) == ("current", 1, None)

    async def test_a_reading_that_loses_most_of_a_damaged_file_replaces_nothing(
        self, shelf: Shelf
    ) -> None:
        def lost(extraction: Extraction) -> Extraction:
            [part] = extraction.parts
            damaged = DocumentFinding(kind="damaged")
            return replace(
                extraction, parts=(replace(part, text="Leave", blocks=()),), findings=(damaged,)
            )

        shelf.write({"leave.md": LEAVE * 9})
        await shelf.ingest()
        await read_earlier(shelf)
        [failed] = (await ingest_with(shelf, lost)).failed
        assert (failed.reason, failed.version) == ("corrupt", 1)

    async def test_a_file_that_changed_too_is_changed(self, shelf: Shelf) -> None:
        await shelf.ingest()
        await read_earlier(shelf)
        shelf.write({"leave.md": LEAVE.replace("thirty", "forty")})
        summary = await shelf.ingest()
        assert (summary.read, summary.reread, summary.unchanged) == (1, 2, 2)
        assert (await events(shelf))["document changed"] == 1

    async def test_a_deleted_file_that_comes_back_is_new(self, shelf: Shelf) -> None:
        await shelf.ingest()
        (shelf.folder / "leave.md").unlink()
        await shelf.ingest()
        await read_earlier(shelf)
        shelf.write({"leave.md": LEAVE})
        summary = await shelf.ingest()
        assert (summary.read, summary.reread) == (1, 2)

    async def test_two_ingestions_at_once_give_one_version(self, shelf: Shelf) -> None:
        await ingest_with(shelf, torn)
        await read_earlier(shelf)
        await asyncio.gather(shelf.ingest(), shelf.ingest())
        assert await shelf.count("document_version") == 4
        assert (await events(shelf))["document read again"] == 1


class TestSources:
    async def test_the_page_of_a_document_names_the_version(
        self, settings: Settings, url: str
    ) -> None:
        root = declare(settings.usecases)
        async with serving(settings, url) as site:
            shelf = Shelf(site.app, root)
            shelf.write({"leave.md": LEAVE})
            await ingest_with(shelf, torn)
            await read_earlier(shelf)
            await shelf.ingest()
            document = await shelf.document("leave.md")
            async with browsing(site, "ana") as browser:
                page = (await browser.get(f"/usecases/{NAME}/documents/{document.id}")).text
            assert page.count("again, because reading improved") == 1
            shelf.write({"leave.md": LEAVE.replace("thirty", "forty")})
            await shelf.ingest()
            async with browsing(site, "ana") as browser:
                page = (await browser.get(f"/usecases/{NAME}/documents/{document.id}")).text
            assert page.count("again, because reading improved") == 1

    async def test_an_upload_is_read_again_without_a_person(
        self, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for file in ("leave.md", "parents.md", "hr/pay.md"):
            (shelf.folder / file).unlink()
        (shelf.folder / "hr").rmdir()
        shelf.folder.rmdir()
        content = BytesIO(LEAVE.encode())
        await shelf.app.libraries.upload(shelf.loaded, "leave.md", content, by="ana")
        await ingest_with(shelf, torn)
        start = shelf.app.ingestion_jobs.start_if_changed
        with monkeypatch.context() as patch:
            patch.setattr("roadbed.knowledge.sources.service.READING", READING - 1)
            first = await start(NAME)
            assert first is not None
            await shelf.app.jobs.cancel(first.id, actor="ana")
            assert await start(NAME) is None
        assert await start(NAME) is not None
        await read_earlier(shelf)
        assert (await shelf.ingest()).improved == 1
        assert (await shelf.document("leave.md")).version == 2


class TestPages:
    @pytest.fixture
    def web(self) -> Iterator[Web]:
        with serving_pages() as web:
            web.pages["/leave.md"] = PAGE
            yield web

    @pytest.fixture
    async def pages(self, settings: Settings, url: str, web: Web) -> AsyncIterator[Shelf]:
        declared = 'urls="documents/urls.txt", private_hosts=("127.0.0.1",)'
        async with opened(settings, url, declared) as made:
            made.write({"urls.txt": f"{web.url}/leave.md\n"})
            yield made

    async def test_a_page_is_read_again_from_what_is_stored(self, pages: Shelf, web: Web) -> None:
        await ingest_with(pages, torn)
        await read_earlier(pages)
        summary = await pages.ingest()
        assert (summary.reread, summary.improved) == (1, 1)
        assert web.count("/leave.md") == [200, 304]
        assert (await pages.document(f"{web.place}/leave.md")).version == 2

    @pytest.mark.parametrize("improved", [0, 1])
    async def test_a_page_that_is_away_is_read_when_it_is_back(
        self, pages: Shelf, web: Web, improved: int
    ) -> None:
        if improved:
            await ingest_with(pages, torn)
        else:
            await pages.ingest()
        web.statuses["/leave.md"] = 503
        await pages.ingest()
        await read_earlier(pages)
        away = await pages.ingest()
        assert (away.reread, away.still_unreadable) == (0, 1)
        web.statuses.clear()
        summary = await pages.ingest()
        assert (summary.reread, summary.improved, summary.failed) == (1, improved, [])
        document = await pages.document(f"{web.place}/leave.md")
        assert (document.state, document.version) == ("current", 1 + improved)
        assert await numbers(pages) == {(READING, READING)}

    async def test_a_version_that_comes_back_has_its_own_number(
        self, pages: Shelf, web: Web
    ) -> None:
        """A newer content that could not be read was tried by a later reading than the version."""
        await ingest_with(pages, torn)
        await read_earlier(pages)
        web.pages["/leave.md"] = b""
        assert [failed.reason for failed in (await pages.ingest()).failed] == ["empty"]
        web.statuses["/leave.md"] = 503
        await pages.ingest()
        assert await numbers(pages) == {(READING, READING - 1)}
        web.statuses.clear()
        web.pages["/leave.md"] = PAGE
        assert (await pages.ingest()).improved == 1
        assert (await pages.matches("days of leave", most=1))[0].passage.version == 2
