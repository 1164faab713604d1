"""``Decisions``: submits a task, revises one, and recovers tasks after a crash."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from roadbed.budgets.service import Budgets, amounts
from roadbed.decisions import routing
from roadbed.decisions.crash_detection import (
    SECONDS_BEFORE_COMMIT,
    CrashDetector,
    may_decide_before_commit,
)
from roadbed.decisions.decider_runner import DeciderRunner, Retrieve
from roadbed.decisions.evaluation import Evaluation, EvaluationContext, evaluate
from roadbed.decisions.items import DecidedItem, FundedDecisionItem, RevisionItem, WholeItem
from roadbed.decisions.model import (
    Answered,
    CurrentDeployments,
    Decision,
    Deployment,
    LiveVersion,
    Route,
)
from roadbed.decisions.rows import Queries, SettledAtOnceRow, SettledRow
from roadbed.decisions.trials import Compare, Trials
from roadbed.intake.errors import OverloadedError, RetiredError
from roadbed.intake.model import Admission, AdmittedTask, Arrival
from roadbed.intake.tasks import Intake, record
from roadbed.kernel.clock import Clock
from roadbed.kernel.ids import Ids
from roadbed.scoring.content import content_hash
from roadbed.storage.errors import RejectedWriteError
from roadbed.storage.sql import queries
from roadbed.storage.writer import GroupCommitWriter, Write
from roadbed.usecases.delivery_plan import plan
from roadbed.usecases.loader import LoadedUseCase
from roadbed.usecases.use_case import UseCase

SQL = queries(Queries)


class InFlight:
    """How many tasks this process holds in memory: at most ``most``.

    One use case holds at most three times what is left free, so at most three quarters. A slow use
    case can never keep out the others.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._held: Counter[str] = Counter()
        self._all = 0

    @contextlib.contextmanager
    def admitting(self, use_case: str) -> Iterator[None]:
        """Count a task while it is admitted. Raises ``OverloadedError``."""
        free, held = self._most - self._all, self._held[use_case]
        if free <= 0:
            raise OverloadedError(self._all)
        if held >= 3 * free:
            raise OverloadedError(held, use_case)
        self.begin(use_case)
        try:
            yield
        finally:
            self.end(use_case)

    def begin(self, use_case: str) -> None:
        """Count a task that is decided here."""
        self._held[use_case] += 1
        self._all += 1

    def end(self, use_case: str) -> None:
        """It is decided."""
        self._held[use_case] -= 1
        self._all -= 1

    def capacity(self, use_case: str) -> int:
        """How many more tasks this use case may hold."""
        free, held = self._most - self._all, self._held[use_case]
        if free > 0 and not held:
            return max(3 * free // 4, 1)
        return max((3 * free - held) // 4, 0)


class Decisions:
    """Takes tasks from admission to settlement. ``transactions.py`` defines the writes."""

    def __init__(
        self,
        *,
        intake: Intake,
        services: CurrentDeployments,
        writer: GroupCommitWriter,
        settle: Write[DecidedItem, SettledRow],
        settle_funded: Write[FundedDecisionItem, SettledRow],
        settle_at_once: Write[WholeItem, SettledAtOnceRow],
        settle_revision: Write[RevisionItem, SettledRow],
        crash_detector: CrashDetector,
        compare: Compare,
        budgets: Budgets,
        retrieve: Retrieve,
        ids: Ids,
        clock: Clock,
        max_in_flight: int,
    ) -> None:
        self._intake = intake
        self._services = services
        self._writer = writer
        self._settle = settle
        self._settle_funded = settle_funded
        self._settle_at_once = settle_at_once
        self._settle_revision = settle_revision
        self._crash_detector = crash_detector
        self._trials = Trials(writer, compare, budgets, retrieve, ids, clock)
        self._retrieve = retrieve
        self._ids = ids
        self._clock = clock
        self._in_flight = InFlight(max_in_flight)
        self._runners: dict[str, tuple[LoadedUseCase, DeciderRunner]] = {}
        self._under_way: dict[str, asyncio.Task[Decision | None]] = {}

    async def submit(
        self,
        use_case: str,
        content: Mapping[str, object],
        *,
        key: str | None,
        source: Mapping[str, str],
        waits: bool = False,
    ) -> tuple[Admission, asyncio.Future[Decision | None] | None]:
        """Admit a task and start deciding it; if the caller ``waits``, it may be decided already.

        Returns the admission and the running decision, which is ``None`` for a repeated key that
        this process is not deciding. When this returns, the task is on disk. Raises
        ``UnknownUseCaseError``, ``RetiredError``, ``InputError``, ``KeyReusedError``,
        ``OverloadedError``, ``StorageUnavailableError``.
        """
        with self._admitting(use_case) as service:
            return await self._submit(service, content, key=key, source=source, waits=waits)

    async def _submit(
        self,
        service: Deployment,
        content: Mapping[str, Any],
        *,
        key: str | None,
        source: Mapping[str, str],
        waits: bool,
    ) -> tuple[Admission, asyncio.Future[Decision | None] | None]:
        declared = service.loaded.declared
        arrival = self._intake.read(
            declared,
            content,
            key=key,
            source=source,
            coin_seed=service.coin_seed,
            reference_rate=service.live.rate,
        )
        version = _version(service, arrival.task)
        free = self._runner_of(service, version).free(version.decider)
        if may_decide_before_commit(
            arrival, declared, self._crash_detector, free=free, waits=waits
        ):
            return await self._submit_at_once(service, arrival)
        return self._decide_admitted(await self._intake.admit(declared, arrival))

    async def revise(
        self,
        use_case: str,
        task_id: str,
        content: Mapping[str, object],
        *,
        source: Mapping[str, str],
        reason: str | None = None,
    ) -> tuple[Admission, asyncio.Task[Decision | None] | None]:
        """Store a corrected input of a task and, unless it is only noted, start deciding it.

        Returns what ``submit`` returns; the admission is ``repeated`` where the newest revision has
        this input already. Raises ``UnknownUseCaseError``, ``RetiredError``, ``InputError``,
        ``NoSuchTaskError``, ``RevisionErasedError``, ``OverloadedError``,
        ``StorageUnavailableError``.
        """
        with self._admitting(use_case) as service:
            admission = await self._intake.revise(
                service.loaded.declared,
                task_id,
                content,
                source=source,
                reason=reason,
                coin_seed=service.coin_seed,
                reference_rate=service.live.rate,
            )
            return (admission, None) if admission.task.noted else self._decide_admitted(admission)

    @contextlib.contextmanager
    def _admitting(self, use_case: str) -> Iterator[Deployment]:
        """The deployment of a use case that accepts tasks; the task is counted from here on."""
        service = self._services.get(use_case)
        if service.retired:
            raise RetiredError(use_case)
        with self._in_flight.admitting(use_case):
            yield service

    async def recover(self) -> int:
        """Extend own leases and take over tasks whose lease ran out; returns how many."""
        if self._under_way:
            await self._intake.extend([*self._under_way])  # type: ignore[list-item]
        taken, errors = 0, list[Exception]()
        for name in self._services.names():
            declared = self._services.get(name).loaded.declared
            if not (capacity := self._in_flight.capacity(name)):
                continue
            try:
                tasks = await self._intake.take_over({name: declared}, capacity)
            except Exception as error:  # perhaps a fault of one use case: the others go first
                errors.append(error)
                continue
            for task in tasks:  # none of our own: their leases were extended a moment ago
                self._start(task)
            taken += len(tasks)
        if errors:
            raise errors[0]
        return taken

    async def compared(self) -> None:
        """Wait until every settled task has been compared."""
        await self._trials.settled()

    async def close(self) -> None:
        """Wait for running decisions, then end runners and trials."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(10):
                await asyncio.gather(*self._under_way.values(), return_exceptions=True)
        await self._trials.close()
        for _, runner in self._runners.values():
            runner.close()

    async def _submit_at_once(
        self, service: Deployment, arrival: Arrival
    ) -> tuple[Admission, asyncio.Future[Decision | None] | None]:
        """Decide first, then admit and settle in one commit; admit earlier if the decider is slow.

        If the commit stores nothing (the key exists already, or the halt epoch changed meanwhile),
        the task is admitted like any other task, which tells the two cases apart.
        """
        loop = asyncio.get_running_loop()
        deciding = loop.create_task(self._turn(arrival.task, self._clock.monotonic()))
        done = await _done_within(loop, deciding, SECONDS_BEFORE_COMMIT)
        if done and await self._stored_at_once(arrival, turn := deciding.result()):
            self._compare(turn, arrival.task)
            decided = loop.create_future()
            decided.set_result(turn.decision)
            return Admission(task=arrival.task, repeated=False), decided
        admission = await self._intake.admit(service.loaded.declared, arrival)
        if not done:
            return self._decide_admitted(admission, deciding)
        if not admission.repeated:  # most likely its epoch is over
            await self._services.refresh(service.loaded.declared.name)
        return self._decide_admitted(admission)

    async def _stored_at_once(self, arrival: Arrival, turn: _Turn) -> bool:
        decided = _record(arrival.task, turn.decision, turn.service.loaded.declared)
        item: WholeItem = {**decided, **record(arrival)}
        try:
            return await self._writer.write(self._settle_at_once, item) is not None
        except RejectedWriteError:
            return False  # the input or the decision: the admission shows which

    def _decide_admitted(
        self, admission: Admission, deciding: asyncio.Task[_Turn] | None = None
    ) -> tuple[Admission, asyncio.Task[Decision | None] | None]:
        """Decide an admitted task; for a repeated key, return the decision that runs here."""
        if admission.repeated:
            return admission, self._under_way.get(admission.task.id)
        return admission, self._start(admission.task, deciding)

    def _start(
        self, task: AdmittedTask, deciding: asyncio.Task[_Turn] | None = None
    ) -> asyncio.Task[Decision | None]:
        running = asyncio.create_task(self._decide(task, deciding))
        self._under_way[task.id] = running
        self._in_flight.begin(task.use_case)
        running.add_done_callback(lambda _: self._ended(task))
        return running

    def _ended(self, task: AdmittedTask) -> None:
        self._under_way.pop(task.id, None)
        self._in_flight.end(task.use_case)

    async def _decide(
        self, task: AdmittedTask, deciding: asyncio.Task[_Turn] | None
    ) -> Decision | None:
        """Decide until the task is settled; ``None`` if another process took it over.

        ``deciding`` is a first turn that runs already.
        """
        if task.revision > 1:
            await self._intake.in_turn(task)
        began = self._clock.monotonic()
        spent: Decimal | None = Decimal(0)
        while True:
            turn = await (deciding or self._turn(task, began))
            deciding = None
            decision, declared = turn.decision, turn.service.loaded.declared
            # A task decided under two epochs costs twice.
            cost = decision.cost
            spent = None if spent is None or cost is None else spent + cost
            item = _record(task, decision, declared)
            if declared.budget is not None:
                item = {**item, "cost": spent, "per_day": amounts(declared.budget)["per_day"]}
            row = await self._settled(task, declared, item)
            if row is None or row["decision_id"] == decision.id:
                if row:
                    self._compare(turn, task)
                return decision if row else None
            if row["decision_id"] is not None or row["attempt"] != task.attempt:
                return None
            # The halt epoch changed during the decision: nothing was written, so decide again. The
            # decider gets its whole time again, because the delay was not its fault.
            await self._services.refresh(task.use_case)

    async def _turn(self, task: AdmittedTask, began: float) -> _Turn:
        """One decision of a task, under the deployment of this moment."""
        service = self._services.get(task.use_case)
        version = _version(service, task)
        runner = self._runner_of(service, version)
        warm, asked = runner.warm(version), self._clock.monotonic()
        evaluation = await evaluate(version, task, self._context(service, runner, task))
        return _Turn(
            service=service,
            decision=self._decision(service, version, task, evaluation, began),
            answer_seconds=self._clock.monotonic() - asked if warm else None,
        )

    async def _settled(
        self, task: AdmittedTask, declared: UseCase, item: RevisionItem
    ) -> SettledRow | None:
        if task.revision > 1:
            return await self._writer.write(self._settle_revision, item)
        if declared.budget is None:
            return await self._writer.write(self._settle, item)
        return await self._writer.write(self._settle_funded, item)

    def _compare(self, turn: _Turn, task: AdmittedTask) -> None:
        """During a trial, compare each settled task with the other version, once per task."""
        if (trial := turn.service.trial) is not None and task.revision == 1:
            runner = self._runner(turn.service)
            self._trials.compare(
                turn.service, trial, task, turn.decision, turn.answer_seconds, runner
            )

    def _context(
        self, service: Deployment, runner: DeciderRunner, task: AdmittedTask
    ) -> EvaluationContext:
        return EvaluationContext(
            use_case=service.loaded,
            runner=runner,
            clock=self._clock,
            seconds=service.loaded.declared.deadline_seconds,
            halted=service.halted,
            funded=task.funded,
            capped=service.loaded.declared.budget is not None,
            attempt=task.attempt,
        )

    def _runner_of(self, service: Deployment, version: LiveVersion) -> DeciderRunner:
        if service.trial and version is service.trial.version:
            return self._trials.runner(service, service.trial)
        return self._runner(service)

    def _runner(self, service: Deployment) -> DeciderRunner:
        """The runner of the live version."""
        loaded = service.loaded
        of, runner = self._runners.get(loaded.declared.name, (None, None))
        if runner is not None and of is loaded:
            return runner
        if runner is None or of is None or of.folder_hash != loaded.folder_hash:
            if runner is not None:
                runner.close_later()
            runner = DeciderRunner(loaded.declared, self._retrieve)
        self._runners[loaded.declared.name] = (loaded, runner)
        return runner

    def _decision(
        self,
        service: Deployment,
        version: LiveVersion,
        task: AdmittedTask,
        evaluation: Evaluation,
        began: float,
    ) -> Decision:
        answer, routed = evaluation.answer, evaluation.routed
        answered = answer if isinstance(answer, Answered) else None
        needs_person = routed.route is Route.REVIEW or task.reference
        return Decision(
            id=self._ids.decision(),
            task_id=task.id,
            use_case=task.use_case,
            version=version.id,
            certificate=version.certificate,
            routed=routed,
            output=answered.output if answered else None,
            confidence=answered.confidence if answered else None,
            threshold=version.threshold,
            evidence=answer.evidence,
            cost=answer.cost,
            attempt=task.attempt,
            decided_at=self._clock.now(),
            decide_seconds=self._clock.monotonic() - began,
            halt_epoch=service.halt_epoch,
            review_id=self._ids.review() if needs_person else None,
            actions=evaluation.actions,
            provenance=answered.provenance if answered else {},
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class _Turn:
    """A decision, its deployment, and the time of the answer if its decider was warm."""

    service: Deployment
    decision: Decision
    answer_seconds: float | None


async def _done_within(
    loop: asyncio.AbstractEventLoop, work: asyncio.Task[_Turn], seconds: float
) -> bool:
    """Whether ``work`` ends in time; if not, it continues. ``asyncio.wait`` costs twice as much."""
    ended: asyncio.Future[None] = loop.create_future()

    def end(_: object = None) -> None:
        if not ended.done():
            ended.set_result(None)

    work.add_done_callback(end)
    timer = loop.call_later(seconds, end)
    try:
        await ended
    finally:
        timer.cancel()
    return work.done()


def _version(service: Deployment, task: AdmittedTask) -> LiveVersion:
    """The version that decides a task: the live one, or the candidate in a canary."""
    if service.trial and routing.in_canary(service.trial, task):
        return service.trial.version
    return service.live


def _record(task: AdmittedTask, decision: Decision, declared: UseCase) -> RevisionItem:
    """One item of the settle batch: the decision, its review and its deliveries."""
    automatic = decision.routed.route is Route.AUTOMATIC
    content = decision.content
    return {
        "id": decision.id,
        "task_id": decision.task_id,
        "use_case": decision.use_case,
        "version": decision.version,
        "certificate": decision.certificate,
        "route": decision.routed.route,
        "reason_code": decision.routed.code,
        "reason": decision.routed.reason,
        "rule": decision.routed.rule,
        "output": decision.output,
        "confidence": decision.confidence,
        "threshold": decision.threshold,
        "evidence": decision.evidence,
        "cost": decision.cost,
        "attempt": decision.attempt,
        "decided_at": decision.decided_at,
        "decide_seconds": decision.decide_seconds,
        "halt_epoch": decision.halt_epoch,
        "actions": decision.actions or None,
        "provenance": decision.provenance or None,
        "content_hash": content_hash(content),
        "effect_hash": content.effect_hash if content else None,
        "output_hash": content.output_hash if content else None,
        "deliveries": plan(declared) if automatic and declared.destinations else None,
        "sends_actions": automatic and bool(decision.actions),
        "review_id": decision.review_id,
        # If only a person can judge an answer, the reviewer has to see it.
        "blind": task.reference and not declared.scorer.needs_person,
        "priority": routing.priority(decision.routed.code, reference=task.reference),
        "budgeted": declared.budget is not None,
        "per_day": None,
        "approve_seconds": declared.approvals.within_hours * 3600.0,
    }
