"""Presentation of a release: its name, its sentence, its steps, what it waits for."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from roadbed.people import duties
from roadbed.people.duties import Parties
from roadbed.people.model import named
from roadbed.releases import report_presentation
from roadbed.releases.lifecycle import UNDER_WAY
from roadbed.versions.model import Release

StepState = Literal["done", "now", "to come", "ended", "left out", "not reached"]
SIGNS: Mapping[StepState, str] = {
    "done": "✓",
    "now": "●",
    "to come": "○",
    "ended": "×",
    "left out": "–",
    "not reached": "–",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class ShownStep:
    """A release step as it is shown. ``waits`` says what the release waits for, and since when."""

    name: str
    state: StepState
    at: datetime | None
    note: str = ""
    waits: Sequence[tuple[str, datetime]] = ()

    @property
    def sign(self) -> str:
        """The state as one character. Show it beside a word, never alone."""
        return SIGNS[self.state]


def steps(release: Release) -> list[ShownStep]:
    """The steps planned, gate, shadow, canary and live, each with its state."""
    times = {
        "planned": release.planned_at,
        "gate": release.gated_at,
        "shadow": release.shadow_at,
        "canary": release.canary_at,
        "live": release.live_at,
    }
    names = list(times)
    reached = [name for name, at in times.items() if at is not None]
    current = names.index("gate" if release.step == "failed" else reached[-1])
    return [
        _step(release, name, _state(release, name, position - current, at), at)
        for position, (name, at) in enumerate(times.items())
    ]


def _state(release: Release, name: str, ahead: int, at: datetime | None) -> StepState:
    over = release.step not in UNDER_WAY and release.step != "live"
    if ahead > 0 and _left_out(release, name):
        return "left out"
    if ahead > 0:
        return "not reached" if over else "to come"
    if ahead < 0:
        return "done" if at is not None else "left out"
    if not over:
        return "now"
    return "done" if release.step == "retired" else "ended"


def _left_out(release: Release, name: str) -> bool:
    return name in ("shadow", "canary") and not release.plan.get(f"{name}_tasks", 1)


def _step(release: Release, name: str, state: StepState, at: datetime | None) -> ShownStep:
    note = ""
    if state == "ended":
        note = {"failed": "failed", "rolled_back": "rolled back", "withdrawn": "withdrawn"}.get(
            release.step, release.step
        )
        return ShownStep(name=name, state=state, at=release.ended_at or at, note=note)
    if name == "gate" and release.gate is not None and state != "to come":
        note = "passed"
    if name == "live" and release.step == "retired":
        note = "retired"
    if name == "canary" and state in ("now", "to come"):
        note = f"{release.plan.get('canary_share', 0.0) * 100:g} % of the tasks"
    waits = waiting(release) if state == "now" else []
    return ShownStep(name=name, state=state, at=at, note=note, waits=waits)


# By verb of ``Releases``: the label of the button, and what the verb does.
VERBS = {
    "gate": ("Run the gate", "It and the live version answer what it never saw."),
    "shadow": ("Begin shadow", "It answers beside the live version, without any effect."),
    "canary": ("Begin canary", "It decides a share of the tasks; worse, and it is rolled back."),
    "promote": ("Promote", "It decides every task from now on."),
}
_WAITS = {
    "traffic": "for more tasks",
    "labels": "for somebody to review the tasks on which the two differ",
}


def waiting(release: Release) -> list[tuple[str, datetime]]:
    """What the release waits for now (people, traffic), and since when."""
    waits = []
    if release.waits_for in _WAITS:
        since = release.canary_at or release.shadow_at or release.planned_at
        waits.append((_WAITS[release.waits_for], since))
    if release.missing and release.gated_at and release.step in UNDER_WAY:
        waits.append((f"for the {named(release.missing)}", release.gated_at))
    return waits


def may_sign(release: Release, roles: Collection[str], person: str) -> tuple[list[str], str]:
    """The roles in which ``person`` may sign off now, and if there is none, the reason."""
    if release.step not in UNDER_WAY or not release.content or not release.missing:
        return [], ""
    mine = [role for role in release.missing if role in roles]
    if duties.bar(person, Parties(authors=release.authors)) is not None:
        return [], "You made this release or a part of it, so others have to agree to it."
    if any(sign_off.person == person and sign_off.counts for sign_off in release.sign_offs):
        return [], "You have signed off. Other people have to sign in the other roles."
    if not mine:
        return (
            [],
            f"You are not the {named(release.missing, 'or')}, so your sign-off is not needed.",
        )
    return mine, ""


def unanswered_roles(release: Release) -> list[str]:
    """The roles in which nobody has approved or refused with a sign-off that counts."""
    answered = {sign_off.role for sign_off in release.sign_offs if sign_off.counts}
    return [role for role in release.missing if role not in answered]


def needed_from_reader(release: Release, roles: Sequence[str]) -> str:
    """What a reader who may sign off in ``roles`` has to do next."""
    if roles:
        return f"Your sign-off is needed, as {named(roles, 'or')}."
    if release.step in UNDER_WAY and release.waits_for is None and release.next in VERBS:
        return f"Next: {VERBS[release.next][0].lower()}."
    return "You need to do nothing."


def name(release: Release) -> str:
    """What people call the release."""
    if release.version_number is None:
        return f"Release {release.number}"
    return f"Version {release.version_number}"


def sentence(release: Release) -> str:
    """What happens with the release, in one sentence."""
    return f"{name(release)} {_SENTENCES[release.step](release)}"


def trial_progress(release: Release) -> str:
    """How many tasks shadow or canary has compared, and with what result."""
    trial = report_presentation.current_trial(release)
    if not trial or not trial["compared"]:
        return "nothing compared yet"
    wanted = f" of {trial['of']:,}" if trial["compared"] <= trial["of"] else ""
    so_far = f"{trial['compared']:,}{wanted} compared"
    if not trial["labelled"]:
        return f"{so_far}, none of them labelled yet"
    fixed, broken = trial["fixed"], trial["broken"]
    answers = f"{fixed:,} answer{'' if fixed == 1 else 's'}" if fixed else "no answer"
    by_outcomes = trial.get("by_outcomes")
    source = f", {by_outcomes:,} of it known by outcomes" if by_outcomes else ""
    return f"{so_far}, {answers} fixed, {f'{broken:,}' if broken else 'none'} broken{source}"


def _planned(release: Release) -> str:
    unjudged = ((release.gate or {}).get("unknown") or {}).get("n", 0)
    if not unjudged:
        return "is planned, and what it has to reach is fixed."
    answers = "answer" if unjudged == 1 else "answers"
    return (
        f"has {unjudged:,} {answers} that nobody has judged, so its gate cannot tell yet. "
        "Ask people to judge them, then run the gate again."
    )


def _gated(release: Release) -> str:
    refused = [
        sign_off
        for sign_off in release.sign_offs
        if sign_off.verdict == "refuse" and sign_off.counts
    ]
    if refused:
        people = " and ".join(
            f"{sign_off.person} ({named([sign_off.role])})" for sign_off in refused
        )
        return f"passed its gate, but {people} refused it."
    passed = f"passed its gate{_within_the_limit(release)}"
    if release.missing:
        return f"{passed}. {_before_it_decides(release)}"
    return f"{passed}, and everybody who has to agree did."


def _within_the_limit(release: Release) -> str:
    """That the wrong answers are worse than those of the live version, for whoever has to agree."""
    gate = release.gate or {}
    words = [
        report_presentation.standing(criterion, gate)
        for criterion in report_presentation.criteria(gate)
        if criterion["name"] == "errors"
    ]
    return ", worse within the limit in wrong answers" * ("worse within the limit" in words)


def _before_it_decides(release: Release) -> str:
    have = "has" if len(release.missing) == 1 else "have"
    return f"Before it decides anything, the {named(release.missing)} {have} to agree."


def _shadow(release: Release) -> str:
    progress = f"runs in shadow, without any effect; {trial_progress(release)}."
    return f"{progress} {_before_it_decides(release)}" if release.missing else progress


def _canary(release: Release) -> str:
    share = release.plan.get("canary_share", 0.0) * 100
    return f"is in canary: it decides {share:g} % of the tasks; {trial_progress(release)}."


def _ended(release: Release) -> str:
    by = f" by {release.ended_by}" if release.ended_by else ""
    why = (release.ended_why or "no reason was given").rstrip(".")
    return f"was {release.step.replace('_', ' ')}{by}: {why}."


def _failed(release: Release) -> str:
    failed = [
        report_presentation.criterion_label(criterion).lower()
        for criterion in report_presentation.criteria(release.gate)
        if not criterion["passed"]
    ]
    return f"failed its gate: {', '.join(failed) or 'see the report'}. It does not go live."


_SENTENCES: Mapping[str, Callable[[Release], str]] = {
    "planned": _planned,
    "gated": _gated,
    "failed": _failed,
    "shadow": _shadow,
    "canary": _canary,
    "live": lambda _: "is live: it decides every task.",
    "retired": lambda _: "was live; a later version took its place.",
    "rolled_back": _ended,
    "withdrawn": _ended,
}
