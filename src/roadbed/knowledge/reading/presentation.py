"""PPTX: each slide with its shapes, tables, charts and diagrams, its speaker notes and comments.

The first reader tears words and numbers whose format changes inside ("1 6,411"), so the XML is read
here. If it does not fit the standard, the first reader reads the slides.
"""

from __future__ import annotations

import io
import xml.etree.ElementTree as ET
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from roadbed.knowledge.errors import DocumentUnreadableError, UnreadableReason
from roadbed.knowledge.findings import DocumentFinding
from roadbed.knowledge.model import Block, BlockKind, Extraction, Part, Position
from roadbed.knowledge.reading import (
    drawings,
    markdown,
    merged_cells,
    notes,
    office_xml,
    packages,
    texts,
    xberg_reader,
)
from roadbed.knowledge.reading.notes import Note

NAME = "pptx"
_MIME = "application/vnd.openxmlformats-officedocument.presentationml.presentation"
_MAIN = "ppt/presentation.xml"
_LONGEST_TITLE = 200
_TITLES = ("title", "ctrTitle")
_NOT_WRITTEN = ("sldNum", "sldImg")  # placeholders whose text a program makes


@dataclass
class _Slide:
    """What one slide holds: its pieces in their order, each a text or the rows of a table."""

    title: str = ""
    pieces: list[str | Sequence[Sequence[str]]] = field(default_factory=list)
    notes: str = ""
    comments: list[Note] = field(default_factory=list)
    hidden: bool = False
    hidden_shapes: int = 0


def read(content: bytes, name: str) -> Extraction:
    """A part for each slide, one for its notes and for its comments.

    Raises ``DocumentUnreadableError``.
    """
    packages.check(content, name)
    findings: list[DocumentFinding] = []
    reader = NAME
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as package:
            slides = list(_slides(package))
            title = _title(package)
        repeats = merged_cells.Repeats()
        for slide in slides:
            slide.pieces = [
                piece if isinstance(piece, str) else list(merged_cells.continued(piece, repeats))
                for piece in slide.pieces
            ]
        findings += repeats.findings()
    except (ET.ParseError, KeyError, RecursionError, zipfile.BadZipFile) as error:
        detail = f"{type(error).__name__}: {error}"[:300]
        findings.append(DocumentFinding(kind="second_reader", detail=detail))
        reader = xberg_reader.NAME
        parts, empty, count, title = _by_xberg(content, name, findings)
    else:
        parts = [part for number, slide in enumerate(slides, 1) for part in _parts(number, slide)]
        empty = [
            str(number)
            for number, slide in enumerate(slides, 1)
            if not slide.title and not slide.pieces
        ]
        count = len(slides)
        findings += notes.hidden(list(_hidden(slides)))
    if not parts:
        pictures = packages.has_pictures(content)
        raise DocumentUnreadableError(
            name, UnreadableReason.SCAN if pictures else UnreadableReason.EMPTY
        )
    findings += packages.findings(content)
    if empty:
        detail = ", ".join(empty[:20])
        findings.append(DocumentFinding(kind="pages_without_text", count=len(empty), detail=detail))
    return Extraction(
        format="pptx",
        parts=tuple(parts),
        title=title,
        page_count=count,
        readers=(reader,),
        findings=tuple(findings),
    )


def _hidden(slides: Sequence[_Slide]) -> Iterator[str]:
    for number, slide in enumerate(slides, 1):
        if slide.hidden:
            yield f"slide {number}"
        elif slide.hidden_shapes:
            yield f"slide {number}, {slide.hidden_shapes} of its shapes"


def _title(package: zipfile.ZipFile) -> str | None:
    if "docProps/core.xml" not in package.namelist():
        return None
    core = office_xml.parsed(package.read("docProps/core.xml"))
    title = next(office_xml.named(core, "title"), None)
    return (title.text or "").strip() or None if title is not None else None


def _slides(package: zipfile.ZipFile) -> Iterator[_Slide]:
    related = list(office_xml.relationships(package, _MAIN))
    targets = {identifier: target for identifier, kind, target in related if kind == "slide"}
    authors: dict[str, str] = {}
    for _, kind, target in related:
        if kind in ("commentAuthors", "authors"):
            root = office_xml.parsed(package.read(target))
            authors |= {
                author.get("id", ""): author.get("name", "")
                for element in ("cmAuthor", "author")
                for author in office_xml.named(root, element)
            }
    main = office_xml.parsed(package.read(_MAIN))
    for listed in office_xml.named(main, "sldId"):
        if (part := targets.get(office_xml.attribute(listed, "id"))) is not None:
            yield _slide(package, part, authors)


def _slide(package: zipfile.ZipFile, part: str, authors: Mapping[str, str]) -> _Slide:
    root = office_xml.parsed(package.read(part))
    slide = _Slide(hidden=root.get("show") in ("0", "false"))
    related = list(office_xml.relationships(package, part))
    targets = {identifier: target for identifier, _, target in related}
    for tree in office_xml.named(root, "spTree"):
        _collect(package, tree, slide, targets)
    for _, kind, target in related:
        if kind == "notesSlide":
            slide.notes = _speaker_notes(office_xml.parsed(package.read(target)))
        elif kind == "comments":
            slide.comments += _comments(office_xml.parsed(package.read(target)), authors)
    return slide


