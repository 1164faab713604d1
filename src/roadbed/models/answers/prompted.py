"""``PromptedAnswers``: a language model answers from passages, and each sentence is checked.

The passages are data. The model can do nothing but reply by one of four tools. What it says is used
only as far as it stands in the passages that it cites.
"""

from __future__ import annotations

import asyncio
import copy
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import partial
from typing import Any, Self

import httpx2
from pydantic import BaseModel

from roadbed.kernel.json import Json
from roadbed.kernel.stored_sentences import stored_sentence
from roadbed.models.answers.checked import (
    CheckedReply,
    agreement,
    checked_reply,
    cited_text,
    confidence,
    overlap,
)
from roadbed.models.answers.contract import DocumentAnswer
from roadbed.models.answers.judging import Judge, JudgedSentence, verdicts
from roadbed.models.answers.passages import DocumentAnswers, support_of
from roadbed.models.answers.replies import instructions, message, read, tools
from roadbed.models.answers.support import LEAST_SHARE
from roadbed.models.prompts.endpoint import MOST_BYTES, NoReplyError
from roadbed.models.prompts.fallback import (
    Drawn,
    LanguageModel,
    ModelConnection,
    draw,
    language_models,
    needs_of_models,
)
from roadbed.models.prompts.price import Price
from roadbed.models.prompts.prompted import digest
from roadbed.models.prompts.requests import ModelRequest
from roadbed.usecases.decider import Answer, Context, Needs, Retrieved, RetrievedPassage, Unsure

_SHARE_OF_DEADLINE = 0.9  # the rest is for everything except the models
_SHARE_BEFORE_JUDGE = 0.65


