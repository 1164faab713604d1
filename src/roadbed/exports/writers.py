"""CSV files and workbooks, written row by row; text is never run as a formula."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import BinaryIO

from roadbed.connectors.cells import neutralised, printable
from roadbed.exports.model import ExportCell, FileWriter, Format, Heading
from roadbed.exports.parquet import ParquetWriter

_SHEET_ROWS = 1_048_576  # what a sheet of a workbook holds, with its heading
_MOMENT, _TEXT, _HEAD = 1, 2, 3  # styles
_EPOCH = datetime(1899, 12, 30, tzinfo=UTC)
_SECONDS_A_DAY = 86_400
_SPECIAL = re.compile("[&<>\r]")
_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"}
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_FIXED = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
# Style 1: a time. 2: text that stays text when it is edited. 3: the same for the heading, in bold.
_STYLES = (
    f'{_XML}<styleSheet xmlns="{_MAIN}">'
    '<numFmts count="1"><numFmt numFmtId="164" formatCode="yyyy\\-mm\\-dd\\ hh:mm:ss"/></numFmts>'
    '<fonts count="2"><font><sz val="11"/><name val="Calibri"/></font>'
    '<font><b/><sz val="11"/><name val="Calibri"/></font></fonts>'
    '<fills count="2"><fill><patternFill patternType="none"/></fill>'
    '<fill><patternFill patternType="gray125"/></fill></fills>'
    '<borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders>'
    '<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs>'
    '<cellXfs count="4"><xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/>'
    '<xf numFmtId="164" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>'
    '<xf numFmtId="49" fontId="0" fillId="0" borderId="0" xfId="0" quotePrefix="1"/>'
    '<xf numFmtId="49" fontId="1" fillId="0" borderId="0" xfId="0" quotePrefix="1"/></cellXfs>'
    '<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles>'
    "</styleSheet>"
)


class CsvWriter:
    """UTF-8, a comma between cells, CRLF after rows; times as ISO 8601."""

    def __init__(self, file: BinaryIO, headings: Sequence[Heading]) -> None:
        self._file = file
        self._write([[neutralised(heading.title) for heading in headings]])

    def add(self, rows: Sequence[Sequence[ExportCell]]) -> None:
        """Add rows."""
        self._write([[_csv_cell(cell) for cell in row] for row in rows])

    def close(self) -> None:
        """A CSV file has no end of its own."""

    def _write(self, rows: Sequence[Sequence[object]]) -> None:
        text = io.StringIO(newline="")
        csv.writer(text).writerows(rows)
        self._file.write(text.getvalue().encode(errors="replace"))


class XlsxWriter:
    """A workbook; more rows than a sheet holds go on in a further one."""

    def __init__(self, file: BinaryIO, headings: Sequence[Heading]) -> None:
        self._archive = zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=4)
        self._headings = headings
        self._sheets = 0
        self._begin()

    def add(self, rows: Sequence[Sequence[ExportCell]]) -> None:
        """Add rows."""
        while rows:
            if self._left == 0:
                self._end()
                self._begin()
            self._sheet.write("".join(map(_xlsx_row, rows[: self._left])).encode())
            rest = rows[self._left :]
            self._left -= len(rows) - len(rest)
            rows = rest

    def close(self) -> None:
        """Write the last sheet's end, and the parts that name the sheets."""
        self._end()
        numbers = range(1, self._sheets + 1)
        for name, content in _parts(numbers).items():
            self._archive.writestr(name, content)
        self._archive.close()

    def _begin(self) -> None:
        self._sheets += 1
        self._left = _SHEET_ROWS - 1
        name = f"xl/worksheets/sheet{self._sheets}.xml"
        self._sheet = self._archive.open(name, "w", force_zip64=True)
        heads = "".join(_text(heading.title, _HEAD) for heading in self._headings)
        self._sheet.write(
            f'{_XML}<worksheet xmlns="{_MAIN}"><sheetViews><sheetView workbookViewId="0">'
            '<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/>'
            f"</sheetView></sheetViews><sheetData><row>{heads}</row>".encode()
        )

    def _end(self) -> None:
        self._sheet.write(b"</sheetData></worksheet>")
        self._sheet.close()


WRITERS: Mapping[Format, Callable[[BinaryIO, Sequence[Heading]], FileWriter]] = {
    Format.CSV: CsvWriter,
    Format.XLSX: XlsxWriter,
    Format.PARQUET: ParquetWriter,
}


def _csv_cell(cell: ExportCell) -> object:
    if isinstance(cell, datetime):
        return cell.isoformat()
    if isinstance(cell, bool):
        return "true" if cell else "false"
    return neutralised(cell)


def _xlsx_row(row: Sequence[ExportCell]) -> str:
    return f"<row>{''.join(map(_xlsx_cell, row))}</row>"


def _xlsx_cell(cell: ExportCell) -> str:
    if isinstance(cell, str):
        return _text(cell, _TEXT)
    if cell is None:
        return "<c/>"
    if isinstance(cell, bool):
        return f'<c t="b"><v>{cell:d}</v></c>'
    if isinstance(cell, datetime):
        days = (cell - _EPOCH).total_seconds() / _SECONDS_A_DAY
        return f'<c s="{_MOMENT}"><v>{days:.9f}</v></c>'
    return f"<c><v>{cell!r}</v></c>"


def _text(text: str, style: int) -> str:
    escaped = _SPECIAL.sub(lambda sign: _ESCAPES[sign[0]], printable(text))
    return f'<c t="inlineStr" s="{style}"><is><t xml:space="preserve">{escaped}</t></is></c>'


def _parts(numbers: Sequence[int]) -> Mapping[str, str]:
    """The parts of the package but for the sheets, by name."""
    sheets = "".join(
        f'<sheet name="Sheet{number}" sheetId="{number}" r:id="rId{number}"/>' for number in numbers
    )
    relations = "".join(
        f'<Relationship Id="rId{number}" Type="{_RELATIONS}/worksheet" '
        f'Target="worksheets/sheet{number}.xml"/>'
        for number in numbers
    )
    types = "".join(
        f'<Override PartName="/xl/worksheets/sheet{number}.xml" '
        f'ContentType="{_FIXED}.worksheet+xml"/>'
        for number in numbers
    )
    return {
        "[Content_Types].xml": (
            f'{_XML}<Types xmlns="{_PACKAGE}/content-types"><Default Extension="rels" '
            'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
            '<Default Extension="xml" ContentType="application/xml"/>'
            f'<Override PartName="/xl/workbook.xml" ContentType="{_FIXED}.sheet.main+xml"/>'
            f'<Override PartName="/xl/styles.xml" ContentType="{_FIXED}.styles+xml"/>{types}'
            "</Types>"
        ),
        "_rels/.rels": (
            f'{_XML}<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="rId1" '
            f'Type="{_RELATIONS}/officeDocument" Target="xl/workbook.xml"/></Relationships>'
        ),
        "xl/workbook.xml": (
            f'{_XML}<workbook xmlns="{_MAIN}" xmlns:r="{_RELATIONS}"><sheets>{sheets}</sheets>'
            "</workbook>"
        ),
        "xl/_rels/workbook.xml.rels": (
            f'{_XML}<Relationships xmlns="{_PACKAGE}/relationships">{relations}<Relationship '
            f'Id="rId{len(numbers) + 1}" Type="{_RELATIONS}/styles" Target="styles.xml"/>'
            "</Relationships>"
        ),
        "xl/styles.xml": _STYLES,
    }
