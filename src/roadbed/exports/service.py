"""Makes exports: begun and ended in the audit log, at most so many at a time."""

from __future__ import annotations

import asyncio
import hashlib
import os
import tempfile
import weakref
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from functools import partial
from typing import BinaryIO, TypeVar
from weakref import WeakKeyDictionary, WeakSet

from roadbed.audit.events import AuditEvent, record
from roadbed.exports.errors import TooManyExportsError
from roadbed.exports.model import Asked, Export, ExportCell, Heading
from roadbed.exports.writers import WRITERS
from roadbed.kernel.ids import Ids
from roadbed.storage.database import Database

Batches = AsyncGenerator[Sequence[Sequence[ExportCell]], None]
T = TypeVar("T")
_MOST_OWN = 2  # under way, of one person in each process
_MOST_READING = 4  # of all: each uses a connection of the pool while its rows are read
_MOST = 20  # of all, also of those whose reader is slow: each is a file on the disk
_RETRY_SECONDS = 5.0
_CHUNK = 256 * 1024  # bytes


class Exports:
    """Exports under way in this process."""

    def __init__(self, database: Database, ids: Ids) -> None:
        self._database = database
        self._ids = ids
        self._under_way: Counter[str] = Counter()
        self._reading: WeakSet[Export] = WeakSet()
        self._ends: WeakKeyDictionary[Export, Callable[[], object]] = WeakKeyDictionary()

    async def begin(self, asked: Asked) -> Export:
        """An export, recorded as begun. Raises ``TooManyExportsError``.

        It is under way until ``content`` ends, or nobody holds it any more.
        """
        if self._under_way[asked.person] >= _MOST_OWN:
            raise TooManyExportsError(_MOST_OWN, own=True, retry_after=_RETRY_SECONDS)
        for most, count in ((_MOST_READING, len(self._reading)), (_MOST, self._under_way.total())):
            if count >= most:
                raise TooManyExportsError(most, own=False, retry_after=_RETRY_SECONDS)
        self._under_way[asked.person] += 1
        export = Export(id=self._ids.new("xpt"), asked=asked)
        # Content that nobody begins to read has no end of its own.
        self._reading.add(export)
        self._ends[export] = weakref.finalize(export, self._end, asked.person)
        detail = {"page": asked.page, "format": asked.format.value, "view": dict(asked.view)}
        await self._record(export, "export begun", detail)
        return export

    async def content(
        self,
        export: Export,
        headings: Sequence[Heading],
        batches: Batches,
        permitted: Callable[[], Awaitable[None]],
    ) -> AsyncGenerator[bytes, None]:
        """The bytes of the file, with ``batches`` as its rows.

        Rows are written to a temporary file as fast as the database gives them, so a slow reader
        holds no transaction open. ``permitted`` raises if the person may no longer see the rows; it
        is asked for each batch. The last bytes are given after the export is recorded: whoever has
        the whole file is in the log, with the number of rows and the hash of the file.
        """
        try:
            with tempfile.TemporaryFile() as file:
                written = self._written(export, headings, batches, permitted, file)
                async with aclosing(written) as parts:
                    async for part in parts:
                        yield part
        finally:
            self._reading.discard(export)
            self._ends[export]()

    async def _written(
        self,
        export: Export,
        headings: Sequence[Heading],
        batches: Batches,
        permitted: Callable[[], Awaitable[None]],
        file: BinaryIO,
    ) -> AsyncGenerator[bytes, None]:
        grown = asyncio.Event()
        filling = asyncio.create_task(_fill(export, headings, batches, permitted, file, grown))
        filling.add_done_callback(lambda _: grown.set())
        filling.add_done_callback(lambda _: self._reading.discard(export))
        digest, offset, held, ended = hashlib.sha256(), 0, b"", False
        try:
            while not ended:
                await grown.wait()
                grown.clear()
                ended = filling.done()
                if ended:
                    filling.result()
                while part := await asyncio.to_thread(os.pread, file.fileno(), _CHUNK, offset):
                    if held:
                        yield held
                    held = part
                    offset += len(part)
                    digest.update(part)
            detail = {"rows": export.rows, "bytes": offset, "sha256": digest.hexdigest()}
            await self._record(export, "exported", detail)
            yield held
        finally:
            filling.cancel()
            await asyncio.gather(filling, return_exceptions=True)

    async def _record(self, export: Export, kind: str, detail: Mapping[str, object]) -> None:
        event = AuditEvent(
            use_case=export.asked.use_case,
            kind=kind,
            subject=export.id,
            actor=export.asked.person,
            detail=detail,
        )
        async with self._database.transaction() as connection:
            await record(connection, event)

    def _end(self, person: str) -> None:
        self._under_way[person] -= 1
        self._under_way += Counter()  # forgets people with none


async def _fill(
    export: Export,
    headings: Sequence[Heading],
    batches: Batches,
    permitted: Callable[[], Awaitable[None]],
    file: BinaryIO,
    grown: asyncio.Event,
) -> None:
    writer = await _in_thread(lambda: WRITERS[export.asked.format](file, headings))
    try:
        async with aclosing(batches):
            async for rows in batches:
                await permitted()
                await _in_thread(partial(writer.add, rows))
                await _in_thread(file.flush)
                export.rows += len(rows)
                grown.set()
    finally:
        await _in_thread(writer.close)
    await _in_thread(file.flush)


async def _in_thread(act: Callable[[], T]) -> T:
    """The result of ``act``. It ends before this does, also if this is cancelled."""
    acting = asyncio.ensure_future(asyncio.to_thread(act))
    try:
        return await asyncio.shield(acting)
    except asyncio.CancelledError:
        await asyncio.wait([acting])
        raise
