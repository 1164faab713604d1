"""Outcomes as they are reported, stored and counted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypedDict


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """A report: its task, and whether the answer was right, or the right output.

    One of ``task`` (its id) and ``task_key`` (the key it was sent with) is set, and at least one of
    ``right`` and ``output``.
    """

    task: str | None
    task_key: str | None
    right: bool | None
    output: Mapping[str, Any] | None
    note: str | None
    source: str | None
    happened_at: datetime | None
    key: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """A report that is on disk.

    ``right`` is about the answer that was in force when it was reported. ``counts``: the newest of
    its task that was not taken back. ``withheld``: a blind review of the task is open, so
    ``right``, ``output`` and ``note`` are left out. ``contradicts``: it says that a person's
    verdict is wrong. ``review`` is the review that it opened.
    """

    id: str
    task_id: str
    use_case: str
    right: bool | None
    output: Mapping[str, Any] | None
    note: str | None
    source: str | None
    happened_at: datetime | None
    reported_by: str
    reported_at: datetime
    withdrawn_at: datetime | None
    withdrawn_by: str | None
    counts: bool
    withheld: bool
    contradicts: bool
    review: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Reported:
    """A stored outcome; ``repeated`` if the same was reported before."""

    outcome: Outcome
    repeated: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Summary:
    """Automatic answers of the last ``days`` days and what is reported of them.

    Of ``reported`` answers ``told`` could be compared with a report, ``right`` of these were
    right; ``low`` and ``high`` bound that share, two-sided at the use case's certainty. ``waiting``
    are left out until somebody has judged them blind.
    """

    days: int
    automatic: int
    reported: int
    told: int
    right: int
    waiting: int
    low: float
    high: float


@dataclass(frozen=True, kw_only=True, slots=True)
class ListedOutcome:
    """A report as a row of a table, with what its task is about."""

    outcome: Outcome
    input: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Listing:
    """The newest outcomes first, and where to go on."""

    outcomes: Sequence[Outcome]
    next: str | None


class ReportItem(TypedDict):
    """A report as it is kept, about the task that it names."""

    task_id: str
    key: str
    body_hash: str
    said_right: bool | None
    was_right: bool
    decided_right: bool | None
    contradicts_itself: bool
    verdict: str | None
    output: Mapping[str, Any] | None
    note: str | None
    source: str | None
    happened_at: datetime | None


class OutcomeItem(ReportItem):
    """The same with who reported it, and the review that it may open."""

    id: str
    review_id: str | None
    use_case: str
    reported_by: str
    reported_at: datetime
