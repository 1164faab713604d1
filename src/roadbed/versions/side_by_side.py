"""The side-by-side evaluation of two versions on known cases, as the live path evaluates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from roadbed.decisions.decider_runner import DeciderRunner, Retrieve
from roadbed.decisions.evaluation import (
    Evaluation,
    EvaluationContext,
    KnownInput,
    MeteredCalls,
    evaluate_many,
)
from roadbed.decisions.model import LiveVersion, NotAnswered, Reason
from roadbed.examples.model import KnownCase
from roadbed.examples.service import as_declared
from roadbed.kernel.clock import Clock
from roadbed.kernel.ids import CertificateId, VersionId
from roadbed.kernel.stored_sentences import stored_sentence
from roadbed.risk.automation_state import State
from roadbed.risk.slices import Pooling
from roadbed.scoring.content import Content
from roadbed.scoring.scorers import Score, Truth, assess, is_wrong
from roadbed.usecases.loader import LoadedUseCase
from roadbed.usecases.use_case import UseCase
from roadbed.versions import identity
from roadbed.versions.store import Runnable

Json = Mapping[str, Any]
# Small enough that nothing waits for a thread; a trainable answers a batch at once.
_AT_ONCE, _BATCH = 16, 64
# A busy machine can make some answers slow. If more than this share is slow, the version is.
_MOST_AGAIN = 0.5
# The first answer imports and loads, so at most this many cases are evaluated one by one.
_ALONE = 16
WENT_WRONG = (Reason.DECIDER_FAILED, Reason.DECIDER_TIMEOUT, Reason.INVALID_ANSWER)


@dataclass(frozen=True, kw_only=True, slots=True)
class Prediction:
    """The answer of a version to a case. ``by_rule``: a rule decided before the decider.

    ``loss`` is ``None`` if the answer is not judged (``unknown``). ``twice``: the case was
    evaluated again, and ``seconds`` is the shorter time.
    """

    output: Json | None
    actions: Sequence[Json]
    provenance: Json
    confidence: float
    content: str | None
    loss: float | None
    why: str
    wrong: bool
    by_rule: bool
    automatic: bool
    seconds: float
    cost: float | None
    twice: bool = False

    @property
    def unknown(self) -> bool:
        """Whether the answer is not judged."""
        return self.loss is None


@dataclass(frozen=True, kw_only=True, slots=True)
class Contender:
    """A version to evaluate: its folder, decider, threshold and state."""

    loaded: LoadedUseCase
    version: LiveVersion


@dataclass(frozen=True, kw_only=True, slots=True)
class Pair:
    """The answers of both to one case. ``live`` is ``None`` without a live version."""

    item: KnownCase
    live: Prediction | None
    candidate: Prediction


class SideBySide:
    """Evaluates both in small alternating chunks, so that a slow machine affects both."""

    def __init__(self, retrieve: Retrieve, clock: Clock) -> None:
        self._retrieve = retrieve
        self._clock = clock

    async def run(
        self,
        live: Contender | None,
        candidate: Contender,
        cases: Sequence[KnownCase],
        metered: MeteredCalls,
    ) -> tuple[list[Evaluation] | None, list[Evaluation]]:
        """The evaluations of all cases, in order: those of the live version, of the candidate.

        Raises as ``metered`` does.
        """
        sides = [side for side in (live, candidate) if side]
        contexts = {id(side): self._context(side) for side in sides}
        trained = all(side.loaded.declared.trainable is not None for side in sides)
        most = _BATCH if trained else _AT_ONCE
        evaluations: dict[int, list[Evaluation]] = {id(side): [] for side in sides}
        start = turn = 0
        try:
            while start < len(cases):
                warm = all(contexts[id(side)].runner.warm(side.version) for side in sides)
                chunk = cases[start : start + (most if warm or start >= _ALONE else 1)]
                start, turn = start + len(chunk), turn + 1
                inputs = [KnownInput(id=f"gate_{case.id}", content=case.content) for case in chunk]
                for side in reversed(sides) if turn % 2 else sides:
                    evaluations[id(side)] += await evaluate_many(
                        side.version,
                        inputs,
                        contexts[id(side)],
                        metered,
                        untold=side
                        is live,  # a live version that states no cost must not block its successor
                    )
        finally:
            for context in contexts.values():
                context.runner.close()
        return evaluations[id(live)] if live else None, evaluations[id(candidate)]

    async def slow_again(
        self, candidate: Contender, pairs: Sequence[Pair], limit: float, metered: MeteredCalls
    ) -> list[Pair]:
        """Evaluate again the holdout cases that took the candidate over ``limit`` seconds.

        The shorter time counts; the first answer is kept. Raises as ``metered`` does.
        """
        judges = [pair for pair in pairs if pair.item.judges]
        slow = [pair.item for pair in judges if pair.candidate.seconds > limit]
        if len(slow) > _MOST_AGAIN * len(judges):
            return list(pairs)
        _, evaluations = await self.run(None, candidate, slow, metered)
        again = {
            case.id: evaluation.seconds for case, evaluation in zip(slow, evaluations, strict=True)
        }
        return [_with_shorter_time(pair, again.get(pair.item.id)) for pair in pairs]

    def _context(self, side: Contender) -> EvaluationContext:
        return EvaluationContext(
            use_case=side.loaded,
            runner=DeciderRunner(side.loaded.declared, self._retrieve),
            clock=self._clock,
            capped=side.loaded.declared.budget is not None,
        )


def paired(
    live: Contender | None,
    candidate: Contender,
    cases: Sequence[KnownCase],
    evaluations: tuple[Sequence[Evaluation] | None, Sequence[Evaluation]],
) -> list[Pair]:
    """The answers of both to each case, routed by the automation state of each."""
    olds, news = evaluations
    declared = (live or candidate).loaded.declared
    return [
        Pair(
            item=case,
            live=_prediction(live, declared, case, olds[number]) if live and olds else None,
            candidate=_prediction(candidate, candidate.loaded.declared, case, news[number]),
        )
        for number, case in enumerate(cases)
    ]


def _prediction(
    side: Contender, declared: UseCase, case: KnownCase, evaluation: Evaluation
) -> Prediction:
    routed = evaluation.under(side.version)
    content = evaluation.content
    code = evaluation.answer.code if isinstance(evaluation.answer, NotAnswered) else None
    score = score_of(declared, content, code, case.truth, case.content)
    return Prediction(
        output=content.output if content else None,
        actions=content.proposed_actions if content else (),
        provenance=content.provenance if content else {},
        confidence=evaluation.confidence,
        content=content.hash if content else None,
        loss=score.loss,
        why=score.why,
        wrong=is_wrong(score, declared.tolerance),
        by_rule=code is Reason.RULE,
        automatic=routed.automatic,
        seconds=evaluation.seconds,
        cost=None if evaluation.cost is None else float(evaluation.cost),
    )


def score_of(
    declared: UseCase,
    content: Content | None,
    code: str | None,
    truth: Truth,
    input: Json,
    *,
    known_as: str | None = None,
) -> Score:
    """The score of an answer, by the scorer of the declaration.

    If no answer is right, giving none is right, unless the version failed to answer.
    """
    if truth.right is not None:
        output = as_declared(declared, truth.right.output) or truth.right.output
        right = Content(
            output=output, actions=truth.right.actions, provenance=truth.right.provenance
        )
        truth = Truth(
            right=right,
            actions_known=truth.actions_known,
            losses=truth.losses,
            labelled=truth.labelled,
        )
    if content is None and truth.labelled and truth.right is None and code in WENT_WRONG:
        return Score(loss=1.0, why=stored_sentence("It failed to answer."))
    return assess(declared.scorer, content, truth, input, known_as=known_as)


def _with_shorter_time(pair: Pair, again: float | None) -> Pair:
    if again is None:
        return pair
    first = pair.candidate
    return replace(pair, candidate=replace(first, seconds=min(first.seconds, again), twice=True))


def contender(runnable: Runnable, certificate: Json | None, alarm_at: datetime | None) -> Contender:
    """A version with the threshold of its proof, if no alarm was raised since."""
    proven = certificate if identity.in_force(certificate, alarm_at) else None
    pooling = proven["detail"].get("pooling") if proven else None
    return Contender(
        loaded=runnable.loaded,
        version=LiveVersion(
            id=VersionId(runnable.behaviour),
            decider=runnable.decider,
            threshold=proven["threshold"] if proven else None,
            certificate=CertificateId(proven["id"]) if proven else None,
            state=State.OPEN if proven else State.SHADOW,
            cautious=bool(proven and proven["cautious"]),
            pooling=Pooling(**pooling) if pooling else None,
            loaded=runnable.loaded,
        ),
    )
