"""Backup of database, keys and audit folder to one file, while the server runs."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psycopg
from psycopg.rows import dict_row

from roadbed import __version__
from roadbed.audit import keys
from roadbed.audit.service import AuditLog
from roadbed.audit.tiles import TileFolder
from roadbed.kernel.clock import Clock
from roadbed.kernel.errors import RoadbedError
from roadbed.kernel.sentences import sentence
from roadbed.recovery import archive, programs
from roadbed.recovery.errors import BackupError
from roadbed.recovery.rows import Queries
from roadbed.storage.database import BlockingConnection, with_schema
from roadbed.storage.sql import queries

_SQL = queries(Queries)
_LOOK_SECONDS = 0.05


async def back_up(url: str, audit: AuditLog, clock: Clock, target: Path) -> archive.Manifest:
    """Write a backup to the new file ``target``; gives its manifest. Raises ``BackupError``.

    The database is a snapshot. The witness's folder is copied just before it, so that it never has
    more of the log than the database.
    """
    with suppress(RoadbedError):  # the server's log has the reason
        if await audit.newest() is None:  # no server has run yet, so there may be no key
            await audit.seal()
        await audit.leave()
    if target.is_dir():  # noqa: ASYNC240 - nothing else waits here
        target = target / f"roadbed-{clock.now():%Y%m%d-%H%M%S}.backup"
    with archive.writing(target) as backup:
        folder = TileFolder(audit.folder)
        while audit.folder.exists():
            with folder.writing() as mine:
                if mine:
                    await asyncio.to_thread(_add_folder, backup, audit.folder)
                    break
            await asyncio.sleep(_LOOK_SECONDS)
        facts = await asyncio.to_thread(_add_database, backup, url, target)
        key = keys.public_key(audit.folder)
        has_key = (audit.folder / keys.SIGNING_KEY).exists()  # else a new one would be made
        signer = keys.signer(audit.folder, os.urandom) if has_key else None
        manifest = {
            "made_at": clock.now().isoformat(timespec="seconds"),
            "roadbed": __version__,
            **facts,
        }
        if manifest["audit"]["size"] and key is None:
            raise BackupError(
                sentence("the audit folder %(folder)s has no key of this log", folder=audit.folder),
                sentence("Run it where the server runs, or set ROADBED_AUDIT_DIR as there."),
            )
        manifest["audit"]["public_key"] = str(key) if key else None
        backup.close(manifest, signer)
    return {"file": str(target), "bytes": target.stat().st_size, **manifest}


def _add_folder(backup: archive.ArchiveWriter, folder: Path) -> None:
    for path in sorted(_files(folder)):
        backup.add(archive.AUDIT + path.relative_to(folder).as_posix(), path)


def _files(folder: Path) -> Iterator[Path]:
    """All files except locks and incomplete ones."""
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink() and not path.name.startswith("."):
            yield path


def _add_database(backup: archive.ArchiveWriter, url: str, target: Path) -> archive.Manifest:
    try:
        with (
            BlockingConnection.connect(with_schema(url), row_factory=dict_row) as connection,
            tempfile.TemporaryDirectory(dir=target.parent, prefix=".roadbed-") as beside,
        ):
            connection.execute(_SQL["snapshot"])
            (row,) = connection.execute(_SQL["export"]).fetchall()
            newest = connection.execute(_SQL["newest"]).fetchone()
            dumped = Path(beside) / archive.DUMP
            folder = programs.folder_for(row["number"] // 10_000)
            programs.dump(folder, url, row["snapshot"], dumped)
            backup.add(archive.DUMP, dumped)
    except psycopg.Error as error:
        raise BackupError(str(error).strip().splitlines()[0]) from error
    return {
        "schema": row["schema"],
        "server": row["server"],
        "tasks": row["tasks"],
        "audit": {
            "entries": row["entries"],
            "size": newest["size"] if newest else 0,
            "root": newest["root"].hex() if newest else None,
            "checkpoint": newest["note"] if newest else None,
        },
    }
