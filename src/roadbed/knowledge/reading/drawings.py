"""Drawings of office files (DrawingML): text of shapes, tables, charts and diagrams."""

from __future__ import annotations

import xml.etree.ElementTree as ET
import zipfile
from collections.abc import Iterator, Sequence

from roadbed.knowledge.reading import office_xml
from roadbed.knowledge.reading.notes import Note

_MOST_POINTS = 10_000  # of a chart


def paragraphs(root: ET.Element) -> Iterator[str]:
    """The paragraphs of shapes, with a line break where they have one."""
    for paragraph in office_xml.named(root, "p"):
        text = "".join(_runs(paragraph)).strip()
        if text:
            yield text


def notes(package: zipfile.ZipFile, part: str) -> Iterator[Note]:
    """The text boxes, charts and diagrams of a drawing of a sheet. Raises ``ET.ParseError``."""
    root = office_xml.parsed(package.read(part))
    for body in office_xml.named(root, "txBody"):
        if text := "\n".join(paragraphs(body)):
            yield Note(kind="text box", text=text)
    for _, kind, target in office_xml.relationships(package, part):
        if kind == "chart":
            titles = chart_titles(office_xml.parsed(package.read(target)))
            yield Note(kind="chart", text="\n".join(titles))
        elif kind == "diagramData":
            text = "\n".join(paragraphs(office_xml.parsed(package.read(target))))
            yield Note(kind="diagram", text=text)


def chart_titles(root: ET.Element) -> Sequence[str]:
    """The titles of a chart and of its axes."""
    return [
        text
        for title in office_xml.named(root, "title")
        if (text := " ".join(" ".join(paragraphs(title)).split()))
    ]


def chart_table(root: ET.Element) -> Sequence[Sequence[str]]:
    """The numbers of a chart: a header with the names of its series, and a row per category."""
    series = list(office_xml.named(root, "ser"))
    columns: list[tuple[str, dict[int, str]]] = []
    categories: dict[int, str] = {}
    for one in series:
        parts = {office_xml.tag(part): part for part in one}
        name = " ".join(_points(parts["tx"]).values()) if "tx" in parts else ""
        if (labels := parts.get("cat", parts.get("xVal"))) is not None:
            categories = categories or _points(labels)
        if (values := parts.get("val", parts.get("yVal"))) is not None:
            columns.append((name, _points(values)))
    indexes = sorted({index for _, points in columns for index in points})
    if not indexes:
        return ()
    header = ["", *(name for name, _ in columns)]
    return [
        header,
        *(
            [categories.get(index, ""), *(points.get(index, "") for _, points in columns)]
            for index in indexes[:_MOST_POINTS]
        ),
    ]


def _points(values: ET.Element) -> dict[int, str]:
    made: dict[int, str] = {}
    for point in office_xml.named(values, "pt"):
        index = point.get("idx", "")
        text = "".join(value.text or "" for value in office_xml.named(point, "v"))
        if index.isdecimal():
            before = made.get(int(index))  # categories of several levels
            made[int(index)] = f"{text} {before}" if before else text
    if not made:  # a name that is no reference
        for value in office_xml.named(values, "v"):
            made[0] = value.text or ""
    return made


def _runs(paragraph: ET.Element) -> Iterator[str]:
    for element in paragraph.iter():
        match office_xml.tag(element):
            case "r":
                yield _written(element)
            case "fld" if element.get("type") != "slidenum":
                yield _written(element)
            case "br":
                yield "\n"


def _written(run: ET.Element) -> str:
    """The text of a run; a raised number has a sign before it, and struck text has two around."""
    parts = {office_xml.tag(part): part for part in run}
    text = (parts["t"].text or "") if "t" in parts else ""
    if (style := parts.get("rPr")) is None or not text.strip():
        return text
    if not style.get("baseline", "0").startswith(("0", "-")) and text.strip()[:1].isdigit():
        text = f"^{text}"
    return f"~~{text}~~" if style.get("strike", "noStrike") != "noStrike" else text
