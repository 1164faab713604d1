"""Trials: a candidate and the live version on the same tasks; one decides, both answer.

The other answer has no effect and is kept for comparison only, best effort: if too many comparisons
are under way, or the budget is used up, a task is left out of the comparison and nothing else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, TypeAlias, TypedDict

import structlog

from roadbed.budgets.model import Aside
from roadbed.budgets.service import Budgets
from roadbed.decisions.decider_runner import DeciderRunner, Retrieve
from roadbed.decisions.evaluation import Evaluation, EvaluationContext, evaluate
from roadbed.decisions.items import ComparedItem
from roadbed.decisions.model import Answered, Decision, Deployment, Trial
from roadbed.decisions.rows import ComparedRow
from roadbed.intake.model import AdmittedTask
from roadbed.kernel.clock import Clock
from roadbed.kernel.errors import RoadbedError
from roadbed.kernel.ids import Ids
from roadbed.scoring.content import content_hash
from roadbed.storage.background import Warnings
from roadbed.storage.writer import GroupCommitWriter, Write

_log = structlog.get_logger()
_MOST_UNDER_WAY = 512

Compare: TypeAlias = Write[ComparedItem, ComparedRow]


class Trials:
    """Evaluates the version that did not decide a task, for comparison."""

    def __init__(
        self,
        writer: GroupCommitWriter,
        compare: Compare,
        budgets: Budgets,
        retrieve: Retrieve,
        ids: Ids,
        clock: Clock,
    ) -> None:
        self._writer = writer
        self._compare = compare
        self._budgets = budgets
        self._retrieve = retrieve
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
        fresh = DeciderRunner((trial.version.loaded or service.loaded).declared, self._retrieve)
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
    ) -> ComparedItem:
        """One row of the comparison; with a canary, the review of what the two differ in."""
        by_candidate = decision.version == trial.version.id
        own = _decided(decision, took)
        other = _evaluated(evaluation, evaluation.seconds if warm else None)
        live, candidate = (other, own) if by_candidate else (own, other)
        differs = content_hash(evaluation.content) != content_hash(decision.content)
        return {
            "id": f"{trial.release} {task.id}",
            "task_id": task.id,
            "release": trial.release,
            "use_case": task.use_case,
            "decided_by": "candidate" if by_candidate else "live",
            "live_output": live["output"],
            "live_actions": live["actions"],
            "live_content": live["content"],
            "live_confidence": live["confidence"],
            "live_route": live["route"],
            "live_reason": live["reason"],
            "live_seconds": live["seconds"],
            "live_cost": live["cost"],
            "candidate_output": candidate["output"],
            "candidate_actions": candidate["actions"],
            "candidate_content": candidate["content"],
            "candidate_confidence": candidate["confidence"],
            "candidate_route": candidate["route"],
            "candidate_reason": candidate["reason"],
            "candidate_seconds": candidate["seconds"],
            "candidate_cost": candidate["cost"],
            "review_id": self._ids.review() if trial.step == "canary" and differs else None,
            "blind": not service.loaded.declared.scorer.needs_person,
            "at": self._clock.now(),
        }

    async def _hold(self, service: Deployment) -> Aside | None:
        budget = service.loaded.declared.budget
        if budget is None:
            return Aside.free()
        return await self._budgets.take_aside(service.loaded.name, budget)


class _Answer(TypedDict):
    output: Mapping[str, Any] | None
    actions: Sequence[Mapping[str, Any]] | None
    content: str | None
    confidence: float | None
    route: str
    reason: str
    seconds: float | None
    cost: Decimal | None


def _evaluated(evaluation: Evaluation, seconds: float | None) -> _Answer:
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


def _decided(decision: Decision, seconds: float | None) -> _Answer:
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
