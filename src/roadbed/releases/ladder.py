"""Verbs: ``plan`` a release, ``gate`` it, ``sign``, ``shadow``, ``canary``, ``promote``.

The only way from a candidate to what decides; back again it is ``roll_back`` (falling.py).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Literal

from psycopg.errors import UniqueViolation
from psycopg.types.json import Jsonb

from roadbed.kernel.clock import Clock
from roadbed.kernel.ids import Ids
from roadbed.releases import lifecycle
from roadbed.releases.errors import NothingToJudgeError, ReleaseUnderWayError
from roadbed.releases.gate import GateService
from roadbed.releases.promotion import Promotion, check_step
from roadbed.releases.recertification import Recertification
from roadbed.releases.release_log import ReleaseLog
from roadbed.releases.repository import ReleaseRepository
from roadbed.releases.rollback import Rollback
from roadbed.releases.service import Releases
from roadbed.releases.sign_offs import SignOffs
from roadbed.releases.trial_monitor import TrialMonitor
from roadbed.storage.database import Connection, Database
from roadbed.storage.sql import queries
from roadbed.usecases.rollout import facts
from roadbed.versions.deployments import Deployments
from roadbed.versions.errors import UnknownVersionError
from roadbed.versions.model import Release, Step

_SQL = queries(__package__)
Row = Mapping[str, Any]
Accepted = Callable[[str], Awaitable[Sequence[Mapping[str, Any]]]]


async def nothing_accepted(use_case: str) -> Sequence[Mapping[str, Any]]:  # noqa: ARG001
    """No proposals."""
    return ()


class Ladder:
    """Takes candidates up, one at a time for each use case. Every verb is one transaction."""

    def __init__(
        self,
        *,
        database: Database,
        releases: Releases,
        registry: Deployments,
        book: ReleaseRepository,
        gate: GateService,
        signing: SignOffs,
        rising: Promotion,
        renewal: Recertification,
        falling: Rollback,
        watching: TrialMonitor,
        journal: ReleaseLog,
        ids: Ids,
        clock: Clock,
        accepted: Accepted = nothing_accepted,
    ) -> None:
        self._database = database
        self._releases = releases
        self._registry = registry
        self._book = book
        self._gate = gate
        self._signing = signing
        self._rising = rising
        self._renewal = renewal
        self._falling = falling
        self._watching = watching
        self._journal = journal
        self._ids = ids
        self._clock = clock
        self._accepted = accepted

    async def get(self, release_id: str) -> Release:
        """One release. Raises ``UnknownReleaseError``."""
        return await self._book.get(release_id)

    async def current(self, use_case: str) -> Release | None:
        """The candidate under way, if there is one."""
        return await self._book.current(use_case)

    async def history(self, use_case: str, most: int = 50) -> Sequence[Release]:
        """All releases, newest first."""
        return await self._book.history(use_case, most)

    async def roles(self, use_case: str, person: str) -> frozenset[str]:
        """What ``person`` may sign off as."""
        return await self._book.roles(use_case, person)

    async def look(self, release_id: str) -> Release:
        """Read shadow or canary as it stands; roll back where it harms. Else change nothing."""
        return await self._watching.look(release_id)

    async def watch(self, names: Callable[[], Sequence[str]]) -> None:
        """Look at what is tried whenever there is something new, until cancelled."""
        await self._watching.watch(names)

    async def plan(
        self, use_case: str, *, actor: str, reason: str = "", version: str | None = None
    ) -> Release:
        """Make a candidate and fix what it must reach.

        It is made of the folder, what was corrected and what was accepted; or it is ``version``, an
        earlier one by number or id. Raises ``ReleaseUnderWayError``, ``UnknownVersionError``,
        ``TrainingError``, ``PatchError``, ``FolderChangedError``, ``ArtifactMissingError``; why the
        folder cannot be loaded, where it is to be made of it.
        """
        self._registry.get(use_case)
        await self._none_under_way(use_case)
        proposals: list[str] = []
        if version is not None:
            behaviour = await self._behaviour_of(use_case, version)
            why = reason or f"Version {version} again."
        else:
            folder = self._registry.on_disk(use_case)
            changes = await self._accepted(use_case)
            proposals = [str(change["id"]) for change in changes if "id" in change]
            why = reason or "The folder as it is, with what was corrected since."
            _, behaviour = await self._releases.build(
                folder, actor=actor, reason=why, changes=changes
            )
        await self._gate.open(use_case, behaviour)
        release_id = self._ids.new("rel")
        try:
            async with self._database.transaction() as connection:
                await connection.execute(_SQL["lock"], {"use_case": use_case})
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
                release, _ = await self._book.hold(connection, release_id, {})
                await self._journal.reached(connection, release, "planned", actor=actor, why=why)
        except UniqueViolation:
            await self._none_under_way(use_case)
            raise
        await self._refresh(use_case)
        return await self._book.get(release_id)

    async def gate(self, release_id: str, *, actor: str) -> Release:
        """Measure the candidate against what is live, by the limits of the plan.

        Raises ``GateRunningError``, ``NothingToJudgeError``, ``ArtifactMissingError``,
        ``ReleaseStepError``, ``EvaluationBudgetError``, ``PriceUnknownError``.
        """
        release = await self._book.get(release_id)
        check_step(release, "gated")
        async with self._gate.alone(release):
            try:
                found = await self._gate.run(release)
            except NothingToJudgeError:
                async with self._database.transaction() as connection:
                    labels = frozenset({"labels"})
                    await self._journal.wait(
                        connection, release.use_case, labels, release=release_id
                    )
                raise
            async with self._database.transaction() as connection:
                await self._rising.gated(connection, release_id, found, actor)
        await self._refresh(release.use_case)
        return await self._book.get(release_id)

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
        await self._signing.sign(
            release_id, person=person, verdict=verdict, content=content, role=role, note=note
        )
        return await self._book.get(release_id)

    async def take_back(self, release_id: str, *, person: str) -> Release:
        """``person`` no longer says what they said. Raises ``SignOffError``."""
        await self._signing.take_back(release_id, person=person)
        return await self._book.get(release_id)

    async def shadow(self, release_id: str, *, actor: str) -> Release:
        """Let the candidate answer beside the live version, without effect."""
        return await self._up(release_id, "shadow", actor)

    async def canary(self, release_id: str, *, actor: str) -> Release:
        """Let the candidate decide its share of the tasks."""
        return await self._up(release_id, "canary", actor)

    async def promote(self, release_id: str, *, actor: str) -> Release:
        """Let the candidate decide every task. Tasks in flight keep the version they have.

        Raises ``ReleaseStepError``, ``SignOffsMissingError``, ``TrialShortError``,
        ``CannotDecideError``, ``ArtifactMissingError``.
        """
        return await self._up(release_id, "live", actor)

    async def roll_back(
        self, use_case: str, *, actor: str, why: str, to: str | None = None
    ) -> Release | None:
        """End the trial that runs; without one, go back to what was live before.

        Gives the release that fell. The use case need not be served here, nor its folder load.
        Raises ``RollBackError``, ``ArtifactMissingError``, ``UnknownUseCaseError``.
        """
        fell = await self._falling.roll_back(use_case, actor=actor, why=why, to=to)
        await self._refresh(use_case)
        return await self._book.get(fell)

    async def use_case_of(self, release_id: str) -> str | None:
        """The use case that a release belongs to; ``None`` if there is no such release."""
        row = await self._database.fetch_one(_SQL["release_use_case"], {"id": release_id})
        return row["use_case"] if row else None

    async def withdraw(self, release_id: str, *, actor: str, why: str) -> Release:
        """Take a candidate off the ladder. Raises ``ReleaseStepError``."""
        await self._falling.withdraw(release_id, actor=actor, why=why)
        release = await self._book.get(release_id)
        await self._refresh(release.use_case)
        return release

    async def renew(self, use_case: str, *, actor: str) -> Release:
        """Look again at the proof of what is live; the same behaviour needs no new sign-off.

        Raises ``RollBackError`` where what is live came without a release, ``CannotDecideError``,
        ``ArtifactMissingError``.
        """
        release_id = await self._renewal.renew(use_case, actor=actor)
        await self._refresh(use_case)
        return await self._book.get(release_id)

    async def retire(self, use_case: str, *, actor: str, why: str) -> None:
        """End a use case: no new tasks, and people do what waits. No folder is needed.

        Raises ``ReleaseUnderWayError``, ``UnknownUseCaseError``, ``CannotDecideError``.
        """
        await self._none_under_way(use_case)
        await self._falling.retire(use_case, actor=actor, why=why)
        await self._refresh(use_case)

    async def _up(self, release_id: str, step: Step, actor: str) -> Release:
        release = await self._book.get(release_id)
        check_step(release, step)
        await self._gate.open(release.use_case, release.behaviour)
        if release.step in lifecycle.TRIALS:
            release = await self._watching.look(release_id)
            check_step(release, step)
        holders = await self._book.holders(release_id)
        async with self._database.transaction() as connection:
            await self._rising.take(connection, release_id, step, actor, holders)
        await self._refresh(release.use_case)
        return await self._book.get(release_id)

    async def _plan_of(self, connection: Connection, use_case: str) -> dict[str, Any]:
        """The ladder of what is live, beyond a proof; an edited folder cannot weaken its own.

        Where the live one asks nobody, a folder that asks somebody counts at once.
        """
        own = dict(facts(self._registry.folder(use_case).declared.rollout))
        stage, live = await self._releases.live_ladder(connection, use_case)
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
        running = await self._book.current(use_case)
        if running:
            raise ReleaseUnderWayError(use_case, running.number, running.step)

    async def _refresh(self, use_case: str) -> None:
        """See it here at once; other processes are told by the database."""
        if use_case in self._registry.names():
            await self._registry.refresh(use_case)
