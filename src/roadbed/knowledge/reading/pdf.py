"""PDF: Markdown of the first reader, page by page; the second reader checks its numbers.

A number that only the first reader gives is doubtful: xberg tears some ("16,41 1"). Where pdfium
has the whole number, its text is taken, and so are its lines on a page that xberg mixes up. If the
first reader fails, the text is pdfium's.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from roadbed.kernel.sentences import figure, sentence
from roadbed.knowledge.errors import DocumentUnreadableError, UnreadableReason
from roadbed.knowledge.findings import DocumentFinding, FindingKind
from roadbed.knowledge.model import DoubtfulNumber, Extraction, Part, Position
from roadbed.knowledge.reading import (
    attachments,
    line_ends,
    markdown,
    notes,
    page_order,
    pdfium_reader,
    raised,
    readability,
    texts,
    torn_words,
    xberg_reader,
)
from roadbed.knowledge.reading.attachments import Collected, ReadDocument
from roadbed.knowledge.reading.pdfium_reader import PdfiumPage

_NUMBER = re.compile(r"(?<![\w.,])\d+(?:[.,]\d+)*(?![\w])")
_TORN = re.compile(r"(?<![\w.,])\d[\d.,]*(?: [\d.,]*\d)+(?!\w)")
_MIME = "application/pdf"
_MOST_NAMED = 20
_SPACES = re.compile(r"\s+")
_COUNT = re.compile(rb"/Count\s+(\d{1,18})")  # of a page tree, or of an outline
_END = b"%%EOF"
_LAST = 2_048  # bytes in which the mark of the end stands


@dataclass
class _Checked:
    """What the comparison of two readers gives."""

    doubtful: list[DoubtfulNumber] = field(default_factory=list)
    repaired: list[str] = field(default_factory=list)
    filled: list[str] = field(default_factory=list)
    put_together: list[str] = field(default_factory=list)
    unordered: list[str] = field(default_factory=list)


def read(
    content: bytes,
    name: str,
    read_document: ReadDocument,
    depth: int = 0,
    *,
    second_only: bool = False,
) -> Extraction:
    """Read a PDF and the files that are attached to it, which ``read_document`` reads.

    ``second_only``: a process has ended over this document. Then the first reader is left out, and
    attached files are reported only. Raises ``DocumentUnreadableError``.
    """
    second: pdfium_reader.PdfiumReading | None = None
    failure: DocumentUnreadableError | None = None
    try:
        second = pdfium_reader.read(content, name, with_files=not second_only)
    except DocumentUnreadableError as error:
        if error.reason in {UnreadableReason.PASSWORD, UnreadableReason.MEMORY}:
            raise
        _refuse_endless(content, name)
        failure = error
    first: xberg_reader.XbergReading | None = None
    reported = "it crashed" if second_only else ""
    if not second_only:
        try:
            first = _first(content, name, second)
        except DocumentUnreadableError as error:
            reported = error.detail
            if second is None:
                raise failure or error from error
    if second is None and first is None:
        raise failure or DocumentUnreadableError(name, UnreadableReason.CORRUPT)
    try:
        attached = _attached(second, read_document, depth)
        extraction = _combined(content, name, first, second, reported, attached)
    except DocumentUnreadableError as error:
        raise failure or error from error
    findings: list[DocumentFinding] = []
    if failure is not None:
        # Only the first reader opens it. It repairs more, but fonts and pages may be missing.
        findings.append(DocumentFinding(kind="damaged", detail=failure.detail.rstrip(".")))
    if second is None and _END not in content[-_LAST:]:
        findings.append(DocumentFinding(kind="truncated"))
    return replace(extraction, findings=(*findings, *extraction.findings))


def _first(
    content: bytes, name: str, second: pdfium_reader.PdfiumReading | None
) -> xberg_reader.XbergReading:
    """What the first reader gives for the pages without their form fields."""
    if second is not None and second.has_fields and second.fields_removed is None:
        detail = sentence("its form fields cannot be taken out")
        raise DocumentUnreadableError(name, UnreadableReason.CORRUPT, detail)
    return xberg_reader.read(_pages_alone(content, second), _MIME, name)


def _pages_alone(content: bytes, second: pdfium_reader.PdfiumReading | None) -> bytes:
    """The document without its form fields, if the second reader could take them out."""
    removed = second.fields_removed if second is not None else None
    return content if removed is None else removed


def _refuse_endless(content: bytes, name: str) -> None:
    """Refuse a file that pdfium cannot open and whose page tree has more pages than bytes.

    The first reader would follow such a tree, which leads to itself, until its time is over.
    """
    declared = max((int(match[1]) for match in _COUNT.finditer(content)), default=0)
    if declared > len(content):
        raise DocumentUnreadableError(
            name,
            UnreadableReason.CORRUPT,
            sentence("its page tree declares %(count)s pages", count=figure(f"{declared:,}")),
        )


def _combined(
    content: bytes,
    name: str,
    first: xberg_reader.XbergReading | None,
    second: pdfium_reader.PdfiumReading | None,
    reported: str,
    attached: Collected,
) -> Extraction:
    pages = second.pages if second is not None else ()
    beside = (*_beside(pages), *attached.parts)
    _refuse_without_text(name, first, pages, beside)
    findings = [*_of_pages(pages), *_of_forms(second)]
    readers: tuple[str, ...] = (pdfium_reader.NAME,)
    checked = _Checked()
    if first is None or not any(page.text.strip() for page in first.pages):
        parts = tuple(
            texts.plain_part(page.text, Position(kind="page", number=page.number)) for page in pages
        )
        if reported:
            findings.append(DocumentFinding(kind="second_reader", detail=reported))
    else:
        readers = (xberg_reader.NAME, *(readers if second is not None else ()))
        ends = second.ends if second is not None else {}
        whole = [replace(page, text=line_ends.joined(page.text, ends)) for page in first.pages]
        parts = tuple(_parts(_pages_alone(content, second), whole, second, checked))
        if second is None and (lost := _without_text(first.pages)):
            findings.append(_named("pages_lost", lost))
        findings += [DocumentFinding(kind="parser_warning", detail=text) for text in first.warnings]
    if unclear := [str(part.place.number) for part in parts if readability.nonsense([part.text])]:
        findings.append(_named("pages_nonsense", unclear))
    if checked.filled:
        pages_filled = _pages(checked.filled)
        findings.append(
            DocumentFinding(kind="second_reader", count=len(checked.filled), detail=pages_filled)
        )
    if checked.repaired:
        findings.append(_named("numbers_repaired", checked.repaired))
    if checked.put_together:
        findings.append(_named("order_repaired", checked.put_together))
    if checked.unordered:
        findings.append(_named("order_doubtful", checked.unordered))
    count = second.page_count if second is not None else len(parts)
    title = (second.title if second is not None else None) or (first.title if first else None)
    if second is not None and second.encrypted:
        findings.append(DocumentFinding(kind="encrypted"))
    return Extraction(
        format="pdf",
        parts=(*(part for part in parts if part.text), *beside),
        title=title,
        page_count=count,
        readers=tuple(dict.fromkeys((*readers, *attached.readers))),
        findings=(*findings, *attached.findings),
        doubtful=(*checked.doubtful, *attached.doubtful),
    )


def _attached(
    second: pdfium_reader.PdfiumReading | None, read_document: ReadDocument, depth: int
) -> Collected:
    """What the files say that are attached to the document."""
    made = Collected()
    files = second.files if second is not None else ()
    read = [(title, content) for title, content in files if content is not None]
    attachments.collect(made, read, read_document, depth)
    return made


def _refuse_without_text(
    name: str,
    first: xberg_reader.XbergReading | None,
    pages: Sequence[PdfiumPage],
    beside: Sequence[Part],
) -> None:
    written = [page.text for page in pages]
    if first is not None and not "".join(written).strip():
        written = [page.text for page in first.pages]
    if not "".join(written).strip():
        if beside:
            return
        pictures = any(page.pictures for page in pages)
        if any(page.lost for page in pages) and not pictures:
            detail = sentence("none of its pages with text can be opened")
            raise DocumentUnreadableError(name, UnreadableReason.CORRUPT, detail)
        raise DocumentUnreadableError(
            name, UnreadableReason.SCAN if pictures else UnreadableReason.EMPTY
        )
    if readability.nonsense(written):
        raise DocumentUnreadableError(name, UnreadableReason.NONSENSE)


def _without_text(pages: Sequence[xberg_reader.Page]) -> Sequence[str]:
    """Pages that the only reader gave without text: nothing says that they are empty."""
    return [str(page.number) for page in pages if not page.text.strip()]


def _of_pages(pages: Sequence[PdfiumPage]) -> Iterator[DocumentFinding]:
    if lost := [str(page.number) for page in pages if page.lost]:
        yield _named("pages_lost", lost)
    if scans := [str(page.number) for page in pages if page.pictures and not page.text.strip()]:
        yield _named("pages_without_text", scans)
    if hidden := [str(page.number) for page in pages if page.hidden]:
        yield DocumentFinding(
            kind="hidden_text",
            count=sum(page.hidden for page in pages),
            detail=_pages(hidden),
        )


def _of_forms(second: pdfium_reader.PdfiumReading | None) -> Iterator[DocumentFinding]:
    if second is None:
        return
    shown, passwords = [], []
    for page in second.pages:
        place = Position(kind="page", number=page.number).label
        beside = page.beside
        shown += [f"{place}, form field {line.name}" for line in beside.fields if line.hidden]
        shown += [f"{place}, {note.label}" for note in beside.notes if note.hidden]
        passwords += [f"{place}, form field {field_name}" for field_name in beside.passwords]
    yield from notes.hidden(shown)
    if passwords:
        yield _named("password_left_out", passwords)
    if second.xfa:
        yield DocumentFinding(kind="form_left_out")
    if left_out := [title for title, content in second.files if content is None]:
        yield _named("embedded_left_out", left_out)


def _beside(pages: Sequence[PdfiumPage]) -> Sequence[Part]:
    """What stands beside the text of the pages: fields and notes, after all pages."""
    made: list[Part] = []
    for page in pages:
        place = Position(kind="page", number=page.number)
        for hidden, label in ((False, "form fields"), (True, "hidden form fields")):
            lines = [
                f"{line.name}: {line.value}" if line.name else line.value
                for line in page.beside.fields
                if line.hidden == hidden
            ]
            if lines:
                made.append(notes.part(place, label, ["\n".join(lines)]))
        made += notes.parts(place, page.beside.notes)
    return made


def _parts(
    content: bytes,
    pages: Sequence[xberg_reader.Page],
    second: pdfium_reader.PdfiumReading | None,
    checked: _Checked,
) -> Iterator[Part]:
    headings: tuple[tuple[int, str], ...] = ()
    texts_of_first = {page.number: page.text for page in pages}
    others = {page.number: page for page in second.pages} if second is not None else {}
    compared: dict[int, page_order.PageText] = {}
    doubtful: Sequence[int] = ()
    for number, text in texts_of_first.items():
        other = others[number].text if number in others else ""
        # A page that the first reader dropped, or whose font only the second one knows, is not
        # compared.
        if other.strip() and text.strip() and not _is_worse(text, other):
            marked, unmarked = raised.marked(text, others[number].raised)
            mended = torn_words.mended(_repaired(marked, other, checked), other)
            compared[number] = page_order.PageText(text=mended, unmarked=unmarked)
    if second is not None:
        order = page_order.ordered(content, compared, second)
        compared |= order.texts
        checked.put_together += map(str, order.texts)
        doubtful = order.doubtful
        checked.unordered += map(str, doubtful)
    for number in sorted(texts_of_first.keys() | others.keys()):
        place = Position(kind="page", number=number, is_order_doubtful=number in doubtful)
        text = texts_of_first.get(number, "")
        other = others[number].text if number in others else ""
        if number not in compared and other.strip():
            checked.filled.append(str(number))
            yield texts.plain_part(other, place)
            continue
        if number in compared:
            text = compared[number].text
            checked.doubtful += [
                DoubtfulNumber(number=doubt.joined, place=place)
                for doubt in compared[number].unmarked
                if doubt.joined and doubt.joined in text
            ]
        made, headings = markdown.part(text, place, headings)
        if number in compared:
            checked.doubtful += [
                DoubtfulNumber(number=doubt, place=place)
                for doubt in missing_numbers(made.text, other)
            ]
        yield made


def _is_worse(text: str, other: str) -> bool:
    return readability.nonsense([text]) and not readability.nonsense([other])


def missing_numbers(text: str, other: str) -> Sequence[str]:
    """The numbers of ``text`` that ``other`` does not have, each once."""
    known = set(_numbers(other)) | set(_numbers(_SPACES.sub("", other)))
    joined = _SPACES.sub("", other)
    return [
        number
        for number in dict.fromkeys(_numbers(text))
        if number not in known and not _within(number, joined)
    ]


def _within(number: str, joined: str) -> bool:
    """Whether the number stands in the text without spaces, and not inside a longer one."""
    return re.search(rf"(?<![\d])(?<!\d[.,]){re.escape(number)}(?![\d])", joined) is not None


def _numbers(text: str) -> Iterable[str]:
    return (match[0] for match in _NUMBER.finditer(text))


def _repaired(text: str, other: str, checked: _Checked) -> str:
    """``text`` with numbers joined that the first reader tore, where ``other`` has them whole."""
    whole = Counter(_numbers(other))
    known = set(whole)

    def join(match: re.Match[str]) -> str:
        pieces = match[0].split(" ")
        at, kept = 0, []
        while at < len(pieces):
            for end in range(len(pieces), at + 1, -1):
                joined = "".join(pieces[at:end])
                if joined in known and not all(piece in known for piece in pieces[at:end]):
                    checked.repaired.append(joined)
                    kept.append(joined)
                    at = end
                    break
            else:
                kept.append(pieces[at])
                at += 1
        return " ".join(kept)

    return _TORN.sub(join, text)


def _named(kind: FindingKind, names: Sequence[str]) -> DocumentFinding:
    return DocumentFinding(kind=kind, count=len(names), detail=_listed(names))


def _pages(numbers: Sequence[str]) -> str:
    return ("pages " if len(numbers) > 1 else "page ") + _listed(numbers)


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _MOST_NAMED
    return ", ".join(names[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
