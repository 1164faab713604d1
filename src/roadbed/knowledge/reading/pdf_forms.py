"""What stands on a PDF beside its pages: form fields, notes and files that are attached to it.

The first reader writes the values of fields between the words of the page, without their names and
with those that are passwords. So it gets a copy without fields, and they are read here.
"""

from __future__ import annotations

import ctypes
import io
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from roadbed.knowledge.reading.notes import Note

if TYPE_CHECKING:
    from pypdfium2 import PdfDocument  # only the child may load it

MOST_ANNOTATIONS = 5_000  # of a page; drawings have more, and none of them has a text
_MOST_FILES = 1_000
_LARGEST_FILES = 100_000_000  # bytes of all attached files together
_LONGEST = 1_000_000  # characters of a value
_NOT_SHOWN = 1 << 1 | 1 << 5  # flags of an annotation: hidden, no view
_REMOVE_SECURITY = 3
_TICKED, _UNTICKED = "\u2612", "\u2610"


@dataclass(frozen=True, kw_only=True, slots=True)
class PdfField:
    """A form field with a value, as its page shows it."""

    name: str
    value: str
    hidden: bool = False


@dataclass(kw_only=True, slots=True)
class PageNotes:
    """What stands on one page. ``passwords`` are the names of fields whose values are not read."""

    fields: list[PdfField] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    passwords: list[str] = field(default_factory=list)
    widgets: int = 0


def open_forms(document: PdfDocument) -> object | None:
    """The handle with which fields are read, or ``None``. Before the first page is opened."""
    import pypdfium2

    # It prints that it cannot show forms that are XFA, too; their fields are read all the same.
    logging.getLogger("pypdfium2").setLevel(logging.ERROR)
    try:
        document.init_forms()
    except pypdfium2.PdfiumError:
        return None
    return document.formenv.raw if document.formenv is not None else None


def is_xfa(document: PdfDocument) -> bool:
    """Whether the form is XFA alone: its pages hold a request to open it in another program."""
    import pypdfium2.raw as pdfium

    return bool(document.get_formtype() == pdfium.FORMTYPE_XFA_FULL)


def attached_files(
    document: PdfDocument, *, with_content: bool
) -> Sequence[tuple[str, bytes | None]]:
    """The files that are attached to the document as a whole, each with its name.

    ``None`` instead of a content: it is not asked for, the file has none, or it is too large.
    """
    import pypdfium2.raw as pdfium

    files: list[tuple[str, bytes | None]] = []
    left = _LARGEST_FILES if with_content else 0
    for index in range(min(pdfium.FPDFDoc_GetAttachmentCount(document.raw), _MOST_FILES)):
        file = pdfium.FPDFDoc_GetAttachment(document.raw, index)
        title = _text(lambda *buffer, file=file: pdfium.FPDFAttachment_GetName(file, *buffer))
        content = _content(file, left)
        left -= len(content or b"")
        files.append((title, content))
    return files


def _content(file: object, most: int) -> bytes | None:
    """The content of an attached file; ``None`` if it has none, or more than ``most`` bytes."""
    import pypdfium2.raw as pdfium

    size = ctypes.c_ulong()
    if not most or not pdfium.FPDFAttachment_GetFile(file, None, 0, size):
        return None
    if not 0 < size.value <= most:
        return None
    buffer = ctypes.create_string_buffer(size.value)
    given = pdfium.FPDFAttachment_GetFile(file, buffer, size.value, size)
    return buffer.raw if given else None


def read_page(page: object, form: object | None) -> PageNotes:
    """The fields and notes of an open page; ``form`` is the handle of ``open_forms``."""
    import pypdfium2.raw as pdfium

    made = PageNotes()
    for index in range(min(pdfium.FPDFPage_GetAnnotCount(page), MOST_ANNOTATIONS)):
        annotation = pdfium.FPDFPage_GetAnnot(page, index)
        if not annotation:
            continue
        try:
            kind = pdfium.FPDFAnnot_GetSubtype(annotation)
            hidden = bool(pdfium.FPDFAnnot_GetFlags(annotation) & _NOT_SHOWN)
            if kind == pdfium.FPDF_ANNOT_WIDGET:
                made.widgets += 1
                if form is not None:
                    _add_field(made, form, annotation, hidden=hidden)
            elif kind not in (pdfium.FPDF_ANNOT_LINK, pdfium.FPDF_ANNOT_POPUP):
                text = _entry(annotation, b"Contents")
                if text.strip():
                    author = " ".join(_entry(annotation, b"T").split())
                    made.notes.append(Note(kind="note", author=author, text=text, hidden=hidden))
        finally:
            pdfium.FPDFPage_CloseAnnot(annotation)
    return made


