"""The families of a library's documents: derived after an ingestion, and settled by people."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, get_args

from roadbed.audit.events import AuditEvent, record
from roadbed.kernel.clock import Clock
from roadbed.kernel.ids import Ids
from roadbed.kernel.sentences import sentence
from roadbed.kernel.storable import cleaned
from roadbed.kernel.stored_sentences import stored_sentence
from roadbed.knowledge.access import may_read
from roadbed.knowledge.copies import StoredContent, copies
from roadbed.knowledge.document_facts import DocumentFacts, facts_of
from roadbed.knowledge.errors import DocumentFamilyError, UnknownDocumentError
from roadbed.knowledge.families import Settlement, SettlementKind, judged, name_pairs, related
from roadbed.knowledge.fingerprints import Fingerprint, containment, fingerprint
from roadbed.knowledge.records import Document
from roadbed.knowledge.removed_versions import confirm, removed_of, store_removed
from roadbed.knowledge.rows import FirstPagesRow, Queries, SettlementsRow
from roadbed.knowledge.service import Documents
from roadbed.storage.database import Connection, Database
from roadbed.storage.sql import queries
from roadbed.usecases.library import Library

_SQL = queries(Queries)
_Stored = dict[str, Any]
_SAME = stored_sentence("Another document has the same content.")


class DocumentFamilies:
    """Finds which documents belong together, and stores what people decide about it."""

    def __init__(self, database: Database, documents: Documents, ids: Ids, clock: Clock) -> None:
        self._database = database
        self._documents = documents
        self._ids = ids
        self._clock = clock

    async def refresh(self, use_case: str) -> int:
        """Derive the families of a library again; the number of documents whose place changed.

        Nothing is written for documents that stay where they were.
        """
        await self._fingerprint_all(use_case)
        async with self._database.transaction() as connection:
            return await self._refresh(connection, use_case)

    async def family_of(
        self, use_case: str, library: Library, document: Document, *, groups: Collection[str]
    ) -> Sequence[Document]:
        """The family of a document, of what ``groups`` may read: versions newest first.

        Empty for a document that stands alone.
        """
        members = await self._members(use_case, document)
        readable = [one for one in members if may_read(library, one.path, one.group, groups)]
        if len(readable) < 2:
            return []
        return sorted(with_superseding(readable), key=_newest_first)

    async def settle(
        self,
        use_case: str,
        library: Library,
        document: Document,
        kind: SettlementKind,
        *,
        groups: Collection[str],
        by: str,
    ) -> None:
        """Decide about the family of a document: it is in force, a series, or no family.

        It confirms a document of which a newer version was removed, also one that stands alone.

        The decision holds for the contents that the documents have now, and goes before every
        evidence. Raises ``DocumentFamilyError`` if the document stands alone, or if ``groups`` may
        not read all of its family.
        """
        members = await self._members_to_settle(use_case, library, document, groups)
        await self._fingerprint_all(use_case)  # those of an older release were forgotten
        async with self._database.transaction() as connection:
            await connection.execute(_SQL["lock_library"], {"use_case": use_case})
            contents = {
                row["id"]: row["content_hash"]
                for row in await self._first_pages(connection, use_case)
            }
            if document.id not in contents:  # it was removed a moment ago
                raise UnknownDocumentError(document.path)
            held = sorted({contents[one.id] for one in members if one.id in contents})
            await connection.execute(
                _SQL["put_settlement"],
                {
                    "id": self._ids.new("fst"),
                    "use_case": use_case,
                    "kind": kind,
                    "contents": held,
                    "current": contents[document.id] if kind == "current" else None,
                    "by": by,
                    "at": self._clock.now(),
                },
            )
            await confirm(connection, use_case, library, held, groups=groups)
            detail = {"path": document.path, "kind": kind, "paths": [one.path for one in members]}
            await record(
                connection,
                AuditEvent(
                    use_case=use_case,
                    kind="versions settled",
                    subject=document.id,
                    actor=by,
                    detail=detail,
                ),
            )
            await self._refresh(connection, use_case)

    async def _members_to_settle(
        self, use_case: str, library: Library, document: Document, groups: Collection[str]
    ) -> Sequence[Document]:
        """The documents that a decision is about. Raises ``DocumentFamilyError``."""
        members = await self._members(use_case, document) or [document]
        removed = removed_of(await self._documents.newer_removed(use_case), library, groups)
        is_alone = sum(one.standing != "copy" for one in members) < 2
        if is_alone and document.id not in removed:
            raise DocumentFamilyError(
                sentence("%(path)s belongs to no other document.", path=document.path),
                sentence("`roadbed documents families` lists those that belong together."),
            )
        if not all(may_read(library, one.path, one.group, groups) for one in members):
            raise DocumentFamilyError(
                sentence("You may not read every document of this family."),
                sentence("Let somebody decide who is in all of their access groups."),
            )
        return members

    async def _members(self, use_case: str, document: Document) -> Sequence[Document]:
        if document.family is None:
            return []
        return await self._documents.family(use_case, document.family)

    async def _fingerprint_all(self, use_case: str) -> None:
        """Fingerprint the documents whose names fit others. Others never need one."""
        rows = await self._database.fetch(_SQL["first_pages"], {"use_case": use_case})
        facts = await asyncio.to_thread(_facts, rows)
        named = {one.document_id for pair in name_pairs(facts) for one in pair}
        versions = [row["version_id"] for row in rows if row["id"] in named]
        asked = {"version_ids": versions}
        known = {
            row["version_id"] for row in await self._database.fetch(_SQL["fingerprints"], asked)
        }
        for version_id in versions:
            if version_id in known:
                continue
            texts = await self._database.fetch(_SQL["texts_of"], {"version_id": version_id})
            print_ = await asyncio.to_thread(fingerprint, [row["text"] for row in texts])
            await self._database.fetch(
                _SQL["put_fingerprint"],
                {
                    "version_id": version_id,
                    "runs": sorted(print_.runs),
                    "words": sorted(print_.words),
                },
            )

    async def _refresh(self, connection: Connection, use_case: str) -> int:
        facts = {"use_case": use_case}
        await connection.execute(_SQL["lock_library"], facts)
        rows = await self._first_pages(connection, use_case)
        settlements = [
            _settlement(row)
            for row in await (await connection.execute(_SQL["settlements"], facts)).fetchall()
        ]
        versions = [row["version_id"] for row in rows]
        prints = await (
            await connection.execute(_SQL["fingerprints"], {"version_ids": versions})
        ).fetchall()
        stored = await (await connection.execute(_SQL["families"], facts)).fetchall()
        known = {row["document_id"]: dict(row) for row in stored}
        by_version = {
            row["version_id"]: Fingerprint(frozenset(row["runs"]), frozenset(row["words"]))
            for row in prints
        }
        today = self._clock.now().date()
        derived = await asyncio.to_thread(_derived, rows, by_version, settlements, today)
        await store_removed(connection, {row["document_id"]: row for row in stored}, rows)
        return await self._write(connection, use_case, known, derived)

    async def _write(
        self,
        connection: Connection,
        use_case: str,
        known: Mapping[str, _Stored],
        derived: Mapping[str, _Stored],
    ) -> int:
        changed = [row for row in derived.values() if known.get(row["document_id"]) != row]
        gone = known.keys() - derived.keys()
        for row in changed:
            facts = {**row, "use_case": use_case, "at": self._clock.now()}
            await connection.execute(_SQL["put_family"], facts)
        for document_id in sorted(gone):
            await connection.execute(_SQL["delete_family"], {"document_id": document_id})
        moved = [
            document_id
            for document_id in sorted({*gone, *(row["document_id"] for row in changed)})
            if not _stands_alone(known.get(document_id), derived.get(document_id))
        ]
        for document_id in moved:  # what processes keep of the library is not right any more
            facts = {"use_case": use_case, "document_id": document_id}
            await connection.execute(_SQL["put_change"], facts)
        return len(moved)

    async def _first_pages(self, connection: Connection, use_case: str) -> Sequence[FirstPagesRow]:
        cursor = await connection.execute(_SQL["first_pages"], {"use_case": use_case})
        return await cursor.fetchall()


def settlement_kind(told: object) -> SettlementKind:
    """What somebody wants to decide. Raises ``DocumentFamilyError`` for anything else."""
    for kind in get_args(SettlementKind):
        if told == kind:
            return kind  # type: ignore[no-any-return]
    raise DocumentFamilyError(
        sentence("%(kind)r is no decision about documents.", kind=str(told)),
        sentence("Say one of %(kinds)s.", kinds=", ".join(get_args(SettlementKind))),
    )


def with_superseding(documents: Sequence[Document]) -> Sequence[Document]:
    """``documents`` with the paths of the version in force and of the document they are a copy of.

    Both are of those that are given. Give only those that the reader may read: for others the rest
    does not exist.
    """
    copied = copies(
        StoredContent(
            document_id=document.id,
            path=document.path,
            content=document.content_hash,
            format=document.format,
            added_at=document.added_at,
            is_left_out=document.left_out,
        )
        for document in documents
        if document.content_hash is not None and document.standing != "variant"
    )
    paths = {document.id: document.path for document in documents}
    newest: dict[str, Document] = {}
    for document in documents:
        is_version = document.standing in ("version", "copy") and document.rank is not None
        if is_version and document.family is not None and document.id not in copied:
            other = newest.get(document.family)
            if other is None or (document.rank or 0) > (other.rank or 0):
                newest[document.family] = document
    shown = []
    for document in documents:
        current = newest.get(document.family or "")
        is_older = current is not None and (document.rank or 0) < (current.rank or 0)
        is_ranked = document.rank is not None
        path = current.path if current is not None and is_older and is_ranked else None
        original = paths.get(copied.get(document.id, ""))
        shown.append(replace(document, superseded_by=path, copy_of=original))
    return shown


def _newest_first(document: Document) -> tuple[int, bool, str]:
    rank = -1 if document.rank is None else document.rank
    return -rank, document.standing in ("variant", "copy"), document.path


def _facts(rows: Sequence[FirstPagesRow]) -> Sequence[DocumentFacts]:
    return [
        facts_of(row["id"], row["path"], row["content_hash"], row["pages"] or ()) for row in rows
    ]


def _settlement(row: SettlementsRow) -> Settlement:
    kind: Any = row["kind"]
    return Settlement(
        kind=kind,
        contents=frozenset(row["contents"]),
        current=row["current"],
        by=row["settled_by"],
    )


def _derived(
    rows: Sequence[FirstPagesRow],
    prints: Mapping[str, Fingerprint],
    settlements: Sequence[Settlement],
    today: Any,
) -> Mapping[str, _Stored]:
    """The rows of documents that say their age or belong to others, by document.

    A copy has the place of the document whose content it has. Nobody is asked about it.
    """
    copied = copies(
        StoredContent(
            document_id=row["id"],
            path=row["path"],
            content=row["content_hash"],
            format=row["format"],
            added_at=row["added_at"],
        )
        for row in rows
    )
    everything = {one.document_id: one for one in _facts(rows)}
    facts = [one for one in everything.values() if one.document_id not in copied]
    versions = {row["id"]: row["version_id"] for row in rows}
    nothing = Fingerprint(frozenset())

    def share(one: str, other: str) -> float:
        return containment(*(prints.get(versions[side], nothing) for side in (one, other)))

    derived: dict[str, _Stored] = {
        document.document_id: _alone(document)
        for document in facts
        if (document.period or document.dated) is not None
    }
    for group in related(facts, share):
        family = judged(group, today, settlements)
        root = min(document.document_id for document in group)
        for member in family.members:
            derived[member.document_id] = _row(
                member.document_id,
                root,
                member.kind,
                member.rank,
                member.dated,
                member.evidence,
                family.why,
            )
    for copy, original in copied.items():
        place = derived.setdefault(original, _alone(everything[original]))
        is_variant = everything[copy].is_variant and place["rank"] is not None
        kind, evidence = ("variant", everything[copy].evidence) if is_variant else ("copy", _SAME)
        derived[copy] = {
            **place,
            "document_id": copy,
            "kind": kind,
            "evidence": cleaned(evidence),
            "why": None,
        }
    return derived


def _alone(document: DocumentFacts) -> _Stored:
    identifier, dated = document.document_id, document.period or document.dated
    return _row(identifier, identifier, "single", None, dated, document.evidence)


def _row(
    document_id: str,
    family: str,
    kind: str,
    rank: int | None,
    dated: str | None,
    evidence: str,
    why: str | None = None,
) -> _Stored:
    return {
        "document_id": document_id,
        "family": family,
        "kind": kind,
        "rank": rank,
        "dated": dated,
        "evidence": cleaned(evidence),
        "why": why,
    }


def _stands_alone(*rows: _Stored | None) -> bool:
    return all(row is None or row["kind"] == "single" for row in rows)
