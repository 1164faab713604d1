"""Detection of the dialect of a table from many rows."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from roadbed.tables.records import Dialect, Record, records

_LONG = 20  # lines of a record that is long
_DELIMITERS = (",", ";", "\t", "|")
_NAMES = {",": "a comma", ";": "a semicolon", "\t": "a tabulator", "|": "a vertical bar"}


@dataclass(frozen=True, slots=True)
class Fit:
    """How well a dialect fits.

    ``match`` is the share of the header that is looked for, 1 where it is right; ``share`` that of
    the rows that fit the header.
    """

    dialect: Dialect
    header: Sequence[str]
    match: float
    share: float

    @property
    def is_right(self) -> bool:
        """Whether the header is the one that is looked for."""
        return self.match >= 1

    @property
    def rank(self) -> tuple[float, float, int]:
        """The better one is the greater."""
        return self.match, self.share, min(len(self.header), 2)


def find_dialect(
    lines: Sequence[str],
    *,
    whole: bool,
    delimiter: str | None,
    match: Callable[[Sequence[str]], float],
) -> Fit:
    """The dialect that fits the first lines of a table best; ``whole``: there are no others.

    ``match`` gives the share of the header that is looked for which a row has. Ties go to the
    plainer dialect: a comma before a semicolon, a double quote, doubled inside quotes.
    """
    quotes = [Dialect()]
    text = "".join(lines)
    if '\\"' in text:
        quotes.append(Dialect(escape="\\"))
    if _opened(lines, "'") > max(_opened(lines, '"'), len(lines) / 2):
        quotes.append(Dialect(quote="'", escape="'"))
        if "\\'" in text:
            quotes.append(Dialect(quote="'", escape="\\"))
    fits = []
    for mark in (delimiter,) if delimiter else _DELIMITERS:
        for kind in quotes:
            for blanks in (False, True) if f"{mark} {kind.quote}" in text else (False,):
                dialect = Dialect(
                    delimiter=mark, quote=kind.quote, escape=kind.escape, blanks=blanks
                )
                fits.append(_fit(lines, dialect, match, whole=whole))
    best = max(fits, key=lambda fit: fit.rank)  # the first of equals
    single = [fit for fit in fits if fit.dialect.quote == "'" and fit.rank >= best.rank]
    if best.dialect.quote == '"' and single and _all_quoted(lines, best.dialect):
        return single[0]
    return best


def described(dialect: Dialect, *, named: bool) -> list[str]:
    """Sentences on guessed properties; without the delimiter if a person ``named`` it."""
    said = []
    if dialect.delimiter != "," and not named:
        mark = _NAMES.get(dialect.delimiter, repr(dialect.delimiter))
        said.append(f"Cells are separated by {mark}.")
    if dialect.quote != '"':
        said.append("Cells are quoted with apostrophes.")
    if dialect.escape == "\\":
        said.append("Inside quotes a backslash stands before a quote.")
    if dialect.blanks:
        said.append("Blanks before an opening quote were skipped.")
    return said


def _fit(
    lines: Sequence[str],
    dialect: Dialect,
    match: Callable[[Sequence[str]], float],
    *,
    whole: bool,
) -> Fit:
    header: list[str] | None = None
    fitting = total = 0
    for record in records(lines, dialect):
        if not isinstance(record, Record):
            # A sample that is not whole may end inside a record, though hardly in a very long one.
            lost = len(lines) - record.line
            total += lost if whole or record.until is not None else max(lost - _LONG, 0)
        elif record.is_blank:
            continue
        elif header is None:
            header = [named(cell) for cell in record.cells]
        else:
            total += 1
            fitting += fits(record.cells, len(header))
    header = header or []
    return Fit(dialect, header, match(header), fitting / total if total else 1.0)


def fits(cells: Sequence[str], columns: int) -> bool:
    """Whether a row has a cell for each column, and nothing beyond them."""
    return len(cells) == columns or (len(cells) > columns and not any(cells[columns:]))


def named(cell: str) -> str:
    """The name of a column as a header means it: composed, without blanks around it."""
    return unicodedata.normalize("NFC", cell).strip().strip("\ufeff\u200b").strip()


def _opened(lines: Sequence[str], quote: str) -> int:
    """How many lines hold a cell that begins with a quote."""
    begins = tuple(f"{mark}{quote}" for mark in _DELIMITERS)
    return sum(line.startswith(quote) or any(map(line.__contains__, begins)) for line in lines)


def _all_quoted(lines: Sequence[str], dialect: Dialect) -> bool:
    """Whether every cell of some column begins and ends with an apostrophe."""
    rows = [record.cells for record in records(lines, dialect) if isinstance(record, Record)][1:]
    rows = [cells for cells in rows if cells]
    return any(
        all(len(cell) > 1 and cell[0] == cell[-1] == "'" for cell in column)
        for column in zip(*rows, strict=False)
    )
