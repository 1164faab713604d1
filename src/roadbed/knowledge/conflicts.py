"""Contradictions between documents, as questions bring them up: stored, and settled by people."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, get_args

from roadbed.audit.events import AuditEvent, record
from roadbed.kernel.clock import Clock
from roadbed.kernel.ids import Ids
from roadbed.kernel.sentences import sentence
from roadbed.knowledge.access import may_read
from roadbed.knowledge.contradictions import FigureContradiction
from roadbed.knowledge.errors import (
    DocumentConflictDecidedError,
    DocumentConflictError,
    UnknownConflictError,
)
from roadbed.knowledge.records import StoredPassage
from roadbed.knowledge.rows import Queries
from roadbed.storage.database import Database
from roadbed.storage.sql import queries
from roadbed.usecases.library import Library

_SQL = queries(Queries)
ConflictVerdict = Literal["first", "second", "both"]


@dataclass(frozen=True, kw_only=True, slots=True)
class DocumentConflict:
    """Two documents that state different figures in the same words; both sentences word for word.

    ``verdict`` says which document is right; ``None``: nobody has decided.
    """

    id: str
    first_document: str
    first_path: str
    first_text: str
    second_document: str
    second_path: str
    second_text: str
    found_at: datetime
    verdict: ConflictVerdict | None
    settled_by: str | None
    settled_at: datetime | None


class DocumentConflicts:
    """The contradictions of each library."""

    def __init__(self, database: Database, ids: Ids, clock: Clock) -> None:
        self._database = database
        self._ids = ids
        self._clock = clock

    async def note(
        self, use_case: str, one: StoredPassage, other: StoredPassage, spoken: FigureContradiction
    ) -> ConflictVerdict | None:
        """Store a contradiction, once; what a person decided about it before.

        Two passages may hold several. A decision is about one of them, and holds for copies of the
        documents too: the same statements are not asked about again. The verdict is
        told for ``one`` as the first.
        """
        swapped = one.document_id > other.document_id
        sides = [(one, spoken.first), (other, spoken.second)]
        (first, first_text), (second, second_text) = reversed(sides) if swapped else sides
        facts = {
            "id": self._ids.new("cfl"),
            "use_case": use_case,
            "first_document": first.document_id,
            "first_passage": first.id,
            "first_text": first_text,
            "second_document": second.document_id,
            "second_passage": second.id,
            "second_text": second_text,
            "at": self._clock.now(),
        }
        row = await self._database.fetch_one(_SQL["conflict_between"], facts)
        if row is None:
            copy = await self._database.fetch_one(_SQL["settled_copy"], facts)
            if copy is None:
                await self._database.fetch(_SQL["note_conflict"], facts)
                return None
            row, swapped = {"id": "", "verdict": copy["verdict"]}, swapped != copy["swapped"]
        verdict: Any = row["verdict"]
        if swapped and verdict in ("first", "second"):
            return "second" if verdict == "first" else "first"
        return verdict  # type: ignore[no-any-return]

    async def use_case_of(self, conflict_id: str) -> str | None:
        """The use case of a contradiction; ``None`` if there is none with this id."""
        row = await self._database.fetch_one(_SQL["conflict_of"], {"id": conflict_id})
        return row and row["use_case"]

    async def list(
        self, use_case: str, library: Library, *, groups: Collection[str]
    ) -> Sequence[DocumentConflict]:
        """Those whose both documents ``groups`` may read and still say so, oldest first."""
        rows = await self._database.fetch(_SQL["conflicts"], {"use_case": use_case})
        conflicts = []
        for row in rows:
            facts: dict[str, Any] = dict(row)
            sides = [(facts.pop(f"{side}_group"), f"{side}_path") for side in ("first", "second")]
            if all(may_read(library, facts[path], group, groups) for group, path in sides):
                conflicts.append(DocumentConflict(**facts))
        return conflicts

    async def settle(
        self,
        use_case: str,
        library: Library,
        conflict_id: str,
        verdict: object,
        *,
        groups: Collection[str],
        by: str,
        seen: str | None = None,
    ) -> DocumentConflict:
        """Decide which document is right about it. It holds while both passages stay as they are.

        ``seen`` is the verdict that the person saw, empty for none; without it the newest one
        counts whatever was decided before. Raises ``DocumentConflictError`` for an unknown verdict,
        ``DocumentConflictDecidedError`` if somebody decided after ``seen``, and
        ``UnknownConflictError``, also if ``groups`` may not read both documents.
        """
        if verdict not in get_args(ConflictVerdict):
            raise DocumentConflictError(
                sentence("%(verdict)r does not say which document is right.", verdict=str(verdict)),
                sentence("Say one of %(verdicts)s.", verdicts=", ".join(get_args(ConflictVerdict))),
            )
        known = {one.id: one for one in await self.list(use_case, library, groups=groups)}
        if conflict_id not in known:
            raise UnknownConflictError(conflict_id)
        conflict = known[conflict_id]
        facts = {"id": conflict_id, "use_case": use_case, "verdict": verdict, "by": by}
        facts |= {"seen": seen, "at": self._clock.now()}
        async with self._database.transaction() as connection:
            cursor = await connection.execute(_SQL["settle_conflict"], facts)
            if await cursor.fetchone() is None:
                row = await (
                    await connection.execute(_SQL["conflict_of"], {"id": conflict_id})
                ).fetchone()
                paths = {"first": conflict.first_path, "second": conflict.second_path}
                decided = (row and row["verdict"]) or ""
                raise DocumentConflictDecidedError(
                    (row and row["settled_by"]) or by, paths.get(decided)
                )
            event = AuditEvent(
                use_case=use_case,
                kind="contradiction settled",
                subject=conflict_id,
                actor=by,
                detail={
                    "verdict": str(verdict),
                    "paths": [conflict.first_path, conflict.second_path],
                },
            )
            await record(connection, event)
        after = await self.list(use_case, library, groups=groups)
        return next((one for one in after if one.id == conflict_id), conflict)


def seen_verdict(told: object) -> str:
    """The verdict that somebody says to have read, as ``settle`` takes it; ``None`` is none.

    Raises ``DocumentConflictError`` for anything else.
    """
    if told is None:
        return ""
    for verdict in get_args(ConflictVerdict):
        if told == verdict:
            return str(verdict)
    verdicts = ", ".join(get_args(ConflictVerdict))
    raise DocumentConflictError(
        sentence("%(seen)r is no verdict that can have been read.", seen=str(told)),
        sentence("Say none or one of %(verdicts)s.", verdicts=verdicts),
    )
