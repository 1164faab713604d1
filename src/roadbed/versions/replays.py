"""Replays: run a past task on any version, without storing anything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Protocol

from roadbed.budgets.model import Aside
from roadbed.budgets.service import Budgets
from roadbed.decisions.decider_runner import DeciderRunner, Retrieve
from roadbed.decisions.evaluation import Evaluation, EvaluationContext, evaluate
from roadbed.decisions.model import Answered, LiveVersion
from roadbed.intake.model import AdmittedTask
from roadbed.kernel.clock import Clock
from roadbed.kernel.ids import CertificateId, TaskId
from roadbed.kernel.messages import gettext as _
from roadbed.kernel.messages import later
from roadbed.risk.automation_state import State
from roadbed.risk.slices import Pooling
from roadbed.scoring.content import Content, content_hash
from roadbed.scoring.scorers import Truth, is_wrong
from roadbed.storage.database import Row
from roadbed.usecases.parsing import UnfitError, read_stored
from roadbed.usecases.use_case import Budget, UseCase
from roadbed.versions import identity
from roadbed.versions.errors import ReplayBlindError, ReplayBudgetError, ReplayInputError
from roadbed.versions.rows import OneVersionRow
from roadbed.versions.service import Versions
from roadbed.versions.side_by_side import score_of
from roadbed.versions.store import Runnable, VersionStore

Receipt = Mapping[str, Any]


class ReadReceipt(Protocol):
    """Reads a receipt as ``viewer`` may see it, without the parts that are withheld."""

    async def __call__(self, task_id: str, *, viewer: str) -> Receipt:
        """The receipt. Raises ``UnknownTaskError``."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Replay:
    """The answer of a version to a past task, with the recorded decision and the right output.

    ``route`` is the route of the answer while the proof of the version holds. ``patched`` are the
    accepted changes that contributed to it. ``same`` compares with the decision, ``right`` and
    ``was_right`` with the right output; ``None`` if one of the two is not known. ``cost`` is
    ``None`` if the decider states none.
    """

    task: str
    use_case: str
    input: Mapping[str, Any]
    version: str
    version_number: int
    output: Mapping[str, Any] | None
    confidence: float | None
    threshold: float | None
    route: str
    reason_code: str
    reason: str
    rule: str | None
    evidence: Mapping[str, Any]
    patched: Sequence[str]
    actions: Sequence[str]
    seconds: float
    cost: Decimal | None
    decided: Mapping[str, Any]
    same: bool
    right_output: Mapping[str, Any] | None
    right: bool | None
    was_right: bool | None

    @property
    def says(self) -> str:
        """The result in one sentence."""
        if self.output is None:
            message = _("Version %(version)s gives no answer%(judged)s%(route)s.")
            if self.same:
                message = _("Version %(version)s gives no answer either%(judged)s%(route)s.")
        elif self.same:
            message = _("Version %(version)s says the same%(judged)s%(route)s.")
        else:
            message = _("Version %(version)s says something else%(judged)s%(route)s.")
        return message % {
            "version": self.version_number,
            "judged": self._judged(),
            "route": self._routed(),
        }

    def _judged(self) -> str:
        if self.right is None:
            return ""
        return _(", which is right") if self.right else _(", which is wrong")

    def _routed(self) -> str:
        return "" if self.route == self.decided["route"] else f"; {_(_ROUTES[self.route])}"


_ROUTES = {
    "automatic": later("it would go out by itself"),
    "review": later("it would go to a person"),
    "refused": later("it would be refused"),
}


class Replays:
    """Runs past tasks again. Writes no decision, delivery, review or example."""

    def __init__(
        self,
        versions: Versions,
        store: VersionStore,
        receipt: ReadReceipt,
        budgets: Budgets,
        retrieve: Retrieve,
        clock: Clock,
    ) -> None:
        self._versions = versions
        self._store = store
        self._receipt = receipt
        self._budgets = budgets
        self._retrieve = retrieve
        self._clock = clock

    async def run(self, task_id: str, version: str, *, actor: str) -> Replay:
        """Run ``version`` (id or number) on a task, as ``actor`` may see it.

        Without access to the decision there is no access to a replay. While a review is open, only
        the sender of the task may replay it: a second answer would bias a reviewer and reveal
        reviewer checks. The budget of the use case pays for it. Raises
        ``UnknownTaskError``, ``UnknownVersionError``, ``ArtifactMissingError``,
        ``ReplayBlindError``, ``ReplayInputError``, ``ReplayBudgetError``.
        """
        receipt = await self._receipt(task_id, viewer=actor)
        if withheld(receipt, actor):
            raise ReplayBlindError(task_id)
        row = await self._versions.row(receipt["use_case"], version)
        runnable = await self._store.open(receipt["use_case"], row["behaviour"], None)
        task = _task(receipt, runnable, row["number"])
        held = await self._hold(receipt["use_case"], row)
        cost: Decimal | None = None
        try:
            evaluation = await _evaluate(runnable, row, task, self._retrieve, self._clock)
            cost = evaluation.cost
        finally:
            await self._budgets.settle_aside(held, cost)
        return _replay(receipt, row, runnable.loaded.declared, evaluation)

    async def _hold(self, use_case: str, row: OneVersionRow) -> Aside:
        """Reserve the cost under today's limits, not those of the version."""
        if row["budget"] is None:
            return Aside.free()
        held = await self._budgets.take_aside(use_case, Budget(**row["budget"]))
        if held is None:
            raise ReplayBudgetError(use_case)
        return held


