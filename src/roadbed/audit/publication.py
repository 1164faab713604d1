"""Publication of the sealed log to the folder outside the database."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path

from roadbed.audit import irrevocable_events, keys, notes
from roadbed.audit.checkpoint_history import HISTORY
from roadbed.audit.errors import AuditFolderError, AuditKeyError
from roadbed.audit.model import Checkpoint
from roadbed.audit.rows import BundlesFromRow, Queries, TilesFromRow
from roadbed.audit.tiles import TileFolder
from roadbed.audit.tree import HASH_BYTES, TILE_HEIGHT, TILE_WIDTH
from roadbed.kernel.clock import Clock
from roadbed.kernel.sentences import sentence
from roadbed.storage.database import Database
from roadbed.storage.sql import queries

_SQL = queries(Queries)
_TILES_AT_ONCE = 256


class Publication:
    """Writes tiles first and the checkpoint last, so that a reader never lacks a tile."""

    def __init__(self, database: Database, folder: Path, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._folder = TileFolder(folder)
        self._published = -1  # the size this process knows to be in the folder

    async def publish(self) -> int:
        """Bring the folder up to the database; gives how many checkpoints it wrote."""
        newest = await self._newest()
        if newest is None or newest.size == self._published:
            return 0
        try:
            with self._folder.writing() as mine:
                # Read again: another process may have published more since the first read.
                newest = await self._newest() or newest
                return await self._bring_up(newest) if mine else 0
        except OSError as error:
            raise AuditFolderError(
                str(self._folder.path), error.strerror or sentence("it cannot be used")
            ) from error

    async def covers(self, size: int) -> bool:
        """Whether the folder's newest checkpoint covers ``size`` entries."""
        last = await asyncio.to_thread(self.last)
        return last is not None and last.size >= size

    async def _newest(self) -> Checkpoint | None:
        row = await self._database.fetch_one(_SQL["newest"])
        return Checkpoint(**row) if row else None

    async def _bring_up(self, newest: Checkpoint) -> int:
        self._require_ours(newest)
        begun = await asyncio.to_thread(self.last)
        before = 0 if begun is None else begun.size
        if begun is not None:
            await self._require_same(begun, newest)
        rows = await self._database.fetch(_SQL["checkpoints"], {"after": before})
        checkpoints = [Checkpoint(**row) for row in rows if row["size"] <= newest.size]
        if checkpoints:
            await self._put_tiles(before, newest.size)
            journalled = await asyncio.to_thread(irrevocable_events.exists, self._folder.path)
            await self._put_events(before if journalled else 0, newest.size)
            now = self._clock.now()
            await asyncio.to_thread(self._folder.put_checkpoints, checkpoints, now)
        self._published = newest.size
        return len(checkpoints)

    def _require_ours(self, checkpoint: Checkpoint) -> None:
        keyring = keys.keyring(self._folder.path)
        try:
            keyring.read(checkpoint.note)
        except notes.NoteError as error:
            raise AuditKeyError(str(self._folder.path), str(error)) from error

    def last(self) -> Checkpoint | None:
        """The checkpoint written last. Raises ``AuditFolderError`` or ``AuditKeyError``."""
        note = self._folder.last()
        if note is None or keys.public_key(self._folder.path) is None:
            return None
        try:
            return keys.keyring(self._folder.path).read(note)
        except notes.NoteError as error:
            raise AuditFolderError(str(self._folder.path), f"{HISTORY}: {error}") from error

    async def _require_same(self, begun: Checkpoint, newest: Checkpoint) -> None:
        rows = await self._database.fetch(_SQL["checkpoints"], {"after": begun.size - 1})
        if begun.size > newest.size or not rows or rows[0]["note"] != begun.note:
            raise AuditFolderError(
                str(self._folder.path),
                sentence(
                    "it knows a checkpoint of %(size)s entries that the database does not have",
                    size=begun.size,
                ),
            )

    async def _put_tiles(self, before: int, size: int) -> None:
        for first in _steps(before >> TILE_HEIGHT, size >> TILE_HEIGHT):
            bundles = await self._database.fetch(
                _SQL["bundles_from"], {"first": first, "most": _TILES_AT_ONCE}
            )
            await asyncio.to_thread(self._put_bundles, bundles, size)
        level = 0
        while size >> (TILE_HEIGHT * level):
            above = TILE_HEIGHT * (level + 1)
            for first in _steps(before >> above, size >> above):
                tiles = await self._database.fetch(
                    _SQL["tiles_from"], {"level": level, "first": first, "most": _TILES_AT_ONCE}
                )
                await asyncio.to_thread(self._put_hashes, tiles, size >> (TILE_HEIGHT * level))
            level += 1

    async def _put_events(self, before: int, size: int) -> None:
        """Journal what no restore may undo among the leaves from ``before`` on."""
        for first in _steps(before >> TILE_HEIGHT, size >> TILE_HEIGHT):
            async with self._database.transaction() as connection:
                await connection.execute(_SQL["by_key"], {"joins": "off"})
                cursor = await connection.execute(
                    _SQL["irrevocable"],
                    {
                        "first": first,
                        "most": _TILES_AT_ONCE,
                        "kinds": list(irrevocable_events.KINDS),
                        "before": before,
                        "size": size,
                    },
                )
                events = [
                    irrevocable_events.event(row["leaf"], row) for row in await cursor.fetchall()
                ]
            await asyncio.to_thread(self._folder.put_events, events)

    def _put_bundles(self, rows: Sequence[BundlesFromRow], size: int) -> None:
        for row in rows:
            if commitments := _within(row["commitments"], row["index"], size):
                self._folder.put_entries(row["index"], commitments)

    def _put_hashes(self, rows: Sequence[TilesFromRow], size: int) -> None:
        for row in rows:
            if hashes := _within(row["hashes"], row["index"], size):
                self._folder.put_tile((row["level"], row["index"]), hashes)


def _within(content: bytes, index: int, size: int) -> bytes:
    """The content of a tile at ``size``: another process may have sealed since then."""
    return content[: max(0, size - index * TILE_WIDTH) * HASH_BYTES]


def _steps(first: int, last: int) -> Iterator[int]:
    return iter(range(first, last + 1, _TILES_AT_ONCE))
