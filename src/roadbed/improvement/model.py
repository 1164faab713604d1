"""Proposals: changes that improvement suggests and people decide on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, kw_only=True, slots=True)
class Suggestion:
    """What a row of proposals needs; ``support`` and ``cases`` are JSON of its shape.

    Of ``matched`` cases ``cases`` change, ``wrong_now`` of which are wrong now and ``right`` of
    which come right. Examples know no task, so ``task_id`` is empty.
    """

    title: str
    reason: str
    support: Mapping[str, Any]
    cases: Sequence[Mapping[str, Any]]
    patch: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Proposal:
    """A change that improvement suggests; only a person's word makes it a part of a version.

    ``support`` holds cases, right, wrong_now, matched, low and high; ``cases`` at most 50 tasks
    with before, after and right. ``patch`` is ``None`` for what has none: to train anew.
    """

    id: str
    use_case: str
    kind: str
    title: str
    reason: str
    support: Mapping[str, Any]
    cases: Sequence[Mapping[str, Any]]
    patch: Mapping[str, Any] | None
    rank: float
    state: str
    made_at: datetime
    decided_by: str | None
    decided_at: datetime | None
    note: str | None
    edited: bool
