"""Releases: the verbs that take a candidate from its plan to live, and back.

Only a release makes another version decide where sign-offs are declared.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

from psycopg.errors import UniqueViolation
from psycopg.types.json import Jsonb

from roadbed.guarantee.certificates import Certification
from roadbed.kernel.clock import Clock
from roadbed.kernel.ids import Ids
from roadbed.kernel.sentences import sentence
from roadbed.kernel.stored_sentences import stored_sentence
from roadbed.releases import lifecycle
from roadbed.releases.deployer import Deployer
from roadbed.releases.errors import (
    CannotDecideError,
    NothingToJudgeError,
    ReleaseUnderWayError,
    TrialShortError,
    TrialUndecidedError,
)
from roadbed.releases.gate import GateResult, GateService
from roadbed.releases.recertification import Recertification
from roadbed.releases.repository import Holders, ReleaseLog, ReleaseRepository, check_step
from roadbed.releases.rollback import Rollback
from roadbed.releases.rows import AutomationStateRow, Queries
from roadbed.releases.sign_offs import SignOffs, check_gate_still_holds, check_sign_offs
from roadbed.releases.trial_monitor import TrialMonitor
from roadbed.storage.database import Connection, Database, Row
from roadbed.storage.sql import queries
from roadbed.versions import identity
from roadbed.versions.deployments import Deployments
from roadbed.versions.errors import ArtifactMissingError, UnknownVersionError
from roadbed.versions.identity import rollout_facts
from roadbed.versions.model import Release, Step
from roadbed.versions.rows import Queries as VersionQueries

_SQL = queries(Queries)
_VERSIONS = queries(VersionQueries)  # the owner of `version`
Accepted = Callable[[str], Awaitable[Sequence[Row]]]


async def nothing_accepted(use_case: str) -> Sequence[Row]:  # noqa: ARG001
    """No proposals are accepted."""
    return ()


class Releases:
    """Takes candidates through the release steps, one at a time for each use case.

    Each verb is one transaction.
    """

    def __init__(
        self,
        *,
        database: Database,
        deployer: Deployer,
        deployments: Deployments,
        repository: ReleaseRepository,
        gate: GateService,
        sign_offs: SignOffs,
        promotion: Promotion,
        recertification: Recertification,
        rollback: Rollback,
        trial_monitor: TrialMonitor,
        log: ReleaseLog,
        ids: Ids,
        clock: Clock,
        accepted: Accepted = nothing_accepted,
    ) -> None:
        self._database = database
        self._deployer = deployer
        self._deployments = deployments
        self._repository = repository
        self._gate = gate
        self._sign_offs = sign_offs
        self._promotion = promotion
        self._recertification = recertification
        self._rollback = rollback
        self._trial_monitor = trial_monitor
        self._log = log
        self._ids = ids
        self._clock = clock
        self._accepted = accepted

    async def get(self, release_id: str) -> Release:
        """One release. Raises ``UnknownReleaseError``."""
        return await self._shown(await self._repository.get(release_id))

    async def whole(self, release_id: str) -> Release:
        """One release with every case, for work that shows none. Raises ``UnknownReleaseError``."""
        return await self._repository.get(release_id)

    async def current(self, use_case: str) -> Release | None:
        """The current candidate, if there is one."""
        running = await self._repository.current(use_case)
        return None if running is None else await self._shown(running)

    async def history(self, use_case: str, most: int = 50) -> Sequence[Release]:
        """The releases of a use case, newest first."""
        releases = await self._repository.history(use_case, most)
        return [await self._shown(release) for release in releases]

    async def roles(self, use_case: str, person: str) -> frozenset[str]:
        """The roles in which ``person`` may sign off."""
        return await self._repository.roles(use_case, person)

    async def check_trial(self, release_id: str) -> Release:
        """Update the report of shadow or canary, and roll back if the candidate is proven worse."""
        return await self._shown(await self._trial_monitor.check_trial(release_id))

    async def watch_trials(self, names: Callable[[], Sequence[str]]) -> None:
        """Check each running trial when it has new data, until cancelled."""
        await self._trial_monitor.watch_trials(names)

    async def plan(
        self, use_case: str, *, actor: str, reason: str = "", version: str | None = None
    ) -> Release:
        """Make a candidate and fix the limits that it must keep.

        The candidate is built from the folder, the corrections and the accepted proposals; or it is
        ``version``, an earlier version by number or id. Raises ``ReleaseUnderWayError``,
        ``UnknownVersionError``, ``TrainingError``, ``PatchError``, ``FolderChangedError``,
        ``ArtifactMissingError``; and the error of a folder that cannot be loaded.
        """
        self._deployments.get(use_case)
        await self._none_under_way(use_case)
        proposals: list[str] = []
        if version is not None:
            behaviour = await self._behaviour_of(use_case, version)
            why = reason or stored_sentence("Version %(version)s again.", version=version)
        else:
            folder = self._deployments.on_disk(use_case)
            changes = await self._accepted(use_case)
            proposals = [str(change["id"]) for change in changes if "id" in change]
            why = reason or stored_sentence("The folder as it is, with the corrections since.")
            _, behaviour = await self._deployer.build(
                folder, actor=actor, reason=why, changes=changes
            )
        await self._gate.open(use_case, behaviour)
        release_id = self._ids.new("rel")
        try:
            async with self._database.transaction() as connection:
                await connection.execute(_SQL["lock_releases"], {"use_case": use_case})
                await connection.execute(
                    _SQL["plan_release"],
                    {
                        "id": release_id,
                        "use_case": use_case,
                        "behaviour": behaviour,
                        "reason": why,
                        "author": actor,
                        "proposals": proposals,
                        "plan": Jsonb(await self._plan_of(connection, use_case)),
                        "at": self._clock.now(),
                    },
                )
                release, _ = await self._repository.lock(connection, release_id, {})
                await self._log.record_step(connection, release, "planned", actor=actor, why=why)
        except UniqueViolation:
            await self._none_under_way(use_case)
            raise
        await self._refresh(use_case)
        return await self.get(release_id)

    async def gate(self, release_id: str, *, actor: str) -> Release:
        """Compare the candidate with the live version, by the limits of the plan.

        Raises ``GateRunningError``, ``NothingToJudgeError``, ``ArtifactMissingError``,
        ``ReleaseStepError``, ``EvaluationBudgetError``, ``PriceUnknownError``.
        """
        release = await self._repository.get(release_id)
        check_step(release, "gated")
        async with self._gate.exclusive(release):
            try:
                gate_result = await self._gate.run(release)
            except NothingToJudgeError:
                async with self._database.transaction() as connection:
                    labels = frozenset({"labels"})
                    await self._log.set_waits(
                        connection, release.use_case, labels, release=release_id
                    )
                raise
            async with self._database.transaction() as connection:
                await self._promotion.record_gate(connection, release_id, gate_result, actor)
        await self._refresh(release.use_case)
        return await self.get(release_id)

    async def sign(
        self,
        release_id: str,
        *,
        person: str,
        verdict: Literal["approve", "refuse"],
        content: str,
        role: str | None = None,
        note: str | None = None,
    ) -> Release:
        """``person`` agrees to exactly ``content``, or refuses. Raises ``SignOffError``."""
        await self._sign_offs.sign(
            release_id, person=person, verdict=verdict, content=content, role=role, note=note
        )
        return await self.get(release_id)

    async def withdraw_sign_off(self, release_id: str, *, person: str) -> Release:
        """Withdraw the sign-off of ``person``. Raises ``SignOffError``."""
        await self._sign_offs.withdraw_sign_off(release_id, person=person)
        return await self.get(release_id)

    async def shadow(self, release_id: str, *, actor: str) -> Release:
        """Start shadow: the candidate answers each task too, without effect."""
        return await self._advance(release_id, "shadow", actor)

    async def canary(self, release_id: str, *, actor: str) -> Release:
        """Let the candidate decide its share of the tasks."""
        return await self._advance(release_id, "canary", actor)

    async def promote(self, release_id: str, *, actor: str) -> Release:
        """Let the candidate decide every task. Tasks in flight keep the version they have.

        Raises ``ReleaseStepError``, ``SignOffsMissingError``, ``TrialShortError``,
        ``CannotDecideError``, ``ArtifactMissingError``.
        """
        return await self._advance(release_id, "live", actor)

    async def roll_back(
        self, use_case: str, *, actor: str, why: str, to: str | None = None
    ) -> Release | None:
        """End the running trial; without one, return to the version that was live before.

        Returns the release that was rolled back. The use case need not be served here, and its
        folder need not load.
        Raises ``RollBackError``, ``ArtifactMissingError``, ``UnknownUseCaseError``.
        """
        rolled_back = await self._rollback.roll_back(use_case, actor=actor, why=why, to=to)
        await self._refresh(use_case)
        return await self.get(rolled_back)

    async def use_case_of(self, release_id: str) -> str | None:
        """The use case that a release belongs to; ``None`` if there is no such release."""
        row = await self._database.fetch_one(_SQL["release_use_case"], {"id": release_id})
        return row["use_case"] if row else None

    async def withdraw(self, release_id: str, *, actor: str, why: str) -> Release:
        """End a candidate before it is live. Raises ``ReleaseStepError``."""
        await self._rollback.withdraw(release_id, actor=actor, why=why)
        release = await self.get(release_id)
        await self._refresh(release.use_case)
        return release

    async def recertify(self, use_case: str, *, actor: str) -> Release:
        """Renew the proof of the live version. The same behaviour needs no new sign-off.

        Raises ``RollBackError`` if the live version has no release, ``CannotDecideError``,
        ``ArtifactMissingError``.
        """
        release_id = await self._recertification.recertify(use_case, actor=actor)
        await self._refresh(use_case)
        return await self.get(release_id)

    async def retire(self, use_case: str, *, actor: str, why: str) -> None:
        """End a use case: it takes no new tasks, and people finish the open ones.

        No folder is needed.

        Raises ``ReleaseUnderWayError``, ``UnknownUseCaseError``, ``CannotDecideError``.
        """
        await self._none_under_way(use_case)
        await self._rollback.retire(use_case, actor=actor, why=why)
        await self._refresh(use_case)

    async def _advance(self, release_id: str, step: Step, actor: str) -> Release:
        release = await self._repository.get(release_id)
        check_step(release, step)
        await self._gate.open(release.use_case, release.behaviour)
        if release.step in lifecycle.TRIALS:
            release = await self._trial_monitor.check_trial(release_id)
            check_step(release, step)
        holders = await self._repository.holders(release_id)
        async with self._database.transaction() as connection:
            await self._promotion.advance(connection, release_id, step, actor, holders)
        await self._refresh(release.use_case)
        return await self.get(release_id)

    async def _shown(self, release: Release) -> Release:
        """A release without the cases that somebody has still to judge a second time."""
        gate, trial = release.gate or {}, release.trial or {}
        unknown, differ = gate.get("unknown") or {}, trial.get("differ") or ()
        cases_of = [*(gate.get("cases") or {}).values(), unknown.get("cases") or (), differ]
        tasks = [case["task"] for some in cases_of for case in some if case.get("task")]
        if not tasks:
            return release
        rows = await self._database.fetch(_SQL["withheld"], {"tasks": tasks})
        withheld = {row["task_id"] for row in rows}

        def seen(some: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
            return [case for case in some if case.get("task") not in withheld]

        if gate.get("cases"):
            gate = {**gate, "cases": {what: seen(some) for what, some in gate["cases"].items()}}
        if unknown.get("cases"):
            gate = {**gate, "unknown": {**unknown, "cases": seen(unknown["cases"])}}
        if differ:
            trial = {**trial, "differ": seen(differ)}
        return replace(
            release,
            gate=gate if release.gate is not None else None,
            trial=trial if release.trial is not None else None,
        )

    async def _plan_of(self, connection: Connection, use_case: str) -> dict[str, object]:
        """The rollout that the live version declares, once the use case is live.

        So an edited folder cannot weaken its own release steps. If the live version requires no
        sign-offs, a folder that requires some counts at once.
        """
        own = dict(rollout_facts(self._deployments.folder(use_case).declared.rollout))
        stage, live = await self._deployer.live_rollout(connection, use_case)
        if live and stage not in ("idea", "proof") and (live["sign_offs"] or not own["sign_offs"]):
            return dict(live)
        return own

    async def _behaviour_of(self, use_case: str, version: str) -> str:
        row = await self._database.fetch_one(
            _SQL["version_named"], {"use_case": use_case, "name": version}
        )
        if row is None:
            raise UnknownVersionError(version)
        return str(row["behaviour"])

    async def _none_under_way(self, use_case: str) -> None:
        running = await self._repository.current(use_case)
        if running:
            raise ReleaseUnderWayError(use_case, running.number, running.step)

    async def _refresh(self, use_case: str) -> None:
        """Read the new state in this process. Other processes are notified by the database."""
        if use_case in self._deployments.names():
            await self._deployments.refresh(use_case)


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
        state = await (await connection.execute(_SQL["automation_state"], named)).fetchone()
        assert state is not None  # a release belongs to a registered use case
        check_gate_still_holds(release, row, state)
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
        self, connection: Connection, release: Release, state: AutomationStateRow, actor: str
    ) -> None:
        certificate = release.certificate
        certification = Certification(
            certificate=certificate,
            proof=None,
            sample=certificate["items"] if certificate else 0,
            note=stored_sentence("Release %(number)s went live.", number=release.number),
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
                sentence(
                    "Release %(number)s is not the version that its gate measured.",
                    number=release.number,
                ),
                sentence("Run the gate again."),
            )
        before = await connection.execute(_SQL["live_release"], {"use_case": release.use_case})
        for row in await before.fetchall():
            old, _ = await self._repository.lock(connection, row["id"], {})
            why = stored_sentence("Release %(number)s took its place.", number=release.number)
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
