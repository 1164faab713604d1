"""Notices: messages to the pod, open until a person has seen them or the cause has ended."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from roadbed.guarantee.errors import UnknownNoticeError
from roadbed.guarantee.model import Notice
from roadbed.kernel.clock import Clock
from roadbed.storage.database import Connection, Database
from roadbed.storage.sql import queries

_SQL = queries(__package__)


class Notices:
    """Lists notices and keeps who has seen them."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def list(self, use_case: str, *, every: bool = False, most: int = 20) -> Sequence[Notice]:
        """The open notices, newest first; with ``every`` also those that were seen or are over."""
        facts = {"use_case": use_case, "all": every, "most": most}
        return [Notice(**row) for row in await self._database.fetch(_SQL["notices"], facts)]

    async def use_case_of(self, notice_id: str) -> str | None:
        """The use case that a notice belongs to; ``None`` if there is no such notice."""
        row = await self._database.fetch_one(_SQL["use_case_of"], {"id": notice_id})
        return row["use_case"] if row else None

    async def seen(self, notice_id: str, *, person: str) -> None:
        """Record that ``person`` has seen a notice. Raises ``UnknownNoticeError``."""
        facts = {"id": notice_id, "person": person, "at": self._clock.now()}
        if not await self._database.fetch(_SQL["seen"], facts):
            raise UnknownNoticeError(notice_id)


async def announce(
    connection: Connection,
    notice_id: str,
    use_case: str,
    kind: str,
    text: str,
    *,
    at: datetime,
    about: str | None = None,
) -> None:
    """Add a notice, in the caller's transaction; ``about`` one thing at most one is open."""
    await connection.execute(
        _SQL["announce"],
        {
            "id": notice_id,
            "use_case": use_case,
            "kind": kind,
            "text": text,
            "at": at,
            "about": about,
        },
    )
