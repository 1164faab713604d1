"""Merged cells: the value of a cell that spans several rows stands in each of these rows. Pure.

A row of a table is read on its own, as a passage or as a line of one. Only rows with a text of
their own get the value. What is added to a document has a limit: a merged range can name a million
rows.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from roadbed.knowledge.findings import DocumentFinding

# Stands in a cell that continues the one above it, while the first reader has the table.
CONTINUED = chr(0x10F0F0)  # of the private characters of Unicode, behind those of ``signs``
LONGEST = 500  # characters of a value; a longer one is a text and no name
MOST = 2_000_000  # characters that are added to a document

Row = tuple[int, Sequence[str]]


@dataclass(frozen=True, kw_only=True, slots=True)
class MergedRange:
    """A range of cells in one: its first and last row, and its first column, from 1."""

    first: int
    last: int
    column: int


class Repeats:
    """What is added to one document. ``left_out`` counts the values that were not repeated."""

    def __init__(self) -> None:
        self.left_out = 0
        self._left = MOST

    def value(self, value: str) -> str:
        """``value``, or nothing if it is too long."""
        if len(value) > LONGEST or len(value) > self._left:
            self.left_out += 1
            return ""
        self._left -= len(value)
        return value

    def findings(self) -> Iterator[DocumentFinding]:
        """What a person should know: rows that lack a value."""
        if self.left_out:
            detail = (
                f"merged cells: {self.left_out} times a value that is long, or one of very many "
                "rows, was not repeated in the rows that it spans"
            )
            yield DocumentFinding(kind="parser_warning", detail=detail)


def continued(rows: Iterable[Sequence[str]], repeats: Repeats) -> Iterator[Sequence[str]]:
    """Rows with the value of the cell above in place of each ``CONTINUED``."""
    above: Sequence[str] = ()
    for cells in rows:
        if CONTINUED not in cells:
            above = cells
            yield cells
            continue
        values = [
            (above[column] if column < len(above) else "") if cell == CONTINUED else cell
            for column, cell in enumerate(cells)
        ]
        above = values
        if any(cell and cell != CONTINUED for cell in cells):
            yield [
                repeats.value(value) if cell == CONTINUED else cell
                for cell, value in zip(cells, values, strict=True)
            ]


def filled(rows: Sequence[Row], ranges: Iterable[MergedRange], repeats: Repeats) -> Sequence[Row]:
    """Numbered rows in their order, with the value of each range in its empty cells below."""
    numbers = [number for number, _ in rows]
    written: dict[int, list[str]] = {}
    for merged in ranges:
        start, end = bisect_left(numbers, merged.first), bisect_right(numbers, merged.last)
        column = merged.column - 1
        if start == end or numbers[start] != merged.first or column >= len(rows[start][1]):
            continue
        value = rows[start][1][column]
        for place in range(start + 1, end) if value else ():
            cells = rows[place][1]
            if not any(cells) or (column < len(cells) and cells[column]):
                continue
            if not (added := repeats.value(value)):
                repeats.left_out += end - place - 1
                break
            row = written.setdefault(place, list(cells))
            row += [""] * (column + 1 - len(row))
            row[column] = added
    return [(number, written.get(place, cells)) for place, (number, cells) in enumerate(rows)]
