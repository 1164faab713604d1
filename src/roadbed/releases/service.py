"""Verbs: register a use case, improve it, take a version live."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from roadbed.improvement.model import Candidate
from roadbed.improvement.service import Improvement
from roadbed.kernel.clock import Clock
from roadbed.kernel.ids import CertificateId, Ids, VersionId
from roadbed.releases import rules
from roadbed.releases.certificates import Certificates, Look
from roadbed.releases.model import Improved, VersionInfo
from roadbed.risk.promise import renewed
from roadbed.risk.states import State
from roadbed.storage.database import Connection, Database
from roadbed.storage.sql import queries
from roadbed.usecases.errors import UnknownUseCaseError
from roadbed.usecases.folder import LoadedUseCase
from roadbed.usecases.model import UseCase

_SQL = queries(__package__)


class Releases:
    """Makes versions and puts them in service. Gates, shadow and canary will stand before it."""

    def __init__(
        self,
        *,
        database: Database,
        improvement: Improvement,
        ids: Ids,
        clock: Clock,
        entropy: Callable[[int], bytes],
        audit_note: str,
    ) -> None:
        self._database = database
        self._improvement = improvement
        self._ids = ids
        self._clock = clock
        self._entropy = entropy
        self._audit_note = audit_note
        self._certificates = Certificates(database, improvement, ids, clock)

    async def register(self, loaded: LoadedUseCase) -> None:
        """Make a use case known, or its changed declaration. A function gets its first version."""
        await self._database.fetch(
            _SQL["register"],
            {
                "name": loaded.name,
                "declaration": Jsonb(declaration(loaded.declared)),
                "coin_seed": self._entropy(32),
                "at": self._clock.now(),
            },
        )
        if loaded.declared.function is not None:
            candidate = await self._improvement.refit(loaded.declared, seed=0)
            behaviour = await self._store(loaded, candidate)
            row = await self._database.fetch_one(_SQL["service"], {"name": loaded.name})
            if row is None or row["behaviour"] != behaviour:
                known = Look(
                    certificate=await self._certificates.last(behaviour),
                    proof=None,
                    sample=0,
                    note="The folder was registered.",
                )
                standing = await self._standing(loaded.name)
                await self._take_live(
                    loaded.name, behaviour, known, standing["alarm_at"], "roadbed"
                )

    async def improve(self, loaded: LoadedUseCase, *, actor: str, seed: int = 0) -> Improved:
        """Refit on the corrections, certify on reference items it never saw, take it live.

        Raises ``TrainingError`` when the examples cannot teach the decider.
        """
        began = self._clock.monotonic()
        candidate = await self._improvement.refit(loaded.declared, seed=seed)
        behaviour = await self._store(loaded, candidate)
        while True:
            row = await self._standing(loaded.name)
            standing, alarm_at = rules.standing(row), row["alarm_at"]
            look = await self._certificates.look(loaded, candidate, behaviour, standing, alarm_at)
            live = await self._take_live(loaded.name, behaviour, look, alarm_at, actor)
            if live:  # else an alarm sounded while we looked: what we saw is not the evidence now
                break
        return Improved(
            use_case=loaded.name,
            version=live[0],
            number=live[1],
            learned_from=candidate.learned_from,
            certificate=look.certificate,
            note=look.note,
            seconds=self._clock.monotonic() - began,
        )

    async def versions(self, use_case: str, most: int = 50) -> Sequence[VersionInfo]:
        """The newest versions first."""
        rows = await self._database.fetch(_SQL["versions"], {"use_case": use_case, "most": most})
        return [VersionInfo(**row) for row in rows]

    async def _store(self, loaded: LoadedUseCase, candidate: Candidate) -> str:
        artifacts = rules.artifact_hashes(candidate.artifacts)
        behaviour = rules.behaviour_hash(loaded.folder_hash, artifacts)
        async with self._database.transaction() as connection:
            for name, digest in artifacts.items():
                await connection.execute(
                    _SQL["store_artifact"], {"hash": digest, "content": candidate.artifacts[name]}
                )
            await connection.execute(
                _SQL["store_behaviour"],
                {
                    "hash": behaviour,
                    "use_case": loaded.name,
                    "folder_hash": loaded.folder_hash,
                    "files": Jsonb(dict(loaded.files)),
                    "artifacts": Jsonb(artifacts),
                    "kinds": None if candidate.kinds is None else Jsonb(list(candidate.kinds)),
                    "learned_from": candidate.learned_from,
                    "learned_until": candidate.learned_until,
                    "made_at": self._clock.now(),
                },
            )
        return behaviour

    async def _standing(self, use_case: str) -> Mapping[str, Any]:
        row = await self._database.fetch_one(_SQL["standing"], {"use_case": use_case})
        if row is None:
            raise UnknownUseCaseError(use_case)
        return row

    async def _take_live(
        self, use_case: str, behaviour: str, look: Look, alarm_at: datetime | None, actor: str
    ) -> tuple[VersionId, int] | None:
        """Put the version in service; ``None`` if an alarm has sounded since ``alarm_at``."""
        certificate = look.certificate
        version = rules.version_id(behaviour, certificate["threshold"] if certificate else None)
        facts: dict[str, Any] = {
            "id": version,
            "use_case": use_case,
            "behaviour": behaviour,
            "certificate": CertificateId(certificate["id"]) if certificate else None,
            "at": self._clock.now(),
            "actor": actor,
        }
        async with self._database.transaction() as connection:
            await connection.execute(_SQL["lock"], facts)
            cursor = await connection.execute(_SQL["standing"], facts)
            row = await cursor.fetchone()
            if row is None or row["alarm_at"] != alarm_at:
                return None
            for step in ("store_version", "retire", "go_live"):
                cursor = await connection.execute(_SQL[step], facts)
            number = await cursor.fetchone()
            await connection.execute(_SQL["point"], facts)
            if look.proof or row["live_version"] != version:
                moved = self._renewed(row, look)
                await connection.execute(_SQL["stand"], {**facts, **moved})
            await self._note(connection, facts)
            await connection.execute(_SQL["tell"], facts)
        return version, int(number["number"]) if number else 0

    def _renewed(self, row: Mapping[str, Any], look: Look) -> Mapping[str, Any]:
        before = rules.standing(row)
        if look.proof:
            after = renewed(before, look.proof, sample=look.sample)
        else:  # an earlier version comes back with the proof it had
            after = rules.restored(before, look.certificate, sample=look.sample)
        since = self._clock.now()
        return {
            **dataclasses.asdict(after),
            "reason": look.note,
            "audit_at": since if before.state is State.HALTED else row["audit_at"],
        }

    async def _note(self, connection: Connection, facts: Mapping[str, Any]) -> None:
        await connection.execute(
            self._audit_note,
            {
                "use_case": facts["use_case"],
                "kind": "live",
                "actor": facts["actor"],
                "at": facts["at"],
                "subject": f"{facts['id']} at {facts['at']:%Y-%m-%dT%H:%M:%S.%fZ}",
                "detail": Jsonb({"certificate": facts["certificate"]}),
            },
        )


def declaration(declared: UseCase) -> dict[str, Any]:
    """What a pod declared, as plain JSON."""
    return {
        "purpose": declared.purpose,
        "risk_limit": declared.risk_limit,
        "certainty": declared.certainty,
        "deadline_seconds": declared.deadline_seconds,
        "slices": list(declared.slices),
        "label_within_hours": declared.label_within_hours,
        "pod": dataclasses.asdict(declared.pod),
        "budget": dataclasses.asdict(declared.budget) if declared.budget else None,
        "trainable": declared.trainable is not None,
        "input": declared.input.model_json_schema(),
        "output": declared.output.model_json_schema(),
    }
