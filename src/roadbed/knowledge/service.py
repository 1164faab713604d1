"""Documents of a library: stored with their versions, parts and passages, and read again."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from psycopg.types.json import Jsonb
from pydantic import TypeAdapter

from roadbed.audit.events import AuditEvent, record
from roadbed.kernel.clock import Clock
from roadbed.kernel.ids import Ids
from roadbed.kernel.storable import cleaned
from roadbed.knowledge.errors import (
    DocumentUnreadableError,
    UnknownDocumentError,
    UnreadableReason,
)
from roadbed.knowledge.findings import DocumentFinding, of_file
from roadbed.knowledge.model import DoubtfulNumber, Extraction, Part, Position
from roadbed.knowledge.passages import passages as cut
from roadbed.knowledge.reading import READING
from roadbed.knowledge.records import (
    Document,
    DocumentVersion,
    PassageKey,
    RemovedDocument,
    SourceFile,
    StoredPassage,
)
from roadbed.knowledge.rows import (
    CoversRow,
    DocumentsRow,
    NewerRemovedRow,
    PassagesRow,
    Queries,
    SameDocumentRow,
    VersionsOfRow,
)
from roadbed.storage.database import Connection, Database
from roadbed.storage.sql import queries

_SQL = queries(Queries)
_FINDINGS = TypeAdapter(tuple[DocumentFinding, ...])
_DOUBTFUL = TypeAdapter(tuple[DoubtfulNumber, ...])
_POSITION = TypeAdapter(Position)


class Documents:
    """The library of each use case, in the database."""

    def __init__(self, database: Database, ids: Ids, clock: Clock) -> None:
        self._database = database
        self._ids = ids
        self._clock = clock

    async def keep(
        self, use_case: str, source: SourceFile, extraction: Extraction, *, by: str
    ) -> Document:
        """Store what a file says as the newest version of its document.

        Content that is stored already gives no further version: another ingestion was faster. Nor
        does a file that was read again, because reading improved, and says the same.
        """
        async with self._database.transaction() as connection:
            known = await self._locked(connection, use_case, source.path)
            if known is None:
                await self._keep(connection, use_case, source, extraction, known, by)
            elif not _has(known, source):
                if await self._says_the_same(connection, known, source, extraction):
                    number = known["version"]
                    await self._confirm(connection, use_case, source, known, number, by)
                else:
                    await self._keep(connection, use_case, source, extraction, known, by)
            elif known["access_group"] != source.group:
                facts = _place(use_case, source)
                await self._change(connection, _SQL["move_document"], facts, "document moved", by)
        return await self.document(use_case, source.path)

    async def refuse(
        self, use_case: str, source: SourceFile, error: DocumentUnreadableError, *, by: str
    ) -> Document:
        """Store that a file cannot be read, and why. A version read before stays in force."""
        async with self._database.transaction() as connection:
            known = await self._locked(connection, use_case, source.path)
            if known is not None and _failed_again(known, source, error):
                await self._confirm(connection, use_case, source, known, None, by)
            else:
                await self._refuse(connection, use_case, source, error, known, by)
        return await self.document(use_case, source.path)

    async def move(self, use_case: str, source: SourceFile, *, by: str) -> None:
        """Give a document another access group or source."""
        async with self._database.transaction() as connection:
            await self._locked(connection, use_case, source.path)
            facts = _place(use_case, source)
            await self._change(connection, _SQL["move_document"], facts, "document moved", by)

    async def restore(self, use_case: str, source: SourceFile, *, by: str) -> None:
        """End the failure of a page that has the content of its version in force again."""
        async with self._database.transaction() as connection:
            await self._locked(connection, use_case, source.path)
            facts = {**_place(use_case, source), "content_hash": source.content_hash}
            query = _SQL["restore_document"]
            await self._change(connection, query, facts, "document fetched again", by)

    async def forget(self, use_case: str, path: str, *, by: str) -> None:
        """Take a document out of the search. What cites its versions keeps them.

        One that is out already stays so. Raises ``UnknownDocumentError``.
        """
        async with self._database.transaction() as connection:
            known = await self._locked(connection, use_case, path)
            if known is not None and known["state"] == "deleted":
                return
            facts = {"use_case": use_case, "path": path}
            await self._change(connection, _SQL["delete_document"], facts, "document removed", by)

    async def known(
        self, use_case: str, paths: Sequence[str] | None = None
    ) -> Mapping[str, Mapping[str, Any]]:
        """What is stored of each path, or of some ``paths``, to tell what changed."""
        facts = {"use_case": use_case, "paths": None if paths is None else list(paths)}
        rows = await self._database.fetch(_SQL["known_documents"], facts)
        return {row["path"]: row for row in rows}

    async def removed(self, use_case: str, paths: Collection[str]) -> Sequence[RemovedDocument]:
        """Those of ``paths`` whose documents left the library, by path."""
        if not paths:
            return []
        facts = {"use_case": use_case, "paths": sorted(paths)}
        return [
            RemovedDocument(document=row["path"], removed_at=row["removed_at"])
            for row in await self._database.fetch(_SQL["removed_documents"], facts)
        ]

    async def documents(self, use_case: str) -> Sequence[Document]:
        """The documents of a library by path, without those that are deleted."""
        return await self._documents(use_case)

    async def family(self, use_case: str, family: str) -> Sequence[Document]:
        """The documents of a family, by path."""
        return await self._documents(use_case, family=family)

    async def document(self, use_case: str, path: str) -> Document:
        """A document by its path, deleted or not. Raises ``UnknownDocumentError``."""
        documents = await self._documents(use_case, path=path)
        if not documents:
            raise UnknownDocumentError(path)
        return documents[0]

    async def by_id(self, use_case: str, document_id: str) -> Document:
        """A document by its id, deleted or not. Raises ``UnknownDocumentError``."""
        row = await self._database.fetch_one(_SQL["document_of"], {"id": document_id})
        if row is None or row["use_case"] != use_case:
            raise UnknownDocumentError(document_id)
        return await self.document(use_case, row["path"])

    async def use_case_of(self, document_id: str) -> str | None:
        """The use case of a document; ``None`` if there is no such document."""
        row = await self._database.fetch_one(_SQL["document_of"], {"id": document_id})
        return row and row["use_case"]

    async def versions(self, document_id: str) -> Sequence[DocumentVersion]:
        """The versions of a document, newest first."""
        rows = await self._database.fetch(_SQL["versions_of"], {"document_id": document_id})
        return [_version(row) for row in rows]

    async def in_force(self, use_case: str, path: str) -> DocumentVersion | None:
        """The version in force of a document; ``None`` if it was never read.

        Raises ``UnknownDocumentError``.
        """
        document = await self.document(use_case, path)
        versions = await self.versions(document.id)
        return next((one for one in versions if one.number == document.version), None)

    async def parts(
        self, document_id: str, version: int, ordinal: int | None = None
    ) -> Sequence[Part]:
        """The pages, slides, sheets or texts of a version in order, without blocks; or only one."""
        facts = {"document_id": document_id, "number": version, "ordinal": ordinal}
        rows = await self._database.fetch(_SQL["parts_of"], facts)
        return [
            Part(place=_POSITION.validate_python(row["position"]), text=row["text"]) for row in rows
        ]

    async def passages(self, keys: Iterable[PassageKey]) -> Mapping[PassageKey, StoredPassage]:
        """Passages by their keys; those that are not stored are left out."""
        wanted = [{"version_id": key.version_id, "ordinal": key.ordinal} for key in keys]
        rows = await self._database.fetch(_SQL["passages"], {"keys": Jsonb(wanted)})
        return {passage.key: passage for passage in map(_passage, rows)}

    async def same_passages(
        self, use_case: str, cited: Iterable[PassageKey]
    ) -> Mapping[PassageKey, PassageKey]:
        """Where cited passages of a use case stand in the versions in force.

        A passage that no version in force has is left out, and so is one of a document that is
        gone or left out of the search.
        """
        wanted = [{"version_id": key.version_id, "ordinal": key.ordinal} for key in cited]
        rows = await self._database.fetch(
            _SQL["same_passages"], {"use_case": use_case, "keys": Jsonb(wanted)}
        )
        return {
            PassageKey(version_id=row["cited_version"], ordinal=row["cited_ordinal"]): PassageKey(
                version_id=row["version_id"], ordinal=row["ordinal"]
            )
            for row in rows
        }

    async def passage_at(self, use_case: str, path: str, place: str) -> PassageKey | None:
        """The first passage of a document in force at a place as citations show it."""
        facts = {"use_case": use_case, "path": path}
        for row in await self._database.fetch(_SQL["passages_of_document"], facts):
            if _POSITION.validate_python(row["position"]).label == place:
                return PassageKey(version_id=row["version_id"], ordinal=row["ordinal"])
        return None

    async def covers(self, use_case: str) -> Sequence[CoversRow]:
        """The beginning of each document that can be searched."""
        return await self._database.fetch(_SQL["covers"], {"use_case": use_case})

    async def newer_removed(self, use_case: str) -> Sequence[NewerRemovedRow]:
        """The documents of which a newer version was deleted, the last deletion last."""
        return await self._database.fetch(_SQL["newer_removed"], {"use_case": use_case})

    async def _documents(
        self, use_case: str, *, path: str | None = None, family: str | None = None
    ) -> Sequence[Document]:
        facts = {"use_case": use_case, "path": path, "family": family}
        return [_document(row) for row in await self._database.fetch(_SQL["documents"], facts)]

    async def _keep(
        self,
        connection: Connection,
        use_case: str,
        source: SourceFile,
        extraction: Extraction,
        known: SameDocumentRow | None,
        by: str,
    ) -> None:
        facts = self._facts(use_case, source, known["id"] if known else self._ids.new("doc"))
        number = ((known["version"] or 0) if known else 0) + 1
        await connection.execute(
            _SQL["put_document"],
            {**facts, "state": "current", "version": number, "reason": None, "detail": None},
        )
        await self._put_version(connection, facts, number, source, extraction)
        await connection.execute(_SQL["put_change"], facts)
        event = "document changed" if number > 1 else "document added"
        detail = {"version": number}
        if known is not None and is_outdated(known, source):
            event, detail = "document read again", {**detail, "reading": READING}
        await record(connection, _event(event, facts, by, detail))

    async def _refuse(
        self,
        connection: Connection,
        use_case: str,
        source: SourceFile,
        error: DocumentUnreadableError,
        known: SameDocumentRow | None,
        by: str,
    ) -> None:
        facts = self._facts(use_case, source, known["id"] if known else self._ids.new("doc"))
        if known is not None and error.reason is UnreadableReason.NOT_FETCHED:
            facts["reading"] = known["reading"]  # nothing was read
        await connection.execute(
            _SQL["put_document"],
            {
                **facts,
                "state": "unreadable",
                "version": None,
                "reason": error.reason,
                "detail": error.detail,
            },
        )
        await connection.execute(_SQL["put_change"], facts)
        await record(connection, _event("document unreadable", facts, by, {"reason": error.reason}))

    async def _says_the_same(
        self,
        connection: Connection,
        known: SameDocumentRow,
        source: SourceFile,
        extraction: Extraction,
    ) -> bool:
        """Whether a file that was read again says what the version in force of it says."""
        if not is_outdated(known, source) or known["version_hash"] != source.content_hash:
            return False
        facts = {"document_id": known["id"], "number": known["version"], "ordinal": None}
        cursor = await connection.execute(_SQL["versions_of"], facts)
        [version] = [row for row in await cursor.fetchall() if row["number"] == known["version"]]
        facts["version_id"] = version["id"]
        parts = await (await connection.execute(_SQL["parts_of"], facts)).fetchall()
        pieces = await (await connection.execute(_SQL["pieces_of"], facts)).fetchall()
        stored = _version(version)
        return (
            (stored.format, stored.title, stored.pages)
            == (extraction.format, extraction.title, extraction.page_count)
            and of_file(stored.findings) == of_file(extraction.findings)
            and stored.doubtful == extraction.doubtful
            and [_as_now(row) for row in parts] == _parts(extraction)
            and [_as_now(row) for row in pieces] == _pieces(extraction)
        )

    async def _confirm(
        self,
        connection: Connection,
        use_case: str,
        source: SourceFile,
        known: SameDocumentRow,
        number: int | None,
        by: str,
    ) -> None:
        """Store that a file was read again and gave what version ``number`` says, or no text."""
        facts = {"document_id": known["id"], "number": number, "reading": READING}
        await connection.execute(_SQL["put_reading"], facts)
        place = {**_place(use_case, source), "content_hash": source.content_hash}
        if number is not None and known["state"] == "unreadable":
            event = "document fetched again" if _not_fetched(known) else "document read again"
            await self._change(connection, _SQL["restore_document"], place, event, by)
        if any(known[name] != place[name] for name in ("access_group", "origin", "address")):
            await self._change(connection, _SQL["move_document"], place, "document moved", by)

    async def _locked(
        self, connection: Connection, use_case: str, path: str
    ) -> SameDocumentRow | None:
        facts = {"use_case": use_case, "path": path}
        await connection.execute(_SQL["lock_library"], facts)
        return await (await connection.execute(_SQL["same_document"], facts)).fetchone()

    def _facts(self, use_case: str, source: SourceFile, document_id: str) -> dict[str, Any]:
        return {
            "id": document_id,
            "document_id": document_id,
            **_place(use_case, source),
            "content_hash": source.content_hash,
            "reading": READING,
            "found_at": source.found_at,
            "at": self._clock.now(),
        }

    async def _put_version(
        self,
        connection: Connection,
        facts: Mapping[str, Any],
        number: int,
        source: SourceFile,
        extraction: Extraction,
    ) -> None:
        version_id = self._ids.new("dov")
        await connection.execute(
            _SQL["put_version"],
            {
                **facts,
                "id": version_id,
                "number": number,
                "bytes": source.bytes,
                "format": extraction.format,
                "title": extraction.title,
                "pages": extraction.page_count,
                "words": extraction.words,
                "readers": list(extraction.readers),
                "findings": Jsonb(_FINDINGS.dump_python(extraction.findings, mode="json")),
                "doubtful": Jsonb(_DOUBTFUL.dump_python(extraction.doubtful, mode="json")),
                "modified_at": source.modified_at,
            },
        )
        facts = {
            "version_id": version_id,
            "parts": Jsonb(_parts(extraction)),
            "passages": Jsonb(_pieces(extraction)),
        }
        await connection.execute(_SQL["put_parts"], facts)
        await connection.execute(_SQL["put_passages"], facts)

    async def _change(
        self, connection: Connection, query: Any, facts: Mapping[str, Any], event: str, by: str
    ) -> None:
        facts = {**facts, "at": self._clock.now()}
        row = await (await connection.execute(query, facts)).fetchone()
        if row is None:
            raise UnknownDocumentError(facts["path"])
        facts = {**facts, "document_id": row["id"]}
        await connection.execute(_SQL["put_change"], facts)
        await record(connection, _event(event, facts, by, {}))


def is_outdated(known: Mapping[str, object], source: SourceFile) -> bool:
    """Whether a file that did not change was read before reading improved."""
    if known["state"] == "deleted":
        return False
    content, reading = known["content_hash"], known["reading"]
    if _not_fetched(known):  # the newest content is still that of the version in force
        content, reading = known["version_hash"], known["version_reading"]
    same = content == source.content_hash
    return same and isinstance(reading, int) and reading < READING


def _has(known: SameDocumentRow, source: SourceFile) -> bool:
    """Whether the content of a file is in force already, as reading gives it now."""
    stored = known["state"], known["content_hash"]
    return stored == ("current", source.content_hash) and not is_outdated(known, source)


def _failed_again(
    known: SameDocumentRow, source: SourceFile, error: DocumentUnreadableError
) -> bool:
    """Whether a file that was read again cannot be read for the same reason as before."""
    failure = known["state"], known["reason"], known["detail"] or ""
    return is_outdated(known, source) and failure == ("unreadable", error.reason, error.detail)


def _not_fetched(known: Mapping[str, object]) -> bool:
    return (known["state"], known["reason"]) == ("unreadable", UnreadableReason.NOT_FETCHED)


def _parts(extraction: Extraction) -> list[dict[str, Any]]:
    return [
        {"ordinal": ordinal, "position": _position(part.place), "text": cleaned(part.text)}
        for ordinal, part in enumerate(extraction.parts)
    ]


def _pieces(extraction: Extraction) -> list[dict[str, Any]]:
    return [
        {
            "ordinal": passage.ordinal,
            "id": passage.id,
            "part": passage.part,
            "first": passage.start,
            "last": passage.end,
            "kind": passage.kind,
            "position": _position(passage.place),
            "text": cleaned(passage.text),
            "doubtful": list(passage.doubtful),
        }
        for passage in cut(extraction)
    ]


def _as_now(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row with its position as it would be stored now: an earlier release may lack a field."""
    return {**row, "position": _position(_POSITION.validate_python(row["position"]))}


