"""``Intake``: reads, admits and revises tasks, and takes over tasks after a crash."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from psycopg.types.json import Jsonb

from roadbed.audit import events as audit_events
from roadbed.audit.events import AuditEvent
from roadbed.budgets.service import SQL as BUDGETS
from roadbed.budgets.service import Budgets, amounts
from roadbed.intake import validation
from roadbed.intake.errors import KeyReusedError, NoSuchTaskError, RevisionErasedError
from roadbed.intake.model import (
    Admission,
    AdmittedItem,
    AdmittedTask,
    Arrival,
    FundedItem,
    TaskItem,
    Unread,
)
from roadbed.intake.rows import Queries, StandingFundedRow, StandingRow
from roadbed.kernel.clock import Clock
from roadbed.kernel.errors import RoadbedError
from roadbed.kernel.ids import Ids, TaskId
from roadbed.kernel.sentences import sentence
from roadbed.risk import sampling
from roadbed.storage.database import Connection, Database
from roadbed.storage.sql import queries
from roadbed.storage.writer import GroupCommitWriter, Write
from roadbed.usecases.parsing import UnfitError, read_stored
from roadbed.usecases.use_case import OnRevision, UseCase

SQL = queries(Queries)
_TURN_SECONDS = 0.05
ADMIT = Write("admit", SQL["admit"], SQL["hold"], answer=SQL["standing"], items=AdmittedItem)
ADMIT_FUNDED = Write(
    "admit-funded",
    SQL["admit"],
    SQL["hold"],
    BUDGETS["reserve"],
    answer=SQL["standing_funded"],
    items=FundedItem,
)


class Intake:
    """Admits tasks. When ``admit`` returns, the task is on disk and will be decided."""

    def __init__(
        self,
        database: Database,
        writer: GroupCommitWriter,
        ids: Ids,
        clock: Clock,
        budgets: Budgets,
        *,
        lease_seconds: float,
    ) -> None:
        self._database = database
        self._writer = writer
        self._ids = ids
        self._clock = clock
        self._budgets = budgets
        self._lease_seconds = lease_seconds

    def read(
        self,
        declared: UseCase,
        content: Mapping[str, object],
        *,
        key: str | None,
        source: Mapping[str, str],
        coin_seed: bytes,
        reference_rate: float,
    ) -> Arrival:
        """Check a task, and draw whether it is in the sample, before there is any answer.

        Raises ``InputError``.
        """
        validation.check_key(key)
        reading = validation.read_input(declared.input, content)
        task_id = self._ids.task()
        task = AdmittedTask(
            id=task_id,
            use_case=declared.name,
            key=key,
            input=reading.value,
            content=reading.form,
            sent=validation.as_sent(reading, content),
            source=source,
            reference=sampling.is_drawn(coin_seed, task_id, reference_rate),
            reference_rate=reference_rate,
            admitted_at=self._clock.now(),
        )
        return Arrival(task=task, body_hash=validation.body_hash(reading.form))

    async def admit(self, declared: UseCase, arrival: Arrival) -> Admission:
        """Store it, with a lease. Raises ``KeyReusedError``, ``StorageUnavailableError``."""
        task, budget = arrival.task, declared.budget
        item: AdmittedItem = {
            **record(arrival),
            "id": task.id,
            "lease_seconds": self._lease_seconds,
        }
        row: StandingRow | StandingFundedRow | None
        if budget is None:
            row = await self._writer.write(ADMIT, item)
        else:
            today = task.admitted_at.date().isoformat()
            funded_item: FundedItem = {**item, "today": today, **amounts(budget)}
            row = await self._writer.write(ADMIT_FUNDED, funded_item)
        if row is None:  # cannot be: the statement reads back what it wrote
            raise RoadbedError(
                sentence("The task was not stored."), sentence("Send it again with the same key.")
            )
        if row["task_id"] == task.id:
            funded = bool(row.get("funded", True))
            return Admission(task=replace(task, funded=funded), repeated=False)
        # The task that had the key may have been erased meanwhile; a reviewer check gives it up.
        if row["task_id"] is None or await self._database.fetch(
            SQL["free_key"], {"id": row["task_id"]}
        ):
            return await self.admit(declared, arrival)
        if not validation.repeats(row, task, arrival.body_hash):
            raise KeyReusedError(str(task.key), row["task_id"])
        return Admission(
            task=_read(declared, {**row, "id": row["task_id"], "key": task.key}), repeated=True
        )

    async def revise(
        self,
        declared: UseCase,
        task_id: str,
        content: Mapping[str, object],
        *,
        source: Mapping[str, str],
        reason: str | None,
        coin_seed: bytes,
        reference_rate: float,
    ) -> Admission:
        """Store a corrected input as the next revision of a task.

        The same input as in the newest revision changes nothing and returns that one. A revision
        has a coin of its own, tossed after its content is fixed. It is in the sample if it was
        drawn, or if an earlier one is. Raises ``InputError``, ``NoSuchTaskError``,
        ``RevisionErasedError``, ``StorageUnavailableError``.
        """
        validation.check_reason(reason)
        reading = validation.read_input(declared.input, content)
        digest, now = validation.body_hash(reading.form), self._clock.now()
        async with self._database.transaction() as connection:
            cursor = await connection.execute(SQL["first"], {"id": task_id})
            first = await cursor.fetchone()
            if first is None or first["use_case"] != declared.name:
                raise NoSuchTaskError(task_id)
            if first["erased"]:
                raise RevisionErasedError(first["id"])
            revisions = await connection.execute(SQL["newest"], {"first": first["id"]})
            newest = await revisions.fetchone()
            assert newest is not None  # the first is locked, and is one of them
            task_id, noted = self._ids.task(), declared.on_revision == "note"
            coin = not noted and sampling.is_drawn(coin_seed, task_id, reference_rate)
            task = AdmittedTask(
                id=task_id,
                use_case=declared.name,
                key=first["key"],
                input=reading.value,
                content=reading.form,
                sent=validation.as_sent(reading, content),
                source={**source, "reason": reason} if reason else source,
                reference=newest["reference"] or coin,
                reference_rate=reference_rate,
                admitted_at=now,
                revises=first["id"],
                revision=newest["revision"] + 1,
                noted=noted,
                # The answer to a case that measures reviewers sends nothing, so it does not count.
                drawn=coin and not first["measured"],
            )
            if validation.repeats(newest, task, digest):
                return Admission(task=_read(declared, {**first, **newest}), repeated=True)
            await self._keep(connection, task, digest, declared.on_revision)
        return Admission(task=await self._funded(declared, task), repeated=False)

    async def _keep(
        self, connection: Connection, task: AdmittedTask, digest: str, rule: OnRevision
    ) -> None:
        item = {"id": task.id, "lease_seconds": self._lease_seconds}
        facts = {**item, **record(Arrival(task=task, body_hash=digest)), "rule": rule}
        facts |= {"revises": task.revises, "revision": task.revision, "drawn": task.drawn}
        facts |= {name: Jsonb(facts[name]) for name in ("input", "source")}
        facts["sent"] = None if task.sent is None else Jsonb(task.sent)
        await connection.execute(SQL["revise"], facts)
        if not task.noted:
            await connection.execute(SQL["hold_revision"], item)
        detail = {"of": task.revises, "revision": task.revision, "rule": rule, "content": digest}
        event = AuditEvent(
            use_case=task.use_case,
            kind="revision",
            subject=task.id,
            actor=task.source.get("by", "unknown"),
            at=task.admitted_at,
            detail=detail,
        )
        await audit_events.record(connection, event)

    async def _funded(self, declared: UseCase, task: AdmittedTask) -> AdmittedTask:
        if declared.budget is None or task.noted:
            return task
        funded = await self._budgets.again(task.use_case, declared.budget, [task.id])
        return replace(task, funded=task.id in funded)

    async def in_turn(self, task: AdmittedTask) -> None:
        """Wait until earlier revisions of ``task`` are decided, in any process."""
        facts = {"revises": task.revises, "revision": task.revision}
        while await self._database.fetch(SQL["ahead"], facts):  # noqa: ASYNC110 - other processes
            await asyncio.sleep(_TURN_SECONDS)

    async def take_over(self, served: Mapping[str, UseCase], most: int) -> Sequence[AdmittedTask]:
        """Tasks whose lease ran out, now leased to this process, at most ``most``."""
        rows = await self._database.fetch(
            SQL["take_over"],
            {"lease_seconds": self._lease_seconds, "use_cases": list(served), "most": most},
        )
        tasks = [_read(served[row["use_case"]], row) for row in rows]
        for name in {task.use_case for task in tasks}:
            if (budget := served[name].budget) is not None:
                mine = [task.id for task in tasks if task.use_case == name]
                funded = await self._budgets.again(name, budget, mine)
                tasks = [
                    replace(task, funded=task.id in funded) if task.use_case == name else task
                    for task in tasks
                ]
        return tasks

    async def extend(self, task_ids: Iterable[TaskId]) -> None:
        """Keep the leases of tasks that are still being decided here."""
        await self._database.fetch(
            SQL["extend"], {"lease_seconds": self._lease_seconds, "task_ids": list(task_ids)}
        )


def record(arrival: Arrival) -> TaskItem:
    """The fields of a task that a batch stores, without its id."""
    task = arrival.task
    return {
        "use_case": task.use_case,
        "key": task.key,
        "body_hash": arrival.body_hash,
        "input": task.content,
        "sent": task.sent,
        "source": task.source,
        "reference": task.reference,
        "reference_rate": task.reference_rate,
        "admitted_at": task.admitted_at,
    }


def _read(declared: UseCase, row: Mapping[str, Any]) -> AdmittedTask:
    task = AdmittedTask(
        id=TaskId(row["id"]),
        use_case=declared.name,
        key=row["key"],
        input=Unread(),
        content=row["input"],
        sent=row["sent"],
        source=row["source"],
        reference=row["reference"],
        reference_rate=row["reference_rate"],
        admitted_at=row["admitted_at"],
        attempt=row.get("attempt", 1),
        revises=row.get("revises"),
        revision=row.get("revision", 1),
        noted=row.get("on_revision") == "note",
    )
    try:
        reading = read_stored(declared.input, row["input"])
    except UnfitError:  # if the model changed since, the task goes to a person
        return task
    return replace(task, input=reading.value, content=reading.form)
