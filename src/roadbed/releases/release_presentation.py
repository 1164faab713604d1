"""A release in sentences: what goes on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from roadbed.people.model import named
from roadbed.releases import gate_presentation, trial_presentation
from roadbed.versions.model import Release


def name(release: Release) -> str:
    """What people call it."""
    if release.version_number is None:
        return f"Release {release.number}"
    return f"Version {release.version_number}"


def sentence(release: Release) -> str:
    """What is going on."""
    return f"{name(release)} {_TOLD[release.step](release)}"


def compared(release: Release) -> str:
    """How far shadow or canary got, in words; empty before the first comparison."""
    trial = trial_presentation.newest(release)
    if not trial or not trial["compared"]:
        return "nothing compared yet"
    wanted = f" of {trial['of']:,}" if trial["compared"] <= trial["of"] else ""
    so_far = f"{trial['compared']:,}{wanted} compared"
    if not trial["labelled"]:
        return f"{so_far}, none of them labelled yet"
    fixed, broken = trial["fixed"], trial["broken"]
    answers = f"{fixed:,} answer{'' if fixed == 1 else 's'}" if fixed else "no answer"
    told = f", {by:,} of it known by outcomes" if (by := trial.get("by_outcomes")) else ""
    return f"{so_far}, {answers} fixed, {f'{broken:,}' if broken else 'none'} broken{told}"


def _planned(release: Release) -> str:
    open_ = ((release.gate or {}).get("unknown") or {}).get("n", 0)
    if not open_:
        return "is planned, and what it has to reach is fixed."
    answers = "answer" if open_ == 1 else "answers"
    return (
        f"has {open_:,} {answers} that nobody has judged, so its gate cannot tell yet. "
        "Ask people to judge them, then run the gate again."
    )


def _gated(release: Release) -> str:
    refused = [off for off in release.sign_offs if off.verdict == "refuse" and off.counts]
    if refused:
        people = " and ".join(f"{item.person} ({named([item.role])})" for item in refused)
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
    found = gate_presentation.criteria(release.gate)
    wrong = [gate_presentation.label(item).lower() for item in found if not item["passed"]]
    return f"failed its gate: {', '.join(wrong) or 'see the report'}. It stays off the road."


_TOLD: Mapping[str, Any] = {
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
