"""Generated tables, read by Roadbed, by ``csv`` and by Polars: no cell moves, no row is lost."""

from __future__ import annotations

import csv
import random
from collections.abc import Sequence
from pathlib import Path

import polars as pl
import pytest

from roadbed.tables import LeftOut, Row, Table, TableError

FILES = 600  # `make bench NAME=tables` generates 10,000
_WORDS = ("refund", "größe", "naïve", "it's", "a;b", "x|y", "tab\there", "1,5", "", " ", "日本")
_ENCODINGS = ("utf-8", "utf-8", "utf-8-sig", "utf-16")
_ENDINGS = ("\n", "\n", "\r\n", "\r")
_DELIMITERS = (",", ";", "\t", "|")


class Generated:
    """A table as it is meant, and the text that a program wrote of it."""

    def __init__(self, seed: int, *, rows: int = 25) -> None:
        chance = self.chance = random.Random(seed)
        self.delimiter = chance.choice(_DELIMITERS)
        self.ending = chance.choice(_ENDINGS)
        self.encoding = chance.choice(_ENCODINGS)
        columns = chance.randint(2, 5)
        self.header = ["text", "label", "id", "more, of it", 'in "quotes"'][:columns]
        chance.shuffle(self.header)
        self.rows = [[self._cell() for _ in self.header] for _ in range(chance.randint(1, rows))]
        self.lines = [self._line(row) for row in [self.header, *self.rows]]

    def _cell(self) -> str:
        chance = self.chance
        cell = " ".join(chance.choices(_WORDS, k=chance.randint(1, 4)))
        if chance.random() < 0.2:
            cell = cell[: len(cell) // 2] + '"' + cell[len(cell) // 2 :]
        if chance.random() < 0.1:
            cell += chance.choice(("\n", "\r\n", ",\n", '"\n"')) + "below"
        if chance.random() < 0.2:
            cell += self.delimiter + "more"
        return cell

    def _line(self, row: Sequence[str]) -> str:
        quoted = []
        for cell in row:
            needs = any(mark in cell for mark in (self.delimiter, '"', "\n", "\r"))
            always = needs or self.chance.random() < 0.3
            quoted.append('"' + cell.replace('"', '""') + '"' if always else cell)
        return self.delimiter.join(quoted) + self.ending

    def write(self, path: Path, lines: Sequence[str] | None = None) -> None:
        text = "".join(self.lines if lines is None else lines)
        path.write_bytes(text.encode(self.encoding))

    def open(self, path: Path) -> Table:
        return Table(path, match=lambda header: {"text", "label"} <= set(header))


def as_csv_reads(path: Path, table: Generated) -> list[list[str]]:
    encoding = "utf-8-sig" if table.encoding == "utf-8" else table.encoding
    with path.open(encoding=encoding, newline="") as file:
        return [row for row in csv.reader(file, delimiter=table.delimiter, strict=True) if row]


def check_whole(path: Path, seed: int) -> None:
    """A well-formed table is read correctly."""
    table = Generated(seed)
    table.write(path)
    read = table.open(path)
    rows = list(read.rows())
    header = [name.strip() for name in table.header]
    assert read.header == header, seed
    assert [list(row.cells) for row in rows] == table.rows, seed
    assert (read.account.rows, read.account.left_out) == (len(table.rows), {}), seed
    assert as_csv_reads(path, table) == [table.header, *table.rows], seed
    if table.ending != "\r" and not table.encoding.startswith("utf-16"):
        frame = pl.read_csv(path, separator=table.delimiter, infer_schema=False)
        assert [[cell or "" for cell in row] for row in frame.rows()] == table.rows, seed


def check_damaged(path: Path, seed: int) -> bool:
    """Rows that do not fit are counted with their lines, or the file is refused: whether it was."""
    table = Generated(seed, rows=300)
    chance = table.chance
    lines = list(table.lines)
    clean = {tuple(row) for row in table.rows}
    for _ in range(chance.randint(1, 3)):
        place = chance.randrange(1, len(lines) + 1)
        damage = chance.choice(
            (
                f"a{table.delimiter * len(table.header)}b{table.ending}",
                f"short{table.ending}",
                f'"open{table.delimiter}b{table.ending}',
                f'"closed"x{table.delimiter * (len(table.header) - 1)}{table.ending}',
                f"nul\x00{table.delimiter * (len(table.header) - 1)}{table.ending}",
                table.ending,
            )
        )
        lines.insert(place, damage)
        clean.add(("nul", *[""] * (len(table.header) - 1)))
    table.write(path, lines)
    try:
        read = table.open(path)
        entries = list(read.entries())
    except TableError:
        return True  # what it says is tested in tests/unit/test_tables.py
    rows = [entry for entry in entries if isinstance(entry, Row)]
    left_out = [entry for entry in entries if isinstance(entry, LeftOut)]
    assert {tuple(row.cells) for row in rows} <= clean, seed  # no cell in another column
    assert len(entries) == read.account.rows == len(rows) + len(left_out), seed
    counted = sum(lines.count for lines in read.account.left_out.values())
    assert counted == len(left_out), seed
    # An open quote may take the next row with it, into one record that is counted.
    assert len(rows) + len(left_out) >= len(table.rows), seed
    return False


@pytest.mark.parametrize("part", range(4))
def test_tables_are_read_as_they_were_meant(tmp_path: Path, part: int) -> None:
    refused = 0
    for seed in range(part, FILES, 4):
        check_whole(tmp_path / "table.csv", seed)
        refused += check_damaged(tmp_path / "table.csv", seed)
    assert 0 < refused < FILES / 4  # either happens
