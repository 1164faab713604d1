"""Attachments: files inside of a message or of a PDF, each read as its own format says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from roadbed.knowledge.errors import DocumentUnreadableError
from roadbed.knowledge.findings import DocumentFinding
from roadbed.knowledge.model import DoubtfulNumber, Extraction, Part, Position

DEEPEST = 4  # documents inside documents
MOST_ATTACHMENTS = 200  # of a document
_MOST_NAMED = 20

ReadDocument = Callable[[bytes, str, int], Extraction]


@dataclass
class Collected:
    """What a document and its attachments give together."""

    parts: list[Part] = field(default_factory=list)
    findings: list[DocumentFinding] = field(default_factory=list)
    doubtful: list[DoubtfulNumber] = field(default_factory=list)
    readers: list[str] = field(default_factory=list)


def collect(
    made: Collected,
    attachments: Sequence[tuple[str, bytes]],
    read_document: ReadDocument,
    depth: int,
) -> None:
    """Read the attachments of a document that is ``depth`` documents deep, and add them.

    ``read_document`` reads one: its content, name and depth. One that cannot be read, or is too
    deep or too many, is a finding.
    """
    omitted: list[str] = []
    for number, (title, data) in enumerate(_titled(attachments)):
        if depth >= DEEPEST or number >= MOST_ATTACHMENTS:
            omitted.append(title)
        else:
            _add(made, title, data, read_document, depth)
    if omitted:
        made.findings.append(
            DocumentFinding(
                kind="attachments_omitted",
                count=len(omitted),
                detail=", ".join(omitted[:_MOST_NAMED]),
            )
        )


def _add(made: Collected, title: str, data: bytes, read_document: ReadDocument, depth: int) -> None:
    try:
        inner = read_document(data, title, depth + 1)
    except DocumentUnreadableError as error:
        made.findings.append(
            DocumentFinding(kind="attachment_unreadable", detail=f"{error.problem} {error.remedy}")
        )
        return
    made.parts += [replace(part, place=_inside(part.place, title)) for part in inner.parts]
    made.doubtful += [replace(doubt, place=_inside(doubt.place, title)) for doubt in inner.doubtful]
    made.findings += [
        replace(finding, detail=f"{title}: {finding.detail}") for finding in inner.findings
    ]
    made.readers += inner.readers


def _inside(place: Position, title: str) -> Position:
    return replace(place, attachment=(title, *place.attachment))


def _titled(attachments: Sequence[tuple[str, bytes]]) -> Iterator[tuple[str, bytes]]:
    """The attachments, each with a name that no other one has."""
    counts: Counter[str] = Counter()
    for number, (named, data) in enumerate(attachments, 1):
        title = named or f"attachment {number}"
        counts[title] += 1
        yield (title if counts[title] == 1 else f"{title} ({counts[title]})"), data
