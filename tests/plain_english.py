"""What a page in the pseudo-language still says in plain English."""

from __future__ import annotations

import re
from html.parser import HTMLParser

_SEEN = {"title", "aria-label", "placeholder", "alt"}
_HIDDEN = {"code", "pre", "kbd", "script", "style"}  # the same in every language
# Three words in a row without an accent: the pseudo-language accents most letters.
_ENGLISH = re.compile(r"(?<![\w.·/])[A-Za-z']+(?:,? [a-z']+){2,}")


class _Texts(HTMLParser):
    """The texts of a page with those of its attributes that people read."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._hidden += tag in _HIDDEN
        self.texts += [value or "" for name, value in attrs if name in _SEEN]

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in _HIDDEN

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.texts.append(data)


def plain_english(html: str, *values: str) -> list[str]:
    """The English of a page in the pseudo-language, without ``values``, which people gave."""
    texts = _Texts()
    texts.feed(html)
    told = []
    for text in texts.texts:
        for value in values:
            text = text.replace(value, "·")
        told += _ENGLISH.findall(" ".join(text.split()))
    return told
