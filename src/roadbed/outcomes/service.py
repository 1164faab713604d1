"""``Outcomes``: records outcomes, one or many, and withdraws one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from roadbed.audit.events import AuditEvent, record
from roadbed.kernel.clock import Clock
from roadbed.kernel.errors import RoadbedError
from roadbed.kernel.ids import Ids
from roadbed.outcomes import validation
from roadbed.outcomes.errors import OutcomeKeyReusedError
from roadbed.outcomes.model import Outcome, OutcomeItem, Report, Reported
from roadbed.outcomes.report_form import read
from roadbed.outcomes.repository import OutcomeRepository
from roadbed.outcomes.rows import Queries, RecordedRow, TasksRow
from roadbed.storage.database import Database
from roadbed.storage.errors import StorageUnavailableError
from roadbed.storage.sql import queries
from roadbed.storage.writer import GroupCommitWriter, Write
from roadbed.usecases.right_outputs import CheckRight
from roadbed.usecases.use_case import UseCase

SQL = queries(Queries)
MOST_AT_ONCE = 1_000
_MOST_TRIES = 5
Item = Mapping[str, Any]


class Outcomes:
    """Records reports. ``transactions.py`` defines ``record``; ``repository`` reads.

    ``check_right`` refuses a right output whose citations do not stand in the library.
    """

    def __init__(
        self,
        database: Database,
        writer: GroupCommitWriter,
        ids: Ids,
        clock: Clock,
        record: Write[OutcomeItem, RecordedRow],
        declared_of: Callable[[str], UseCase],
        check_right: CheckRight,
    ) -> None:
        self._database = database
        self._writer = writer
        self._ids = ids
        self._clock = clock
        self._record = record
        self._check_right = check_right
        self.repository = OutcomeRepository(database, clock, declared_of)

    async def report(self, declared: UseCase, sent: object, *, by: str) -> Reported:
        """Record one report. When this returns, it is on disk with the review that it opened.

        Raises ``OutcomeError``, ``NoSuchTaskError``, ``TaskUndecidedError``, ``TaskErasedError``,
        ``OutcomeKeyReusedError``, ``StorageUnavailableError``.
        """
        [reported] = await self.report_many(declared, [sent], by=by)
        if isinstance(reported, RoadbedError):
            raise reported
        return reported

    async def report_many(
        self, declared: UseCase, sent: Sequence[object], *, by: str
    ) -> list[Reported | RoadbedError]:
        """Record each report or return its error, in order; the last of a task is in force.

        An error among ``sent``, of a report that could not be read, is returned in its place.
        Raises ``StorageUnavailableError``: send all again, nothing is recorded twice.
        """
        reports = [_tried(given) for given in sent]
        tasks = await self.repository.tasks(
            declared.name, [report for report in reports if isinstance(report, Report)]
        )
        began = self._clock.now()
        kept = await asyncio.gather(
            *(
                self._keep(
                    declared, report, tasks, by=by, at=began + timedelta(microseconds=number)
                )
                for number, report in enumerate(reports)
            )
        )
        ids = [row["outcome_id"] for row in kept if not isinstance(row, RoadbedError)]
        stored = {outcome.id: outcome for outcome in await self.repository.find(ids)}
        return [
            row if isinstance(row, RoadbedError) else _reported(row, stored[row["outcome_id"]])
            for row in kept
        ]

    async def withdraw(self, outcome_id: str, *, by: str) -> Outcome:
        """Withdraw an outcome, so that it no longer counts. Idempotent.

        Raises ``UnknownOutcomeError``.
        """
        at = self._clock.now()
        async with self._database.transaction() as connection:
            facts = {"id": outcome_id, "at": at, "by": by}
            cursor = await connection.execute(SQL["withdraw"], facts)
            if (row := await cursor.fetchone()) is not None:
                event = AuditEvent(
                    use_case=row["use_case"],
                    kind="withdrawn",
                    subject=outcome_id,
                    actor=by,
                    at=at,
                    detail={"task": row["task_id"]},
                )
                await record(connection, event)
        return await self.repository.get(outcome_id)

    async def _keep(
        self,
        declared: UseCase,
        report: Report | RoadbedError,
        tasks: Mapping[str, TasksRow],
        *,
        by: str,
        at: datetime,
    ) -> Item | RoadbedError:
        if isinstance(report, RoadbedError):
            return report
        try:
            if report.output is not None:
                await self._check_right(declared, report.output, by=by)
            item, row = await self._written(declared, report, tasks, by=by, at=at)
            if row is None or row["outcome_id"] is None:
                raise validation.refused(item)
            if row["body_hash"] != item["body_hash"]:
                raise OutcomeKeyReusedError(item["key"], row["outcome_id"])
        except StorageUnavailableError:
            raise
        except RoadbedError as error:
            return error
        return {**item, **row, "repeated": row["outcome_id"] != item["id"]}

    async def _written(
        self,
        declared: UseCase,
        report: Report,
        tasks: Mapping[str, TasksRow],
        *,
        by: str,
        at: datetime,
    ) -> tuple[OutcomeItem, RecordedRow | None]:
        """The stored item of a report, and its row.

        If a verdict was given or undone meanwhile, the report is evaluated again, a few times.
        """
        for attempt in range(_MOST_TRIES):
            if attempt:
                tasks = await self.repository.tasks(declared.name, [report])
            kept = await asyncio.to_thread(validation.item, declared, report, tasks, now=at)
            item: OutcomeItem = {
                **kept,
                "id": self._ids.new("out"),
                "review_id": self._ids.review() if validation.may_be_wrong(kept) else None,
                "use_case": declared.name,
                "reported_by": by,
                "reported_at": at,
            }
            row = await self._writer.write(self._record, item)
            settled = row is None or row["outcome_id"] is not None or row["erased"]
            if settled or item["contradicts_itself"]:
                break
        return item, row


def _tried(sent: object) -> Report | RoadbedError:
    if isinstance(sent, RoadbedError):
        return sent
    try:
        return read(sent)
    except RoadbedError as error:
        return error


def _reported(row: Item, stored: Outcome) -> Reported:
    return Reported(outcome=validation.as_sent(stored, row), repeated=row["repeated"])
