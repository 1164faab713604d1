"""Promotion of a release to its next step, and recertification of the live one."""

from __future__ import annotations

from datetime import datetime

from psycopg.types.json import Jsonb

from roadbed.guarantee.certificates import Certification
from roadbed.kernel.clock import Clock
from roadbed.releases import lifecycle
from roadbed.releases.deployer import Deployer
from roadbed.releases.errors import (
    CannotDecideError,
    RollBackError,
    TrialShortError,
    TrialUndecidedError,
)
from roadbed.releases.gate import GateResult, GateService
from roadbed.releases.repository import Holders, ReleaseLog, ReleaseRepository, check_step
from roadbed.releases.sign_offs import check_sign_offs
from roadbed.storage.database import Connection, Database, Row
from roadbed.storage.sql import queries
from roadbed.versions import identity
from roadbed.versions.errors import ArtifactMissingError
from roadbed.versions.model import Release, Step

_SQL = queries(__package__)
_VERSIONS = queries("roadbed.versions")  # the owner of `version`


class Promotion:
    """Takes a release one step further, inside the caller's transaction."""

    def __init__(
        self, deployer: Deployer, repository: ReleaseRepository, log: ReleaseLog, clock: Clock
    ) -> None:
        self._deployer = deployer
        self._repository = repository
        self._log = log
        self._clock = clock

    async def advance(
        self, connection: Connection, release_id: str, step: Step, actor: str, holders: Holders
    ) -> None:
        """Check all conditions of a step and take it, under one lock.

        Raises ``ReleaseStepError``, ``CannotDecideError``, ``TrialShortError``,
        ``TrialUndecidedError``, ``SignOffsMissingError``, ``ArtifactMissingError``.
        """
        release, row = await self._repository.lock(connection, release_id, holders)
        check_step(release, step)
        named = {"use_case": release.use_case}
        state = await (await connection.execute(_SQL["automation_state"], named)).fetchone() or {}
        _check_gate_still_holds(release, row, state)
        compared = lifecycle.compared(release.step, release.trial)
        if lifecycle.short(release.step, release.plan, compared):
            wanted = release.plan[f"{release.step}_tasks"]
            raise TrialShortError(release.step, compared, wanted)
        if lifecycle.undecided(release.step, release.trial):
            raise TrialUndecidedError(release.trial["undecided"] if release.trial else 0)
        if step in ("canary", "live"):
            check_sign_offs(release)
        damaged = await connection.execute(_SQL["damaged_file"], {"behaviour": release.behaviour})
        if broken := await damaged.fetchone():
            raise ArtifactMissingError(release.use_case, broken["name"])
        if step == "live":
            await self._go_live(connection, release, state, actor)
        await self._log.move(connection, release, step, actor=actor)
        release, _ = await self._repository.lock(connection, release_id, holders)
        await self._log.update_waits(connection, release)
        await connection.execute(_SQL["notify"], named)

    async def _go_live(
        self, connection: Connection, release: Release, state: Row, actor: str
    ) -> None:
        certificate = release.certificate
        certification = Certification(
            certificate=certificate,
            proof=None,
            sample=certificate["items"] if certificate else 0,
            note=f"Release {release.number} went live.",
        )
        live = await self._deployer.deploy(
            connection,
            release.use_case,
            release.behaviour,
            certification,
            alarm_at=state["alarm_at"],
            actor=actor,
            opened=True,
            released=True,
        )
        if live is None or live[0] != release.version:
            raise CannotDecideError(
                f"Release {release.number} is not the version that its gate measured.",
                "Run the gate again.",
            )
        before = await connection.execute(_SQL["live_release"], {"use_case": release.use_case})
        for row in await before.fetchall():
            old, _ = await self._repository.lock(connection, row["id"], {})
            why = f"Release {release.number} took its place."
            await self._log.move(connection, old, "retired", actor=actor, why=why)

    async def record_gate(
        self, connection: Connection, release_id: str, gate_result: GateResult, actor: str
    ) -> None:
        """Store the result of a gate and move the release as it says."""
        release, _ = await self._repository.lock(connection, release_id, {})
        step = lifecycle.after_gate(release.step, gate_result.report)
        if step != release.step:
            check_step(release, step)
        version = identity.version_id(release.behaviour, gate_result.threshold)
        certificate = gate_result.certificate["id"] if gate_result.certificate else None
        facts = {
            "id": release_id,
            "use_case": release.use_case,
            "behaviour": release.behaviour,
            "base": gate_result.base,
            "version": version,
            "certificate": certificate,
            "gate": Jsonb(gate_result.report),
            "content": lifecycle.content_of(
                behaviour=release.behaviour,
                threshold=gate_result.threshold,
                certificate=certificate,
                plan=release.plan,
                gate=gate_result.report,
            ),
            "at": self._clock.now(),
        }
        await connection.execute(_VERSIONS["store_version"], {**facts, "id": version})
        await connection.execute(_SQL["gate_release"], facts)
        failed = [
            criterion["line"]
            for criterion in gate_result.report["criteria"]
            if not criterion["passed"]
        ]
        release, _ = await self._repository.lock(connection, release_id, {})
        if step != release.step or step == "gated":
            await self._log.move(connection, release, step, actor=actor, why="; ".join(failed))
        release, _ = await self._repository.lock(connection, release_id, {})
        await self._log.update_waits(connection, release)


