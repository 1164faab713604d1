"""A candidate beside the live version: who decides a task, and what the other one would have said.

Whatever the other says has no effect. It is kept for comparison only, best effort: where too much
is under way, or the budget is used up, a task is left out of the comparison and nothing else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

import structlog

from roadbed.budgets.model import Aside
from roadbed.budgets.service import Budgets
from roadbed.decisions import rules
from roadbed.decisions.model import (
    Answered,
    Decision,
    LiveVersion,
    NotAnswered,
    Reason,
    Routed,
    Service,
    Trial,
)
from roadbed.decisions.runner import Runner
from roadbed.intake.model import AdmittedTask
from roadbed.kernel.clock import Clock
from roadbed.kernel.errors import RoadbedError
from roadbed.kernel.ids import Ids
from roadbed.storage.writer import GroupCommitWriter, Write
from roadbed.usecases.rules import slices_of

_log = structlog.get_logger()
_MOST_UNDER_WAY = 512


class Trials:
    """Asks the version that did not decide a task what it would have answered."""

    def __init__(
        self, writer: GroupCommitWriter, compare: Write, budgets: Budgets, ids: Ids, clock: Clock
    ) -> None:
        self._writer = writer
        self._compare = compare
        self._budgets = budgets
        self._ids = ids
        self._clock = clock
        self._runners: dict[str, tuple[str, Runner]] = {}
        self._under_way: set[asyncio.Task[None]] = set()
        self.left_out = 0

    def runner(self, service: Service, trial: Trial) -> Runner:
        """A candidate's own threads: one that hangs must not hold up what is live."""
        name = service.loaded.name
        of, runner = self._runners.get(name, ("", None))
        if runner is not None and of == trial.release:
            return runner
        if runner is not None:
            runner.close_later()
        fresh = Runner((trial.version.loaded or service.loaded).declared)
        self._runners[name] = (trial.release, fresh)
        return fresh

    def compare(
        self,
        service: Service,
        trial: Trial,
        task: AdmittedTask,
        decision: Decision,
        seconds: float | None,
        live_runner: Runner,
    ) -> None:
        """Begin to ask the other version about a task that has just been settled.

        ``seconds`` is what the answer took that decided it, ``None`` if its decider was still
        starting in this process: what it imports and loads then is no measure of what comes after.
        """
        if len(self._under_way) >= _MOST_UNDER_WAY:
            self.left_out += 1
            return
        running = asyncio.create_task(
            self._ask(service, trial, task, decision, seconds, live_runner)
        )
        self._under_way.add(running)
        running.add_done_callback(self._under_way.discard)

    async def settled(self) -> None:
        """Wait until nothing is being compared."""
        await asyncio.gather(*self._under_way, return_exceptions=True)

    async def close(self) -> None:
        """Let what is under way go; it has no effect to lose."""
        for each in self._under_way:
            each.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)
        for _, runner in self._runners.values():
            runner.close()

    async def _ask(
        self,
        service: Service,
        trial: Trial,
        task: AdmittedTask,
        decision: Decision,
        took: float | None,
        live_runner: Runner,
    ) -> None:
        by_candidate = decision.version == trial.version.id
        other = service.live if by_candidate else trial.version
        runner = live_runner if by_candidate else self.runner(service, trial)
        try:
            held = await self._hold(service)
            if held is None:
                self.left_out += 1
                return
            warm, began = runner.warm(other), self._clock.monotonic()
            answer, routed = await answered(service, other, runner, task)
            seconds = self._clock.monotonic() - began if warm else None
            await self._budgets.settle_aside(held, answer.cost)
            await self._writer.write(
                self._compare,
                {
                    "id": f"{trial.release} {task.id}",
                    "task_id": task.id,
                    "release": trial.release,
                    "use_case": task.use_case,
                    "decided_by": "candidate" if by_candidate else "live",
                    **_side("live" if not by_candidate else "candidate", _decided(decision, took)),
                    **_side(
                        "candidate" if not by_candidate else "live",
                        {
                            "output": _output(answer),
                            "confidence": answer.confidence
                            if isinstance(answer, Answered)
                            else None,
                            "route": routed.route,
                            "reason": routed.code,
                            "seconds": seconds,
                            "cost": answer.cost,
                        },
                    ),
                    "review_id": self._ids.review()
                    if trial.step == "canary" and _output(answer) != decision.output
                    else None,
                    "at": self._clock.now(),
                },
            )
        except RoadbedError as error:
            _log.warning("not compared", usecase=task.use_case, task=task.id, problem=str(error))

    async def _hold(self, service: Service) -> Aside | None:
        budget = service.loaded.declared.budget
        if budget is None:
            return Aside.free()
        return await self._budgets.take_aside(service.loaded.name, budget)


async def answered(
    service: Service, version: LiveVersion, runner: Runner, task: AdmittedTask
) -> tuple[Answered | NotAnswered, Routed]:
    """What ``version`` says to a task and the way it would send it, rules before and after."""
    loaded = version.loaded or service.loaded
    if fired := loaded.rules.check_before(task.content):
        before = NotAnswered(code=Reason.RULE, reason=fired.reason, evidence={}, cost=Decimal(0))
        return before, rules.route(before, version, halted=False, fired=fired)
    seen = fitted(task, version)
    if isinstance(seen, NotAnswered):
        return seen, rules.route(seen, version, halted=False, fired=None)
    answer = await runner.ask(version, seen, seconds=loaded.declared.deadline_seconds)
    fired = None
    if isinstance(answer, Answered):
        fired = loaded.rules.check_after(task.content, answer.output, answer.confidence)
    slices = slices_of(loaded.declared, task.content)
    return answer, rules.route(answer, version, halted=False, fired=fired, slices=slices)


def fitted(task: AdmittedTask, version: LiveVersion) -> AdmittedTask | NotAnswered:
    """The task with its input as this version declares it."""
    if version.loaded is None or isinstance(task.input, version.loaded.declared.input):
        return task
    try:
        found = version.loaded.declared.input.model_validate(task.content)
    except ValueError as error:
        return NotAnswered(
            code=Reason.INVALID_ANSWER,
            reason=f"The input does not fit what this version takes: {str(error)[:300]}",
            evidence={},
            cost=Decimal(0),
        )
    return replace(task, input=found)


def _output(answer: Answered | NotAnswered) -> Mapping[str, Any] | None:
    return answer.output if isinstance(answer, Answered) else None


def _decided(decision: Decision, seconds: float | None) -> dict[str, Any]:
    return {
        "output": decision.output,
        "confidence": decision.confidence,
        "route": decision.routed.route,
        "reason": decision.routed.code,
        "seconds": seconds,
        "cost": decision.cost,
    }


def _side(name: str, facts: dict[str, Any]) -> dict[str, Any]:
    return {f"{name}_{key}": value for key, value in facts.items()}
