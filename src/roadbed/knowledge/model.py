"""What reading a document gives: text with positions, findings and passages."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from roadbed.knowledge.findings import DocumentFinding

Format = Literal["pdf", "docx", "pptx", "xlsx", "html", "markdown", "eml", "txt"]
PositionKind = Literal["page", "slide", "notes", "sheet", "text", "message"]
BlockKind = Literal["text", "table", "heading"]

_NUMBERED: dict[str, str] = {"page": "page", "slide": "slide", "notes": "notes of slide"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Position:
    """The position of a text in its document.

    ``number`` counts pages, slides and sheets from 1; a part without numbers has 1. ``name`` is
    that of a sheet. ``rows`` are the first and the last row of a sheet. ``headings`` are those
    above the text, outermost first. ``attachment`` names the attachment, inside a message
    or a PDF the outermost first. ``shared_headings`` says how many of the headings stand above the
    whole text, where it goes on into another section. ``is_order_doubtful``: nothing tells the
    order of the words of this page.
    """

    kind: PositionKind
    number: int = 1
    name: str | None = None
    rows: tuple[int, int] | None = None
    headings: tuple[str, ...] = ()
    attachment: tuple[str, ...] = ()
    shared_headings: int | None = None
    is_order_doubtful: bool = False

    @property
    def label(self) -> str:
        """The position as a citation shows it."""
        words = list(self.attachment)
        if self.kind in _NUMBERED:
            words.append(f"{_NUMBERED[self.kind]} {self.number}")
        elif self.kind == "sheet":
            rows = ""
            if self.rows is not None:
                first, last = self.rows
                rows = f", row {first}" if first == last else f", rows {first}-{last}"
            words.append(f"sheet {self.name}{rows}")
        return " › ".join((*words, *self.headings[: self.shared_headings]))


@dataclass(frozen=True, kw_only=True, slots=True)
class Block:
    """A paragraph, heading or table: characters ``start`` to ``end`` of the text of its part.

    ``headings`` are those above it; a heading has itself as the last one. Each line of a table is
    one row, its cells separated by `` | ``; ``header`` is its first line if that names the columns.
    ``rows`` are the numbers of its lines in a sheet.
    """

    kind: BlockKind
    start: int
    end: int
    headings: tuple[str, ...] = ()
    header: str | None = None
    rows: tuple[int, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """A page, slide, sheet, message body or a whole text without pages, with its blocks."""

    place: Position
    text: str
    blocks: tuple[Block, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class DoubtfulNumber:
    """A number of the text that the second reader did not find on the same page."""

    number: str
    place: Position


@dataclass(frozen=True, kw_only=True, slots=True)
class Extraction:
    """A document as it was read.

    ``title`` is what the file says itself, which may be wrong. ``page_count`` counts pages, slides
    or sheets; it is ``None`` for formats without them. ``readers`` are the names of the readers
    whose text this is, or who checked it. ``confined`` says whether the kernel kept the child from
    files and network.
    """

    format: Format
    parts: tuple[Part, ...]
    title: str | None = None
    page_count: int | None = None
    readers: tuple[str, ...] = ()
    findings: tuple[DocumentFinding, ...] = ()
    doubtful: tuple[DoubtfulNumber, ...] = ()
    confined: bool = True

    @property
    def words(self) -> int:
        """How many words the document has."""
        return sum(len(part.text.split()) for part in self.parts)


@dataclass(frozen=True, kw_only=True, slots=True)
class Passage:
    """A piece of a document that is searched and cited.

    ``id`` is equal for equal text at an equal place. ``start`` and ``end`` are characters of the
    text of part ``part``; ``text`` is what stands there, and for a later piece of a table the
    header row before it. ``ordinal`` counts the passages of the document from 0.
    """

    id: str
    ordinal: int
    text: str
    place: Position
    part: int
    start: int
    end: int
    kind: Literal["text", "table"] = "text"
    doubtful: tuple[str, ...] = field(default=())
