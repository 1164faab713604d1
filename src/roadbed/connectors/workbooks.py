"""Workbooks: one per day, one row per delivery, with its key in the first column."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from roadbed.connectors.cells import Cell, printable
from roadbed.connectors.files import digest, is_there, locked, remove, write_whole
from roadbed.kernel.stored_sentences import stored_sentence
from roadbed.usecases.destinations import RefusedError

if TYPE_CHECKING:
    from openpyxl.cell import Cell as SheetCell
    from openpyxl.worksheet.worksheet import Worksheet

_KEY = "key"


def add_row(folder: Path, name: str, key: str, row: Mapping[str, Cell]) -> str:
    """Add the row ``key`` to workbook ``name``; returns the workbook that holds the row.

    A note beside the workbooks says which one a key belongs to, written before the row: tried again
    another day, the row still goes into the same one. Raises ``TemporaryError``, ``RefusedError``.
    """
    with locked(folder / ".lock"):
        book = _noted(folder, key)
        if book is None:
            book = name
            (folder / ".keys").mkdir(exist_ok=True)
            write_whole(_note(folder, key), book.encode())
        sheet = _opened(folder / book, row)
        if _found(sheet, key) is None:
            _append(sheet, key, row)
            _save(sheet, folder / book)
    return book


def has_row(folder: Path, key: str) -> str | None:
    """The workbook that holds the row ``key``."""
    with locked(folder / ".lock"):
        book = _noted(folder, key)
        if book is None or not is_there(folder / book):
            return None
        return book if _found(_opened(folder / book, {}), key) is not None else None


def remove_row(folder: Path, key: str) -> bool:
    """Remove the row ``key``; returns whether it existed."""
    with locked(folder / ".lock"):
        book = _noted(folder, key)
        if book is None or not is_there(folder / book):
            return False
        sheet = _opened(folder / book, {})
        number = _found(sheet, key)
        if number is None:
            return False
        sheet.delete_rows(number)
        if sheet.max_row > 1:
            _save(sheet, folder / book)
        else:
            remove(folder / book)
    return True


def read_rows(book: Path) -> list[dict[str, object]]:
    """The rows of a workbook, as they were given, the key among them."""
    sheet = _opened(book, {})
    names, *rows = sheet.iter_rows(values_only=True)
    return [dict(zip(map(str, names), row, strict=True)) for row in rows]


def _note(folder: Path, key: str) -> Path:
    return folder / ".keys" / digest(key)


def _noted(folder: Path, key: str) -> str | None:
    note = _note(folder, key)
    return note.read_text(encoding="utf-8") if is_there(note) else None


def _opened(book: Path, row: Mapping[str, Cell]) -> Worksheet:
    from openpyxl import Workbook, load_workbook
    from openpyxl.utils.exceptions import InvalidFileException

    if not is_there(book):
        made = Workbook().active
        assert made is not None  # a new workbook has one sheet
        _fill(made, 1, [_KEY, *row])
        return made
    try:
        sheet = load_workbook(book).active
    except (InvalidFileException, zipfile.BadZipFile, KeyError, ValueError, OSError) as error:
        raise RefusedError(
            stored_sentence("%(name)s is not a workbook. Move it away.", name=book.name)
        ) from error
    if sheet is None or sheet.cell(1, 1).value != _KEY:
        raise RefusedError(
            stored_sentence(
                "%(name)s was changed: its first column is not %(key)s.", name=book.name, key=_KEY
            )
        )
    if row and [cell.value for cell in sheet[1]] != [_KEY, *map(printable, row)]:
        raise RefusedError(
            stored_sentence(
                "%(name)s has other columns. Move it away to begin a new one.", name=book.name
            )
        )
    return sheet


def _found(sheet: Worksheet, key: str) -> int | None:
    wanted = printable(key)
    for (cell,) in sheet.iter_rows(min_row=2, max_col=1):
        if cell.value == wanted:
            return cell.row
    return None


def _append(sheet: Worksheet, key: str, row: Mapping[str, Cell]) -> None:
    _fill(sheet, sheet.max_row + 1, [key, *row.values()])


def _fill(sheet: Any, number: int, values: list[Cell]) -> None:
    for column, value in enumerate(values, 1):
        cell: SheetCell = sheet.cell(number, column)
        if isinstance(value, str):
            cell.value = printable(value)
            # Said outright: openpyxl would take =1+1 for a formula. The prefix keeps a person's
            # editing of the cell from making it one.
            cell.data_type = "s"
            cell.quotePrefix = True
        else:
            cell.value = value


def _save(sheet: Worksheet, book: Path) -> None:
    written = io.BytesIO()
    assert sheet.parent is not None  # it was read from a workbook
    sheet.parent.save(written)
    write_whole(book, written.getvalue())
