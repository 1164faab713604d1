"""DOCX beside its text: footnotes, comments, charts; and the file as the first reader gets it.

The first reader gives endnotes and footnotes the same numbers, puts marks such as "[cmt:0]" into
sentences and reads what was moved away in a tracked change as if it were in force.
"""

from __future__ import annotations

import io
import re
import xml.etree.ElementTree as ET
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from roadbed.knowledge.model import Part, Position
from roadbed.knowledge.reading import drawings, merged_cells, notes, office_xml, signs
from roadbed.knowledge.reading.notes import Note

_DOCUMENT = "word/document.xml"
_NOTES = ("footnotes", "endnotes")
_REFERENCE = re.compile(r"<(\w+):(footnote|endnote)Reference\b([^>]*?)/>")
_ID = re.compile(r':id="(-?\d+)"')
_OWN_MARK = re.compile(r':customMarkFollows="(?:1|true|on)"')
_COMMENT = re.compile(r"<\w+:commentReference\b[^>]*?/>")
_MOVED = re.compile(r"<(\w+):moveFrom(?=[\s>])[^>]*(?<!/)>.*?</\1:moveFrom>", re.DOTALL)
_TEXT = re.compile(r"(<(\w+):t(?:\s[^>]*)?>)([^<]*)(?=</\2:t>)")
# Of cells of tables: their begin and end, what continues the cell above, and a text.
_OF_CELLS = re.compile(
    r"<(?P<end>/?)(?P<prefix>\w+):(?:(?P<cell>tc)(?=[\s>])[^>]*(?<!/)>"
    r"|(?P<merged>vMerge)(?=[\s/>])(?P<how>[^>]*)>|t(?:\s[^>]*)?>(?P<text>[^<]))"
)
_LONGEST_ANCHOR = 60


@dataclass(frozen=True, kw_only=True, slots=True)
class WordNotes:
    """``prepared`` is the file for the first reader. ``parts`` stand after its text.

    ``left_out`` are files inside of it whose text stands in the document.
    """

    prepared: bytes
    parts: Sequence[Part]
    left_out: Sequence[str]


def read(content: bytes, place: Position) -> WordNotes:
    """What stands beside the text. Raises ``ET.ParseError`` and ``KeyError`` for a damaged file."""
    with zipfile.ZipFile(io.BytesIO(content)) as package:
        written = package.read(_DOCUMENT)
        root = office_xml.parsed(written)
        related = list(office_xml.relationships(package, _DOCUMENT))
        targets = {kind: target for _, kind, target in related}
        numbers = {kind: _numbers(root, kind) for kind in _NOTES}
        parts: list[Part] = []
        for kind in _NOTES:
            if kind in targets and numbers[kind]:
                lines = list(_lines(office_xml.parsed(package.read(targets[kind])), numbers[kind]))
                parts.append(notes.part(place, kind, lines))
        if "comments" in targets:
            comments = _comments(office_xml.parsed(package.read(targets["comments"])), root)
            parts += notes.parts(place, comments)
        parts += notes.parts(place, _graphics(package, related))
        replaced = {targets[kind] for kind in (*_NOTES, "comments") if kind in targets}
        prepared = _rewritten(package, _prepared(written, numbers), replaced)
    left_out = [target for _, kind, target in related if kind == "aFChunk"]
    return WordNotes(
        prepared=prepared, parts=[part for part in parts if part.text], left_out=left_out
    )


def _numbers(root: ET.Element, kind: str) -> Mapping[str, str]:
    """The numbers of notes by their ids, as they are counted in the text."""
    element = f"{kind.removesuffix('s')}Reference"
    references = [
        office_xml.attribute(reference, "id")
        for reference in office_xml.named(root, element)
        if office_xml.attribute(reference, "customMarkFollows") not in ("1", "true", "on")
    ]
    letter = "" if kind == "footnotes" else "e"
    return {
        identifier: f"[{letter}{number}]"
        for number, identifier in enumerate(dict.fromkeys(references), 1)
    }


def _lines(root: ET.Element, numbers: Mapping[str, str]) -> Iterator[str]:
    written = {
        office_xml.attribute(note, "id"): list(office_xml.paragraphs(note)) for note in list(root)
    }
    for identifier, number in numbers.items():
        if paragraphs := written.get(identifier):
            yield f"{number} " + "\n".join(paragraphs)


