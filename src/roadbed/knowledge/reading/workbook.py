"""XLSX: each sheet as rows of text, with the numbers of its rows.

openpyxl reads it and not xberg: it gives the rows their numbers and the formulas that were never
calculated, which xberg leaves blank without a word, and keeps ``007`` where a format adds the
zeros. If openpyxl fails, xberg reads the sheets without these; formulas that were never calculated
stand after the rows of their sheet then.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any
from xml.etree.ElementTree import ParseError

from roadbed.kernel.sentences import figure, sentence
from roadbed.knowledge.errors import DocumentUnreadableError, UnreadableReason
from roadbed.knowledge.findings import DocumentFinding
from roadbed.knowledge.model import Block, Extraction, Part, Position
from roadbed.knowledge.reading import markdown, office_xml, packages, xberg_reader

NAME = "openpyxl"
MOST_CELLS = 2_000_000
_MIME = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_MOST_NAMED = 20
_ZEROS = re.compile(r"0+$")
_PERCENT = re.compile(r"0(?:\.(0+))?%$")


@dataclass
class _Noticed:
    """What was noticed in all sheets."""

    uncalculated: list[str] = field(default_factory=list)
    hidden: list[str] = field(default_factory=list)
    cells: int = 0


def read(content: bytes, name: str) -> Extraction:
    """Read a workbook. Raises ``DocumentUnreadableError``, ``MemoryError``."""
    packages.check(content, name)
    noticed = _Noticed()
    second: tuple[DocumentFinding, ...] = ()
    try:
        parts, count = _sheets(content, name, noticed)
        reader = NAME
    except (DocumentUnreadableError, MemoryError):
        raise
    except Exception as error:  # it raises many kinds for files that do not fit the standard
        noticed = _Noticed()
        parts, count, trouble = _by_xberg(content, name, noticed)
        reader = xberg_reader.NAME
        second = (DocumentFinding(kind="second_reader", detail=str(error)[:300]), *trouble)
    if not parts:
        raise DocumentUnreadableError(name, UnreadableReason.EMPTY)
    return Extraction(
        format="xlsx",
        parts=tuple(parts),
        page_count=count,
        readers=(reader,),
        findings=(*second, *_findings(noticed, content)),
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
    if packages.has_macros(content):
        yield DocumentFinding(kind="macros")


def _sheets(content: bytes, name: str, noticed: _Noticed) -> tuple[Sequence[Part], int]:
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
            rows = list(_rows(sheet, formulas.worksheets[number - 1], name, noticed))
            if rows:
                parts.append(_part(place, rows))
        return parts, len(results.worksheets)


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
                cells.append(_shown(cell.value, getattr(cell, "number_format", "General")))
        while cells and not cells[-1]:
            cells.pop()
        if cells:
            yield number, cells


def _formula(value: object) -> str:
    return " ".join(str(getattr(value, "text", value)).split())


def _shown(value: object, number_format: str | None) -> str:
    """A value as text. Formats that add zeros or a percent sign count; others do not."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, datetime):
        midnight = value.time() == time(0)
        return value.date().isoformat() if midnight else value.isoformat(" ", "seconds")
    if isinstance(value, date | time | timedelta):
        return str(value)
    if isinstance(value, int | float):
        return _number(value, number_format or "General")
    return " ".join(str(value).split())


def _number(value: float, number_format: str) -> str:
    if match := _PERCENT.match(number_format):
        return f"{value * 100:.{len(match[1] or '')}f}%"
    whole = isinstance(value, int) or value.is_integer()
    if whole and _ZEROS.match(number_format):
        return f"{int(value):0{len(number_format)}d}"
    return str(int(value)) if whole and abs(value) < 1e15 else repr(value)


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
