"""Records of the library: documents, their versions and passages as they are stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from roadbed.kernel.sentences import Sentence, sentences
from roadbed.knowledge.errors import DocumentUnreadableError, UnreadableReason
from roadbed.knowledge.findings import ORDER_DOUBTFUL, DocumentFinding
from roadbed.knowledge.model import DoubtfulNumber, Format, Position
from roadbed.usecases.decider import RemovedVersion

Standing = Literal["single", "series", "version", "variant", "copy", "separate", "open"]
Relation = Literal["open", "superseded", "newest", "variant", "copy", "series"]
DocumentState = Literal["current", "unreadable", "deleted"]
ChangeKind = Literal["new", "changed", "reread", "moved", "restored", "gone"]
Origin = Literal["folder", "upload", "address"]


@dataclass(frozen=True, kw_only=True, slots=True)
class OmittedFiles:
    """How many entries of the sources are no documents, and why.

    ``patterns`` fit a pattern of names that are not read. ``links`` lead out of the folder, into
    another access group or to nothing. ``special`` are no regular files (pipes, sockets, devices).
    ``duplicates`` have the path of a file of an earlier source.
    """

    patterns: int = 0
    links: int = 0
    special: int = 0
    duplicates: int = 0

    @property
    def total(self) -> int:
        """All of them."""
        return self.patterns + self.links + self.special + self.duplicates


@dataclass(frozen=True, kw_only=True, slots=True)
class SourceFile:
    """A file of a library. ``path`` is relative to its folder and can be stored.

    A folder that cannot be opened is one too, without content; its path ends with ``/``.

    ``file`` opens one of the folder; the content of others is stored by ``content_hash``. ``group``
    is the access group that the declaration gives it. ``address`` is that of a fetched page.
    ``failure`` says why it could not be fetched; it is ``gone`` if its server has none any more.
    ``found_at`` is when it was found: the same time for all new files of one plan, whichever is
    read first.
    """

    path: str
    content_hash: str
    bytes: int
    modified_at: datetime | None
    group: str | None
    file: Path | None = None
    origin: Origin = "folder"
    address: str | None = None
    failure: str | None = None
    gone: bool = False
    found_at: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class FolderChange:
    """What a source has that the library does not: one file to read, move or forget.

    ``source`` is ``None`` for a file that is gone. A file that ``moved`` has the content that is
    known and another access group or source. One that is ``restored`` could not be fetched, and
    again has the content that was read before. One that is ``reread`` did not change, but was read
    before reading improved; ``version`` and ``reason`` are those of its document before.
    """

    kind: ChangeKind
    path: str
    source: SourceFile | None = None
    version: int | None = None
    reason: UnreadableReason | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Document:
    """A document of a library, with its version in force.

    ``reason`` and ``detail`` say why the newest content gave no text; a version that was read
    before stays in force then. ``address`` is that of a fetched page. The fields of the version are
    ``None`` if none was ever read.

    ``dated`` is the date, number or period that the document says, ``evidence`` where. ``family``
    is an id of the documents that belong together, ``standing`` its place among them: ``rank``
    orders versions, the highest is in force. ``why`` says why a person has to settle the family.
    ``superseded_by`` is the path of the version in force, of those that the reader may read, and
    ``copy_of`` that of the document with the same content that answers instead. ``newer_removed``
    is a newer version that was deleted, until a person confirms this one or a newer one comes.
    ``content_hash`` is that of the content in force. ``left_out`` says that a person confirmed this
    content to be outdated: no search gives it. ``reports`` counts the people who say so and wait
    for a decision. ``damaged`` says that only one reader opens its file, and that nobody decided
    about this content. ``erased_at`` is when the stored text of a deleted document was erased.
    """

    id: str
    path: str
    group: str | None
    state: DocumentState
    version: int | None
    reason: UnreadableReason | None
    detail: str | None
    added_at: datetime
    changed_at: datetime
    origin: Origin = "folder"
    address: str | None = None
    format: Format | None = None
    title: str | None = None
    pages: int | None = None
    words: int | None = None
    modified_at: datetime | None = None
    read_at: datetime | None = None
    findings: Sequence[DocumentFinding] = ()
    family: str | None = None
    standing: Standing | None = None
    rank: int | None = None
    dated: str | None = None
    evidence: str | None = None
    why: str | None = None
    superseded_by: str | None = None
    content_hash: str | None = None
    copy_of: str | None = None
    newer_removed: RemovedVersion | None = None
    left_out: bool = False
    reports: int = 0
    damaged: bool = False
    erased_at: datetime | None = None

    @property
    def relation(self) -> Relation | None:
        """What it is to the documents of its family; ``None``: it stands alone."""
        if self.copy_of is not None:
            return "copy"
        if self.superseded_by is not None:
            return "superseded"
        if self.newer_removed is not None:
            return "open"
        match self.standing:
            case "version":
                return "newest"
            case "copy":  # of a document that the reader may not read
                return None if self.rank is None else "newest"
            case "open" | "variant" | "series":
                return self.standing
            case _:
                return None

    @property
    def length(self) -> Sentence | None:
        """How long it is, in the units of its format; ``None``: its format has none."""
        return _length(self.format, self.pages)

    @property
    def trouble(self) -> DocumentUnreadableError | None:
        """The error of its newest content, worded for whoever reads it."""
        if self.reason is None:
            return None
        return DocumentUnreadableError(self.path, self.reason, self.detail or "")


@dataclass(frozen=True, kw_only=True, slots=True)
class RemovedDocument:
    """A document that left the library; its versions stay. ``document`` is its path."""

    document: str
    removed_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class DocumentVersion:
    """What a document said at a time. ``words`` counts those of its text.

    ``reading`` is the number of the reading that gave it; 0 is one before numbers were stored. One
    that was erased (``erased_at``) has no text, title and findings any more.
    """

    id: str
    number: int
    content_hash: str
    bytes: int
    format: Format
    title: str | None
    pages: int | None
    words: int
    readers: Sequence[str]
    findings: Sequence[DocumentFinding]
    doubtful: Sequence[DoubtfulNumber]
    modified_at: datetime | None
    read_at: datetime
    reading: int
    erased_at: datetime | None = None

    @property
    def length(self) -> Sentence | None:
        """How long it is, in the units of its format; ``None``: its format has none."""
        return _length(self.format, self.pages)


@dataclass(frozen=True, kw_only=True, slots=True)
class PassageKey:
    """The key of a passage in the database; as text it is the id that citations carry."""

    version_id: str
    ordinal: int

    def __str__(self) -> str:
        return f"{self.version_id}:{self.ordinal}"

    @classmethod
    def of(cls, text: str) -> PassageKey | None:
        """The key that ``text`` writes; ``None`` if it writes none."""
        version, _, ordinal = text.rpartition(":")
        if not version or not (ordinal.isascii() and ordinal.isdecimal()) or len(ordinal) > 9:
            return None
        return cls(version_id=version, ordinal=int(ordinal))


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredPassage:
    """A passage with its document. ``first`` and ``last`` are characters of the part ``part``.

    ``left_out`` says that a person confirmed its content to be outdated.
    """

    key: PassageKey
    id: str
    document_id: str
    path: str
    group: str | None
    version: int
    title: str | None
    modified_at: datetime | None
    part: int
    first: int
    last: int
    kind: Literal["text", "table"]
    position: Position
    text: str
    doubtful: Sequence[str]
    left_out: bool = False

    @property
    def note(self) -> Sentence | None:
        """What a reader of a citation should know of its page."""
        return ORDER_DOUBTFUL if self.position.is_order_doubtful else None

    def citation(self) -> Mapping[str, object]:
        """The whole passage as a citation of an answer from documents."""
        return {
            "document": self.path,
            "version": self.version,
            "place": self.position.label,
            "passage": f"{self.key.version_id}:{self.key.ordinal}",
            "quote": self.text,
        }


def _length(format: Format | None, pages: int | None) -> Sentence | None:
    if pages is None:
        return None
    match format:
        case "xlsx":
            return sentences("%(n)s sheet", "%(n)s sheets", pages)
        case "pptx":
            return sentences("%(n)s slide", "%(n)s slides", pages)
        case _:
            return sentences("%(n)s page", "%(n)s pages", pages)