def _place(use_case: str, source: SourceFile) -> dict[str, Any]:
    return {
        "use_case": use_case,
        "path": source.path,
        "access_group": source.group,
        "origin": source.origin,
        "address": source.address,
    }


def _event(kind: str, facts: Mapping[str, Any], by: str, detail: Mapping[str, Any]) -> AuditEvent:
    return AuditEvent(
        use_case=facts["use_case"],
        kind=kind,
        subject=facts["document_id"],
        actor=by,
        detail={"path": facts["path"], **detail},
    )


def _position(position: Position) -> Any:
    return _POSITION.dump_python(position, mode="json")


def _document(row: DocumentsRow) -> Document:
    facts: dict[str, Any] = dict(row)
    group = facts.pop("access_group")
    findings = _FINDINGS.validate_python(row["findings"] or ())
    return Document(**{**facts, "group": group, "findings": findings})


def _version(row: VersionsOfRow) -> DocumentVersion:
    facts: dict[str, Any] = dict(row)
    findings = _FINDINGS.validate_python(row["findings"])
    doubtful = _DOUBTFUL.validate_python(row["doubtful"])
    return DocumentVersion(**{**facts, "findings": findings, "doubtful": doubtful})


def _passage(row: PassagesRow) -> StoredPassage:
    facts: dict[str, Any] = dict(row)
    key = PassageKey(version_id=facts.pop("version_id"), ordinal=facts.pop("ordinal"))
    group, position = facts.pop("access_group"), _POSITION.validate_python(facts.pop("position"))
    return StoredPassage(key=key, group=group, position=position, **facts)
