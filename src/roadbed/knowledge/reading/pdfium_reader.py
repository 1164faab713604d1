"""The second reader, pdfium: plain text of a PDF, page by page; a broken page costs itself only."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from types import ModuleType
from typing import Any

from roadbed.knowledge.errors import DocumentUnreadableError, UnreadableReason
from roadbed.knowledge.reading import crossed_cells, line_ends, pdf_forms, raised
from roadbed.knowledge.reading.line_ends import LineEnds
from roadbed.knowledge.reading.pdf_forms import PageNotes
from roadbed.knowledge.reading.raised import RaisedNumber

NAME = "pypdfium2"
_MOST_OBJECTS = 20_000  # of a page; drawings have more, and their colours say nothing
_WHITE = 250  # of 255, of each colour
_INVISIBLE = 3  # text rendering mode; used by scanner programs for the text below a picture


@dataclass(frozen=True, kw_only=True, slots=True)
class PdfiumPage:
    """A page. ``hidden`` counts texts that are white; ``lost`` means that it cannot be opened.

    ``beside`` are its form fields and notes, which are not in ``text``. ``raised`` are numbers with
    a sign before them in ``text``. ``crossed`` says that its lines go through cells.
    """

    number: int
    text: str = ""
    pictures: int = 0
    hidden: int = 0
    lost: bool = False
    beside: PageNotes = field(default_factory=PageNotes)
    raised: Sequence[RaisedNumber] = ()
    crossed: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class PdfiumReading:
    """What pdfium gives.

    ``fields_removed`` is the document without its form fields, if it has any; ``has_fields``
    without it means that it could not be written. ``files`` are those that are attached, with
    their content if it is asked for and there is one.
    """

    pages: Sequence[PdfiumPage]
    page_count: int
    title: str | None
    encrypted: bool
    has_fields: bool = False
    fields_removed: bytes | None = None
    files: Sequence[tuple[str, bytes | None]] = ()
    xfa: bool = False
    ends: LineEnds = field(default_factory=dict)


def read(content: bytes, name: str, *, with_files: bool = True) -> PdfiumReading:
    """The text of every page, and the attached files.

    Raises ``DocumentUnreadableError``: ``password`` or ``corrupt``.
    """
    # Imported here: only the child may load it.
    import pypdfium2
    import pypdfium2.raw as pdfium

    try:
        document = pypdfium2.PdfDocument(content)
    except pypdfium2.PdfiumError as error:
        locked = error.err_code == pdfium.FPDF_ERR_PASSWORD
        reason: UnreadableReason = UnreadableReason.PASSWORD if locked else UnreadableReason.CORRUPT
        raise DocumentUnreadableError(name, reason, str(error)) from error
    try:
        form = pdf_forms.open_forms(document)
        count = len(document)
        marked = [_page(document, index, form) for index in range(count)]
        ends = line_ends.line_ends(page.text for page in marked)
        pages = [replace(page, text=_cleaned(page, ends)) for page in marked]
        encrypted = pdfium.FPDF_GetSecurityHandlerRevision(document.raw) >= 0
        has_fields = any(page.beside.widgets for page in pages)
        return PdfiumReading(
            pages=pages,
            page_count=count,
            title=document.get_metadata_value("Title").strip() or None,
            encrypted=encrypted,
            has_fields=has_fields,
            files=pdf_forms.attached_files(document, with_content=with_files),
            xfa=pdf_forms.is_xfa(document),
            ends=ends,
            fields_removed=(
                pdf_forms.without_fields(document, encrypted=encrypted) if has_fields else None
            ),
        )
    finally:
        document.close()


def _page(document: Any, index: int, form: object | None) -> PdfiumPage:
    import pypdfium2
    import pypdfium2.raw as pdfium

    try:
        page = document[index]
    except pypdfium2.PdfiumError:
        return PdfiumPage(number=index + 1, lost=True)
    try:
        text_page = page.get_textpage()
        text = text_page.get_text_bounded()
        pictures, hidden = _objects(page.raw, pdfium)
        numbers = tuple(raised.raised_numbers(text_page))
        crossed = crossed_cells.is_crossed(page, text_page)
        text_page.close()
        return PdfiumPage(
            number=index + 1,
            text=text,
            pictures=pictures,
            hidden=hidden,
            beside=pdf_forms.read_page(page.raw, form),
            raised=numbers,
            crossed=crossed,
        )
    except pypdfium2.PdfiumError:
        return PdfiumPage(number=index + 1, lost=True)
    finally:
        page.close()


def cleaned(text: str, ends: LineEnds) -> str:
    """A text of pdfium without the characters that it puts in."""
    text = line_ends.whole(text.replace("\r\n", "\n"), ends)
    return text.replace("\uffff", "").replace("\0", "")


def _cleaned(page: PdfiumPage, ends: LineEnds) -> str:
    return raised.marked(cleaned(page.text, ends), page.raised)[0]


def _objects(page: object, pdfium: ModuleType) -> tuple[int, int]:
    """How many pictures and how many white or invisible texts a page has."""
    pictures = hidden = 0
    colours = [ctypes.c_uint() for _ in range(4)]
    for index in range(min(pdfium.FPDFPage_CountObjects(page), _MOST_OBJECTS)):
        drawn = pdfium.FPDFPage_GetObject(page, index)
        kind = pdfium.FPDFPageObj_GetType(drawn)
        if kind == pdfium.FPDF_PAGEOBJ_IMAGE:
            pictures += 1
        elif kind == pdfium.FPDF_PAGEOBJ_FORM:
            pictures += _pictures_within(drawn, pdfium)
        elif kind == pdfium.FPDF_PAGEOBJ_TEXT:
            hidden += _is_hidden(drawn, pdfium, colours)
    return pictures, hidden


def _pictures_within(form: object, pdfium: ModuleType) -> int:
    count = pdfium.FPDFFormObj_CountObjects(form)
    return sum(
        pdfium.FPDFPageObj_GetType(pdfium.FPDFFormObj_GetObject(form, index))
        == pdfium.FPDF_PAGEOBJ_IMAGE
        for index in range(min(count, _MOST_OBJECTS))
    )


def _is_hidden(text: object, pdfium: ModuleType, colours: Sequence[ctypes.c_uint]) -> bool:
    """Whether a text is white, transparent or not drawn. ``colours`` are used again and again."""
    if pdfium.FPDFTextObj_GetTextRenderMode(text) == _INVISIBLE:
        return True
    if not pdfium.FPDFPageObj_GetFillColor(text, *colours):
        return False
    red, green, blue, alpha = colours
    if alpha.value == 0:
        return True
    return red.value >= _WHITE and green.value >= _WHITE and blue.value >= _WHITE
