"""Failures of background work: stored per process, listed for people."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from datetime import timedelta

from pydantic_core import to_json

from roadbed.insight.rows import FailuresListRow, Queries
from roadbed.kernel.clock import Clock
from roadbed.storage.database import Database
from roadbed.storage.failures import OVER_SECONDS, Failures
from roadbed.storage.sql import queries

_SQL = queries(Queries)


class FailureBoard:
    """Failures that console, ``GET /v1/failures`` and the doctor show."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._process = f"{socket.gethostname()}:{os.getpid()}"
        self._kept = False
        self.here = Failures(clock.monotonic)

    async def keep(self) -> None:
        """Store what fails in this process; delete what no longer fails."""
        failures = self.here.standing()
        if not failures and not self._kept:
            return
        now, moment = self._clock.now(), self._clock.monotonic()
        rows = [
            {
                "work": failure.work,
                "about": ", ".join(f"{name} {value}" for name, value in failure.about),
                "use_case": dict(failure.about).get("usecase"),
                "problem": failure.problem,
                "since": now - timedelta(seconds=moment - failure.since),
                "last_at": now - timedelta(seconds=moment - failure.last),
                "times": failure.times,
            }
            for failure in failures
        ]
        facts = {"process": self._process, "items": to_json(rows).decode()}
        async with self._database.transaction() as connection:
            await connection.execute(_SQL["failures_over"], facts)
            await connection.execute(_SQL["failures_keep"], facts)
        self._kept = bool(failures)

    async def list(self, use_cases: Sequence[str]) -> Sequence[FailuresListRow]:
        """Failures in any process: those of ``use_cases``, and those of no use case."""
        facts = {"use_cases": list(use_cases), "over_seconds": OVER_SECONDS}
        return await self._database.fetch(_SQL["failures_list"], facts)
