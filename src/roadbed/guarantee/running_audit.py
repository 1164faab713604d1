"""The running audit: inspects the labels of the live version and moves the automation state.

The cost of an inspection depends on the evidence since the last one, not on all decisions of a
version. The number of automatic answers between two sampled ones never changes and is counted once.
The labels are replayed from a mark. A label that comes late, or is taken back, drops the marks
behind its task.

The population is every automatic answer of the version, to first and corrected inputs alike. Each
counts at the place of its own task id, by a coin of its own and with its own loss. No later
revision changes the item of an earlier one.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from psycopg.types.json import Jsonb
from pydantic_core import to_json

from roadbed.examples.service import late_before
from roadbed.guarantee import audit_replay, presentation
from roadbed.guarantee.audit_replay import AuditReplay, KindReplay
from roadbed.guarantee.model import AuditPoint, AuditView, StateChange
from roadbed.guarantee.notices import announce
from roadbed.guarantee.rows import (
    ChangesRow,
    CountedRow,
    GapsRow,
    LiveRow,
    MarkRow,
    PulseRow,
    Queries,
    RelabelledRow,
)
from roadbed.guarantee.state import set_by_alarm
from roadbed.kernel.clock import CLOCKS_DIFFER, Clock
from roadbed.kernel.ids import Ids
from roadbed.kernel.stored_sentences import stored_sentences
from roadbed.reviews.rows import Queries as ReviewQueries
from roadbed.risk.audit import CHANGE_ALARM, RunningAudit
from roadbed.risk.automation_state import AutomationState, Sign, after_alarm, sign_of
from roadbed.risk.curve import share_interval
from roadbed.risk.novelty import KIND_ALARM, KindAlarm
from roadbed.storage.background import Warnings
from roadbed.storage.database import Connection, Database
from roadbed.storage.sql import queries
from roadbed.usecases.use_case import UseCase
from roadbed.versions.identity import automation_state

_SQL = queries(Queries)
_REVIEWS = queries(ReviewQueries)  # the owner of `review`
_LOOK_SECONDS = 0.5
_CHASE_SECONDS = 60.0
_LABELS = "labels"  # subject of the notice about late labels
_log = structlog.get_logger("roadbed")
# Nothing that is not under way settles later than this after its id was made, and no verdict is
# written later than this after its own, by any clock.
_BEHIND = CLOCKS_DIFFER
_ARITHMETIC = 2  # version of the replay; marks of another version are not used
Row = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class EvidenceSummary:
    """The summary of the live version's evidence."""

    live: LiveRow
    audit: RunningAudit
    path: Sequence[AuditPoint]
    kinds: KindAlarm
    waiting: int
    overdue: int


@dataclass(kw_only=True, slots=True)
class _Counted:
    """How far automatic answers are counted; ``tail`` lies behind that, and is counted each time.

    ``changed`` is the first task whose label is new since the last inspection, and
    ``changed_sample`` the first of the sample.
    """

    upto: str = ""
    passed: int = 0
    weight: float = 0.0
    handled: Sequence[str] = ()
    changed: str | None = None
    changed_sample: str | None = None
    tail: Sequence[GapsRow] = ()


