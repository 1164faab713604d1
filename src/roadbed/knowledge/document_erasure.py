"""Erasure of the stored text of deleted documents.

A deleted document keeps its versions, because answers cite them. An erasure removes their text from
the database and from the search indexes. Answers keep what they quote.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from hashlib import sha256
from typing import Any

from roadbed.audit.events import AuditEvent, record
from roadbed.audit.irrevocable_events import IrrevocableEvent
from roadbed.audit.service import AuditLog
from roadbed.kernel.clock import Clock
from roadbed.knowledge.access import may_read
from roadbed.knowledge.errors import DocumentErasureError, UnknownDocumentError
from roadbed.knowledge.libraries import Libraries
from roadbed.knowledge.records import Origin
from roadbed.knowledge.rows import ContentsElsewhereRow, DeletedDocumentsRow, Queries
from roadbed.knowledge.sources import contents
from roadbed.knowledge.sources.service import library_of
from roadbed.storage.database import Connection, Database
from roadbed.storage.sql import queries
from roadbed.usecases.library import Library
from roadbed.usecases.loader import LoadedUseCase

_SQL = queries(Queries)
_SOURCES = contents.SQL
# What empties the tables of the library, in this order.
_STEPS = (
    _SQL["erase_parts"],
    _SQL["erase_passages"],
    _SQL["erase_fingerprints"],
    _SQL["erase_vectors"],
    _SQL["erase_versions"],
    _SQL["erase_conflicts"],
    _SQL["erase_reports"],
    _SQL["delete_family"],
    _SQL["outdate_indexes"],
)


@dataclass(frozen=True, kw_only=True, slots=True)
class ErasedDocument:
    """The result of an erasure: how many ``versions`` lost their text now.

    ``copies`` are documents with the same content that the person may read. They stay.
    """

    document: str
    versions: int
    copies: Sequence[str]


@dataclass(frozen=True, kw_only=True, slots=True)
class DeletedDocument:
    """A document that left the library at ``removed_at``; ``document`` is its path.

    ``version`` is its newest one, ``None`` if it was never read. ``erased_at``: its text is erased.
    """

    id: str
    document: str
    origin: Origin
    removed_at: datetime
    version: int | None
    erased_at: datetime | None


class DocumentErasure:
    """Erases the text of deleted documents; ids, numbers, times and hashes of content stay."""

    def __init__(
        self, database: Database, audit: AuditLog, libraries: Libraries, clock: Clock
    ) -> None:
        self._database = database
        self._audit = audit
        self._libraries = libraries
        self._clock = clock

    async def deleted(self, loaded: LoadedUseCase, *, viewer: str) -> Sequence[DeletedDocument]:
        """The deleted documents that ``viewer`` may read, the last one first.

        Raises ``NoLibraryError``.
        """
        library, use_case = library_of(loaded), loaded.name
        groups = await self._libraries.access.of(use_case, viewer)
        rows = await self._database.fetch(_SQL["deleted_documents"], {"use_case": use_case})
        return [_deleted(row) for row in rows if _readable(library, row, groups)]

    async def erase(
        self, loaded: LoadedUseCase, path: str, *, by: str, reason: str
    ) -> ErasedDocument:
        """Erase the text of each version of a deleted document. A second call changes nothing.

        The index of this machine is built anew before it returns, that of another machine before
        its next search. Raises ``NoLibraryError``; ``UnknownDocumentError``, also for what ``by``
        may not read; ``DocumentErasureError`` for a document that is in the library; and what
        ``AuditLog.witness`` raises when the text is gone and the folder outside could not be told:
        ask again then.
        """
        library, use_case = library_of(loaded), loaded.name
        groups = await self._libraries.access.of(use_case, by)
        document = await self._libraries.documents.document(use_case, path)
        if not may_read(library, path, document.group, groups):
            raise UnknownDocumentError(path)
        if document.state != "deleted":
            raise DocumentErasureError(path)
        # What an ingestion derives from the deletion needs the places that are erased below.
        await self._libraries.families.refresh(use_case)
        async with self._database.transaction() as connection:
            await self._lock(connection, use_case)
            facts = {"use_case": use_case, "path": path, "document_id": document.id}
            row = await (await connection.execute(_SQL["same_document"], facts)).fetchone()
            if row is None or row["state"] != "deleted":  # its file came back a moment ago
                raise DocumentErasureError(path)
            versions = await self._versions(connection, document.id)
            texts = [version for version, is_erased in versions if not is_erased]
            if texts or not versions:
                await self._empty(connection, facts, texts, by=by, reason=reason)
                detail = {
                    "versions": [version for version, _is_erased in versions],
                    "path": path_hash(use_case, path),
                    "waiting": await self._waiting(connection, use_case, path),
                }
                await record(connection, _event(use_case, document.id, by, reason, detail))
        # An erasure must remain valid after a restore of an older copy.
        await self._audit.witness()
        await self._libraries.indexes.clear(use_case)
        await self._libraries.indexes.caught_up(use_case, library.language)
        rows = await self._database.fetch(_SQL["contents_elsewhere"], facts)
        return ErasedDocument(
            document=path,
            versions=len(texts),
            copies=[row["path"] for row in rows if _readable(library, row, groups)],
        )

    async def erase_again(
        self, connection: Connection, erased: Iterable[IrrevocableEvent], *, by: str, reason: str
    ) -> int:
        """Erase documents again that a restore brought back, in any state; return their number.

        ``erased`` are entries of kind ``document erased``. An uploaded file or a fetched page of
        the same path goes with the document; only an upload that waited when the document was
        erased stays. The next ingestion brings the library in order.
        """
        count = 0
        for event in erased:
            use_case, document_id = event.use_case or "", event.subject
            await self._lock(connection, use_case)
            there = await self._versions(connection, document_id)
            named = event.facts.get("versions", [])
            texts = [version for version, is_erased in there if version in named and not is_erased]
            files = await self._delete_files(connection, use_case, event.facts)
            facts = {"use_case": use_case, "document_id": document_id, "at": self._clock.now()}
            row = await (
                await connection.execute(_SQL["document_of"], {"id": document_id})
            ).fetchone()
            if row is not None:
                facts["path"] = row["path"]
                await connection.execute(_SQL["delete_document"], facts)
                await self._empty(connection, facts, texts, by=by, reason=reason)
            # Also if nothing was there: the entry says that the file may be uploaded again.
            await record(connection, _event(use_case, document_id, by, reason, event.facts))
            count += bool(texts) or files > 0
        return count

    async def clear_indexes(self, erased: Iterable[IrrevocableEvent]) -> None:
        """Empty the indexes of this machine that may hold what was erased again."""
        for use_case in sorted({event.use_case or "" for event in erased}):
            await self._libraries.indexes.clear(use_case)

    async def _lock(self, connection: Connection, use_case: str) -> None:
        """Let no ingestion and no upload of this use case write before this transaction ends."""
        await contents.lock(connection, use_case)
        await connection.execute(_SQL["lock_library"], {"use_case": use_case})

    async def _versions(
        self, connection: Connection, document_id: str
    ) -> Sequence[tuple[str, bool]]:
        """The versions of a document by id, each with whether it is erased."""
        cursor = await connection.execute(_SQL["versions_of"], {"document_id": document_id})
        return [(row["id"], row["erased_at"] is not None) for row in await cursor.fetchall()]

    async def _empty(
        self,
        connection: Connection,
        facts: Mapping[str, Any],
        versions: Sequence[str],
        *,
        by: str,
        reason: str,
    ) -> None:
        """Empty every table that holds text of these versions of a deleted document."""
        use_case = facts["use_case"]
        everything = {**facts, "versions": list(versions), "at": self._clock.now()}
        for step in _STEPS:
            await connection.execute(step, everything)
        await connection.execute(_SOURCES["erase_page"], everything)
        await contents.delete_unused(connection, use_case)
        cursor = await connection.execute(_SQL["quoting_entries"], everything)
        positions = [row["position"] for row in await cursor.fetchall()]
        await self._audit.erase(connection, positions, by=by, reason=reason, use_case=use_case)

    async def _waiting(self, connection: Connection, use_case: str, path: str) -> str | None:
        """The content of a file that was uploaded to the path again and is not read yet."""
        facts = {"use_case": use_case, "paths": [path]}
        row = await (await connection.execute(_SOURCES["uploads"], facts)).fetchone()
        return row and row["content_hash"]

    async def _delete_files(
        self, connection: Connection, use_case: str, erased: Mapping[str, Any]
    ) -> int:
        """Delete what a restore brought back of an erased path; the number of files and pages."""
        count = 0
        facts = {"use_case": use_case, "paths": None}
        uploads = await (await connection.execute(_SOURCES["uploads"], facts)).fetchall()
        for upload in uploads:
            is_other = upload["content_hash"] == erased.get("waiting")
            if path_hash(use_case, upload["path"]) == erased.get("path") and not is_other:
                place = {"use_case": use_case, "path": upload["path"]}
                await connection.execute(_SOURCES["delete_upload"], place)
                count += 1
        pages = await (await connection.execute(_SOURCES["pages"], facts)).fetchall()
        for page in pages:
            if path_hash(use_case, page["path"]) == erased.get("path"):
                place = {"use_case": use_case, "path": page["path"]}
                await connection.execute(_SOURCES["erase_page"], place)
                count += 1
        await contents.delete_unused(connection, use_case)
        return count


def path_hash(use_case: str, path: str) -> str:
    """The hash that identifies a path outside the database: the path may be what had to go."""
    return sha256(f"roadbed/document/{use_case}/{path}".encode()).hexdigest()


def _readable(
    library: Library, row: ContentsElsewhereRow | DeletedDocumentsRow, groups: Collection[str]
) -> bool:
    return may_read(library, row["path"], row["access_group"], groups)


def _deleted(row: DeletedDocumentsRow) -> DeletedDocument:
    facts: dict[str, Any] = {**row, "document": row["path"]}
    return DeletedDocument(**{field.name: facts[field.name] for field in fields(DeletedDocument)})


def _event(
    use_case: str, document_id: str, by: str, reason: str, detail: Mapping[str, Any]
) -> AuditEvent:
    return AuditEvent(
        use_case=use_case,
        kind="document erased",
        subject=document_id,
        actor=by,
        detail={**detail, "reason": reason},
    )
