"""Fingerprints of texts: how much of the shorter one of two texts stands in the other one. Pure.

A fingerprint holds the smallest hashes of the runs of five words of a text, in which all figures
and dates are equal: versions differ in them, and each changed one would take five runs of a short
text. The share of runs that two texts have in common is estimated from the hashes that both would
have kept (bottom-k sketches: Broder, On the resemblance and containment of documents, 1997).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass

from roadbed.knowledge.dates import DATE

RUN = 5  # words
MOST = 2_048  # hashes of a text: 40 % in common is estimated within 4 % for texts of like length
_SHORT = 60  # words: of a shorter text the words themselves are compared
_WORD = re.compile(r"[^\W_]+")
_VALUE = "0"  # in place of figures and dates; several in a row, as in tables, are one
_FIGURE = re.compile(r"(?<![^\W_])\d+(?:[.,'’:/-]\d+)*")
_VALUES = re.compile(rf"{_VALUE}(?:[\W_]+{_VALUE})+(?![^\W_])")


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """``runs`` are hashes of runs, at most ``MOST``; ``words`` are those of a short text only."""

    runs: frozenset[int]
    words: frozenset[str] = frozenset()

    @property
    def largest(self) -> int | None:
        """The largest hash that it would have kept; ``None``: it kept all."""
        return max(self.runs) if len(self.runs) >= MOST else None


def fingerprint(texts: Iterable[str]) -> Fingerprint:
    """The fingerprint of a text that is given in parts. A run does not cross parts."""
    runs: set[int] = set()
    words: list[str] = []
    for text in texts:
        part = _WORD.findall(_without_values(text).lower())
        words += part
        runs.update(
            _hash(" ".join(part[first : first + RUN])) for first in range(len(part) - RUN + 1)
        )
    kept = frozenset(sorted(runs)[:MOST])
    return Fingerprint(runs=kept, words=frozenset(words) if len(words) < _SHORT else frozenset())


def _without_values(text: str) -> str:
    """``text`` with one sign in place of its figures and dates. Identifiers such as K8S stay."""
    return _VALUES.sub(_VALUE, _FIGURE.sub(_VALUE, DATE.sub(f" {_VALUE} ", text)))


def containment(one: Fingerprint, other: Fingerprint) -> float:
    """The share of the shorter text that stands in the longer one, in [0, 1].

    Two short texts are compared by their words: a change of one word takes most runs of theirs.
    """
    if one.words and other.words:
        return len(one.words & other.words) / min(len(one.words), len(other.words))
    limits = [limit for limit in (one.largest, other.largest) if limit is not None]
    limit = min(limits, default=None)
    first, second = (_up_to(side.runs, limit) for side in (one, other))
    smaller = min(len(first), len(second))
    return len(first & second) / smaller if smaller else 0.0


def _up_to(runs: frozenset[int], limit: int | None) -> frozenset[int]:
    return runs if limit is None else frozenset(run for run in runs if run <= limit)


def _hash(run: str) -> int:
    """63 bits, as PostgreSQL stores them. It is equal in every process."""
    digest = hashlib.blake2b(run.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest) >> 1
