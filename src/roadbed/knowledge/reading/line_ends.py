"""Hyphens at line ends of a PDF: whether a word goes on behind one, or has it. Pure.

The second reader marks them, with and without a character of the file. The first one leaves a blank
behind the hyphen.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping

_MARKS = "\x02\ufffe"  # of pdfium, in its two ways to give a text
_SOFT = "\u00ad"  # a hyphen that shows at line ends only
_BROKEN = re.compile(rf"([^\W\d_]+)[{_MARKS}]([^\W\d_]+)")
_WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
_PAIR = re.compile("([^\\W\\d_]+)([-\u00ad]) (?=([^\\W\\d_]+))")

LineEnds = Mapping[tuple[str, str], str | None]


def line_ends(texts: Iterable[str]) -> LineEnds:
    """The pairs of word parts around a line end, with what stands between them in the word.

    It is nothing, or a hyphen, as the text has the word elsewhere; ``None`` if it has it nowhere.
    """
    written = list(texts)
    pairs = {(match[1], match[2]) for text in written for match in _BROKEN.finditer(text)}
    if not pairs:
        return {}
    words = Counter(
        word.lower() for text in written for word in _WORD.findall(_BROKEN.sub(" ", text))
    )
    return {pair: _between(*pair, words) for pair in pairs}


def whole(text: str, ends: LineEnds) -> str:
    """A text of the second reader without its marks."""

    def join(match: re.Match[str]) -> str:
        between = ends.get((match[1], match[2]))
        return f"{match[1]}{'-' if between is None else between}{match[2]}"

    text = _BROKEN.sub(join, text)
    for mark in _MARKS:
        text = text.replace(mark, "-")
    return text


def joined(text: str, ends: LineEnds) -> str:
    """A text of the first reader whose words are whole at the line ends that ``ends`` knows."""

    def join(match: re.Match[str]) -> str:
        one, hyphen, two = match.groups()
        between = ends.get((one, two))
        if hyphen == _SOFT:
            return one
        return match[0] if between is None else one + between

    return _PAIR.sub(join, text) if ends or _SOFT in text else text


def _between(one: str, two: str, words: Mapping[str, int]) -> str | None:
    together = words.get(f"{one}{two}".lower(), 0)
    hyphened = words.get(f"{one}-{two}".lower(), 0)
    if not together and not hyphened:
        return None
    return "" if together > hyphened else "-"
