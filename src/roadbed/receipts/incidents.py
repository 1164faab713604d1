"""Verb: ``collect`` everything an incident touched into one record that can be handed on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from roadbed.kernel.clock import Clock
from roadbed.kernel.ids import Ids
from roadbed.receipts.errors import IncidentError
from roadbed.receipts.service import Receipt, Receipts
from roadbed.storage.database import Database
from roadbed.storage.sql import queries

_SQL = queries(__package__)
MOST_TASKS = 10_000
_UNDONE = ("compensated", "cancelled")
Row = Mapping[str, Any]


class Incidents:
    """Collects; changes nothing but for an audit entry that says it was collected."""

    def __init__(
        self, database: Database, receipts: Receipts, ids: Ids, clock: Clock, audit_note: str
    ) -> None:
        self._database = database
        self._receipts = receipts
        self._ids = ids
        self._clock = clock
        self._audit_note = audit_note

    async def collect(
        self,
        use_case: str,
        *,
        title: str,
        since: datetime,
        until: datetime | None,
        actor: str,
    ) -> dict[str, Any]:
        """Receipts and effects of a use case from ``since`` to ``until``, as one JSON document.

        Raises ``IncidentError`` for times that make no span, or a span of more than
        ``MOST_TASKS`` tasks.
        """
        now = self._clock.now()
        ended = until or now
        if since.tzinfo is None or ended.tzinfo is None or since >= ended or since > now:
            raise IncidentError(
                "An incident begins before it ends, and not in the future.",
                "Give times with their zone, such as 2026-11-21T09:00:00Z.",
            )
        span: dict[str, Any] = {"use_case": use_case, "since": since, "until": ended}
        pod = await self._database.fetch_one(_SQL["incident_pod"], span)
        rows = await self._database.fetch(_SQL["incident_tasks"], {**span, "most": MOST_TASKS + 1})
        if pod is None or len(rows) > MOST_TASKS:
            raise IncidentError(
                f"{use_case!r} is not known, or has more than {MOST_TASKS:,} tasks in this time.",
                "Take a shorter time; a record can be collected for each part.",
            )
        ids = [row["id"] for row in rows]
        deliveries = await self._database.fetch(_SQL["incident_deliveries"], {"ids": ids})
        incident_id = self._ids.new("inc")
        await self._note(incident_id, use_case, actor, title, span)
        return {
            "incident": incident_id,
            "title": title,
            "use_case": use_case,
            "purpose": pod["purpose"],
            "pod": pod["pod"],
            "since": since,
            "until": ended,
            "collected_at": now,
            "collected_by": actor,
            "summary": _summary(ids, deliveries),
            "halts": await self._database.fetch(_SQL["incident_halts"], span),
            "changes": await self._database.fetch(_SQL["incident_changes"], span),
            "effects": deliveries,
            "receipts": await self._all_receipts(ids, actor),
        }

    async def _all_receipts(self, ids: Sequence[str], actor: str) -> list[Receipt]:
        return [await self._receipts.get(each, viewer=actor) for each in ids]

    async def _note(
        self, incident_id: str, use_case: str, actor: str, title: str, span: Row
    ) -> None:
        await self._database.fetch(
            self._audit_note,
            {
                "use_case": use_case,
                "kind": "incident",
                "subject": incident_id,
                "actor": actor,
                "at": self._clock.now(),
                "detail": Jsonb(
                    {
                        "title": title,
                        "since": span["since"].isoformat(),
                        "until": span["until"].isoformat(),
                    }
                ),
            },
        )


def _summary(ids: Sequence[str], deliveries: Sequence[Row]) -> dict[str, Any]:
    states = Counter(row["state"] for row in deliveries)
    return {
        "tasks": len(ids),
        "effects": len(deliveries),
        "by_state": dict(states),
        "undone": sum(states[each] for each in _UNDONE),
        "still_open": sum(
            states[each] for each in ("planned", "waiting", "sending", "held", "unknown", "stuck")
        ),
    }
