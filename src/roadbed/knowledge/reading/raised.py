"""Raised numbers of a PDF: footnote marks and exponents, which both readers join to what precedes.

"45" with a raised 1 is read as 451. The second reader knows size and place of each character, so a
sign is put before such numbers, as in the other formats: "45^1".
"""

from __future__ import annotations

import ctypes
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from roadbed.knowledge.reading.pdfium_characters import characters

if TYPE_CHECKING:
    from pypdfium2 import PdfTextPage  # only the child may load it

_CANDIDATE = re.compile(r"(?<=[^\W_])\d")
_DIGITS = re.compile(r"\d+")
_LAST_NUMBER = re.compile(r"\d+\Z")
_LARGEST = 0.85  # of the size of the character before it; a raised number has 0.5 to 0.8
_LEAST_RISE = 0.15  # of the size of the character before it; a raised number has 0.3 to 0.4
_CONTEXT = 15  # letters and digits before it


@dataclass(frozen=True, kw_only=True, slots=True)
class RaisedNumber:
    """A raised number and the letters and digits before it, without what is between them."""

    before: str
    digits: str

    @property
    def joined(self) -> str:
        """The wrong number that it makes with one before it, or an empty text."""
        number = _LAST_NUMBER.search(self.before)
        return f"{number[0]}{self.digits}" if number else ""


def raised_numbers(text_page: PdfTextPage) -> Iterator[RaisedNumber]:
    """The raised numbers of a page, in the order of its characters."""
    text = characters(text_page)
    measured = _measure(text_page.raw)
    for match in _CANDIDATE.finditer(text):
        index = match.start()
        (size, base, level), (own_size, own_base, own_level) = measured(index - 1), measured(index)
        if not level or not own_level or not 0 < own_size < _LARGEST * size:
            continue
        if own_base - base > _LEAST_RISE * size:
            digits = _DIGITS.match(text, index)
            before = "".join(filter(str.isalnum, text[max(0, index - 3 * _CONTEXT) : index]))
            assert digits is not None
            yield RaisedNumber(before=before[-_CONTEXT:], digits=digits[0])


def marked(text: str, numbers: Sequence[RaisedNumber]) -> tuple[str, Sequence[RaisedNumber]]:
    """The text with a sign before its raised numbers, and the numbers that it does not have."""
    if not numbers:
        return text, ()
    places = [index for index, character in enumerate(text) if character.isalnum()]
    letters = "".join(text[index] for index in places)
    cuts, missing, at = set[int](), [], 0
    for number in numbers:
        wanted = number.before + number.digits
        start = letters.find(wanted, at)
        if start < 0:
            start = letters.find(wanted)
        if start < 0:
            missing.append(number)
            continue
        at = start + len(number.before)
        cuts.add(places[at])
    pieces, last = [], 0
    for cut in sorted(cuts):
        pieces.append(text[last:cut])
        last = cut
    return "^".join((*pieces, text[last:])), missing


def _measure(text_page: object) -> Callable[[int], tuple[float, float, bool]]:
    """A function that gives size and base line of a character, and whether it is not turned."""
    import pypdfium2.raw as pdfium

    known: dict[int, tuple[float, float, bool]] = {}
    left, base, matrix = ctypes.c_double(), ctypes.c_double(), pdfium.FS_MATRIX()

    def measured(index: int) -> tuple[float, float, bool]:
        if index not in known:
            pdfium.FPDFText_GetCharOrigin(text_page, index, left, base)
            pdfium.FPDFText_GetMatrix(text_page, index, matrix)
            size = pdfium.FPDFText_GetFontSize(text_page, index) * abs(matrix.d)
            known[index] = (size, base.value, matrix.b == 0)
        return known[index]

    return measured
