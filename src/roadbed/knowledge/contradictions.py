"""Contradictions: two sentences that say the same with different figures. Pure.

Precision goes before recall: a person is asked about each. So the words must agree, the names in
capitals and everything else that tells sentences apart too, and only figures of one kind differ.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from roadbed.knowledge.dates import DATE, PartialDate, dates
from roadbed.knowledge.document_facts import facts_of
from roadbed.knowledge.statements import PassageSentence, Terms, statements

_ALIKE = 0.7  # of the words of two sentences, without figures
_FEWEST_WORDS = 4  # that both have
_FIGURE = re.compile(
    r"(?P<sign>[$€£])?[ ]?(?<![\w.,])(?P<number>\d[\d,]*(?:\.\d+)?)(?![\w]*\d)[ ]?"
    r"(?P<unit>%|[^\W\d_]+)?"
)
_STOPS = (".", "!")  # a line without one is a title, an entry of a list, or cut off
_NUMBER = re.compile(r"\d")
_NAME = re.compile(r"(?<=[^.!?:;\s] )[A-Z][\w&'-]+")
_NO_UNIT = frozenset(("a", "an", "and", "or", "of", "in", "to", "for", "per", "the", "is", "are"))


@dataclass(frozen=True, slots=True)
class FigureContradiction:
    """Two sentences with different figures, word for word."""

    first: str
    second: str


def contradiction(
    first: str, second: str, weights: Mapping[str, float], terms: Terms
) -> FigureContradiction | None:
    """The sentences of two passages that contradict each other about a question.

    ``weights`` are those of the words of the question: a sentence without one of them is not what
    was asked. ``None`` if no sentences do.
    """
    sides = [
        [
            one
            for one in statements(text, weights, terms)
            if one.weight > 0 and one.text.endswith(_STOPS) and _figures(one.text)
        ]
        for text in (first, second)
    ]
    for one, other in product(*sides):
        if _contradict(one, other):
            return FigureContradiction(one.text, other.text)
    return None


def of_one_time(first: str, second: str) -> bool:
    """Whether two documents, by their paths, may be about the same time.

    Each round of audits and each meeting has its own figures. The date of a revision in the text
    does not count: an older policy may contradict a newer handbook.
    """
    one, other = (_path_dates(path) for path in (first, second))
    return not one or not other or any(date.holds(moment) for date in one for moment in other)


def _path_dates(path: str) -> Sequence[PartialDate]:
    facts = facts_of("", path, "", ())
    return [moment for moment in (facts.named, facts.shelved) if moment is not None]


def _contradict(one: PassageSentence, other: PassageSentence) -> bool:
    first, second = (_words(side.terms) for side in (one, other))
    shared = first & second
    if len(shared) < _FEWEST_WORDS or len(shared) < _ALIKE * len(first | second):
        return False
    if _names(one.text) != _names(other.text):
        return False
    figures, others = _figures(one.text), _figures(other.text)
    if figures.keys() != others.keys():
        return False
    differing = [kind for kind, values in figures.items() if values != others[kind]]
    # Other figures that differ beside it would say that two cases are meant. A number without a
    # unit counts pages, notes and clauses.
    return (
        len(differing) == 1
        and differing[0] != ""
        and not figures[differing[0]] & others[differing[0]]
    )


def _words(terms: frozenset[str]) -> frozenset[str]:
    return frozenset(term for term in terms if not _NUMBER.search(term))


def _names(text: str) -> frozenset[str]:
    """The words in capitals inside of a sentence, without months."""
    return frozenset(_NAME.findall(DATE.sub(" ", text)))


def _figures(text: str) -> Mapping[str, frozenset[str]]:
    """The figures of a sentence by their kind: dates, money, percent, and by the word after."""
    figures: dict[str, set[str]] = {}
    for moment in dates(text):
        figures.setdefault("date", set()).add(moment.label)
    for match in _FIGURE.finditer(DATE.sub(" ", text)):
        unit = (match.group("unit") or "").lower()
        kind = match.group("sign") or ("" if unit in _NO_UNIT else unit.rstrip("s"))
        figures.setdefault(kind, set()).add(match.group("number").replace(",", "").rstrip("."))
    return {kind: frozenset(values) for kind, values in figures.items()}
