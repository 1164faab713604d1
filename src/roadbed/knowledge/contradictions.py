"""Contradictions: two sentences that say the same with different figures. Pure.

Precision goes before recall: a person is asked about each. So the words must agree, the names in
capitals and everything else that tells sentences apart too, and only figures of one kind differ.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import product
from typing import TypeAlias

from roadbed.kernel.amounts import DIGITS, amounts, digit_values, without_amounts
from roadbed.knowledge.dates import DATE, PartialDate, dates
from roadbed.knowledge.document_facts import facts_of
from roadbed.knowledge.statements import Terms, statements

_Readings: TypeAlias = frozenset[Decimal | str]  # what one figure may mean

_ALIKE = 0.7  # of the words of two sentences, without figures
_FEWEST_WORDS = 4  # that both have
_FIGURE = re.compile(rf"(?<![\w.,])(?P<number>{DIGITS})(?![.,]?\w*\d)[ ]?(?P<unit>%|[^\W\d_]+)?")
_STOPS = (".", "!")  # a line without one is a title, an entry of a list, or cut off
_NUMBER = re.compile(r"\d")
_NAME = re.compile(r"(?<=[^.!?:;\s] )[A-Z][\w&'-]+")
_NO_UNIT = frozenset(("a", "an", "and", "or", "of", "in", "to", "for", "per", "the", "is", "are"))


@dataclass(frozen=True, slots=True)
class FigureContradiction:
    """Two sentences with different figures, word for word.

    ``weight`` says how much of the question both have.
    """

    first: str
    second: str
    weight: float = 0.0


def contradictions(
    first: str, second: str, weights: Mapping[str, float], terms: Terms
) -> Sequence[FigureContradiction]:
    """The sentences of two passages that contradict each other about a question, each pair once.

    Those with most of the question come first. ``weights`` are those of its words: a sentence
    without one of them is not what was asked.
    """
    sides = [_claims(text, weights, terms) for text in (first, second)]
    differing = {
        (one.text, other.text): FigureContradiction(
            one.text, other.text, round(one.weight + other.weight, 6)
        )
        for one, other in product(*sides)
        if _contradict(one, other)
    }
    return sorted(differing.values(), key=lambda pair: -pair.weight)


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


@dataclass(frozen=True, slots=True)
class _Claim:
    """A sentence with figures: its other words, its names, and the readings of each figure."""

    text: str
    weight: float
    words: frozenset[str]
    names: frozenset[str]
    figures: Mapping[str, frozenset[_Readings]]


def _claims(text: str, weights: Mapping[str, float], terms: Terms) -> Sequence[_Claim]:
    """The sentences of a passage that say something of what was asked, with figures."""
    return [
        _Claim(
            text=spoken.text,
            weight=spoken.weight,
            words=_words(terms(without_amounts(spoken.text))),
            names=_names(spoken.text),
            figures=figures,
        )
        for spoken in statements(text, weights, terms)
        if spoken.weight > 0 and spoken.text.endswith(_STOPS) and (figures := _figures(spoken.text))
    ]


def _contradict(one: _Claim, other: _Claim) -> bool:
    shared = one.words & other.words
    if len(shared) < _FEWEST_WORDS or len(shared) < _ALIKE * len(one.words | other.words):
        return False
    if one.names != other.names or one.figures.keys() != other.figures.keys():
        return False
    pairs = {kind: (figures, other.figures[kind]) for kind, figures in one.figures.items()}
    differing = [kind for kind, (mine, its) in pairs.items() if not _are_equal(mine, its)]
    # Other figures that differ beside it would say that two cases are meant. A number without a
    # unit counts pages, notes and clauses.
    return len(differing) == 1 and differing[0] != "" and not _in_common(*pairs[differing[0]])


def _are_equal(one: frozenset[_Readings], other: frozenset[_Readings]) -> bool:
    return _in_common(one, other) == one and _in_common(other, one) == other


def _in_common(one: frozenset[_Readings], other: frozenset[_Readings]) -> frozenset[_Readings]:
    """The figures of ``one`` that may be one of ``other``."""
    return frozenset(figure for figure in one if any(figure & its for its in other))


def _words(terms: Iterable[str]) -> frozenset[str]:
    return frozenset(term for term in terms if not _NUMBER.search(term))


def _names(text: str) -> frozenset[str]:
    """The words in capitals inside of a sentence, without months and currencies."""
    return frozenset(_NAME.findall(DATE.sub(" ", without_amounts(text))))


def _figures(text: str) -> Mapping[str, frozenset[_Readings]]:
    """The figures of a sentence by their kind: money by its currency, dates, and by the word after.

    A number that can be read in two ways has both values: ``1.234`` is one in English and another
    one in German.
    """
    figures: dict[str, set[_Readings]] = {}
    for _match, currency, values in amounts(text):
        figures.setdefault(f"money in {currency}", set()).add(values)
    rest = without_amounts(text)
    for moment in dates(rest):
        figures.setdefault("date", set()).add(frozenset((moment.label,)))
    for match in _FIGURE.finditer(DATE.sub(" ", rest)):
        unit = (match.group("unit") or "").lower()
        number = match.group("number")
        kind = "" if unit in _NO_UNIT else unit.rstrip("s")
        readings: _Readings = frozenset(digit_values(number)) or frozenset((number,))
        figures.setdefault(kind, set()).add(readings)
    return {kind: frozenset(values) for kind, values in figures.items()}
