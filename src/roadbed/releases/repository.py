"""The repository of releases: reads them with their sign-offs, and records each move."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from roadbed.audit.events import AuditEvent, record
from roadbed.kernel.clock import Clock
from roadbed.kernel.ids import Ids
from roadbed.people.model import Role
from roadbed.people.service import People
from roadbed.releases import lifecycle
from roadbed.releases.errors import ReleaseStepError, UnknownReleaseError
from roadbed.storage.database import Connection, Database, Row
from roadbed.storage.sql import queries
from roadbed.versions.model import Release, Step

_SQL = queries(__package__)
_USE_CASES = queries("roadbed.usecases")  # the owner of `use_case`
Holders = Mapping[str, frozenset[Role]]
_ENDS: tuple[Step, ...] = ("failed", "retired", "rolled_back", "withdrawn")


class ReleaseRepository:
    """Reads releases, with the roles that people hold now."""

    def __init__(self, database: Database, clock: Clock, people: People) -> None:
        self._database = database
        self._clock = clock
        self._people = people

    async def roles(self, use_case: str, person: str) -> frozenset[Role]:
        """The roles that a person holds now in a use case."""
        return await self._people.roles(person, use_case)

    async def get(self, release_id: str) -> Release:
        """One release. Raises ``UnknownReleaseError``."""
        releases = await self._read(id=release_id)
        if not releases:
            raise UnknownReleaseError(release_id)
        return releases[0]

    async def current(self, use_case: str) -> Release | None:
        """The current candidate, if there is one."""
        releases = await self._read(use_case=use_case, steps=lifecycle.UNDER_WAY)
        return releases[0] if releases else None

    async def history(self, use_case: str, most: int = 50) -> Sequence[Release]:
        """The releases of a use case, newest first."""
        return await self._read(use_case=use_case, most=most)

    async def trials(self, use_case: str) -> Sequence[Row]:
        """The row of the candidate in shadow or canary."""
        return await self._database.fetch(
            _SQL["releases"], _wanted(use_case=use_case, steps=lifecycle.TRIALS)
        )

    async def holders(self, release_id: str) -> Holders:
        """The roles of everybody who has signed off.

        Call it before a transaction, so that the transaction does not wait for it.
        """
        given = await self._database.fetch(_SQL["sign_offs"], {"releases": [release_id]})
        row = await self._database.fetch_one(_SQL["releases"], _wanted(id=release_id))
        if row is None:
            raise UnknownReleaseError(release_id)
        return await self._holders(row["use_case"], {sign_off["person"] for sign_off in given})

    async def lock(
        self, connection: Connection, release_id: str, holders: Holders
    ) -> tuple[Release, Row]:
        """Read a release and lock the releases of its use case until the transaction ends."""
        cursor = await connection.execute(_SQL["releases"], _wanted(id=release_id))
        row = await cursor.fetchone()
        if row is None:
            raise UnknownReleaseError(release_id)
        await connection.execute(_SQL["lock_releases"], {"use_case": row["use_case"]})
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
        people = {sign_off["person"] for sign_off in given}
        holders = await self._holders(rows[0]["use_case"], people) if given else {}
        return [
            self._release(row, [off for off in given if off["release"] == row["id"]], holders)
            for row in rows
        ]

    async def _holders(self, use_case: str, people: set[str]) -> Holders:
        return {person: await self.roles(use_case, person) for person in people}

    def _release(self, row: Row, given: Sequence[Row], holders: Holders) -> Release:
        now = self._clock.now()
        signed = [lifecycle.sign_off(off, release=row, roles=holders, now=now) for off in given]
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


class ReleaseLog:
    """Moves releases inside the caller's transaction.

    It writes the step, the stage of the use case, the open waits, the audit entry and the notice.
    """

    def __init__(self, ids: Ids, clock: Clock, notify: str, clear: str) -> None:
        self._ids = ids
        self._clock = clock
        self._notify = notify
        self._clear = clear

    async def move(
        self, connection: Connection, release: Release, step: Step, *, actor: str, why: str = ""
    ) -> None:
        """Take a release to ``step``. Raises ``ReleaseStepError`` where that does not follow."""
        check_step(release, step)
        await connection.execute(
            _SQL["move_release"],
            {
                "id": release.id,
                "step": step,
                "ends": step in _ENDS,
                "actor": actor,
                "why": why,
                "at": self._clock.now(),
            },
        )
        about = {"about": _about(release.id), "at": self._clock.now()}
        await connection.execute(self._clear, {"use_case": release.use_case, **about})
        await self.record_step(connection, release, step, actor=actor, why=why)

    async def record_step(
        self, connection: Connection, release: Release, step: Step, *, actor: str, why: str = ""
    ) -> None:
        """Record that a release is at ``step``: event, audit entry, stage of the use case."""
        await self.record_event(
            connection,
            release.use_case,
            "step",
            stage=step,
            release=release.id,
            actor=actor,
            detail=why,
        )
        await self.record_audit(
            connection,
            release.use_case,
            f"{release.id} {step}",
            actor,
            {"release": release.number, "step": step, "why": why, "content": release.content},
        )
        if step in lifecycle.STAGES:
            await self.reach_stage(
                connection, release.use_case, lifecycle.STAGES[step], actor=actor
            )

    async def reach_stage(
        self, connection: Connection, use_case: str, stage: str, *, actor: str
    ) -> None:
        """Move the use case to a stage. A live use case stays live until it is retired."""
        facts = {
            "use_case": use_case,
            "stage": stage,
            "event": self._ids.new("stg"),
            "actor": actor,
            "at": self._clock.now(),
        }
        await reach_stage(connection, facts)

    async def set_waits(
        self, connection: Connection, use_case: str, wanted: frozenset[str], *, release: str | None
    ) -> None:
        """Make ``wanted`` the open waits: begin the new ones, end the others."""
        cursor = await connection.execute(_SQL["open_waits"], {"use_case": use_case})
        waiting = {row["waits_for"] for row in await cursor.fetchall()}
        for kind, names in (("wait_ended", waiting - wanted), ("wait_began", wanted - waiting)):
            for name in sorted(names):
                await self.record_event(
                    connection, use_case, kind, waits_for=name, release=release, actor="roadbed"
                )

    async def update_waits(self, connection: Connection, release: Release) -> None:
        """Set the open waits of a release from its step, sign-offs and trial."""
        wanted = lifecycle.waits(release.step, release.plan, release.missing, release.trial)
        await self.set_waits(connection, release.use_case, wanted, release=release.id)

    async def record_event(
        self,
        connection: Connection,
        use_case: str,
        kind: str,
        *,
        actor: str,
        stage: str | None = None,
        waits_for: str | None = None,
        release: str | None = None,
        detail: str = "",
    ) -> None:
        """Record one event of the stage clock."""
        await connection.execute(
            _SQL["record_event"],
            {
                "id": self._ids.new("stg"),
                "use_case": use_case,
                "kind": kind,
                "stage": stage,
                "waits_for": waits_for,
                "release": release,
                "actor": actor,
                "detail": detail,
                "at": self._clock.now(),
            },
        )

    async def record_audit(
        self,
        connection: Connection,
        use_case: str,
        subject: str,
        actor: str,
        detail: Mapping[str, object],
    ) -> None:
        """Record an entry of the audit log."""
        at = self._clock.now()
        event = AuditEvent(
            use_case=use_case,
            kind="release",
            subject=f"{subject} at {at:%Y-%m-%dT%H:%M:%S.%fZ}",
            actor=actor,
            at=at,
            detail=detail,
        )
        await record(connection, event)

    async def notify_pod(
        self,
        connection: Connection,
        use_case: str,
        kind: str,
        text: str,
        *,
        waits: str | None = None,
    ) -> None:
        """Show the pod a notice until a person acknowledges it.

        A notice that the release ``waits`` is cleared when that release moves.
        """
        await connection.execute(
            self._notify,
            {
                "id": self._ids.new("ntc"),
                "use_case": use_case,
                "kind": kind,
                "text": text,
                "at": self._clock.now(),
                "about": None if waits is None else _about(waits),
            },
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


async def reach_stage(connection: Connection, facts: Mapping[str, object]) -> None:
    """Move a use case to a stage and record the event, if it is not past that stage."""
    cursor = await connection.execute(_USE_CASES["reach"], facts)
    if await cursor.fetchone() is not None:
        await connection.execute(_SQL["stage_reached"], facts)


def check_step(release: Release, step: Step) -> None:
    """Raises ``ReleaseStepError`` unless ``step`` follows from the step of the release."""
    if not lifecycle.follows(release.step, step, release.plan):
        possible = lifecycle.verb_after(release.step, release.plan) or ""
        raise ReleaseStepError(release.number, release.step, step, possible)


def _about(release_id: str) -> str:
    return f"release {release_id}"
