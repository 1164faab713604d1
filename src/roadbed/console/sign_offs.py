"""Who has to agree to a release, who did, and what the reader may say."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from roadbed.people.model import named
from roadbed.releases import presentation
from roadbed.releases.lifecycle import UNDER_WAY
from roadbed.versions.model import Release, SignOff


def signing(
    release: Release, pod: Mapping[str, str], roles: Collection[str], person: str
) -> dict[str, Any]:
    """Who has to agree, who did, and what the reader, who has ``roles``, may say."""
    mine, cannot = presentation.may_sign(release, roles, person)
    given = [off for off in release.sign_offs if off.withdrawn_at is None]
    return {
        "signs": [
            *(_signed(item) for item in release.sign_offs),
            *(_nobody(role, pod.get(role)) for role in presentation.unanswered_roles(release)),
        ],
        "my_roles": mine,
        "cannot": cannot,
        "my_word": release.step in UNDER_WAY and any(entry.person == person for entry in given),
    }


def _signed(each: SignOff) -> dict[str, Any]:
    word = "approved" if each.verdict == "approve" else "refused"
    sign = "✓" if word == "approved" else "×"
    told = f"{each.person} {word}"
    if not each.counts:
        sign, told = "–", f"{told}, which does not count: {each.why_not}"
    until = each.expires_at if each.counts else None
    return {
        "role": named([each.role]),
        "sign": sign,
        "word": told,
        "at": each.given_at,
        "until": until,
        "note": each.note,
    }


def _nobody(role: str, person: str | None) -> dict[str, Any]:
    word = f"nobody yet; {person} can" if person else "nobody yet"
    nothing = {"at": None, "until": None, "note": None}
    return {"role": named([role]), "sign": "○", "word": word, **nothing}
