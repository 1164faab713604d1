"""What a workbook holds beside the values of its cells: comments, charts, hidden and merged cells.

The reader of cells leaves them out. Threaded comments have a copy among the old ones, which says
only that a newer program is needed; it is left out.
"""

from __future__ import annotations

import io
import re
import xml.etree.ElementTree as ET
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from roadbed.knowledge.reading import drawings, office_xml
from roadbed.knowledge.reading.merged_cells import MergedRange
from roadbed.knowledge.reading.notes import Note

_WORKBOOK = "xl/workbook.xml"
_THREADED = "tc="  # begins the author of the copy of a threaded comment
_HIDDEN_ROW = re.compile(rb'<(?:\w+:)?row\b(?=[^>]*\shidden="(?:1|true)")[^>]*\sr="(\d{1,7})"')
_COLUMN = re.compile(rb"<(?:\w+:)?col\b[^>]*>")
_MERGED = re.compile(
    rb'<(?:\w+:)?mergeCell\b[^>]*\sref="\$?([A-Z]{1,3})\$?(\d{1,7}):\$?[A-Z]{1,3}\$?(\d{1,7})"'
)
_ATTRIBUTE = re.compile(rb'\s(\w+)="(\w*)"')


@dataclass(frozen=True, kw_only=True, slots=True)
class SheetNotes:
    """What one sheet holds. Rows and ranges of columns are counted from 1."""

    name: str
    chart_sheet: bool = False
    notes: Sequence[Note] = ()
    hidden_rows: frozenset[int] = field(default_factory=frozenset)
    hidden_columns: Sequence[tuple[int, int]] = ()
    merged: Sequence[MergedRange] = ()  # those of several rows


def read(content: bytes) -> Sequence[SheetNotes]:
    """The sheets in their order. Raises ``ET.ParseError`` and ``KeyError`` for a damaged file."""
    with zipfile.ZipFile(io.BytesIO(content)) as package:
        listed = {
            identifier: (kind, target)
            for identifier, kind, target in office_xml.relationships(package, _WORKBOOK)
        }
        people = {
            person.get("id", ""): person.get("displayName", "")
            for kind, target in listed.values()
            if kind == "person"
            for person in office_xml.named(office_xml.parsed(package.read(target)), "person")
        }
        sheets = office_xml.named(office_xml.parsed(package.read(_WORKBOOK)), "sheet")
        return [
            _sheet(package, sheet.get("name", ""), *part, people)
            for sheet in sheets
            if (part := listed.get(office_xml.attribute(sheet, "id"))) is not None
        ]


def _sheet(
    package: zipfile.ZipFile, name: str, kind: str, target: str, people: Mapping[str, str]
) -> SheetNotes:
    notes: list[Note] = []
    for _, related, part in office_xml.relationships(package, target):
        match related:
            case "comments":
                notes += _comments(office_xml.parsed(package.read(part)))
            case "threadedComment":
                notes += _threaded(office_xml.parsed(package.read(part)), people)
            case "drawing":
                notes += drawings.notes(package, part)
    if kind == "chartsheet":
        return SheetNotes(name=name, chart_sheet=True, notes=notes)
    written = package.read(target)
    return SheetNotes(
        name=name,
        notes=notes,
        hidden_rows=frozenset(int(match[1]) for match in _HIDDEN_ROW.finditer(written)),
        hidden_columns=tuple(_hidden_columns(written.partition(b"sheetData")[0])),
        merged=tuple(_merged(written)),
    )


def _comments(root: ET.Element) -> Iterator[Note]:
    authors = [author.text or "" for author in office_xml.named(root, "author")]
    for comment in office_xml.named(root, "comment"):
        number = comment.get("authorId", "")
        author = authors[int(number)] if number.isdecimal() and int(number) < len(authors) else ""
        if not author.startswith(_THREADED):
            text = "".join(
                piece.text or ""
                for piece in office_xml.named(comment, "t")
            )  # fmt: skip
            # A program writes the author as the first line, too.
            text = text.removeprefix(f"{author}:").strip() if author else text.strip()
            yield Note(text=text, author=_line(author), at=comment.get("ref", ""))


def _threaded(root: ET.Element, people: Mapping[str, str]) -> Iterator[Note]:
    for comment in office_xml.named(root, "threadedComment"):
        text = "".join(piece.text or "" for piece in office_xml.named(comment, "text"))
        author = people.get(comment.get("personId", ""), "")
        yield Note(text=text, author=_line(author), at=comment.get("ref", ""))


def _hidden_columns(start: bytes) -> Iterator[tuple[int, int]]:
    for match in _COLUMN.finditer(start):
        attributes: dict[bytes, bytes] = dict(_ATTRIBUTE.findall(match[0]))
        if attributes.get(b"hidden") in (b"1", b"true"):
            first, last = attributes.get(b"min", b""), attributes.get(b"max", b"")
            if first.isdigit() and last.isdigit():
                yield int(first), int(last)


def _merged(sheet: bytes) -> Iterator[MergedRange]:
    for match in _MERGED.finditer(sheet):
        column = 0
        for letter in match[1]:
            column = column * 26 + letter - ord("A") + 1
        merged = MergedRange(first=int(match[2]), last=int(match[3]), column=column)
        if merged.last > merged.first:
            yield merged


def _line(name: str) -> str:
    return " ".join(name.split())
