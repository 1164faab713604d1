"""Strict parser: lines into records, records into cells."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

LONGEST_RECORD = 1 << 24  # characters; a longer record is not a row of a table


@dataclass(frozen=True, kw_only=True, slots=True)
class Dialect:
    """How cells are separated and quoted.

    ``escape`` is the character before a quote inside quotes: the quote itself, or a backslash.
    ``blanks`` says that blanks may stand between a delimiter and an opening quote.
    """

    delimiter: str = ","
    quote: str = '"'
    escape: str = '"'
    blanks: bool = False


@dataclass(frozen=True, slots=True)
class Record:
    """Cells of a record and the line it begins on; a blank line has none.

    ``opened`` is the line of the last quote of a record that goes beyond its line. ``fault`` says
    why a record that is not blank has no cells.
    """

    line: int
    cells: list[str]
    fault: str | None = None
    opened: int | None = None

    @property
    def is_blank(self) -> bool:
        return not self.cells and self.fault is None


@dataclass(frozen=True, slots=True)
class Unclosed:
    """A quote that was opened on ``line`` and not closed where a cell may end.

    ``until`` is the line where that shows, ``None`` at the end of the file: what lies between
    cannot be divided into rows.
    """

    line: int
    until: int | None


AFTER_QUOTE = "text after a closing quote"


def records(
    lines: Iterable[str], dialect: Dialect, *, first: int = 1
) -> Iterator[Record | Unclosed]:
    """The records of ``lines``, each of which ends as it does in the file.

    ``first`` is the number of the first line. A record that is not well quoted is given without
    cells if it ends on its line; otherwise ``Unclosed`` is given, and nothing after it.
    """
    numbered = enumerate(lines, first)
    quote, delimiter = dialect.quote, dialect.delimiter
    for number, line in numbered:
        if quote not in line:
            text = line.rstrip("\r\n")
            yield Record(number, text.split(delimiter) if text else [])
        else:
            cells = _Cells(dialect)
            cells.feed(line)
            last = number
            while cells.is_open:
                last, more = next(numbered, (0, ""))
                if not more or cells.length > LONGEST_RECORD:
                    yield Unclosed(number + cells.opened_after, last or None)
                    return
                cells.feed(more)
            # A program that quotes line breaks quotes quotes, too: otherwise one was left open.
            if not cells.is_faulty and not (cells.is_loose and last > number):
                opened = number + cells.opened_after if last > number else None
                yield Record(number, cells.done, opened=opened)
            elif last == number:
                yield Record(number, [], AFTER_QUOTE)
            else:
                yield Unclosed(number + cells.opened_after, last)
                return


class _Cells:
    """The cells of one record, fed line by line."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._doubled = dialect.escape == dialect.quote
        self._inside: list[str] = []  # pieces of the quoted cell that is open
        self.done: list[str] = []
        self.is_open = False
        self.is_faulty = False
        self.is_loose = False  # a cell holds a quote and is not quoted
        self.length = 0
        self.opened_after = 0  # lines of the record before the last opening quote
        self._fed = 0

    def feed(self, line: str) -> None:
        """Take the next line of the record."""
        text = line.rstrip("\r\n")
        ending = line[len(text) :]
        at = 0
        self.length += len(line)
        if self.is_open:
            at = self._quoted(text, 0, ending)
        while 0 <= at <= len(text):
            at = self._cell(text, at, ending)
        self._fed += 1

    def _cell(self, text: str, at: int, ending: str) -> int:
        """Take the cell that begins at ``at``; where the next one begins, -1 if none does."""
        quote = self._dialect.quote
        begin = at
        if self._dialect.blanks:
            while text.startswith(" ", begin):
                begin += 1
        if text.startswith(quote, begin):
            self.opened_after = self._fed
            return self._quoted(text, begin + 1, ending)
        end = text.find(self._dialect.delimiter, at)
        cell = text[at:] if end < 0 else text[at:end]
        self.is_loose = self.is_loose or quote in cell
        self.done.append(cell)
        return -1 if end < 0 else end + 1

    def _quoted(self, text: str, at: int, ending: str) -> int:
        """Read on inside quotes; where the next cell begins, -1 if the line is at its end."""
        end = self._closing(text, at)
        if end < 0:
            self._inside.append(text[at:] + ending)
            self.is_open = True
            return -1
        self._inside.append(text[at:end])
        self.done.append(self._plain("".join(self._inside)))
        self._inside, self.is_open = [], False
        if end + 1 == len(text):
            return -1
        if text.startswith(self._dialect.delimiter, end + 1):
            return end + 2
        self.is_faulty = True
        return -1

    def _closing(self, text: str, at: int) -> int:
        """The position of the closing quote, -1 if there is none on this line."""
        quote = self._dialect.quote
        while True:
            end = text.find(quote, at)
            if end < 0:
                return -1
            if self._doubled:
                if not text.startswith(quote, end + 1):
                    return end
                at = end + 2
            else:
                before = end
                while before > 0 and text[before - 1] == "\\":
                    before -= 1
                if (end - before) % 2 == 0:
                    return end
                at = end + 1

    def _plain(self, text: str) -> str:
        quote = self._dialect.quote
        if self._doubled:
            return text.replace(quote * 2, quote)
        return re.sub(rf"\\([\\{quote}])", r"\1", text)
