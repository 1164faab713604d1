"""Records of the running audit, and notices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from roadbed.risk.automation_state import Sign, State


@dataclass(frozen=True, kw_only=True, slots=True)
class AuditPoint:
    """The audit after ``automated`` automatic answers: shares in [0, 1]."""

    automated: int
    estimate: float
    upper: float
    harm: float
    change: float


@dataclass(frozen=True, kw_only=True, slots=True)
class AuditView:
    """One version's running audit.

    Of its ``automated`` answers ``sampled`` were drawn and judged, ``wrong`` of them wrong; between
    ``low`` and ``high`` lies the exact interval of that share, at the use case's certainty.
    ``upper`` is wider and holds at every time, so it may be read at any moment. ``waiting`` sample
    items have no label yet, ``overdue`` are late and count as wrong. ``new_kinds`` of
    ``kinds_seen`` reviewed tasks were of a kind it never saw.
    """

    version: str | None
    automated: int
    sampled: int
    wrong: int
    waiting: int
    overdue: int
    low: float
    high: float
    estimate: float | None
    upper: float | None
    harm: float
    harm_limit: float
    change: float
    change_limit: float
    kinds_seen: int
    new_kinds: int
    kinds_evidence: float
    kinds_limit: float
    path: Sequence[AuditPoint]


@dataclass(frozen=True, kw_only=True, slots=True)
class StateChange:
    """A move of the state, on which evidence."""

    before: State
    after: State
    sign: Sign
    reason: str
    at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Notice:
    """A message to the pod.

    It is open until a person has seen it or its cause has ended.
    """

    id: str
    use_case: str
    kind: str
    text: str
    at: datetime
    seen_by: str | None
    seen_at: datetime | None
    over_at: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Volume:
    """A day as the last ones were: ``tasks`` that arrive and ``reviews`` they give rise to."""

    tasks: float
    reviews: float
    review_hours: float
