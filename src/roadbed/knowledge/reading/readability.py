"""Readability: whether the text of a document has words, or characters with wrong codes. Pure.

A font without a table of characters gives the numbers of its glyphs instead of letters. Then two
things differ from every text: there are no function words, and the letters are not as frequent as
in words. Both must differ. A list of parts or prices has no function words, and a text in another
language has none that is known, but their letters are those of words.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable

_WORD = re.compile(r"[^\W\d_]+")
_LEAST_SHARE = 0.04  # of function words; filings and audits have 30 to 45 %
_LATIN_SHARE = 0.9  # of the letters; what is known of words here is for Latin letters only
_SHORTEST = 4  # letters of a word that counts: shorter ones are codes and units as often
_FEWEST_LETTERS = 100  # of such words; fewer say nothing about a text
_FEWEST_DISTINCT = 30  # of them, each word counted once
# Cosine of the frequencies of letters to those below: 1,300 readable pages have 0.78 to 0.99, words
# of evenly drawn letters 0.74, files with wrong codes 0.50 to 0.61.
_LEAST_LIKENESS = 0.70
# Of 1,000 letters, accents left out: the mean of English, German, French and Spanish.
_FREQUENCIES = {
    "a": 87, "b": 14, "c": 35, "d": 48, "e": 151, "f": 14, "g": 17, "h": 31, "i": 71, "j": 4,
    "k": 5, "l": 45, "m": 28, "n": 76, "o": 60, "p": 21, "q": 6, "r": 66, "s": 74, "t": 68,
    "u": 44, "v": 10, "w": 11, "x": 2, "y": 8, "z": 4,
}  # fmt: skip
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


def nonsense(texts: Iterable[str]) -> bool:
    """Whether texts have words of no language, together: their characters have wrong codes.

    Texts with few long words are not judged, and neither are scripts other than Latin.
    """
    words = [word.lower() for text in texts for word in _WORD.findall(text)]
    letters = "".join(words)
    latin = sum(1 for letter in letters if letter < "ɐ")
    if latin < len(letters) * _LATIN_SHARE:
        return False
    if sum(1 for word in words if word in _FUNCTION_WORDS) >= len(words) * _LEAST_SHARE:
        return False
    long = [word for word in map(_without_accents, words) if len(word) >= _SHORTEST]
    # Each word counts once: a list may begin each of its codes with the same letters.
    counts = Counter(letter for word in set(long) for letter in word if letter in _FREQUENCIES)
    if sum(map(len, long)) < _FEWEST_LETTERS or counts.total() < _FEWEST_DISTINCT:
        return False
    return _likeness(counts) < _LEAST_LIKENESS


def _likeness(counts: Counter[str]) -> float:
    """The cosine between counts of letters and their frequencies in words, 0 to 1."""
    product = sum(counts[letter] * frequency for letter, frequency in _FREQUENCIES.items())
    return product / (math.hypot(*counts.values()) * math.hypot(*_FREQUENCIES.values()))


def _without_accents(word: str) -> str:
    decomposed = unicodedata.normalize("NFKD", word)
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter))
