"""Rollout: the release steps of a use case, with their limits, sign-offs and trial sizes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True, slots=True)
class Check:
    """A judgment from outside: ``url`` is told of the candidate and answers whether it passes.

    ``secret`` names the environment variable with the key that signs what is posted; ``private``
    lets the address be one of your own network.
    """

    name: str
    url: str
    secret: str | None = None
    private: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Gate:
    """What a candidate must reach, fixed before anybody knows what it reaches.

    On what it never saw, it may be wrong more often than the live version by ``worse_by`` at most
    (a share of all items: the upper end of the paired interval counts), within each slice by
    ``slice_worse_by``; of past corrections it may not break more than it fixes. ``slower_by`` and
    ``dearer_by`` are factors on the live version's 95th percentile of seconds and mean cost.
    ``fewest`` is how many items there must be. ``checks`` are asked as well.
    """

    worse_by: float = 0.01
    slice_worse_by: float = 0.05
    slower_by: float = 2.0
    dearer_by: float = 1.5
    fewest: int = 50
    checks: Sequence[Check] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Rollout:
    """The ladder of a use case.

    ``sign_offs`` are the roles that must agree, each by another person, none of them its author;
    a word given is good for ``sign_off_hours``. In shadow a candidate answers ``shadow_tasks``
    tasks without effect; as a canary it decides ``canary_share`` of the tasks until
    ``canary_tasks`` were compared. 0 leaves a step out. ``sticky_by`` names an input field whose
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


# A proof of concept: whoever improves it takes it live, once the proof holds.
DIRECT = Rollout(sign_offs=(), shadow_tasks=0, canary_tasks=0)


def facts(rollout: Rollout) -> Mapping[str, object]:
    """The ladder as plain JSON, without secrets: what a plan fixes."""
    gate = rollout.gate
    return {
        "sign_offs": list(rollout.sign_offs),
        "sign_off_hours": rollout.sign_off_hours,
        "shadow_tasks": rollout.shadow_tasks,
        "canary_tasks": rollout.canary_tasks,
        "canary_share": rollout.canary_share,
        "sticky_by": rollout.sticky_by,
        "margin": rollout.margin,
        "gate": {
            "worse_by": gate.worse_by,
            "slice_worse_by": gate.slice_worse_by,
            "slower_by": gate.slower_by,
            "dearer_by": gate.dearer_by,
            "fewest": gate.fewest,
            "checks": [{"name": check.name, "url": check.url} for check in gate.checks],
        },
    }
