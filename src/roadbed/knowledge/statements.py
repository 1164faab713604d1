"""Statements: the sentence of a passage that a question is about, and how another text differs.

Pure. ``terms`` gives the words of a text as they are searched, without endings and function words.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

Terms = Callable[[str], Sequence[str]]
_END = re.compile(
    r"(?<=[.!?;])\s+(?=[\"“(\[]?[A-ZÄÖÜ0-9•])|\n\s*\n|\n(?=[ \t]*(?:[#*•|-]|\d+[.)]))"
)
_ALIKE = 0.35  # of the words of two sentences that say something of the same matter
_LONGEST = 300  # characters of a sentence that is quoted
_STOPS = ".!?;:)]”\"'"
_SHORTEST = 3  # terms of a sentence


@dataclass(frozen=True, slots=True)
class PassageSentence:
    """A sentence with its terms, and how much of the question it has, by weight."""

    text: str
    terms: frozenset[str]
    weight: float


def sentences(text: str) -> Iterator[str]:
    """The sentences of a passage. Lines of lists and tables are sentences of their own."""
    for piece in _END.split(text):
        if words := " ".join(piece.split()):
            yield words


def statements(text: str, weights: Mapping[str, float], terms: Terms) -> Sequence[PassageSentence]:
    """The sentences of ``text`` with enough words to be compared."""
    spoken = []
    for sentence in sentences(text):
        own = frozenset(terms(sentence))
        if len(own) >= _SHORTEST:
            weight = sum(weights.get(term, 0.0) for term in own)
            spoken.append(PassageSentence(sentence, own, weight))
    return spoken


def asked_statement(
    text: str, weights: Mapping[str, float], terms: Terms
) -> PassageSentence | None:
    """The sentence that has most of a question, by the weights of its words; the first of equals.

    ``None`` if none has any.
    """
    best = max(statements(text, weights, terms), key=lambda one: one.weight, default=None)
    return best if best is not None and best.weight > 0 else None


def differing(
    asked: PassageSentence, texts: Sequence[str], weights: Mapping[str, float], terms: Terms
) -> tuple[int, str] | None:
    """What other texts say instead of a statement: the number of the text, and its sentence.

    ``None`` if one says the same, or none says anything of the same matter. A sentence is of the
    same matter if it shares enough words, and as much of the question as half of the statement.
    """
    best: tuple[float, int, PassageSentence] | None = None
    for number, text in enumerate(texts):
        for statement in statements(text, weights, terms):
            if _says_the_same(statement, asked):
                return None
            shared = len(statement.terms & asked.terms) / len(statement.terms | asked.terms)
            fits = shared >= _ALIKE and 2 * statement.weight >= asked.weight
            if fits and (best is None or shared > best[0]):
                best = shared, number, statement
    return None if best is None else (best[1], shortened(best[2].text))


def _says_the_same(one: PassageSentence, other: PassageSentence) -> bool:
    """Whether two sentences have the same words, or one is the beginning of the other, cut off."""
    shorter, longer = sorted((one, other), key=lambda statement: len(statement.terms))
    is_cut = shorter.text[-1] not in _STOPS and shorter.terms <= longer.terms
    return is_cut or one.terms == other.terms


def shortened(text: str) -> str:
    """A sentence as it is quoted: one that is long is cut at a word."""
    if len(text) <= _LONGEST:
        return text
    return f"{text[:_LONGEST].rsplit(' ', 1)[0]} …"
