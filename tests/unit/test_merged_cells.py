"""The value of a cell that spans rows stands in each of them; columns stay below their names."""

from __future__ import annotations

import io
from collections.abc import Sequence

import openpyxl
import pytest

from roadbed.knowledge.model import Extraction
from roadbed.knowledge.passages import passages
from roadbed.knowledge.reading import (
    html,
    html_spans,
    merged_cells,
    office,
    presentation,
    workbook,
)
from tests import documents

ZONES = ["Zone | Kilos | Fee", "Alpha | 10 | 4", "Alpha | 20 | 7", "Beta | 10 | 5", "Beta | 20 | 9"]


def table(page: str) -> Sequence[str]:
    extraction = html.read(f"<p>Fees.</p>{page}".encode(), "fees.html")
    assert extraction.findings == ()
    return extraction.parts[0].text.split("\n")[2:]


def sheet(rows: Sequence[Sequence[object]], *merged: str) -> Extraction:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(list(row))  # type: ignore[union-attr]
    for name in merged:
        book.active.merged_cells.add(name)  # type: ignore[union-attr]
    written = io.BytesIO()
    book.save(written)
    return workbook.read(written.getvalue(), "fees.xlsx")


@pytest.mark.parametrize(
    ("page", "rows"),
    [
        (
            (
                "<table><tr><th>Zone<th>Kilos<th>Fee<tr><td rowspan=2>Alpha<td>10<td>4<tr><td>20"
                "<td>7<tr><td rowspan='2'>Beta<td>10<td>5<tr><td>20<td>9</table>"
            ),
            ZONES,
        ),
        (
            (
                "<table><tr><td>a</td><td>b</td><td>c</td></tr><tr><td>1</td><td ROWSPAN=0>m</td>"
                "<td>2</td></tr><tr><td>3</td><td>4</td></tr></table>"
            ),
            ["a | b | c", "1 | m | 2", "3 | m | 4"],
        ),
        (
            "<table><tr><td>a<td>b<tr><td>1<td rowspan=2>m<tr><td>2</table>",
            ["a | b", "1 | m", "2 | m"],
        ),
        (
            "<table><tr><td>a<td>b<td>c<tr><td rowspan=2 colspan=2>m<td>1<tr><td>2</table>",
            ["a | b | c", "m |  | 1", "m |  | 2"],
        ),
        (
            (
                "<table><tr><th rowspan=2>Zone<th colspan=2>Fee<tr><th>low<th>high"
                "<tr><td>A<td>1<td>2</table>"
            ),
            ["Zone | Fee | ", "Zone | low | high", "A | 1 | 2"],
        ),
        (
            "<table><tr><td>a<td>b<td>c<tr><td colspan=2>all<td>9</table>",
            ["a | b | c", "all |  | 9"],
        ),
        (
            (
                "<table><tbody><tr><td>a<td>b<tr><td rowspan=9>m<td>1</tbody><tbody><tr><td>c<td>2"
                "</table>"
            ),
            ["a | b", "m | 1", "c | 2"],
        ),
        (
            (
                "<table><tr><td>a<td>b<tr><td rowspan=3>m<td>1<tr hidden><td>x<tr><td>2<tr><td>3"
                "</table>"
            ),
            None,
        ),
        ("<table><tr><td>1<td colspan=2>2<td>3</tr></table>", ["1 | 2 |  | 3"]),
        ("<table><tr><td>1<td>2<td>3</tr></table>", ["1 | 2 | 3"]),
    ],
)
def test_spans_of_html(page: str, rows: Sequence[str] | None) -> None:
    if rows is None:  # a hidden row is none of those that the cell spans
        extraction = html.read(f"<p>Fees.</p>{page}".encode(), "fees.html")
        assert extraction.parts[0].text.endswith("a | b\nm | 1\nm | 2\nm | 3")
    else:
        assert table(page) == rows


def test_each_passage_of_a_long_table_says_the_value() -> None:
    rows = "".join(f"<tr><td>{stop}<td>leaves at {stop} past eight" for stop in range(2, 100))
    page = f"<table><tr><th>Line<th>Stop<th>Time<tr><td rowspan=99>red<td>1<td>eight{rows}</table>"
    cut = passages(html.read(page.encode(), "stops.html"))
    assert len(cut) > 1
    for passage in cut:
        assert all(line.startswith(("red |", "Line |")) for line in passage.text.splitlines())


def test_merged_ranges_of_a_sheet() -> None:
    rows: list[list[object]] = [
        ["Zone", "Kilos", "Fee"],
        ["Alpha", 10, 4],
        [None, 20, 7],
        ["Beta", 10, 5],
    ]
    rows += [[None, 20, 9], [], ["sum", None, 25], [None, None, 26]]
    extraction = sheet(rows, "A2:A3", "A4:A6", "A7:B8", "F1:F1048576")
    assert extraction.parts[0].text.split("\n") == [*ZONES, "", "sum |  | 25", "sum |  | 26"]
    assert extraction.parts[0].blocks[0].rows == (1, 2, 3, 4, 5)


