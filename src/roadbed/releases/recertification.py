"""Verb: ``renew`` the proof of what is live. The same behaviour, so nobody has to sign again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from roadbed.guarantee.certificates import Certification
from roadbed.releases.errors import CannotDecideError, RollBackError
from roadbed.releases.gate import GateService
from roadbed.releases.release_log import ReleaseLog
from roadbed.releases.repository import ReleaseRepository
from roadbed.releases.service import Releases
from roadbed.storage.database import Database
from roadbed.storage.sql import queries
from roadbed.versions import identity

_SQL = queries(__package__)
Row = Mapping[str, Any]


class Recertification:
    """Looks again at the evidence for the live version, as far as another look is due."""

    def __init__(
        self,
        database: Database,
        releases: Releases,
        gate: GateService,
        book: ReleaseRepository,
        journal: ReleaseLog,
    ) -> None:
        self._database = database
        self._releases = releases
        self._gate = gate
        self._book = book
        self._journal = journal

    async def renew(self, use_case: str, *, actor: str) -> str:
        """The live release, with its newest proof in force.

        Raises ``RollBackError`` where what is live came without a release, ``CannotDecideError``
        when an alarm sounds meanwhile, ``ArtifactMissingError``, ``EvaluationBudgetError``.
        """
        named = {"use_case": use_case}
        standing = await self._database.fetch_one(_SQL["standing"], named) or {}
        row = await self._database.fetch_one(_SQL["live_release"], named)
        if row is None or row["version"] != standing.get("live_version"):
            raise RollBackError(
                f"What is live in {use_case!r} came without a release.",
                f"`roadbed improve {use_case}` looks at its proof.",
            )
        release = await self._book.get(row["id"])
        found = await self._gate.open(use_case, release.behaviour)
        look = await self._releases.certificates.certify(
            found.loaded,
            await self._gate.candidate(found),
            found.behaviour,
            identity.standing(standing),
            standing["alarm_at"],
            self._gate.paying(use_case),
        )
        if look.proof is not None:
            await self._put(use_case, release.id, standing, look, actor)
        return release.id

    async def _put(
        self, use_case: str, release_id: str, standing: Row, look: Certification, actor: str
    ) -> None:
        async with self._database.transaction() as connection:
            release, _ = await self._book.hold(connection, release_id, {})
            live = None
            if release.step == "live" and look.certificate:
                live = await self._releases.put_in_service(
                    connection,
                    use_case,
                    release.behaviour,
                    look,
                    alarm_at=standing["alarm_at"],
                    actor=actor,
                    opened=True,
                )
            if live is None or look.certificate is None:
                raise CannotDecideError(
                    f"An alarm sounded, or {use_case!r} went on to another version, meanwhile.",
                    "What was seen is not the evidence now: ask again.",
                )
            proven = {"version": live[0], "certificate": look.certificate["id"]}
            await connection.execute(_SQL["renew_release"], {"id": release_id, **proven})
            subject = f"{release_id} renewed"
            await self._journal.note(connection, use_case, subject, actor, {**proven})
