"""Tables of a PDF by the lines that are drawn around their cells: pdfplumber finds the cells."""

from __future__ import annotations

import io
import logging
import re
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from roadbed.knowledge.reading import file_order, pdfium_characters
from roadbed.knowledge.reading.page_lines import PageLine
from roadbed.knowledge.reading.pdfium_characters import Word

if TYPE_CHECKING:  # only the child may load it
    from pdfplumber.page import Page

_MOST_SECONDS = 20.0  # of computing for a document; a page costs a tenth of a second
_MOST_EDGES = 6_000  # of a page; comparing them takes the square of it
_LARGEST_CELL = 0.2  # of the page; a larger one is a column or a frame of the page
_FEWEST_ROWS = 3  # lines of a column of figures
_MOST_UNRULED = 3  # rows: names, all that is below them, and a sum
_APART = (3, 6)  # points between the borders of neighbours
_TOLERANCES = ("snap", "join", "intersection")

Box = tuple[float, float, float, float]  # left, top, right, bottom, from the top of the page


@dataclass(frozen=True, kw_only=True, slots=True)
class DrawnRow:
    """A row of a table with the texts of its cells, and the numbers of its words in their order."""

    table: int
    cells: Sequence[str]
    numbers: Sequence[int]


@dataclass(frozen=True, kw_only=True, slots=True)
class RuledPage:
    """What is drawn on a page.

    ``rows`` are those of tables, ``boxes`` the numbers of the words in each box that arranges the
    page. ``lines`` are the whole page by what is drawn: text above, left of, within and right of
    the tables. They are empty if lines of a cell are rows: then the page is read by lines with good
    reason. They are empty too if such lines may be rows: then the page ``is_unclear``.
    """

    rows: Sequence[DrawnRow] = ()
    boxes: Sequence[Sequence[int]] = ()
    lines: Sequence[PageLine] = ()
    is_unclear: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class _Words:
    words: Sequence[Word]
    is_box: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class _Grid:
    """A table: its box, and the boxes of its cells."""

    box: Box
    cells: Sequence[Box]


class _RowsError(Exception):
    """Lines of text in the same cells are rows: the readers go by lines with good reason."""


class _UnclearRowsError(Exception):
    """Lines of text in the same cells may be rows."""


class _OutOfTimeError(BaseException):
    """The time is over. No ``Exception``: pdfminer would go on."""


def read(content: bytes, words: Mapping[int, Sequence[Word]]) -> Mapping[int, RuledPage]:
    """What is drawn on those pages that have tables with drawn cells, by page number.

    ``words`` are those of the pages that are looked at. A page is left out where the time is over
    before its turn.
    """
    # Imported here: only the child may load it.
    import pdfplumber

    # What it prints about a damaged page would be taken for why the child ended.
    logging.getLogger("pdfminer").setLevel(logging.CRITICAL)
    made: dict[int, RuledPage] = {}
    try:
        with (
            _at_most(_MOST_SECONDS),
            pdfplumber.open(io.BytesIO(content), pages=sorted(words)) as opened,
        ):
            for page in opened.pages:
                grids = _grids(page)
                if grids:
                    made[page.page_number] = _page(page, grids, words[page.page_number])
                page.close()
    except _OutOfTimeError:
        pass
    return made


@contextmanager
def _at_most(seconds: float) -> Iterator[None]:
    """Raise ``_OutOfTimeError`` once this process has computed for ``seconds``."""
    if threading.current_thread() is not threading.main_thread():  # only it has signals
        yield
        return

    def end(*_: object) -> None:
        raise _OutOfTimeError

    before = signal.signal(signal.SIGVTALRM, end)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def _grids(page: Page) -> Sequence[_Grid]:
    """The tables with more than one column.

    Borders of neighbours may stand apart. They are taken for one border only where that finds more
    cells, since narrow cells could be lost with it.
    """
    # A turned or cropped page has other coordinates in pdfium.
    is_cut = tuple(page.mediabox[:2]) != (0, 0) or page.cropbox not in (None, page.mediabox)
    if page.rotation or is_cut or len(page.edges) > _MOST_EDGES:
        return []
    by_distance = [list(_found(page, apart)) for apart in _APART]
    return max(by_distance, key=lambda grids: sum(len(grid.cells) for grid in grids))


def _found(page: Page, apart: int) -> Iterator[_Grid]:
    for table in page.find_tables({f"{kind}_tolerance": apart for kind in _TOLERANCES}):
        if len(table.columns) > 1:
            yield _Grid(box=table.bbox, cells=table.cells)


def _rows(cells: Sequence[Box]) -> Iterator[Sequence[Box]]:
    """Cells that stand beside each other, from left to right. A high one is in its first row.

    Borders of the cells of a row may be some points higher or lower than those of others.
    """
    rows: list[list[Box]] = []
    for cell in sorted(cells, key=lambda cell: (cell[3] - cell[1], cell[1])):
        beside = [row for row in rows if _is_beside(cell, row[0])]
        if beside:
            min(beside, key=lambda row: row[0][1]).append(cell)
        else:
            rows.append([cell])
    yield from (sorted(row) for row in sorted(rows, key=lambda row: row[0][1]))


def _is_beside(cell: Box, other: Box) -> bool:
    """Whether a cell and a lower one, or most of it, stand at the same height."""
    common = min(cell[3], other[3]) - max(cell[1], other[1])
    return common > (other[3] - other[1]) / 2


