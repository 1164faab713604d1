"""A backup holds the library; the search index of what was restored is built from it anew."""

from __future__ import annotations

import time
from pathlib import Path

import psycopg

from roadbed.app import App
from roadbed.kernel.settings import Settings
from roadbed.recovery.backup import back_up
from roadbed.recovery.restore import restore
from tests.libraries import NAME
from tests.libraries import shelf as opened

LEAVE = "# Leave\n\nEverybody has thirty days of leave in a year.\n"


async def test_a_restored_library_says_what_it_said(
    settings: Settings, url: str, tmp_path: Path
) -> None:
    backup = tmp_path / "one.backup"
    async with opened(settings, url) as shelf:
        shelf.write({"leave.md": LEAVE, "pay.md": "Salaries are paid monthly.", "empty.txt": b""})
        await shelf.ingest()
        [cited] = await shelf.matches("thirty days", most=1)
        before = await shelf.app.libraries.documents.documents(NAME)
        await shelf.app.audit.witness()
        await back_up(shelf.app.database.url, shelf.app.audit, shelf.app.clock, backup)
        shelf.write({"leave.md": LEAVE.replace("thirty", "forty"), "new.md": "Bicycles."})
        await shelf.ingest()
        assert await shelf.paths("bicycles") == ["new.md"]
        assert await _numbers(shelf.app) == [1, 2, 3, 4, 5]
    assert settings.audit_dir is not None
    _wait_for_ended_connections(url)
    restore(url, settings.audit_dir, backup, replace=True)
    async with opened(settings, url) as shelf:
        documents = shelf.app.libraries.documents
        assert await documents.documents(NAME) == before
        assert cited.passage in (await documents.passages([cited.passage.key])).values()
        # The index on this machine knows of changes that this database never had.
        assert await shelf.paths("bicycles") == []
        [match] = await shelf.matches("days of leave", most=1)
        assert "thirty days" in match.passage.text
        index = await shelf.app.libraries.indexes.caught_up(NAME, "english")
        assert index.passages == 2
        shelf.write({"other.md": "Trains.", "third.md": "Ships."})
        summary = await shelf.ingest()
        assert (summary.read, summary.unchanged) == (4, 2)
        # As many changes as before the restore, with the same numbers, and others.
        assert await shelf.paths("trains") == ["other.md"]
        assert await shelf.paths("bicycles") == ["new.md"]


def _wait_for_ended_connections(url: str) -> None:
    """The server ends a process a moment after its connection was closed."""
    query = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
        "AND application_name = 'roadbed'"
    )
    with psycopg.connect(url, autocommit=True) as connection:
        while connection.execute(query).fetchone() != (0,):
            time.sleep(0.01)


async def test_a_restore_lets_nobody_back_into_an_access_group(
    settings: Settings, url: str, tmp_path: Path
) -> None:
    backup = tmp_path / "one.backup"
    async with opened(settings, url, 'access={"hr": "hr"}') as shelf:
        access = shelf.app.libraries.access
        await shelf.app.members.add("ana", by="test", admin=True)
        for name in ("rae", "sam", "tom"):
            await shelf.app.members.add(name, by="ana")
            await access.add(NAME, shelf.library, "hr", name, by="ana")
        await shelf.app.audit.witness()
        await back_up(shelf.app.database.url, shelf.app.audit, shelf.app.clock, backup)
        for name in ("rae", "sam"):
            await access.remove(NAME, "hr", name, by="ana")
        await access.add(NAME, shelf.library, "hr", "sam", by="ana")
        await shelf.app.audit.witness()
    assert settings.audit_dir is not None
    _wait_for_ended_connections(url)
    restore(url, settings.audit_dir, backup, replace=True)
    async with opened(settings, url, 'access={"hr": "hr"}') as shelf:
        access = shelf.app.libraries.access
        assert await access.members(NAME) == {"hr": ["rae", "sam", "tom"]}
        declared = await shelf.app.recovery.declare(by="ana", reason="disk lost")
        assert declared.access == 1
        assert await access.members(NAME) == {"hr": ["sam", "tom"]}


async def _numbers(app: App) -> list[int]:
    rows = await app.database.fetch("SELECT number FROM document_change ORDER BY number")
    return [row["number"] for row in rows]