class AuditEvidence:
    """Reads the evidence that is new since the last inspection, in one process at a time."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def read(self, declared: UseCase, late_before: datetime) -> EvidenceSummary | None:
        """The evidence of the live version; ``None`` without one."""
        named = {"use_case": declared.name}
        async with self._database.transaction() as connection:
            await connection.execute(_SQL["one_reader"], named)
            live = await (await connection.execute(_SQL["live"], named)).fetchone()
            if live is None or live["live_version"] is None:
                return None
            facts = {**named, "version": live["live_version"], "since": live["audit_at"]}
            counted = await self._count(connection, facts)
            audit = await self._audit(connection, declared, facts, counted, late_before)
            kinds = await self._kinds(connection, live, facts, counted)
        return EvidenceSummary(
            live=live,
            audit=audit.audit,
            path=audit_replay.thinned(audit.path),
            kinds=kinds.alarm,
            waiting=audit.audit.waiting,
            overdue=audit.overdue,
        )

    async def _count(self, connection: Connection, facts: Row) -> _Counted:
        """Count the answers since the last inspection, and find which labels are new."""
        at = self._clock.now()
        row = await (await connection.execute(_SQL["counted"], facts)).fetchone()
        counted = _Counted()
        if row is not None and row["version"] is not None:
            counted = await self._as_kept(connection, facts, row, at)
        behind = _id("tsk", at - _BEHIND)
        under_way = row["under_way"] if row is not None else None
        until = behind if under_way is None else min(behind, under_way)
        if until > counted.upto:
            between = {**facts, "from_task": counted.upto, "until": until}
            gaps = await (await connection.execute(_SQL["gaps"], between)).fetchall()
            kept = _carried(counted, gaps)
            named = {"use_case": facts["use_case"], "gaps": to_json(kept).decode()}
            await connection.execute(_SQL["keep_gaps"], named)
            counted.upto = until
        after = {**facts, "from_task": counted.upto, "until": None}
        counted.tail = await (await connection.execute(_SQL["gaps"], after)).fetchall()
        await connection.execute(
            _SQL["keep_count"],
            {
                **facts,
                "upto": counted.upto,
                "passed": counted.passed,
                "weight": counted.weight,
                "handled": Jsonb(list(counted.handled)),
                "at": at,
            },
        )
        return counted

    async def _as_kept(
        self, connection: Connection, facts: Row, row: CountedRow, at: datetime
    ) -> _Counted:
        """The earlier counts; nothing if they are of another version or missed an answer."""
        kept_at, upto = row["at"], row["upto"]
        assert kept_at is not None  # what is counted has all of these
        assert upto is not None
        labels: Sequence[RelabelledRow] = ()
        same = (row["version"], row["since"]) == (facts["version"], facts["since"])
        if same:
            since = min(kept_at, at) - _BEHIND
            new = {"from": since, "from_verdict": _id("vdt", since), "upto": upto}
            cursor = await connection.execute(_SQL["relabelled"], {**facts, **new})
            labels = await cursor.fetchall()
        missed = any(label["uncounted"] for label in labels)
        if not same or missed or await self._missed(connection, facts, row):
            await connection.execute(_SQL["forget_gaps"], facts)
            return _Counted(changed="", changed_sample="")
        handled = set(row["handled"] or ())
        fresh = [label for label in labels if label["mark"] not in handled]
        return _Counted(
            upto=upto,
            passed=row["passed"] or 0,
            weight=row["weight"] or 0.0,
            handled=[label["mark"] for label in labels],
            changed=min((label["task"] for label in fresh), default=None),
            changed_sample=min((label["task"] for label in fresh if label["drawn"]), default=None),
        )

    async def _missed(self, connection: Connection, facts: Row, row: CountedRow) -> bool:
        behind = {**facts, "at": row["at"], "upto": row["upto"]}
        late = await (await connection.execute(_SQL["missed"], behind)).fetchone()
        return late is None or bool(late["missed"])

    async def _audit(
        self,
        connection: Connection,
        declared: UseCase,
        facts: Row,
        counted: _Counted,
        late_before: datetime,
    ) -> AuditReplay:
        basis = _basis(
            facts["version"],
            facts["since"],
            declared.risk_limit,
            declared.certainty,
            declared.risk_measure,
            declared.label_within_hours,
        )
        whose = {"use_case": facts["use_case"], "kind": "audit", "basis": basis}
        mark = await self._mark(connection, whose, counted.changed_sample)
        passed, weight = counted.passed, counted.weight
        tail = _carried(_Counted(passed=passed, weight=weight), counted.tail)
        rest = _Counted(passed=passed, weight=weight)
        _carried(rest, counted.tail)
        cursor = await connection.execute(
            _SQL["outcomes"],
            {
                **facts,
                "after": mark["last"] if mark else "",
                "tail": to_json(tail).decode(),
                "late_before": late_before,
            },
        )
        replay = AuditReplay.from_state(
            declared.risk_limit,
            1.0 - declared.certainty,
            declared.risk_measure,
            mark["state"] if mark else None,
        )
        rows = await cursor.fetchall()
        marks = await asyncio.to_thread(replay.continue_with, rows, upto=counted.upto)
        replay.audit.pass_over(rest.passed, rest.weight)
        await self._keep(connection, whose, marks)
        return replay

    async def _kinds(
        self, connection: Connection, live: LiveRow, facts: Row, counted: _Counted
    ) -> KindReplay:
        known = audit_replay.known_kinds(live["kinds"])
        basis = _basis(facts["version"], live["alarm_at"], known and sorted(known))
        whose = {"use_case": facts["use_case"], "kind": "kinds", "basis": basis}
        mark = await self._mark(connection, whose, counted.changed)
        since = {"since": live["alarm_at"], "after": mark["last"] if mark else ""}
        rows = await (await connection.execute(_SQL["kinds"], {**facts, **since})).fetchall()
        replay = KindReplay.from_state(known, mark["state"] if mark else None)
        marks = await asyncio.to_thread(replay.continue_with, rows, upto=counted.upto)
        await self._keep(connection, whose, marks)
        return replay

    async def _mark(
        self, connection: Connection, whose: Row, changed: str | None
    ) -> MarkRow | None:
        await connection.execute(_SQL["forget_marks"], {**whose, "changed": changed})
        return await (await connection.execute(_SQL["mark"], whose)).fetchone()

    async def _keep(self, connection: Connection, whose: Row, marks: Sequence[Row]) -> None:
        if marks:
            facts = {**whose, "marks": to_json(marks).decode()}
            await connection.execute(_SQL["keep_marks"], facts)


class RunningAuditMonitor:
    """Enforces the risk limit: reads labelled evidence, moves states, notifies the pod."""

    def __init__(self, database: Database, ids: Ids, clock: Clock) -> None:
        self._database = database
        self._ids = ids
        self._clock = clock
        self._seen: dict[str, PulseRow | None] = {}
        self._reader = AuditEvidence(database, clock)

    async def inspect(self, declared: UseCase) -> StateChange | None:
        """Move the state if the evidence says so; each move has an audit entry and a notice.

        The move and the halt epoch change together, under the lock that settlements share: a
        decision made before it cannot settle after it.
        """
        evidence = await self._evidence(declared)
        if evidence is None:
            return None
        sign = sign_of(evidence.audit, evidence.kinds)
        if sign is None:
            return None
        live = evidence.live
        before = automation_state(live)
        after = after_alarm(before, sign, grid=live["grid"] or (), on_alarm=live["on_alarm"])
        if after.state is before.state:
            return None
        why = presentation.reason(sign, evidence.audit, evidence.kinds, declared.risk_limit)
        return await self._move(declared.name, live, after, sign, why)

    async def watch(self, declared: Callable[[], Sequence[UseCase]]) -> None:
        """Inspect whenever something was labelled, and chase late labels, until cancelled."""
        chased, warnings = 0.0, Warnings()
        while True:
            for use_case in declared():
                with warnings.caught("trust not looked at", usecase=use_case.name):
                    await self._inspect_if_new(use_case)
                    if self._clock.monotonic() - chased > _CHASE_SECONDS:
                        await self.chase(use_case)
            if self._clock.monotonic() - chased > _CHASE_SECONDS:
                chased = self._clock.monotonic()
            await asyncio.sleep(_LOOK_SECONDS)

    async def chase(self, declared: UseCase) -> int:
        """Put late sample items first in the queue and notify the pod; returns how many are new."""
        facts = {"use_case": declared.name, "late_before": await self._late_before(declared)}
        new = await self._database.fetch(_REVIEWS["chase"], facts)
        row = await self._database.fetch_one(_SQL["late_items"], facts)
        late = row["late"] if row else 0
        if new or not late:
            over = {"use_case": declared.name, "about": _LABELS, "at": self._clock.now()}
            await self._database.fetch(_SQL["over"], over)
        if new and late:
            text = stored_sentences(
                "%(use_case)s: %(n)s sample item waits for a label since more than %(hours)s "
                "hours. Until then each counts as wrong.",
                "%(use_case)s: %(n)s sample items wait for a label since more than %(hours)s "
                "hours. Until then each counts as wrong.",
                late,
                use_case=declared.name,
                hours=format(declared.label_within_hours, "g"),
            )
            notice, at = self._ids.new("ntc"), self._clock.now()
            async with self._database.transaction() as connection:
                await announce(
                    connection, notice, declared.name, "overdue", text, at=at, about=_LABELS
                )
        return len(new)

    async def audit(self, declared: UseCase) -> AuditView:
        """The running audit of the live version, with its course so far."""
        evidence = await self._evidence(declared)
        delta = 1.0 - declared.certainty
        if evidence is None:
            audit, kinds = RunningAudit(risk_limit=declared.risk_limit, delta=delta), KindAlarm()
        else:
            audit, kinds = evidence.audit, evidence.kinds
        low, high = share_interval(audit.wrong, audit.sampled, declared.certainty)
        return AuditView(
            version=evidence.live["live_version"] if evidence else None,
            automated=audit.automated,
            sampled=audit.sampled,
            wrong=audit.wrong,
            waiting=evidence.waiting if evidence else 0,
            overdue=evidence.overdue if evidence else 0,
            low=low,
            high=high,
            estimate=audit.estimate if audit.sampled else None,  # of none drawn it is no estimate
            upper=audit.upper,
            harm=audit.harm,
            harm_limit=1.0 / delta,
            change=audit.change,
            change_limit=CHANGE_ALARM,
            kinds_seen=kinds.seen,
            new_kinds=kinds.new,
            kinds_evidence=kinds.evidence,
            kinds_limit=KIND_ALARM,
            path=evidence.path if evidence else (),
        )

    async def changes(self, use_case: str, most: int = 50) -> Sequence[ChangesRow]:
        """Moves of the state and releases, newest first: ``at`` and ``detail``."""
        return await self._database.fetch(_SQL["changes"], {"use_case": use_case, "most": most})

    async def _inspect_if_new(self, declared: UseCase) -> None:
        pulse = await self._database.fetch_one(_SQL["pulse"], {"use_case": declared.name})
        if pulse != self._seen.get(declared.name):
            self._seen[declared.name] = pulse
            await self.inspect(declared)

    async def _evidence(self, declared: UseCase) -> EvidenceSummary | None:
        return await self._reader.read(declared, await self._late_before(declared))

    async def _move(
        self,
        use_case: str,
        live: LiveRow,
        after: AutomationState,
        sign: Sign,
        why: str,
    ) -> StateChange | None:
        at = self._clock.now()
        before = automation_state(live).state
        change = StateChange(before=before, after=after.state, sign=sign, reason=why, at=at)
        async with self._database.transaction() as connection:
            if not await set_by_alarm(connection, use_case, live, after, change):
                return None  # the state was changed or a version was released meanwhile
            notice, text = self._ids.new("ntc"), presentation.notice(use_case, after, why)
            await announce(connection, notice, use_case, after.state, text, at=at)
            await connection.execute(_SQL["tell"], {"use_case": use_case})
        _log.warning("state moved", usecase=use_case, state=after.state, reason=why)
        return change

    async def _late_before(self, declared: UseCase) -> datetime:
        hours = declared.label_within_hours
        return await late_before(self._database, self._clock, declared.name, hours)


def _carried(counted: _Counted, gaps: Sequence[GapsRow]) -> list[dict[str, Any]]:
    """Gaps that end with a drawn answer; what follows the last of them stays in ``counted``."""
    kept = []
    for gap in gaps:
        counted.passed += gap["passed"]
        counted.weight += gap["weight"]
        if gap["id"] is not None:
            kept.append({"id": gap["id"], "passed": counted.passed, "weight": counted.weight})
            counted.passed, counted.weight = 0, 0.0
    return kept


def _id(prefix: str, at: datetime) -> str:
    """The smallest id made at that moment (kernel/ids.py)."""
    return f"{prefix}_{int(at.timestamp() * 1000):012x}"


def _basis(*parts: object) -> str:
    """The basis of a replay besides the labels: with another basis it starts again."""
    return hashlib.sha256(to_json([_ARITHMETIC, *parts])).hexdigest()[:32]
