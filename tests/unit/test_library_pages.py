"""Pages of a library's list of addresses: a real server, real ingestion, a real database."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta

import pytest

from roadbed.kernel.settings import Settings
from roadbed.knowledge.errors import LibraryUnavailableError
from roadbed.knowledge.reading.process import DocumentReader
from tests.libraries import NAME, Shelf
from tests.libraries import shelf as opened
from tests.web_pages import Web, serving_pages

LEAVE = (
    b"<html><body><h1>Leave</h1><p>Everybody has thirty days of leave in a year.</p></body></html>"
)
PAY = b"<html><body><p>Salaries are paid on the last working day.</p></body></html>"
DECLARED = 'urls="documents/urls.txt", private_hosts=("127.0.0.1",)'


@pytest.fixture
def web() -> Iterator[Web]:
    with serving_pages() as web:
        web.pages.update({"/leave.html": LEAVE, "/hr/pay.html": PAY})
        yield web


@pytest.fixture
async def shelf(settings: Settings, url: str, web: Web) -> AsyncIterator[Shelf]:
    declared = f'{DECLARED}, access={{"{web.place}/hr": "hr"}}'
    async with opened(settings, url, declared) as made:
        made.write({"urls.txt": f"# pages\n{web.url}/leave.html\n{web.url}/hr/pay.html  # pay\n"})
        yield made


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of what reading processes got, in order."""
    names: list[str] = []
    genuine = DocumentReader.read

    async def counted(self: DocumentReader, content: bytes, name: str) -> object:
        names.append(name)
        return await genuine(self, content, name)

    monkeypatch.setattr(DocumentReader, "read", counted)
    return names


class TestFetching:
    async def test_pages_are_documents_with_host_and_path(self, shelf: Shelf, web: Web) -> None:
        summary = await shelf.ingest()
        assert (summary.read, summary.failed, summary.left_out.total) == (2, [], 0)
        leave = await shelf.document(f"{web.place}/leave.html")
        assert (leave.origin, leave.address) == ("address", f"{web.url}/leave.html")
        assert (leave.state, leave.format, leave.group) == ("current", "html", None)
        assert (await shelf.document(f"{web.place}/hr/pay.html")).group == "hr"
        assert await shelf.paths("days of leave") == [f"{web.place}/leave.html"]
        assert await shelf.paths("salaries") == []
        assert await shelf.paths("salaries", "hr") == [f"{web.place}/hr/pay.html"]
        assert not any("Cookie" in sent or "Authorization" in sent for sent in web.headers)

    @pytest.mark.parametrize("tags", [True, False])
    async def test_an_unchanged_page_is_neither_sent_nor_read_again(
        self, shelf: Shelf, web: Web, read: list[str], tags: bool
    ) -> None:
        web.tags = tags
        web.modified = dict.fromkeys(web.pages, "Mon, 02 Feb 2026 10:00:00 GMT")
        await shelf.ingest()
        assert sorted(read) == ["leave.html", "pay.html"]
        document = await shelf.document(f"{web.place}/leave.html")
        assert document.modified_at == datetime(2026, 2, 2, 10, tzinfo=UTC)
        again = await shelf.ingest()
        assert (again.read, again.unchanged) == (0, 2)
        assert (web.count("/leave.html"), len(read)) == ([200, 304], 2)

    async def test_a_changed_page_becomes_a_version(self, shelf: Shelf, web: Web) -> None:
        await shelf.ingest()
        web.pages["/leave.html"] = LEAVE.replace(b"thirty", b"forty")
        assert (await shelf.ingest()).read == 1
        assert (await shelf.document(f"{web.place}/leave.html")).version == 2
        [match] = await shelf.matches("days of leave", most=1)
        assert "forty" in match.passage.text
        assert await shelf.count("source_content") == 2

    async def test_a_page_that_is_not_listed_any_more_leaves(self, shelf: Shelf, web: Web) -> None:
        await shelf.ingest()
        shelf.write({"urls.txt": f"{web.url}/hr/pay.html"})
        assert (await shelf.ingest()).gone == 1
        assert (await shelf.document(f"{web.place}/leave.html")).state == "deleted"
        await shelf.ingest()
        assert (await shelf.count("fetched_page"), await shelf.count("source_content")) == (1, 1)

    async def test_what_the_content_is_decides_not_what_its_server_says(
        self, shelf: Shelf, web: Web
    ) -> None:
        web.types.update({"/leave.html": "image/png", "/hr/pay.html": "text/html"})
        web.pages["/hr/pay.html"] = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01" + bytes(range(256))
        summary = await shelf.ingest()
        assert summary.read == 1
        assert [document.reason for document in summary.failed] == ["scan"]

    async def test_redirects_are_followed_and_the_listed_path_stays(
        self, shelf: Shelf, web: Web
    ) -> None:
        shelf.write({"urls.txt": f"{web.url}/old"})
        web.redirects = {"/old": "/older?x=1", "/older?x=1": f"{web.url}/leave.html"}
        assert (await shelf.ingest()).read == 1
        assert await shelf.paths("days of leave") == [f"{web.place}/old"]

    async def test_the_list_itself_is_no_document(self, shelf: Shelf, web: Web) -> None:
        await shelf.ingest()
        listed = await shelf.app.libraries.documents.documents(NAME)
        assert [document.path for document in listed] == [
            f"{web.place}/hr/pay.html",
            f"{web.place}/leave.html",
        ]


