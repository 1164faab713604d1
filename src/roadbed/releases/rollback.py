"""Verbs: ``roll_back`` a trial or the live version, ``withdraw`` a candidate, ``retire``.

Going down needs nobody's word and works while halted. The epoch moves under the lock that
settlements share: a task that the fallen version was deciding is decided again, and nothing of it
settles or is sent afterwards.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from roadbed.guarantee.certificates import Certification
from roadbed.guarantee.state import set_to_propose_only
from roadbed.releases import lifecycle
from roadbed.releases.errors import CannotDecideError, ReleaseStepError, RollBackError
from roadbed.releases.release_log import ReleaseLog
from roadbed.releases.repository import ReleaseRepository
from roadbed.releases.service import Releases
from roadbed.storage.background import Warnings
from roadbed.storage.database import Connection, Database
from roadbed.storage.sql import queries
from roadbed.usecases.destinations import Approvals
from roadbed.usecases.errors import UnknownUseCaseError
from roadbed.versions import identity
from roadbed.versions.errors import ArtifactMissingError
from roadbed.versions.model import Release, Step

_SQL = queries(__package__)
_USE_CASES = queries("roadbed.usecases")  # the owner of `use_case`
Row = Mapping[str, Any]


class Rollback:
    """Everything that takes a version out of service."""

    def __init__(
        self,
        *,
        database: Database,
        releases: Releases,
        book: ReleaseRepository,
        journal: ReleaseLog,
        hold_deliveries: str,
    ) -> None:
        self._warnings = Warnings()
        self._database = database
        self._releases = releases
        self._book = book
        self._journal = journal
        self._hold_deliveries = hold_deliveries

    async def roll_back(self, use_case: str, *, actor: str, why: str, to: str | None) -> str:
        """The release that fell. What goes back is stored, so no folder is needed.

        Raises ``RollBackError``, ``ArtifactMissingError``, ``UnknownUseCaseError``.
        """
        async with self._database.transaction() as connection:
            await connection.execute(_SQL["fence"], {"use_case": use_case})
            await connection.execute(_SQL["lock"], {"use_case": use_case})
            trial = await self._one(connection, use_case, lifecycle.TRIALS)
            if trial is not None:
                self._only_base(trial, to)
                await self._end(connection, trial, "rolled_back", actor, why)
                fell = trial
            else:
                fell = await self._live_falls(connection, use_case, actor, why, to)
        await self._tell(use_case)
        return fell.id

    async def end_trial(self, release: Release, *, actor: str, why: str) -> bool:
        """Roll back exactly this trial; ``False`` if it is one no more."""
        async with self._database.transaction() as connection:
            await connection.execute(_SQL["fence"], {"use_case": release.use_case})
            found, _ = await self._book.hold(connection, release.id, {})
            if found.step not in lifecycle.TRIALS:
                return False
            await self._end(connection, found, "rolled_back", actor, why)
        await self._tell(release.use_case)
        return True

    async def withdraw(self, release_id: str, *, actor: str, why: str) -> None:
        """Take a candidate off. Raises ``ReleaseStepError``."""
        release = await self._book.get(release_id)
        async with self._database.transaction() as connection:
            await connection.execute(_SQL["fence"], {"use_case": release.use_case})
            release, _ = await self._book.hold(connection, release_id, {})
            if release.step not in lifecycle.UNDER_WAY:
                raise ReleaseStepError(release.number, release.step, "withdrawn", "")
            await self._end(connection, release, "withdrawn", actor, why)
        await self._tell(release.use_case)

    async def retire(self, use_case: str, *, actor: str, why: str) -> None:
        """No new tasks, and nothing automatic; what waits is reviewed and delivered.

        Raises ``UnknownUseCaseError``, ``CannotDecideError``.
        """
        async with self._database.transaction() as connection:
            named = {"use_case": use_case}
            await connection.execute(_SQL["fence"], named)
            await connection.execute(_SQL["lock"], named)
            standing = await (await connection.execute(_SQL["standing"], named)).fetchone()
            if standing is None:
                raise UnknownUseCaseError(use_case)
            if standing["stage"] == "retired":
                raise CannotDecideError(
                    f"{use_case!r} is retired already.", "Nothing is left to do."
                )
            await set_to_propose_only(connection, use_case, reason=f"Retired: {why}")
            await connection.execute(_USE_CASES["fence_release"], named)
            live = await self._one(connection, use_case, ("live",))
            if live is not None:
                await self._journal.move(connection, live, "retired", actor=actor, why=why)
            await self._journal.reach(connection, use_case, "retired", actor=actor)
            await self._journal.wait(connection, use_case, frozenset(), release=None)
            await self._journal.note(
                connection, use_case, f"{use_case} retired", actor, {"why": why}
            )
            text = f"{use_case}: retired by {actor}. {why} It takes no new tasks."
            await self._journal.tell_pod(connection, use_case, "retired", text)
        await self._tell(use_case)

    async def _end(
        self, connection: Connection, release: Release, step: Step, actor: str, why: str
    ) -> None:
        await self._journal.move(connection, release, step, actor=actor, why=why)
        await self._journal.wait(connection, release.use_case, frozenset(), release=release.id)
        if release.step not in lifecycle.TRIALS:
            return
        await connection.execute(_USE_CASES["fence_release"], {"use_case": release.use_case})
        if step == "rolled_back":
            text = f"{release.use_case}: release {release.number} was rolled back. {why}"
            held = await self._hold(connection, release)
            await self._journal.tell_pod(
                connection, release.use_case, "rolled_back", f"{text}{held}"
            )

    async def _live_falls(
        self, connection: Connection, use_case: str, actor: str, why: str, to: str | None
    ) -> Release:
        live = await self._one(connection, use_case, ("live",))
        named = {"use_case": use_case}
        standing = await (await connection.execute(_SQL["standing"], named)).fetchone()
        if standing is None:
            raise UnknownUseCaseError(use_case)
        if live is None or standing["live_version"] != live.version:
            raise RollBackError(
                f"What is live in {use_case!r} came without a release, so nothing was before it.",
                f"`roadbed halt {use_case}` stops it.",
            )
        if live.base is None or live.base == live.version:
            raise RollBackError(
                f"Release {live.number} is the first of {use_case!r}: nothing was live before it.",
                f"`roadbed halt {use_case}` stops it.",
            )
        self._only_base(live, to)
        before = await connection.execute(
            _SQL["version_named"], {"use_case": use_case, "name": live.base}
        )
        base = await before.fetchone()
        if base is None:
            raise RollBackError(f"Version {live.base} is gone.", "Plan another release.")
        await self._put_back(connection, use_case, base, standing, actor, live.number)
        await self._journal.move(connection, live, "rolled_back", actor=actor, why=why)
        again = await connection.execute(
            _SQL["release_of_version"], {"use_case": use_case, "version": base["id"]}
        )
        if row := await again.fetchone():
            earlier, _ = await self._book.hold(connection, row["id"], {})
            said = f"Release {live.number} was rolled back."
            await self._journal.move(connection, earlier, "live", actor=actor, why=said)
        await connection.execute(_USE_CASES["fence_release"], named)
        held = await self._hold(connection, live)
        await self._journal.tell_pod(
            connection,
            use_case,
            "rolled_back",
            f"{use_case}: version {base['number']} is live again, release {live.number} was "
            f"rolled back by {actor}. {why}{held}",
        )
        return live

    async def _put_back(
        self,
        connection: Connection,
        use_case: str,
        base: Row,
        standing: Row,
        actor: str,
        number: int,
    ) -> None:
        """The version before, with the proof it had, and no more than it was allowed."""
        damaged = await connection.execute(_SQL["damaged"], {"behaviour": base["behaviour"]})
        if broken := await damaged.fetchone():
            raise ArtifactMissingError(use_case, broken["name"])
        had = await connection.execute(_SQL["certificate"], {"id": base["certificate"]})
        certificate = await had.fetchone()
        look = Certification(
            certificate=certificate,
            proof=None,
            sample=certificate["items"] if certificate else 0,
            note=f"Release {number} was rolled back.",
        )
        await self._releases.put_in_service(
            connection,
            use_case,
            base["behaviour"],
            look,
            alarm_at=standing["alarm_at"],
            actor=actor,
            opened=base["id"] != identity.version_id(base["behaviour"], None),
        )

    def _only_base(self, release: Release, to: str | None) -> None:
        if to is not None and to not in (release.base, str(release.base_number)):
            raise RollBackError(
                f"Only version {release.base_number} was live before release {release.number}.",
                f"Plan the other as a release: `roadbed release plan {release.use_case} "
                f"--version {to[:40]}`.",
            )

    async def _hold(self, connection: Connection, release: Release) -> str:
        """Hold what the fallen version has not sent; gives a sentence on it, if there is any."""
        if release.version is None or release.version == release.base:
            return ""
        named = {"use_case": release.use_case}
        row = await (await connection.execute(_SQL["approve_within"], named)).fetchone()
        hours = row["hours"] if row and row["hours"] else Approvals().within_hours
        cursor = await connection.execute(
            self._hold_deliveries,
            {
                "use_case": release.use_case,
                "version": release.version,
                "reason": f"The version that decided it was rolled back (release "
                f"{release.number}): look before it goes.",
                "approve_seconds": hours * 3600.0,
            },
        )
        held = len(await cursor.fetchall())
        return f" {held} deliveries of it are held for a person." if held else ""

    async def _one(
        self, connection: Connection, use_case: str, steps: tuple[Step, ...]
    ) -> Release | None:
        found = await connection.execute(
            _SQL["release_at"], {"use_case": use_case, "steps": list(steps)}
        )
        row = await found.fetchone()
        return (await self._book.hold(connection, row["id"], {}))[0] if row else None

    async def _tell(self, use_case: str) -> None:
        # A NOTIFY serialises commits of the whole server, so it is not in the fence's transaction.
        with self._warnings.caught("other processes not told", usecase=use_case):
            await self._database.fetch(_SQL["tell"], {"use_case": use_case})
