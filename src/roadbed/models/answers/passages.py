"""``DocumentAnswers``: answers a question with the passages that fit it, word for word.

It needs no language model: what it shows stands in a document. It says so where the documents are
not about what the question names, and asks back where the question can mean several things.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from decimal import Decimal

from pydantic import BaseModel

from roadbed.kernel.json import JsonObject
from roadbed.kernel.stored_sentences import stored_sentence
from roadbed.models.answers.contract import Citation, DocumentAnswer
from roadbed.models.answers.notes import notes_of
from roadbed.usecases.decider import (
    Answer,
    AnswerKind,
    Context,
    Correction,
    Retrieved,
    RetrievedPassage,
    Unsure,
)

_FREE = Decimal(0)
_NAMED = 0.98  # confidence that what no document is about is not in the documents
# The confidence is a logistic function of few features. Their signs are fixed: freely fitted ones
# turned round on other collections. The certificate gives the guarantee, not these numbers.
_SUPPORT, _LEAD, _BIAS = 6.0, 1.5, -3.5
_OTHER_LANGUAGE = 0.2  # confidence that what is asked in another language is missing
_CORRECTED = 0.97  # that what people said is right for nearly the same question is right
_LEAST_SUPPORT = 0.45  # of the weight of the words in one passage; the best on filings (record 50)
# How near the best passage usually is, between the background (0) and the question itself (1).
_USUALLY_NEAR = 0.2
_RELATED = 0.5  # what other words of the same meaning weigh, as in the search
_WITHOUT_KIND = 0.4  # of the support, where a passage has nothing of the kind that is asked for
_IN_THEIRS = "The question may be in another language than the documents. Ask it in theirs."
_KINDS = {
    AnswerKind.MONEY: "an amount of money",
    AnswerKind.PERCENTAGE: "a percentage",
    AnswerKind.DATE: "a date",
    AnswerKind.NUMBER: "a number",
    AnswerKind.EMAIL: "an e-mail address",
    AnswerKind.PHONE: "a phone number",
}


class DocumentAnswers:
    """Answers with the best passage, and cites up to ``most`` of them.

    ``least_support`` in [0, 1] is the share of the question's words, by weight, that one passage
    must have: with less, the answer is *not in the documents*. The use case needs a library; its
    input is ``Question`` and its output ``DocumentAnswer``, or models with the same fields.
    """

    def __init__(self, *, most: int = 3, least_support: float = _LEAST_SUPPORT) -> None:
        if not 1 <= most <= 20 or not 0.0 <= least_support <= 1.0:
            raise ValueError("most is 1 to 20, least_support 0 to 1")
        self._most = most
        self._least_support = least_support

    def bind(self, input: type[BaseModel], output: type[BaseModel]) -> DocumentAnswers:
        """Check the models. Raises ``ValueError`` if a field is missing."""
        for model, names in ((input, ("question",)), (output, ("route", "text", "citations"))):
            if missing := [name for name in names if name not in model.model_fields]:
                raise ValueError(f"{model.__name__} has no field {missing[0]!r}")
        return self

    def __call__(self, _question: BaseModel, context: Context) -> Answer[BaseModel] | Unsure:
        """The passages for a question, or why there is no answer."""
        retrieved = context.retrieved
        if retrieved is None:
            return Unsure(reason=stored_sentence("the use case declares no library."), cost=_FREE)
        if not retrieved.documents:  # also while a folder is not ingested: nothing is known then
            return Unsure(reason=stored_sentence("there is no document to search."), cost=_FREE)
        if not retrieved.terms:
            return _answer("please_specify", "Which words should be looked for?", 0.9)
        if retrieved.missing:
            return _answer("not_in_documents", _not_about(retrieved.missing), _NAMED)
        if retrieved.choices:
            return _answer("please_specify", _which(retrieved.choices), 0.8)
        if retrieved.correction is not None:
            return self._as_corrected(retrieved, retrieved.correction)
        support = support_of(retrieved)
        evidence: JsonObject = {
            "support": round(support, 3),
            "passages": [_shown(passage) for passage in retrieved.passages[self._most :]],
        }
        if support < self._least_support and retrieved.names_nothing:
            return _answer("please_specify", "What is meant? The question does not name it.", 0.6)
        if support < self._least_support and retrieved.asks_twice:
            return _answer("please_specify", "These are two questions. Ask one at a time.", 0.6)
        if support < self._least_support:
            return Answer(
                output=DocumentAnswer(route="not_in_documents", text=_no_passage(retrieved)),
                confidence=_absent(retrieved, support),
                evidence=evidence,
                cost=_FREE,
            )
        best = retrieved.passages[: self._most]
        return Answer(
            output=DocumentAnswer(
                route="answer",
                text=best[0].text,
                citations=[_citation(passage) for passage in best],
                notes=notes_of(retrieved, best),
            ),
            confidence=_logistic(_SUPPORT * support + _LEAD * _lead(retrieved.passages) + _BIAS),
            evidence=evidence,
            cost=_FREE,
            provenance={"passages": [passage.id for passage in best]},
        )

    def _as_corrected(self, retrieved: Retrieved, correction: Correction) -> Answer[BaseModel]:
        """The passages that people said are right for nearly the same question."""
        right = [passage for passage in retrieved.passages if passage.id in correction.passages]
        return Answer(
            output=DocumentAnswer(
                route="answer",
                text=correction.text or right[0].text,
                citations=[_citation(passage) for passage in right],
                notes=notes_of(retrieved, right),
            ),
            confidence=_CORRECTED,
            evidence={
                "corrected": stored_sentence(
                    "A person said which passage is right for nearly the same question "
                    "(%(example)s).",
                    example=correction.example,
                ),
                "passages": [
                    _shown(passage)
                    for passage in retrieved.passages
                    if passage.id not in correction.passages
                ],
            },
            cost=_FREE,
            provenance={"passages": list(correction.passages)},
        )


def support_of(retrieved: Retrieved) -> float:
    """How well the passages support an answer, in [0, 1].

    The largest share of the question's words, by weight, that one passage has; other words of the
    same meaning count half. A passage without the kind of thing that is asked for, such as an
    amount of money, supports less. Where passages were searched by meaning, more if one is nearer
    to the question than usual, less if none is.
    """
    total = sum(retrieved.weights.get(term, 0.0) for term in retrieved.terms)
    if total <= 0:
        return 0.0
    weights = retrieved.weights
    words = max((_share(passage, weights) / total for passage in retrieved.passages), default=0.0)
    nearness = _nearness(retrieved)
    return words if nearness is None else min(1.0, max(0.0, words + nearness - _USUALLY_NEAR))


def _share(passage: RetrievedPassage, weights: Mapping[str, float]) -> float:
    """The weight of the question's words that a passage has, in its or in other words."""
    own = sum(weights.get(term, 0.0) for term in passage.matched)
    others = sum(weights.get(term, 0.0) for term in passage.related)
    return (own + _RELATED * others) * (1.0 if passage.has_kind else _WITHOUT_KIND)