class PromptedAnswers:
    """Answers questions from the library of the use case with ``model`` and ``prompts/FILE``.

    ``model``, ``price``, ``base_url``, ``temperature``, ``fallback`` and the limits are those of
    ``Prompted``. ``samples`` replies are asked for; a sentence needs ``least_share`` of its words
    in the passages that it cites. ``judge`` is a second model that may drop sentences. A question
    that no document is about is answered without a model. The use case's input is ``Question`` and
    its output ``DocumentAnswer``, or models with the same fields.
    Raises ``ValueError`` for settings that cannot work.
    """

    def __init__(
        self,
        file: str,
        *,
        model: str,
        price: Price | None = None,
        base_url: str | None = None,
        fallback: LanguageModel | None = None,
        judge: Judge | None = None,
        samples: int = 2,
        temperature: float | None = None,
        least_share: float = LEAST_SHARE,
        most_characters: int = 60_000,
        most_tokens: int = 4_000,
        most_answer_bytes: int = MOST_BYTES,
        environment: Mapping[str, str] = os.environ,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        if min(samples, most_characters, most_tokens, most_answer_bytes) < 1:
            raise ValueError("samples and the limits are at least 1")
        if not 0.0 <= least_share <= 1.0:
            raise ValueError("least_share is 0 to 1")
        self.file = file
        self._models = language_models(model, price, base_url, fallback)
        self._judge = judge
        self._all = language_models(
            model, price, base_url, fallback, judge.model if judge else None
        )
        self._samples = samples
        self._temperature = temperature
        self._least_share = least_share
        self._most_characters = most_characters
        self._most_tokens = most_tokens
        self._connection = ModelConnection(
            environment=environment, most_bytes=most_answer_bytes, transport=transport
        )
        self._without_model = DocumentAnswers()
        self._output: type[BaseModel] = DocumentAnswer

    @property
    def needs(self) -> Needs:
        """Its prompt, the providers' keys unless it uses other servers, its currency."""
        return needs_of_models(self.file, self._all)

    def bind(self, input: type[BaseModel], output: type[BaseModel]) -> Self:
        """A copy that knows the models. Raises ``ValueError`` if a field is missing."""
        self._without_model.bind(input, output)
        bound = copy.copy(self)
        setattr(bound, "_output", output)  # noqa: B010 - a private name of a copy
        return bound

    async def __call__(self, question: BaseModel, context: Context) -> Answer[BaseModel] | Unsure:
        """The answer that most samples agree on and its passages support, or why there is none."""
        retrieved = context.retrieved
        if retrieved is None or _needs_no_model(retrieved):
            return self._without_model(question, context)
        prompt = context.prompts.get(self.file, "")
        if not prompt.strip():
            return Unsure(
                reason=stored_sentence("prompts/%(file)s is missing or empty", file=self.file),
                cost=Decimal(0),
            )
        content = question.model_dump(mode="json")
        asked = _Asked(
            question=str(content["question"]),
            searched=retrieved.question,
            earlier=content.get("earlier") or (),
            passages=retrieved.passages,
        ).within(self._most_characters)
        if not asked.passages:
            most = f"{self._most_characters:,}"
            return Unsure(
                reason=stored_sentence("the input is longer than %(most)s characters", most=most),
                cost=Decimal(0),
            )
        now = asyncio.get_running_loop().time()
        end = now + context.deadline_seconds * _SHARE_OF_DEADLINE
        share = _SHARE_BEFORE_JUDGE if self._judge else 1.0
        try:
            drawn = await draw(
                self._models,
                self._request(prompt, asked),
                partial(read, passages=len(asked.passages)),
                count=self._samples,
                end=now + (end - now) * share,
                connection=self._connection,
            )
        except NoReplyError as error:
            return Unsure(reason=error.reason, cost=Decimal(0))
        settled = _settle(drawn, asked, self._least_share)
        settled.evidence["prompt"] = {"file": self.file, "sha256": digest(prompt)}
        if self._judge is not None and settled.reply is not None and settled.reply.kept:
            settled = await self._judged(self._judge, settled, asked, end)
        return self._answer(settled, drawn, retrieved)

    def _request(self, prompt: str, asked: _Asked) -> ModelRequest:
        return ModelRequest(
            instructions=instructions(prompt),
            message=asked.message,
            tools=tools(),
            temperature=self._temperature,
            most_tokens=self._most_tokens,
        )

    async def _judged(self, judge: Judge, settled: _Settled, asked: _Asked, end: float) -> _Settled:
        """The reply without the sentences that the judge does not find in their passages."""
        assert settled.reply is not None
        kept = settled.reply.kept
        shown = [
            JudgedSentence(text=one.text, passages=[item.text for item in one.passages])
            for one in kept
        ]
        places, paid, reason = None, Decimal(0), ""
        cost: Decimal | None = paid
        try:
            places, drawn = await verdicts(judge.model, shown, end=end, connection=self._connection)
            cost, reason = drawn.cost, drawn.samples[0].failed or ""
        except NoReplyError as error:
            reason = error.reason
        evidence = {**settled.evidence, "judge": judge.model.model}
        if places is None:
            return _Settled(
                reply=None,
                reason=stored_sentence("the judge gave no verdict: %(reason)s", reason=reason),
                evidence=evidence,
                judged=cost,
            )
        refused = [place for place in range(len(kept)) if place not in places]
        reply = settled.reply.without(
            refused, stored_sentence("the judge does not find it in the cited passages")
        )
        evidence["sentences"] = [one.facts() for one in reply.sentences]
        problem = reply.unusable(asked.searched)
        return replace(
            settled,
            reply=None if problem else reply,
            reason=problem or "",
            evidence=evidence,
            judged=cost,
        )

    def _answer(
        self, settled: _Settled, drawn: Drawn, retrieved: Retrieved
    ) -> Answer[BaseModel] | Unsure:
        cost = None if drawn.cost is None or settled.judged is None else drawn.cost + settled.judged
        retrieval = support_of(retrieved)
        evidence = {**drawn.told, **settled.evidence, "support": round(retrieval, 3)}
        reply = settled.reply
        if reply is None:
            return Unsure(reason=settled.reason, evidence=evidence, cost=cost)
        text, citations = cited_text(reply.kept) if reply.kept else (reply.text, [])
        output = DocumentAnswer.model_validate(
            {"route": reply.route, "text": text, "citations": citations}
        )
        ranked = confidence(reply, retrieval=retrieval, agreement=settled.agreement)
        return Answer(
            output=self._output.model_validate(output.model_dump(mode="json")),
            confidence=drawn.ranked(ranked),
            evidence=evidence,
            cost=cost,
            provenance={"passages": sorted(reply.cited)},
        )


def _needs_no_model(retrieved: Retrieved) -> bool:
    """Whether the question can be answered, or asked back, without reading a passage."""
    nothing = not retrieved.documents or not retrieved.terms or not retrieved.passages
    return bool(nothing or retrieved.missing or retrieved.choices)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Asked:
    """What a model is asked: the question, the turns before it and the passages.

    ``searched`` is the question with the words of those that it continues.
    """

    question: str
    searched: str
    earlier: Sequence[Mapping[str, Any]]
    passages: Sequence[RetrievedPassage]

    @property
    def message(self) -> str:
        return message(self.question, self.earlier, self.passages)

    def within(self, most: int) -> _Asked:
        """With as many turns and passages as fit: the oldest turns go first, then passages."""
        asked = self
        while len(asked.message) > most and (asked.earlier or asked.passages):
            if asked.earlier:
                asked = replace(asked, earlier=asked.earlier[1:])
            else:
                asked = replace(asked, passages=asked.passages[:-1])
        return asked


@dataclass(frozen=True, kw_only=True, slots=True)
class _Settled:
    """The reply that is used, or the reason why none is; ``judged`` is what the judge cost."""

    reply: CheckedReply | None
    evidence: dict[str, Json]
    reason: str = ""
    agreement: float = 0.0
    judged: Decimal | None = Decimal(0)


def _settle(drawn: Drawn, asked: _Asked, least_share: float) -> _Settled:
    """The reply of the route with most samples that agrees best with the others."""
    replies: list[CheckedReply] = []
    problems: list[str] = []
    unsure: list[str] = []
    best_refused: CheckedReply | None = None
    for sample in drawn.samples:
        if sample.output is None:
            (unsure if sample.unsure is not None else problems).append(
                sample.unsure or sample.failed or ""
            )
            continue
        reply = checked_reply(
            sample.output, asked.passages, question=asked.searched, least_share=least_share
        )
        if (problem := reply.unusable(asked.searched)) is None:
            replies.append(reply)
        else:
            problems.append(problem)
            best_refused = best_refused or reply
    routes = Counter(reply.route for reply in replies)
    evidence: dict[str, Json] = {
        "routes": dict(routes),
        **({"unsure": unsure} if unsure else {}),
        **({"failed": sorted(set(problems))} if problems else {}),
    }
    if best_refused is not None:
        evidence["refused"] = [one.facts() for one in best_refused.sentences]
    reason = _why_none(routes, unsure, problems)
    if reason is not None:
        return _Settled(reply=None, reason=reason, evidence=evidence)
    route = routes.most_common(1)[0][0]
    alike = [reply for reply in replies if reply.route == route]
    chosen = max(
        alike, key=lambda one: sum(overlap(one, other) for other in alike if other is not one)
    )
    others = [reply for reply in replies if reply is not chosen]
    agreed = agreement(chosen, others, len(drawn.samples))
    evidence["agreement"] = round(agreed, 3)
    evidence["sentences"] = [one.facts() for one in chosen.sentences]
    return _Settled(reply=chosen, agreement=agreed, evidence=evidence)


def _why_none(routes: Counter[str], unsure: Sequence[str], problems: Sequence[str]) -> str | None:
    """Why no route has the most samples; ``None`` if one has."""
    ranked = routes.most_common(2)
    if not ranked:
        if unsure:
            return stored_sentence("the model says: %(said)s", said=unsure[0])
        return problems[0] if problems else stored_sentence("the model was not asked")
    if len(unsure) >= ranked[0][1]:
        return stored_sentence("the model says: %(said)s", said=unsure[0])
    if len(ranked) > 1 and ranked[0][1] == ranked[1][1]:
        return stored_sentence("the replies of the model differ: one answers, another does not")
    return None