def test_a_range_of_a_whole_column_fills_only_rows_that_exist() -> None:
    extraction = sheet([["all", "a"], [None, "b"], [], [None, "c"]], "A1:A1048576")
    assert extraction.parts[0].text == "all | a\nall | b\n\nall | c"


def test_vertically_merged_cells_of_a_docx() -> None:
    def cell(text: str, of_cell: str = "") -> str:
        written = f"<w:r><w:t>{text}</w:t></w:r>" if text else ""
        return f"<w:tc><w:tcPr>{of_cell}</w:tcPr><w:p>{written}</w:p></w:tc>"

    first, below = '<w:vMerge w:val="restart"/>', "<w:vMerge/>"
    wide = '<w:gridSpan w:val="2"/>'
    rows = [
        [cell("Zone"), cell("Kilos"), cell("Fee")],
        [cell("Alpha", first), cell("10"), cell("4")],
        [cell("", below), cell("20"), cell("7")],
        [cell("Beta", first), cell("10"), cell("5")],
        [cell("", '<w:vMerge w:val="continue"></w:vMerge>'), cell("20"), cell("9")],
        [cell("both", wide + first), cell("1")],
        [cell("", wide + below), cell("2")],
        [cell("", below), cell(""), cell("")],
    ]
    table = "".join(f"<w:tr>{''.join(row)}</w:tr>" for row in rows)
    space = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
    body = f'<w:document xmlns:w="{space}"><w:body><w:tbl>{table}</w:tbl></w:body></w:document>'
    extraction = office.read_docx(documents.docx([], body=body), "fees.docx")
    assert extraction.parts[0].text.split("\n") == [*ZONES, "both |  | 1", "both |  | 2"]
    assert extraction.findings == ()


def test_merged_cells_of_a_slide() -> None:
    def cell(text: str, of_cell: str = "") -> str:
        return (
            f"<a:tc {of_cell}><a:txBody><a:p><a:r><a:t>{text}</a:t></a:r></a:p></a:txBody></a:tc>"
        )

    rows = [
        [cell("Zone"), cell("Kilos"), cell("Fee")],
        [cell("Alpha", 'rowSpan="2"'), cell("10"), cell("4")],
        [cell("", 'vMerge="1"'), cell("20"), cell("7")],
        [cell("all", 'rowSpan="2" gridSpan="2"'), cell("", 'hMerge="1"'), cell("1")],
        [cell("", 'vMerge="1"'), cell("", 'vMerge="1" hMerge="1"'), cell("2")],
    ]
    written = "".join(f"<a:tr>{''.join(row)}</a:tr>" for row in rows)
    content = documents.pptx([("Fees", "In euros.", "")])
    name = "ppt/slides/slide1.xml"
    slide = documents.member(content, name).decode()
    frame = f"<p:graphicFrame><a:graphic><a:tbl>{written}</a:tbl></a:graphic></p:graphicFrame>"
    slide = slide.replace("</p:spTree>", f"{frame}</p:spTree>")
    extraction = presentation.read(
        documents.with_member(content, name, slide.encode()), "fees.pptx"
    )
    assert extraction.parts[0].text.endswith("\n".join([*ZONES[:3], "all |  | 1", "all |  | 2"]))


def test_a_long_value_stands_once_and_this_is_reported() -> None:
    value = "x" * (merged_cells.LONGEST + 1)
    page = f"<table><tr><td rowspan=3>{value}<td>1<tr><td>2<tr><td>3</table>"
    extraction = html.read(page.encode(), "fees.html")
    assert extraction.parts[0].text.split("\n") == [f"{value} | 1", " | 2", " | 3"]
    [finding] = extraction.findings
    assert (finding.kind, "2 times" in finding.detail) == ("parser_warning", True)
    assert "2 times" in sheet([[value, 1], [None, 2], [None, 3]], "A1:A3").findings[0].detail


def test_what_is_added_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(merged_cells, "MOST", 10)
    page = "<table><tr><td rowspan=65534>four<td>1" + "<tr><td>2" * 4 + "</table>"
    extraction = html.read(page.encode(), "fees.html")
    assert extraction.parts[0].text.count("four") == 3
    assert [one.kind for one in extraction.findings] == ["parser_warning"]
    assert sheet([["four", 1], *[[None, 2]] * 4], "A1:A5").parts[0].text.count("four") == 3


@pytest.mark.parametrize(
    "page",
    [
        "<table><tr>" + "<td rowspan=65534 colspan=1000>x" * 5_000,
        "<table><tr>" + "<td rowspan=65534>x" * 1_000 + "<tr><td>y" * 5_000,
        "<table><tr>" + "<td rowspan=65534>x" * 1_000 + "<tr>" * 50_000,
        "<table>" * 20_000 + "<td rowspan=2>",
    ],
)
def test_a_table_that_needs_too_many_cells_stays_as_it_is(page: str) -> None:
    spanned = html_spans.written_out(page)
    assert (spanned.page == page) == bool(spanned.left_out)
    assert len(spanned.page) < len(page) + 100
