"""How many inputs are evaluated at once. A simulated processor is shared by those that run."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from decimal import Decimal
from typing import cast

import pytest

from roadbed.budgets.service import Budgets
from roadbed.decisions import pace
from roadbed.decisions.decider_runner import DeciderRunner
from roadbed.decisions.evaluation import (
    EvaluationContext,
    KnownInput,
    MeteredCalls,
    evaluate_many,
)
from roadbed.decisions.model import Answered, LiveVersion, NotAnswered, Reason
from roadbed.decisions.pace import FEWEST, MOST, EvaluationPace
from roadbed.intake.model import AdmittedTask
from roadbed.kernel.clock import SystemClock
from tests.unit.test_evaluation import Unlimited, context, decider, live, loaded  # noqa: F401

DEADLINE = 30.0
_TICK = 0.1


class SharedProcessor(SystemClock):
    """A clock and a runner: those that run share one processor, each needs ``work`` seconds."""

    def __init__(self, work: float) -> None:
        self.work = work
        self.seconds = 0.0
        self.most = 0
        self._jobs: dict[asyncio.Future[bool], list[float]] = {}
        self._ticking: asyncio.Task[None] | None = None

    def monotonic(self) -> float:
        return self.seconds

    async def ask(
        self,
        version: LiveVersion,
        task: AdmittedTask,
        *,
        seconds: float,
    ) -> Answered | NotAnswered:
        result: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._jobs[result] = [self.work, self.seconds + seconds]
        self.most = max(self.most, len(self._jobs))
        if self._ticking is None or self._ticking.done():
            self._ticking = asyncio.create_task(self._tick())
        if await result:
            return NotAnswered(code=Reason.UNSURE, reason="in time", evidence={}, cost=Decimal(0))
        return NotAnswered(code=Reason.DECIDER_TIMEOUT, reason="late", evidence={}, cost=None)

    async def _tick(self) -> None:
        while self._jobs:
            self.seconds += _TICK
            share = _TICK / len(self._jobs)
            for result, job in list(self._jobs.items()):
                job[0] -= share
                if job[0] <= 0.0 or self.seconds >= job[1]:
                    result.set_result(job[0] <= 0.0)
                    del self._jobs[result]
            await asyncio.sleep(0)


async def evaluated(
    processor: SharedProcessor,
    live: LiveVersion,  # noqa: F811
    context: EvaluationContext,  # noqa: F811
    count: int = 250,
) -> Counter[Reason]:
    changed = replace(
        context, clock=processor, runner=cast("DeciderRunner", processor), seconds=DEADLINE
    )
    inputs = [KnownInput(id=str(n), content={"text": "hello"}) for n in range(count)]
    calls = MeteredCalls(cast("Budgets", Unlimited()), "support", None)
    made = await evaluate_many(live, inputs, changed, calls)
    return Counter(one.routed.code for one in made)


@pytest.mark.parametrize("work", [0.4, 2.5])
async def test_on_a_slow_machine_each_is_answered_in_time(
    live: LiveVersion,  # noqa: F811
    context: EvaluationContext,  # noqa: F811
    work: float,
) -> None:
    processor = SharedProcessor(work=work)
    assert await evaluated(processor, live, context) == {Reason.UNSURE: 250}
    assert processor.most < 60


async def test_all_at_once_would_miss_their_deadline_together(
    monkeypatch: pytest.MonkeyPatch,
    live: LiveVersion,  # noqa: F811
    context: EvaluationContext,  # noqa: F811
) -> None:
    monkeypatch.setattr(pace, "FEWEST", MOST)
    told = await evaluated(SharedProcessor(work=0.4), live, context)
    assert told == {Reason.DECIDER_TIMEOUT: 250}


async def test_early_answers_let_more_run(
    live: LiveVersion,  # noqa: F811
    context: EvaluationContext,  # noqa: F811
) -> None:
    processor = SharedProcessor(work=0.001)
    assert await evaluated(processor, live, context, 2_000) == {Reason.UNSURE: 2_000}
    assert processor.most == MOST


class TestPace:
    def test_it_grows_by_one_with_each_early_answer_up_to_a_limit(self) -> None:
        pace = learnt(1.0, count=FEWEST)
        assert pace.at_once == 2 * FEWEST
        pace.learn(6.1)  # neither early nor late
        assert pace.at_once == 2 * FEWEST
        for _ in range(MOST):
            pace.learn(6.0)
        assert pace.at_once == MOST

    def test_a_model_that_is_slow_by_itself_is_not_slowed_down(self) -> None:
        assert learnt(20.0, count=200).at_once == FEWEST + 200

    def test_it_is_halved_once_for_what_began_together(self) -> None:
        pace = learnt(1.0, count=28)
        assert pace.at_once == 32
        for _ in range(33):
            pace.learn(DEADLINE)
        assert pace.at_once == 16
        for _ in range(100):
            pace.learn(DEADLINE)
        assert pace.at_once == FEWEST

    async def test_places_above_a_halved_number_are_not_taken_again(self) -> None:
        pace, running, most = learnt(1.0, count=12), 0, 0
        for _ in range(16):
            await pace.__aenter__()
        for seconds in (DEADLINE, *[0.0] * 16, 0.0):  # those that began before are ignored
            pace.learn(seconds)
        assert pace.at_once == 9
        for _ in range(16):
            await pace.__aexit__()

        async def run() -> None:
            nonlocal running, most
            async with pace:
                running += 1
                most = max(most, running)
                await asyncio.sleep(0)
                running -= 1

        await asyncio.gather(*(run() for _ in range(50)))
        assert most == 9
        pace.learn(0.0)
        await asyncio.gather(*(run() for _ in range(50)))
        assert most == 10


def learnt(seconds: float, *, count: int) -> EvaluationPace:
    pace = EvaluationPace(DEADLINE)
    for _ in range(count):
        pace.learn(seconds)
    return pace
