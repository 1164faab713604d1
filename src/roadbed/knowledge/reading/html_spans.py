"""Tables of HTML with all of their cells written out: no spans and no missing end tags. Pure.

The first reader leaves the rows below a cell with ``rowspan`` empty, shifts the columns beside a
cell that spans both, and loses cells of a table of one row whose cells have no end tags.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

from roadbed.knowledge.reading import nesting
from roadbed.knowledge.reading.merged_cells import CONTINUED

_MOST_CELLS = 100_000  # of a page with those that are written; the first reader reads no more
_MOST_WORK = 1_000_000  # cells that are looked at; a table that needs more stays as it is
_MOST_COLUMNS = 100  # of a cell; the first reader gives each row as many as the widest has
_MOST_ROWS = 65_534
_SPANS = re.compile(r"\b(?=(?:row|col)span\s*=)", re.IGNORECASE)
_CELLS = re.compile(r"<t[dh]\b", re.IGNORECASE)
_NUMBER = re.compile(r"\s*(\d{1,9})")
_GROUPS = frozenset(("thead", "tbody", "tfoot"))
_CELL = f"<td>{CONTINUED}</td>"
_EMPTY = "<td></td>"

Edit = tuple[int, int, str]


@dataclass(frozen=True, slots=True)
class SpannedPage:
    """A page whose tables are written out.

    ``left_out`` counts the tables that have too many cells for it.
    """

    page: str
    left_out: int = 0


def written_out(page: str) -> SpannedPage:
    """A page with a cell for each row and column that a cell spans, and with the ends of cells.

    A cell below one that spans rows is ``CONTINUED``, a cell beside one that spans columns is
    empty. Only rows that exist get cells, and none are added at the end of a row.
    """
    if _CELLS.search(page) is None:
        return SpannedPage(page)
    tables = _Tables(page)
    tables.feed(page)
    tables.close()
    tables.end()
    pieces, end = [], 0
    for start, stop, text in sorted(tables.edits, key=lambda edit: edit[:2]):
        pieces += [page[end:start], text]
        end = stop
    return SpannedPage("".join([*pieces, page[end:]]), tables.left_out)


@dataclass
class _Table:
    """A table of which a part was read."""

    edits: list[Edit] = field(default_factory=list)
    work: int = 0
    added: int = 0
    in_row: bool = False
    open_cell: str = ""
    row_counts: bool = True
    cells: int = 0  # of the row, in the page
    column: int = 0
    empty: int = 0  # cells that are due before the next one
    spanned: dict[int, tuple[int, bool]] = field(default_factory=dict)  # rows left, is the first
    started: dict[int, tuple[int, bool]] = field(default_factory=dict)  # in this row


class _Tables(HTMLParser):
    """Finds where cells are missing."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.edits: list[Edit] = []
        self.left_out = 0
        self._left = _MOST_WORK
        self._free = _MOST_CELLS - len(_CELLS.findall(page))
        self._lines = [0, *(match.end() for match in re.finditer("\n", page))]
        self._open: list[_Table] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "table":
            self._open.append(_Table())
        elif not self._open:
            return
        elif tag == "tr":
            self._end_row()
            self._begin_row(counts=not self._is_hidden())
        elif tag in _GROUPS:
            self._end_group()
        elif tag in {"td", "th"}:
            self._add_cell(dict(reversed(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if not self._open:
            return
        if tag == "tr":
            self._end_row()
        elif tag in _GROUPS:
            self._end_group()
        elif tag in {"td", "th"}:
            self._open[-1].open_cell = ""
        elif tag == "table":
            self._end_table()

    def end(self) -> None:
        """End the tables that the page does not end."""
        while self._open:
            self._end_table()

    def _is_hidden(self) -> bool:
        return nesting.is_hidden_tag(self.get_starttag_text() or "")

    def _is_too_large(self, table: _Table) -> bool:
        return table.work > self._left or table.added > max(0, self._free)

    def _at(self) -> int:
        line, column = self.getpos()
        return self._lines[line - 1] + column

    def _begin_row(self, *, counts: bool) -> None:
        table = self._open[-1]
        table.in_row, table.row_counts = True, counts
        table.cells = table.column = table.empty = 0

    def _add_cell(self, attributes: dict[str, str | None]) -> None:
        table, tag = self._open[-1], self.get_starttag_text() or ""
        if not table.in_row:
            self._begin_row(counts=True)
        self._end_cell()
        table.open_cell = "td" if tag[:3].lower() == "<td" else "th"
        if not table.row_counts or self._is_too_large(table) or self._is_hidden():
            return
        start = self._at()
        before = [_EMPTY] * table.empty
        while table.column in table.spanned:
            before.append(_CELL if table.spanned[table.column][1] else _EMPTY)
            table.column += 1
        columns = min(max(1, _number(attributes.get("colspan"), 1)), _MOST_COLUMNS)
        rows = _number(attributes.get("rowspan"), 1) or _MOST_ROWS  # 0: to the end of the group
        if before or columns > 1 or rows > 1:
            text = "".join(before) + _SPANS.sub("data-", tag)
            table.edits.append((start, start + len(tag), text))
        if rows > 1:
            for place in range(columns):
                table.started[table.column + place] = (rows - 1, place == 0)
        table.added += len(before)
        table.work += len(before) + (columns if rows > 1 else 0)
        table.column += columns
        table.empty = columns - 1
        table.cells += 1

    def _end_cell(self) -> None:
        table = self._open[-1]
        if table.open_cell:
            table.edits.append((self._at(), self._at(), f"</{table.open_cell}>"))
            table.open_cell = ""

    def _end_row(self) -> None:
        table = self._open[-1]
        if not table.in_row:
            return
        table.in_row = False
        self._end_cell()
        if not table.row_counts or self._is_too_large(table):
            return
        firsts = {
            column
            for column, (_, is_first) in table.spanned.items()
            if is_first and column >= table.column
        }
        if table.cells and firsts:
            at, begin = self._at(), table.column - table.empty
            needed = max(firsts) + 1 - begin
            text = "".join(_CELL if begin + n in firsts else _EMPTY for n in range(needed))
            table.edits.append((at, at, text))
            table.added += needed
            table.work += needed
        table.work += len(table.spanned)
        table.spanned = {
            column: (left - 1, is_first)
            for column, (left, is_first) in table.spanned.items()
            if left > 1
        } | table.started
        table.started = {}

    def _end_group(self) -> None:
        self._end_row()
        self._open[-1].spanned = {}

    def _end_table(self) -> None:
        self._end_row()
        table = self._open.pop()
        if self._is_too_large(table):
            self.left_out += 1
        else:
            self._free -= table.added
            self._left -= table.work
            self.edits += table.edits


def _number(value: str | None, otherwise: int) -> int:
    match = _NUMBER.match(value or "")
    return min(int(match[1]), _MOST_ROWS) if match else otherwise
