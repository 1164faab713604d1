"""Checked replies: which sentences of a reply are supported, and which reply is used. Pure.

A sentence that fails its checks is dropped. If nothing is left that answers, or the sentence that
answers the question was dropped, the reply is not used.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from roadbed.kernel.json import JsonObject
from roadbed.kernel.stored_sentences import stored_sentence
from roadbed.models.answers.contract import Citation
from roadbed.models.answers.figures import Value, figures
from roadbed.models.answers.support import (
    CitedPassage,
    SentenceSupport,
    best_quote,
    found_quote,
    support,
)
from roadbed.models.answers.wording import content_words, normal
from roadbed.usecases.decider import RetrievedPassage

# The confidence is a logistic function of few features with fixed signs: freely fitted ones turned
# round on other collections. The certificate gives the guarantee, not these numbers.
_RETRIEVAL, _AGREEMENT, _CHECKS, _NEGATION, _BIAS = 3.0, 2.0, 3.0, -1.0, -4.5
_SILENCE, _ASKED_BACK = 0.5, -1.0
_MOST_CITATIONS = 20
_LONGEST_QUOTE = 1_000
_MOST_DROPPED = 0.5  # of the sentences


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckedSentence:
    """A sentence of a reply, the passages that it cites, and why it is dropped, if it is.

    ``quotes`` pairs each passage with its own words.
    """

    text: str
    passages: tuple[RetrievedPassage, ...]
    quotes: tuple[str, ...]
    support: SentenceSupport
    problem: str | None

    def facts(self) -> JsonObject:
        """The checks, as evidence for a reviewer."""
        dropped = {"dropped": self.problem} if self.problem else {}
        return {"sentence": self.text, **self.support.facts(), **dropped}


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckedReply:
    """A reply with its route.

    ``text`` is that of a reply without sentences; ``problem`` says what of it stands nowhere.
    """

    route: str
    text: str = ""
    problem: str | None = None
    sentences: tuple[CheckedSentence, ...] = ()

    @property
    def kept(self) -> tuple[CheckedSentence, ...]:
        """The sentences that are supported."""
        return tuple(one for one in self.sentences if one.problem is None)

    @property
    def cited(self) -> frozenset[str]:
        """The ids of the passages that support what is kept."""
        return frozenset(passage.id for one in self.kept for passage in one.passages)

    @property
    def values(self) -> frozenset[Value]:
        """The numbers in what is kept."""
        return frozenset(
            value
            for one in self.kept
            for number in figures(normal(one.text)).numbers
            for value in number.readings
        )

    def without(self, dropped: Collection[int], reason: str) -> CheckedReply:
        """The reply without the kept sentences at these places, for ``reason``."""
        refused = {id(self.kept[place]) for place in dropped}
        changed = (
            replace(one, problem=reason) if id(one) in refused else one for one in self.sentences
        )
        return replace(self, sentences=tuple(changed))

    def unusable(self, question: str) -> str | None:
        """Why the reply is no answer to ``question``; ``None`` if it can be used."""
        dropped = [one for one in self.sentences if one.problem is not None]
        if not dropped:
            return self.problem
        if not self.kept:
            return stored_sentence(
                "no sentence of the answer is supported: %(problem)s", problem=dropped[0].problem
            )
        if self._core(question).problem is not None:
            return stored_sentence(
                "the sentence that answers the question is not supported: %(problem)s",
                problem=self._core(question).problem,
            )
        if len(dropped) > _MOST_DROPPED * len(self.sentences):
            return stored_sentence("most sentences of the answer are not supported")
        return None

    def _core(self, question: str) -> CheckedSentence:
        """The sentence that has most words of the question; the first on a tie."""
        asked = content_words(question)
        return max(self.sentences, key=lambda one: len(asked & content_words(one.text)))


def checked_reply(
    output: Mapping[str, Any],
    passages: Sequence[RetrievedPassage],
    *,
    question: str,
    least_share: float,
) -> CheckedReply:
    """A reply with its checks. ``passages`` are those that the model was given, in order."""
    route = str(output["route"])
    if "sentences" not in output:
        text = " ".join(str(output["text"]).split())
        # It claims nothing of the documents, so its words are free; what it names is not.
        sources = [CitedPassage(text=question), *map(_source, passages)]
        problem = support(text, sources).problem(least_share=0.0)
        return CheckedReply(route=route, text=text, problem=problem)
    return CheckedReply(
        route=route,
        sentences=tuple(
            _sentence(one, passages, question, least_share) for one in output["sentences"]
        ),
    )


def _sentence(
    given: Mapping[str, Any],
    passages: Sequence[RetrievedPassage],
    question: str,
    least_share: float,
) -> CheckedSentence:
    text = " ".join(given["text"].split())
    cited = tuple(passages[number - 1] for number in dict.fromkeys(given["passages"]))
    documents = {passage.document for passage in cited}
    of_documents = [passage for passage in passages if passage.document in documents]
    quotes = [quote for quote in given["quotes"] if quote.strip()]
    result = support(
        text,
        list(map(_source, cited)),
        quotes=quotes,
        mentioned="\n".join(f"{one.document} {one.text}" for one in of_documents),
        asked=question,
    )
    problem = result.problem(least_share)
    if not cited:
        problem = stored_sentence("it cites no passage")
    return CheckedSentence(
        text=text,
        passages=cited,
        quotes=tuple(_quote(text, quotes, passage) for passage in cited),
        support=result,
        problem=problem,
    )


def _source(passage: RetrievedPassage) -> CitedPassage:
    around = f"{passage.document} {passage.place}"
    return CitedPassage(text=passage.text, around=around, doubtful=passage.doubtful)


def _quote(sentence: str, quotes: Sequence[str], passage: RetrievedPassage) -> str:
    """The passage's own words: those that the model repeats, else its most similar sentence."""
    repeated = [
        exact for quote in quotes if (exact := found_quote(quote, passage.text)) is not None
    ]
    best = max(repeated, key=len, default="") or best_quote(sentence, passage.text)
    return best[:_LONGEST_QUOTE]


