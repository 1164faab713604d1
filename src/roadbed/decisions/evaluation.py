"""Evaluation: ``evaluate`` runs one version on one task. It is the only caller of a decider.

Live, shadow, canary, gate, certificate, replay, stress, reviewer checks and the prompt optimization
all call it. They differ in arguments only: the time left, whether a budget is reserved, whether the
use case is halted. It stores and sends nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from roadbed.decisions import routing
from roadbed.decisions.decider_runner import DeciderRunner
from roadbed.decisions.model import (
    Answered,
    LiveVersion,
    NotAnswered,
    Reason,
    Route,
    Routed,
)
from roadbed.intake.model import AdmittedTask
from roadbed.kernel.clock import Clock
from roadbed.kernel.storable import cleaned
from roadbed.scoring.content import Content
from roadbed.usecases.loader import LoadedUseCase
from roadbed.usecases.parsing import UnfitError, read_stored

MOST_ATTEMPTS = 3
MOST_OF_A_REASON = 400  # characters
_NOTHING = Decimal(0)  # the decider was not asked


@dataclass(frozen=True, kw_only=True, slots=True)
class EvaluationContext:
    """Arguments of an evaluation that its callers set.

    ``use_case`` is the folder in service, whose rules and models apply if the version has none.
    ``seconds`` are left for the decider; ``None``: the whole declared deadline. ``capped`` says
    that a budget limits what an answer may cost, so that an unknown price goes to a person;
    ``funded`` is false where nothing is left of it. ``attempt`` counts how often deciding the task
    began.
    """

    use_case: LoadedUseCase
    runner: DeciderRunner
    clock: Clock
    seconds: float | None = None
    halted: bool = False
    funded: bool = True
    capped: bool = False
    attempt: int = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class EvaluationCheck:
    """One step of an evaluation: whether the answer passed it, and a sentence where it did not."""

    name: str
    passed: bool
    reason: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Evaluation:
    """The result of a version for a task.

    ``actions`` are those proposed, each with what its rule decides and why. ``held`` is why it goes
    to a person or is refused, independent of its confidence. ``score`` is compared with the
    threshold in force; it is 0 if the answer is held. ``seconds`` is the time of the whole
    evaluation.
    """

    answer: Answered | NotAnswered
    actions: Sequence[Mapping[str, Any]]
    held: Routed | None
    slices: Mapping[str, str]
    score: float
    routed: Routed
    seconds: float = 0.0

    @property
    def cost(self) -> Decimal | None:
        """The cost of the decider; ``None`` if it gave none."""
        return self.answer.cost

    @property
    def content(self) -> Content | None:
        """What is proposed; ``None`` where there is no answer."""
        return content_of(self.answer)

    @property
    def confidence(self) -> float:
        """The decider's confidence; 0 where the answer is held back, so never automatic."""
        if self.held is not None or isinstance(self.answer, NotAnswered):
            return 0.0
        return self.answer.confidence

    @property
    def cautious(self) -> float | None:
        """The cautious confidence, with the same zero; ``None`` if the decider gave none."""
        if isinstance(self.answer, NotAnswered):
            return 0.0
        told = self.answer.cautious is not None
        return 0.0 if told and self.held is not None else self.answer.cautious

    @property
    def automatic(self) -> bool:
        """Whether it would be sent without a person."""
        return self.routed.route is Route.AUTOMATIC

    @property
    def checks(self) -> Sequence[EvaluationCheck]:
        """The steps in order, up to the one that stopped it."""
        stopping = self.held or self.routed  # a halt hides what held it back before
        stopped = _STOPPED_AT.get(stopping.code)
        if isinstance(self.answer, NotAnswered) and self.answer.code is Reason.RULE:
            stopped = "rules before"
        steps = _STEPS[: _STEPS.index(stopped) + 1] if stopped else _STEPS
        return [
            EvaluationCheck(
                name=step, passed=step != stopped, reason=stopping.reason * (step == stopped)
            )
            for step in steps
        ]

    def under(self, version: LiveVersion, *, halted: bool = False) -> Evaluation:
        """The same answer, scored and routed with what ``version`` has in force."""
        score = routing.score(self.confidence, self.cautious, version, self.slices)
        routed = routing.route(self.held, score, version, halted=halted, slices=self.slices)
        return replace(self, score=score, routed=routed)


def content_of(answer: Answered | NotAnswered) -> Content | None:
    """The content of an answer, or ``None``."""
    if isinstance(answer, NotAnswered):
        return None
    return Content(output=answer.output, actions=answer.actions, provenance=answer.provenance)