class TestFailures:
    async def test_an_outage_keeps_the_version_in_force_and_says_why(
        self, shelf: Shelf, web: Web, read: list[str]
    ) -> None:
        await shelf.ingest()
        web.statuses["/leave.html"] = 503
        [failed] = (await shelf.ingest()).failed
        assert (failed.state, failed.version, failed.reason) == ("unreadable", 1, "not_fetched")
        assert failed.detail == "It answered 503."
        assert await shelf.paths("days of leave") == [f"{web.place}/leave.html"]
        again = await shelf.ingest()
        assert (again.failed, again.unchanged) == ([], 2)
        del web.statuses["/leave.html"]
        recovered = await shelf.ingest()
        assert (recovered.read, recovered.unchanged, len(read)) == (0, 2, 2)
        document = await shelf.document(f"{web.place}/leave.html")
        assert (document.state, document.version, document.reason) == ("current", 1, None)

    async def test_a_page_that_changed_during_an_outage_is_read(
        self, shelf: Shelf, web: Web
    ) -> None:
        await shelf.ingest()
        web.statuses["/leave.html"] = 500
        await shelf.ingest()
        web.statuses.clear()
        web.pages["/leave.html"] = LEAVE.replace(b"thirty", b"forty")
        assert (await shelf.ingest()).read == 1
        document = await shelf.document(f"{web.place}/leave.html")
        assert (document.state, document.version) == ("current", 2)

    async def test_what_was_unreadable_before_an_outage_is_so_after_it(
        self, shelf: Shelf, web: Web
    ) -> None:
        await shelf.ingest()
        web.pages["/leave.html"] = b"PK\x03\x04 damaged"
        await shelf.ingest()
        web.statuses["/leave.html"] = 503
        await shelf.ingest()
        web.statuses.clear()
        [failed] = (await shelf.ingest()).failed
        assert (failed.state, failed.version) == ("unreadable", 1)
        assert failed.reason != "not_fetched"

    @pytest.mark.parametrize("status", [404, 410])
    async def test_a_page_that_is_gone_leaves_the_search(
        self, shelf: Shelf, web: Web, status: int
    ) -> None:
        await shelf.ingest()
        web.statuses["/leave.html"] = status
        assert (await shelf.ingest()).gone == 1
        assert await shelf.paths("days of leave") == []
        again = await shelf.ingest()
        assert (again.gone, again.failed) == (0, [])
        [page] = await shelf.app.libraries.sources.gone_pages(shelf.loaded, ())
        assert (page.path, page.detail) == (f"{web.place}/leave.html", f"It answered {status}.")
        web.statuses.clear()
        assert (await shelf.ingest()).read == 1
        assert await shelf.paths("days of leave") == [f"{web.place}/leave.html"]

    async def test_one_that_never_was_there_is_not_silently_missing(
        self, shelf: Shelf, web: Web
    ) -> None:
        shelf.write({"urls.txt": f"{web.url}/leave.html\n{web.url}/tpyo.html"})
        [failed] = (await shelf.ingest()).failed
        assert (failed.path, failed.version) == (f"{web.place}/tpyo.html", None)
        assert failed.trouble is not None
        assert (
            failed.trouble.problem == f"{web.place}/tpyo.html cannot be fetched: It answered 404."
        )
        assert (await shelf.ingest()).unchanged == 2

    async def test_most_pages_gone_at_once_takes_nothing_out(self, shelf: Shelf, web: Web) -> None:
        paths = [f"/pages/{number}" for number in range(12)]
        web.pages.update({path: f"Page {path} about leave.".encode() for path in paths})
        shelf.write({"urls.txt": "\n".join(web.url + path for path in paths)})
        assert (await shelf.ingest()).read == 12
        for path in paths[:11]:
            del web.pages[path]
        with pytest.raises(LibraryUnavailableError, match=r"11 of 12 pages of .*urls.txt"):
            await shelf.ingest()
        assert (await shelf.document(f"{web.place}/pages/0")).state == "current"
        assert await shelf.app.libraries.ingestion.most_gone(shelf.loaded) == 11
        assert (await shelf.ingest(allow_gone=True)).gone == 11

    async def test_a_silent_host_is_asked_three_times_only(
        self, settings: Settings, url: str, web: Web
    ) -> None:
        async with opened(settings, url, DECLARED) as shelf:
            shelf.write({"urls.txt": "".join(f"http://127.0.0.1:1/{n}\n" for n in range(12))})
            failed = (await shelf.ingest()).failed
        details = [document.detail or "" for document in failed]
        assert len(failed) == 12
        assert sum("was not asked" in detail for detail in details) >= 5


