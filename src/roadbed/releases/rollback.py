"""Rollback of a trial or of the live version; withdrawal of a candidate; retirement.

Rollback needs no approval and works while the use case is halted. It advances the epochs under the
lock that settlements share. So a task that the rolled-back version was deciding is decided again,
and no decision of that version is settled or sent afterwards.
"""

from __future__ import annotations

from roadbed.guarantee.certificates import Certification
from roadbed.guarantee.state import set_to_propose_only
from roadbed.kernel.messages import later
from roadbed.kernel.sentences import sentence
from roadbed.kernel.stored_sentences import stored_sentence
from roadbed.releases import lifecycle
from roadbed.releases.deployer import Deployer
from roadbed.releases.errors import CannotDecideError, ReleaseStepError, RollBackError
from roadbed.releases.repository import ReleaseLog, ReleaseRepository
from roadbed.releases.rows import AutomationStateRow, Queries, VersionNamedRow
from roadbed.storage.background import Warnings
from roadbed.storage.database import Connection, Database
from roadbed.storage.sql import queries
from roadbed.usecases.destinations import Approvals
from roadbed.usecases.errors import UnknownUseCaseError
from roadbed.usecases.rows import Queries as UseCaseQueries
from roadbed.versions import identity
from roadbed.versions.errors import ArtifactMissingError
from roadbed.versions.model import Release, Step

_SQL = queries(Queries)
_USE_CASES = queries(UseCaseQueries)  # the owner of `use_case`


