"""Cells of a PDF page that its lines of text go through.

A program may write a page from the top to the bottom, and so through all cells of a table at once.
Then both readers join what stands beside each other. It shows where two lines of text have the same
drawn line between their words, and no drawn line between them.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pypdfium2 import PdfPage, PdfTextPage  # only the child may load it

_MOST_OBJECTS = 5_000  # of a page; drawings have more
_MOST_RULES = 1_000
_MOST_LINES = 400
_THIN = 3.0  # points; what is wider is a box
_SHORTEST = 6.0  # points of a line that is drawn
_NEAR = 2.5  # of the height of its letters, from a line to the next
_SAME_LINE = 0.5  # of the height of a line

Box = tuple[float, float, float, float]  # left, bottom, right, top


@dataclass(frozen=True, kw_only=True, slots=True)
class _Rules:
    """Drawn lines: upright ones as (x, bottom, top), level ones as (y, left, right)."""

    upright: Sequence[tuple[float, float, float]]
    level: Sequence[tuple[float, float, float]]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Line:
    """Pieces of text at one height: the left and right end of each."""

    middle: float
    height: float
    pieces: Sequence[tuple[float, float]]


def is_crossed(page: PdfPage, text_page: PdfTextPage) -> bool:
    """Whether lines of text go through cells that have several lines."""
    rules = _rules(page)
    if not rules.upright or len(rules.upright) + len(rules.level) > _MOST_RULES:
        return False
    lines = list(_lines(text_page))[:_MOST_LINES]
    return any(_goes_through(*pair, rules) for pair in pairwise(lines))


def _goes_through(line: _Line, following: _Line, rules: _Rules) -> bool:
    apart = line.middle - following.middle
    if not 0 < apart <= _NEAR * max(line.height, following.height):
        return False
    for x, bottom, top in rules.upright:
        if bottom > following.middle or top < line.middle:
            continue
        if not (_is_on_both_sides(line, x) and _is_on_both_sides(following, x)):
            continue
        if not any(
            following.middle < y < line.middle and left <= x <= right
            for y, left, right in rules.level
        ):
            return True
    return False


def _is_on_both_sides(line: _Line, x: float) -> bool:
    return any(right <= x for _, right in line.pieces) and any(left >= x for left, _ in line.pieces)


def _rules(page: PdfPage) -> _Rules:
    import pypdfium2.raw as pdfium

    upright: list[tuple[float, float, float]] = []
    level: list[tuple[float, float, float]] = []
    edges = [ctypes.c_float() for _ in range(4)]
    for index in range(min(pdfium.FPDFPage_CountObjects(page.raw), _MOST_OBJECTS)):
        drawn = pdfium.FPDFPage_GetObject(page.raw, index)
        if pdfium.FPDFPageObj_GetType(drawn) != pdfium.FPDF_PAGEOBJ_PATH:
            continue
        if not pdfium.FPDFPageObj_GetBounds(drawn, *edges):
            continue
        left, bottom, right, top = (edge.value for edge in edges)
        if top - bottom >= _SHORTEST:
            upright += ((x, bottom, top) for x in _edges(left, right))
        if right - left >= _SHORTEST:
            level += ((y, left, right) for y in _edges(bottom, top))
    return _Rules(upright=upright, level=level)


def _edges(begin: float, end: float) -> Sequence[float]:
    return [(begin + end) / 2] if end - begin <= _THIN else [begin, end]


def _lines(text_page: PdfTextPage) -> Iterator[_Line]:
    """The lines of text in the order in which they are written."""
    boxes = _boxes(text_page)
    pieces: list[tuple[float, float]] = []
    middle = height = 0.0
    for left, bottom, right, top in boxes:
        own_middle, own_height = (bottom + top) / 2, top - bottom
        if pieces and abs(own_middle - middle) > _SAME_LINE * max(height, own_height):
            yield _Line(middle=middle, height=height, pieces=pieces)
            pieces = []
        if not pieces:
            middle, height = own_middle, own_height
        pieces.append((left, right))
    if pieces:
        yield _Line(middle=middle, height=height, pieces=pieces)


def _boxes(text_page: PdfTextPage) -> Iterator[Box]:
    import pypdfium2.raw as pdfium

    left, top, right, bottom = (ctypes.c_double() for _ in range(4))
    for index in range(pdfium.FPDFText_CountRects(text_page.raw, 0, -1)):
        if pdfium.FPDFText_GetRect(text_page.raw, index, left, top, right, bottom):
            yield left.value, bottom.value, right.value, top.value
