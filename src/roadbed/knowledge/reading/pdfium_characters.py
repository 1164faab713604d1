"""Characters and words of a PDF page as pdfium gives them, with their places."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pypdfium2 import PdfTextPage  # only the child may load it

_NEXT_LINE = 0.7  # of the height of a letter; a raised number is less away
_NEXT_WORD = 0.12  # of the height of a letter; letters of a word are less away


@dataclass(frozen=True, kw_only=True, slots=True)
class Word:
    """Letters and signs without a blank between them.

    ``x`` and ``y`` are the middle of its first letter, in points from the left and the bottom.
    ``before`` are the blanks that pdfium has before it, with a line break where it begins a line.
    """

    number: int
    text: str
    before: str
    x: float
    y: float


def characters(text_page: PdfTextPage) -> str:
    """A text in which each character has its number."""
    import pypdfium2.raw as pdfium

    text: str = text_page.get_text_range()
    count = text_page.count_chars()
    if len(text) == count:
        return text
    # pdfium leaves some out; asking for each one takes ten times as long.
    return "".join(chr(pdfium.FPDFText_GetUnicode(text_page.raw, index)) for index in range(count))


def placed_words(text_page: PdfTextPage) -> Sequence[Word]:
    """The words of a page, in the order of pdfium."""
    import pypdfium2.raw as pdfium

    made: list[Word] = []
    box = pdfium.FS_RECTF()
    before, signs = "", ""
    x = y = middle = height = right = 0.0
    for index, sign in enumerate(f"{characters(text_page)} "):
        if not sign.isspace():
            # The box of its line: that of a comma would lie below that of a letter.
            pdfium.FPDFText_GetLooseCharBox(text_page.raw, index, box)
            own_middle, own_height = (box.bottom + box.top) / 2, box.top - box.bottom
            # At some line ends, and between narrow cells, pdfium has no blank.
            apart = (
                abs(own_middle - middle) > _NEXT_LINE * max(height, own_height)
                or box.left - right > _NEXT_WORD * own_height
            )
            middle, height, right = own_middle, own_height, box.right
            if signs and not apart:
                signs += sign
                continue
        if signs:
            made.append(Word(number=len(made), text=signs, before=before, x=x, y=y))
            before, signs = "" if sign.isspace() else "\n", ""
        if sign.isspace():
            before += sign
        else:
            signs, x, y = sign, (box.left + box.right) / 2, middle
    return made


def text_of(chosen: Sequence[Word]) -> str:
    """The text of some words of a page, with a line break where others are left out."""
    pieces: list[str] = []
    last = -1
    for word in chosen:
        if pieces:
            together = word.number == last + 1 and "\n" not in word.before
            pieces.append(" " if together else "\n")
        pieces.append(word.text)
        last = word.number
    return "".join(pieces)
