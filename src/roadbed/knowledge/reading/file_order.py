"""The order in which a PDF page is written, which nearly always is that of reading. Pure.

A program that makes a PDF writes column by column and cell by cell. Only a page that is written
line by line, through all columns, or in pieces that are put between others, has another order.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
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
_SAME_HEIGHT = 0.1  # of the height of a line
_BLANK = 0.2  # of the height of a line, the narrowest
_OF_CELLS = 1.5  # of the height of a line; words of a sentence are less apart
_LONGEST_NAME = 3  # words before a colon
_SENTENCE_ENDS = ".!?:;"
_ITEM = re.compile(r"[-*+•◦▪·–—]|\W?(\d{1,3}|[a-zA-Z])[.)]")


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
    """The lines of some words of a page in the order in which they are written."""
    made: list[list[Word]] = []
    for word in words:
        last = made[-1][-1] if made else None
        is_new = (
            last is None
            or word.number != last.number + 1
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


def edges(words: Sequence[Word]) -> Iterator[Sequence[Word]]:
    """The words of the highest and of the lowest line, where a gap is between it and the rest."""
    by_height = sorted(words, key=lambda word: word.y)
    for ordered in (by_height, by_height[::-1]):
        for at, (word, following) in enumerate(pairwise(ordered), start=1):
            apart = abs(word.y - following.y) / max(word.height, 1.0)
            if apart > _UP:  # the next line
                if apart > _NEW_PARAGRAPH:
                    yield ordered[:at]
                break


def page_lines_of(lines: Sequence[WrittenLine]) -> Sequence[PageLine]:
    """The lines with the beginnings of paragraphs, and with those lines that go on.

    A paragraph begins after a gap, and above the line before.
    """
    return [
        PageLine(cells=[line.text], begins=number == 0, goes_on=goes_on)
        for paragraph in _paragraphs(lines)
        for number, (line, goes_on) in enumerate(zip(paragraph, _going_on(paragraph), strict=True))
    ]


def _paragraphs(lines: Sequence[WrittenLine]) -> Iterator[Sequence[WrittenLine]]:
    paragraph: list[WrittenLine] = []
    for line in lines:
        if paragraph:
            before = paragraph[-1]
            farthest = _NEW_PARAGRAPH * max(before.height, line.height)
            if not line.is_below(before) or before.y - line.y > farthest:
                yield paragraph
                paragraph = []
        paragraph.append(line)
    if paragraph:
        yield paragraph


def _going_on(paragraph: Sequence[WrittenLine]) -> Iterator[bool]:
    """Whether each line goes on with the one before.

    That one had no room for its first word, or ends within a sentence. Rows of a table, items of a
    list and named values do not go on.
    """
    yield False
    right = max(line.right for line in paragraph)
    for line, following in pairwise(paragraph):
        first = following.words[0]
        height = max(line.height, following.height)
        is_full = line.right + _BLANK * height + first.right - first.left > right
        is_within = first.text[0].islower() and line.words[-1].text[-1] not in _SENTENCE_ENDS
        is_same = abs(line.height - following.height) <= _SAME_HEIGHT * height
        yield (
            (is_full or is_within)
            and is_same
            and _ITEM.fullmatch(first.text) is None
            and not any(word.text.endswith(":") for word in following.words[:_LONGEST_NAME])
            and not _has_cells(line)
            and not _has_cells(following)
        )


def _has_cells(line: WrittenLine) -> bool:
    """Whether words of a line stand so far apart as those of a table do."""
    return any(
        following.left - word.right > _OF_CELLS * line.height
        for word, following in pairwise(line.words)
    )
