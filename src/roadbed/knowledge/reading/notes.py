"""Notes: what stands beside the text of a document, such as comments and form fields.

Each kind is a part of its own, whose place says where it belongs to: a passage never mixes it with
the text, and a citation shows that it is a comment.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from roadbed.knowledge.findings import DocumentFinding
from roadbed.knowledge.model import Part, Position
from roadbed.knowledge.reading import texts


@dataclass(frozen=True, kw_only=True, slots=True)
class Note:
    """A note. ``kind`` says what it is, ``at`` where: a cell, or words that it is about."""

    text: str
    kind: str = "comment"
    author: str = ""
    at: str = ""
    hidden: bool = False

    @property
    def label(self) -> str:
        """What stands in the place of the note: "comment at B7 by Anna"."""
        words = f"hidden {self.kind}" if self.hidden else self.kind
        if self.at:
            words += f" at {self.at}"
        return f"{words} by {self.author}" if self.author else words


def parts(place: Position, notes: Iterable[Note]) -> Sequence[Part]:
    """The notes of a place, in a part for each label, in their order."""
    written: dict[str, list[str]] = {}
    for note in notes:
        if note.text.strip():
            written.setdefault(note.label, []).append(note.text.strip())
    return [part(place, label, same) for label, same in written.items()]


def part(place: Position, label: str, paragraphs: Iterable[str]) -> Part:
    """Paragraphs as a part whose place ends with ``label``."""
    headings = (*place.headings, label)
    inner = replace(place, headings=headings)
    return texts.plain_part("\n\n".join(paragraphs), inner, headings)


def hidden(names: Sequence[str]) -> Sequence[DocumentFinding]:
    """The finding that these were hidden and read."""
    if not names:
        return ()
    shown = ", ".join(names[:20]) + (f" and {len(names) - 20} more" if len(names) > 20 else "")
    return (DocumentFinding(kind="hidden_text", count=len(names), detail=shown),)
