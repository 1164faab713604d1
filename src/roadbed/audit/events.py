"""The entry that every part of the platform writes to the audit log, in its own transaction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from psycopg.types.json import Jsonb

from roadbed.storage.database import Connection
from roadbed.storage.sql import queries

_SQL = queries(__package__)


@dataclass(frozen=True, kw_only=True, slots=True)
class AuditEvent:
    """What happened: ``actor`` did ``kind`` to ``subject``, an id or a name.

    Without ``use_case`` it concerns the platform. Without ``at`` it has the transaction's time.
    ``detail`` is stored as JSON; the entry's commitment binds it.
    """

    use_case: str | None = None
    kind: str
    subject: str
    actor: str
    detail: Mapping[str, object]
    at: datetime | None = None


async def record(connection: Connection, *events: AuditEvent) -> None:
    """Add entries to the audit log, in the caller's transaction."""
    await connection.cursor().executemany(
        _SQL["noted"],
        [
            {
                "use_case": event.use_case,
                "kind": event.kind,
                "subject": event.subject,
                "actor": event.actor,
                "at": event.at,
                "detail": Jsonb(dict(event.detail)),
            }
            for event in events
        ],
    )
