"""Incidents: a span of time, with everything that was decided or sent in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from roadbed.audit.events import AuditEvent, record
from roadbed.kernel.clock import Clock
from roadbed.kernel.ids import Ids
from roadbed.kernel.sentences import figure, sentence
from roadbed.receipts.errors import IncidentError, UnknownIncidentError
from roadbed.receipts.rows import IncidentDeliveriesRow, IncidentReachRow, IncidentUsualRow, Queries
from roadbed.receipts.service import Receipt, Receipts
from roadbed.storage.database import Database
from roadbed.storage.sql import Query, queries

_SQL = queries(Queries)
MOST_TASKS = 10_000
_USUAL = timedelta(hours=1)
_UNDONE = ("compensated", "cancelled")
_OPEN = ("planned", "waiting", "sending", "held", "unknown", "compensating", "stuck")
_REVEALING = ("reason", "key", "reference", "content_hash", "attempts")
Row = Mapping[str, Any]
Record = dict[str, Any]  # rows of many tables, sent as JSON


@dataclass(frozen=True, kw_only=True, slots=True)
class Incident:
    """A declared incident, as stored in the audit log."""

    id: str
    use_case: str
    title: str
    since: datetime
    until: datetime
    declared_at: datetime
    declared_by: str


class Incidents:
    """Declares incidents in the audit log, and collects their records."""

    def __init__(self, database: Database, receipts: Receipts, ids: Ids, clock: Clock) -> None:
        self._database = database
        self._receipts = receipts
        self._ids = ids
        self._clock = clock

    async def collect(
        self,
        use_case: str,
        *,
        title: str,
        since: datetime,
        until: datetime | None,
        actor: str,
    ) -> Record:
        """Declare an incident and return its record. Raises as ``declare``."""
        incident = await self.declare(use_case, title=title, since=since, until=until, actor=actor)
        return await self.record(use_case, incident.id, viewer=actor)

    async def declare(
        self,
        use_case: str,
        *,
        title: str,
        since: datetime,
        until: datetime | None,
        actor: str,
    ) -> Incident:
        """Record an incident and its time span; afterwards its record can be read.

        Raises ``IncidentError`` for times that make no span, or a span of more than
        ``MOST_TASKS`` tasks.
        """
        now = self._clock.now()
        ended = until or now
        if since.tzinfo is None or ended.tzinfo is None or since >= ended or since > now:
            raise IncidentError(
                sentence("An incident begins before it ends, and not in the future."),
                sentence("Give times with their zone, such as 2026-11-21T09:00:00Z."),
            )
        incident = Incident(
            id=self._ids.new("inc"),
            use_case=use_case,
            title=title,
            since=since,
            until=ended,
            declared_at=now,
            declared_by=actor,
        )
        await self._tasks(incident)
        await self._note(incident)
        return incident

    async def usual_start(self, use_case: str) -> datetime:
        """An hour ago, in whole seconds; later where half of ``MOST_TASKS`` were decided since.

        The other half is reserved for tasks that arrive while the incident is declared, and for
        older ones whose effects were sent in this time.
        """
        now = self._clock.now()
        span = {"use_case": use_case, "since": now - _USUAL, "until": now}
        return await self._start(_SQL["incident_usual"], span, MOST_TASKS // 2) or _second(
            now - _USUAL
        )

    async def summary(self, use_case: str, incident_id: str, *, viewer: str) -> Record:
        """The record without its receipts: times, counts, halts, changes, effects.

        Parts of an effect that reveal an answer to a blind reviewer are left out. Raises
        ``UnknownIncidentError``, also for one of another use case.
        """
        incident = await self._find(use_case, incident_id)
        return await self._summary(incident, await self._tasks(incident), viewer)

    async def record(self, use_case: str, incident_id: str, *, viewer: str) -> Record:
        """The whole record that ``viewer`` may see, as one JSON document. Raises as ``summary``."""
        incident = await self._find(use_case, incident_id)
        ids = await self._tasks(incident)
        summary = await self._summary(incident, ids, viewer)
        return {**summary, "receipts": await self._all_receipts(ids, viewer)}

    async def _find(self, use_case: str, incident_id: str) -> Incident:
        facts = {"use_case": use_case, "id": incident_id}
        row = await self._database.fetch_one(_SQL["incident_declared"], facts)
        if row is None or row["detail"] is None:
            raise UnknownIncidentError(incident_id)
        detail = row["detail"]
        return Incident(
            id=incident_id,
            use_case=use_case,
            title=detail["title"],
            since=datetime.fromisoformat(detail["since"]),
            until=datetime.fromisoformat(detail["until"]),
            declared_at=row["at"],
            declared_by=row["actor"],
        )

    async def _tasks(self, of: Incident) -> list[str]:
        most = MOST_TASKS + 1
        rows = await self._database.fetch(_SQL["incident_tasks"], {**_span(of), "most": most})
        if await self._database.fetch_one(_SQL["incident_pod"], _span(of)) is None:
            raise IncidentError(
                sentence("The use case %(use_case)r is not known.", use_case=of.use_case),
                sentence("`roadbed trust NAME` shows one."),
            )
        if len(rows) > MOST_TASKS:
            start = await self._start(_SQL["incident_reach"], _span(of), MOST_TASKS)
            at = start and f"{start:%Y-%m-%dT%H:%M:%SZ}"
            raise IncidentError(
                sentence(
                    "%(use_case)r has more than %(most_tasks)s tasks in this time.",
                    use_case=of.use_case,
                    most_tasks=figure(f"{MOST_TASKS:,}"),
                ),
                sentence(
                    "Take a shorter time, and a record for each part: the last begins at %(at)s.",
                    at=at,
                )
                if at
                else sentence("Take a shorter time, and a record for each part."),
            )
        return [row["id"] for row in rows]

    async def _start(
        self, query: Query[IncidentReachRow] | Query[IncidentUsualRow], span: Row, most: int
    ) -> datetime | None:
        """The second from which at most ``most`` tasks lie in the rest of ``span``.

        ``None`` where fewer lie in all of it, or as many in its last second.
        """
        row = await self._database.fetch_one(query, {**span, "most": most})
        start = row and _second(row["at"]) + timedelta(seconds=1)
        return start if start and start < span["until"] else None

    async def _summary(self, of: Incident, ids: Sequence[str], viewer: str) -> Record:
        span = _span(of)
        pod = await self._database.fetch_one(_SQL["incident_pod"], span)
        deliveries = await self._database.fetch(_SQL["incident_deliveries"], {"ids": ids})
        changes = await self._database.fetch(_SQL["incident_changes"], span)
        readable = self._receipts.readable(viewer)
        return {
            "incident": of.id,
            "title": of.title,
            "use_case": of.use_case,
            "purpose": pod and pod["purpose"],
            "pod": pod and pod["pod"],
            "since": of.since,
            "until": of.until,
            "declared_at": of.declared_at,
            "declared_by": of.declared_by,
            "collected_at": self._clock.now(),
            "collected_by": viewer,
            "summary": _counted(ids, deliveries),
            "halts": await self._database.fetch(_SQL["incident_halts"], span),
            "changes": await readable.changes(of.use_case, changes),
            "effects": await readable.effects(
                of.use_case, [_withhold(row) if row["withheld"] else row for row in deliveries]
            ),
        }

    async def _all_receipts(self, ids: Sequence[str], actor: str) -> list[Receipt]:
        return [await self._receipts.get(id_, viewer=actor) for id_ in ids]

    async def _note(self, of: Incident) -> None:
        event = AuditEvent(
            use_case=of.use_case,
            kind="incident",
            subject=of.id,
            actor=of.declared_by,
            at=of.declared_at,
            detail={
                "title": of.title,
                "since": of.since.isoformat(),
                "until": of.until.isoformat(),
            },
        )
        async with self._database.transaction() as connection:
            await record(connection, event)


def _second(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(microsecond=0)


def _span(of: Incident) -> Record:
    return {"use_case": of.use_case, "since": of.since, "until": of.until}


def _withhold(row: IncidentDeliveriesRow) -> Row:
    """The parts of a receipt that reveal the answer to a blind reviewer."""
    return {**row, **dict.fromkeys(_REVEALING)}


def _counted(ids: Sequence[str], deliveries: Sequence[IncidentDeliveriesRow]) -> Record:
    states = Counter(row["state"] for row in deliveries)
    return {
        "tasks": len(ids),
        "effects": len(deliveries),
        "by_state": dict(states),
        "undone": sum(states[state] for state in _UNDONE),
        "still_open": sum(states[state] for state in _OPEN),
    }
