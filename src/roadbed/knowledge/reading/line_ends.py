"""Hyphens at line ends of a PDF: whether a word goes on behind one, or has it. Pure.

The second reader marks them, with and without a character of the file. The first one leaves a blank
behind the hyphen.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping

_MARK = re.compile("[\x02\ufffe]")  # of pdfium, in its two ways to give a text
_SOFT = "\u00ad"  # a hyphen that shows at line ends only
_GAP = re.compile(f"[-{_SOFT}] (?=([^\\W\\d_]+))")
_BEFORE = re.compile(r"[^\W\d_]+\Z")
_AFTER = re.compile(r"[^\W\d_]+")
_WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
_LONGEST = 60  # letters of a part of a word

LineEnds = Mapping[tuple[str, str], str | None]


def line_ends(texts: Iterable[str]) -> LineEnds:
    """The pairs of word parts around a line end, with what stands between them in the word.

    It is nothing, or a hyphen, as the text has the word elsewhere; ``None`` if it has it nowhere.
    """
    written = list(texts)
    pairs = {_pair(text, mark) for text in written for mark in _MARK.finditer(text)}
    if not pairs:
        return {}
    # The marks end words here, so that the parts around them count as other words.
    words = Counter(word.lower() for text in written for word in _WORD.findall(text))
    return {pair: _between(*pair, words) for pair in pairs if all(pair)}


def whole(text: str, ends: LineEnds) -> str:
    """A text of the second reader without its marks."""

    def join(mark: re.Match[str]) -> str:
        between = ends.get(_pair(text, mark))
        return "-" if between is None else between

    return _MARK.sub(join, text)


def joined(text: str, ends: LineEnds) -> str:
    """A text of the first reader whose words are whole at the line ends that ``ends`` knows."""
    if not ends and _SOFT not in text:
        return text

    def join(gap: re.Match[str]) -> str:
        if gap[0][0] == _SOFT:
            return ""
        between = ends.get((_before(text, gap.start()), gap[1]))
        return gap[0] if between is None else between

    return _GAP.sub(join, text)


def _pair(text: str, mark: re.Match[str]) -> tuple[str, str]:
    after = _AFTER.match(text, mark.end())
    return _before(text, mark.start()), after[0] if after else ""


def _before(text: str, end: int) -> str:
    match = _BEFORE.search(text[max(0, end - _LONGEST) : end])
    return match[0] if match else ""


def _between(one: str, two: str, words: Mapping[str, int]) -> str | None:
    together = words.get(f"{one}{two}".lower(), 0)
    hyphened = words.get(f"{one}-{two}".lower(), 0)
    if not together and not hyphened:
        return None
    return "" if together > hyphened else "-"
