"""``OutcomeRepository``: reads outcomes as they may be shown, and summarises them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from datetime import timedelta
from typing import Any

from roadbed.kernel.clock import Clock
from roadbed.kernel.paging import COUNTED, Portion, Slice, portion
from roadbed.outcomes.errors import NoSuchOutcomeError
from roadbed.outcomes.model import ListedOutcome, Listing, Outcome, Report, Summary
from roadbed.outcomes.rows import OutcomesRow, Queries, TasksRow
from roadbed.outcomes.validation import contradicts
from roadbed.risk.curve import share_interval
from roadbed.storage.database import Database
from roadbed.storage.sql import queries
from roadbed.usecases.use_case import UseCase

_SQL = queries(Queries)
_WITHHELD = ("right", "output", "note")
_FIELDS = tuple(name for name in Outcome.__dataclass_fields__ if name != "contradicts")
DAYS = 30
Row = Mapping[str, Any]


class OutcomeRepository:
    """Reads of outcomes; answers are left out until blind reviews have their verdict."""

    def __init__(
        self, database: Database, clock: Clock, declared_of: Callable[[str], UseCase]
    ) -> None:
        self._database = database
        self._clock = clock
        self._declared_of = declared_of

    async def get(self, outcome_id: str) -> Outcome:
        """One outcome. Raises ``NoSuchOutcomeError``."""
        outcomes = await self.find([outcome_id])
        if not outcomes:
            raise NoSuchOutcomeError(outcome_id)
        return outcomes[0]

    async def find(self, ids: Sequence[str]) -> Sequence[Outcome]:
        """Those of ``ids`` that there are."""
        return await self._outcomes(ids=list(ids), most=len(ids)) if ids else []

    async def newest(
        self,
        use_case: str,
        *,
        most: int = 50,
        before: str | None = None,
        contradicting: bool = False,
    ) -> Listing:
        """The newest of a use case; ``before`` is the ``next`` of the page before.

        ``contradicting``: only those of the last ``DAYS`` days that say a verdict is wrong.
        """
        since = self._clock.now() - timedelta(days=DAYS) if contradicting else None
        outcomes: list[Outcome] = []
        while True:
            some = await self._outcomes(
                use_case=use_case,
                before=before,
                since=since,
                contradicting=contradicting,
                most=most,
            )
            outcomes += [outcome for outcome in some if outcome.contradicts or not contradicting]
            if len(outcomes) >= most or len(some) < most:
                break
            before = some[-1].id
        outcomes = outcomes[:most]
        return Listing(outcomes=outcomes, next=outcomes[-1].id if len(outcomes) == most else None)

    async def page(self, use_case: str, asked: Slice) -> Portion[ListedOutcome]:
        """One page of a use case's, with how many there are."""
        facts = _facts(use_case=use_case, **asked.facts(counted=COUNTED + 1))
        rows = await self._database.fetch(_SQL["outcomes"], facts)
        total, newer = (rows[0]["total"] or 0, rows[0]["newer"] or 0) if rows else (0, 0)
        return portion(await self._listed(rows), asked, total=total, newer=newer)

    async def every(
        self, use_case: str, asked: Slice
    ) -> AsyncGenerator[Sequence[ListedOutcome], None]:
        """All of a use case's at one moment, in batches."""
        facts = _facts(use_case=use_case, **asked.facts())
        async with aclosing(self._database.stream(_SQL["outcomes"], facts)) as batches:
            async for rows in batches:
                yield await self._listed(rows)

    async def summary(self, declared: UseCase) -> Summary:
        """The outcomes of automatic answers of the last ``DAYS`` days."""
        since = self._clock.now() - timedelta(days=DAYS)
        (row,) = await self._database.fetch(
            _SQL["summary"], {"use_case": declared.name, "since": since}
        )
        told, right = row["told"], row["right"]
        low, high = share_interval(right, told, declared.certainty) if told else (0.0, 1.0)
        return Summary(**row, days=DAYS, low=low, high=high)

    async def tasks(self, use_case: str, reports: Sequence[Report]) -> Mapping[str, TasksRow]:
        """The tasks that are named, by their ids, and by their keys behind ``key:``."""
        ids = [report.task for report in reports if report.task]
        keys = [report.task_key for report in reports if report.task_key]
        rows = await self._database.fetch(
            _SQL["tasks"], {"use_case": use_case, "ids": ids, "keys": keys}
        )
        return {
            **{row["id"]: row for row in rows},
            **{f"key:{row['key']}": row for row in rows},
        }

    async def use_case_of(self, outcome_id: str) -> str | None:
        """The use case that an outcome belongs to; ``None`` if there is no such outcome."""
        row = await self._database.fetch_one(_SQL["use_case_of"], {"id": outcome_id})
        return row["use_case"] if row else None

    async def _outcomes(self, *, most: int, **wanted: Any) -> Sequence[Outcome]:
        facts = _facts(**{**Slice().facts(), **wanted, "most": most})
        rows = await self._database.fetch(_SQL["outcomes"], facts)
        return await asyncio.to_thread(lambda: [self._shown(row) for row in rows])

    async def _listed(self, rows: Sequence[OutcomesRow]) -> Sequence[ListedOutcome]:
        return await asyncio.to_thread(
            lambda: [ListedOutcome(outcome=self._shown(row), input=row["input"]) for row in rows]
        )

    def _shown(self, row: OutcomesRow) -> Outcome:
        stored: Row = row
        fields: dict[str, Any] = {name: stored[name] for name in _FIELDS}
        fields["contradicts"] = contradicts(self._declared_of(row["use_case"]), row)
        return Outcome(**(fields | dict.fromkeys(_WITHHELD) if row["withheld"] else fields))


def _facts(**wanted: object) -> dict[str, object]:
    nothing = dict.fromkeys(("ids", "use_case", "since")) | {"contradicting": False}
    return nothing | wanted
