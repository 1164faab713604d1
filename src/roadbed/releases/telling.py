"""A release in plain words: the rungs of its ladder, what goes on, what it waits for."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from roadbed.releases import reading
from roadbed.releases.model import Release
from roadbed.releases.rules import named

RungState = Literal["done", "now", "to come", "ended", "left out", "not reached"]
UNDER_WAY = ("planned", "gated", "shadow", "canary")
SIGNS: Mapping[RungState, str] = {
    "done": "✓",
    "now": "●",
    "to come": "○",
    "ended": "×",
    "left out": "–",
    "not reached": "–",
}
_TRAFFIC = {"traffic": "tasks", "labels": "labels"}
# Verb of the service: the button, and what it does.
VERBS = {
    "gate": ("Run the gate", "It and the live version answer what it never saw."),
    "shadow": ("Begin shadow", "It answers beside the live version, without any effect."),
    "canary": ("Begin canary", "It decides a share of the tasks; worse, and it is rolled back."),
    "promote": ("Promote", "It decides every task from now on."),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Rung:
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


def name(release: Release) -> str:
    """What people call it."""
    if release.version_number is None:
        return f"Release {release.number}"
    return f"Version {release.version_number}"


def rungs(release: Release) -> list[Rung]:
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


def _rung(release: Release, name: str, state: RungState, at: datetime | None) -> Rung:
    note = ""
    if state == "ended":
        note = {"failed": "failed", "rolled_back": "rolled back", "withdrawn": "withdrawn"}.get(
            release.step, release.step
        )
        return Rung(name=name, state=state, at=release.ended_at or at, note=note)
    if name == "gate" and release.gate is not None and state != "to come":
        note = "passed"
    if name == "live" and release.step == "retired":
        note = "retired"
    if name == "canary" and state in ("now", "to come"):
        note = f"{release.plan.get('canary_share', 0.0) * 100:g} % of the tasks"
    waits = waiting(release) if state == "now" else []
    return Rung(name=name, state=state, at=at, note=note, waits=waits)


def waiting(release: Release) -> list[tuple[str, datetime]]:
    """What it waits for at this moment, and since when: people, traffic."""
    found = []
    if release.waits_for in _TRAFFIC:
        since = release.canary_at or release.shadow_at or release.planned_at
        found.append((f"for more {_TRAFFIC[release.waits_for]}", since))
    if release.missing and release.gated_at and release.step in UNDER_WAY:
        found.append((f"for the {named(release.missing)}", release.gated_at))
    return found


def sentence(release: Release) -> str:
    """What is going on."""
    return f"{name(release)} {_TOLD[release.step](release)}"


def compared(release: Release) -> str:
    """How far shadow or canary got, in words; empty before the first comparison."""
    trial = reading.newest(release)
    if not trial:
        return "nothing compared yet"
    so_far = f"{trial['compared']:,} of {trial['of']:,} compared"
    if not trial["labelled"]:
        return f"{so_far}, none of them labelled yet"
    fixed, broken = trial["fixed"], trial["broken"]
    answers = f"{fixed:,} answer{'' if fixed == 1 else 's'}" if fixed else "no answer"
    return f"{so_far}, {answers} fixed, {f'{broken:,}' if broken else 'none'} broken"


def _gated(release: Release) -> str:
    refused = [each for each in release.sign_offs if each.verdict == "refuse" and each.counts]
    if refused:
        people = " and ".join(f"{each.person} ({named([each.role])})" for each in refused)
        return f"passed its gate, but {people} refused it."
    if release.missing:
        return f"passed its gate. {_before_it_decides(release)}"
    return "passed its gate, and everybody who has to agree did."


def _before_it_decides(release: Release) -> str:
    have = "has" if len(release.missing) == 1 else "have"
    return f"Before it decides anything, the {named(release.missing)} {have} to agree."


def _shadow(release: Release) -> str:
    told = f"runs in shadow, without any effect; {compared(release)}."
    return f"{told} {_before_it_decides(release)}" if release.missing else told


def _canary(release: Release) -> str:
    share = release.plan.get("canary_share", 0.0) * 100
    return f"is in canary: it decides {share:g} % of the tasks; {compared(release)}."


def _ended(release: Release) -> str:
    by = f" by {release.ended_by}" if release.ended_by else ""
    why = (release.ended_why or "no reason was given").rstrip(".")
    return f"was {release.step.replace('_', ' ')}{by}: {why}."


def _failed(release: Release) -> str:
    wrong = [
        reading.label(each).lower() for each in reading.criteria(release.gate) if not each["passed"]
    ]
    return f"failed its gate: {', '.join(wrong) or 'see the report'}. It stays off the road."


_TOLD: Mapping[str, Any] = {
    "planned": lambda _: "is planned, and what it has to reach is fixed.",
    "gated": _gated,
    "failed": _failed,
    "shadow": _shadow,
    "canary": _canary,
    "live": lambda _: "is live: it decides every task.",
    "retired": lambda _: "was live; a later version took its place.",
    "rolled_back": _ended,
    "withdrawn": _ended,
}


def may_sign(release: Release, roles: Collection[str], person: str) -> tuple[list[str], str]:
    """The roles in which ``person`` may give a word now, or why there is none."""
    if release.step not in UNDER_WAY or not release.content or not release.missing:
        return [], ""
    mine = [each for each in release.missing if each in roles]
    if person == release.author:
        return [], "You made this release, so others have to agree to it."
    if any(each.person == person and each.counts for each in release.sign_offs):
        return [], "You gave your word; the other roles are for other people."
    if not mine:
        return [], f"You are not the {named(release.missing, 'or')}, so your word is not asked for."
    return mine, ""


def silent(release: Release) -> list[str]:
    """The roles of which nobody has said anything that counts, neither yes nor no."""
    said = {each.role for each in release.sign_offs if each.counts}
    return [each for each in release.missing if each not in said]


def asked(release: Release, roles: Sequence[str]) -> str:
    """What is asked of a reader who may sign in ``roles``."""
    if roles:
        return f"Your word is asked for, as {named(roles, 'or')}."
    if release.step in UNDER_WAY and release.waits_for is None and release.next in VERBS:
        return f"Next: {VERBS[release.next][0].lower()}."
    return "Nothing is asked of you."
