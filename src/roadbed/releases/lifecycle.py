"""The lifecycle of a release: its steps, their order, and what each waits for. No I/O."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, cast

from roadbed.kernel.messages import gettext as _
from roadbed.kernel.messages import later
from roadbed.people import duties
from roadbed.people.duties import Parties
from roadbed.releases.rows import ReleasesRow, SignOffsRow
from roadbed.versions.model import SignOff, Step

Row = Mapping[str, Any]
MOVES: Mapping[Step, frozenset[Step]] = {
    "planned": frozenset({"gated", "failed", "withdrawn"}),
    "gated": frozenset({"gated", "failed", "shadow", "canary", "live", "withdrawn"}),
    "failed": frozenset(),
    "shadow": frozenset({"canary", "live", "rolled_back", "withdrawn"}),
    "canary": frozenset({"live", "rolled_back", "withdrawn"}),
    "live": frozenset({"retired", "rolled_back"}),
    "retired": frozenset({"live"}),  # when the release after it is rolled back
    "rolled_back": frozenset(),
    "withdrawn": frozenset(),
}
UNDER_WAY: tuple[Step, ...] = ("planned", "gated", "shadow", "canary")
TRIALS: tuple[Step, ...] = ("shadow", "canary")
# The stage of a use case that was never live, by the step of its release.
STAGES: Mapping[Step, str] = {
    "planned": "gate",
    "gated": "gate",
    "shadow": "shadow",
    "canary": "canary",
    "failed": "proof",
    "rolled_back": "proof",
    "withdrawn": "proof",
}


def follows(step: Step, wanted: Step, plan: Row) -> bool:
    """Whether ``wanted`` may follow ``step``. A step that the plan leaves out is skipped."""
    if wanted not in MOVES[step]:
        return False
    if wanted == "shadow":
        return bool(plan["shadow_tasks"])
    if wanted == "canary":
        return bool(plan["canary_tasks"]) and (step == "shadow" or not plan["shadow_tasks"])
    if wanted == "live" and step == "gated":
        return not plan["shadow_tasks"] and not plan["canary_tasks"]
    if wanted == "live" and step == "shadow":
        return not plan["canary_tasks"]
    return True


def after_gate(step: Step, report: Row) -> Step:
    """The step of a release after its gate.

    If the gate fails while some answers of the candidate are not judged, its result is open: the
    release stays planned, people judge these answers, and the gate runs again.
    """
    if report["passed"]:
        return "gated"
    return "planned" if step == "planned" and report["unknown"]["n"] else "failed"


def verb_after(step: Step, plan: Row) -> str | None:
    """The verb for the next step."""
    if step == "planned":
        return "gate"
    if step == "gated" and plan["shadow_tasks"]:
        return "shadow"
    if step in ("gated", "shadow") and plan["canary_tasks"]:
        return "canary"
    return "promote" if step in UNDER_WAY else None


def compared(step: Step, trial: Row | None) -> int:
    """How many tasks the trial at ``step`` has compared. Shadow and canary count separately."""
    return int(trial["compared"]) if trial and trial["step"] == step else 0


def undecided(step: Step, trial: Row | None) -> bool:
    """Whether a canary waits for labels of tasks on which the versions differ."""
    return bool(step == "canary" and trial and trial["step"] == step and trial.get("undecided"))


def short(step: Step, plan: Row, compared: int) -> bool:
    """Whether a trial needs more tasks."""
    return step in TRIALS and compared < plan[f"{step}_tasks"]


def ahead(
    step: Step, plan: Row, missing: Sequence[str], trial: Row | None
) -> tuple[str | None, str | None]:
    """The verb that comes next and what it waits for."""
    verb = verb_after(step, plan)
    if verb is None:
        return None, None
    if short(step, plan, compared(step, trial)):
        return verb, "traffic"
    if undecided(step, trial):
        return verb, "labels"
    if missing and verb in ("canary", "promote"):
        return "sign", missing[0]
    return verb, None


def waits(step: Step, plan: Row, missing: Sequence[str], trial: Row | None) -> frozenset[str]:
    """What a release waits for now: roles, traffic, labels."""
    names = set(missing) if step in UNDER_WAY and step != "planned" else set()
    if short(step, plan, compared(step, trial)):
        names.add("traffic")
    elif undecided(step, trial):
        names.add("labels")
    return frozenset(names)


def content_of(
    *, behaviour: str, threshold: float | None, certificate: str | None, plan: Row, gate: Row
) -> str:
    """The hash that a sign-off is bound to: of behaviour, proof, plan and gate report."""
    exact = {
        "behaviour": behaviour,
        "threshold": threshold,
        "certificate": certificate,
        "plan": plan,
        "gate": gate,
    }
    text = json.dumps(exact, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def sign_off(
    row: SignOffsRow, *, release: ReleasesRow, roles: Mapping[str, frozenset[str]], now: datetime
) -> SignOff:
    """A sign-off with whether it counts at ``now``. ``roles`` are those that each person holds."""
    why_not = None
    if row["withdrawn_at"] is not None:
        why_not = later("withdrawn")
    elif row["content"] != release["content"]:
        why_not = later("given for other content")
    elif row["expires_at"] <= now:
        why_not = later("expired")
    elif duties.bar(row["person"], Parties(authors=release["authors"])) is not None:
        why_not = later("by an author")
    elif row["role"] not in roles.get(row["person"], frozenset()):
        why_not = _("%(person)s is no longer %(role)s") % {
            "person": row["person"],
            "role": _(row["role"].replace("_", " ")),
        }
    return SignOff(
        id=row["id"],
        role=row["role"],
        person=row["person"],
        verdict=cast("Literal['approve', 'refuse']", row["verdict"]),
        content=row["content"],
        note=row["note"],
        given_at=row["given_at"],
        expires_at=row["expires_at"],
        withdrawn_at=row["withdrawn_at"],
        counts=why_not is None,
        why_not=why_not,
    )


def missing_roles(required: Sequence[str], given: Sequence[SignOff]) -> list[str]:
    """The roles whose approval is still needed. Each role needs another person."""
    people: set[str] = set()
    missing = []
    for role in required:
        person = next(
            (
                sign_off.person
                for sign_off in given
                if sign_off.counts
                and sign_off.verdict == "approve"
                and sign_off.role == role
                and sign_off.person not in people
            ),
            None,
        )
        if person is None:
            missing.append(role)
        else:
            people.add(person)
    return missing


def refused(given: Sequence[SignOff]) -> SignOff | None:
    """A refusal that counts. It blocks the release until it is withdrawn."""
    return next(
        (sign_off for sign_off in given if sign_off.counts and sign_off.verdict == "refuse"), None
    )
