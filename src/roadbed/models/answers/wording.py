"""Wording: one spelling of words, so that an answer and a passage can be compared. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache

_WORD = re.compile(r"[^\W_]+(?:['][^\W\d_]+)?")
# Not after the number of a list's entry.
_SENTENCE = re.compile(r"(?<=[.!?])(?<!\s\d\.)(?<!\s\d\d\.)[\"'”’)]*\s+|\n+")
_MARKS = re.compile(r"(?m)^\s*(?:[-*•#>]+|\d{1,2}[.)])\s+|\*\*|`")


def _listed(words: str) -> frozenset[str]:
    return frozenset(words.split())


# Of the languages that most documents are in: they support nothing.
FUNCTION_WORDS = _listed("""
a an the of and or to in on for by with from at as is are was were be been being it its this that
these those i you he she they we do does did have has had will would can could may might should
shall must your their our his her which who whom whose what when where how if but so than then there
also into about over under more most other such any all some each per up out only just very them us
me my yes no not
der die das den dem des ein eine einen einem einer eines und oder zu im am auf für von mit bei als
ist sind war wird werden es sie er wir ihr sein hat haben dass wenn auch nur ja nein
el la los las un una unos unas y o de del al en por para con que es son se su sus lo sí
le les du et ou dans pour par avec est sont ce cette qui
""")
NEGATIONS = _listed("""
no not never none nobody nothing neither nor cannot without
kein keine keinen nicht nie niemand ohne ningún ninguna nunca sin
""")


@lru_cache(maxsize=512)
def normal(text: str) -> str:
    """One spelling of compatible characters, blanks, hyphens and quotation marks."""
    composed = unicodedata.normalize("NFKC", text)
    composed = re.sub("[\u00ad\u200b-\u200d\ufeff]", "", composed)
    composed = re.sub("[‐‑‒–—−]", "-", composed)
    return re.sub("[’‘`´]", "'", composed)


def stem(word: str) -> str:
    """A word in lower case without a common ending; crude, the same for both sides."""
    plain = word.lower().removesuffix("'s").rstrip("'")
    if plain.isdigit():
        return plain
    for ending in _ENDINGS:
        if plain.endswith(ending) and len(plain) - len(ending) >= 4:
            plain = plain.removesuffix(ending)
            break
    return plain[:-1] if len(plain) > 4 and plain[-1] in "ey" else plain


_ENDINGS = ("ations", "ation", "ingly", "ing", "edly", "ed", "ies", "es", "en", "er", "s", "ly")


@lru_cache(maxsize=512)
def stems(text: str) -> frozenset[str]:
    """The stems of all words of a text."""
    return frozenset(map(stem, words(normal(text))))


@lru_cache(maxsize=4096)
def content_words(text: str) -> frozenset[str]:
    """The stems of the words of a text that carry meaning."""
    plain = (word for word in words(normal(text)) if word.lower() not in FUNCTION_WORDS)
    return frozenset(map(stem, plain))


def words(text: str) -> list[str]:
    """The words and numbers of a text in its normal spelling."""
    return _WORD.findall(text)


def sentences(text: str) -> Sequence[str]:
    """The sentences and lines of a text."""
    return [part.strip() for part in _SENTENCE.split(text) if part.strip()]


def unmarked(text: str) -> str:
    """A text without the marks of lists, headings and emphasis."""
    return _MARKS.sub("", text)


def denies(text: str) -> bool:
    """Whether a text has a word of negation."""
    lower = (word.lower() for word in words(normal(text)))
    return any(word in NEGATIONS or word.endswith("n't") for word in lower)
