"""XLSX: each sheet as rows of text, with the numbers of its rows.

openpyxl reads it and not xberg: it gives the rows their numbers and the formulas that were never
calculated, which xberg leaves blank without a word, and keeps ``007`` where a format adds the
zeros. If openpyxl fails, xberg reads the sheets without these; formulas that were never calculated
stand after the rows of their sheet then.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any
from xml.etree.ElementTree import ParseError

from roadbed.kernel.sentences import figure, sentence
from roadbed.knowledge.errors import DocumentUnreadableError, UnreadableReason
from roadbed.knowledge.findings import DocumentFinding
from roadbed.knowledge.model import Block, Extraction, Part, Position
from roadbed.knowledge.reading import (
    markdown,
    merged_cells,
    notes,
    number_formats,
    office_xml,
    packages,
    sheet_notes,
    xberg_reader,
)
from roadbed.knowledge.reading.sheet_notes import SheetNotes

NAME = "openpyxl"
MOST_CELLS = 2_000_000
_MIME = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_MOST_NAMED = 20


@dataclass
class _Noticed:
    """What was noticed in all sheets."""

    uncalculated: list[str] = field(default_factory=list)
    hidden: list[str] = field(default_factory=list)
    hidden_cells: list[str] = field(default_factory=list)
    cells: int = 0
    repeats: merged_cells.Repeats = field(default_factory=merged_cells.Repeats)


def read(content: bytes, name: str) -> Extraction:
    """Read a workbook. Raises ``DocumentUnreadableError``, ``MemoryError``."""
    packages.check(content, name)
    noticed = _Noticed()
    second: tuple[DocumentFinding, ...] = ()
    beside, unread = _beside(content)
    try:
        parts, count = _sheets(content, name, noticed, {sheet.name: sheet for sheet in beside})
        reader = NAME
    except (DocumentUnreadableError, MemoryError):
        raise
    except Exception as error:  # it raises many kinds for files that do not fit the standard
        noticed = _Noticed()
        parts, count, trouble = _by_xberg(content, name, noticed)
        reader = xberg_reader.NAME
        second = (DocumentFinding(kind="second_reader", detail=str(error)[:300]), *trouble)
    parts = (*parts, *_notes(beside))
    if not parts:
        raise DocumentUnreadableError(name, UnreadableReason.EMPTY)
    return Extraction(
        format="xlsx",
        parts=parts,
        page_count=count,
        readers=(reader,),
        findings=(*second, *unread, *_findings(noticed, content)),
    )


def _findings(noticed: _Noticed, content: bytes) -> Iterator[DocumentFinding]:
    if cells := noticed.uncalculated:
        more = f" and {len(cells) - _MOST_NAMED} more" if len(cells) > _MOST_NAMED else ""
        yield DocumentFinding(
            kind="formulas_not_calculated",
            count=len(cells),
            detail=", ".join(cells[:_MOST_NAMED]) + more,
        )
    if noticed.hidden:
        yield DocumentFinding(
            kind="hidden_sheet", count=len(noticed.hidden), detail=", ".join(noticed.hidden)
        )
    yield from notes.hidden(noticed.hidden_cells)
    yield from noticed.repeats.findings()
    yield from packages.findings(content)


def _beside(content: bytes) -> tuple[Sequence[SheetNotes], Sequence[DocumentFinding]]:
    try:
        return sheet_notes.read(content), ()
    except (ParseError, KeyError, RecursionError) as error:
        detail = f"comments and drawings: {type(error).__name__}: {error}"[:300]
        return (), [DocumentFinding(kind="parser_warning", detail=detail)]


def _notes(sheets: Sequence[SheetNotes]) -> Iterator[Part]:
    """The comments, text boxes and charts, after all sheets. Sheets of charts are counted last."""
    ordered = sorted(sheets, key=lambda sheet: sheet.chart_sheet)
    for number, sheet in enumerate(ordered, 1):
        place = Position(kind="sheet", number=number, name=sheet.name)
        yield from notes.parts(place, sheet.notes)


def _sheets(
    content: bytes, name: str, noticed: _Noticed, beside: Mapping[str, SheetNotes]
) -> tuple[Sequence[Part], int]:
    import openpyxl

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about styles and extensions that hold no text
        results = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True)
        formulas = openpyxl.load_workbook(io.BytesIO(content), read_only=True)
        parts = []
        for number, sheet in enumerate(results.worksheets, 1):
            if sheet.sheet_state != "visible":
                noticed.hidden.append(sheet.title)
            place = Position(kind="sheet", number=number, name=sheet.title)
            rows: Sequence[merged_cells.Row] = list(
                _rows(sheet, formulas.worksheets[number - 1], name, noticed)
            )
            if (known := beside.get(sheet.title)) is not None:
                noticed.hidden_cells += _hidden(known, rows)
                rows = merged_cells.filled(rows, known.merged, noticed.repeats)
            if rows:
                parts.append(_part(place, rows))
        return parts, len(results.worksheets)


def _hidden(sheet: SheetNotes, rows: Sequence[tuple[int, Sequence[str]]]) -> Iterator[str]:
    """The hidden rows and columns that are not empty."""
    for first, last in _ranges(number for number, _ in rows if number in sheet.hidden_rows):
        shown = f"row {first}" if first == last else f"rows {first}-{last}"
        yield f"{sheet.name}, {shown}"
    for first, last in sheet.hidden_columns:
        if any(any(cells[first - 1 : last]) for _, cells in rows):
            yield (
                f"{sheet.name}, columns {first}-{last}"
                if first < last
                else (f"{sheet.name}, column {first}")
            )


def _ranges(numbers: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Runs of numbers that follow each other."""
    first = last = None
    for number in numbers:
        if first is None or last is None or number != last + 1:
            if first is not None and last is not None:
                yield first, last
            first = number
        last = number
    if first is not None and last is not None:
        yield first, last


