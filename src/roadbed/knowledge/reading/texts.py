"""Texts: bytes without a format of their own, decoded."""

from __future__ import annotations

import re

from roadbed.knowledge.findings import DocumentFinding
from roadbed.knowledge.model import Block, Extraction, Part, Position
from roadbed.knowledge.reading import markdown
from roadbed.tables.encodings import MARKS

_SAMPLE = 65_536
_MOST_CONTROLS = 0.005  # of all bytes, in a text
_CONTROLS = bytes(code for code in range(32) if code not in b"\t\n\r\f\x1b")


def is_text(content: bytes) -> bool:
    """Whether ``content`` is text in an encoding that is known: few control characters."""
    if any(content.startswith(mark) for mark, _ in MARKS):
        return True
    sample = content[:_SAMPLE] + content[-_SAMPLE:]
    controls = len(sample) - len(sample.translate(None, _CONTROLS))
    return controls <= len(sample) * _MOST_CONTROLS


def decode(content: bytes) -> tuple[str, tuple[DocumentFinding, ...]]:
    """The text, and what was guessed or replaced in it.

    UTF-8 or what a mark at the beginning says; otherwise Windows-1252, which is a guess.
    """
    for mark, encoding in MARKS:
        if content.startswith(mark):
            text = content.decode(encoding, "replace")
            return text, _replacements(text)
    try:
        return content.decode("utf-8"), ()
    except UnicodeDecodeError:
        text = content.decode("cp1252", "replace")
        return text, (
            DocumentFinding(kind="encoding_guessed", detail="Windows-1252"),
            *_replacements(text),
        )


def read_markdown(content: bytes, name: str) -> Extraction:  # noqa: ARG001 - as of all readers
    """A Markdown file, positions by headings."""
    text, findings = decode(content)
    front, body = _front_matter(text)
    whole, _ = markdown.part(body, Position(kind="text"))
    title = front.get("title") or next(
        (block.headings[-1] for block in whole.blocks if block.kind == "heading"), None
    )
    return Extraction(
        format="markdown",
        parts=(whole,),
        title=title,
        readers=("markdown",),
        findings=findings,
    )


def read_text(content: bytes, name: str) -> Extraction:  # noqa: ARG001 - as of all readers
    """A plain text: paragraphs without headings."""
    text, findings = decode(content)
    return Extraction(
        format="txt",
        parts=(plain_part(text, Position(kind="text")),),
        readers=("text",),
        findings=findings,
    )


def plain_part(text: str, place: Position, headings: tuple[str, ...] = ()) -> Part:
    """Text whose blocks are its paragraphs: lines up to an empty line."""
    text = markdown.plain(text).replace("\0", "").strip("\n")
    blocks = [
        Block(kind="text", start=match.start(), end=match.end(), headings=headings)
        for match in re.finditer(r"[^\n]*\S[^\n]*(?:\n[^\n]*\S[^\n]*)*", text)
    ]
    return Part(place=place, text=text, blocks=tuple(blocks))


def _front_matter(text: str) -> tuple[dict[str, str], str]:
    """Lines ``name: value`` between two lines of dashes at the beginning, and the rest.

    They are read as text: nothing in them is interpreted.
    """
    match = re.match(r"---[ \t]*\r?\n(.*?)\r?\n---[ \t]*(?:\r?\n|$)", text, re.DOTALL)
    if match is None:
        return {}, text
    named = re.findall(r"^(\w+):[ \t]*(.+?)[ \t]*$", match[1], re.MULTILINE)
    values = {name.lower(): value.strip("\"'") for name, value in named}
    return values, f"{match[1]}\n\n{text[match.end() :]}"


def _replacements(text: str) -> tuple[DocumentFinding, ...]:
    count = text.count("\ufffd")
    return (DocumentFinding(kind="text_replaced", count=count),) if count else ()
