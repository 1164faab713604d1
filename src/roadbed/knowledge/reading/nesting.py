"""Nesting: HTML whose elements are nested so deeply that the reader would leave out their text."""

from __future__ import annotations

import re
from collections.abc import Mapping
from html.parser import HTMLParser
from types import MappingProxyType

DEEPEST = 48  # xberg leaves out what is deeper than about 64 elements, without a word
_VOID = frozenset(
    (
        *("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param"),
        *("source", "track", "wbr"),
    )
)
# Elements that begin a line of their own.
_BLOCKS = frozenset(
    (
        *("address", "article", "aside", "blockquote", "dd", "details", "div", "dl", "dt"),
        *("fieldset", "figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5"),
        *("h6", "header", "li", "main", "nav", "ol", "p", "pre", "section", "summary", "table"),
        *("tbody", "td", "tfoot", "th", "thead", "tr", "ul"),
    )
)
_FARTHEST = 1_000  # open elements among which an end tag looks for its own
_P = frozenset("p")
_GROUPS = frozenset(("thead", "tbody", "tfoot"))
# The open elements that the begin of another one ends, as HTML says; xberg would nest them.
ENDED: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        **dict.fromkeys(_BLOCKS, _P),
        "li": _P | {"li"},
        "dd": _P | {"dd", "dt"},
        "dt": _P | {"dd", "dt"},
        "td": _P | {"td", "th"},
        "th": _P | {"td", "th"},
        "tr": _P | {"td", "th", "tr"},
        **dict.fromkeys(_GROUPS, _P | {"td", "th", "tr"} | _GROUPS),
        "option": frozenset(("option",)),
    }
)
UNREAD = frozenset(("script", "style", "template", "noscript"))
_HIDDEN_ATTRIBUTE = re.compile(r"\shidden(?=[\s=/>])", re.IGNORECASE)
_HIDDEN = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)


def flattened(page: str) -> str:
    """``page`` without the tags of elements deeper than ``DEEPEST``; their text stays.

    A line break stands for a block. Hidden elements, scripts and styles at such a depth are left
    out. Where end tags are missing they are added. A page that needs neither is returned as it is.
    The time is linear in its length.
    """
    if page.count("</") <= DEEPEST and page.count("<") <= DEEPEST:
        return page
    flattening = _Flattening()
    flattening.feed(page)
    flattening.close()
    if flattening.deepest + flattening.unclosed > DEEPEST:
        return "".join(flattening.pieces)
    return page


def is_hidden_tag(tag: str) -> bool:
    """Whether a tag says of its element that it is hidden."""
    return _HIDDEN.search(tag) is not None or _HIDDEN_ATTRIBUTE.search(tag) is not None


class _Flattening(HTMLParser):
    """Writes a page again, without what is too deep."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=False)
        self.pieces: list[str] = []
        self.deepest = 0
        self.unclosed = 0
        self._open: list[str] = []
        self._unread: int | None = None  # how many elements are open around one that is left out

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        ended = ENDED.get(tag, frozenset())
        while self._open and self._open[-1] in ended:
            self.unclosed += 1
            self.handle_endtag(self._open[-1])
        if tag in _VOID:
            self._write(self.get_starttag_text() or "")
            return
        if len(self._open) < DEEPEST:
            self._write(self.get_starttag_text() or "")
        else:
            if self._unread is None and (tag in UNREAD or _is_hidden(attrs)):
                self._unread = len(self._open)
            self._break(tag)
        self._open.append(tag)
        self.deepest = max(self.deepest, len(self._open))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        # Browsers take <div/> for <div>; only foreign elements (SVG) end with the slash.
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        for place in range(len(self._open) - 1, max(-1, len(self._open) - _FARTHEST), -1):
            if self._open[place] == tag:
                self._close(place)
                if place < DEEPEST:
                    self._write(f"</{tag}>")
                else:
                    self._break(tag)
                return

    def handle_data(self, data: str) -> None:
        self._write(data)

    def handle_entityref(self, name: str) -> None:
        self._write(f"&{name};")

    def handle_charref(self, name: str) -> None:
        self._write(f"&#{name};")

    def handle_comment(self, data: str) -> None:
        """Comments are no text."""

    def handle_decl(self, decl: str) -> None:
        self._write(f"<!{decl}>")

    def unknown_decl(self, data: str) -> None:
        """Sections such as CDATA are comments in HTML."""

    def handle_pi(self, data: str) -> None:
        """Instructions of XML are comments in HTML."""

    def _close(self, place: int) -> None:
        del self._open[place:]
        if self._unread is not None and place <= self._unread:
            self._unread = None

    def _break(self, tag: str) -> None:
        if tag in _BLOCKS:
            self._write("<br><br>")

    def _write(self, text: str) -> None:
        if self._unread is None:
            self.pieces.append(text)


def _is_hidden(attributes: list[tuple[str, str | None]]) -> bool:
    return any(
        name == "hidden" or (name == "style" and _HIDDEN.search(value or ""))
        for name, value in attributes
    )
