"""Validation of a report against its task, and when two reports are the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from roadbed.intake.validation import body_hash
from roadbed.kernel.clock import CLOCKS_DIFFER
from roadbed.kernel.errors import RoadbedError
from roadbed.kernel.sentences import sentence
from roadbed.outcomes.errors import (
    OutcomeError,
    OutcomeTaskError,
    TaskErasedError,
    TaskUndecidedError,
)
from roadbed.outcomes.model import Outcome, OutcomeItem, Report, ReportItem
from roadbed.outcomes.rows import OutcomesRow, TasksRow
from roadbed.reviews.errors import VerdictError
from roadbed.reviews.verdicts import as_declared
from roadbed.scoring.content import Content, Json, content_hash
from roadbed.scoring.scorers import Truth, assess, is_wrong
from roadbed.usecases.use_case import UseCase


def item(
    declared: UseCase, report: Report, tasks: Mapping[str, TasksRow], *, now: datetime
) -> ReportItem:
    """A report as it is kept, about the task it names among ``tasks``.

    Raises ``OutcomeTaskError``, ``TaskErasedError``, ``TaskUndecidedError``, ``OutcomeError``.
    """
    task = tasks.get(report.task or f"key:{report.task_key}")
    if task is None:
        raise OutcomeTaskError(str(report.task or report.task_key), by_key=report.task is None)
    if task["erased"]:
        raise TaskErasedError(task["id"])
    if not task["decided"]:
        raise TaskUndecidedError(task["id"])
    _check_time(report.happened_at, admitted_at=task["admitted_at"], now=now)
    output = None if report.output is None else _fitted(declared, report.output)
    content = digest(report, task["id"])
    was_right, decided_right = _meant(declared, task, output, said=report.right)
    told = report.right is not None and output is not None and not task["withheld"]
    return {
        "task_id": task["id"],
        "key": report.key or f"sha256:{content}",
        "body_hash": content,
        "said_right": report.right,
        "was_right": was_right,
        "decided_right": decided_right,
        # If an answer is withheld, saying so would reveal it.
        "contradicts_itself": told and was_right is not report.right,
        "verdict": task["verdict"],
        "output": output,
        "note": report.note,
        "source": report.source,
        "happened_at": report.happened_at,
    }


def refused(item: OutcomeItem) -> RoadbedError:
    """Why a valid report was not stored: it contradicts itself, or the task was erased."""
    if not item["contradicts_itself"]:
        return TaskErasedError(item["task_id"])
    return OutcomeError(
        sentence("It calls the answer right, and names as right what is not the answer in force.")
        if item["said_right"]
        else sentence("It calls the answer wrong, and names as right what is the answer in force."),
        sentence("Send the output alone: whether the answer was right follows from it."),
    )


def _meant(
    declared: UseCase, task: TasksRow, output: Json | None, *, said: bool | None
) -> tuple[bool, bool | None]:
    """Whether the answer in force is right by a report, and whether the decision's is.

    The second is ``None`` if unknown. If the scorer cannot decide, the report's own ``right`` is
    used, by default false.
    """
    decided = content_of(task["output"], task["actions"])
    in_force = decided
    if task["verdict"] is not None:
        in_force = content_of(task["right_output"], task["right_actions"])
    if output is not None:
        was = _agrees(declared, in_force, output, task["input"])
        right = bool(was) if was is not None or said is None else said
        return right, _agrees(declared, decided, output, task["input"])
    right = bool(said)
    if alike(in_force, decided):
        return right, right
    return right, False if right else None


def contradicts(declared: UseCase, row: OutcomesRow) -> bool:
    """Whether a report in force says that the verdict in force is wrong."""
    if not row["judged"]:
        return False
    judged = content_of(row["right_output"], row["right_actions"])
    if row["output"] is not None:
        return _agrees(declared, judged, row["output"], row["input"]) is False
    about = content_of(row["about_output"], row["about_actions"])
    return not row["right"] if alike(about, judged) else bool(row["right"])


def content_of(output: Json | None, actions: Sequence[Json] | None) -> Content | None:
    """An answer as content, or ``None``."""
    return None if output is None else Content(output=output, actions=actions or ())


def alike(one: Content | None, other: Content | None) -> bool:
    """Whether two answers are the same answer."""
    return content_hash(one) == content_hash(other)


def _agrees(declared: UseCase, answer: Content | None, output: Json, input: Json) -> bool | None:
    """Whether ``answer`` is right if ``output`` is; a report is not about actions."""
    bare = None if answer is None else Content(output=answer.output)
    score = assess(declared.scorer, bare, Truth(right=Content(output=output)), input)
    return None if score.loss is None else not is_wrong(score, declared.tolerance)


def may_be_wrong(item: ReportItem) -> bool:
    """Whether the answer may turn out wrong by this report, so that a review may open."""
    return not item["was_right"]


def as_sent(stored: Outcome, item: Mapping[str, Any]) -> Outcome:
    """An outcome for its sender: with the sender's own fields, which others may not see yet."""
    if not stored.withheld:
        return stored
    own = {"right": item["said_right"], "output": item["output"], "note": item["note"]}
    return replace(stored, **own)


def _fitted(declared: UseCase, output: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return as_declared(declared, output)
    except VerdictError as error:
        raise OutcomeError(*error.texts) from error


def _check_time(happened_at: datetime | None, *, admitted_at: datetime, now: datetime) -> None:
    if happened_at is None:
        return
    if happened_at > now + CLOCKS_DIFFER:
        raise OutcomeError(
            sentence("happened_at is in the future."), sentence("Report only past events.")
        )
    if happened_at < admitted_at - CLOCKS_DIFFER:
        at = f"{admitted_at:%Y-%m-%dT%H:%M:%S.%fZ}"
        raise OutcomeError(
            sentence("happened_at is before the task came in, %(at)s.", at=at),
            sentence("An outcome follows an answer; correct the time, or leave it out."),
        )


def digest(report: Report, task_id: str) -> str:
    """A hash that is equal for equal reports of one task, however the task was named."""
    happened_at = report.happened_at and report.happened_at.isoformat()
    return body_hash(
        {
            "task": task_id,
            "right": report.right,
            "output": report.output,
            "note": report.note,
            "source": report.source,
            "happened_at": happened_at,
        }
    )
