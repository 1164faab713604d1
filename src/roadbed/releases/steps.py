"""The rungs of a release's ladder: done, now, to come, or where it ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from roadbed.releases.lifecycle import UNDER_WAY
from roadbed.releases.waits import waiting
from roadbed.versions.model import Release

RungState = Literal["done", "now", "to come", "ended", "left out", "not reached"]


SIGNS: Mapping[RungState, str] = {
    "done": "✓",
    "now": "●",
    "to come": "○",
    "ended": "×",
    "left out": "–",
    "not reached": "–",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """One step of the ladder as it is shown; ``waits``: what for, and since when."""

    name: str
    state: RungState
    at: datetime | None
    note: str = ""
    waits: Sequence[tuple[str, datetime]] = ()

    @property
    def sign(self) -> str:
        """The state as one character, which never stands alone."""
        return SIGNS[self.state]


def rungs(release: Release) -> list[Step]:
    """Planned, gate, shadow, canary, live: done, now, to come, left out, or where it ended."""
    times = {
        "planned": release.planned_at,
        "gate": release.gated_at,
        "shadow": release.shadow_at,
        "canary": release.canary_at,
        "live": release.live_at,
    }
    reached = [each for each, at in times.items() if at is not None]
    last = "gate" if release.step == "failed" else reached[-1]
    places = list(times)
    found = []
    for each, at in times.items():
        state = _state(release, each, places.index(each) - places.index(last), at)
        found.append(_rung(release, each, state, at))
    return found


def _state(release: Release, name: str, beyond: int, at: datetime | None) -> RungState:
    over = release.step not in UNDER_WAY and release.step != "live"
    if beyond > 0 and _left_out(release, name):
        return "left out"
    if beyond > 0:
        return "not reached" if over else "to come"
    if beyond < 0:
        return "done" if at is not None else "left out"
    if not over:
        return "now"
    return "done" if release.step == "retired" else "ended"


def _left_out(release: Release, name: str) -> bool:
    return name in ("shadow", "canary") and not release.plan.get(f"{name}_tasks", 1)


def _rung(release: Release, name: str, state: RungState, at: datetime | None) -> Step:
    note = ""
    if state == "ended":
        note = {"failed": "failed", "rolled_back": "rolled back", "withdrawn": "withdrawn"}.get(
            release.step, release.step
        )
        return Step(name=name, state=state, at=release.ended_at or at, note=note)
    if name == "gate" and release.gate is not None and state != "to come":
        note = "passed"
    if name == "live" and release.step == "retired":
        note = "retired"
    if name == "canary" and state in ("now", "to come"):
        note = f"{release.plan.get('canary_share', 0.0) * 100:g} % of the tasks"
    waits = waiting(release) if state == "now" else []
    return Step(name=name, state=state, at=at, note=note, waits=waits)
