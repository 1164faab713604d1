"""Releases as they stand: rows with their sign-offs, read at one moment."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from roadbed.kernel.clock import Clock
from roadbed.people.model import Role
from roadbed.releases import lifecycle
from roadbed.releases.errors import UnknownReleaseError
from roadbed.storage.database import Connection, Database
from roadbed.storage.sql import queries
from roadbed.versions.model import Release, Step

_SQL = queries(__package__)
Row = Mapping[str, Any]
Roles = Callable[[str, str], Awaitable[frozenset[Role]]]
Holders = Mapping[str, frozenset[Role]]


class ReleaseRepository:
    """Reads releases. ``roles`` gives what a person may sign off as, of a use case, now."""

    def __init__(self, database: Database, clock: Clock, roles: Roles) -> None:
        self._database = database
        self._clock = clock
        self.roles = roles

    async def get(self, release_id: str) -> Release:
        """One release. Raises ``UnknownReleaseError``."""
        found = await self._read(id=release_id)
        if not found:
            raise UnknownReleaseError(release_id)
        return found[0]

    async def current(self, use_case: str) -> Release | None:
        """The candidate under way, if there is one."""
        found = await self._read(use_case=use_case, steps=lifecycle.UNDER_WAY)
        return found[0] if found else None

    async def history(self, use_case: str, most: int = 50) -> Sequence[Release]:
        """All there were, newest first."""
        return await self._read(use_case=use_case, most=most)

    async def trials(self, use_case: str) -> Sequence[Row]:
        """The row of the candidate in shadow or canary."""
        return await self._database.fetch(
            _SQL["releases"], _wanted(use_case=use_case, steps=lifecycle.TRIALS)
        )

    async def holders(self, release_id: str) -> Holders:
        """The roles of everybody who has signed. Ask before a transaction, which it would hold."""
        given = await self._database.fetch(_SQL["sign_offs"], {"releases": [release_id]})
        row = await self._database.fetch_one(_SQL["releases"], _wanted(id=release_id))
        if row is None:
            raise UnknownReleaseError(release_id)
        return await self._holders(row["use_case"], {item["person"] for item in given})

    async def hold(
        self, connection: Connection, release_id: str, holders: Holders
    ) -> tuple[Release, Row]:
        """A release inside a transaction that holds its use case: nobody else moves it."""
        cursor = await connection.execute(_SQL["releases"], _wanted(id=release_id))
        row = await cursor.fetchone()
        if row is None:
            raise UnknownReleaseError(release_id)
        await connection.execute(_SQL["lock"], {"use_case": row["use_case"]})
        row = await (await connection.execute(_SQL["releases"], _wanted(id=release_id))).fetchone()
        if row is None:
            raise UnknownReleaseError(release_id)
        cursor = await connection.execute(_SQL["sign_offs"], {"releases": [release_id]})
        return self._release(row, await cursor.fetchall(), holders), row

    async def _read(
        self,
        *,
        id: str | None = None,
        use_case: str | None = None,
        steps: Sequence[Step] | None = None,
        most: int = 1,
    ) -> list[Release]:
        wanted = _wanted(id=id, use_case=use_case, steps=steps, most=most)
        rows = await self._database.fetch(_SQL["releases"], wanted)
        named = {"releases": [row["id"] for row in rows]}
        given = await self._database.fetch(_SQL["sign_offs"], named) if rows else []
        people = {item["person"] for item in given}
        holders = await self._holders(rows[0]["use_case"], people) if given else {}
        return [
            self._release(row, [entry for entry in given if entry["release"] == row["id"]], holders)
            for row in rows
        ]

    async def _holders(self, use_case: str, people: set[str]) -> Holders:
        return {person: await self.roles(use_case, person) for person in people}

    def _release(self, row: Row, given: Sequence[Row], holders: Holders) -> Release:
        now = self._clock.now()
        signed = [lifecycle.sign_off(item, release=row, roles=holders, now=now) for item in given]
        plan, step = row["plan"], row["step"]
        under_way = step in lifecycle.UNDER_WAY
        missing = lifecycle.missing_roles(plan["sign_offs"], signed) if under_way else []
        verb, waits_for = lifecycle.ahead(step, plan, missing, row["trial"])
        return Release(
            **{name: row[name] for name in _AS_STORED},
            certificate=row["proof"],
            sign_offs=signed,
            missing=missing,
            next=verb,
            waits_for=waits_for,
        )


_AS_STORED = (
    *("id", "use_case", "number", "step", "behaviour", "base", "base_number", "version"),
    *("version_number", "reason", "author", "authors", "proposals", "plan", "gate", "content"),
    "trial",
    *("planned_at", "gated_at", "shadow_at", "canary_at", "live_at"),
    *("ended_at", "ended_by", "ended_why"),
)


def _wanted(
    *,
    id: str | None = None,
    use_case: str | None = None,
    steps: Sequence[Step] | None = None,
    most: int = 1,
) -> dict[str, Any]:
    listed = list(steps) if steps else None
    return {"id": id, "use_case": use_case, "steps": listed, "most": most}
