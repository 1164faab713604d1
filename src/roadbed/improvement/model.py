"""Proposals: changes that improvement suggests and people decide on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from roadbed.kernel.figures import counted, interval


@dataclass(frozen=True, kw_only=True, slots=True)
class Suggestion:
    """Content of a proposal before it is stored; ``support`` and ``cases`` are JSON.

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
    """A suggested change; it enters a version only after a person accepts it.

    ``support`` holds cases, right, wrong_now, matched, low and high; ``cases`` at most 50 tasks
    with before, after and right. ``patch`` is ``None`` for retraining.
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


def support(proposal: Proposal) -> str:
    """The support of a proposal in one sentence."""
    said = proposal.support
    cases, right = said["cases"], said["right"]
    if not cases:
        return "No case speaks for it or against it, so nothing is known of what it would do."
    if proposal.kind == "model":
        return f"{cases:,} of {counted(said['matched'], 'newer verdict')} were corrections."
    if proposal.kind == "prompt":
        return f"{right:,} of {cases:,} cases that it changes would be right."
    if said["low"] is None:
        return f"{right:,} of {cases:,} examples are close to one of those chosen."
    bounds = interval(said["low"], said["high"], cases)
    if (proposal.patch or {}).get("set", ...) is None:
        return f"{right:,} of {cases:,} answers here were corrected: {bounds}."
    broken = cases - said["wrong_now"]
    harm = f" {broken:,} that {'is' if broken == 1 else 'are'} right now would change."
    return f"{right:,} of {cases:,} changed answers would be right: {bounds}.{harm * bool(broken)}"
