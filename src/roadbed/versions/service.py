"""Versions as people read them: a list, one in detail, the difference between two."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from roadbed.kernel.messages import gettext as _
from roadbed.kernel.stored_sentences import reworded
from roadbed.storage.database import Database, Row
from roadbed.storage.sql import queries
from roadbed.usecases.errors import UnknownUseCaseError
from roadbed.usecases.patches import ARTIFACT
from roadbed.versions import identity
from roadbed.versions.diff.comparison import (
    ComparedVersion,
    Difference,
    changed_files,
    compare,
)
from roadbed.versions.diff.declarations import describe_patch
from roadbed.versions.errors import UnknownVersionError
from roadbed.versions.model import VersionInfo
from roadbed.versions.rows import MadeVersionsRow, OneVersionRow, Queries, WhyPatchedRow
from roadbed.versions.store import VersionStore

_SQL = queries(Queries)


@dataclass(frozen=True, kw_only=True, slots=True)
class Version:
    """A version in a list: who made it and why, its examples, and when it was in service.

    ``share`` is the part of the reference sample, of ``items``, that its proof lets be automatic.
    """

    id: str
    number: int
    behaviour: str
    made_by: str
    reason: str
    made_at: datetime
    learned_from: int
    learned_until: datetime | None
    threshold: float | None
    share: float | None
    items: int | None
    live: bool
    live_since: datetime | None
    retired_at: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class VersionDetail:
    """One version with its parts: ``patches`` in words, files with their hashes."""

    version: Version
    declaration: Mapping[str, Any]
    patches: Sequence[str]
    files: Mapping[str, str]
    trained: Mapping[str, str]


class Versions:
    """Reads versions; changes nothing."""

    def __init__(self, database: Database, store: VersionStore) -> None:
        self._database = database
        self._store = store

    async def in_service(self, use_case: str) -> VersionInfo | None:
        """The version that decides. A candidate does not."""
        row = await self._database.fetch_one(_SQL["in_service"], {"use_case": use_case})
        return VersionInfo(**row) if row else None

    async def list(
        self, use_case: str, *, most: int = 50, before: int | None = None
    ) -> Sequence[Version]:
        """The newest first, from below number ``before`` on. Raises ``UnknownUseCaseError``."""
        facts = {"use_case": use_case, "most": most, "before": before}
        rows = await self._database.fetch(_SQL["made_versions"], facts)
        if not rows and not await self._database.fetch(_SQL["noted_use_case"], facts):
            raise UnknownUseCaseError(use_case)
        return [_version(row) for row in rows]

    async def show(self, use_case: str, version: str) -> VersionDetail:
        """One version, by id or number. Raises ``UnknownVersionError``."""
        row = await self.row(use_case, version)
        patches = await self._patches(use_case, row)
        return VersionDetail(
            version=_version(row),
            declaration=row["declaration"],
            patches=[describe_patch(patch) for patch in patches],
            files=row["files"],
            trained=_trained(row),
        )

    async def diff(self, use_case: str, a: str, b: str) -> Difference:
        """What changed from ``a`` to ``b``, each an id or a number. Raises as ``show`` does."""
        rows = [await self.row(use_case, version) for version in (a, b)]
        changed = changed_files(rows[0]["files"], rows[1]["files"])
        return compare(*[await self._compared(use_case, row, changed) for row in rows])

    async def row(self, use_case: str, version: str) -> OneVersionRow:
        """The row of one version, by id or number. Raises ``UnknownVersionError``."""
        facts = {"use_case": use_case, "version": version.strip().replace("\0", "")}
        row = await self._database.fetch_one(_SQL["one_version"], facts)
        if row is None:
            raise UnknownVersionError(version)
        return row

    async def _compared(
        self, use_case: str, row: OneVersionRow, changed: Sequence[str]
    ) -> ComparedVersion:
        wanted = {
            name: digest
            for name, digest in row["files"].items()
            if name in changed or name.startswith("prompts/")
        }
        patches = await self._patches(use_case, row)
        certificate = row["certificate"] or {}
        return ComparedVersion(
            id=row["id"],
            number=row["number"],
            declaration=row["declaration"],
            digests=row["files"],
            contents=await self._store.contents(use_case, wanted),
            trained=_trained(row),
            patches=patches,
            reasons=await self._reasons(use_case, patches),
            learned_from=row["learned_from"],
            learned_until=row["learned_until"],
            threshold=_threshold(row),
            covered=certificate.get("covered", 0),
            items=_counted(certificate),
        )

    async def _patches(self, use_case: str, row: OneVersionRow) -> Sequence[Mapping[str, Any]]:
        if ARTIFACT not in row["artifacts"]:
            return []
        files = await self._store.contents(use_case, {ARTIFACT: row["artifacts"][ARTIFACT]})
        patches: Sequence[Mapping[str, Any]] = json.loads(files[ARTIFACT] or b"[]")
        return patches

    async def _reasons(
        self, use_case: str, patches: Sequence[Mapping[str, Any]]
    ) -> Mapping[str, str]:
        ids = [str(patch["id"]) for patch in patches if "id" in patch]
        if not ids:
            return {}
        rows = await self._database.fetch(_SQL["why_patched"], {"use_case": use_case, "ids": ids})
        return {row["id"]: _why(row) for row in rows}


def _counted(certificate: Row) -> int:
    """How many items of the sample were used: all, or the first in the order drawn."""
    return int(certificate.get("counted") or certificate.get("items", 0))


def _version(row: OneVersionRow | MadeVersionsRow) -> Version:
    certificate, threshold = row["certificate"] or {}, _threshold(row)
    share = items = None
    if threshold is not None and (counted := _counted(certificate)):
        share, items = certificate["covered"] / counted, counted
    return Version(
        threshold=threshold,
        share=share,
        items=items,
        live=bool(row["live"]),
        id=row["id"],
        number=row["number"],
        behaviour=row["behaviour"],
        made_by=row["made_by"],
        reason=row["reason"],
        made_at=row["made_at"],
        learned_from=row["learned_from"],
        learned_until=row["learned_until"],
        live_since=row["live_since"],
        retired_at=row["retired_at"],
    )


def _threshold(row: OneVersionRow | MadeVersionsRow) -> float | None:
    return identity.threshold_of(row["id"], row["behaviour"], row["certificate"])


def _trained(row: OneVersionRow) -> Mapping[str, str]:
    return {name: digest for name, digest in row["artifacts"].items() if name != ARTIFACT}


def _why(row: WhyPatchedRow) -> str:
    reason = reworded(row["reason"], certain=True)
    if not row["decided_by"]:
        return reason
    told = {"reason": reason, "person": row["decided_by"], "note": row["note"]}
    if row["note"]:
        return _("%(reason)s Accepted by %(person)s: %(note)s") % told
    return _("%(reason)s Accepted by %(person)s.") % told
