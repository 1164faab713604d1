"""Tables as programs export them: encodings, dialects, and an account of every row."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from roadbed.tables import Table, TableError
from roadbed.tables.reader import LONGEST_CELL
from roadbed.tables.records import LONGEST_RECORD

Open = Callable[..., Table]
ROW = "is it there,Delivery\n"


@pytest.fixture
def opened(tmp_path: Path) -> Open:
    def write(content: str | bytes, **more: Any) -> Table:
        path = tmp_path / "past.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return Table(path, match=lambda header: {"text", "label"} <= set(header), **more)

    return write


def cells(table: Table) -> list[list[str]]:
    return [list(row.cells) for row in table.rows()]


def says(table: Table) -> str:
    table.check()
    return " ".join(table.account.sentences())


class TestDialects:
    def test_doubled_quotes_before_a_delimiter_do_not_shift_columns(self, opened: Open) -> None:
        table = opened(
            'id,text,label\n1,"She wrote ""too small"", then asked for money",Billing\n'
            "2,where is it,Delivery\n3,it is torn,Returns\n"
        )
        assert cells(table)[0] == ["1", 'She wrote "too small", then asked for money', "Billing"]
        assert says(table) == "Rows with quotes inside a cell: 1 (line 2)."

    @pytest.mark.parametrize(
        ("content", "first", "said"),
        [
            ("text;label\na, b;C\nd;E\n", ["a, b", "C"], "separated by a semicolon"),
            ("text\tlabel\na, b\tC\nd\tE\n", ["a, b", "C"], "separated by a tabulator"),
            ("text|label\na, b|C\nd|E\n", ["a, b", "C"], "separated by a vertical bar"),
            ("sep=;\ntext;label\na, b;C\n", ["a, b", "C"], ""),
            ('text,label\n"a \\"b\\", c",X\nd,Y\n', ['a "b", c', "X"], "a backslash stands"),
            ('text,label\n"a \\\\ \\"b\\"",X\nd,Y\n', ['a \\ "b"', "X"], "a backslash stands"),
            ("text,label\n'a, b','X'\n'c','Y'\n", ["a, b", "X"], "quoted with apostrophes"),
            ("text,label\n'tis fine,X\nc,Y\n", ["'tis fine", "X"], ""),
            ('text, label\n"a", "b, c"\nd,e\n', ["a", "b, c"], "Blanks before an opening quote"),
            ('text,label\n"C:\\",X\nd,Y\n', ["C:\\", "X"], ""),
            ("text,label\ra,X\rb,Y\r", ["a", "X"], ""),
            ("\n\ntext,label\na,X\n", ["a", "X"], ""),
            ('text,label\n"two\r\nlines",X\n', ["two\r\nlines", "X"], "several lines: 1 (line 2)"),
        ],
    )
    def test_are_found_from_many_rows_and_told(
        self, opened: Open, content: str, first: list[str], said: str
    ) -> None:
        table = opened(content)
        assert cells(table)[0] == first
        assert said in says(table)
        assert bool(said) == bool(says(table))

    def test_a_named_delimiter_is_taken(self, opened: Open) -> None:
        table = opened("text~label\na,b~C\n", delimiter="~")
        assert cells(table) == [["a,b", "C"]]
        for wrong in (",,", '"', "\n", ""):
            with pytest.raises(TableError, match="cannot be separated"):
                opened("text,label\na,b\n", delimiter=wrong)

    def test_a_header_below_other_lines_is_pointed_out(self, opened: Open) -> None:
        with pytest.raises(TableError, match="seems to stand on line 3"):
            opened("Report\nof today,,\ntext,label\na,b\n")


class TestEncodings:
    @pytest.mark.parametrize(
        ("text", "encoding", "said"),
        [
            ("schön", "utf-8", ""),
            ("schön", "utf-8-sig", ""),
            ("schön", "utf-16", "Read as UTF-16"),
            ("schön", "utf-16-le", "every other byte is zero"),
            ("schön", "utf-16-be", "every other byte is zero"),
            ("schön", "utf-32", "Read as UTF-32"),
            ("schöne Grüße für Möbel", "cp1252", "Read as Windows-1252"),
            ("problème à l’été, forêt, ça", "cp1252", "Read as Windows-1252"),
            ("¿está mañana, señor?", "cp1252", "Read as Windows-1252"),
        ],
    )
    def test_that_are_certain_are_read(
        self, opened: Open, text: str, encoding: str, said: str
    ) -> None:
        table = opened(f'text,label\n"{text}",X\nb,Y\n'.encode(encoding))
        assert cells(table)[0] == [text, "X"]
        assert said in says(table)

    @pytest.mark.parametrize(
        ("text", "encoding"),
        [
            ("wysyłka ąę łódź", "cp1250"),
            ("není čas děkuji", "cp1250"),
            ("привет мир", "cp1251"),
            ("Möbel für schöne", "mac_roman"),
            ("Möbel", "cp850"),
            ("für", "cp850"),
        ],
    )
    def test_that_are_not_are_asked_for(self, opened: Open, text: str, encoding: str) -> None:
        content = f"text,label\n{text},X\nb,Y\n".encode(encoding)
        with pytest.raises(TableError) as caught:
            opened(content)
        assert "--encoding" in caught.value.remedy
        assert cells(opened(content, encoding=encoding))[0] == [text, "X"]

    def test_a_file_that_changes_its_encoding_is_read_line_by_line(self, opened: Open) -> None:
        table = opened("text,label\nschön,X\n".encode() + "über,Y\n".encode("cp1252"))
        assert cells(table) == [["schön", "X"], ["über", "Y"]]
        assert "not UTF-8 were read as Windows-1252: 1 (line 3)" in says(table)

    @pytest.mark.parametrize("name", ["rot13", "nonsense", "zip"])
    def test_an_encoding_that_is_none(self, opened: Open, name: str) -> None:
        with pytest.raises(TableError, match="no encoding"):
            opened("text,label\na,b\n", encoding=name)

    @pytest.mark.parametrize(
        ("content", "more"),
        [
            ("text,label\na,b\n".encode("utf-16")[:-1], {}),
            (b"\xef\xbb\xbftext,label\n\xff,b\n", {}),
            ("text,label\naé,b\n".encode(), {"encoding": "utf-16"}),
            (b"text,label\n" + b"a,b\n" * 3_000 + b"\x81,b\n", {"encoding": "cp1252"}),
        ],
    )
    def test_a_file_that_does_not_keep_to_it(
        self, opened: Open, content: bytes, more: dict[str, str]
    ) -> None:
        with pytest.raises(TableError) as caught:
            list(opened(content, **more).rows())
        assert "to its end" in caught.value.problem or "not certain" in caught.value.problem
        assert "--encoding" in caught.value.remedy


class TestRows:
    def test_an_open_quote_is_an_error_that_names_its_line(self, opened: Open) -> None:
        for content in (
            "text,label\n" + ROW * 29 + '"where is it,Delivery\n' + ROW * 60,
            "text,label\n" + ROW * 29 + '"where is it,Delivery\n' + '"a","b"\n' * 60,
            "text,label\n" + ROW * 29 + '"where is it,Delivery\n' + '";c\n' + ROW * 90,
        ):
            with pytest.raises(TableError, match="line 31"):
                list(opened(content).rows())

    def test_rows_that_do_not_fit_are_counted_with_their_lines(self, opened: Open) -> None:
        rows = [ROW] * 200
        rows[10] = "a,b,c\n"
        rows[20] = '"a"b,c\n'
        rows[30] = "short\n"
        table = opened("text,label\n" + "".join(rows))
        assert len(cells(table)) == 197
        assert {why: lines.first for why, lines in table.account.left_out.items()} == {
            "3 cells where the header has 2": [12],
            "text after a closing quote": [22],
            "1 cell where the header has 2": [32],
        }
        assert (table.account.rows, table.account.blank) == (200, 0)

    def test_above_two_in_a_hundred_the_file_is_refused(self, opened: Open) -> None:
        content = "text,label\n" + (ROW * 9 + "where, is it,Delivery\n") * 9
        with pytest.raises(TableError) as caught:
            list(opened(content).rows())
        assert "9 of 90 rows" in caught.value.problem
        assert "lines 11, 21, 31" in caught.value.problem

    def test_a_footer_is_left_out_and_told(self, opened: Open) -> None:
        table = opened("text,label\n" + ROW * 5 + "\nTotal: 5\nPrinted today\n")
        assert len(cells(table)) == 5
        assert "below the last row that fits: 2 (lines 8, 9)" in says(table)
        assert "Blank lines skipped: 1" in says(table)

    def test_rows_at_the_end_that_are_no_footer_count_as_misfits(self, opened: Open) -> None:
        for end in ("short\n" * 4, "a,b,c\n", '"a"b,c\n'):
            with pytest.raises(TableError, match="do not fit"):
                list(opened("text,label\n" + ROW * 9 + end).rows())

    def test_only_empty_cells_may_follow_the_last_column(self, opened: Open) -> None:
        table = opened("text,label\na,b,,\n" + ROW * 60)
        assert cells(table)[0] == ["a", "b"]
        assert "Empty cells after the last column removed: 1 (line 2)" in says(table)

    def test_a_cell_that_is_too_long_costs_its_row(self, opened: Open) -> None:
        table = opened("text,label\n" + "a" * (LONGEST_CELL + 1) + ",b\nc,d\n")
        assert cells(table) == [["c", "d"]]
        assert "a cell of more than 1,000,000 characters: 1 (line 2)" in says(table)

    def test_a_line_that_is_no_row_ends_the_reading(self, opened: Open) -> None:
        with pytest.raises(TableError, match="Line 2 is longer"):
            opened("text,label\n" + "a" * (LONGEST_RECORD + 1) + ",b\n")

    def test_what_cannot_be_stored_is_removed_and_told(self, opened: Open) -> None:
        table = opened('text,label\na\x00b,c\n"d\te\nf\x0c",g\n')
        assert cells(table) == [["ab", "c"], ["d\te\nf\x0c", "g"]]
        assert "cannot be stored removed: 1 (line 2)" in says(table)

    @pytest.mark.parametrize("content", ["", "\n\n", "\ufeff", ",,\n", '"text"s,label\na,b\n'])
    def test_a_file_without_a_header(self, opened: Open, content: str) -> None:
        with pytest.raises(TableError, match="has no header"):
            opened(content)

    def test_a_file_that_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(TableError, match="cannot be read"):
            Table(tmp_path / "none.csv")

    def test_the_account_as_data(self, opened: Open) -> None:
        table = opened("text;label\na;b\n\nc\n")
        table.check()
        assert table.account.as_json() == {
            "rows": 2,
            "used": 1,
            "blank": 1,
            "guessed": ["Cells are separated by a semicolon."],
            "left_out": {
                "fewer cells than the header, below the last row that fits": {
                    "count": 1,
                    "lines": [4],
                }
            },
            "changed": {},
            "noted": {},
        }

    def test_many_lines_are_counted_and_the_first_are_named(self, opened: Open) -> None:
        table = opened("text,label\n" + "a\x00,b\n" * 30)
        assert "removed: 30 (lines 2, 3," in says(table)
        assert "and more)" in says(table)