class Rollback:
    """Takes versions out of service."""

    def __init__(
        self,
        *,
        database: Database,
        deployer: Deployer,
        repository: ReleaseRepository,
        log: ReleaseLog,
        hold_deliveries: str,
    ) -> None:
        self._warnings = Warnings()
        self._database = database
        self._deployer = deployer
        self._repository = repository
        self._log = log
        self._hold_deliveries = hold_deliveries

    async def roll_back(self, use_case: str, *, actor: str, why: str, to: str | None) -> str:
        """Roll back the trial, or else the live version; returns the id of that release.

        The version that comes back is stored, so no folder is needed.

        Raises ``RollBackError``, ``ArtifactMissingError``, ``UnknownUseCaseError``.
        """
        async with self._database.transaction() as connection:
            await connection.execute(_SQL["lock_settlements"], {"use_case": use_case})
            await connection.execute(_SQL["lock_releases"], {"use_case": use_case})
            trial = await self._release_at(connection, use_case, lifecycle.TRIALS)
            if trial is not None:
                self._only_base(trial, to)
                await self._end(connection, trial, "rolled_back", actor, why)
                ended = trial
            else:
                ended = await self._roll_back_live(connection, use_case, actor, why, to)
        await self._notify(use_case)
        return ended.id

    async def end_trial(self, release: Release, *, actor: str, why: str) -> bool:
        """Roll back exactly this trial. Returns ``False`` if it has ended already."""
        async with self._database.transaction() as connection:
            await connection.execute(_SQL["lock_settlements"], {"use_case": release.use_case})
            current, _ = await self._repository.lock(connection, release.id, {})
            if current.step not in lifecycle.TRIALS:
                return False
            await self._end(connection, current, "rolled_back", actor, why)
        await self._notify(release.use_case)
        return True

    async def withdraw(self, release_id: str, *, actor: str, why: str) -> None:
        """End a candidate before it is live. Raises ``ReleaseStepError``."""
        release = await self._repository.get(release_id)
        async with self._database.transaction() as connection:
            await connection.execute(_SQL["lock_settlements"], {"use_case": release.use_case})
            release, _ = await self._repository.lock(connection, release_id, {})
            if release.step not in lifecycle.UNDER_WAY:
                raise ReleaseStepError(release.number, release.step, later("withdrawn"), "")
            await self._end(connection, release, "withdrawn", actor, why)
        await self._notify(release.use_case)

    async def retire(self, use_case: str, *, actor: str, why: str) -> None:
        """End a use case: no new tasks, no automation. Open reviews and deliveries go on.

        Raises ``UnknownUseCaseError``, ``CannotDecideError``.
        """
        async with self._database.transaction() as connection:
            named = {"use_case": use_case}
            await connection.execute(_SQL["lock_settlements"], named)
            await connection.execute(_SQL["lock_releases"], named)
            state = await (await connection.execute(_SQL["automation_state"], named)).fetchone()
            if state is None:
                raise UnknownUseCaseError(use_case)
            if state["stage"] == "retired":
                raise CannotDecideError(
                    sentence("%(use_case)r is retired already.", use_case=use_case),
                    sentence("Nothing is left to do."),
                )
            await set_to_propose_only(connection, use_case, reason=f"Retired: {why}")
            await connection.execute(_USE_CASES["fence_release"], named)
            live = await self._release_at(connection, use_case, ("live",))
            if live is not None:
                await self._log.move(connection, live, "retired", actor=actor, why=why)
            await self._log.reach_stage(connection, use_case, "retired", actor=actor)
            await self._log.set_waits(connection, use_case, frozenset(), release=None)
            await self._log.record_audit(
                connection, use_case, f"{use_case} retired", actor, {"why": why}
            )
            text = stored_sentence(
                "%(use_case)s: retired by %(actor)s. %(why)s It takes no new tasks.",
                use_case=use_case,
                actor=actor,
                why=why,
            )
            await self._log.notify_pod(connection, use_case, "retired", text)
        await self._notify(use_case)

    async def _end(
        self, connection: Connection, release: Release, step: Step, actor: str, why: str
    ) -> None:
        await self._log.move(connection, release, step, actor=actor, why=why)
        await self._log.set_waits(connection, release.use_case, frozenset(), release=release.id)
        if release.step not in lifecycle.TRIALS:
            return
        await connection.execute(_USE_CASES["fence_release"], {"use_case": release.use_case})
        if step == "rolled_back":
            text = stored_sentence(
                "%(use_case)s: release %(number)s was rolled back. %(why)s",
                use_case=release.use_case,
                number=release.number,
                why=why,
            )
            text = await self._hold_unsent(connection, release, text)
            await self._log.notify_pod(connection, release.use_case, "rolled_back", text)

    async def _roll_back_live(
        self, connection: Connection, use_case: str, actor: str, why: str, to: str | None
    ) -> Release:
        live = await self._release_at(connection, use_case, ("live",))
        named = {"use_case": use_case}
        state = await (await connection.execute(_SQL["automation_state"], named)).fetchone()
        if state is None:
            raise UnknownUseCaseError(use_case)
        if live is None or state["live_version"] != live.version:
            raise RollBackError(
                sentence(
                    "The live version of %(use_case)r has no release: nothing was live before it.",
                    use_case=use_case,
                ),
                sentence("`roadbed halt %(use_case)s` stops it.", use_case=use_case),
            )
        if live.base is None or live.base == live.version:
            raise RollBackError(
                sentence(
                    "Release %(number)s is the first of %(use_case)r: nothing was live before it.",
                    number=live.number,
                    use_case=use_case,
                ),
                sentence("`roadbed halt %(use_case)s` stops it.", use_case=use_case),
            )
        self._only_base(live, to)
        before = await connection.execute(
            _SQL["version_named"], {"use_case": use_case, "name": live.base}
        )
        base = await before.fetchone()
        if base is None:
            raise RollBackError(
                sentence("Version %(base)s is gone.", base=live.base),
                sentence("Plan another release."),
            )
        await self._restore(connection, use_case, base, state, actor, live.number)
        await self._log.move(connection, live, "rolled_back", actor=actor, why=why)
        again = await connection.execute(
            _SQL["release_of_version"], {"use_case": use_case, "version": base["id"]}
        )
        if row := await again.fetchone():
            earlier, _ = await self._repository.lock(connection, row["id"], {})
            reason = stored_sentence("Release %(number)s was rolled back.", number=live.number)
            await self._log.move(connection, earlier, "live", actor=actor, why=reason)
        await connection.execute(_USE_CASES["fence_release"], named)
        text = stored_sentence(
            "%(use_case)s: version %(version)s is live again, release %(number)s was rolled back "
            "by %(actor)s. %(why)s",
            use_case=use_case,
            version=base["number"],
            number=live.number,
            actor=actor,
            why=why,
        )
        text = await self._hold_unsent(connection, live, text)
        await self._log.notify_pod(connection, use_case, "rolled_back", text)
        return live

    async def _restore(
        self,
        connection: Connection,
        use_case: str,
        base: VersionNamedRow,
        state: AutomationStateRow,
        actor: str,
        number: int,
    ) -> None:
        """Put the previous version in service, with its own proof and its own threshold."""
        damaged = await connection.execute(_SQL["damaged_file"], {"behaviour": base["behaviour"]})
        if broken := await damaged.fetchone():
            raise ArtifactMissingError(use_case, broken["name"])
        had = await connection.execute(_SQL["certificate"], {"id": base["certificate"]})
        certificate = await had.fetchone()
        certification = Certification(
            certificate=certificate,
            proof=None,
            sample=certificate["items"] if certificate else 0,
            note=stored_sentence("Release %(number)s was rolled back.", number=number),
        )
        await self._deployer.deploy(
            connection,
            use_case,
            base["behaviour"],
            certification,
            alarm_at=state["alarm_at"],
            actor=actor,
            opened=base["id"] != identity.version_id(base["behaviour"], None),
        )

    def _only_base(self, release: Release, to: str | None) -> None:
        if to is not None and to not in (release.base, str(release.base_number)):
            raise RollBackError(
                sentence(
                    "Only version %(base_number)s was live before release %(number)s.",
                    base_number=release.base_number,
                    number=release.number,
                ),
                sentence(
                    "Plan the other as a release: `roadbed release plan %(use_case)s "
                    "--version %(to)s`.",
                    use_case=release.use_case,
                    to=to[:40],
                ),
            )

    async def _hold_unsent(self, connection: Connection, release: Release, text: str) -> str:
        """Hold the unsent deliveries of a rolled-back version; adds their number to ``text``."""
        if release.version is None or release.version == release.base:
            return text
        named = {"use_case": release.use_case}
        row = await (await connection.execute(_SQL["approve_within"], named)).fetchone()
        hours = row["hours"] if row and row["hours"] else Approvals().within_hours
        cursor = await connection.execute(
            self._hold_deliveries,
            {
                "use_case": release.use_case,
                "version": release.version,
                "reason": stored_sentence(
                    "The version that decided it was rolled back (release %(number)s): check it "
                    "before it is sent.",
                    number=release.number,
                ),
                "approve_seconds": hours * 3600.0,
            },
        )
        held = len(await cursor.fetchall())
        if not held:
            return text
        return stored_sentence(
            "%(text)s %(held)s of its deliveries are held for a person.", text=text, held=held
        )

    async def _release_at(
        self, connection: Connection, use_case: str, steps: tuple[Step, ...]
    ) -> Release | None:
        cursor = await connection.execute(
            _SQL["release_at"], {"use_case": use_case, "steps": list(steps)}
        )
        row = await cursor.fetchone()
        return (await self._repository.lock(connection, row["id"], {}))[0] if row else None

    async def _notify(self, use_case: str) -> None:
        # A NOTIFY serialises the commits of the whole server, so it runs in its own transaction.
        with self._warnings.caught("other processes not told", usecase=use_case):
            await self._database.fetch(_SQL["notify"], {"use_case": use_case})
