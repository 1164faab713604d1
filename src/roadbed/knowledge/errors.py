"""Errors: why a document cannot be read."""

from __future__ import annotations

from enum import StrEnum

from roadbed.kernel.errors import RoadbedError
from roadbed.kernel.sentences import Sentence, Text, in_source, sentence


class UnreadableReason(StrEnum):
    """Why a document gives no text."""

    BOMB = "bomb"
    CORRUPT = "corrupt"
    CRASHED = "crashed"
    EMPTY = "empty"
    MEMORY = "memory"
    NONSENSE = "nonsense"
    NOT_FETCHED = "not_fetched"
    NOT_OPENED = "not_opened"
    PASSWORD = "password"  # noqa: S105 - the reason, not a password
    SCAN = "scan"
    TIME = "time"
    TOO_LARGE = "too_large"
    UNKNOWN_FORMAT = "unknown_format"


class DocumentUnreadableError(RoadbedError):
    """A document gave no text. ``reason`` says why; ``name`` is that of the file.

    ``detail`` holds the words of the reader, or the limit that was exceeded, in English.
    """

    code = "document_unreadable"

    def __init__(self, name: str, reason: UnreadableReason, detail: Text = "") -> None:
        report = detail
        if isinstance(detail, str) and reason != UnreadableReason.NOT_FETCHED:
            report = detail.rstrip(".")  # a sentence of a reader, which stands inside of ours
        problem, remedy = _words(name, reason, report)
        super().__init__(problem, remedy)
        self.name = name
        self.reason = reason
        self.detail = in_source(detail)


def _words(name: str, reason: UnreadableReason, detail: Text) -> tuple[Text, Text]:
    match reason:
        case UnreadableReason.PASSWORD:
            return (
                sentence("%(name)s is protected by a password.", name=name),
                sentence("Save it without a password and add it again."),
            )
        case UnreadableReason.SCAN:
            return (
                sentence("%(name)s holds pictures of pages and no text.", name=name),
                sentence("Recognise its text with a scanner program and add the result."),
            )
        case UnreadableReason.EMPTY:
            return (
                sentence("%(name)s contains no text.", name=name),
                sentence("Check that the file is complete, or remove it."),
            )
        case UnreadableReason.UNKNOWN_FORMAT:
            return (
                sentence("%(name)s has no format that can be read.", name=name),
                sentence("Save it as PDF, DOCX, PPTX, XLSX, HTML, Markdown, EML or TXT."),
            )
        case UnreadableReason.TOO_LARGE:
            return (
                sentence("%(name)s is too large: %(detail)s.", name=name, detail=detail),
                sentence("Split the file and add its pieces."),
            )
        case UnreadableReason.NONSENSE:
            return (
                sentence(
                    "The text of %(name)s is not readable: its characters have wrong codes.",
                    name=name,
                ),
                sentence("Print it to a new PDF from the program that made it, or scan it."),
            )
        case _:
            return _words_of_failure(name, reason, detail)


def _words_of_failure(name: str, reason: UnreadableReason, detail: Text) -> tuple[Text, Sentence]:
    match reason:
        case UnreadableReason.BOMB:
            return (
                sentence(
                    "%(name)s expands to far more than its size: %(detail)s.",
                    name=name,
                    detail=detail,
                ),
                sentence("Do not open it unless you trust its sender. Save it anew as PDF."),
            )
        case UnreadableReason.MEMORY:
            return (
                sentence("Reading %(name)s took more memory than is allowed.", name=name),
                sentence("Split the file and add its pieces."),
            )
        case UnreadableReason.TIME:
            return (
                sentence(
                    "Reading %(name)s took longer than is allowed: %(detail)s.",
                    name=name,
                    detail=detail,
                ),
                sentence("Split the file and add its pieces."),
            )
        case UnreadableReason.NOT_OPENED:
            return (
                sentence("%(name)s cannot be opened: %(detail)s.", name=name, detail=detail),
                sentence("Give Roadbed the right to read the file."),
            )
        case UnreadableReason.NOT_FETCHED:
            return (
                sentence("%(name)s cannot be fetched: %(detail)s", name=name, detail=detail),
                sentence(
                    "Check the address in the list of the library. The version that was read last "
                    "stays in force. The next ingestion asks again."
                ),
            )
        case UnreadableReason.CRASHED:
            return (
                sentence(
                    "The reader ended while it read %(name)s: %(detail)s.", name=name, detail=detail
                ),
                sentence("Save the file anew, for example as PDF, and add it again."),
            )
        case _:
            return (
                sentence("%(name)s is damaged: %(detail)s.", name=name, detail=detail),
                sentence("Open it in the program that made it, save it anew and add it again."),
            )


