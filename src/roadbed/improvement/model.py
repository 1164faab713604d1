"""Proposals: changes that improvement suggests and people decide on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from roadbed.kernel.figures import interval
from roadbed.kernel.messages import gettext as _
from roadbed.kernel.messages import number, several


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
        return _("No case speaks for it or against it, so nothing is known of what it would do.")
    told = {"right": number(right), "cases": number(cases)}
    if proposal.kind == "model":
        return several(
            "%(cases)s of %(n)s newer verdict were corrections.",
            "%(cases)s of %(n)s newer verdicts were corrections.",
            said["matched"],
            **told,
        )
    if proposal.kind == "prompt":
        return _("%(right)s of %(cases)s cases that it changes would be right.") % told
    if said["low"] is None:
        return _("%(right)s of %(cases)s examples are close to one of those chosen.") % told
    told["interval"] = interval(said["low"], said["high"], cases)
    if (proposal.patch or {}).get("set", ...) is None:
        return _("%(right)s of %(cases)s answers here were corrected: %(interval)s.") % told
    helped = _("%(right)s of %(cases)s changed answers would be right: %(interval)s.") % told
    broken = cases - said["wrong_now"]
    if not broken:
        return helped
    harmed = several(
        "%(n)s that is right now would change.", "%(n)s that are right now would change.", broken
    )
    return f"{helped} {harmed}"