def _rows(
    results: Any, formulas: Any, name: str, noticed: _Noticed
) -> Iterator[tuple[int, Sequence[str]]]:
    """Numbers and cells of the rows that have any. ``Any``: sheets of openpyxl, read-only."""
    for sheet in (results, formulas):
        sheet.reset_dimensions()  # what the file says of its size may be wrong
    pairs = zip(results.iter_rows(), formulas.iter_rows(), strict=True)
    for number, (row, written) in enumerate(pairs, 1):
        noticed.cells += len(row)
        if noticed.cells > MOST_CELLS:
            raise DocumentUnreadableError(
                name,
                UnreadableReason.TOO_LARGE,
                sentence("more than %(cells)s cells", cells=figure(f"{MOST_CELLS:,}")),
            )
        cells = []
        for cell, formula in zip(row, written, strict=True):
            # A formula whose result is an empty text has the type of a text.
            if cell.value is None and formula.value is not None and cell.data_type != "str":
                noticed.uncalculated.append(f"{results.title}!{formula.coordinate}")
                cells.append(_formula(formula.value))
            else:
                format_code = getattr(cell, "number_format", None) or "General"
                text = _shown(cell.value, format_code)
                if not text and cell.value:  # its format shows nothing, such as ";;;"
                    text = " ".join(str(cell.value).split())
                    noticed.hidden_cells.append(f"{results.title}!{cell.coordinate}")
                cells.append(text)
        while cells and not cells[-1]:
            cells.pop()
        if cells:
            yield number, cells


def _formula(value: object) -> str:
    return " ".join(str(getattr(value, "text", value)).split())


def _shown(value: object, number_format: str) -> str:
    """A value as its cell shows it; dates are those of ISO 8601."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, datetime):
        midnight = value.time() == time(0)
        return value.date().isoformat() if midnight else value.isoformat(" ", "seconds")
    if isinstance(value, timedelta):
        return number_formats.duration(value, number_format)
    if isinstance(value, date | time):
        return str(value)
    if isinstance(value, int | float):
        return number_formats.number(value, number_format)
    return " ".join(number_formats.text(str(value), number_format).split())


def _part(place: Position, rows: Sequence[tuple[int, Sequence[str]]]) -> Part:
    """A sheet: its rows, in blocks that empty rows separate. The first may be a header."""
    lines: list[str] = []
    blocks: list[Block] = []
    length = 0
    for run in _runs(rows):
        if lines:
            length += 1
            lines.append("")
        written = [" | ".join(cells) for _, cells in run]
        text = "\n".join(written)
        blocks.append(
            Block(
                kind="table",
                start=length,
                end=length + len(text),
                header=written[0] if _is_header(run) else None,
                rows=tuple(number for number, _ in run),
            )
        )
        lines += written
        length += len(text) + 1
    return Part(place=place, text="\n".join(lines), blocks=tuple(blocks))


def _runs(
    rows: Sequence[tuple[int, Sequence[str]]],
) -> Iterator[Sequence[tuple[int, Sequence[str]]]]:
    run: list[tuple[int, Sequence[str]]] = []
    for row in rows:
        if run and row[0] != run[-1][0] + 1:
            yield run
            run = []
        run.append(row)
    yield run


def _is_header(run: Sequence[tuple[int, Sequence[str]]]) -> bool:
    """Whether the first row names columns: several short texts without figures, and rows below."""
    named = [cell for cell in run[0][1] if cell]
    return (
        len(run) > 1
        and len(named) > 1
        and all(len(cell) < 100 and not cell[0].isdigit() for cell in named)
    )


def _by_xberg(
    content: bytes, name: str, noticed: _Noticed
) -> tuple[Sequence[Part], int, Sequence[DocumentFinding]]:
    reading = xberg_reader.read(content, _MIME, name)
    formulas, trouble = _uncalculated(content, noticed)
    parts = []
    for page in reading.pages:
        place = Position(kind="sheet", number=page.number, name=page.name)
        made, _ = markdown.part(page.text, place)
        made = _with_formulas(made, formulas.get(page.name or "", {}))
        if made.text:
            parts.append(made)
    return parts, len(reading.pages), trouble


def _uncalculated(
    content: bytes, noticed: _Noticed
) -> tuple[Mapping[str, Mapping[str, str]], Sequence[DocumentFinding]]:
    """The formulas without a result by sheet and cell, which xberg leaves blank."""
    formulas = {}
    try:
        for sheet in office_xml.uncalculated(content):
            formulas[sheet.name] = sheet.formulas
            noticed.uncalculated += [f"{sheet.name}!{cell}" for cell in sheet.formulas]
            if sheet.hidden:
                noticed.hidden.append(sheet.name)
    except (ParseError, KeyError) as error:
        detail = f"formulas: {type(error).__name__}: {error}"[:300]
        return formulas, [DocumentFinding(kind="parser_warning", detail=detail)]
    return formulas, ()


def _with_formulas(sheet: Part, formulas: Mapping[str, str]) -> Part:
    if not formulas:
        return sheet
    listed = "\n".join(f"{cell} | {formula}" for cell, formula in formulas.items())
    before = f"{sheet.text}\n\n" if sheet.text else ""
    block = Block(kind="table", start=len(before), end=len(before) + len(listed))
    return Part(place=sheet.place, text=before + listed, blocks=(*sheet.blocks, block))
