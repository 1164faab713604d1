"""Rows of the statements in ``queries.sql``. Written by ``make rows``: do not edit."""

from datetime import datetime
from typing import Never, TypedDict
from uuid import UUID

from roadbed.kernel.ids import TaskId
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
    origin: str
    address: str | None
    reason: str | None
    detail: str | None
    version_hash: str | None
    version_reading: int | None


class SameDocumentRow(TypedDict):
    """A row of ``same_document``."""

    id: str
    version: int | None
    state: str
    content_hash: str
    reading: int
    access_group: str | None
    origin: str
    address: str | None
    reason: str | None
    detail: str | None
    version_hash: str | None
    version_reading: int | None


class DeleteDocumentRow(TypedDict):
    """A row of ``delete_document``."""

    id: str


class RemovedDocumentsRow(TypedDict):
    """A row of ``removed_documents``."""

    path: str
    removed_at: datetime


class MoveDocumentRow(TypedDict):
    """A row of ``move_document``."""

    id: str


class RestoreDocumentRow(TypedDict):
    """A row of ``restore_document``."""

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
    origin: str
    address: str | None
    content_hash: str | None
    format: str | None
    title: str | None
    pages: int | None
    words: int | None
    modified_at: datetime | None
    read_at: datetime | None
    findings: Json | None
    erased_at: datetime | None
    family: str | None
    standing: str | None
    rank: int | None
    dated: str | None
    evidence: str | None
    why: str | None
    left_out: bool
    reports: int
    damaged: bool


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
    reading: int
    erased_at: datetime | None


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
    part: int
    text: str
    position: Json
    kind: str


class PiecesOfRow(TypedDict):
    """A row of ``pieces_of``."""

    ordinal: int
    id: str
    part: int
    first: int
    last: int
    kind: str
    position: Json
    text: str
    doubtful: list[str]


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
    left_out: bool


class PlacesOfRow(TypedDict):
    """A row of ``places_of``."""

    id: str
    path: str
    access_group: str | None


class GroupsOfRow(TypedDict):
    """A row of ``groups_of``."""

    access_group: str


class MembersRow(TypedDict):
    """A row of ``members``."""

    access_group: str
    person: str
    added_by: str
    added_at: datetime


class GroupsThereRow(TypedDict):
    """A row of ``groups_there``."""

    access_group: str
    person: str | None


class AnsweredTasksRow(TypedDict):
    """A row of ``answered_tasks``."""

    id: TaskId
    sender: str | None
    input: Json
    output: Json | None
    right: Json | None


class RemoveMemberRow(TypedDict):
    """A row of ``remove_member``."""

    person: str


class CoversRow(TypedDict):
    """A row of ``covers``."""

    id: str
    path: str
    access_group: str | None
    cover: str | None
    added_at: datetime
    content_hash: str
    format: str
    left_out: bool
    family: str | None
    kind: str | None
    rank: int | None
    dated: str | None


class FirstPagesRow(TypedDict):
    """A row of ``first_pages``."""

    id: str
    path: str
    added_at: datetime
    version_id: str
    content_hash: str
    format: str
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
    settled_by: str


class NewerRemovedRow(TypedDict):
    """A row of ``newer_removed``."""

    id: str
    content_hash: str
    removed_id: str
    path: str
    access_group: str | None
    removed_at: datetime


class ConflictBetweenRow(TypedDict):
    """A row of ``conflict_between``."""

    id: str
    verdict: str | None


class SettledCopyRow(TypedDict):
    """A row of ``settled_copy``."""

    verdict: str | None
    swapped: bool


class ConflictOfRow(TypedDict):
    """A row of ``conflict_of``."""

    use_case: str
    verdict: str | None
    settled_by: str | None


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


class PrepareVectorsRow(TypedDict):
    """A row of ``prepare_vectors``."""

    ready: bool


class VectorCollectionRow(TypedDict):
    """A row of ``vector_collection``."""

    id: int


class VectorsLackingRow(TypedDict):
    """A row of ``vectors_lacking``."""

    version_id: str
    ordinal: int
    text: str
    position: Json


class CountVectorsRow(TypedDict):
    """A row of ``count_vectors``."""

    passages: int
    vectors: int


class PutVectorsRow(TypedDict):
    """A row of ``put_vectors``."""

    stored: str | None


class StoredVectorsRow(TypedDict):
    """A row of ``stored_vectors``."""

    vectors: int
    indexed: bool


class IndexVectorsRow(TypedDict):
    """A row of ``index_vectors``."""

    built: str | None


class NearestPassagesRow(TypedDict):
    """A row of ``nearest_passages``."""

    document_id: str
    version_id: str
    ordinal: int
    similarity: float


