"""What a release waits for, and what is asked of whom."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from roadbed.people import duties
from roadbed.people.duties import Parties
from roadbed.people.model import named
from roadbed.releases.lifecycle import UNDER_WAY
from roadbed.versions.model import Release

_TRAFFIC = {
    "traffic": "for more tasks",
    "labels": "for somebody to review the tasks on which the two differ",
}


# Verb of the service: the button, and what it does.
VERBS = {
    "gate": ("Run the gate", "It and the live version answer what it never saw."),
    "shadow": ("Begin shadow", "It answers beside the live version, without any effect."),
    "canary": ("Begin canary", "It decides a share of the tasks; worse, and it is rolled back."),
    "promote": ("Promote", "It decides every task from now on."),
}


def waiting(release: Release) -> list[tuple[str, datetime]]:
    """What it waits for at this moment, and since when: people, traffic."""
    found = []
    if release.waits_for in _TRAFFIC:
        since = release.canary_at or release.shadow_at or release.planned_at
        found.append((_TRAFFIC[release.waits_for], since))
    if release.missing and release.gated_at and release.step in UNDER_WAY:
        found.append((f"for the {named(release.missing)}", release.gated_at))
    return found


def may_sign(release: Release, roles: Collection[str], person: str) -> tuple[list[str], str]:
    """The roles in which ``person`` may give a word now, or why there is none."""
    if release.step not in UNDER_WAY or not release.content or not release.missing:
        return [], ""
    mine = [item for item in release.missing if item in roles]
    if duties.bar(person, Parties(authors=release.authors)) is not None:
        return [], "You made this release or a part of it, so others have to agree to it."
    if any(off.person == person and off.counts for off in release.sign_offs):
        return [], "You gave your word; the other roles are for other people."
    if not mine:
        return [], f"You are not the {named(release.missing, 'or')}, so your word is not asked for."
    return mine, ""


def silent(release: Release) -> list[str]:
    """The roles of which nobody has said anything that counts, neither yes nor no."""
    said = {off.role for off in release.sign_offs if off.counts}
    return [item for item in release.missing if item not in said]


def asked(release: Release, roles: Sequence[str]) -> str:
    """What is asked of a reader who may sign in ``roles``."""
    if roles:
        return f"Your word is asked for, as {named(roles, 'or')}."
    if release.step in UNDER_WAY and release.waits_for is None and release.next in VERBS:
        return f"Next: {VERBS[release.next][0].lower()}."
    return "Nothing is asked of you."
