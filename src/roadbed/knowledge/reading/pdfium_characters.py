"""Characters and words of a PDF page as pdfium gives them, with their places."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pypdfium2 import PdfTextPage  # only the child may load it

_NEXT_LINE = 0.7  # of the height of a letter; a raised number is less away
_SAME_WORD = 0.08  # of the height of a letter
_MARK = re.compile("[\x02\ufffe]\\Z")  # of pdfium for a hyphen at the end of a line
_NEXT_WORD = 0.12  # of the height of a letter; letters of a word are less away


@dataclass(frozen=True, kw_only=True, slots=True)
class Word:
    """Letters and signs without a blank between them.

    ``x`` and ``y`` are the middle of its first letter, in points from the left and the bottom;
    ``left`` and ``right`` are its ends. ``before`` are the blanks that pdfium has before it.
    """

    number: int
    text: str
    before: str
    x: float
    y: float
    left: float
    right: float
    height: float


def characters(text_page: PdfTextPage) -> str:
    """A text in which each character has its number."""
    import pypdfium2.raw as pdfium

    text: str = text_page.get_text_range()
    count = text_page.count_chars()
    if len(text) == count:
        return text
    # pdfium leaves some out; asking for each one takes ten times as long.
    return "".join(chr(pdfium.FPDFText_GetUnicode(text_page.raw, index)) for index in range(count))


def page_words(
    content: bytes, numbers: Sequence[int], cleaned: Callable[[str], str]
) -> Mapping[int, Sequence[Word]]:
    """The words of some pages in the order in which they are written, by page number.

    ``cleaned`` takes the marks of pdfium out of a text.
    """
    import pypdfium2

    made: dict[int, Sequence[Word]] = {}
    document = pypdfium2.PdfDocument(content)
    try:
        for number in numbers:
            page = document[number - 1]
            text_page = page.get_textpage()
            made[number] = _whole_words(placed_words(text_page), cleaned)
            text_page.close()
            page.close()
    finally:
        document.close()
    return made


def _whole_words(words: Sequence[Word], cleaned: Callable[[str], str]) -> Sequence[Word]:
    """The words, with those that a line end divides put together."""
    made: list[Word] = []
    for word in words:
        if made and _MARK.search(made[-1].text):
            made[-1] = replace(made[-1], text=made[-1].text + word.text)
        else:
            made.append(replace(word, number=len(made)))
    whole = (replace(word, text=cleaned(word.text)) for word in made)
    kept = [word for word in whole if word.text.strip()]
    return [replace(word, number=number) for number, word in enumerate(kept)]


def placed_words(text_page: PdfTextPage) -> Sequence[Word]:
    """The words of a page, in the order of pdfium, with its marks."""
    import pypdfium2.raw as pdfium

    made: list[Word] = []
    box = pdfium.FS_RECTF()
    before, signs, made_up = "", "", ""  # ``made_up``: blanks that are not in the file
    right = middle = height = 0.0
    ends, first = (0.0, 0.0), (0.0, 0.0, 0.0)
    for index, sign in enumerate(f"{characters(text_page)} "):
        own_middle = own_height = 0.0
        apart = False
        if sign.isspace() and pdfium.FPDFText_IsGenerated(text_page.raw, index) == 1:
            made_up += sign
            continue
        if not sign.isspace():
            # The box of its line: that of a comma would lie below that of a letter.
            pdfium.FPDFText_GetLooseCharBox(text_page.raw, index, box)
            own_middle, own_height = (box.bottom + box.top) / 2, box.top - box.bottom
            # At some line ends, and between narrow cells, pdfium has no blank.
            apart = (
                abs(own_middle - middle) > _NEXT_LINE * max(height, own_height)
                or box.left - right > _NEXT_WORD * own_height
            )
            # It breaks lines inside of some words.
            is_same = "\n" in made_up and abs(box.left - right) < _SAME_WORD * own_height
            apart = apart or (made_up != "" and not is_same)
        if signs and (sign.isspace() or apart):
            x, y, tall = first
            made.append(
                Word(
                    number=len(made),
                    text=signs,
                    before=before,
                    x=x,
                    y=y,
                    left=ends[0],
                    right=ends[1],
                    height=tall,
                )
            )
            before, signs = made_up if made_up or sign.isspace() else " ", ""
        made_up = ""
        if sign.isspace():
            before += sign
            continue
        if not signs:
            ends = (box.left, box.right)
            first = ((box.left + box.right) / 2, own_middle, own_height)
        # In Arabic and Hebrew the first letter is the right one.
        ends = (min(ends[0], box.left), max(ends[1], box.right))
        signs += sign
        middle, height, right = own_middle, own_height, box.right
    return made


def text_of(chosen: Sequence[Word]) -> str:
    """The text of some words of a page, with a line break where others are left out."""
    pieces: list[str] = []
    last: Word | None = None
    for word in chosen:
        if last is not None:
            together = (
                word.number == last.number + 1
                and "\n" not in word.before
                and abs(word.y - last.y) <= _NEXT_LINE * max(word.height, last.height)
            )
            pieces.append(" " if together else "\n")
        pieces.append(word.text)
        last = word
    return "".join(pieces)
