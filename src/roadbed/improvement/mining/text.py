"""How alike two short texts are."""

from __future__ import annotations

import re
import unicodedata

_DIGITS = re.compile(r"\d+")
_FEWEST_LETTERS = 4


def misspelt(one: str, other: str) -> bool:
    """Whether ``one`` reads like a slip of the pen for ``other``.

    Digits must be the same, and there must be some letters: 7001 is no misspelling of 7002.
    """
    a, b = _plain(one), _plain(other)
    if a == b:
        return True
    if _DIGITS.findall(a) != _DIGITS.findall(b):
        return False
    shorter = min(sum(sign.isalpha() for sign in item) for item in (a, b))
    return shorter >= _FEWEST_LETTERS and distance(a, b) <= (1 if shorter < 8 else 2)


def distance(one: str, other: str) -> int:
    """Edits between two texts, swapped neighbours counted once: optimal string alignment.

    Damerau (1964), in the restricted form.
    """
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        new = [i]
        for j, b in enumerate(other, 1):
            best = min(row[j] + 1, new[j - 1] + 1, row[j - 1] + (a != b))
            if i > 1 and j > 1 and a == other[j - 2] and one[i - 2] == b:
                best = min(best, before[j - 2] + 1)
            new.append(best)
        before, row = row, new
    return row[-1]


def _plain(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())
