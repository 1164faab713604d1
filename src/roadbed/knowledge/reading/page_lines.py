"""A page put together from lines and rows; the first reader gives its headings. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from roadbed.knowledge.reading import markdown

Words = tuple[str, ...]
_WORD = re.compile(r"\w+|[—–]")
_MARK = re.compile(r"[\\`*_\[\]|#<>]")
_ESCAPED = r"\\\g<0>"
_BULLET = re.compile(r"[-=+~](?=[-=+~\s]|$)")
_LONGEST_HEADING = 3  # lines


@dataclass(frozen=True, kw_only=True, slots=True)
class PageLine:
    """A line of a page, or with ``table`` a row of the table with that number.

    ``begins``: it begins a paragraph. ``goes_on``: it goes on with the sentence of the line before.
    """

    cells: Sequence[str]
    table: int | None = None
    begins: bool = False
    goes_on: bool = False

    @property
    def text(self) -> str:
        """Its words, without cells."""
        return " ".join(self.cells)


def words(text: str) -> Words:
    """Words and dashes, in lower case."""
    return tuple(word.casefold() for word in _WORD.findall(text))


def word_spans(text: str) -> Sequence[tuple[int, int]]:
    """Where the words of ``words`` stand."""
    return [match.span() for match in _WORD.finditer(text)]


def composed(lines: Sequence[PageLine], text: str) -> str:
    """The lines as Markdown, with the headings of ``text``, of the first reader."""
    return "\n".join(_composed(lines, _headings(markdown.plain(text).split("\n"))))


def _composed(lines: Sequence[PageLine], headings: Mapping[str, int]) -> Sequence[str]:
    made: list[str] = []
    at, table = 0, None
    is_open = False  # whether the line before is of a paragraph
    while at < len(lines):
        line = lines[at]
        following = at + 1
        if line.table is None:
            if table is not None:
                made.append("")
            last = _heading_end(lines, at, headings)
            if last is not None:
                title = " ".join(part.text for part in lines[at : last + 1])
                made += ["", f"{'#' * headings[_letters(title)]} {_escaped(title)}", ""]
                following = last + 1
            elif line.goes_on and is_open:
                made[-1] += f" {_MARK.sub(_ESCAPED, line.text.strip())}"
            else:
                if line.begins:
                    made.append("")
                made.append(_escaped(line.text))
            is_open = last is None
        else:
            if line.table != table:
                made.append("")
            made.append("| " + " | ".join(_escaped(cell) for cell in line.cells) + " |")
            if line.table != table:
                made.append("| --- |")
            is_open = False
        at, table = following, line.table
    return made


def _heading_end(lines: Sequence[PageLine], at: int, headings: Mapping[str, int]) -> int | None:
    """The last line of the heading that begins at line ``at``."""
    letters = ""
    for last, line in enumerate(lines[at : at + _LONGEST_HEADING], start=at):
        if line.table is not None:
            return None
        letters += _letters(line.text)
        if letters in headings:
            return last
    return None


def _headings(written: Sequence[str]) -> Mapping[str, int]:
    """The letters of each heading, and its level."""
    made: dict[str, int] = {}
    for line in written:
        heading = markdown.heading(line)
        if heading is not None:
            made.setdefault(_letters(heading[1]), heading[0])
    return made


def _letters(text: str) -> str:
    return "".join(words(text))


def _escaped(text: str) -> str:
    """Text that Markdown gives again as it is."""
    text = _MARK.sub(_ESCAPED, text.strip())
    return _BULLET.sub(_ESCAPED, text, count=1) if _BULLET.match(text) else text