def without_fields(document: PdfDocument, *, encrypted: bool) -> bytes | None:
    """The document without its form fields, or ``None`` if it cannot be written."""
    import pypdfium2
    import pypdfium2.raw as pdfium

    written = io.BytesIO()
    try:
        for index in range(len(document)):
            page = document[index]
            for number in reversed(range(pdfium.FPDFPage_GetAnnotCount(page.raw))):
                annotation = pdfium.FPDFPage_GetAnnot(page.raw, number)
                field_there = pdfium.FPDFAnnot_GetSubtype(annotation) == pdfium.FPDF_ANNOT_WIDGET
                pdfium.FPDFPage_CloseAnnot(annotation)
                if field_there:
                    pdfium.FPDFPage_RemoveAnnot(page.raw, number)
            page.close()
        document.save(written, flags=_REMOVE_SECURITY if encrypted else 0)
    except pypdfium2.PdfiumError:
        return None
    return written.getvalue()


def _add_field(made: PageNotes, form: object, annotation: object, *, hidden: bool) -> None:
    import pypdfium2.raw as pdfium

    def text(function: Any, *arguments: object) -> str:
        return _text(lambda *buffer: function(form, annotation, *arguments, *buffer))

    kind = pdfium.FPDFAnnot_GetFormFieldType(form, annotation)
    flags = pdfium.FPDFAnnot_GetFormFieldFlags(form, annotation)
    name = " ".join(
        (
            text(pdfium.FPDFAnnot_GetFormFieldAlternateName)
            or text(pdfium.FPDFAnnot_GetFormFieldName)
        ).split()
    )
    if kind == pdfium.FPDF_FORMFIELD_TEXTFIELD and flags & pdfium.FPDF_FORMFLAG_TEXT_PASSWORD:
        made.passwords.append(name)
        return
    if kind in (pdfium.FPDF_FORMFIELD_PUSHBUTTON, pdfium.FPDF_FORMFIELD_SIGNATURE):
        return
    if kind == pdfium.FPDF_FORMFIELD_CHECKBOX:
        ticked = pdfium.FPDFAnnot_IsChecked(form, annotation)
        value = _TICKED if ticked else _UNTICKED
    elif kind == pdfium.FPDF_FORMFIELD_RADIOBUTTON:
        if not pdfium.FPDFAnnot_IsChecked(form, annotation):
            return
        value = text(pdfium.FPDFAnnot_GetFormFieldExportValue)
    else:
        value = text(pdfium.FPDFAnnot_GetFormFieldValue)
        if kind in (pdfium.FPDF_FORMFIELD_COMBOBOX, pdfium.FPDF_FORMFIELD_LISTBOX):
            value = ", ".join(_chosen(form, annotation)) or value
    if value.strip():
        made.fields.append(PdfField(name=name, value=value, hidden=hidden))


def _chosen(form: object, annotation: object) -> Sequence[str]:
    """The labels that are chosen in a list: its value may be a code that nobody sees."""
    import pypdfium2.raw as pdfium

    count = min(pdfium.FPDFAnnot_GetOptionCount(form, annotation), MOST_ANNOTATIONS)
    return [
        _text(
            lambda *buffer, option=option: pdfium.FPDFAnnot_GetOptionLabel(
                form, annotation, option, *buffer
            )
        )
        for option in range(count)
        if pdfium.FPDFAnnot_IsOptionSelected(form, annotation, option)
    ]


def _entry(annotation: object, key: bytes) -> str:
    import pypdfium2.raw as pdfium

    return _text(lambda *buffer: pdfium.FPDFAnnot_GetStringValue(annotation, key, *buffer))


def _text(function: Callable[..., int]) -> str:
    """A text that pdfium writes into a buffer, UTF-16 with a zero at its end."""
    import pypdfium2.raw as pdfium

    size = min(function(None, 0), 2 * _LONGEST)
    if size <= 2:
        return ""
    buffer = ctypes.create_string_buffer(size)
    function(ctypes.cast(buffer, ctypes.POINTER(pdfium.FPDF_WCHAR)), size)
    text = buffer.raw.decode("utf-16-le", "replace").rstrip("\0")
    return text.replace("\r\n", "\n").replace("\r", "\n")
