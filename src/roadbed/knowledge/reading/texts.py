"""Texts: files without a format of their own."""

from __future__ import annotations

import re

from roadbed.knowledge.model import Block, Extraction, Part, Position
from roadbed.knowledge.reading import encodings, markdown, wrapped_lines


def read_markdown(content: bytes, name: str) -> Extraction:  # noqa: ARG001 - as of all readers
    """A Markdown file, positions by headings."""
    text, findings = encodings.decode(content)
    front, body = _front_matter(text)
    width = wrapped_lines.wrap_width(markdown.plain(body).split("\n"))
    whole, _ = markdown.part(body, Position(kind="text"), width=width)
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
    text, findings = encodings.decode(content)
    text = wrapped_lines.unwrapped(markdown.plain(text))
    return Extraction(
        format="txt",
        parts=(plain_part(text, Position(kind="text")),),
        readers=("text",),
        findings=findings,
    )


def plain_part(text: str, place: Position, headings: tuple[str, ...] = ()) -> Part:
    """Text whose blocks are its paragraphs: lines up to an empty line."""
    text = markdown.plain(text).replace("\0", " ").strip("\n")
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
