"""Office files with text: DOCX by headings, PPTX by slides with their speaker notes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from xml.etree.ElementTree import ParseError

from roadbed.knowledge.errors import DocumentUnreadableError, UnreadableReason
from roadbed.knowledge.findings import DocumentFinding
from roadbed.knowledge.model import Block, Extraction, Part, Position
from roadbed.knowledge.reading import markdown, office_xml, packages, texts, xberg_reader

_DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
_PPTX = "application/vnd.openxmlformats-officedocument.presentationml.presentation"
_LONGEST_TITLE = 200


def read_docx(content: bytes, name: str) -> Extraction:
    """A DOCX. Its pages are not in the file, so positions are headings.

    The text of page headers stands before the body, that of page footers after it.
    Raises ``DocumentUnreadableError``.
    """
    packages.check(content, name)
    reading = xberg_reader.read(content, _DOCX, name)
    whole, _ = markdown.part(reading.text, Position(kind="text"))
    if not whole.text:
        pictures = packages.has_pictures(content)
        raise DocumentUnreadableError(
            name, UnreadableReason.SCAN if pictures else UnreadableReason.EMPTY
        )
    findings = list(_common(content, reading))
    whole, trouble = _with_page_texts(whole, content)
    findings += trouble
    if hidden := packages.hidden_runs(packages.member(content, "word/document.xml") or b""):
        findings.append(
            DocumentFinding(kind="hidden_text", count=hidden, detail="word/document.xml")
        )
    return Extraction(
        format="docx",
        parts=(whole,),
        title=reading.title,
        readers=(xberg_reader.NAME,),
        findings=tuple(findings),
    )


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


def read_pptx(content: bytes, name: str) -> Extraction:
    """A PPTX: a part for each slide, and one for its notes. Raises ``DocumentUnreadableError``."""
    packages.check(content, name)
    reading = xberg_reader.read(content, _PPTX, name)
    # Its Markdown splits words that change their format inside ("T hreats"); only tables need it.
    plain = xberg_reader.read(content, _PPTX, name, "plain")
    written = {page.number: page.text for page in plain.pages}
    parts = [
        part
        for page in reading.pages
        for part in _slide(page, written.get(page.number, ""))
        if part.text
    ]
    if not parts:
        pictures = packages.has_pictures(content)
        raise DocumentUnreadableError(
            name, UnreadableReason.SCAN if pictures else UnreadableReason.EMPTY
        )
    empty = [
        str(page.number)
        for page in reading.pages
        if not written.get(page.number, "").strip() and "\n|" not in f"\n{page.text}"
    ]
    findings = list(_common(content, reading))
    if empty:
        findings.append(
            DocumentFinding(
                kind="pages_without_text", count=len(empty), detail=", ".join(empty[:20])
            )
        )
    return Extraction(
        format="pptx",
        parts=tuple(parts),
        title=reading.title,
        page_count=len(reading.pages),
        readers=(xberg_reader.NAME,),
        findings=tuple(findings),
    )


def _slide(page: xberg_reader.Page, plain: str) -> Iterator[Part]:
    place = Position(kind="slide", number=page.number)
    if "\n|" in f"\n{page.text}":
        slide, _ = markdown.part(page.text, place)
    else:
        slide = _titled(texts.plain_part(plain, place))
    yield slide
    if page.notes:
        notes = Position(kind="notes", number=page.number)
        title = next((block.headings for block in slide.blocks if block.headings), ())
        yield texts.plain_part(page.notes, notes, title)


def _titled(slide: Part) -> Part:
    """A slide whose first paragraph is its heading, if it is one line of it."""
    if not slide.blocks:
        return slide
    first, *others = slide.blocks
    title = slide.text[first.start : first.end]
    if "\n" in title or len(title) > _LONGEST_TITLE or not others:
        return slide
    blocks = (
        Block(kind="heading", start=first.start, end=first.end, headings=(title,)),
        *(
            Block(kind="text", start=block.start, end=block.end, headings=(title,))
            for block in others
        ),
    )
    return Part(place=slide.place, text=slide.text, blocks=blocks)


def _common(content: bytes, reading: xberg_reader.XbergReading) -> Sequence[DocumentFinding]:
    findings = [DocumentFinding(kind="parser_warning", detail=text) for text in reading.warnings]
    if packages.has_macros(content):
        findings.append(DocumentFinding(kind="macros"))
    return findings
