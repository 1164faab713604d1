"""A restore of an older backup brings no erased text back."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from roadbed.audit import irrevocable_events
from roadbed.audit.irrevocable_events import IrrevocableEvent
from roadbed.kernel.settings import Settings
from roadbed.knowledge.document_erasure import path_hash
from roadbed.recovery.backup import back_up
from roadbed.recovery.outstanding import outstanding
from roadbed.recovery.restore import restore
from tests.libraries import NAME, Shelf
from tests.libraries import shelf as opened
from tests.unit.test_document_erasure import (
    NEW,
    OLD,
    OTHER,
    PATH,
    WORD,
    delete,
    erase,
    put,
    tables_with,
    words_in_index,
)
from tests.unit.test_library_restore import _wait_for_ended_connections


async def back(shelf: Shelf, target: Path) -> None:
    await shelf.app.audit.witness()
    await back_up(shelf.app.database.url, shelf.app.audit, shelf.app.clock, target)


def restored(settings: Settings, url: str, backup: Path) -> None:
    assert settings.audit_dir is not None
    _wait_for_ended_connections(url)
    restore(url, settings.audit_dir, backup, replace=True)


@pytest.fixture
def backup(tmp_path: Path) -> Path:
    return tmp_path / "one.backup"


async def test_the_text_is_nowhere_after_the_declaration(
    settings: Settings, url: str, backup: Path
) -> None:
    async with opened(settings, url) as shelf:
        await shelf.app.members.add("ana", by="test", admin=True)
        await put(shelf, PATH, OLD)
        await put(shelf, "staff.md", OTHER)
        await shelf.ingest()
        await put(shelf, PATH, NEW)
        await shelf.ingest()
        document = await shelf.document(PATH)
        await shelf.app.libraries.reports.report(NAME, document, f"{WORD} is sold", by="ana")
        await back(shelf, backup)
        await delete(shelf)
        await erase(shelf)
        assert tables_with(url, WORD) == set()
        journal = irrevocable_events.events(settings.audit_dir or Path())
        [event] = [event for event in journal if event.kind == "document erased"]
        assert event.facts["path"] == path_hash(NAME, PATH)
        assert PATH not in str(event)
    restored(settings, url, backup)
    assert "passage" in tables_with(url, WORD)
    async with opened(settings, url) as shelf:
        assert PATH in await shelf.paths("days of leave")  # its index has it again
        assert words_in_index(shelf) > 0
        declared = await shelf.app.recovery.declare(by="ana", reason="disk lost")
        assert (declared.documents, declared.erased) == (1, 0)
        assert tables_with(url, WORD) == set()
        assert words_in_index(shelf) == 0
        assert await shelf.app.libraries.sources.uploads.list(NAME, [PATH]) == []
        document = await shelf.document(PATH)
        assert (document.state, document.erased_at is not None) == ("deleted", True)
        await shelf.ingest()
        assert await shelf.paths("days of leave") == ["staff.md"]
        assert (await shelf.app.audit.verify()).findings == []


async def test_a_file_that_nobody_had_read_when_the_backup_was_made(
    settings: Settings, url: str, backup: Path
) -> None:
    async with opened(settings, url) as shelf:
        await shelf.app.members.add("ana", by="test", admin=True)
        await put(shelf, PATH, OLD)
        await put(shelf, "copy.md", OLD)
        await back(shelf, backup)
        await put(shelf, PATH, NEW)  # the first one was never read
        await shelf.ingest()
        await delete(shelf)
        await erase(shelf)
    restored(settings, url, backup)
    async with opened(settings, url) as shelf:
        assert (await shelf.app.recovery.declare(by="ana", reason="disk lost")).documents == 1
        uploads = await shelf.app.libraries.sources.uploads.list(NAME)
        assert [upload.path for upload in uploads] == ["copy.md"]


async def test_an_upload_that_waited_then_stays(settings: Settings, url: str, backup: Path) -> None:
    async with opened(settings, url) as shelf:
        await shelf.app.members.add("ana", by="test", admin=True)
        await put(shelf, PATH, OLD)
        await shelf.ingest()
        await delete(shelf)
        await put(shelf, PATH, OTHER)
        await back(shelf, backup)
        await erase(shelf)
    restored(settings, url, backup)
    async with opened(settings, url) as shelf:
        assert (await shelf.app.recovery.declare(by="ana", reason="disk lost")).documents == 1
        await shelf.ingest()
        assert await shelf.paths("days of leave") == [PATH]
        assert tables_with(url, WORD) == set()


async def test_a_file_that_came_back_after_an_earlier_restore_stays(
    settings: Settings, url: str, backup: Path
) -> None:
    """The entry that repeats the erasure says that the second backup knows it."""
    async with opened(settings, url) as shelf:
        await shelf.app.members.add("ana", by="test", admin=True)
        await back(shelf, backup)
        await put(shelf, PATH, OLD)
        await shelf.ingest()
        await delete(shelf)
        await erase(shelf)
    restored(settings, url, backup)
    second = backup.with_name("two.backup")
    async with opened(settings, url) as shelf:
        assert (await shelf.app.recovery.declare(by="ana", reason="disk lost")).documents == 0
        await put(shelf, PATH, OLD)
        await shelf.ingest()
        await back(shelf, second)
    restored(settings, url, second)
    async with opened(settings, url) as shelf:
        assert (await shelf.app.recovery.declare(by="ana", reason="disk lost")).documents == 0
        assert await shelf.paths("days of leave") == [PATH]


async def test_a_page_that_was_fetched(settings: Settings, url: str) -> None:
    """Its address answered 404 after the backup; what was fetched before goes too."""
    path = "www.example.org/leave.html"
    async with opened(settings, url) as shelf:
        await shelf.app.members.add("ana", by="test", admin=True)
        await fetched(shelf, url, path)
        assert tables_with(url, WORD) == {"source_piece"}
        event = entry(path)
        async with shelf.app.database.transaction() as connection:
            erasure = shelf.app.erasure.documents
            assert await erasure.erase_again(connection, [event], by="ana", reason="x") == 1
        assert tables_with(url, WORD) == set()


def entry(path: str) -> IrrevocableEvent:
    facts: dict[str, object] = {
        "versions": [],
        "path": path_hash(NAME, path),
        "waiting": None,
    }
    return IrrevocableEvent(
        leaf=1, kind="document erased", use_case=NAME, subject="doc_1", facts=facts
    )


async def fetched(shelf: Shelf, url: str, path: str) -> None:
    await put(shelf, "x.md", OLD)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO roadbed.fetched_page (use_case, path, address, state, detail,"
            " content_hash, asked_at)"
            " SELECT use_case, %s, 'https://' || %s, 'gone', '404', content_hash, now()"
            " FROM roadbed.uploaded_file",
            [path, path],
        )
        connection.execute("DELETE FROM roadbed.uploaded_file")


def test_the_last_erasure_of_a_document_counts() -> None:
    first, second = entry("a"), entry("a")
    assert outstanding([(first, False), (second, True)]).documents == []
    assert outstanding([(first, True), (second, False)]).documents == [second]
