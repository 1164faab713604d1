"""Records of reviews, verdicts and reviewers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from roadbed.kernel.stored_sentences import stored_message
from roadbed.reviews.rows import ClaimedRow, FindRow, QueueRow
from roadbed.usecases.labels import UnknownLabel

_HIDDEN = (
    "output",
    "actions",
    "provenance",
    "content_hash",
    "confidence",
    "evidence",
    "reason",
    "route",
    "version",
    "reported",
)
TURNED_OUT_WRONG = stored_message("Somebody reported that this answer turned out wrong.")
TAKEN_BACK = stored_message(
    "Somebody had reported that this answer turned out wrong, and took it back."
)


class VerdictKind(StrEnum):
    """The reviewer's result for the proposed answer.

    ``reject`` says that no answer is right: the task fits no output of this use case.
    """

    ACCEPT = "accept"
    CORRECT = "correct"
    REJECT = "reject"


@dataclass(frozen=True, kw_only=True, slots=True)
class Review:
    """A review as its reviewer may see it.

    For a blind one ``output``, ``actions``, ``confidence``, ``evidence``, ``reason``, ``route`` and
    ``reported`` stay ``None`` until there is a verdict: a reviewer who knows the answer cannot
    judge it blind. ``actions`` are those proposed, each with what its rule decides and why.
    ``content_hash`` names all that is proposed; a verdict that carries it counts for nothing else.
    ``reported`` is what somebody outside says turned out: nobody here has checked it.
    ``nobody_else`` says that it is for somebody who knows an answer to it already, because the use
    case has nobody else to decide it. ``left`` says that whoever has it now left it to others
    before, and that nobody else can take it. ``withheld`` says that the answer is withheld, because
    it quotes documents that the access groups of whoever reads it may not read.
    """

    id: str
    task_id: str
    use_case: str
    input: Mapping[str, Any]
    blind: bool
    priority: int
    opened_at: datetime
    claimed_by: str | None
    claim_until: datetime | None
    closed_at: datetime | None
    verdict: Mapping[str, Any] | None
    output: Mapping[str, Any] | None
    actions: Sequence[Mapping[str, Any]] | None
    provenance: Mapping[str, Any] | None
    content_hash: str | None
    confidence: float | None
    evidence: Mapping[str, Any] | None
    reason: str | None
    route: str | None
    version: str | None
    reported: Mapping[str, Any] | None
    nobody_else: bool
    left: bool = False
    withheld: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class RecordedVerdict:
    """A verdict that is on disk. ``decided`` is the decider's answer, shown now even if ``blind``.

    A person who withdraws a blind one cannot give another.

    ``loss`` is the score the decided answer was given, for good; ``None`` where the scorer could
    not tell, and ``score_reason`` says why. ``agrees`` says whether it counts as right.
    ``right_actions`` is ``None`` if the verdict is not about actions. ``check`` is ``True`` for a
    reviewer check; ``known`` is its right answer and ``passed`` whether the verdict
    found it. ``unreadable_for`` are senders of the task whose access groups may not read what the
    right output cites: it is withheld from them.
    """

    verdict_id: str
    review_id: str
    kind: VerdictKind
    agrees: bool
    loss: float | None
    score_reason: str
    right_output: Mapping[str, Any] | None
    right_actions: Sequence[Mapping[str, Any]] | None
    decided: Mapping[str, Any] | None
    decided_actions: Sequence[Mapping[str, Any]] = ()
    blind: bool = False
    check: bool = False
    known: Mapping[str, Any] | None = None
    passed: bool | None = None
    unreadable_for: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class HeldVerdict:
    """A verdict that is on disk and counts for nothing until its ``labels`` are confirmed as new.

    ``waits_for`` is the role that confirms them.
    """

    id: str
    review_id: str
    labels: Sequence[UnknownLabel]
    waits_for: str


@dataclass(frozen=True, kw_only=True, slots=True)
class WaitingLabel:
    """A value that ``verdicts`` verdicts wait for. ``tasks`` are at most five of theirs."""

    field: str
    value: str
    suggestion: str | None
    verdicts: int
    since: datetime
    reviewers: Sequence[str]
    tasks: Sequence[str]


@dataclass(frozen=True, kw_only=True, slots=True)
class ReviewerFigures:
    """One reviewer over the last 30 days. ``missed`` of ``known_wrong`` cases were accepted.

    ``too_fast`` says that half of the accepted texts were accepted faster than they can be read.
    """

    reviewer: str
    verdicts: int
    accepted: int
    agreed: int
    median_seconds: float | None
    known_wrong: int
    missed: int
    missed_low: float
    missed_high: float
    known_right: int
    spoiled: int
    second_looks: int
    overturned: int
    too_fast: bool


def without_answer(review: Review) -> Review:
    """A review without the answer, for a blind reviewer."""
    hidden: dict[str, Any] = dict.fromkeys((*_HIDDEN, "verdict"))
    return replace(review, **hidden)


def review_of(row: FindRow | QueueRow | ClaimedRow) -> Review:
    """A review as its reviewer may see it."""
    reason = row["reason"]
    if row["outcome"] is not None:
        reason = TURNED_OUT_WRONG if row["reported"] else TAKEN_BACK
    review = Review(
        id=row["id"],
        task_id=row["task_id"],
        use_case=row["use_case"],
        input=row["input"],
        blind=row["blind"],
        priority=row["priority"],
        opened_at=row["opened_at"],
        claimed_by=row["claimed_by"],
        claim_until=row["claim_until"],
        closed_at=row["closed_at"],
        verdict=row["verdict"],
        output=row["output"],
        actions=row["actions"],
        provenance=row["provenance"],
        content_hash=row["content_hash"],
        confidence=row["confidence"],
        evidence=row["evidence"],
        reason=reason,
        route=row["route"],
        version=row["version"],
        reported=row["reported"],
        nobody_else=row["nobody_else"],
    )
    if not (row["blind"] and row["verdict"] is None):
        return review
    hidden: dict[str, Any] = dict.fromkeys(_HIDDEN)
    return replace(review, **hidden)
