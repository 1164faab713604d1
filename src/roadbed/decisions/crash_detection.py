"""Knows whether a process was killed a moment ago, and sees to it that ours would be missed.

A process that is killed while it decides a task which is not on disk leaves no trace of that task.
So a process puts its own mark into the database before it decides anything that way: a row, and the
advisory lock of its number, on a connection of its own. A clean end takes the row away. A process
that is killed loses its connection at once, and with it the lock. A row without its lock is a
process that was lost; everybody who looks sees it, the next start of the same one first of all.

A mistake is on the safe side: after a restart of the database every process has lost its lock, and
marks itself anew; until then, and if others looked in between, all of them are careful.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Mapping, Sequence
from typing import Any

import psycopg
from psycopg.rows import dict_row

from roadbed.kernel.clock import Clock
from roadbed.storage.database import Database
from roadbed.storage.sql import queries

_SQL = queries(__package__)
_LOOK_SECONDS = 2.0
_GOOD_FOR_SECONDS = 10.0  # what was seen so long ago counts no more
_Connection = psycopg.AsyncConnection[Mapping[str, Any]]


class CrashDetector:
    """The mark of this process, and what became of others. Nothing is calm until ``keep`` runs.

    ``interrupted`` holds the body hashes of inputs that cut off a process which was deciding them.
    ``address`` is where people reach this process, for ``addresses``.
    """

    def __init__(
        self, url: str, clock: Clock, *, careful_seconds: float, address: str | None = None
    ) -> None:
        self._url = url
        self._address = address
        self._clock = clock
        self._careful_seconds = careful_seconds
        self._calm_until = 0.0
        self._number: int | None = None
        self.interrupted: frozenset[str] = frozenset()

    def calm(self) -> bool:
        """Whether this process is marked, and none was lost within the last minute."""
        return self._clock.monotonic() < self._calm_until

    async def keep(self) -> None:
        """Mark this process and look for lost ones until cancelled; then take the mark away.

        Raises ``psycopg.Error`` when the connection is lost; the mark stays until the next call.
        """
        async with await _Connection.connect(
            self._url, autocommit=True, row_factory=dict_row
        ) as connection:
            await self._mark(connection)
            try:
                while True:
                    await self._look(connection)
                    await asyncio.sleep(_LOOK_SECONDS)
            finally:
                self._calm_until = 0.0
                with contextlib.suppress(psycopg.Error):
                    await connection.execute(_SQL["unmark"], {"number": self._number})

    async def _mark(self, connection: _Connection) -> None:
        former = {"number": self._number}
        row = await (await connection.execute(_SQL["number"])).fetchone()
        assert row is not None  # the sequence always gives one
        facts = {"machine": socket.gethostname(), "address": self._address}
        await connection.execute(_SQL["mark"], {"number": row["number"], **facts})
        self._number = row["number"]
        await connection.execute(_SQL["unmark"], former)  # its lock went with its connection
        await connection.execute(_SQL["forget"])

    async def _look(self, connection: _Connection) -> None:
        began = self._clock.monotonic()
        await connection.execute(_SQL["notice"], {"number": self._number})
        cursor = await connection.execute(_SQL["lost"], {"seconds": self._careful_seconds})
        row = await cursor.fetchone()
        cursor = await connection.execute(_SQL["interrupted"])
        self.interrupted = frozenset([item["body_hash"] for item in await cursor.fetchall()])
        lost = row is None or row["lost"]
        self._calm_until = 0.0 if lost else began + _GOOD_FOR_SECONDS


async def addresses(database: Database) -> Sequence[str]:
    """Where people reach the processes that serve on this machine now, the newest first."""
    rows = await database.fetch(_SQL["addresses"], {"machine": socket.gethostname()})
    return [row["address"] for row in rows]
