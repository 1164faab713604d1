"""HTML: text by headings. Scripts, styles and what the page hides are left out by the reader.

What the page hides is marked for it, and counted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from html import unescape

from roadbed.knowledge.errors import DocumentUnreadableError, UnreadableReason
from roadbed.knowledge.findings import DocumentFinding
from roadbed.knowledge.model import Extraction, Position
from roadbed.knowledge.reading import (
    encodings,
    html_spans,
    markdown,
    merged_cells,
    nesting,
    signs,
    style_sheets,
    xberg_reader,
)

_MIME = "text/html"
_MOST_NAMED = 10  # selectors
_TITLE = re.compile(r"<title[^>]*>([^<]{1,1000})</title", re.IGNORECASE)
# The reader joins the options of a list to one word: 10 and 20 would be 1020.
_CHOICE = re.compile(r"<(/?)(?:select|option|optgroup)\b", re.IGNORECASE)
_INPUT = re.compile(r"<input\b[^<>]*>", re.IGNORECASE)
_TYPE = re.compile(r"""\stype\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))""", re.IGNORECASE)
_VALUE = re.compile(r"""\svalue\s*=\s*(?:"([^"]+)"|'([^']+)'|([^\s"'>]+))""", re.IGNORECASE)
_SHOWN_FIELDS = frozenset(
    ("", "text", "number", "date", "time", "datetime-local", "month", "week", "email", "tel", "url")
)
_DRAWN = re.compile(r"<(?:text|tspan)\b[^<>]*>([^<>]+)", re.IGNORECASE)
_WORDS = re.compile(r"(?<=>)[^<>]+(?=<)")  # between two tags
# A raised number behind a letter or figure: "10<sup>2</sup>" is not 102.
_RAISED = re.compile(r"(?<=\w)<sup\b[^<>]*>(?=(?:\s|<[^<>]*>|[+(−-]){0,9}\d)", re.IGNORECASE)
_WHITE = re.compile(
    r"[^-]color\s*:\s*(?:#fff(?:fff)?\b|white\b|rgb\(\s*255\s*,\s*255\s*,\s*255\s*\))",
    re.IGNORECASE,
)


def read(content: bytes, name: str) -> Extraction:
    """Read a page of HTML. Raises ``DocumentUnreadableError``."""
    return read_page(*encodings.decode_page(content), name)


def read_page(text: str, findings: Sequence[DocumentFinding], name: str) -> Extraction:
    """Read a page that is decoded. Raises ``DocumentUnreadableError``."""
    shown = style_sheets.marked(text)
    spanned = html_spans.written_out(nesting.flattened(shown.page))
    repeats = merged_cells.Repeats()
    repeats.left_out = spanned.left_out
    page = _guarded(spanned.page)
    reading = xberg_reader.read(page.encode("utf-8", "replace"), _MIME, name)
    written = signs.without_emphasis(reading.text)
    whole, _ = markdown.part(written, Position(kind="text"), repeats=repeats)
    whole = signs.restored_part(whole)
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
            *_hidden(shown),
            *(
                (DocumentFinding(kind="hidden_text", count=white, detail="white text"),)
                if white
                else ()
            ),
            *(
                DocumentFinding(kind="parser_warning", detail=warning)
                for warning in reading.warnings
            ),
            *repeats.findings(),
        ),
    )


def _guarded(page: str) -> str:
    """A page whose words the reader gives as they are, with a sign before raised numbers."""
    page = _INPUT.sub(_with_value, _with_words_of_drawings(page))
    page = _CHOICE.sub(r" <\1span", page)
    page = _WORDS.sub(lambda words: signs.guarded(words[0]), page)
    return _RAISED.sub(rf"{signs.RAISED}\g<0>", page)


def _with_value(field: re.Match[str]) -> str:
    """A field of a form, with its value as text behind it if a browser shows it."""
    kind, value = _TYPE.search(field[0]), _VALUE.search(field[0])
    shown = kind is None or (kind[1] or kind[2] or kind[3]).lower() in _SHOWN_FIELDS
    if value is None or not shown or nesting.is_hidden_tag(field[0]):
        return field[0]
    return f"{field[0]} {(value[1] or value[2] or value[3]).replace('>', '&gt;')} "


def _with_words_of_drawings(page: str) -> str:
    """A page with the words of its drawings (SVG) in their place."""
    lowered, pieces, at = page.lower(), [], 0
    while (start := lowered.find("<svg", at)) >= 0:
        end = lowered.find("</svg>", start)
        if end < 0:
            break
        words = " ".join(text for text in _DRAWN.findall(page[start:end]) if text.strip())
        is_hidden = nesting.is_hidden_tag(page[start : page.find(">", start) + 1])
        pieces += [page[at:start], f"<p>{words}</p>" if words and not is_hidden else ""]
        at = end + len("</svg>")
    return "".join((*pieces, page[at:]))


def _hidden(shown: style_sheets.HiddenElements) -> Iterator[DocumentFinding]:
    if shown.count:
        detail = ", ".join(shown.selectors[:_MOST_NAMED])
        yield DocumentFinding(kind="hidden_left_out", count=shown.count, detail=detail)
    if shown.unjudged:
        detail = "rules of the style sheet: " + "; ".join(shown.unjudged[:_MOST_NAMED])
        yield DocumentFinding(kind="hidden_text", count=len(shown.unjudged), detail=detail)
