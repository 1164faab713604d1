"""Texts: bytes without a format of their own, decoded, and whether words can be read in them."""

from __future__ import annotations

import re
from collections.abc import Iterable

from roadbed.knowledge.findings import DocumentFinding
from roadbed.knowledge.model import Block, Extraction, Part, Position
from roadbed.knowledge.reading import markdown
from roadbed.tables.encodings import MARKS

_SAMPLE = 65_536
_MOST_CONTROLS = 0.005  # of all bytes, in a text
_CONTROLS = bytes(code for code in range(32) if code not in b"\t\n\r\f\x1b")
_WORD = re.compile(r"[^\W\d_]+")
_FEWEST_WORDS = 100  # fewer say nothing about a language
_LEAST_SHARE = 0.04  # of function words; filings and audits have 30 to 45 %
_LATIN_SHARE = 0.9  # of the letters; the list below has languages of Latin letters only
# The commonest words of English, German, French, Spanish, Italian, Portuguese and Dutch.
_LISTED = """
    the of and to in a is that for it as on with be by or this are from at an not your we you our
    if have will may any all has its can which
    der die das und in den von zu mit ist im für des auf nicht ein eine dem sich als auch werden
    le la les de des et à un une du en dans que est pour par sur au aux ne pas ou se
    el los las y que del por con para una se su no es al lo
    il di che e per una non del della con sono al dei
    o os e do da em para com não uma na no se ao dos
    het een van en dat op te voor niet met zijn aan er
"""
_FUNCTION_WORDS = frozenset(_LISTED.split())


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


def nonsense(texts: Iterable[str]) -> bool:
    """Whether a document has words of no language: its characters have wrong codes.

    The share of function words over all of the document decides. A page alone may hold names and
    figures only. Scripts other than Latin are not judged.
    """
    words = [word.lower() for text in texts for word in _WORD.findall(text)]
    letters = "".join(words)
    latin = sum(1 for letter in letters if letter < "ɐ")
    if len(words) < _FEWEST_WORDS or latin < len(letters) * _LATIN_SHARE:
        return False
    return sum(1 for word in words if word in _FUNCTION_WORDS) < len(words) * _LEAST_SHARE


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
