"""Trials: a candidate and the live version on the same tasks; one decides, both answer.

The other answer has no effect and is kept for comparison only, best effort: if too many comparisons
are under way, or the budget is used up, a task is left out of the comparison and nothing else.
"""

from __future__ import annotations

import asyncio
from typing import Any

import structlog

from roadbed.budgets.model import Aside
from roadbed.budgets.service import Budgets
from roadbed.decisions.decider_runner import DeciderRunner
from roadbed.decisions.evaluation import Evaluation, EvaluationContext, evaluate
from roadbed.decisions.model import Answered, Decision, Deployment, Trial
from roadbed.intake.model import AdmittedTask
from roadbed.kernel.clock import Clock
from roadbed.kernel.errors import RoadbedError
from roadbed.kernel.ids import Ids
from roadbed.scoring.content import content_hash
from roadbed.storage.background import Warnings
from roadbed.storage.writer import GroupCommitWriter, Write

_log = structlog.get_logger()
_MOST_UNDER_WAY = 512


class Trials:
    """Evaluates the version that did not decide a task, for comparison."""

    def __init__(
        self, writer: GroupCommitWriter, compare: Write, budgets: Budgets, ids: Ids, clock: Clock
    ) -> None:
        self._writer = writer
        self._compare = compare
        self._budgets = budgets
        self._ids = ids
        self._clock = clock
        self._runners: dict[str, tuple[str, DeciderRunner]] = {}
        self._under_way: set[asyncio.Task[None]] = set()
        self._warnings = Warnings()
        self.left_out = 0

    def runner(self, service: Deployment, trial: Trial) -> DeciderRunner:
        """The candidate's own runner: a candidate that hangs must not delay the live version."""
        name = service.loaded.name
        of, runner = self._runners.get(name, ("", None))
        if runner is not None and of == trial.release:
            return runner
        if runner is not None:
            runner.close_later()
        fresh = DeciderRunner((trial.version.loaded or service.loaded).declared)
        self._runners[name] = (trial.release, fresh)
        return fresh

    def compare(
        self,
        service: Deployment,
        trial: Trial,
        task: AdmittedTask,
        decision: Decision,
        seconds: float | None,
        live_runner: DeciderRunner,
    ) -> None:
        """Start the evaluation of the other version on a task that was just settled.

        ``seconds`` is the time of the answer that decided it, or ``None`` if its decider was still
        starting in this process: the time of imports and loading is not typical.
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
        """Cancel running comparisons; they have no effect."""
        for comparison in self._under_way:
            comparison.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)
        for _, runner in self._runners.values():
            runner.close()

    async def _ask(
        self,
        service: Deployment,
        trial: Trial,
        task: AdmittedTask,
        decision: Decision,
        took: float | None,
        live_runner: DeciderRunner,
    ) -> None:
        by_candidate = decision.version == trial.version.id
        other = service.live if by_candidate else trial.version
        runner = live_runner if by_candidate else self.runner(service, trial)
        try:
            held = await self._hold(service)
            if held is None:
                self.left_out += 1
                return
            warm = runner.warm(other)
            context = EvaluationContext(
                use_case=service.loaded,
                runner=runner,
                clock=self._clock,
                capped=service.loaded.declared.budget is not None,
            )
            evaluation = await evaluate(other, task, context)
            await self._budgets.settle_aside(held, evaluation.cost)
            await self._writer.write(
                self._compare,
                self._compared(service, trial, task, decision, evaluation, took, warm=warm),
            )
        except RoadbedError as error:
            self._warnings.say("not compared", error, usecase=task.use_case)

    def _compared(
        self,
        service: Deployment,
        trial: Trial,
        task: AdmittedTask,
        decision: Decision,
        evaluation: Evaluation,
        took: float | None,
        *,
        warm: bool,
    ) -> dict[str, Any]:
        """One row of the comparison; with a canary, the review of what the two differ in."""
        by_candidate = decision.version == trial.version.id
        decided, other = ("candidate", "live") if by_candidate else ("live", "candidate")
        differs = content_hash(evaluation.content) != content_hash(decision.content)
        return {
            "id": f"{trial.release} {task.id}",
            "task_id": task.id,
            "release": trial.release,
            "use_case": task.use_case,
            "decided_by": decided,
            **_side(decided, _decided(decision, took)),
            **_side(other, _evaluated(evaluation, evaluation.seconds if warm else None)),
            "review_id": self._ids.review() if trial.step == "canary" and differs else None,
            "blind": not service.loaded.declared.scorer.needs_person,
            "at": self._clock.now(),
        }

    async def _hold(self, service: Deployment) -> Aside | None:
        budget = service.loaded.declared.budget
        if budget is None:
            return Aside.free()
        return await self._budgets.take_aside(service.loaded.name, budget)


def _evaluated(evaluation: Evaluation, seconds: float | None) -> dict[str, Any]:
    answer, content = evaluation.answer, evaluation.content
    return {
        "output": content.output if content else None,
        "actions": content.proposed_actions or None if content else None,
        "content": content_hash(content),
        "confidence": answer.confidence if isinstance(answer, Answered) else None,
        "route": evaluation.routed.route,
        "reason": evaluation.routed.code,
        "seconds": seconds,
        "cost": evaluation.cost,
    }


def _decided(decision: Decision, seconds: float | None) -> dict[str, Any]:
    content = decision.content
    return {
        "output": decision.output,
        "actions": content.proposed_actions or None if content else None,
        "content": content_hash(content),
        "confidence": decision.confidence,
        "route": decision.routed.route,
        "reason": decision.routed.code,
        "seconds": seconds,
        "cost": decision.cost,
    }


def _side(name: str, facts: dict[str, Any]) -> dict[str, Any]:
    return {f"{name}_{key}": value for key, value in facts.items()}
