"""Recertification: renews the proof of the live version. It needs no new sign-off."""

from __future__ import annotations

from roadbed.guarantee.certificates import Certification
from roadbed.kernel.sentences import sentence
from roadbed.releases.deployer import Deployer
from roadbed.releases.errors import (
    CannotDecideError,
    RollBackError,
)
from roadbed.releases.gate import GateService
from roadbed.releases.repository import ReleaseLog, ReleaseRepository
from roadbed.releases.rows import AutomationStateRow, Queries
from roadbed.storage.database import Database
from roadbed.storage.sql import queries
from roadbed.versions import identity

_SQL = queries(Queries)


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
        state = await self._database.fetch_one(_SQL["automation_state"], named)
        row = await self._database.fetch_one(_SQL["live_release"], named)
        if row is None or state is None or row["version"] != state["live_version"]:
            raise RollBackError(
                sentence("The live version of %(use_case)r has no release.", use_case=use_case),
                sentence("`roadbed improve %(use_case)s` certifies it.", use_case=use_case),
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
        state: AutomationStateRow,
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
                    sentence(
                        "Meanwhile an alarm was raised or another version of %(use_case)r "
                        "went live.",
                        use_case=use_case,
                    ),
                    sentence("The evidence is no longer current: run the command again."),
                )
            proven = {"version": live[0], "certificate": certification.certificate["id"]}
            await connection.execute(_SQL["recertify_release"], {"id": release_id, **proven})
            subject = f"{release_id} renewed"
            await self._log.record_audit(connection, use_case, subject, actor, {**proven})
