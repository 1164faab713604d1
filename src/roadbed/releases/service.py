"""Verbs: register a use case, improve it, take a version live."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from psycopg.types.json import Jsonb

from roadbed.improvement.model import Candidate, Judged
from roadbed.improvement.service import Improvement
from roadbed.kernel.clock import Clock
from roadbed.kernel.ids import CertificateId, Ids, VersionId
from roadbed.releases import rules
from roadbed.releases.model import Improved, VersionInfo
from roadbed.risk import looks
from roadbed.risk.certificate import Certificate, certify
from roadbed.risk.curve import risk_coverage
from roadbed.storage.database import Database
from roadbed.storage.sql import queries
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
                await self._take_live(
                    loaded.name, behaviour, await self._last(behaviour), "roadbed"
                )

    async def improve(self, loaded: LoadedUseCase, *, actor: str, seed: int = 0) -> Improved:
        """Refit on the corrections, certify on reference items it never saw, take it live.

        Raises ``TrainingError`` when the examples cannot teach the decider.
        """
        began = self._clock.monotonic()
        candidate = await self._improvement.refit(loaded.declared, seed=seed)
        behaviour = await self._store(loaded, candidate)
        certificate, note = await self._prove(loaded, candidate, behaviour)
        version, number = await self._take_live(loaded.name, behaviour, certificate, actor)
        return Improved(
            use_case=loaded.name,
            version=version,
            number=number,
            learned_from=candidate.learned_from,
            certificate=certificate,
            note=note,
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
                    "learned_from": candidate.learned_from,
                    "learned_until": candidate.learned_until,
                    "made_at": self._clock.now(),
                },
            )
        return behaviour

    async def _prove(
        self, loaded: LoadedUseCase, candidate: Candidate, behaviour: str
    ) -> tuple[Mapping[str, Any] | None, str]:
        """The certificate that stands for this behaviour after at most one more look."""
        declared = loaded.declared
        last = await self._last(behaviour)
        reference = await self._improvement.examples(declared, "judge", reference_only=True)
        if last and len(reference.examples) <= last["items"]:
            return last, "Nothing new was corrected or labelled since the last look."
        if last and declared.trainable is not None:
            # A fitted version spends its whole risk of error on one look; the next fit gets anew.
            return last, "Nothing new to learn from, and this version has had its one look."
        row = await self._database.fetch_one(_SQL["look"], {"hash": behaviour})
        look = int(row["looks"]) if row else 1
        delta = looks.spend(
            1.0 - declared.certainty, look, planned=1 if declared.trainable is not None else None
        )
        judged = await self._improvement.judge(declared, candidate.decider, reference)
        proof = certify(
            confidence=judged.confidence,
            wrong=judged.wrong,
            out_of_fold=candidate.out_of_fold,
            risk_limit=declared.risk_limit,
            delta=delta,
        )
        return await self._record(declared, behaviour, look, proof, judged), _sentence(proof)

    async def _record(
        self, declared: UseCase, behaviour: str, look: int, proof: Certificate, judged: Judged
    ) -> Mapping[str, Any]:
        curve = risk_coverage(judged.confidence, judged.wrong, declared.certainty)
        detail = {
            **_plain(dataclasses.asdict(proof)),
            "curve": [_plain(dataclasses.asdict(point)) for point in curve],
        }
        await self._database.fetch(
            _SQL["store_certificate"],
            {
                "id": self._ids.certificate(),
                "use_case": declared.name,
                "behaviour": behaviour,
                "look": look,
                "threshold": proof.threshold,
                "risk_limit": declared.risk_limit,
                "certainty": declared.certainty,
                "items": proof.items,
                "covered": proof.covered,
                "errors": proof.errors,
                "detail": Jsonb(detail),
                "issued_at": self._clock.now(),
            },
        )
        stored = await self._last(behaviour)
        assert stored is not None
        return stored

    async def _last(self, behaviour: str) -> Mapping[str, Any] | None:
        return await self._database.fetch_one(_SQL["last_certificate"], {"behaviour": behaviour})

    async def _take_live(
        self, use_case: str, behaviour: str, certificate: Mapping[str, Any] | None, actor: str
    ) -> tuple[VersionId, int]:
        version = rules.version_id(behaviour, certificate["threshold"] if certificate else None)
        facts = {
            "id": version,
            "use_case": use_case,
            "behaviour": behaviour,
            "certificate": CertificateId(certificate["id"]) if certificate else None,
            "at": self._clock.now(),
        }
        async with self._database.transaction() as connection:
            for step in ("lock", "store_version", "retire", "go_live"):
                cursor = await connection.execute(_SQL[step], facts)
            row = await cursor.fetchone()
            await connection.execute(_SQL["point"], facts)
            await connection.execute(
                self._audit_note,
                {
                    "use_case": use_case,
                    "kind": "live",
                    "actor": actor,
                    "at": facts["at"],
                    "subject": f"{version} at {facts['at']:%Y-%m-%dT%H:%M:%S.%fZ}",
                    "detail": Jsonb({"certificate": facts["certificate"]}),
                },
            )
            await connection.execute(_SQL["tell"], facts)
        return version, int(row["number"]) if row else 0


def declaration(declared: UseCase) -> dict[str, Any]:
    """What a pod declared, as plain JSON."""
    return {
        "purpose": declared.purpose,
        "risk_limit": declared.risk_limit,
        "certainty": declared.certainty,
        "deadline_seconds": declared.deadline_seconds,
        "pod": dataclasses.asdict(declared.pod),
        "budget": dataclasses.asdict(declared.budget) if declared.budget else None,
        "trainable": declared.trainable is not None,
        "input": declared.input.model_json_schema(),
        "output": declared.output.model_json_schema(),
    }


def _plain(record: Mapping[str, Any]) -> dict[str, Any]:
    def convert(value: object) -> object:
        if isinstance(value, np.generic):
            return value.item()
        raise TypeError(type(value).__name__)

    found: dict[str, Any] = json.loads(json.dumps(record, default=convert))
    return found


def _sentence(proof: Certificate) -> str:
    if proof.threshold is None:
        return f"Nothing can be automatic yet: {proof.why_not}"
    return (
        f"Proven from confidence {proof.threshold:.3f} on, where {proof.covered} of "
        f"{proof.items} reference items lie, {proof.errors} of them wrong."
    )
