"""XML of office files that the first reader leaves out: page headers of DOCX, formulas of XLSX.

The package was checked before: its members have a limited size, and expat limits what entities
expand to.
"""

from __future__ import annotations

import io
import posixpath
import re
import xml.etree.ElementTree as ET
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

LARGEST = 40_000_000  # bytes of a part: its elements take about ten times as much memory
_FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
_COUNTED = re.compile(r"\s*(?:PAGE|NUMPAGES|SECTIONPAGES)\b", re.IGNORECASE)
_FEWEST_WORDS = 3  # of a line with a page number: "Page of" says nothing
_DOCUMENT = "word/document.xml"


@dataclass(frozen=True, kw_only=True, slots=True)
class SheetFormulas:
    """The formulas of a sheet that were never calculated, by cell. ``hidden``: so is the sheet."""

    name: str
    hidden: bool
    formulas: Mapping[str, str]


def page_texts(content: bytes, place: Literal["header", "footer"]) -> Sequence[str]:
    """The paragraphs of the page headers or footers that a DOCX uses, each once.

    Page numbers are left out. Raises ``ET.ParseError`` for XML that is damaged.
    """
    texts: list[str] = []
    with zipfile.ZipFile(io.BytesIO(content)) as package:
        document = package.read(_DOCUMENT)
        for identifier, kind, target in relationships(package, _DOCUMENT):
            if kind == place and f'"{identifier}"'.encode() in document:
                texts += paragraphs(parsed(package.read(target)))
    return list(dict.fromkeys(texts))


def uncalculated(content: bytes) -> Iterator[SheetFormulas]:
    """The sheets of an XLSX in their order, with the formulas that have no stored result.

    Raises ``ET.ParseError`` for XML that is damaged and ``KeyError`` if a sheet is missing.
    """
    workbook = "xl/workbook.xml"
    with zipfile.ZipFile(io.BytesIO(content)) as package:
        targets = {name: target for name, _, target in relationships(package, workbook)}
        for sheet in named(parsed(package.read(workbook)), "sheet"):
            if (target := targets.get(attribute(sheet, "id"))) is not None:
                yield SheetFormulas(
                    name=sheet.get("name", ""),
                    hidden=sheet.get("state", "visible") != "visible",
                    formulas=dict(_formulas(package.read(target))),
                )


def _formulas(sheet: bytes) -> Iterator[tuple[str, str]]:
    for _, element in ET.iterparse(io.BytesIO(sheet)):  # noqa: S314 - see the module
        if tag(element) != "c":
            continue
        parts = {tag(part): part for part in element}
        stored = "is" in parts or ("v" in parts and parts["v"].text)
        # A formula whose result is an empty text has the type of a text.
        if "f" in parts and not stored and element.get("t") != "str":
            yield element.get("r", ""), f"={' '.join((parts['f'].text or '').split())}"
        element.clear()


def relationships(package: zipfile.ZipFile, part: str) -> Iterator[tuple[str, str, str]]:
    """The id, kind and target of what a part of a package refers to inside of it."""
    folder, _, name = part.rpartition("/")
    members = set(package.namelist())
    if (listed := f"{folder}/_rels/{name}.rels") not in members:
        return
    for item in named(parsed(package.read(listed)), "Relationship"):
        target = item.get("Target", "")
        target = target.lstrip("/") if target.startswith("/") else f"{folder}/{target}"
        target = posixpath.normpath(target)
        if item.get("TargetMode") != "External" and target in members:
            yield item.get("Id", ""), item.get("Type", "").rpartition("/")[2], target


def paragraphs(root: ET.Element) -> Iterator[str]:
    """The paragraphs of a part of a DOCX, without what tracked changes delete or move away."""
    for element in list(root.iter()):
        for part in list(element):
            if part.tag == _FALLBACK:  # the same text for programs of before 2010
                element.remove(part)
    for paragraph in named(root, "p"):
        written = _Written()
        _collect(paragraph, written)
        text = " ".join("".join(written.pieces).split())
        if text and not (written.counted and len(text.split()) < _FEWEST_WORDS):
            yield text


class _Written:
    """The text of a paragraph, without the results of fields that count pages."""

    def __init__(self) -> None:
        self.pieces: list[str] = []
        self.counted = False
        self._fields: list[bool] = []  # open fields, the innermost last: whether it counts pages

    def add(self, text: str) -> None:
        if not any(self._fields):
            self.pieces.append(text)

    def begin(self) -> None:
        self._fields.append(False)

    def instruct(self, instruction: str) -> None:
        if self._fields and _COUNTED.match(instruction):
            self._fields[-1] = self.counted = True

    def end(self) -> None:
        if self._fields:
            self._fields.pop()


def _collect(parent: ET.Element, written: _Written) -> None:
    for element in parent:
        match tag(element):
            case "p" | "del" | "moveFrom":  # a paragraph of a text box is one of its own
                continue
            case "t":
                written.add(element.text or "")
            case "tab" | "br" | "cr":
                written.add(" ")
            case "instrText":
                written.instruct(element.text or "")
            case "fldChar":
                kind = attribute(element, "fldCharType")
                if kind == "begin":
                    written.begin()
                elif kind == "end":
                    written.end()
            case "fldSimple":
                written.begin()
                written.instruct(attribute(element, "instr"))
                _collect(element, written)
                written.end()
            case _:
                _collect(element, written)


def parsed(xml: bytes) -> ET.Element:
    """The root of a part. Raises ``ET.ParseError``, also if it would take too much memory."""
    if len(xml) > LARGEST:
        raise ET.ParseError(f"a part has more than {LARGEST:,} bytes")
    return ET.fromstring(xml)  # noqa: S314 - see the module


def named(root: ET.Element, name: str) -> Iterator[ET.Element]:
    """The elements below ``root`` and itself that have this name, in any namespace."""
    return (element for element in root.iter() if tag(element) == name)


def tag(element: ET.Element) -> str:
    """The name of an element without its namespace: two are in use for office files."""
    return element.tag.rpartition("}")[2]


def attribute(element: ET.Element, name: str) -> str:
    """An attribute that has a namespace."""
    return next((value for key, value in element.items() if key.endswith(f"}}{name}")), "")
