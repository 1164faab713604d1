"""Cases of reviewer checks, and the figures of reviewers: pure functions without I/O."""

from __future__ import annotations

import random
import string
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from roadbed.decisions.evaluation import Evaluation
from roadbed.decisions.model import Deployment, Route
from roadbed.examples.model import KnownCase
from roadbed.intake.model import AdmittedItem
from roadbed.intake.validation import body_hash
from roadbed.kernel.ids import TaskId
from roadbed.reviews.model import ReviewerFigures
from roadbed.reviews.rows import ChecksPassedRow, DisagreementsRow, PaceRow, SecondDueRow
from roadbed.risk.curve import share_interval
from roadbed.scoring.content import Content
from roadbed.scoring.scorers import Truth, agree, assess, is_wrong
from roadbed.usecases.use_case import UseCase

_PORTION = 8
_LEASE_SECONDS = 60.0
_WORDS_A_SECOND = 8.0  # faster than nearly all people read
_KINDS = (string.digits, string.ascii_lowercase, string.ascii_uppercase)
_DECIDED = (
    "version",
    "certificate",
    "reason_code",
    "reason",
    "rule",
    "output",
    "confidence",
    "threshold",
    "evidence",
    "cost",
    "actions",
    "provenance",
    "content_hash",
)
Json = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckCase:
    """A task to be made from ``origin``, if that was a task.

    ``barred`` may not claim it, ``spared`` get it only on request, and only ``reserved_for`` may
    claim it, if set. ``decided`` holds the fields of its decision, as every task stores them.
    """

    kind: str
    content: Json
    source: Json
    key: str | None
    rate: float
    decided: Mapping[str, Any]
    blind: bool
    barred: Sequence[str] = ()
    spared: Sequence[str] = ()
    reserved_for: str | None = None
    task_id: TaskId | None = None
    of_verdict: str | None = None
    of_case: str | None = None
    origin: str | None = None
    known: Truth | None = None
    proposed_right: bool | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class EvaluatedCase:
    """A case whose right content is known, with the evaluation of the live version.

    ``task_id`` is the id it was evaluated under.
    """

    case: KnownCase
    evaluation: Evaluation
    wrong: bool
    task_id: TaskId


def task_of(declared: UseCase, case: CheckCase, task_id: str, came: datetime) -> AdmittedItem:
    """The task of a case, as it is admitted."""
    return {
        "id": task_id,
        "use_case": declared.name,
        "key": case.key,
        "body_hash": body_hash(case.content),
        "input": case.content,
        "sent": None,
        "source": case.source,
        "reference": False,
        "reference_rate": case.rate,
        "admitted_at": came,
        "lease_seconds": _LEASE_SECONDS,
    }


def portions(some: Sequence[KnownCase]) -> Iterator[Sequence[KnownCase]]:
    """A few cases at a time."""
    for start in range(0, len(some), _PORTION):
        yield some[start : start + _PORTION]


def answered(
    declared: UseCase,
    cases: Sequence[KnownCase],
    made: Sequence[Evaluation],
    ids: Sequence[TaskId],
) -> list[EvaluatedCase]:
    """Cases that would go to review with an answer that people can judge."""
    results = []
    for case, evaluation, task_id in zip(cases, made, ids, strict=True):
        goes = evaluation.routed.route is Route.REVIEW
        if evaluation.content is None or not goes or case.truth.right is None:
            continue
        score = assess(declared.scorer, evaluation.content, case.truth, case.content)
        if score.loss is not None:
            wrong = is_wrong(score, declared.tolerance)
            results.append(
                EvaluatedCase(case=case, evaluation=evaluation, wrong=wrong, task_id=task_id)
            )
    return results


def alike(key: str, keys: Sequence[str], chance: random.Random) -> str:
    """Another key of the same shape: what all ``keys`` of its length share, it has as well."""
    alike = [other for other in keys if len(other) == len(key)]
    used = set().union(*alike)

    def letter(place: int, own: str) -> str:
        if len(alike) > 1 and all(other[place] == own for other in alike):
            return own
        kind = next((kind for kind in _KINDS if own in kind), own)
        return chance.choice(sorted(used & set(kind)) if own not in string.digits else kind)

    return "".join(letter(*placed) for placed in enumerate(key))


def agreed(declared: UseCase, row: Json, one: str, other: str) -> bool:
    """Whether the labels of two people for one task are equal."""
    first, second = _label(row, one), _label(row, other)
    told = row[f"{one}_actions"] is not None and row[f"{other}_actions"] is not None
    if declared.scorer.needs_person:
        return bool(row[f"{one}_loss"] == row[f"{other}_loss"])
    return agree(
        declared.scorer,
        first,
        second,
        row["input"],
        tolerance=declared.tolerance,
        actions=told and first is not None and second is not None,
    )


def _label(row: Json, name: str) -> Content | None:
    output = row[f"{name}_output"]
    return None if output is None else Content(output=output, actions=row[f"{name}_actions"] or ())


def again(
    service: Deployment,
    row: SecondDueRow | DisagreementsRow,
    kind: str,
    *,
    key: str | None,
    barred: Sequence[str] = (),
    spared: Sequence[str] = (),
    reserved_for: str | None = None,
) -> CheckCase:
    """The same task again, blind, for another person; ``key`` has the form of real keys."""
    stored: Json = row
    decided = {name: stored[name] for name in _DECIDED} | {"halt_epoch": service.halt_epoch}
    return CheckCase(
        kind=kind,
        content=row["input"],
        source=row["source"],
        key=key,
        rate=row["reference_rate"],
        decided={**decided, "seconds": row["decide_seconds"]},
        blind=row["first_blind"],
        barred=barred,
        spared=spared,
        reserved_for=reserved_for,
        of_verdict=row["verdict_id"],
    )


def who_decides(lead: str, knowing: Sequence[str], labellers: Sequence[str]) -> str | None:
    """The person for whom a dispute is reserved; ``None``: any person who knows no answer to it.

    ``knowing`` gave one of the two answers or have read one. The domain lead decides; one who knows
    an answer decides only if no other person labels.
    """
    others = set(labellers) - set(knowing)
    return None if lead in knowing and others else lead


def figures_of(
    row: PaceRow, checks: Sequence[ChecksPassedRow], certainty: float
) -> ReviewerFigures:
    """The figures of one reviewer, from their pace and their reviewer checks."""
    mine = [check for check in checks if check["reviewer"] == row["reviewer"]]

    def count(*, known_wrong: bool, failed_only: bool) -> int:
        return sum(
            check["n"]
            for check in mine
            if check["known_wrong"] is known_wrong and not (failed_only and check["passed"])
        )

    wrong = count(known_wrong=True, failed_only=False)
    missed = count(known_wrong=True, failed_only=True)
    low, high = share_interval(missed, wrong, certainty) if wrong else (0.0, 1.0)
    seconds, words = row["median_accept_seconds"], row["median_accept_words"]
    return ReviewerFigures(
        reviewer=row["reviewer"],
        verdicts=row["verdicts"],
        accepted=row["accepted"],
        agreed=row["agreed"],
        median_seconds=row["median_seconds"],
        known_wrong=wrong,
        missed=missed,
        missed_low=low,
        missed_high=high,
        known_right=count(known_wrong=False, failed_only=False),
        spoiled=count(known_wrong=False, failed_only=True),
        second_looks=row["second"],
        overturned=row["overturned"],
        too_fast=bool(seconds is not None and words and seconds < words / _WORDS_A_SECOND),
    )
