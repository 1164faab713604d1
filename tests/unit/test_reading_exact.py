"""Words and numbers are read as a person sees them: encodings, number formats, hyphens, signs."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from datetime import date, datetime, timedelta
from typing import Any

import openpyxl
import pytest

from roadbed.knowledge.model import Extraction
from roadbed.knowledge.reading import encodings, html, line_ends, number_formats, signs
from roadbed.knowledge.reading import raised as raised_numbers
from roadbed.knowledge.reading.process import DocumentReader
from tests import documents


@pytest.fixture(scope="module")
async def reader() -> AsyncIterator[DocumentReader]:
    async with DocumentReader() as opened:
        yield opened


def kinds(extraction: Extraction) -> list[str]:
    return [finding.kind for finding in extraction.findings]


SENTENCE = "Müller pays 45 € a month."


def page(head: str = "", sentence: str = SENTENCE) -> str:
    return f"<html><head>{head}</head><body><h1>Fees</h1><p>{sentence}</p></body></html>"


class TestEncodingsOfPages:
    @pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
    @pytest.mark.parametrize("said", ["", "utf-8", "iso-8859-1", "utf-16", "no-such"])
    async def test_the_bytes_go_before_what_the_page_says(
        self, reader: DocumentReader, encoding: str, said: str
    ) -> None:
        content = page(f'<meta charset="{said}">' if said else "").encode(encoding)
        extraction = await reader.read(content, "fees.html")
        assert extraction.format == "html"
        assert extraction.parts[0].text == f"Fees\n\n{SENTENCE}"
        assert extraction.findings == ()

    @pytest.mark.parametrize("said", ["iso-8859-1", "windows-1252", "utf-16", "shift_jis"])
    async def test_utf_8_is_known_by_its_bytes(self, reader: DocumentReader, said: str) -> None:
        content = page(f'<meta charset="{said}">').encode()
        assert SENTENCE in (await reader.read(content, "fees.html")).parts[0].text
        assert SENTENCE in (await reader.read(b"\xef\xbb\xbf" + content, "f.html")).parts[0].text

    async def test_latin_1_has_the_characters_of_windows(self, reader: DocumentReader) -> None:
        content = page('<meta charset="iso-8859-1">').encode("cp1252")
        extraction = await reader.read(content, "fees.html")
        assert SENTENCE in extraction.parts[0].text
        assert extraction.findings == ()

    @pytest.mark.parametrize(
        ("head", "encoding", "sentence"),
        [
            ('<meta charset="shift_jis">', "shift_jis", "東京の価格"),
            ('<meta charset="iso-2022-jp">', "iso-2022-jp", "東京の価格"),
            ('<meta charset="windows-1251">', "cp1251", "Цена услуги"),
            ('<meta charset="utf-7">', "ascii", "1 +AGE-2"),
        ],
    )
    async def test_what_the_page_says_counts_if_the_bytes_say_nothing(
        self, reader: DocumentReader, head: str, encoding: str, sentence: str
    ) -> None:
        content = page(head, sentence).encode(encoding)
        extraction = await reader.read(content, "fees.html")
        assert sentence in extraction.parts[0].text
        assert extraction.findings == ()

    async def test_xml_says_it_in_its_first_line(self, reader: DocumentReader) -> None:
        content = f'<?xml version="1.0" encoding="cp1250"?>{page("", "Cena při")}'.encode("cp1250")
        extraction = await reader.read(content, "fees.xhtml")
        assert "Cena při" in extraction.parts[0].text


class TestEncodingsOfTexts:
    @pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
    @pytest.mark.parametrize("name", ["fees.txt", "fees.md"])
    async def test_utf_16_needs_no_mark(
        self, reader: DocumentReader, encoding: str, name: str
    ) -> None:
        extraction = await reader.read(f"# Fees\n\n{SENTENCE}".encode(encoding), name)
        assert SENTENCE in extraction.parts[0].text
        assert extraction.findings == ()

    async def test_one_wrong_line_does_not_change_the_others(self, reader: DocumentReader) -> None:
        content = f"{SENTENCE}\n".encode() * 3 + f"{SENTENCE}\n".encode("cp1252")
        extraction = await reader.read(content, "fees.txt")
        assert extraction.parts[0].text == "\n".join([SENTENCE] * 4)
        assert kinds(extraction) == ["encoding_guessed"]

    async def test_a_zero_byte_is_no_part_of_a_number(self, reader: DocumentReader) -> None:
        content = b"The fee is 16\x00411 euro a year for all of the members.\n" * 2 + b"Ends." * 100
        extraction = await reader.read(content, "fees.txt")
        assert "16 411" in extraction.parts[0].text
        assert kinds(extraction) == ["text_replaced"]

    def test_rubbish_is_no_utf_16(self) -> None:
        assert encodings.unmarked(b"\x01\x00\x02\x00\x03\x00\x04\x00" * 20) is None
        assert encodings.unmarked(b"odd") is None
        assert encodings.unmarked(b"plain text without zero bytes.") is None
        assert encodings.unmarked("ja".encode("utf-16-le")) == "utf-16-le"


class TestPages:
    @pytest.mark.parametrize(
        ("written", "read"),
        [
            ("10<sup>2</sup> and H<sub>2</sub>O", "10^2 and H2O"),
            ("45 EUR<sup><a href='#n'>1</a></sup>, 1<sup>st</sup>", "45 EUR^1, 1st"),
            ("1<b>6</b>,411 and <i>1</i>2 and <u>3</u>4", "16,411 and 12 and 34"),
            ("5*3*2 and [x](y) and a_b_c", "5*3*2 and [x](y) and a_b_c"),
            ("#1 is &#8220;first&#8221; &lt;b&gt; `q` 1\\.", "#1 is “first” <b> `q` 1\\."),
            ("<b>Bold</b> and <em>more</em>", "Bold and more"),
        ],
    )
    async def test_signs_and_formats(self, reader: DocumentReader, written: str, read: str) -> None:
        [part] = (await reader.read(page("", written).encode(), "fees.html")).parts
        assert part.text == f"Fees\n\n{read}"

    async def test_fields_and_drawings_are_read_as_they_are_shown(
        self, reader: DocumentReader
    ) -> None:
        written = (
            "<select><option>10</option><option>20</option></select> Rate:"
            '<input name="rate" value="7 percent"><input type="password" value="hunter2">'
            '<input type=hidden value="token"><input type="text" hidden value="unseen">'
            '<svg viewBox="0 0 9 9"><text x="1">Sales <tspan>2031</tspan></text></svg>'
        )
        [part] = (await reader.read(page("", written).encode(), "form.html")).parts
        assert part.text.split() == ["Fees", "10", "20", "Rate:", "7", "percent", "Sales", "2031"]

    @pytest.mark.parametrize("piece", ["<svg ", "a<sup><", "<sup>", "<input value='", "<option>"])
    def test_a_page_of_one_piece_is_left_as_it_is_in_time(self, piece: str) -> None:
        assert "Fees" in html._guarded(f"<p>Fees</p>{piece * 100_000}")

    def test_signs_come_back_in_their_places(self) -> None:
        text = "a*b_c#d[e]f`g~h^i|j\\k"
        assert len(signs.guarded(text)) == len(text)
        assert signs.restored(signs.guarded(text)) == text
        assert signs.without_emphasis("x~2~ ~~old~~ y^-3^ 1^st^") == "x2 ~~old~~ y^-3 1st"


class TestHyphens:
    def test_a_word_goes_on_if_it_stands_elsewhere(self) -> None:
        texts = [
            "the com\x02pany and a sub\ufffeprocessor or un\x02known",
            "Company. Sub-processor",
        ]
        ends = line_ends.line_ends(texts)
        assert line_ends.whole(texts[0], ends) == "the company and a sub-processor or un-known"
        first = "the com- pany and a sub- processor or un- known. Its pre- and postfix"
        assert line_ends.joined(first, ends) == (
            "the company and a sub-processor or un- known. Its pre- and postfix"
        )
        assert line_ends.joined("organi\u00ad sation", {}) == "organisation"
        assert line_ends.whole("5\x0212", {}) == "5-12"

    async def test_both_readers_of_a_pdf_agree(self, reader: DocumentReader) -> None:
        content = documents.pdf(["The com-\npany pays. The company is\nhere for everybody."])
        extraction = await reader.read(content, "fees.pdf")
        assert extraction.parts[0].text == ("The company pays. The company is here for everybody.")

    async def test_ligatures_are_letters(self, reader: DocumentReader) -> None:
        extraction = await reader.read("The o\ufb03ce of the \ufb01rm.".encode(), "fees.txt")
        assert extraction.parts[0].text == "The office of the firm."


def raised(before: str, number: str, after: str) -> str:
    """Operators that write a number smaller and higher than what is around it."""
    return (
        f"BT /F1 11 Tf 50 700 Td ({before}) Tj /F1 6 Tf 4 Ts ({number}) Tj "
        f"/F1 11 Tf 0 Ts ({after}) Tj ET"
    )


class TestRaisedNumbers:
    async def test_they_are_kept_apart_from_what_precedes(self, reader: DocumentReader) -> None:
        drawn = raised("The fee is 45", "1", " euro, not 451; 10 m")
        extraction = await reader.read(documents.pdf([""], drawn=drawn), "fees.pdf")
        assert extraction.parts[0].text == "The fee is 45^1 euro, not 451; 10 m"
        assert extraction.doubtful == ()

    async def test_a_small_number_on_the_line_is_no_raised_one(
        self, reader: DocumentReader
    ) -> None:
        drawn = raised("The fee is 45", "1", " euro").replace("4 Ts", "0 Ts")
        extraction = await reader.read(documents.pdf([""], drawn=drawn), "fees.pdf")
        assert extraction.parts[0].text == "The fee is 451 euro"

    def test_those_that_the_text_does_not_have_are_told(self) -> None:
        numbers = [
            raised_numbers.RaisedNumber(before="feeis45", digits="1"),
            raised_numbers.RaisedNumber(before="areaism", digits="2"),
            raised_numbers.RaisedNumber(before="nowhere7", digits="3"),
        ]
        text, missing = raised_numbers.marked("The fee is **45**1; the area is m2", numbers)
        assert text == "The fee is **45**^1; the area is m^2"
        assert [number.joined for number in missing] == ["73"]
        assert numbers[1].joined == ""


EURO = '_-* #,##0.00\\ "€"_-;-* #,##0.00\\ "€"_-;_-* "-"??\\ "€"_-;_-@_-'


class TestNumberFormats:
    @pytest.mark.parametrize(
        ("number_format", "value", "shown"),
        [
            ("General", 1234567, "1234567"),
            ("General", 0.1 + 0.2, "0.3"),
            ("General", 1e20, "1E+20"),
            ("General", 2.0, "2"),
            ('General "kg"', 1.5, "1.5 kg"),
            ("0", 2.5, "3"),
            ("0.00", 1.005, "1.01"),
            ("0.00", -0.001, "0.00"),
            ("0.0#", 1.25, "1.25"),
            ("#,##0.##", 5.0, "5"),
            (".00", 0.5, ".50"),
            ("#,##0", 1234567, "1,234,567"),
            ("#,##0", 0, "0"),
            ("#", 0, ""),
            ("#,##0,", 1234567, "1,235"),
            ('0.0,,"M"', 12500000, "12.5M"),
            ("0%", 0.1, "10%"),
            ("#,##0.0%", 12.345, "1,234.5%"),
            ("0.0%;[Red]-0.0%", -0.03, "-3.0%"),
            ("00000", 7, "00007"),
            ("000-00-0000", 123456789, "123-45-6789"),
            ("+49 000 000", 123456, "+49 123 456"),
            ("0-0", 123, "12-3"),
            ('"$"#,##0.00', 5, "$5.00"),
            ("[$€-407] #,##0.00", 19.9, "€ 19.90"),
            ("#,##0.00_);(#,##0.00)", -1234.5, "(1,234.50)"),
            (EURO, 1234.567, "1,234.57 €"),
            (EURO, -1234.567, "-1,234.57 €"),
            (EURO, 0, "- €"),
            (";;;", 5, ""),
            ("0.00E+00", 12345.678, "12345.678"),
            ("# ?/?", 0.5, "0.5"),
            ("[>100]0;0.0", 5.25, "5.25"),
            ("0.0", float("inf"), "inf"),
            ("0.00", 1e27, "1000000000000000000000000000.00"),
            ("0" * 501, 5, "5"),
        ],
    )
    def test_a_number_is_shown_as_in_its_cell(
        self, number_format: str, value: float, shown: str
    ) -> None:
        assert number_formats.number(value, number_format) == shown

    def test_a_text_is_shown_as_in_its_cell(self) -> None:
        assert number_formats.text("007", "@") == "007"
        assert number_formats.text("7", '"No. "@') == "No. 7"
        assert number_formats.text("7", "0.00") == "7"
        assert number_formats.text("7", "[>100]0;0.0") == "7"
        assert number_formats.text("7", ";;;") == ""

    def test_a_duration_is_shown_in_hours(self) -> None:
        assert number_formats.duration(timedelta(hours=36), "[h]:mm") == "36:00"
        assert number_formats.duration(timedelta(minutes=-90, seconds=-5), "[h]:mm") == "-1:30:05"
        assert number_formats.duration(timedelta(seconds=5), "[h]:mm:ss") == "0:00:05"

    async def test_a_sheet_is_read_as_it_is_shown(self, reader: DocumentReader) -> None:
        book = openpyxl.Workbook()
        sheet = book.worksheets[0]
        rows: list[tuple[str, Any, str]] = [
            ("Fee", 1234.5, '#,##0.00 "EUR"'),
            ("Share", 0.075, "0.0%"),
            ("Day", date(2031, 5, 1), "d mmmm yyyy"),
            ("Begin", datetime(2031, 5, 1, 14, 30), "h:mm"),  # noqa: DTZ001 - cells have no zone
            ("Length", timedelta(hours=30), "[h]:mm"),
            ("Right", True, "General"),
            ("Broken", "#DIV/0!", "General"),
            ("Code", "007", "@"),
        ]
        for number, (name, value, number_format) in enumerate(rows, 1):
            sheet.cell(number, 1, name)
            sheet.cell(number, 2, value).number_format = number_format
        sheet.merge_cells("A10:C11")
        sheet["A10"] = "Over all columns"
        written = io.BytesIO()
        book.save(written)
        extraction = await reader.read(written.getvalue(), "fees.xlsx")
        assert extraction.parts[0].text.split("\n") == [
            "Fee | 1,234.50 EUR",
            "Share | 7.5%",
            "Day | 2031-05-01",
            "Begin | 2031-05-01 14:30:00",
            "Length | 30:00",
            "Right | TRUE",
            "Broken | #DIV/0!",
            "Code | 007",
            "",
            "Over all columns",
        ]
        assert extraction.findings == ()
