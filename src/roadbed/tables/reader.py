"""Reader of delimited text files: rows under a header."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from roadbed.kernel.sentences import figure, sentence
from roadbed.kernel.storable import stripped
from roadbed.tables.account import Account
from roadbed.tables.detection import described, find_dialect, fits
from roadbed.tables.encodings import WINDOWS, Encoding, find_encoding
from roadbed.tables.errors import TableError
from roadbed.tables.records import LONGEST_RECORD, Record, Unclosed, records

LONGEST_CELL = 1_000_000
_MOST_MISFITS = 0.02
_MOST_FOOTER = 3
_MOST_ABOVE = 30  # lines above a header that are searched
_SAMPLE_LINES = 2_000
_SAMPLE_CHARACTERS = 1_000_000
STRIPPED = "Characters that cannot be stored removed"
SEVERAL_LINES = "Rows that go over several lines"
QUOTES = "Rows with quotes inside a cell"
_FOOTER = "fewer cells than the header, below the last row that fits"
_TOO_LONG = f"a cell of more than {LONGEST_CELL:,} characters"
EXTRA = "Empty cells after the last column removed"


@dataclass(frozen=True, slots=True)
class Row:
    """The cells of a row, as many as the header has, and the line it begins on."""

    line: int
    cells: Sequence[str]


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A row that is left out, its line and the reason."""

    line: int
    why: str


class Table:
    """A table in a file: a header, and rows that are read anew each time ``rows`` is called.

    ``delimiter`` and ``encoding`` are found where they are not given. ``match`` gives the
    share of the header that is looked for which names have, 1 for all; it tells dialects apart.
    Raises ``TableError`` for a file without a header, or one whose encoding nobody can tell.
    """

    def __init__(
        self,
        path: Path,
        *,
        delimiter: str | None = None,
        encoding: str | None = None,
        match: Callable[[Sequence[str]], float] = bool,
    ) -> None:
        if delimiter is not None and (len(delimiter) != 1 or delimiter in "\"'\\\r\n"):
            raise TableError(
                sentence("Cells cannot be separated by %(delimiter)r.", delimiter=delimiter),
                sentence("Name one character with --delimiter, for example ';'."),
            )
        self.path = path
        self.account = Account()
        try:
            self._encoding = find_encoding(path, encoding)
            sample = self._sample()
        except OSError as error:
            raise TableError(
                sentence(
                    "%(path)s cannot be read: %(strerror)s.", path=path, strerror=error.strerror
                ),
                sentence("Check the path."),
            ) from error
        except UnicodeError as error:
            raise self._undecodable(error) from error
        mark = delimiter or sample.delimiter
        best = find_dialect(sample.lines, whole=sample.whole, delimiter=mark, match=match)
        self._begins = sample.begins
        self._dialect = best.dialect
        self.header: Sequence[str] = best.header
        self._guessed = [
            *([self._encoding.said] if self._encoding.said else []),
            *described(best.dialect, named=mark is not None),
        ]
        if not any(self.header):
            raise TableError(
                sentence("%(path)s has no header.", path=path),
                sentence("Give a table whose first line names the columns."),
            )
        if not best.is_right and (line := _later_header(sample, mark, match)):
            raise TableError(
                sentence(
                    "The header of %(path)s seems to stand on line %(line)s.", path=path, line=line
                ),
                sentence("Remove the lines above it."),
            )

    def rows(self) -> Iterator[Row]:
        """The rows that fit the header. Raises as ``entries``."""
        return (entry for entry in self.entries() if isinstance(entry, Row))

    def entries(self) -> Iterator[Row | LeftOut]:
        """All rows but blank lines; ``account`` has their results.

        Raises ``TableError`` at an open quote and, at the end, for a table of which more than 2 %
        of the rows do not fit: so read all rows before acting on them, see ``check``.
        """
        account = self.account = Account(guessed=list(self._guessed))
        columns, unfit = len(self.header), 0
        last: list[Record] = []  # rows that do not fit, since the last one that does
        try:
            for record in itertools.islice(self._records(), 1, None):
                if isinstance(record, Unclosed):
                    raise self._unclosed(record)
                if record.is_blank:
                    account.blank += 1
                    continue
                account.rows += 1
                if record.fault or not fits(record.cells, columns):
                    unfit += 1
                    last.append(self._on_one_line(record))
                    continue
                yield from map(self._misfit, last)
                last.clear()
                cells = record.cells
                self._note(record)
                if len(cells) > columns:
                    cells = cells[:columns]
                    account.change(EXTRA, record.line)
                if max(map(len, cells)) > LONGEST_CELL:
                    yield self._left_out(record.line, _TOO_LONG)
                else:
                    yield Row(record.line, self._cleaned(cells, record.line))
        except UnicodeError as error:
            raise self._undecodable(error) from error
        footer = self._footer(last)
        yield from map(self._misfit, last[: len(last) - footer])
        for record in last[len(last) - footer :]:
            yield self._left_out(record.line, _FOOTER)
        unfit -= footer
        if unfit > _MOST_MISFITS * account.rows:
            raise self._too_many(unfit)

    def check(self) -> Account:
        """Read all rows once. Raises as ``rows``."""
        for _ in self.rows():
            self.account.used += 1
        return self.account

    def _note(self, record: Record) -> None:
        if record.opened is not None:
            self.account.note(SEVERAL_LINES, record.line)
        if any(map(self._has_quote, record.cells)):
            self.account.note(QUOTES, record.line)

    def _has_quote(self, cell: str) -> bool:
        return self._dialect.quote in cell

    def _cleaned(self, cells: list[str], line: int) -> list[str]:
        cleaned = [cell if cell.isprintable() else stripped(cell)[0] for cell in cells]
        if cleaned != cells:
            self.account.change(STRIPPED, line)
        return cleaned

    def _misfit(self, record: Record) -> LeftOut:
        count = len(record.cells)
        short = f"{count} {'cell' if count == 1 else 'cells'} where the header has "
        return self._left_out(record.line, record.fault or f"{short}{len(self.header)}")

    def _left_out(self, line: int, why: str) -> LeftOut:
        self.account.leave_out(why, line)
        return LeftOut(line, why)

    def _footer(self, last: Sequence[Record]) -> int:
        """How many of the rows below the last one that fits are a footer: a few short ones."""
        footer = last[-_MOST_FOOTER:]
        whole = self.account.rows == len(last)
        if whole or any(record.fault or len(record.cells) > len(self.header) for record in footer):
            return 0
        return len(footer)

    def _on_one_line(self, record: Record) -> Record:
        """A row that does not fit. Raises ``TableError`` where it may hold other rows.

        A quote that was left open may have been closed by that of a cell in another row.
        """
        if record.opened is None:
            return record
        raise TableError(
            sentence(
                "The row of %(path)s that begins on line %(line)s goes over several lines "
                "and has %(cells)s cells where the header has %(header)s. The quote that "
                "opens on line %(opened)s may be left open.",
                path=self.path,
                line=record.line,
                cells=len(record.cells),
                header=len(self.header),
                opened=record.opened,
            ),
            sentence("Close the quote, or quote cells that hold a delimiter."),
        )

    def _undecodable(self, error: UnicodeError) -> TableError:
        facts = {"path": self.path, "name": self._encoding.name}
        return TableError(
            sentence(
                "%(path)s is not %(name)s to its end (byte %(byte)s).", **facts, byte=error.start
            )
            if isinstance(error, UnicodeDecodeError)
            else sentence("%(path)s is not %(name)s to its end.", **facts),
            sentence("Name the right encoding with --encoding."),
        )

    def _unclosed(self, quote: Unclosed) -> TableError:
        until = sentence("the file ends before it is")
        if quote.until:
            until = sentence("on line %(line)s it is not", line=quote.until)
        return TableError(
            sentence(
                "A quote that opens on line %(line)s of %(path)s should close before a "
                "delimiter, and %(until)s.",
                line=quote.line,
                path=self.path,
                until=until,
            ),
            sentence("Close the quote, or double a quote that belongs to the text."),
        )

    def _too_many(self, unfit: int) -> TableError:
        reasons = "; ".join(f"{why}: {lines}" for why, lines in self.account.left_out.items())
        most = f"{_MOST_MISFITS:.0%}"
        return TableError(
            sentence(
                "%(unfit)s of %(rows)s rows of %(path)s do not fit the header, more than "
                "%(most)s. %(reasons)s.",
                unfit=figure(f"{unfit:,}"),
                rows=figure(f"{self.account.rows:,}"),
                path=self.path,
                most=most,
                reasons=reasons,
            ),
            sentence(
                "Quote cells that hold a delimiter or a line break, or name the delimiter "
                "with --delimiter."
            ),
        )

    def _records(self) -> Iterator[Record | Unclosed]:
        """The header and all after it, without blank lines above the header."""
        errors = "surrogateescape" if self._encoding.others else "strict"
        with self.path.open(encoding=self._encoding.name, newline="", errors=errors) as file:
            lines = itertools.islice(_lines(file, self._encoding), self._begins - 1, None)
            begun = False
            for record in records(lines, self._dialect, first=self._begins):
                if begun or not isinstance(record, Record) or not record.is_blank:
                    begun = True
                    yield record

    def _sample(self) -> _Sample:
        name = self._encoding.name
        with self.path.open(encoding=name, newline="", errors="surrogateescape") as file:
            lines: list[str] = []
            size, whole = 0, False
            source = _lines(file, self._encoding)
            while len(lines) < _SAMPLE_LINES and size < _SAMPLE_CHARACTERS:
                if not (line := next(source, "")):
                    whole = True
                    break
                lines.append(line)
                size += len(line)
        first = lines[0].rstrip("\r\n").lower() if lines else ""
        if first.startswith("sep=") and len(first) == 5:
            return _Sample(lines[1:], whole, begins=2, delimiter=first[4])
        return _Sample(lines, whole, begins=1, delimiter=None)


