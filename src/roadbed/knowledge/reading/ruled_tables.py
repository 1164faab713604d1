"""Tables of a PDF by the lines that are drawn around their cells.

Both readers go through a page line by line, and so through all cells of a row at once where cells
have several lines. pdfplumber finds the cells by what is drawn; pdfium gives the text of each.
"""

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

from roadbed.knowledge.reading import pdfium_characters
from roadbed.knowledge.reading.page_lines import PageLine

if TYPE_CHECKING:  # only the child may load them
    from pdfplumber.page import Page
    from pypdfium2 import PdfDocument

_MOST_SECONDS = 20.0  # of computing for a document; a page costs a tenth of a second
_MOST_EDGES = 6_000  # of a page; comparing them takes the square of it
_LARGEST_CELL = 0.2  # of the page; a larger one is a column or a frame of the page
_FEWEST_ROWS = 3  # lines of a column of figures
_MOST_UNRULED = 3  # rows: names, all that is below them, and a sum
_APART = (3, 6)  # points between the borders of neighbours
_TOLERANCES = ("snap", "join", "intersection")

Box = tuple[float, float, float, float]  # left, top, right, bottom, from the top of the page


@dataclass(frozen=True, kw_only=True, slots=True)
class RuledPage:
    """The lines of a page. ``units`` are the texts of rows and boxes that must stand together.

    Both are empty where cells hold rows, so that the readers go by lines with good reason.
    """

    lines: Sequence[PageLine]
    units: Sequence[str]


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


def read(
    content: bytes, numbers: Sequence[int], cleaned: Callable[[str], str]
) -> Mapping[int, RuledPage]:
    """The lines of those pages that have tables with drawn cells, by page number.

    ``cleaned`` takes the marks of pdfium out of a text. A page is left out where its text would not
    be complete, where its lines may be rows, and where the time is over before its turn.
    """
    # Imported here: only the child may load them.
    import pdfplumber
    import pypdfium2

    # What it prints about a damaged page would be taken for why the child ended.
    logging.getLogger("pdfminer").setLevel(logging.CRITICAL)
    made: dict[int, RuledPage] = {}
    document = pypdfium2.PdfDocument(content)
    try:
        with (
            _at_most(_MOST_SECONDS),
            pdfplumber.open(io.BytesIO(content), pages=sorted(numbers)) as opened,
        ):
            for page in opened.pages:
                grids = _grids(page)
                read_page = _page(page, grids, document, cleaned) if grids else None
                if read_page is not None:
                    made[page.page_number] = read_page
                page.close()
    except _OutOfTimeError:
        pass
    finally:
        document.close()
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


def _page(
    page: Page, grids: Sequence[_Grid], document: PdfDocument, cleaned: Callable[[str], str]
) -> RuledPage | None:
    """All words of the page, each once: those of each box, in the order of the boxes."""
    of_page = document[page.page_number - 1]
    text_page = of_page.get_textpage()
    left_over = list(pdfium_characters.placed_words(text_page))
    text_page.close()
    of_page.close()
    height = page.bbox[3]

    def text_in(box: Box) -> str:
        nonlocal left_over
        left, top, right, bottom = box
        chosen = [
            word for word in left_over if left <= word.x < right and top <= height - word.y < bottom
        ]
        taken = {word.number for word in chosen}
        left_over = [word for word in left_over if word.number not in taken]
        return cleaned(pdfium_characters.text_of(chosen))

    lines: list[PageLine] = []
    units: list[str] = []
    try:
        for text, number in _in_order(page.bbox, grids, text_in, units):
            lines += _plain(text) if isinstance(text, str) else [PageLine(cells=text, table=number)]
    except _RowsError:
        return RuledPage(lines=(), units=())
    except _UnclearRowsError:
        return None
    return RuledPage(lines=lines, units=units) if not left_over else None


def _in_order(
    page: Box, grids: Sequence[_Grid], text_in: Callable[[Box], str], units: list[str]
) -> Iterator[tuple[str | Sequence[str], int]]:
    """Text above, left of, within and right of the tables, from the top to the bottom."""
    left, cursor, right, end = page
    number = 0
    for band in _bands(grids):
        top, bottom = min(grid.box[1] for grid in band), max(grid.box[3] for grid in band)
        yield text_in((left, cursor, right, top)), number
        at = left
        for grid in sorted(band, key=lambda grid: grid.box[0]):
            yield text_in((at, top, grid.box[0], bottom)), number
            yield text_in((grid.box[0], top, grid.box[2], grid.box[1])), number
            for text in _of_grid(grid, text_in, _LARGEST_CELL * _area(page)):
                yield text, number
                units.append(text if isinstance(text, str) else " ".join(text))
            yield text_in((grid.box[0], grid.box[3], grid.box[2], bottom)), number
            at, number = grid.box[2], number + 1
        yield text_in((at, top, right, bottom)), number
        cursor = bottom
    yield text_in((left, cursor, right, end)), number


def _of_grid(
    grid: _Grid, text_in: Callable[[Box], str], largest: float
) -> Iterator[str | Sequence[str]]:
    """The rows of a table, or the text of each box where boxes only arrange the page."""
    texts = {cell: text_in(cell) for cell in grid.cells}
    rows = list(_rows([cell for cell in grid.cells if texts[cell]]))
    is_layout = len(rows) == 1 or any(_area(cell) > largest for cell in grid.cells)
    for row in rows:
        _check_rows([texts[cell].split("\n") for cell in row], is_ruled=len(rows) > _MOST_UNRULED)
        if is_layout:
            yield from (texts[cell] for cell in row)
        else:
            yield [" ".join(texts[cell].split()) for cell in row]


def _check_rows(cells: Sequence[Sequence[str]], *, is_ruled: bool) -> None:
    """Refuse cells whose lines are rows that nothing is drawn between, or may be.

    Then a cell is a column, and another one has as many lines. ``is_ruled``: the table has so many
    rows that lines are drawn between all of them. Raises ``_RowsError``, ``_UnclearRowsError``.
    """
    columns = [lines for lines in cells if _is_column(lines)]
    figures = [lines for lines in columns if re.search(r"\d", lines[0])]
    for lines in figures:
        beside = sum(len(others) >= len(lines) for others in cells) > 1
        if beside and len(lines) >= (_FEWEST_ROWS if figures == [lines] else 2):
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


def _plain(text: str) -> Iterator[PageLine]:
    return (PageLine(cells=[line]) for line in text.split("\n") if line.strip())
