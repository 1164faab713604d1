"""Verbs: ``look`` at the labelled evidence and move the state; ``watch`` does so for good."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import structlog
from psycopg.types.json import Jsonb

from roadbed.guarantee import audit_replay
from roadbed.guarantee.errors import UnknownNoticeError
from roadbed.guarantee.evidence import AuditEvidence, EvidenceSummary
from roadbed.guarantee.model import AuditView, Notice, StateChange
from roadbed.halts.service import late_before
from roadbed.kernel.clock import Clock
from roadbed.kernel.ids import Ids
from roadbed.risk.audit import CHANGE_ALARM, RunningAudit
from roadbed.risk.automation_state import AutomationState, Sign, State, after_alarm, sign_of
from roadbed.risk.curve import share_interval
from roadbed.risk.novelty import KIND_ALARM, KindAlarm
from roadbed.storage.background import Warnings
from roadbed.storage.database import Database
from roadbed.storage.sql import queries
from roadbed.usecases.use_case import UseCase
from roadbed.versions.identity import standing

_SQL = queries(__package__)
_LOOK_SECONDS = 0.5
_CHASE_SECONDS = 60.0
_LABELS = "labels"  # what the notice of late labels is about
_log = structlog.get_logger("roadbed")
Row = Mapping[str, Any]


class RunningAuditMonitor:
    """Keeps the promise: reads labelled evidence, moves states, tells the pod."""

    def __init__(self, database: Database, ids: Ids, clock: Clock, audit_note: str) -> None:
        self._database = database
        self._ids = ids
        self._clock = clock
        self._audit_note = audit_note
        self._seen: dict[str, Row | None] = {}
        self._reader = AuditEvidence(database, clock)

    async def look(self, declared: UseCase) -> StateChange | None:
        """Move the state if the evidence says so; every move is noted and told.

        The move and the halt epoch change together, under the lock that settlements share: a
        decision made before it cannot settle after it.
        """
        found = await self._evidence(declared)
        if found is None:
            return None
        sign = sign_of(found.audit, found.kinds)
        before = standing(found.live)
        if sign is None:
            return None
        after = after_alarm(
            before, sign, grid=found.live["grid"] or (), on_alarm=found.live["on_alarm"]
        )
        if after.state is before.state:
            return None
        why = audit_replay.reason(sign, found.audit, found.kinds, declared.risk_limit)
        return await self._move(declared.name, found.live, before, after, sign, why)

    async def watch(self, declared: Callable[[], Sequence[UseCase]]) -> None:
        """Look whenever something was labelled, and chase what is late, until cancelled."""
        chased, warnings = 0.0, Warnings()
        while True:
            for item in declared():
                with warnings.caught("trust not looked at", usecase=item.name):
                    await self._look_if_new(item)
                    if self._clock.monotonic() - chased > _CHASE_SECONDS:
                        await self.chase(item)
            if self._clock.monotonic() - chased > _CHASE_SECONDS:
                chased = self._clock.monotonic()
            await asyncio.sleep(_LOOK_SECONDS)

    async def chase(self, declared: UseCase) -> int:
        """Put late sample items first in the queue and tell the pod; gives how many are new."""
        facts = {"use_case": declared.name, "late_before": await self._late_before(declared)}
        new = await self._database.fetch(_SQL["chase"], facts)
        row = await self._database.fetch_one(_SQL["late_items"], facts)
        late = row["late"] if row else 0
        if new or not late:
            over = {"use_case": declared.name, "about": _LABELS, "at": self._clock.now()}
            await self._database.fetch(_SQL["over"], over)
        if new and late:
            many = "item waits" if late == 1 else "items wait"
            await self._announce(
                declared.name,
                "overdue",
                f"{declared.name}: {late} sample {many} for a label since more than "
                f"{declared.label_within_hours:g} hours. Until then each counts as wrong.",
            )
        return len(new)

    async def audit(self, declared: UseCase) -> AuditView:
        """The running audit of the live version, with its way there."""
        found = await self._evidence(declared)
        delta = 1.0 - declared.certainty
        if found is None:
            audit, kinds = RunningAudit(risk_limit=declared.risk_limit, delta=delta), KindAlarm()
            found = EvidenceSummary(
                live={}, audit=audit, path=(), kinds=kinds, waiting=0, overdue=0
            )
        audit, kinds = found.audit, found.kinds
        low, high = share_interval(audit.wrong, audit.sampled, declared.certainty)
        return AuditView(
            version=found.live.get("live_version"),
            automated=audit.automated,
            sampled=audit.sampled,
            wrong=audit.wrong,
            waiting=found.waiting,
            overdue=found.overdue,
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
            path=found.path,
        )

    async def changes(self, use_case: str, most: int = 50) -> Sequence[Row]:
        """Moves of the state and releases, newest first: ``at`` and ``detail``."""
        return await self._database.fetch(_SQL["changes"], {"use_case": use_case, "most": most})

    async def notices(
        self, use_case: str, *, every: bool = False, most: int = 20
    ) -> Sequence[Notice]:
        """What the pod has not said it has seen, newest first; with ``every`` also what it has."""
        rows = await self._database.fetch(
            _SQL["notices"], {"use_case": use_case, "all": every, "most": most}
        )
        return [Notice(**row) for row in rows]

    async def use_case_of(self, notice_id: str) -> str | None:
        """The use case that a notice belongs to; ``None`` if there is no such notice."""
        row = await self._database.fetch_one(_SQL["use_case_of"], {"id": notice_id})
        return row["use_case"] if row else None

    async def seen(self, notice_id: str, *, person: str) -> None:
        """``person`` has seen a notice. Raises ``UnknownNoticeError``."""
        facts = {"id": notice_id, "person": person, "at": self._clock.now()}
        if not await self._database.fetch(_SQL["seen"], facts):
            raise UnknownNoticeError(notice_id)

    async def _look_if_new(self, declared: UseCase) -> None:
        pulse = await self._database.fetch_one(_SQL["pulse"], {"use_case": declared.name})
        if pulse != self._seen.get(declared.name):
            self._seen[declared.name] = pulse
            await self.look(declared)

    async def _evidence(self, declared: UseCase) -> EvidenceSummary | None:
        return await self._reader.read(declared, await self._late_before(declared))

    async def _move(
        self,
        use_case: str,
        live: Row,
        before: AutomationState,
        after: AutomationState,
        sign: Sign,
        why: str,
    ) -> StateChange | None:
        at = self._clock.now()
        text = audit_replay.notice(use_case, after, why)
        async with self._database.transaction() as connection:
            await connection.execute(_SQL["lock"], {"use_case": use_case})
            cursor = await connection.execute(_SQL["hold"], {"use_case": use_case})
            held = await cursor.fetchone()
            if held is None or (held["live_version"], held["state"]) != (
                live["live_version"],
                live["state"],
            ):
                return None  # somebody moved it, or released, while we looked
            await connection.execute(
                _SQL["move"],
                {
                    **dataclasses.asdict(after),
                    "use_case": use_case,
                    "at": at,
                    "reason": why,
                    "alarm": after.state in (State.CAUTIOUS, State.HALTED),
                },
            )
            await connection.execute(
                self._audit_note,
                {
                    "use_case": use_case,
                    "kind": "state",
                    "actor": "roadbed",
                    "at": at,
                    "subject": f"{use_case} {after.state} at {at:%Y-%m-%dT%H:%M:%S.%fZ}",
                    "detail": Jsonb(
                        {
                            "before": before.state,
                            "after": after.state,
                            "sign": sign,
                            "reason": why,
                            "version": live["live_version"],
                            "threshold": after.threshold,
                        }
                    ),
                },
            )
            over = {"use_case": use_case, "state": after.state, "at": at}
            await connection.execute(_SQL["state_over"], over)
            await connection.execute(
                _SQL["announce"],
                {
                    "id": self._ids.new("ntc"),
                    "use_case": use_case,
                    "kind": after.state,
                    "text": text,
                    "at": at,
                    "about": None,
                },
            )
            await connection.execute(_SQL["tell"], {"use_case": use_case})
        _log.warning("state moved", usecase=use_case, state=after.state, reason=why)
        return StateChange(before=before.state, after=after.state, sign=sign, reason=why, at=at)

    async def _announce(self, use_case: str, kind: str, text: str) -> None:
        await self._database.fetch(
            _SQL["announce"],
            {
                "id": self._ids.new("ntc"),
                "use_case": use_case,
                "kind": kind,
                "text": text,
                "at": self._clock.now(),
                "about": _LABELS,
            },
        )

    async def _late_before(self, declared: UseCase) -> datetime:
        hours = declared.label_within_hours
        return await late_before(self._database, self._clock, declared.name, hours)