@dataclass(frozen=True, slots=True)
class _Sample:
    """The first lines of a file, from the one where the table begins."""

    lines: Sequence[str]
    whole: bool
    begins: int
    delimiter: str | None


def _later_header(
    sample: _Sample, delimiter: str | None, match: Callable[[Sequence[str]], float]
) -> int | None:
    for number in range(1, min(len(sample.lines), _MOST_ABOVE)):
        best = find_dialect(
            sample.lines[number:], whole=sample.whole, delimiter=delimiter, match=match
        )
        if best.is_right:
            return sample.begins + number
    return None


def _lines(file: TextIO, encoding: Encoding) -> Iterator[str]:
    """Lines with their endings. Raises ``TableError`` for one that is too long to be a row."""
    number = 0
    while line := file.readline(LONGEST_RECORD + 1):
        number += 1
        if len(line) > LONGEST_RECORD:
            raise TableError(
                sentence(
                    "Line %(number)s is longer than %(longest_record)s characters.",
                    number=number,
                    longest_record=figure(f"{LONGEST_RECORD:,}"),
                ),
                sentence("Export the table again; no row of work is that long."),
            )
        if encoding.others is not None and not line.isascii():
            line = _western(line)
        yield line


def _western(line: str) -> str:
    """A line, with the parts that are not UTF-8 read as Windows-1252."""
    raw = line.encode("utf-8", "surrogateescape")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode(WINDOWS)
