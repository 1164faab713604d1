"""Figures that are kept until something changes them: computed once for all who look.

Whether something changed is read from the audit log, so that every process sees what any other did.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from roadbed.insight.rows import Queries
from roadbed.kernel import messages
from roadbed.kernel.clock import Clock
from roadbed.storage.database import Database
from roadbed.storage.sql import queries

_SQL = queries(Queries)
_Figure = TypeVar("_Figure")
_TRAFFIC = ("decided", "sent")  # kinds of entries that no person's act causes
TRAFFIC_SECONDS = 5.0
_LONGEST_SECONDS = 60.0  # for what depends on the time of day
_BUSY_FROM = 5_000  # audit entries


@dataclass(frozen=True, kw_only=True, slots=True)
class Mark:
    """The newest audit entry of a use case, and the newest that a person's act caused."""

    newest: int
    act: int


@dataclass(frozen=True, kw_only=True, slots=True)
class _Kept:
    mark: Mark
    made_at: float
    about: object
    figure: Any


class KeptFigures:
    """Keeps one figure of each name and use case in this process.

    After an act of anybody the next reader gets a new one. Traffic alone makes a figure old after
    five seconds. Below ``busy_from`` audit entries nothing is kept: there figures cost little.
    """

    def __init__(self, database: Database, clock: Clock, *, busy_from: int = _BUSY_FROM) -> None:
        self._database = database
        self._clock = clock
        self._busy_from = busy_from
        self._position: int | None = None
        self._began = 0
        self._marks: dict[str, Mark] = {}
        self._kept: dict[tuple[str, str, str], _Kept] = {}
        self._locks: defaultdict[tuple[str, str, str], asyncio.Lock] = defaultdict(asyncio.Lock)

    async def read(
        self,
        name: str,
        use_case: str,
        compute: Callable[[], Awaitable[_Figure]],
        *,
        about: object = None,
        traffic_seconds: float = TRAFFIC_SECONDS,
    ) -> _Figure:
        """The figure ``name`` of ``use_case``; of those who come at the same time one computes it.

        ``about`` is what it depends on besides: another value makes a new figure. Traffic alone
        makes it old after ``traffic_seconds``.
        """
        mark = await self.mark(use_case)
        if mark is None:
            return await compute()
        key = (name, use_case, messages.spoken())  # some hold sentences
        async with self._locks[key]:
            kept = self._kept.get(key)
            if (
                kept is None
                or kept.about != about
                or not self._is_good(kept, mark, traffic_seconds)
            ):
                # Before it is computed: what happens meanwhile makes it old.
                mark, made_at = await self.mark(use_case) or mark, self._clock.monotonic()
                kept = _Kept(mark=mark, made_at=made_at, about=about, figure=await compute())
                self._kept[key] = kept
            figure: _Figure = kept.figure
            return figure

    async def mark(self, use_case: str) -> Mark | None:
        """What has happened in a use case so far; ``None`` while there is little."""
        if self._position is None:
            (pulse,) = await self._database.fetch(_SQL["pulse"], {})
            if pulse["position"] < self._busy_from:
                return None
            self._position = self._began = pulse["position"]
        facts = {"after": self._position, "traffic": list(_TRAFFIC)}
        for row in await self._database.fetch(_SQL["happened"], facts):
            self._position = max(self._position, row["newest"])
            if row["use_case"] is not None:
                before = self._of(row["use_case"])
                self._marks[row["use_case"]] = Mark(
                    newest=max(before.newest, row["newest"]),
                    act=max(before.act, row["act"] or 0),
                )
        return self._of(use_case)

    def _of(self, use_case: str) -> Mark:
        return self._marks.get(use_case, Mark(newest=self._began, act=self._began))

    def _is_good(self, kept: _Kept, mark: Mark, traffic_seconds: float) -> bool:
        age = self._clock.monotonic() - kept.made_at
        if kept.mark.act < mark.act or age >= _LONGEST_SECONDS:
            return False
        return kept.mark.newest >= mark.newest or age < traffic_seconds
