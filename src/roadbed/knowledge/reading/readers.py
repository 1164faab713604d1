"""Readers: one document becomes an extraction, by the reader of its format."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from types import MappingProxyType

from roadbed.kernel.sentences import sentence
from roadbed.knowledge.errors import DocumentUnreadableError, UnreadableReason
from roadbed.knowledge.findings import DocumentFinding
from roadbed.knowledge.model import Extraction, Format, Part
from roadbed.knowledge.reading import (
    formats,
    html,
    mail,
    office,
    pdf,
    presentation,
    texts,
    workbook,
)

_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
_READERS: Mapping[Format, Callable[[bytes, str], Extraction]] = MappingProxyType(
    {
        "docx": office.read_docx,
        "pptx": presentation.read,
        "xlsx": workbook.read,
        "html": html.read,
        "markdown": texts.read_markdown,
        "txt": texts.read_text,
    }
)
_BY_XBERG: frozenset[Format] = frozenset({"docx", "html"})


def read(content: bytes, name: str, depth: int = 0, *, second_only: bool = False) -> Extraction:
    """Read a document of any known format; ``name`` is that of its file.

    ``second_only`` leaves out the first reader, where the format has another one. ``depth`` counts
    the documents around it. Raises ``DocumentUnreadableError``, ``MemoryError``.
    """
    kind = formats.detect(content, name)
    if second_only and kind in _BY_XBERG:
        raise DocumentUnreadableError(
            name, UnreadableReason.CRASHED, sentence("no other reader knows this format")
        )
    read_inside = partial(read, second_only=second_only)
    if kind == "pdf":
        extraction = pdf.read(content, name, read_inside, depth, second_only=second_only)
    elif kind == "eml":
        extraction = mail.read(content, name, read_inside, depth)
    else:
        extraction = _READERS[kind](content, name)
    if not any(part.text.strip() for part in extraction.parts):
        raise DocumentUnreadableError(name, UnreadableReason.EMPTY)
    extraction = replace(extraction, parts=tuple(map(_storable, extraction.parts)))
    if formats.renamed(kind, name):
        finding = DocumentFinding(kind="renamed", detail=f"{name} is {kind.upper()}")
        return replace(extraction, findings=(finding, *extraction.findings))
    return extraction


def _storable(part: Part) -> Part:
    """A part without characters that no database stores; the places of the others stay."""
    text = _UNSTORABLE.sub(lambda match: " " if match[0] == "\0" else "\ufffd", part.text)
    return part if text == part.text else replace(part, text=text)