def _comments(root: ET.Element, document: ET.Element) -> Iterator[Note]:
    anchors = _anchors(document)
    for comment in office_xml.named(root, "comment"):
        words = anchors.get(office_xml.attribute(comment, "id"), "")
        yield Note(
            text="\n".join(office_xml.paragraphs(comment)),
            author=" ".join(office_xml.attribute(comment, "author").split()),
            at=f"“{words}”" if words else "",
        )


def _anchors(document: ET.Element) -> Mapping[str, str]:
    """The first words that each comment is about."""
    collected: dict[str, list[str]] = {}
    opened: set[str] = set()
    for element in document.iter():
        match office_xml.tag(element):
            case "commentRangeStart":
                opened.add(office_xml.attribute(element, "id"))
            case "commentRangeEnd":
                opened.discard(office_xml.attribute(element, "id"))
            case "t" if opened:
                for identifier in opened:
                    collected.setdefault(identifier, []).append(element.text or "")
    return {
        identifier: _shortened(" ".join("".join(pieces).split()))
        for identifier, pieces in collected.items()
    }


def _shortened(words: str) -> str:
    if len(words) <= _LONGEST_ANCHOR:
        return words
    return words[:_LONGEST_ANCHOR].rpartition(" ")[0] or words[:_LONGEST_ANCHOR]


def _graphics(package: zipfile.ZipFile, related: Sequence[tuple[str, str, str]]) -> Iterator[Note]:
    for _, kind, target in related:
        if kind == "chart":
            root = office_xml.parsed(package.read(target))
            rows = [" | ".join(row) for row in drawings.chart_table(root)]
            yield Note(kind="chart", text="\n".join([*drawings.chart_titles(root), *rows]))
        elif kind == "diagramData":
            paragraphs = drawings.paragraphs(office_xml.parsed(package.read(target)))
            yield Note(kind="diagram", text="\n".join(paragraphs))


def _prepared(document: bytes, numbers: Mapping[str, Mapping[str, str]]) -> bytes:
    """The document without marks of comments and text that was moved away.

    Cells that continue the one above say so.
    """
    text = document.decode("utf-8-sig")
    text = _with_continued(_MOVED.sub("", _COMMENT.sub("", text)))
    text = _TEXT.sub(lambda match: match[1] + signs.guarded(match[3]), text)

    def mark(reference: re.Match[str]) -> str:
        identifier = _ID.search(reference[3])
        number = numbers[f"{reference[2]}s"].get(identifier[1], "") if identifier else ""
        if not number or _OWN_MARK.search(reference[3]):
            return ""
        return f"<{reference[1]}:t>{signs.guarded(number)}</{reference[1]}:t>"

    return _REFERENCE.sub(mark, text).encode()


def _with_continued(document: str) -> str:
    """The document with a sign in each empty cell that is merged with the one above.

    No cell says that it is merged: the first reader would leave out what is in it.
    """
    pieces, at = [], 0
    cells: list[bool] = []  # the open cells: whether they continue the one above and are empty
    for match in _OF_CELLS.finditer(document):
        if match["cell"] and not match["end"]:
            cells.append(False)
        elif not cells:
            continue
        elif match["cell"]:
            if cells.pop():
                prefix, sign = match["prefix"], merged_cells.CONTINUED
                run = f"<{prefix}:r><{prefix}:t>{sign}</{prefix}:t></{prefix}:r>"
                pieces += [document[at : match.start()], f"<{prefix}:p>{run}</{prefix}:p>"]
                at = match.start()
        elif match["merged"]:
            if not match["end"]:
                cells[-1] = ':val="restart"' not in match["how"]
            pieces.append(document[at : match.start()])
            at = match.end()
        else:
            cells[-1] = cells[-1] and not match["text"].strip()
    return "".join([*pieces, document[at:]])


def _rewritten(package: zipfile.ZipFile, document: bytes, emptied: set[str]) -> bytes:
    """The package with another document, without pictures and with ``emptied`` members empty."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as target:
        for member in package.infolist():
            name = member.filename
            if "/media/" in name or "/embeddings/" in name or name.endswith("/"):
                continue
            if name == _DOCUMENT:
                target.writestr(name, document)
            elif name in emptied:
                target.writestr(name, _emptied(package.read(name)))
            else:
                target.writestr(name, package.read(name))
    return written.getvalue()


def _emptied(part: bytes) -> bytes:
    """The root of a part without what is in it."""
    root = office_xml.parsed(part)
    for child in list(root):
        root.remove(child)
    return ET.tostring(root)