async def evaluate(
    version: LiveVersion, task: AdmittedTask, context: EvaluationContext
) -> Evaluation:
    """Run ``version`` on ``task``. Errors of the decider never raise here.

    In this order: rules before, the decider under its deadline, the schema, rules after, the rules
    of actions, the rule of cost, the score, the route. Everything reads the form of the input as
    this version declares it.
    """
    began = context.clock.monotonic()
    loaded = version.loaded or context.use_case
    task, unfit = with_declared_input(task, loaded)
    actions: Sequence[Mapping[str, Any]] = ()
    answer: Answered | NotAnswered
    held: Routed | None
    if stopped := _before(loaded, task, context, unfit):
        answer, held = stopped
    else:
        answer = await context.runner.ask(
            version,
            task,
            seconds=loaded.declared.deadline_seconds
            if context.seconds is None
            else context.seconds,
        )
        actions, held = _screened(answer, loaded, task, context)
    slices = routing.slices_of(loaded.declared, task.content)
    unrouted = Evaluation(
        answer=answer,
        actions=actions,
        held=held,
        slices=slices,
        score=0.0,
        routed=_UNROUTED,
        seconds=context.clock.monotonic() - began,
    )
    return unrouted.under(version, halted=context.halted)


def with_declared_input(
    task: AdmittedTask, loaded: LoadedUseCase
) -> tuple[AdmittedTask, UnfitError | None]:
    """The task with its input as ``loaded`` declares it, or why it cannot be read."""
    if isinstance(task.input, loaded.declared.input):
        return task, None
    try:
        reading = read_stored(loaded.declared.input, task.content)
    except UnfitError as error:
        return task, error
    return replace(task, input=reading.value, content=reading.form), None


def _before(
    loaded: LoadedUseCase,
    task: AdmittedTask,
    context: EvaluationContext,
    unfit: UnfitError | None,
) -> tuple[NotAnswered, Routed] | None:
    """What stops a task before its decider is asked."""
    if context.attempt > MOST_ATTEMPTS:
        reason = f"A crash interrupted the decision {MOST_ATTEMPTS} times."
        return _unasked(Reason.INTERRUPTED, reason)
    if unfit is not None:
        reason = f"The input does not fit what this version takes: {unfit}."
        return _unasked(Reason.INVALID_ANSWER, reason[:MOST_OF_A_REASON])
    if fired := loaded.rules.check_before(task.content):
        return _unasked(Reason.RULE, fired.reason)[0], routing.held_by_rule(fired)
    if not context.funded:
        return _unasked(Reason.BUDGET, "The budget is used up.")
    return None


def _screened(
    answer: Answered | NotAnswered,
    loaded: LoadedUseCase,
    task: AdmittedTask,
    context: EvaluationContext,
) -> tuple[Sequence[Mapping[str, Any]], Routed | None]:
    """The actions of an answer with what rules decide on them, and what holds the answer back."""
    if isinstance(answer, NotAnswered):
        return (), routing.to_review(answer.code, answer.reason)
    actions = routing.screen_actions(answer, task.content, loaded.rules)
    if fired := loaded.rules.check_after(task.content, answer.output, answer.confidence):
        return actions, routing.held_by_rule(fired)
    if refused := routing.action_refused(actions):
        return actions, refused
    if context.capped and answer.cost is None:
        return actions, routing.cost_unknown()
    return actions, None


def _unasked(code: Reason, reason: str) -> tuple[NotAnswered, Routed]:
    answer = NotAnswered(code=code, reason=cleaned(reason), evidence={}, cost=_NOTHING)
    return answer, routing.to_review(code, answer.reason)


_UNROUTED = Routed(route=Route.REVIEW, code=Reason.NOT_PROVEN, reason="")
_STEPS = ("rules before", "decider", "schema", "rules after", "actions", "cost", "score", "route")
_STOPPED_AT: Mapping[str, str] = MappingProxyType(
    {
        Reason.INTERRUPTED: "rules before",
        Reason.BUDGET: "rules before",
        Reason.NO_VERSION: "decider",
        Reason.UNSURE: "decider",
        Reason.DECIDER_FAILED: "decider",
        Reason.DECIDER_TIMEOUT: "decider",
        Reason.INVALID_ANSWER: "schema",
        Reason.RULE: "rules after",
        Reason.RULE_FAILED: "rules after",
        Reason.ACTION_REFUSED: "actions",
        Reason.COST_UNKNOWN: "cost",
        Reason.BELOW_THRESHOLD: "score",
        Reason.SLICE_UNKNOWN: "score",
        Reason.NOT_PROVEN: "route",
        Reason.AUDIT_HALTED: "route",
        Reason.HALTED: "route",
    }
)