def _page(page: Page, grids: Sequence[_Grid], words: Sequence[Word]) -> RuledPage:
    """Each word of a page once: those of each box, in the order of the boxes."""
    left_over = list(words)
    height = page.bbox[3]

    def words_in(box: Box) -> Sequence[Word]:
        nonlocal left_over
        left, top, right, bottom = box
        chosen = [
            word for word in left_over if left <= word.x < right and top <= height - word.y < bottom
        ]
        taken = {word.number for word in chosen}
        left_over = [word for word in left_over if word.number not in taken]
        return chosen

    lines: list[PageLine] = []
    rows: list[DrawnRow] = []
    boxes: list[Sequence[int]] = []
    refused: Exception | None = None
    for piece in _in_order(page.bbox, grids, words_in):
        if isinstance(piece, DrawnRow):
            rows.append(piece)
            lines.append(PageLine(cells=piece.cells, table=piece.table))
        elif isinstance(piece, Exception):
            refused = piece
        else:
            if piece.is_box:
                boxes.append([word.number for word in piece.words])
            lines += file_order.page_lines_of(file_order.written_lines(piece.words))
    is_whole = not left_over and refused is None
    return RuledPage(
        rows=rows,
        boxes=boxes,
        lines=lines if is_whole else (),
        is_unclear=bool(left_over) or isinstance(refused, _UnclearRowsError),
    )


def _in_order(
    page: Box, grids: Sequence[_Grid], words_in: Callable[[Box], Sequence[Word]]
) -> Iterator[_Words | DrawnRow | Exception]:
    """Words above, left of, within and right of the tables, from the top to the bottom."""
    left, cursor, right, end = page
    number = 0
    for band in _bands(grids):
        top, bottom = min(grid.box[1] for grid in band), max(grid.box[3] for grid in band)
        yield _Words(words=words_in((left, cursor, right, top)))
        at = left
        for grid in sorted(band, key=lambda grid: grid.box[0]):
            yield _Words(words=words_in((at, top, grid.box[0], bottom)))
            yield _Words(words=words_in((grid.box[0], top, grid.box[2], grid.box[1])))
            yield from _of_grid(grid, number, words_in, _LARGEST_CELL * _area(page))
            yield _Words(words=words_in((grid.box[0], grid.box[3], grid.box[2], bottom)))
            at, number = grid.box[2], number + 1
        yield _Words(words=words_in((at, top, right, bottom)))
        cursor = bottom
    yield _Words(words=words_in((left, cursor, right, end)))


def _of_grid(
    grid: _Grid, number: int, words_in: Callable[[Box], Sequence[Word]], largest: float
) -> Iterator[_Words | DrawnRow | Exception]:
    """The rows of a table, or the words of each box where boxes only arrange the page.

    Gives ``_RowsError`` and ``_UnclearRowsError`` before a row whose lines are rows, or may be.
    """
    words = {cell: words_in(cell) for cell in grid.cells}
    rows = list(_rows([cell for cell in grid.cells if words[cell]]))
    is_layout = len(rows) == 1 or any(_area(cell) > largest for cell in grid.cells)
    for row in rows:
        if is_layout:
            yield from (_Words(words=words[cell], is_box=True) for cell in row)
            continue
        texts = [pdfium_characters.text_of(words[cell]) for cell in row]
        try:
            _check_rows([text.split("\n") for text in texts], is_ruled=len(rows) > _MOST_UNRULED)
        except (_RowsError, _UnclearRowsError) as error:
            yield error
        yield DrawnRow(
            table=number,
            cells=[" ".join(text.split()) for text in texts],
            numbers=[word.number for cell in row for word in words[cell]],
        )


def _check_rows(cells: Sequence[Sequence[str]], *, is_ruled: bool) -> None:
    """Refuse cells whose lines are rows that nothing is drawn between, or may be.

    Then a cell is a column, and another one has as many lines. ``is_ruled``: the table has so many
    rows that lines are drawn between all of them. Raises ``_RowsError``, ``_UnclearRowsError``.
    """
    columns = [lines for lines in cells if _is_column(lines)]
    figures = [lines for lines in columns if re.search(r"\d", lines[0])]
    for lines in figures:
        beside = sum(len(others) >= len(lines) for others in cells) > 1
        if not is_ruled and beside and len(lines) >= (_FEWEST_ROWS if figures == [lines] else 2):
            raise _RowsError
    if not is_ruled and len({len(lines) for lines in columns}) < len(columns):
        raise _UnclearRowsError


def _is_column(lines: Sequence[str]) -> bool:
    """Whether no line goes on with the one before: all have a figure, or none has."""
    with_figure = {re.search(r"\d", line) is not None for line in lines}
    return len(lines) > 1 and len(with_figure) == 1 and not any(line[0].islower() for line in lines)


def _area(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


def _bands(grids: Sequence[_Grid]) -> Iterator[Sequence[_Grid]]:
    """Tables that stand beside each other, together."""
    band: list[_Grid] = []
    for grid in sorted(grids, key=lambda grid: grid.box[1]):
        if band and grid.box[1] >= max(earlier.box[3] for earlier in band):
            yield band
            band = []
        band.append(grid)
    if band:
        yield band
