"""Rollout: the release steps of a use case, with their limits, sign-offs and trial sizes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

QUICK_SECONDS = 0.1  # people notice no difference between answers below


@dataclass(frozen=True, kw_only=True, slots=True)
class Check:
    """An external check: ``url`` receives the candidate and answers whether it passes.

    ``secret`` names the environment variable with the key that signs what is posted; ``private``
    allows an address in your own network.
    """

    name: str
    url: str
    secret: str | None = None
    private: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Gate:
    """Criteria for a candidate, fixed before its results are known.

    On items that it never saw, it may be wrong more often than the live version by ``worse_by`` at
    most (a share of all items: the upper end of the paired interval counts), within each slice by
    ``slice_worse_by``. Of past corrections it may not break more than it fixes. ``slower_by`` and
    ``dearer_by`` are factors on the live version's 95th percentile of seconds and mean cost.
    ``fewest`` is the least number of items. ``checks`` are external checks.
    """

    worse_by: float = 0.01
    slice_worse_by: float = 0.05
    slower_by: float = 2.0
    dearer_by: float = 1.5
    fewest: int = 50
    checks: Sequence[Check] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Rollout:
    """The release steps of a use case.

    ``sign_offs`` are the roles that must sign, each by another person, none of them the author; a
    sign-off is valid for ``sign_off_hours``. In shadow a candidate answers ``shadow_tasks``
    tasks without effect; as a canary it decides ``canary_share`` of the tasks until
    ``canary_tasks`` were compared. 0 skips a step. ``sticky_by`` names an input field whose
    value keeps its bucket (a customer); unset, each task's key has its own. The canary is rolled
    back when it is shown to be wrong, failing, slow or dear more often than the live version by
    more than ``margin``, with the certainty of the use case.
    """

    sign_offs: Sequence[str] = ("domain_lead", "risk_partner")
    sign_off_hours: float = 168.0
    shadow_tasks: int = 100
    canary_tasks: int = 200
    canary_share: float = 0.1
    sticky_by: str | None = None
    margin: float = 0.01
    gate: Gate = field(default_factory=Gate)


# A proof of concept: its author takes it live once the limit is proven.
DIRECT = Rollout(sign_offs=(), shadow_tasks=0, canary_tasks=0)