class Recertification:
    """Renews the proof of the live version where new evidence allows it.

    The behaviour stays the same, so no new sign-off is needed.
    """

    def __init__(
        self,
        database: Database,
        deployer: Deployer,
        gate: GateService,
        repository: ReleaseRepository,
        log: ReleaseLog,
    ) -> None:
        self._database = database
        self._deployer = deployer
        self._gate = gate
        self._repository = repository
        self._log = log

    async def recertify(self, use_case: str, *, actor: str) -> str:
        """Certify the live version again and put a new proof in force; returns the live release.

        Raises ``RollBackError`` if the live version has no release, ``CannotDecideError``
        when an alarm is raised meanwhile, ``ArtifactMissingError``, ``EvaluationBudgetError``.
        """
        named = {"use_case": use_case}
        state = await self._database.fetch_one(_SQL["automation_state"], named) or {}
        row = await self._database.fetch_one(_SQL["live_release"], named)
        if row is None or row["version"] != state.get("live_version"):
            raise RollBackError(
                f"The live version of {use_case!r} has no release.",
                f"`roadbed improve {use_case}` certifies it.",
            )
        release = await self._repository.get(row["id"])
        runnable = await self._gate.open(use_case, release.behaviour)
        certification = await self._deployer.certificates.certify(
            runnable.loaded,
            await self._gate.candidate(runnable),
            runnable.behaviour,
            identity.automation_state(state),
            state["alarm_at"],
            self._gate.metered_calls(use_case),
        )
        if certification.proof is not None:
            await self._put_in_force(use_case, release.id, state, certification, actor)
        return release.id

    async def _put_in_force(
        self,
        use_case: str,
        release_id: str,
        state: Row,
        certification: Certification,
        actor: str,
    ) -> None:
        async with self._database.transaction() as connection:
            release, _ = await self._repository.lock(connection, release_id, {})
            live = None
            if release.step == "live" and certification.certificate:
                live = await self._deployer.deploy(
                    connection,
                    use_case,
                    release.behaviour,
                    certification,
                    alarm_at=state["alarm_at"],
                    actor=actor,
                    opened=True,
                )
            if live is None or certification.certificate is None:
                raise CannotDecideError(
                    f"Meanwhile an alarm was raised or another version of {use_case!r} went live.",
                    "The evidence is no longer current: run the command again.",
                )
            proven = {"version": live[0], "certificate": certification.certificate["id"]}
            await connection.execute(_SQL["recertify_release"], {"id": release_id, **proven})
            subject = f"{release_id} renewed"
            await self._log.record_audit(connection, use_case, subject, actor, {**proven})


def _check_gate_still_holds(release: Release, row: Row, state: Row) -> None:
    """Raises ``CannotDecideError`` if the result of the gate no longer holds."""
    if state.get("halted"):
        raise CannotDecideError(
            f"{release.use_case!r} is halted.",
            "Two people resume it. Until then there is no promotion; rollback works.",
        )
    if state["live_version"] != release.base:
        raise CannotDecideError(
            f"Another version went live since the gate of release {release.number}.",
            "Run the gate again, or withdraw the release and plan another.",
        )
    seen = (row["gate"] or {}).get("alarm_at")
    if (datetime.fromisoformat(seen) if seen else None) != state["alarm_at"]:
        raise CannotDecideError(
            f"An alarm was raised since the gate of release {release.number}.",
            "The gate result is stale; run it again.",
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
            "Somebody changed the database. Withdraw the release and plan another.",
        )
