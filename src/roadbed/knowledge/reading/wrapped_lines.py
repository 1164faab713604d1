"""Texts whose lines were broken at a width: where a line goes on with the one before. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise

_NARROWEST, _WIDEST = 40, 120  # characters
_FEWEST = 6  # lines that are followed by another one of their paragraph
_MOSTLY = 0.8  # of the lines of a paragraph have no room for the next word
_WITHIN = 0.25  # of them are followed by a small letter, or by one of a script without capitals
_MOST_LOOKED = 3_000  # lines from which the width is found
_FEW_LINES = 3  # with fewer, nothing tells rows and verses from a paragraph
_HALF = 0.5
_SEPARATORS = 2  # in each row
_OWN_LINE = re.compile(
    r"""
    \s*(
        [-*+•◦▪·–—>|\#=`~]               # an item, a quote, a row, a title, code
        | \S+([ ]\S+){0,2}:(\s|$)         # a named value
    )
    | .*[^\s.!?:]\s{2,}\S                # cells
    """,
    re.VERBOSE,
)
_NO_TEXT = re.compile(r"\s*[#|>`~]")
_ITEM = re.compile(r"\s*\W?(\d{1,3}|[a-zA-Z])[.)](\s|$)")
_SENTENCE_ENDS = ".!?:;…"
_CLAUSE_ENDS = f"{_SENTENCE_ENDS},–—"
_BEHIND_END = " \t\r\"'”’“‘»«)]*_"  # signs that may stand between the end and the line end
_CODE = re.compile(r"[={}<>\\]|\w\(|::")


def wrap_width(lines: Sequence[str]) -> int | None:
    """The width at which the lines of paragraphs were broken, in characters; ``None`` if none was.

    It is that at which most lines of whole paragraphs have no room for the first word of the next
    line. Rows, verses, logs and code may have lines of equal length too, and are not looked at.
    """
    paragraphs, looked = [], 0
    for begin, end in _paragraphs(lines):
        if looked >= _MOST_LOOKED:
            break
        paragraph = lines[begin : min(end, begin + _MOST_LOOKED - looked)]
        looked += len(paragraph)
        if _is_prose(paragraph):
            paragraphs.append(paragraph)
    best: Sequence[Sequence[str]] = []
    width = None
    for tried in range(_NARROWEST, _WIDEST + 1):
        fitting = [paragraph for paragraph in paragraphs if _is_broken_at(tried, paragraph)]
        if _count(fitting) > _count(best):
            best, width = fitting, tried
    within = sum(_is_within_sentence(line) for paragraph in best for line in paragraph[1:])
    is_wrapped = _count(best) >= _FEWEST and within >= _WITHIN * _count(best)
    return width if is_wrapped else None


def going_on(lines: Sequence[str], width: int) -> Sequence[bool]:
    """For each line but the last, whether the next one goes on with it in a text of this width."""
    flags = [False] * max(0, len(lines) - 1)
    for begin, end in _paragraphs(lines):
        paragraph = lines[begin:end]
        if _is_prose(paragraph) and _is_broken_at(width, paragraph):
            for number, (line, following) in enumerate(pairwise(paragraph), begin):
                flags[number] = _is_full(line, following, width)
    return flags


def unwrapped(text: str) -> str:
    """A text with a blank for each line break within a paragraph: no character moves."""
    lines = text.split("\n")
    width = wrap_width(lines)
    if width is None:
        return text
    pieces = [lines[0]]
    for following, goes_on in zip(lines[1:], going_on(lines, width), strict=True):
        pieces += [" " if goes_on else "\n", following]
    return "".join(pieces)


def _paragraphs(lines: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Begin and end of the paragraphs with more than one line.

    Items, rows, quotes, named values and titles begin on a line of their own. A line that begins
    with a number is an item if the line before ends a sentence, or the item before has the number
    below: a figure at the end of a sentence may stand there too.
    """
    begin, last = 0, ""
    for number, line in enumerate(lines):
        before = lines[number - 1] if number else ""
        item = _ITEM.match(line)
        is_item = item is not None and (
            not before.strip()
            or _ends_with(before, _SENTENCE_ENDS)
            or item[1].lower() == _next(last)
        )
        if item is not None and is_item:
            last = item[1]
        own = is_item or _OWN_LINE.match(line) is not None
        if own or not line.strip() or _NO_TEXT.match(before):
            if number - begin > 1:
                yield begin, number
            begin = number + (not line.strip())
    if len(lines) - begin > 1:
        yield begin, len(lines)


def _next(item: str) -> str:
    """The number or small letter of the item after this one; of none, no item has it."""
    if item.isdecimal():
        return str(int(item) + 1)
    return chr(ord(item.lower()) + 1) if item else ""


def _is_prose(paragraph: Sequence[str]) -> bool:
    """Whether lines look like a paragraph, and not like rows, verses, a log or code."""
    count = len(paragraph)
    if sum(_CODE.search(line) is not None for line in paragraph) > _HALF * count:
        return False
    if count < _FEW_LINES:
        return True
    ends = sum(_ends_with(line, _CLAUSE_ENDS) for line in paragraph[:-1])
    first = Counter(line.split(maxsplit=1)[0].casefold() for line in paragraph)
    separated = Counter(line.count(",") + line.count(";") for line in paragraph)
    rows = max((rows for signs, rows in separated.items() if signs >= _SEPARATORS), default=0)
    return (
        ends <= _HALF * (count - 1)
        and first.most_common(1)[0][1] <= _HALF * count
        and rows < _MOSTLY * count
    )


def _ends_with(line: str, signs: str) -> bool:
    return line.rstrip(_BEHIND_END).endswith(tuple(signs))


def _is_broken_at(width: int, paragraph: Sequence[str]) -> bool:
    pairs = list(pairwise(paragraph))
    full = sum(
        len(line.rstrip()) <= width and _is_full(line, following, width)
        for line, following in pairs
    )
    return full >= _MOSTLY * len(pairs)


def _count(paragraphs: Sequence[Sequence[str]]) -> int:
    return sum(len(paragraph) - 1 for paragraph in paragraphs)


def _is_full(line: str, following: str, width: int) -> bool:
    return len(line.rstrip()) + 1 + len(following.split(maxsplit=1)[0]) > width


def _is_within_sentence(line: str) -> bool:
    first = line.lstrip()[0]
    return first.isalpha() and not first.isupper()
