"""A vocabulary: other words for those of a question, such as *net sales* for *revenue*.

The files beside this module hold groups of words that mean the same in documents of companies, one
group a line. Pure: the words are given as the search index analyses them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

Phrase = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class KnownPhrase:
    """``words`` of a question, and the ``others`` that mean the same."""

    words: Phrase
    others: Sequence[Phrase]


@dataclass(frozen=True, slots=True)
class SearchVocabulary:
    """Groups of phrases of equal meaning, by each of their phrases."""

    groups: Mapping[Phrase, Sequence[Phrase]]

    @classmethod
    def of(cls, language: str, words: Callable[[str], Sequence[str]]) -> SearchVocabulary:
        """The vocabulary of a language; empty if there is none. ``words`` analyses a phrase."""
        groups: dict[Phrase, list[Phrase]] = {}
        for line in _lines(language):
            phrases = list(dict.fromkeys(tuple(words(phrase)) for phrase in line))
            group = [phrase for phrase in phrases if phrase]
            for phrase in group:
                others = groups.setdefault(phrase, [])
                others += [other for other in group if other != phrase and other not in others]
        return cls(groups)

    def alternatives(self, words: Sequence[str]) -> Sequence[KnownPhrase]:
        """The phrases among ``words`` that are known, with their other phrases.

        A longer phrase hides the shorter ones in it: *cost of sales* is not about sales.
        """
        taken: set[int] = set()
        alternatives: list[KnownPhrase] = []
        for start, end in _spans(len(words), max(map(len, self.groups), default=0)):
            phrase = tuple(words[start:end])
            group = self.groups.get(phrase)
            if group is not None and taken.isdisjoint(range(start, end)):
                taken |= set(range(start, end))
                alternatives.append(KnownPhrase(phrase, group))
        return alternatives


def _spans(count: int, longest: int) -> Iterator[tuple[int, int]]:
    """Every span of at most ``longest`` of so many words, the long ones first."""
    for length in range(min(count, longest), 0, -1):
        for start in range(count - length + 1):
            yield start, start + length


@cache
def _lines(language: str) -> Sequence[Sequence[str]]:
    file = files(__name__) / f"{language}.txt"
    if not file.is_file():
        return ()
    lines = file.read_text(encoding="utf-8").splitlines()
    return [
        [phrase.strip() for phrase in line.split(" = ")]
        for line in lines
        if line.strip() and not line.startswith("#")
    ]
