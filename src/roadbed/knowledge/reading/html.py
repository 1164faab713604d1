"""HTML: text by headings. Scripts, styles and what the page hides are left out by the reader.

What the style sheets of the page hide is marked for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from html import unescape

from roadbed.knowledge.errors import DocumentUnreadableError, UnreadableReason
from roadbed.knowledge.findings import DocumentFinding
from roadbed.knowledge.model import Extraction, Position
from roadbed.knowledge.reading import markdown, nesting, style_sheets, texts, xberg_reader

_MIME = "text/html"
_MOST_NAMED = 10  # selectors
_TITLE = re.compile(r"<title[^>]*>([^<]{1,1000})</title", re.IGNORECASE)
_WHITE = re.compile(
    r"[^-]color\s*:\s*(?:#fff(?:fff)?\b|white\b|rgb\(\s*255\s*,\s*255\s*,\s*255\s*\))",
    re.IGNORECASE,
)
_CHARSET = re.compile(rb"<meta[^>]+charset\s*=\s*[\"']?\s*([\w-]+)", re.IGNORECASE)


def read(content: bytes, name: str) -> Extraction:
    """Read a page of HTML. Raises ``DocumentUnreadableError``."""
    return read_page(*_decoded(content), name)


def read_page(text: str, findings: Sequence[DocumentFinding], name: str) -> Extraction:
    """Read a page that is decoded. Raises ``DocumentUnreadableError``."""
    shown = style_sheets.marked(text)
    reading = xberg_reader.read(nesting.flattened(shown.page).encode(), _MIME, name)
    whole, _ = markdown.part(reading.text, Position(kind="text"))
    if not whole.text:
        raise DocumentUnreadableError(name, UnreadableReason.EMPTY)
    title = _TITLE.search(text)
    white = len(_WHITE.findall(text))
    return Extraction(
        format="html",
        parts=(whole,),
        title=" ".join(unescape(title[1]).split()) if title else None,
        readers=(xberg_reader.NAME,),
        findings=(
            *findings,
            *_of_style_sheets(shown),
            *(
                (DocumentFinding(kind="hidden_text", count=white, detail="white text"),)
                if white
                else ()
            ),
            *(
                DocumentFinding(kind="parser_warning", detail=warning)
                for warning in reading.warnings
            ),
        ),
    )


def _of_style_sheets(shown: style_sheets.HiddenElements) -> Iterator[DocumentFinding]:
    if shown.count:
        detail = ", ".join(shown.selectors[:_MOST_NAMED])
        yield DocumentFinding(kind="hidden_left_out", count=shown.count, detail=detail)
    if shown.unjudged:
        detail = "rules of the style sheet: " + "; ".join(shown.unjudged[:_MOST_NAMED])
        yield DocumentFinding(kind="hidden_text", count=len(shown.unjudged), detail=detail)


def _decoded(content: bytes) -> tuple[str, tuple[DocumentFinding, ...]]:
    """The text in the encoding that the page names, if it is not UTF-8."""
    match = _CHARSET.search(content[:4096])
    if match is not None and match[1].lower() not in {b"utf-8", b"utf8"}:
        try:
            return content.decode(match[1].decode("ascii")), ()
        except (LookupError, UnicodeDecodeError):
            pass
    return texts.decode(content)
