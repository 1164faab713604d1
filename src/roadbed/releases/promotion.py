"""What must hold for a step up, checked and done in one transaction."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from roadbed.guarantee.certificates import Certification
from roadbed.kernel.clock import Clock
from roadbed.releases import lifecycle
from roadbed.releases.errors import (
    CannotDecideError,
    ReleaseStepError,
    TrialShortError,
    TrialUndecidedError,
)
from roadbed.releases.gate import Gated
from roadbed.releases.release_log import ReleaseLog
from roadbed.releases.repository import Holders, ReleaseRepository
from roadbed.releases.service import Releases
from roadbed.releases.sign_offs import agreed
from roadbed.storage.database import Connection
from roadbed.storage.sql import queries
from roadbed.versions import identity
from roadbed.versions.errors import ArtifactMissingError
from roadbed.versions.model import Release, Step

_SQL = queries(__package__)
_VERSIONS = queries("roadbed.versions")  # the owner of `version`
Row = Mapping[str, Any]


class Promotion:
    """Takes a release one step up, inside the caller's transaction."""

    def __init__(
        self, releases: Releases, book: ReleaseRepository, journal: ReleaseLog, clock: Clock
    ) -> None:
        self._releases = releases
        self._book = book
        self._journal = journal
        self._clock = clock

    async def take(
        self, connection: Connection, release_id: str, step: Step, actor: str, holders: Holders
    ) -> None:
        """All that must hold for a step, checked and done under one lock."""
        release, row = await self._book.hold(connection, release_id, holders)
        check_step(release, step)
        named = {"use_case": release.use_case}
        standing = await (await connection.execute(_SQL["standing"], named)).fetchone() or {}
        _may_decide(release, row, standing)
        compared = lifecycle.compared(release.step, release.trial)
        if lifecycle.short(release.step, release.plan, compared):
            wanted = release.plan[f"{release.step}_tasks"]
            raise TrialShortError(release.step, compared, wanted)
        if lifecycle.undecided(release.step, release.trial):
            raise TrialUndecidedError(release.trial["undecided"] if release.trial else 0)
        if step in ("canary", "live"):
            agreed(release)
        damaged = await connection.execute(_SQL["damaged"], {"behaviour": release.behaviour})
        if broken := await damaged.fetchone():
            raise ArtifactMissingError(release.use_case, broken["name"])
        if step == "live":
            await self._go_live(connection, release, standing, actor)
        await self._journal.move(connection, release, step, actor=actor)
        release, _ = await self._book.hold(connection, release_id, holders)
        await self._journal.wait_of(connection, release)
        await connection.execute(_SQL["tell"], named)

    async def _go_live(
        self, connection: Connection, release: Release, standing: Row, actor: str
    ) -> None:
        certificate = release.certificate
        look = Certification(
            certificate=certificate,
            proof=None,
            sample=certificate["items"] if certificate else 0,
            note=f"Release {release.number} went live.",
        )
        live = await self._releases.put_in_service(
            connection,
            release.use_case,
            release.behaviour,
            look,
            alarm_at=standing["alarm_at"],
            actor=actor,
            opened=True,
        )
        if live is None or live[0] != release.version:
            raise CannotDecideError(
                f"Release {release.number} is not what its gate saw.", "Run the gate again."
            )
        before = await connection.execute(_SQL["live_release"], {"use_case": release.use_case})
        for row in await before.fetchall():
            old, _ = await self._book.hold(connection, row["id"], {})
            why = f"Release {release.number} took its place."
            await self._journal.move(connection, old, "retired", actor=actor, why=why)

    async def gated(
        self, connection: Connection, release_id: str, found: Gated, actor: str
    ) -> None:
        release, _ = await self._book.hold(connection, release_id, {})
        step = lifecycle.after_gate(release.step, found.report)
        if step != release.step:
            check_step(release, step)
        version = identity.version_id(release.behaviour, found.threshold)
        certificate = found.certificate["id"] if found.certificate else None
        at = self._clock.now()
        facts = {
            "id": release_id,
            "use_case": release.use_case,
            "behaviour": release.behaviour,
            "base": found.base,
            "version": version,
            "certificate": certificate,
            "gate": Jsonb(found.report),
            "content": lifecycle.content_of(
                behaviour=release.behaviour,
                threshold=found.threshold,
                certificate=certificate,
                plan=release.plan,
                gate=found.report,
            ),
            "at": at,
        }
        await connection.execute(_VERSIONS["store_version"], {**facts, "id": version})
        await connection.execute(_SQL["gate_release"], facts)
        failed = [
            criterion["line"] for criterion in found.report["criteria"] if not criterion["passed"]
        ]
        release, _ = await self._book.hold(connection, release_id, {})
        if step != release.step or step == "gated":
            await self._journal.move(connection, release, step, actor=actor, why="; ".join(failed))
        release, _ = await self._book.hold(connection, release_id, {})
        await self._journal.wait_of(connection, release)


def check_step(release: Release, step: Step) -> None:
    """Raises ``ReleaseStepError`` unless ``step`` follows from where the release is."""
    if not lifecycle.follows(release.step, step, release.plan):
        possible = lifecycle.verb_after(release.step, release.plan) or ""
        raise ReleaseStepError(release.number, release.step, step, possible)


def _may_decide(release: Release, row: Row, standing: Row) -> None:
    """Nothing has happened since the gate that makes its report another world's."""
    if standing.get("halted"):
        raise CannotDecideError(
            f"{release.use_case!r} is halted.",
            "Two people resume it; until then nothing goes up, and everything may go down.",
        )
    if standing["live_version"] != release.base:
        raise CannotDecideError(
            f"Another version went live since the gate of release {release.number}.",
            "Run the gate again, or withdraw it and plan anew.",
        )
    seen = (row["gate"] or {}).get("alarm_at")
    if (datetime.fromisoformat(seen) if seen else None) != standing["alarm_at"]:
        raise CannotDecideError(
            f"An alarm has sounded since the gate of release {release.number}.",
            "What it showed counts no more: run the gate again.",
        )
    exact = lifecycle.content_of(
        behaviour=release.behaviour,
        threshold=release.certificate["threshold"] if release.certificate else None,
        certificate=release.certificate["id"] if release.certificate else None,
        plan=release.plan,
        gate=release.gate or {},
    )
    if exact != release.content:
        raise CannotDecideError(
            f"The stored report of release {release.number} is not what was signed.",
            "Withdraw it and plan anew; somebody has changed the database.",
        )
