"""What a report may say of its task, and what makes two of them the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from roadbed.intake.rules import body_hash
from roadbed.kernel.errors import RoadbedError
from roadbed.outcomes.errors import (
    NoSuchTaskError,
    OutcomeError,
    TaskErasedError,
    TaskUndecidedError,
)
from roadbed.outcomes.model import Outcome, Report
from roadbed.reviews.errors import VerdictError
from roadbed.reviews.rules import as_declared
from roadbed.usecases.model import UseCase


def item(
    declared: UseCase, report: Report, tasks: Mapping[str, Mapping[str, Any]], *, now: datetime
) -> dict[str, Any]:
    """A report as it is kept, about the task it names among ``tasks``.

    Raises ``NoSuchTaskError``, ``TaskErasedError``, ``TaskUndecidedError``, ``OutcomeError``.
    """
    task = tasks.get(report.task or f"key:{report.task_key}")
    if task is None:
        raise NoSuchTaskError(str(report.task or report.task_key), by_key=report.task is None)
    if task["erased"]:
        raise TaskErasedError(task["id"])
    if not task["decided"]:
        raise TaskUndecidedError(task["id"])
    _check_time(report.happened_at, admitted_at=task["admitted_at"], now=now)
    output = None if report.output is None else _fitted(declared, report.output)
    content = digest(report, task["id"])
    return {
        "task_id": task["id"],
        "key": report.key or f"sha256:{content}",
        "body_hash": content,
        "was_right": report.right,
        "output": output,
        "note": report.note,
        "source": report.source,
        "happened_at": report.happened_at,
    }


def refused(report: Mapping[str, Any]) -> RoadbedError:
    """Why nothing was kept of what seemed fine: two words that contradict, or an erasure."""
    if report["output"] is None or report["was_right"] is None:
        return TaskErasedError(report["task_id"])
    said, other = ("right", "not ") if report["was_right"] else ("wrong", "")
    return OutcomeError(
        f"It calls the answer {said}, and names as right what is {other}the answer in force.",
        "Send the output alone: whether the answer was right follows from it.",
    )


def may_be_wrong(item: Mapping[str, Any]) -> bool:
    """Whether the answer may turn out wrong by this report, so that a review may open."""
    return item["output"] is not None or not item["was_right"]


def as_sent(stored: Outcome, item: Mapping[str, Any]) -> Outcome:
    """An outcome for whoever sent it: with their own words, though others may not see them yet."""
    if not stored.withheld:
        return stored
    own = {"right": item["was_right"], "output": item["output"], "note": item["note"]}
    return replace(stored, **own)


def _fitted(declared: UseCase, output: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return as_declared(declared.output, output)
    except VerdictError as error:
        raise OutcomeError(error.problem, error.remedy) from error


def _check_time(happened_at: datetime | None, *, admitted_at: datetime, now: datetime) -> None:
    if happened_at is None:
        return
    if happened_at > now:
        raise OutcomeError("happened_at is in the future.", "Report what has happened.")
    if happened_at < admitted_at:
        raise OutcomeError(
            f"happened_at is before the task came in, {admitted_at:%Y-%m-%dT%H:%M:%S.%fZ}.",
            "An outcome follows an answer; correct the time, or leave it out.",
        )


def digest(report: Report, task_id: str) -> str:
    """The same for the same report of the same task, however the task was named."""
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
