"""The clock of the whole road: what stage a use case is in, since when, and what it waits for."""

from __future__ import annotations

from roadbed.insight.timeline import Timeline, road
from roadbed.kernel.clock import Clock
from roadbed.storage.database import Database
from roadbed.storage.sql import queries
from roadbed.usecases.errors import UnknownUseCaseError

_SQL = queries(__package__)


class StageClock:
    """Reads stage events; they are written in the transaction of whatever they tell of."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def road(self, use_case: str) -> Timeline:
        """14 days to a proof of concept and 8 weeks to production: how much of them was used.

        Raises ``UnknownUseCaseError``.
        """
        events = await self._database.fetch(_SQL["events"], {"use_case": use_case})
        if not events:  # whatever is known has begun
            raise UnknownUseCaseError(use_case)
        return road(use_case, events, self._clock.now())