class UnknownDocumentError(RoadbedError):
    """No document of a library has this path, or nobody may know that one has."""

    code = "unknown_document"

    def __init__(self, path: str) -> None:
        super().__init__(
            sentence("There is no document %(path)r here.", path=path),
            sentence("`roadbed documents list` shows those that there are."),
        )


class NoLibraryError(RoadbedError):
    """A use case that answers from no documents."""

    code = "no_library"

    def __init__(self, use_case: str) -> None:
        super().__init__(
            sentence("The use case %(use_case)s has no library.", use_case=use_case),
            sentence("Declare library=Library() in its usecase.py."),
        )


class LibraryUnavailableError(RoadbedError):
    """The folder of a library cannot be read, or lost most of its files at once."""

    code = "library_unavailable"


class AccessGroupError(RoadbedError):
    """An access group or a member of it that does not exist."""

    code = "access_group_invalid"


class DocumentFamilyError(RoadbedError):
    """A family of documents that this person cannot settle."""

    code = "document_family_invalid"


class UnknownConflictError(RoadbedError):
    """No contradiction of a library has this id, or nobody may know that one has."""

    code = "conflict_unknown"

    def __init__(self, conflict_id: str) -> None:
        super().__init__(
            sentence("There is no contradiction %(id)r here.", id=conflict_id),
            sentence("`roadbed documents conflicts` shows those that there are."),
        )


class DocumentConflictError(RoadbedError):
    """A verdict on a contradiction that does not say which document is right."""

    code = "document_conflict_invalid"


class DocumentConflictDecidedError(DocumentConflictError):
    """Somebody decided about a contradiction after it was read: ``right`` is the document."""

    code = "document_conflict_decided"

    def __init__(self, person: str, right: str | None) -> None:
        told = (
            sentence(
                "%(person)s decided about this contradiction after you read it: %(path)s is right.",
                person=person,
                path=right,
            )
            if right is not None
            else sentence(
                "%(person)s decided about this contradiction after you read it: both documents are "
                "right.",
                person=person,
            )
        )
        super().__init__(told, sentence("Read what was decided, and decide again if it is wrong."))


class UploadRefusedError(RoadbedError):
    """A file that cannot be a document of the library: its path, its size or its place."""

    code = "upload_refused"


class UploadNotAllowedError(RoadbedError):
    """A file below a folder of an access group that the person is not in."""

    code = "upload_not_allowed"

    def __init__(self, path: str) -> None:
        super().__init__(
            sentence("%(path)s is in a folder that you may not read.", path=path),
            sentence("Choose another folder, or have yourself added to its access group."),
        )


class DocumentErasureError(RoadbedError):
    """A document whose stored text cannot be erased, because it is in the library."""

    code = "document_erasure_invalid"

    def __init__(self, path: str) -> None:
        super().__init__(
            sentence("%(path)s is in the library.", path=path),
            sentence(
                "Delete the file first, or its address from the list, and wait until an ingestion "
                "has taken it out."
            ),
        )


class DocumentReportError(RoadbedError):
    """A report of an outdated document that cannot be stored, or a decision without a report."""

    code = "document_report_invalid"


class GapReportError(RoadbedError):
    """A question that cannot be reported as a gap yet."""

    code = "gap_report_invalid"


class UnknownGapError(RoadbedError):
    """A question that belongs to no gap."""

    code = "unknown_gap"

    def __init__(self, task_id: str) -> None:
        super().__init__(
            sentence("The question of %(task_id)s belongs to no gap.", task_id=task_id),
            sentence("`roadbed documents gaps` shows those that there are."),
        )
