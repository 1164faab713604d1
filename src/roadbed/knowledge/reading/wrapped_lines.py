"""Texts whose lines were broken at a width: where a line goes on with the one before. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

_NARROWEST, _WIDEST = 40, 120  # characters
_FEWEST = 3  # lines that are followed by another one of their paragraph
_LONGEST_FEW = 0.1  # of them, which somebody made longer by hand
_MOSTLY = 0.8  # of them have no room for the next word
_WITHIN = 0.25  # of them are followed by a small letter, or by one of a script without capitals
_OWN_LINE = re.compile(
    r"""
    \s*(
        [-*+•◦▪·–—>|\#=`~]                            # an item, a quote, a row, a title, code
        | \W?(\d{1,3}|[a-zA-Z])[.)](\s|$)            # a numbered item
        | \S+([ ]\S+){0,2}:(\s|$)                    # a named value
    )
    | .*[^\s.!?:]\s{2,}\S                          # cells
    """,
    re.VERBOSE,
)


def wrap_width(lines: Sequence[str]) -> int | None:
    """The width at which the lines of a text were broken; ``None`` if they were not.

    They were if most lines of its paragraphs have no room for the first word of the next one. Rows
    of equal length have none either, but begin with a number or a capital.
    """
    pairs = list(_in_paragraphs(lines))
    if len(pairs) < _FEWEST:
        return None
    lengths = sorted(len(line.rstrip()) for line, _ in pairs)
    width = lengths[int((1 - _LONGEST_FEW) * (len(lengths) - 1))]
    full = sum(_is_full(line, following, width) for line, following in pairs)
    within = sum(_is_within_sentence(following) for _, following in pairs)
    is_wrapped = full >= _MOSTLY * len(pairs) and within >= _WITHIN * len(pairs)
    return width if _NARROWEST <= width <= _WIDEST and is_wrapped else None


def goes_on(line: str, following: str, width: int) -> bool:
    """Whether a line goes on with the one before it, ``line``, in a text of this width."""
    return _may_go_on(line, following) and _is_full(line, following, width)


def unwrapped(text: str) -> str:
    """A text with a blank for each line break within a paragraph: no character moves."""
    lines = text.split("\n")
    width = wrap_width(lines)
    if width is None:
        return text
    pieces = [lines[0]]
    for line, following in pairwise(lines):
        pieces += [" " if goes_on(line, following, width) else "\n", following]
    return "".join(pieces)


def _in_paragraphs(lines: Sequence[str]) -> Iterator[tuple[str, str]]:
    return ((line, following) for line, following in pairwise(lines) if _may_go_on(line, following))


def _may_go_on(line: str, following: str) -> bool:
    """Whether both are lines of a paragraph: no items, rows, quotes, named values or titles."""
    return (
        bool(line.strip())
        and bool(following.strip())
        and _OWN_LINE.match(following) is None
        and not line.lstrip().startswith(("#", "|", ">", "`", "~"))
    )


def _is_full(line: str, following: str, width: int) -> bool:
    return len(line.rstrip()) + 1 + len(following.split(maxsplit=1)[0]) > width


def _is_within_sentence(line: str) -> bool:
    first = line.lstrip()[0]
    return first.isalpha() and not first.isupper()
