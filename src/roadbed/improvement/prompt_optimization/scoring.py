"""Scores of prompt texts on known cases, one call each, within a hard budget."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Protocol

from pydantic import BaseModel

from roadbed.budgets.model import Aside
from roadbed.decisions.decider_runner import DeciderRunner, Retrieve
from roadbed.decisions.evaluation import EvaluationContext, evaluate
from roadbed.decisions.model import Answered, LiveVersion
from roadbed.decisions.routing import UNSURE
from roadbed.executors.isolated import IsolatedDecider
from roadbed.intake.model import AdmittedTask
from roadbed.kernel.clock import SystemClock
from roadbed.kernel.ids import TaskId
from roadbed.models.prompts.price import Price
from roadbed.models.prompts.prompted import Prompted
from roadbed.scoring.content import Content
from roadbed.scoring.scorers import Truth, assess, is_wrong
from roadbed.usecases.decider import Context, LabelledExample
from roadbed.usecases.loader import LoadedUseCase
from roadbed.usecases.parsing import written
from roadbed.usecases.use_case import UseCase

_AT_ONCE = 8
_NO_TASK = datetime.fromtimestamp(0, UTC)  # a replay: no task arrived


class SpentError(Exception):
    """The budget does not allow another reply."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ScoredCase:
    """An input as model and as JSON, and its right output; ``None`` if unsure is right."""

    number: int
    input: BaseModel
    content: Mapping[str, Any]
    right: Mapping[str, Any] | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Judgement:
    """The result of a prompt on a case. ``why`` is the reason without an output."""

    right: bool
    output: Mapping[str, Any] | None
    why: str
    replied: bool


class Funds(Protocol):
    """The budget of one use case, as ``budgets.service.Budgets`` implements it."""

    async def hold(self) -> Aside | None:
        """Reserve the worst-case cost of one reply; ``None`` if the budget is used up."""
        ...

    async def settle(self, held: Aside, cost: Decimal | None) -> None:
        """Charge the cost, or the worst case if it is unknown."""
        ...


@dataclass(slots=True)
class Bill:
    """The cost of a reply, once it is known."""

    cost: Decimal | None = None


class BudgetHold:
    """The remaining budget of a search. A reply of unknown cost ends a search with a money limit.

    ``funds`` is the budget of the use case, out of which every reply is paid as well; ``broke``
    says that it was used up.
    """

    def __init__(
        self,
        calls: int,
        money: Decimal | None,
        price: Price | None,
        funds: Funds | None = None,
    ) -> None:
        self._funds = funds
        self.broke = False
        self._most_calls = calls
        self._money = money
        self._closed = False
        self._under_way = 0
        self._dearest = Decimal(0)
        self.calls = 0
        self.spent = False
        self.cost: Decimal | None = Decimal(0) if price else None

    @property
    def calls_left(self) -> int:
        return self._most_calls - self.calls

    @asynccontextmanager
    async def reply(self) -> AsyncIterator[Bill]:
        """Reserve one reply and settle its cost at the end. Raises ``SpentError``."""
        self.take()
        bill, held = Bill(), None
        try:
            if self._funds is not None:
                held = await self._funds.hold()
                if held is None:
                    bill.cost = Decimal(0)
                    self.spent = self.broke = True
                    raise SpentError
            yield bill
        finally:
            self.pay(bill.cost)
            if self._funds is not None and held is not None:
                await self._funds.settle(held, bill.cost)

    def take(self) -> None:
        """Reserve one reply. Raises ``SpentError`` if the budget is used up."""
        if self._closed or self.calls >= self._most_calls or not self._affordable():
            self.spent = True
            raise SpentError
        self.calls += 1
        self._under_way += 1

    def pay(self, cost: Decimal | None) -> None:
        """Settle a reply at its cost; ``None`` means unknown."""
        self._under_way -= 1
        self._dearest = max(self._dearest, cost or Decimal(0))
        self.cost = None if cost is None or self.cost is None else self.cost + cost

    def close(self) -> None:
        """End the search: further calls are refused."""
        self._closed = True

    def _affordable(self) -> bool:
        if self._money is None:
            return True
        if self.cost is None:
            return False
        aside = self._dearest * (self._under_way + 1)
        return self.cost + aside <= self._money and self.cost < self._money


