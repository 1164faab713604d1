"""Batch evaluation: many inputs outside the task path, charged to the budget.

``MeteredCalls`` reserves the worst case before a call and settles the real cost afterwards.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import partial
from typing import TypeVar

from roadbed.budgets.model import Aside
from roadbed.budgets.service import Budgets
from roadbed.decisions.errors import EvaluationBudgetError, PriceUnknownError
from roadbed.decisions.evaluation import Evaluation, EvaluationContext, evaluate
from roadbed.decisions.model import Answered, LiveVersion, NotAnswered, Reason
from roadbed.intake.model import AdmittedTask, Unread
from roadbed.kernel.ids import TaskId
from roadbed.scoring.content import Json
from roadbed.usecases.use_case import Budget

T = TypeVar("T")
_PAID_AT_ONCE = 64  # reserved and settled together: one by one, the database would be the limit
_MOST_AT_ONCE = 256


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
            results += await self._paid(held, left[: held.count], answer_of, untold=untold)
        return results

    async def _hold(self, wanted: int) -> Aside:
        if self._budget is None:
            return Aside.free(wanted)
        most = min(wanted, _PAID_AT_ONCE) if self._priced else 1
        held = await self._budgets.take_aside(self._use_case, self._budget, most)
        if held is None:
            raise EvaluationBudgetError(self._use_case)
        return held

    async def _paid(
        self,
        held: Aside,
        questions: Sequence[Callable[[], Awaitable[T]]],
        answer_of: Callable[[T], Answered | NotAnswered],
        *,
        untold: bool,
    ) -> list[T]:
        cost: Decimal | None = None
        try:
            results = list(await asyncio.gather(*(question() for question in questions)))
            answers = [answer_of(result) for result in results]
            unknown = None if self._budget is None else held.amount / held.count
            cost = _sum([unknown if answer.cost is None else answer.cost for answer in answers])
        finally:
            await self._budgets.settle_aside(held, cost)
        self.spent = None if self.spent is None or cost is None else self.spent + cost
        if self._budget is not None and not untold and any(_untold(answer) for answer in answers):
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
    loaded, limit = version.loaded or context.use_case, asyncio.Semaphore(_MOST_AT_ONCE)
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
