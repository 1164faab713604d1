"""A page put together from lines and rows; the first reader gives its headings. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from roadbed.knowledge.reading import markdown

Words = tuple[str, ...]
_WORD = re.compile(r"\w+|[—–]")
_MARK = re.compile(r"[\\`*_\[\]|#<>]")
_BULLET = re.compile(r"[-=+~](?=[-=+~\s]|$)")
_LONGEST_HEADING = 3  # lines
_BEGIN = 3  # words that tell a paragraph


@dataclass(frozen=True, kw_only=True, slots=True)
class PageLine:
    """A line of a page, or with ``table`` a row of the table with that number.

    ``begins``: it begins a paragraph; ``None`` if nothing tells.
    """

    cells: Sequence[str]
    table: int | None = None
    begins: bool | None = None

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
    """The lines as Markdown, with the headings of ``text``, of the first reader.

    Where nothing tells the beginnings of paragraphs, they are those of ``text`` too.
    """
    written = markdown.plain(text).split("\n")
    return "\n".join(_composed(lines, _headings(written), _beginnings(written)))


def _composed(
    lines: Sequence[PageLine], headings: Mapping[str, int], beginnings: set[Words]
) -> Iterator[str]:
    at, table = 0, None
    while at < len(lines):
        line = lines[at]
        if line.table is None:
            if table is not None:
                yield ""
            last = _heading_end(lines, at, headings)
            if last is not None:
                title = " ".join(part.text for part in lines[at : last + 1])
                yield from ("", f"{'#' * headings[_letters(title)]} {_escaped(title)}", "")
            else:
                begins = line.begins
                if begins is None:
                    begins = words(line.text)[:_BEGIN] in beginnings
                if begins:
                    yield ""
                yield _escaped(line.text)
            at = at + 1 if last is None else last + 1
        else:
            if line.table != table:
                yield ""
            yield "| " + " | ".join(_escaped(cell) for cell in line.cells) + " |"
            if line.table != table:
                yield "| --- |"
            at += 1
        table = line.table


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


def _beginnings(written: Sequence[str]) -> set[Words]:
    """The first words of each paragraph."""
    return {
        words(line)[:_BEGIN]
        for before, line in zip(["", *written], written, strict=False)
        if line.strip() and not before.strip()
    }


def _letters(text: str) -> str:
    return "".join(words(text))


def _escaped(text: str) -> str:
    """Text that Markdown gives again as it is."""
    text = _MARK.sub(r"\\\g<0>", text.strip())
    return _BULLET.sub(r"\\\g<0>", text, count=1) if _BULLET.match(text) else text