class Scores:
    """Scores of prompts on cases, cached: no case is run twice with the same prompt."""

    def __init__(
        self,
        declared: UseCase,
        prompted: Prompted,
        shown: Sequence[Mapping[str, object]],
        hold: BudgetHold,
        retrieve: Retrieve,
        isolated: IsolatedDecider | None = None,
    ) -> None:
        self._isolated = isolated
        self._declared = declared
        self._prompted = prompted
        self._shown = tuple(shown)
        self._hold = hold
        self._known: dict[str, dict[int, Judgement]] = {}
        self._gate = asyncio.Semaphore(_AT_ONCE)
        self._runner = DeciderRunner(declared, retrieve)
        self._context = EvaluationContext(
            use_case=LoadedUseCase(declared=declared, folder=Path(), files={}),
            runner=self._runner,
            clock=SystemClock(),
        )

    async def judge(self, text: str, cases: Sequence[ScoredCase]) -> Sequence[Judgement]:
        """Judge ``cases``, in order. Raises ``SpentError``; finished judgements are kept."""
        known = self._known.setdefault(text, {})
        open_ = [case for case in cases if case.number not in known]
        results = await asyncio.gather(
            *(self._judge(text, case) for case in open_), return_exceptions=True
        )
        for case, result in zip(open_, results, strict=True):
            if isinstance(result, Judgement):
                known[case.number] = result
        for result in results:
            if isinstance(result, BaseException):
                raise result
        return [known[element.number] for element in cases]

    def of(self, text: str, case: ScoredCase) -> Judgement:
        """The judgement of a case that was run."""
        return self._known[text][case.number]

    def right(self, text: str, cases: Sequence[ScoredCase]) -> int | None:
        """The number of right cases; ``None`` if not all were run."""
        known = self._known.get(text, {})
        if any(case.number not in known for case in cases):
            return None
        return sum(known[case.number].right for case in cases)

    def complete(self, cases: Sequence[ScoredCase]) -> Iterator[str]:
        """Prompts that were run on all ``cases``, oldest first."""
        return (text for text in self._known if self.right(text, cases) is not None)

    @property
    def silent(self) -> str:
        """Why the model never replied; empty if it replied or was not called."""
        judgements = [judgement for known in self._known.values() for judgement in known.values()]
        return (
            ""
            if not judgements or any(judgement.replied for judgement in judgements)
            else judgements[0].why
        )

    def close(self) -> None:
        """Close the resources of the model calls."""
        self._runner.close()

    async def _judge(self, text: str, case: ScoredCase) -> Judgement:
        async with self._gate, self._hold.reply() as bill:
            evaluation = await evaluate(self._version(text), self._task(case), self._context)
            bill.cost = evaluation.cost
        answer = evaluation.answer
        right = None if case.right is None else Content(output=case.right)
        if isinstance(answer, Answered):
            score = assess(
                self._declared.scorer, evaluation.content, Truth(right=right), case.content
            )
            wrong = is_wrong(score, self._declared.tolerance)
            return Judgement(right=not wrong, output=answer.output, why="", replied=True)
        replied = bool(answer.evidence.get("votes"))  # an answer of the model, not a failure
        why = answer.reason.removeprefix(UNSURE)
        return Judgement(right=replied and right is None, output=None, why=why, replied=replied)

    def _version(self, text: str) -> LiveVersion:
        """The prompted decider with this prompt, without the rules of the use case."""
        file, shown = self._prompted.file, self._shown
        if self._isolated is not None:
            prompts = {**self._declared.prompts, file: text}
            decider = self._isolated.showing(prompts, shown)
            return LiveVersion(id=None, decider=decider, threshold=None, certificate=None)

        async def decide(input: BaseModel, context: Context) -> object:
            prompts = {**self._declared.prompts, file: text}
            return await self._prompted(input, replace(context, prompts=prompts, examples=shown))

        return LiveVersion(
            id=None,
            decider=decide,  # type: ignore[arg-type]  # what it gives is checked like any answer
            threshold=None,
            certificate=None,
        )

    def _task(self, case: ScoredCase) -> AdmittedTask:
        return AdmittedTask(
            id=TaskId("tsk_prompting"),
            use_case=self._declared.name,
            key=None,
            input=case.input,
            content=case.content,
            source={"surface": "evaluation"},
            reference=False,
            reference_rate=0.0,
            admitted_at=_NO_TASK,
        )


def cases_of(
    examples: Sequence[LabelledExample], shown: Sequence[Mapping[str, object]]
) -> Sequence[ScoredCase]:
    """Distinct inputs, without the examples that the prompt contains."""
    seen = {_key(example["input"]) for example in shown}
    cases = []
    for number, example in enumerate(examples):
        content = written(example.input)
        if (key := _key(content)) not in seen:
            seen.add(key)
            right = written(example.output) if example.output else None
            cases.append(
                ScoredCase(number=number, input=example.input, content=content, right=right)
            )
    return cases


def _key(content: Any) -> str:
    return json.dumps(content, sort_keys=True, ensure_ascii=False)
