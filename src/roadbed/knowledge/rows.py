"""Rows of the statements in ``queries.sql``. Written by ``make rows``: do not edit."""

from datetime import datetime
from typing import Never, TypedDict
from uuid import UUID

from roadbed.storage.sql import Json, Query


class LockLibraryRow(TypedDict):
    """A row of ``lock_library``."""

    pg_advisory_xact_lock: str | None


class KnownDocumentsRow(TypedDict):
    """A row of ``known_documents``."""

    path: str
    id: str
    state: str
    version: int | None
    content_hash: str
    reading: int
    access_group: str | None


class SameDocumentRow(TypedDict):
    """A row of ``same_document``."""

    id: str
    version: int | None
    state: str
    content_hash: str
    reading: int
    access_group: str | None


class DeleteDocumentRow(TypedDict):
    """A row of ``delete_document``."""

    id: str


class MoveToGroupRow(TypedDict):
    """A row of ``move_to_group``."""

    id: str


class DocumentsRow(TypedDict):
    """A row of ``documents``."""

    id: str
    path: str
    access_group: str | None
    state: str
    version: int | None
    reason: str | None
    detail: str | None
    added_at: datetime
    changed_at: datetime
    format: str | None
    title: str | None
    pages: int | None
    words: int | None
    modified_at: datetime | None
    read_at: datetime | None
    findings: Json | None
    family: str | None
    standing: str | None
    rank: int | None
    dated: str | None
    evidence: str | None
    why: str | None


class DocumentOfRow(TypedDict):
    """A row of ``document_of``."""

    use_case: str
    path: str


class VersionsOfRow(TypedDict):
    """A row of ``versions_of``."""

    id: str
    number: int
    content_hash: str
    bytes: int
    format: str
    title: str | None
    pages: int | None
    words: int
    readers: list[str]
    findings: Json
    doubtful: Json
    modified_at: datetime | None
    read_at: datetime


class PartsOfRow(TypedDict):
    """A row of ``parts_of``."""

    ordinal: int
    position: Json
    text: str


class NewestChangeRow(TypedDict):
    """A row of ``newest_change``."""

    number: int
    token: UUID


class ChangeRow(TypedDict):
    """A row of ``change``."""

    token: UUID


class ChangedDocumentsRow(TypedDict):
    """A row of ``changed_documents``."""

    id: str
    path: str
    access_group: str | None
    state: str
    version_id: str | None
    number: int | None
    title: str | None
    change: int
    token: UUID


class PassagesOfRow(TypedDict):
    """A row of ``passages_of``."""

    version_id: str
    ordinal: int
    text: str
    position: Json
    kind: str


class PassagesRow(TypedDict):
    """A row of ``passages``."""

    version_id: str
    ordinal: int
    id: str
    part: int
    first: int
    last: int
    kind: str
    position: Json
    text: str
    doubtful: list[str]
    document_id: str
    path: str
    access_group: str | None
    version: int
    title: str | None
    modified_at: datetime | None


class GroupsOfRow(TypedDict):
    """A row of ``groups_of``."""

    access_group: str


class MembersRow(TypedDict):
    """A row of ``members``."""

    access_group: str
    person: str
    added_by: str
    added_at: datetime


class RemoveMemberRow(TypedDict):
    """A row of ``remove_member``."""

    person: str


class CoversRow(TypedDict):
    """A row of ``covers``."""

    id: str
    path: str
    access_group: str | None
    cover: str | None
    family: str | None
    kind: str | None
    rank: int | None
    dated: str | None


class FirstPagesRow(TypedDict):
    """A row of ``first_pages``."""

    id: str
    path: str
    version_id: str
    content_hash: str
    pages: list[str]


class FingerprintsRow(TypedDict):
    """A row of ``fingerprints``."""

    version_id: str
    runs: list[int]
    words: list[str]


class TextsOfRow(TypedDict):
    """A row of ``texts_of``."""

    text: str


class FamiliesRow(TypedDict):
    """A row of ``families``."""

    document_id: str
    family: str
    kind: str
    rank: int | None
    dated: str | None
    evidence: str
    why: str | None


class SettlementsRow(TypedDict):
    """A row of ``settlements``."""

    kind: str
    contents: list[str]
    current: str | None


class ConflictBetweenRow(TypedDict):
    """A row of ``conflict_between``."""

    id: str
    verdict: str | None


class ConflictOfRow(TypedDict):
    """A row of ``conflict_of``."""

    use_case: str


class ConflictsRow(TypedDict):
    """A row of ``conflicts``."""

    id: str
    first_text: str
    second_text: str
    found_at: datetime
    verdict: str | None
    settled_by: str | None
    settled_at: datetime | None
    first_document: str
    second_document: str
    first_path: str
    first_group: str | None
    second_path: str
    second_group: str | None


class SettleConflictRow(TypedDict):
    """A row of ``settle_conflict``."""

    first_document: str


class Queries(TypedDict):
    """The statements of ``roadbed.knowledge``."""

    lock_library: Query[LockLibraryRow]
    known_documents: Query[KnownDocumentsRow]
    put_document: Query[Never]
    same_document: Query[SameDocumentRow]
    delete_document: Query[DeleteDocumentRow]
    move_to_group: Query[MoveToGroupRow]
    put_change: Query[Never]
    put_version: Query[Never]
    put_parts: Query[Never]
    put_passages: Query[Never]
    documents: Query[DocumentsRow]
    document_of: Query[DocumentOfRow]
    versions_of: Query[VersionsOfRow]
    parts_of: Query[PartsOfRow]
    newest_change: Query[NewestChangeRow]
    change: Query[ChangeRow]
    changed_documents: Query[ChangedDocumentsRow]
    passages_of: Query[PassagesOfRow]
    passages: Query[PassagesRow]
    groups_of: Query[GroupsOfRow]
    members: Query[MembersRow]
    add_member: Query[Never]
    remove_member: Query[RemoveMemberRow]
    covers: Query[CoversRow]
    first_pages: Query[FirstPagesRow]
    fingerprints: Query[FingerprintsRow]
    texts_of: Query[TextsOfRow]
    put_fingerprint: Query[Never]
    families: Query[FamiliesRow]
    put_family: Query[Never]
    delete_family: Query[Never]
    settlements: Query[SettlementsRow]
    put_settlement: Query[Never]
    note_conflict: Query[Never]
    conflict_between: Query[ConflictBetweenRow]
    conflict_of: Query[ConflictOfRow]
    conflicts: Query[ConflictsRow]
    settle_conflict: Query[SettleConflictRow]