def _nearness(retrieved: Retrieved) -> float | None:
    """How near the best passage is: 0 as near as the background, 1 as the question itself."""
    background = retrieved.background
    if background is None or background >= 1.0:
        return None
    near = [passage.similarity for passage in retrieved.passages if passage.similarity is not None]
    return max(0.0, max(near, default=background) - background) / (1.0 - background)


def _lead(passages: Sequence[RetrievedPassage]) -> float:
    """How far the best passage is ahead of the fifth; in [0, 1]."""
    if not passages or passages[0].score <= 0:
        return 0.0
    other = passages[min(4, len(passages) - 1)]
    return 1.0 - other.score / passages[0].score


def _absent(retrieved: Retrieved, support: float) -> float:
    """The confidence that what is asked is not in the documents.

    Of a question in another language than theirs the words say little about it.
    """
    confidence = _logistic(-_SUPPORT * support - _BIAS)
    return min(confidence, _OTHER_LANGUAGE) if retrieved.other_language else confidence


def _logistic(value: float) -> float:
    return round(1.0 / (1.0 + math.exp(-value)), 4)


def _answer(route: str, text: str, confidence: float) -> Answer[BaseModel]:
    output = DocumentAnswer.model_validate({"route": route, "text": text})
    return Answer(output=output, confidence=confidence, cost=_FREE)


def _citation(passage: RetrievedPassage) -> Citation:
    return Citation(
        document=passage.document,
        version=passage.version,
        place=passage.place,
        passage=passage.id,
        quote=passage.text,
    )


def _shown(passage: RetrievedPassage) -> JsonObject:
    """Where a passage stands that is not in the answer, for a reviewer."""
    return {"document": passage.document, "place": passage.place}


def _not_about(missing: Sequence[str]) -> str:
    return f"No document here is about {', '.join(missing)}."


def _which(choices: Sequence[str]) -> str:
    return f"Which one is meant: {', '.join(choices)}?"


def _no_passage(retrieved: Retrieved) -> str:
    passages = retrieved.passages
    known = {term for one in passages for term in (*one.matched, *one.related)}
    asked = [term for term in retrieved.terms if retrieved.weights.get(term)]
    words = [retrieved.written.get(term, term) for term in asked if term not in known]
    where, passage = "The documents", "No passage"
    if retrieved.is_limited:
        where, passage = "The documents that the question names", "None of their passages"
    if words:
        text = f"{where} do not answer this. {passage} mentions: {', '.join(words[:5])}."
        return f"{text} {_IN_THEIRS}" if retrieved.other_language else text
    if retrieved.expects and not any(one.has_kind for one in passages):
        return f"{where} do not answer this. {passage} about it has {_KINDS[retrieved.expects]}."
    return f"{where} do not answer this. {passage} has the words of the question together."