def withheld(receipt: Receipt, viewer: str) -> bool:
    """Whether ``viewer`` may not replay the task of this receipt, read as the viewer."""
    # Before its decision it is not known whether it needs a blind review.
    if receipt["decision"] is None or receipt["decision"]["hidden"] or receipt["withheld"]:
        return True
    review = receipt["review"]
    is_open = review is not None and review["verdict"] is None
    return is_open and receipt["source"].get("by") != viewer


async def _evaluate(
    runnable: Runnable, row: OneVersionRow, task: AdmittedTask, retrieve: Retrieve, clock: Clock
) -> Evaluation:
    threshold = identity.threshold_of(row["id"], row["behaviour"], row["certificate"])
    proof = row["certificate"] if threshold is not None else None
    version = LiveVersion(
        id=row["id"],
        decider=runnable.decider,
        threshold=threshold,
        certificate=CertificateId(proof["id"]) if proof else None,
        state=State.OPEN if threshold is not None else State.SHADOW,
        cautious=bool(proof and proof["cautious"]),
        pooling=Pooling(**row["pooling"]) if row["pooling"] else None,
        loaded=runnable.loaded,
    )
    runner = DeciderRunner(runnable.loaded.declared, retrieve)
    context = EvaluationContext(
        use_case=runnable.loaded, runner=runner, clock=clock, capped=row["budget"] is not None
    )
    try:
        return await evaluate(version, task, context)
    finally:
        runner.close()


def _task(receipt: Receipt, runnable: Runnable, number: int) -> AdmittedTask:
    try:
        reading = read_stored(runnable.loaded.declared.input, receipt["input"])
    except UnfitError as error:
        raise ReplayInputError(receipt["task"], number, str(error)) from error
    return AdmittedTask(
        id=TaskId(receipt["task"]),
        use_case=receipt["use_case"],
        key=receipt["key"],
        input=reading.value,
        content=reading.form,
        source={"surface": "replay"},
        reference=False,
        reference_rate=0.0,
        admitted_at=receipt["admitted_at"],
    )


def _replay(
    receipt: Receipt, row: OneVersionRow, declared: UseCase, evaluation: Evaluation
) -> Replay:
    decision, answer, routed = receipt["decision"], evaluation.answer, evaluation.routed
    verdict = (receipt["review"] or {}).get("verdict")
    output = answer.output if isinstance(answer, Answered) else None
    before = _content(decision)
    patched = answer.evidence.get("patched") or ()
    return Replay(
        task=receipt["task"],
        use_case=receipt["use_case"],
        input=receipt["input"],
        version=row["id"],
        version_number=row["number"],
        output=output,
        confidence=answer.confidence if isinstance(answer, Answered) else None,
        threshold=identity.threshold_of(row["id"], row["behaviour"], row["certificate"]),
        route=routed.route,
        reason_code=routed.code,
        reason=routed.reason,
        rule=routed.rule,
        evidence={name: value for name, value in answer.evidence.items() if name != "patched"},
        patched=[str(patch) for patch in patched] if isinstance(patched, list) else [],
        actions=[action["name"] for action in evaluation.actions],
        seconds=evaluation.seconds,
        cost=answer.cost,
        decided={
            name: decision[name]
            for name in (
                "version",
                "version_number",
                "output",
                "confidence",
                "threshold",
                "route",
                "reason_code",
                "reason",
                "rule",
                "decide_seconds",
                "cost",
            )
        },
        same=content_hash(evaluation.content) == content_hash(before),
        right_output=verdict["right_output"] if verdict else None,
        right=_right(declared, evaluation.content, receipt, verdict) if verdict else None,
        was_right=verdict["agrees"] if verdict else None,
    )


def _content(decision: Row) -> Content | None:
    if decision["output"] is None:
        return None
    return Content(
        output=decision["output"],
        actions=decision["actions"] or (),
        provenance=decision["provenance"] or {},
    )


def _right(
    declared: UseCase, content: Content | None, receipt: Receipt, verdict: Row
) -> bool | None:
    """Whether the answer is right by the verdict; ``None`` if the verdict does not tell."""
    output, actions = verdict["right_output"], verdict["right_actions"]
    judged = content_hash(_content(receipt["decision"]))
    truth = Truth(
        right=None if output is None else Content(output=output, actions=actions or ()),
        actions_known=actions is not None,
        losses={judged: verdict["loss"]} if judged and verdict["loss"] is not None else {},
    )
    score = score_of(declared, content, None, truth, receipt["input"])
    return None if score.loss is None else not is_wrong(score, declared.tolerance)