class TestList:
    async def test_wrong_lines_are_named_and_nothing_changes(self, shelf: Shelf, web: Web) -> None:
        await shelf.ingest()
        shelf.write(
            {
                "urls.txt": "ftp://example.org/a\n\nhttp://ana:secret@example.org/\n# c\n"
                f"{web.url}/leave.html\nhttps://example.org/a/%2e%2e/b\n"
            }
        )
        with pytest.raises(LibraryUnavailableError, match="3 wrong lines") as raised:
            await shelf.ingest()
        for line in ("line 1: it begins", "line 3: it holds", "line 6: its path"):
            assert line in raised.value.problem
        assert "secret" not in raised.value.problem
        assert (await shelf.document(f"{web.place}/leave.html")).state == "current"

    async def test_a_missing_list_is_an_error(self, shelf: Shelf) -> None:
        (shelf.folder / "urls.txt").unlink()
        with pytest.raises(LibraryUnavailableError, match=r"urls.txt cannot be read"):
            await shelf.ingest()

    async def test_pages_are_asked_again_after_their_time(self, shelf: Shelf, web: Web) -> None:
        web.statuses["/leave.html"] = 503
        await shelf.ingest()
        ingestion = shelf.app.libraries.ingestion
        assert await ingestion.to_fetch(shelf.loaded, everything=False) == []

        async def age(hours: float) -> list[str]:
            await shelf.app.database.fetch(
                "UPDATE fetched_page SET asked_at = now() - %(age)s RETURNING path",
                {"age": timedelta(hours=hours)},
            )
            due = await ingestion.to_fetch(shelf.loaded, everything=False)
            return [listed.path for listed in due]

        assert await age(2) == [f"{web.place}/leave.html"]
        assert len(await age(25)) == 2


async def test_a_library_may_have_pages_and_no_folder(
    settings: Settings, url: str, web: Web
) -> None:
    declared = f'{DECLARED}, folder="documents/files"'
    async with opened(settings, url, declared) as shelf:
        shelf.write({"urls.txt": f"{web.url}/leave.html"})
        assert (await shelf.ingest()).read == 1
        assert await shelf.paths("days of leave") == [f"{web.place}/leave.html"]
