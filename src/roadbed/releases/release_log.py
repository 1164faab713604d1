"""What is written down whenever a release moves: its step, the stage, the waits, the audit log."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from roadbed.audit.events import AuditEvent, record
from roadbed.kernel.clock import Clock
from roadbed.kernel.ids import Ids
from roadbed.releases import lifecycle
from roadbed.releases.errors import ReleaseStepError
from roadbed.storage.database import Connection
from roadbed.storage.sql import queries
from roadbed.versions.model import Release, Step

_SQL = queries(__package__)
_USE_CASES = queries("roadbed.usecases")  # the owner of `use_case`
_ENDS: tuple[Step, ...] = ("failed", "retired", "rolled_back", "withdrawn")


class ReleaseLog:
    """Moves releases, inside the caller's transaction, and leaves nothing unsaid."""

    def __init__(self, ids: Ids, clock: Clock, tell: str, over: str) -> None:
        self._ids = ids
        self._clock = clock
        self._announce = tell
        self._over = over

    async def move(
        self, connection: Connection, release: Release, step: Step, *, actor: str, why: str = ""
    ) -> None:
        """Take a release to ``step``. Raises ``ReleaseStepError`` where that does not follow."""
        if not lifecycle.follows(release.step, step, release.plan):
            possible = lifecycle.verb_after(release.step, release.plan) or ""
            raise ReleaseStepError(release.number, release.step, step, possible)
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
        await connection.execute(self._over, {"use_case": release.use_case, **about})
        await self.reached(connection, release, step, actor=actor, why=why)

    async def reached(
        self, connection: Connection, release: Release, step: Step, *, actor: str, why: str = ""
    ) -> None:
        """A release stands at ``step``: its event, its audit entry, its use case's stage."""
        await self.event(
            connection,
            release.use_case,
            "step",
            stage=step,
            release=release.id,
            actor=actor,
            detail=why,
        )
        await self.note(
            connection,
            release.use_case,
            f"{release.id} {step}",
            actor,
            {"release": release.number, "step": step, "why": why, "content": release.content},
        )
        if step in lifecycle.STAGES:
            await self.reach(connection, release.use_case, lifecycle.STAGES[step], actor=actor)

    async def reach(self, connection: Connection, use_case: str, stage: str, *, actor: str) -> None:
        """The use case reaches a stage, unless it has left it behind."""
        facts = {
            "use_case": use_case,
            "stage": stage,
            "event": self._ids.new("stg"),
            "actor": actor,
            "at": self._clock.now(),
        }
        await reach_stage(connection, facts)

    async def wait(
        self, connection: Connection, use_case: str, wanted: frozenset[str], *, release: str | None
    ) -> None:
        """Have exactly ``wanted`` open: begin what is new, end what is over."""
        cursor = await connection.execute(_SQL["open_waits"], {"use_case": use_case})
        waiting = {row["waits_for"] for row in await cursor.fetchall()}
        for kind, names in (("wait_ended", waiting - wanted), ("wait_began", wanted - waiting)):
            for name in sorted(names):
                await self.event(
                    connection, use_case, kind, waits_for=name, release=release, actor="roadbed"
                )

    async def wait_of(self, connection: Connection, release: Release) -> None:
        """Have the waits open that follow from where a release stands."""
        wanted = lifecycle.waits(release.step, release.plan, release.missing, release.trial)
        await self.wait(connection, release.use_case, wanted, release=release.id)

    async def event(
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
        """One row of the clock of the road."""
        await connection.execute(
            _SQL["event"],
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

    async def note(
        self,
        connection: Connection,
        use_case: str,
        subject: str,
        actor: str,
        detail: Mapping[str, Any],
    ) -> None:
        """An entry of the audit log."""
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

    async def tell_pod(
        self,
        connection: Connection,
        use_case: str,
        kind: str,
        text: str,
        *,
        waits: str | None = None,
    ) -> None:
        """What the pod must know, until somebody says that they have seen it.

        Where it says that a release ``waits``, it is over once that has moved on.
        """
        await connection.execute(
            self._announce,
            {
                "id": self._ids.new("ntc"),
                "use_case": use_case,
                "kind": kind,
                "text": text,
                "at": self._clock.now(),
                "about": None if waits is None else _about(waits),
            },
        )


async def reach_stage(connection: Connection, facts: Mapping[str, object]) -> None:
    """Move a use case to a stage and record the event, unless it has left that stage behind."""
    cursor = await connection.execute(_USE_CASES["reach"], facts)
    if await cursor.fetchone() is not None:
        await connection.execute(_SQL["stage_reached"], facts)


def _about(release_id: str) -> str:
    return f"release {release_id}"
