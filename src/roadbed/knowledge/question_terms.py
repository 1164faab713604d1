"""The words of a question as they are searched, how rare each is, and which a passage has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from roadbed.knowledge.answer_kinds import answer_kind, has_kind, words_of
from roadbed.knowledge.index import LibraryIndex
from roadbed.knowledge.named_words import named_words
from roadbed.knowledge.records import StoredPassage
from roadbed.usecases.decider import AnswerKind

_MOST_UNKNOWN = 0.5  # of the words of a question


@dataclass(frozen=True, kw_only=True, slots=True)
class PassageFit:
    """What a passage has of a question.

    ``matched`` are the terms that stand in it, ``related`` those for which it has other words of
    the same meaning. ``has_kind`` is ``False`` if the question asks for a kind of thing, such as an
    amount of money, and the passage has none.
    """

    matched: Sequence[str]
    related: Sequence[str]
    has_kind: bool


class QuestionTerms:
    """The terms of ``question`` in a library in ``language``.

    ``rarity`` is the weight of each term in BM25. ``kind`` is what the question asks for, ``None``
    if its words do not say it.
    """

    def __init__(self, index: LibraryIndex, question: str, language: str) -> None:
        self._index = index
        self._question = question
        self._language = language
        self._related = index.related(question)
        self.terms: Sequence[str] = index.terms(question)
        self.rarity: Mapping[str, float] = {term: index.weight(term) for term in self.terms}
        self.kind: AnswerKind | None = answer_kind(question)

    def fit(self, passage: StoredPassage) -> PassageFit:
        """What a passage has of the question: in its text, its headings and its path."""
        words = self._words(passage)
        known = {
            word
            for phrase in self._related
            if any(words.issuperset(other) for other in phrase.others)
            for word in phrase.words
        }
        return PassageFit(
            matched=self._in(words),
            related=[term for term in self.terms if term in known - words],
            has_kind=self.kind is None
            or has_kind(" ".join((*passage.position.headings, passage.text)), self.kind),
        )

    def matched(self, passage: StoredPassage) -> Sequence[str]:
        """The terms that stand in a passage: in its text, its headings or its path."""
        return self._in(self._words(passage))

    def share(self, terms: Sequence[str]) -> float:
        """The share of the question's words, by rarity, that ``terms`` are."""
        whole = sum(self.rarity.values()) or 1.0
        return sum(self.rarity[term] for term in terms) / whole

    def share_in(self, text: str) -> float:
        """The share of the question's words, by rarity, that a text has."""
        return self.share(self._index.matched(self.terms, text))

    def searched(self) -> Sequence[str]:
        """The terms, or none where the question has only function words."""
        return self.terms if self._index.says_something(self._question) else ()

    def weights(self, words: str, titles: Sequence[str] = ()) -> Mapping[str, float]:
        """How rare each term is. One that stands nowhere is no rarer than the others on average.

        It may be misspelt, or another word for what the documents say. A name or a number that
        stands nowhere keeps its weight: it cannot be said otherwise. Terms that are not among
        ``words`` have none: they chose the documents, and each passage there has them. Nor have
        those of ``titles``, which name a document, where they are said once more, and those that
        only say which kind of thing is asked for, if there are others.
        """
        counted = frozenset(self._index.terms(words))
        counted = counted.difference(*map(self._index.terms, titles)) or counted
        if self.kind is not None:
            counted = counted.difference(self._index.terms(words_of(self.kind))) or counted
        rarity = {term: self.rarity[term] for term in self.searched() if term in counted}
        known = [weight for term, weight in rarity.items() if self._index.frequency(term)]
        usual = sum(known) / len(known) if known else 1.0
        names = self._names()
        weights = {
            term: weight if self._index.frequency(term) or term in names else min(weight, usual)
            for term, weight in rarity.items()
        }
        return {term: weights.get(term, 0.0) for term in self.searched()}

    def in_other_language(self) -> bool:
        """Whether most terms stand nowhere, and no function word is of the library's language.

        With a function word it is a question about something else.
        """
        terms = self.searched()
        unknown = sum(self._index.frequency(term) == 0 for term in terms)
        many = unknown > _MOST_UNKNOWN * len(terms)
        return many and not self._index.has_function_word(self._question)

    def _words(self, passage: StoredPassage) -> frozenset[str]:
        return self._index.words(f"{passage.path} {passage.position.label} {passage.text}")

    def _in(self, words: frozenset[str]) -> Sequence[str]:
        return [term for term in self.terms if term in words]

    def _names(self) -> frozenset[str]:
        """The terms of names and numbers for which no other words are known."""
        return frozenset(
            term
            for name in named_words(self._question, self._language)
            if self._index.says_something(name) and not self._index.related(name)
            for term in self._index.terms(name)
        )
