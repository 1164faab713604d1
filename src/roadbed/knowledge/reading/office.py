"""DOCX: text by headings, with page headers and footers, footnotes and comments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from xml.etree.ElementTree import ParseError

from roadbed.knowledge.errors import DocumentUnreadableError, UnreadableReason
from roadbed.knowledge.findings import DocumentFinding
from roadbed.knowledge.model import Extraction, Part, Position
from roadbed.knowledge.reading import (
    markdown,
    merged_cells,
    office_xml,
    packages,
    signs,
    texts,
    word_notes,
    xberg_reader,
)

_DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


def read_docx(content: bytes, name: str) -> Extraction:
    """A DOCX. Its pages are not in the file, so positions are headings.

    The text of page headers stands before the body, that of page footers after it.
    Raises ``DocumentUnreadableError``.
    """
    packages.check(content, name)
    place = Position(kind="text")
    beside, unread = _beside(content, place)
    prepared = beside.prepared if beside is not None else content
    reading = xberg_reader.read(prepared, _DOCX, name)
    text = signs.without_emphasis(reading.text) if beside is not None else reading.text
    repeats = merged_cells.Repeats()
    whole, _ = markdown.part(text, place, repeats=repeats)
    whole = signs.restored_part(whole)
    if not whole.text:
        pictures = packages.has_pictures(content)
        raise DocumentUnreadableError(
            name, UnreadableReason.SCAN if pictures else UnreadableReason.EMPTY
        )
    findings = [*unread, *_common(content, reading), *repeats.findings()]
    if beside is not None and beside.left_out:
        detail = ", ".join(beside.left_out)
        count = len(beside.left_out)
        findings.append(DocumentFinding(kind="embedded_left_out", count=count, detail=detail))
    whole, trouble = _with_page_texts(whole, content)
    findings += trouble
    if hidden := packages.hidden_runs(packages.member(content, "word/document.xml") or b""):
        findings.append(
            DocumentFinding(kind="hidden_text", count=hidden, detail="word/document.xml")
        )
    return Extraction(
        format="docx",
        parts=(whole, *(beside.parts if beside is not None else ())),
        title=reading.title,
        readers=(xberg_reader.NAME,),
        findings=tuple(findings),
    )


def _beside(
    content: bytes, place: Position
) -> tuple[word_notes.WordNotes | None, Sequence[DocumentFinding]]:
    try:
        return word_notes.read(content, place), ()
    except (ParseError, KeyError, RecursionError, UnicodeDecodeError) as error:
        detail = f"footnotes and comments: {type(error).__name__}: {error}"[:300]
        return None, [DocumentFinding(kind="parser_warning", detail=detail)]


def _with_page_texts(body: Part, content: bytes) -> tuple[Part, Sequence[DocumentFinding]]:
    """A body with the page headers before it and the page footers after it."""
    try:
        headers = office_xml.page_texts(content, "header")
        footers = office_xml.page_texts(content, "footer")
    except (ParseError, KeyError, RecursionError) as error:
        detail = f"page headers and footers: {type(error).__name__}: {error}"[:300]
        return body, [DocumentFinding(kind="parser_warning", detail=detail)]
    text, blocks = "", []
    for piece in (
        *(texts.plain_part(header, body.place) for header in headers),
        body,
        *(texts.plain_part(footer, body.place) for footer in footers),
    ):
        if text:
            text += "\n\n"
        first = len(text)
        text += piece.text
        blocks += [
            replace(block, start=block.start + first, end=block.end + first)
            for block in piece.blocks
        ]
    return Part(place=body.place, text=text, blocks=tuple(blocks)), ()


def _common(content: bytes, reading: xberg_reader.XbergReading) -> Sequence[DocumentFinding]:
    return [
        *(DocumentFinding(kind="parser_warning", detail=text) for text in reading.warnings),
        *packages.findings(content),
    ]
