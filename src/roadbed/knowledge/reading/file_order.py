"""The order in which a PDF page is written, which nearly always is that of reading. Pure.

A program that makes a PDF writes column by column and cell by cell. Only a page that is written
line by line, through all columns, or in pieces that are put between others, has another order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from roadbed.knowledge.reading.page_lines import PageLine
from roadbed.knowledge.reading.pdfium_characters import Word

_UP = 0.7  # of the height of a line
_BETWEEN = 0.6  # of the height of a line
_NEW_PARAGRAPH = 1.6  # of the height of a line, from one to the next
_MOST_BETWEEN = 0.02  # of the words of a page: a stamp or a mark
_LONGEST_MARK = 2  # letters and figures
_FARTHEST = 0.6  # of the height of the text: a header and a footer are written together
_MOST_LINES = 1_000  # of a page


@dataclass(frozen=True, kw_only=True, slots=True)
class WrittenLine:
    """Words that are written one after the other at one height: ``left`` to ``right``."""

    words: Sequence[Word]
    left: float
    right: float
    y: float
    height: float

    @property
    def text(self) -> str:
        """The words with blanks between them."""
        return " ".join(word.text for word in self.words)

    def is_below(self, other: WrittenLine) -> bool:
        """Whether it lies below another line, and some of it under some of that."""
        return self.y < other.y and self.left < other.right and other.left < self.right

    def goes_up(self, after: WrittenLine) -> bool:
        """Whether it lies above the line that was written before it."""
        return self.y - after.y > _UP * max(self.height, after.height)


def written_lines(words: Sequence[Word]) -> Sequence[WrittenLine]:
    """The lines of a page in the order in which they are written."""
    made: list[list[Word]] = []
    for word in words:
        last = made[-1][-1] if made else None
        is_new = (
            last is None
            or "\n" in word.before
            or abs(word.y - last.y) > _UP * max(word.height, last.height)
            or (word.left < last.left and not _goes_left(last, word))
        )
        if is_new:
            made.append([])
        made[-1].append(word)
    return [
        WrittenLine(
            words=line,
            left=min(word.left for word in line),
            right=max(word.right for word in line),
            y=line[0].y,
            height=max(word.height for word in line),
        )
        for line in made
    ]


def _goes_left(word: Word, following: Word) -> bool:
    """Whether a word stands next to another one on its left, as in Arabic and Hebrew."""
    return 0 <= word.left - following.right <= word.height


def is_trusted(lines: Sequence[WrittenLine]) -> bool:
    """Whether no piece of a page is written elsewhere than where it stands.

    Then nothing lies between a line and the one below it that was written next. Marks of footnotes
    do not count: they may be written after all else.
    """
    if len(lines) > _MOST_LINES:
        return False
    lines = [line for line in lines if sum(map(str.isalnum, line.text)) > _LONGEST_MARK]
    heights = [line.y for line in lines]
    farthest = _FARTHEST * (max(heights, default=0.0) - min(heights, default=0.0))
    between = set[int]()
    for at, (line, following) in enumerate(pairwise(lines)):
        if not following.is_below(line) or line.y - following.y > farthest:
            continue
        margin = _BETWEEN * max(line.height, following.height)
        between |= {
            number
            for number, other in enumerate(lines)
            if number not in (at, at + 1)
            and following.y + margin < other.y < line.y - margin
            and other.is_below(line)
            and following.is_below(other)
        }
    words = sum(len(line.words) for line in lines)
    return sum(len(lines[number].words) for number in between) <= _MOST_BETWEEN * words


def goes_by_line(lines: Sequence[WrittenLine]) -> bool:
    """Whether a page is written from the top to the bottom: nothing tells columns and cells."""
    return not any(following.goes_up(line) for line, following in pairwise(lines))


def page_lines_of(lines: Sequence[WrittenLine]) -> Sequence[PageLine]:
    """The lines with the beginnings of paragraphs: after a gap, and above the line before."""
    made = []
    for number, line in enumerate(lines):
        before = lines[number - 1] if number else None
        begins = before is None or not (
            0 < before.y - line.y <= _NEW_PARAGRAPH * max(before.height, line.height)
        )
        made.append(PageLine(cells=[line.text], begins=begins))
    return made