def cited_text(sentences: Sequence[CheckedSentence]) -> tuple[str, list[Citation]]:
    """The text with the numbers of its citations, and the citations; at most 20 of them."""
    citations: list[Citation] = []
    known: dict[tuple[str, str], int] = {}
    parts = []
    for one in sentences:
        numbers = []
        for passage, quote in zip(one.passages, one.quotes, strict=True):
            place = known.get((passage.id, quote))
            if place is None and len(citations) < _MOST_CITATIONS:
                citations.append(_citation(passage, quote))
                place = known[(passage.id, quote)] = len(citations)
            if place is not None:
                numbers.append(place)
        parts.append(one.text + "".join(f" [{number}]" for number in dict.fromkeys(numbers)))
    return " ".join(parts), citations


def _citation(passage: RetrievedPassage, quote: str) -> Citation:
    return Citation(
        document=passage.document,
        version=passage.version,
        place=passage.place,
        passage=passage.id,
        quote=quote,
    )


def overlap(one: CheckedReply, other: CheckedReply) -> float:
    """How far two replies say the same, in [0, 1]: route, cited passages and numbers."""
    if one.route != other.route:
        return 0.0
    if not one.kept and not other.kept:
        return 1.0
    return (_common(one.cited, other.cited) + _common(one.values, other.values)) / 2


def _common(one: frozenset[Any], other: frozenset[Any]) -> float:
    return len(one & other) / len(one | other) if one or other else 1.0


def agreement(chosen: CheckedReply, others: Sequence[CheckedReply], asked: int) -> float:
    """The mean overlap of a reply with the other samples, in [0, 1]; a half for a single sample.

    ``asked`` counts all samples: one that failed agrees with nothing.
    """
    if asked < 2:
        return 0.5
    return sum(overlap(chosen, other) for other in others) / (asked - 1)


def confidence(reply: CheckedReply, *, retrieval: float, agreement: float) -> float:
    """A number in [0, 1] that ranks answers: better support and agreement never lower it.

    ``retrieval`` is the share of the question's words in the best passage. It lowers the confidence
    that something is *not in the documents*.
    """
    if reply.kept:
        checks = min(one.support.score for one in reply.kept)
        negated = sum(one.support.negation for one in reply.kept) / len(reply.kept)
        value = _RETRIEVAL * retrieval + _CHECKS * checks + _NEGATION * negated + _BIAS
    elif reply.route == "please_specify":
        value = _ASKED_BACK
    else:
        value = _SILENCE - _RETRIEVAL * retrieval
    return round(1.0 / (1.0 + math.exp(-value - _AGREEMENT * agreement)), 4)
