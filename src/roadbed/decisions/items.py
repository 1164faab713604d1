"""Items of the writes that settle decisions and keep comparisons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, TypedDict

from roadbed.intake.model import TaskItem


class DecidedItem(TypedDict):
    """A decision with its review and its deliveries."""

    id: str
    task_id: str
    use_case: str
    version: str | None
    certificate: str | None
    route: str
    reason_code: str
    reason: str
    rule: str | None
    output: Mapping[str, Any] | None
    confidence: float | None
    threshold: float | None
    evidence: Mapping[str, Any]
    cost: Decimal | None
    attempt: int
    actions: Sequence[Mapping[str, Any]] | None
    provenance: Mapping[str, Any] | None
    content_hash: str | None
    effect_hash: str | None
    output_hash: str | None
    decided_at: datetime
    decide_seconds: float
    halt_epoch: int
    deliveries: Sequence[Mapping[str, Any]] | None
    sends_actions: bool
    review_id: str | None
    blind: bool
    priority: int


class FundedDecisionItem(DecidedItem):
    """The same with the limit that its cost counts against."""

    per_day: str | None


class RevisionItem(FundedDecisionItem):
    """The same for a revision: what becomes of earlier deliveries waits for a person so long."""

    budgeted: bool
    approve_seconds: float


class WholeItem(RevisionItem, TaskItem):
    """A decision with the task itself: both are stored in one commit."""


class ComparedItem(TypedDict):
    """What two versions made of a task; with ``review_id``, a review of the difference."""

    id: str
    task_id: str
    release: str
    use_case: str
    decided_by: str
    live_output: Mapping[str, Any] | None
    live_actions: Sequence[Mapping[str, Any]] | None
    live_content: str | None
    live_confidence: float | None
    live_route: str
    live_reason: str
    live_seconds: float | None
    live_cost: Decimal | None
    candidate_output: Mapping[str, Any] | None
    candidate_actions: Sequence[Mapping[str, Any]] | None
    candidate_content: str | None
    candidate_confidence: float | None
    candidate_route: str
    candidate_reason: str
    candidate_seconds: float | None
    candidate_cost: Decimal | None
    review_id: str | None
    blind: bool
    at: datetime
