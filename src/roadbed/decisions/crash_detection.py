"""Crash detection: marks this process, and sees that another was killed.

A process that is killed while it decides a task that is not on disk leaves no trace of the task.
So each process marks itself in the database before it decides in that way: with a row, and with the
advisory lock of its number on a connection of its own. A clean exit removes the row. A killed
process loses its connection at once, and with it the lock. A row without its lock is a lost
process. Everybody who looks sees it, first of all the next start of the same process.

Errors are on the safe side. After a restart of the database all processes have lost their locks,
and mark themselves again. If others look in between, all of them are careful for a while.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Mapping, Sequence
from typing import Any

import psycopg
from psycopg.rows import dict_row

from roadbed.intake.model import Arrival
from roadbed.kernel.clock import Clock
from roadbed.storage.database import Database
from roadbed.storage.sql import queries
from roadbed.usecases.use_case import UseCase

_SQL = queries(__package__)
SECONDS_BEFORE_COMMIT = 0.05  # a slower decider continues while its task is admitted
_LOOK_SECONDS = 2.0
_GOOD_FOR_SECONDS = 10.0  # an older look no longer counts
_Connection = psycopg.AsyncConnection[Mapping[str, Any]]


class CrashDetector:
    """The mark of this process, and lost processes. Nothing is calm until ``keep`` runs.

    ``interrupted`` holds the body hashes of inputs that were being decided when a process died.
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
                    await self._find_lost(connection)
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

    async def _find_lost(self, connection: _Connection) -> None:
        began = self._clock.monotonic()
        await connection.execute(_SQL["notice"], {"number": self._number})
        cursor = await connection.execute(_SQL["lost"], {"seconds": self._careful_seconds})
        row = await cursor.fetchone()
        cursor = await connection.execute(_SQL["interrupted"])
        self.interrupted = frozenset([row["body_hash"] for row in await cursor.fetchall()])
        lost = row is None or row["lost"]
        self._calm_until = 0.0 if lost else began + _GOOD_FOR_SECONDS


def may_decide_before_commit(
    arrival: Arrival,
    declared: UseCase,
    crash_detector: CrashDetector,
    *,
    free: bool,
    waits: bool,
) -> bool:
    """Whether a task may be decided before it is on disk, and stored with its decision.

    Admitting a task first has three benefits: a caller who does not wait can forget it, the cost of
    deciding it is known even if the process dies, and an input that kills the process is counted.
    So one commit is enough if all of this holds: the caller waits, and sends the task again if no
    answer comes; deciding costs nothing and calls no other system (no budget, and the decider is
    ``free``, see ``DeciderRunner.free``); no process was killed recently, the next kill would be
    noticed, and this input never interrupted a process.
    """
    return (
        waits
        and free
        and declared.budget is None
        and crash_detector.calm()
        and arrival.body_hash not in crash_detector.interrupted
    )


async def addresses(database: Database) -> Sequence[str]:
    """Where people reach the processes that serve on this machine now, the newest first."""
    rows = await database.fetch(_SQL["addresses"], {"machine": socket.gethostname()})
    return [row["address"] for row in rows]