def _collect(
    package: zipfile.ZipFile, tree: ET.Element, slide: _Slide, targets: Mapping[str, str]
) -> None:
    for shape in tree:
        match office_xml.tag(shape):
            case "sp" | "cxnSp":
                slide.hidden_shapes += _is_hidden(shape)
                _add_shape(shape, slide)
            case "graphicFrame":
                slide.hidden_shapes += _is_hidden(shape)
                slide.pieces += _frame(package, shape, targets)
            case "grpSp":
                slide.hidden_shapes += _is_hidden(shape)
                _collect(package, shape, slide, targets)
            case "AlternateContent":  # the first choice is what a program of today shows
                for choice in list(shape)[:1]:
                    _collect(package, choice, slide, targets)


def _is_hidden(shape: ET.Element) -> bool:
    described = next(office_xml.named(shape, "cNvPr"), None)
    return described is not None and described.get("hidden") in ("1", "true")


def _placeholder(shape: ET.Element) -> str:
    placeholder = next(office_xml.named(shape, "ph"), None)
    return placeholder.get("type", "obj") if placeholder is not None else ""


def _add_shape(shape: ET.Element, slide: _Slide) -> None:
    kind = _placeholder(shape)
    if kind in _NOT_WRITTEN:
        return
    text = "\n".join(drawings.paragraphs(shape))
    if not text:
        return
    one_line = " ".join(text.split())
    if kind in _TITLES and not slide.title and len(one_line) <= _LONGEST_TITLE:
        slide.title = one_line
    else:
        slide.pieces.append(text)


def _frame(
    package: zipfile.ZipFile, frame: ET.Element, targets: Mapping[str, str]
) -> Iterator[str | Sequence[Sequence[str]]]:
    for table in office_xml.named(frame, "tbl"):
        yield [
            [_cell(cell) for cell in row if office_xml.tag(cell) == "tc"]
            for row in office_xml.named(table, "tr")
        ]
    for chart in office_xml.named(frame, "chart"):
        if (target := targets.get(office_xml.attribute(chart, "id"))) is not None:
            root = office_xml.parsed(package.read(target))
            yield "\n".join(drawings.chart_titles(root))
            yield drawings.chart_table(root)
    for diagram in office_xml.named(frame, "relIds"):
        if (target := targets.get(office_xml.attribute(diagram, "dm"))) is not None:
            yield "\n".join(drawings.paragraphs(office_xml.parsed(package.read(target))))


def _cell(cell: ET.Element) -> str:
    text = " ".join(" ".join(drawings.paragraphs(cell)).split())
    is_below, is_beside = (cell.get(name) in ("1", "true") for name in ("vMerge", "hMerge"))
    return merged_cells.CONTINUED if is_below and not is_beside and not text else text


def _speaker_notes(root: ET.Element) -> str:
    shapes = [shape for shape in office_xml.named(root, "sp") if _placeholder(shape) == "body"]
    return "\n".join(paragraph for shape in shapes for paragraph in drawings.paragraphs(shape))


def _comments(root: ET.Element, authors: Mapping[str, str]) -> Iterator[Note]:
    """Comments of both kinds: those of the standard, and those with answers of newer programs."""
    for comment in root.iter():
        if office_xml.tag(comment) not in ("cm", "reply"):
            continue
        own = [part for part in comment if office_xml.tag(part) in ("text", "txBody")]
        text = "\n".join(
            part.text or ""
            if office_xml.tag(part) == "text"
            else "\n".join(drawings.paragraphs(part))
            for part in own
        )
        author = " ".join(authors.get(comment.get("authorId", ""), "").split())
        yield Note(text=text, author=author)


def _parts(number: int, slide: _Slide) -> Iterator[Part]:
    place = Position(kind="slide", number=number)
    headings = (slide.title,) if slide.title else ()
    written: list[str] = []
    blocks: list[Block] = []
    length = 0
    for piece in (slide.title, *slide.pieces):
        kind: BlockKind = "text" if slide.title and blocks else "heading" if slide.title else "text"
        header = None
        if isinstance(piece, str):
            text = markdown.plain(piece)
        else:
            rows = [" | ".join(row) for row in piece if any(row)]
            kind, header = "table", rows[0] if len(rows) > 1 else None
            text = "\n".join(rows)
        if text.strip():
            end = length + len(text)
            blocks.append(Block(kind=kind, start=length, end=end, headings=headings, header=header))
            written.append(text)
            length = end + 2
    if blocks:
        yield Part(place=place, text="\n\n".join(written), blocks=tuple(blocks))
    if slide.notes:
        at = Position(kind="notes", number=number)
        yield texts.plain_part(slide.notes, at, headings)
    yield from notes.parts(place, slide.comments)


def _by_xberg(
    content: bytes, name: str, findings: list[DocumentFinding]
) -> tuple[list[Part], list[str], int, str | None]:
    """Parts, slides without text, number of slides and title, as the first reader gives them."""
    reading = xberg_reader.read(content, _MIME, name)
    findings += [DocumentFinding(kind="parser_warning", detail=text) for text in reading.warnings]
    parts: list[Part] = []
    empty = []
    for page in reading.pages:
        slide, _ = markdown.part(page.text, Position(kind="slide", number=page.number))
        if slide.text:
            parts.append(slide)
        else:
            empty.append(str(page.number))
        if page.notes:
            parts.append(texts.plain_part(page.notes, Position(kind="notes", number=page.number)))
    return parts, empty, len(reading.pages), reading.title
