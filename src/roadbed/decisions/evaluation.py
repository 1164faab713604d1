"""Evaluation: ``evaluate`` runs one version on one task. It is the only caller of a decider.

Live, shadow, canary, gate, certificate, replay, stress, reviewer checks and the prompt optimization
all call it. They differ in arguments only: the time left, whether a budget is reserved, whether the
use case is halted. It stores and sends nothing.

``evaluate_many`` does so for inputs beside the path of tasks. ``MeteredCalls`` charges them to the
budget: it reserves the worst case before it asks, and settles the real cost afterwards.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import partial
from types import MappingProxyType
from typing import Any, TypeVar

from roadbed.budgets.model import Aside
from roadbed.budgets.service import Budgets
from roadbed.decisions import routing
from roadbed.decisions.decider_runner import DeciderRunner
from roadbed.decisions.errors import EvaluationBudgetError, PriceUnknownError
from roadbed.decisions.model import (
    Answered,
    LiveVersion,
    NotAnswered,
    Reason,
    Route,
    Routed,
)
from roadbed.intake.model import AdmittedTask, Unread
from roadbed.kernel.clock import Clock
from roadbed.kernel.ids import TaskId
from roadbed.kernel.storable import cleaned
from roadbed.kernel.stored_sentences import stored_sentence
from roadbed.scoring.content import Content, Json
from roadbed.usecases.loader import LoadedUseCase
from roadbed.usecases.parsing import UnfitError, read_stored
from roadbed.usecases.use_case import Budget

MOST_ATTEMPTS = 3
MOST_OF_A_REASON = 400  # characters
_NOTHING = Decimal(0)  # the decider was not asked
T = TypeVar("T")
_PAID_AT_ONCE = 64  # reserved and settled together: one by one, the database would be the limit
_MOST_AT_ONCE = 256
# With a library: all of them search on this machine, and the deadline of each runs meanwhile. On a
# busy machine 256 at once spent it waiting for one another, and nothing was proven.
_MOST_SEARCHING = 16


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
        return Evaluation(
            answer=self.answer,
            actions=self.actions,
            held=self.held,
            slices=self.slices,
            score=score,
            routed=routed,
            seconds=self.seconds,
        )


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
        reason = stored_sentence("A crash interrupted the decision %(n)s times.", n=MOST_ATTEMPTS)
        return _unasked(Reason.INTERRUPTED, reason)
    if unfit is not None:
        reason = stored_sentence(
            "The input does not fit what this version takes: %(problem)s.", problem=unfit
        )
        return _unasked(Reason.INVALID_ANSWER, reason[:MOST_OF_A_REASON])
    if fired := loaded.rules.check_before(task.content):
        return _unasked(Reason.RULE, fired.reason)[0], routing.held_by_rule(fired)
    if not context.funded:
        return _unasked(Reason.BUDGET, stored_sentence("The budget is used up."))
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


@dataclass(frozen=True, kw_only=True, slots=True)
class KnownInput:
    """An input that is evaluated without a task."""

    id: str
    content: Json


class MeteredCalls:
    """Charges many calls to the budget of a use case; without a budget it only counts.

    ``spent`` is the cost of the answers, ``None`` if one of them did not report it. With a budget,
    failed calls are charged at the worst case, as tasks are.
    """

    def __init__(self, budgets: Budgets, use_case: str, budget: Budget | None) -> None:
        self._budgets = budgets
        self._use_case = use_case
        self._budget = budget
        self._priced = False
        self.spent: Decimal | None = Decimal(0)

    @property
    def currency(self) -> str:
        """That of the budget; empty without one."""
        return self._budget.currency if self._budget else ""

    async def ask(
        self,
        questions: Sequence[Callable[[], Awaitable[T]]],
        answer_of: Callable[[T], Answered | NotAnswered],
        *,
        untold: bool = False,
    ) -> list[T]:
        """Answers to all questions, in order: the first alone, then as many as the budget allows.

        With ``untold`` an answer may omit its cost, and is then charged at the worst case. Raises
        ``EvaluationBudgetError``, ``PriceUnknownError``.
        """
        results: list[T] = []
        while len(results) < len(questions):
            left = questions[len(results) :]
            held = await self._hold(len(left))
            allowed = left[: held.count] if held else left
            results += await self._paid(held, allowed, answer_of, untold=untold)
        return results

    async def _hold(self, wanted: int) -> Aside | None:
        """A hold for as many calls as the budget allows; ``None`` without a budget."""
        if self._budget is None:
            return None
        most = min(wanted, _PAID_AT_ONCE) if self._priced else 1
        held = await self._budgets.take_aside(self._use_case, self._budget, most)
        if held is None:
            raise EvaluationBudgetError(self._use_case)
        return held

    async def _paid(
        self,
        held: Aside | None,
        questions: Sequence[Callable[[], Awaitable[T]]],
        answer_of: Callable[[T], Answered | NotAnswered],
        *,
        untold: bool,
    ) -> list[T]:
        cost: Decimal | None = None
        try:
            results = list(await asyncio.gather(*(question() for question in questions)))
            answers = [answer_of(result) for result in results]
            unknown = held.amount / held.count if held else None
            cost = _sum([unknown if answer.cost is None else answer.cost for answer in answers])
        finally:
            if held:
                await self._budgets.settle_aside(held, cost)
        self.spent = None if self.spent is None or cost is None else self.spent + cost
        if held and not untold and any(_untold(answer) for answer in answers):
            raise PriceUnknownError(self._use_case)
        self._priced = True
        return results


async def evaluate_many(
    version: LiveVersion,
    inputs: Sequence[KnownInput],
    context: EvaluationContext,
    calls: MeteredCalls,
    *,
    untold: bool = False,
) -> list[Evaluation]:
    """``evaluate`` for many inputs, in their order, paid through ``calls``.

    With ``untold`` an answer may omit its cost, and is then charged at the worst case. Raises
    ``EvaluationBudgetError``, ``PriceUnknownError``.
    """
    loaded = version.loaded or context.use_case
    searches = loaded.declared.library is not None
    limit = asyncio.Semaphore(_MOST_SEARCHING if searches else _MOST_AT_ONCE)
    reading = replace(version, loaded=loaded)

    async def one(known: KnownInput) -> Evaluation:
        task = AdmittedTask(
            id=TaskId(f"tsk_{known.id}"),
            use_case=loaded.name,
            key=None,
            input=Unread(),
            content=known.content,
            source={"surface": "evaluation"},
            reference=False,
            reference_rate=0.0,
            admitted_at=context.clock.now(),
        )
        async with limit:
            return await evaluate(reading, task, context)

    questions = [partial(one, known) for known in inputs]
    return await calls.ask(questions, lambda evaluation: evaluation.answer, untold=untold)


def _sum(costs: Sequence[Decimal | None]) -> Decimal | None:
    known = [cost for cost in costs if cost is not None]
    return sum(known, Decimal(0)) if len(known) == len(costs) else None


def _untold(answer: Answered | NotAnswered) -> bool:
    """Whether the decider itself answered, and did not report its cost."""
    spoke = isinstance(answer, Answered) or answer.code is Reason.UNSURE
    return spoke and answer.cost is None