class SamePassagesRow(TypedDict):
    """A row of ``same_passages``."""

    cited_version: str
    cited_ordinal: int
    version_id: str
    ordinal: int


class PassagesOfDocumentRow(TypedDict):
    """A row of ``passages_of_document``."""

    version_id: str
    ordinal: int
    position: Json


class SettleReportsRow(TypedDict):
    """A row of ``settle_reports``."""

    id: str


class DocumentReportsRow(TypedDict):
    """A row of ``document_reports``."""

    id: str
    document_id: str
    path: str
    access_group: str | None
    version: int
    reason: str
    state: str
    reported_by: str
    reported_at: datetime
    note: str | None
    settled_by: str | None
    settled_at: datetime | None


class GapQuestionsRow(TypedDict):
    """A row of ``gap_questions``."""

    task_id: str
    question: str
    asked_by: str | None
    at: datetime


class ConfirmedAnswersRow(TypedDict):
    """A row of ``confirmed_answers``."""

    question: str
    at: datetime


class GapDecisionsRow(TypedDict):
    """A row of ``gap_decisions``."""

    task_id: TaskId
    state: str
    note: str | None
    decided_by: str
    decided_at: datetime


class GapMarkRow(TypedDict):
    """A row of ``gap_mark``."""

    mark: str


class ReportGapRow(TypedDict):
    """A row of ``report_gap``."""

    fresh: bool


class DeletedDocumentsRow(TypedDict):
    """A row of ``deleted_documents``."""

    id: str
    path: str
    access_group: str | None
    origin: str
    removed_at: datetime
    version: int | None
    erased_at: datetime | None


class EraseVectorsRow(TypedDict):
    """A row of ``erase_vectors``."""

    erased: str | None


class QuotingEntriesRow(TypedDict):
    """A row of ``quoting_entries``."""

    position: int


class ContentsElsewhereRow(TypedDict):
    """A row of ``contents_elsewhere``."""

    path: str
    access_group: str | None


class Queries(TypedDict):
    """The statements of ``roadbed.knowledge``."""

    lock_library: Query[LockLibraryRow]
    known_documents: Query[KnownDocumentsRow]
    put_document: Query[Never]
    same_document: Query[SameDocumentRow]
    delete_document: Query[DeleteDocumentRow]
    removed_documents: Query[RemovedDocumentsRow]
    move_document: Query[MoveDocumentRow]
    restore_document: Query[RestoreDocumentRow]
    put_reading: Query[Never]
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
    pieces_of: Query[PiecesOfRow]
    passages: Query[PassagesRow]
    places_of: Query[PlacesOfRow]
    groups_of: Query[GroupsOfRow]
    members: Query[MembersRow]
    groups_there: Query[GroupsThereRow]
    answered_tasks: Query[AnsweredTasksRow]
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
    put_removed_version: Query[Never]
    delete_removed_version: Query[Never]
    newer_removed: Query[NewerRemovedRow]
    note_conflict: Query[Never]
    conflict_between: Query[ConflictBetweenRow]
    settled_copy: Query[SettledCopyRow]
    conflict_of: Query[ConflictOfRow]
    conflicts: Query[ConflictsRow]
    settle_conflict: Query[SettleConflictRow]
    prepare_vectors: Query[PrepareVectorsRow]
    vector_collection: Query[VectorCollectionRow]
    vectors_lacking: Query[VectorsLackingRow]
    count_vectors: Query[CountVectorsRow]
    copy_vectors: Query[Never]
    drop_old_vectors: Query[Never]
    put_vectors: Query[PutVectorsRow]
    stored_vectors: Query[StoredVectorsRow]
    index_vectors: Query[IndexVectorsRow]
    nearest_passages: Query[NearestPassagesRow]
    same_passages: Query[SamePassagesRow]
    passages_of_document: Query[PassagesOfDocumentRow]
    replace_report: Query[Never]
    report_document: Query[Never]
    settle_reports: Query[SettleReportsRow]
    document_reports: Query[DocumentReportsRow]
    gap_questions: Query[GapQuestionsRow]
    confirmed_answers: Query[ConfirmedAnswersRow]
    gap_decisions: Query[GapDecisionsRow]
    gap_mark: Query[GapMarkRow]
    report_gap: Query[ReportGapRow]
    decide_gap: Query[Never]
    deleted_documents: Query[DeletedDocumentsRow]
    erase_parts: Query[Never]
    erase_passages: Query[Never]
    erase_fingerprints: Query[Never]
    erase_vectors: Query[EraseVectorsRow]
    erase_versions: Query[Never]
    erase_conflicts: Query[Never]
    erase_reports: Query[Never]
    quoting_entries: Query[QuotingEntriesRow]
    outdate_indexes: Query[Never]
    contents_elsewhere: Query[ContentsElsewhereRow]
