"""What a certificate says, in plain words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from roadbed.people.model import named
from roadbed.risk import novelty
from roadbed.risk.automation_state import Proof
from roadbed.usecases.rollout import Rollout


def proposes_only(note: str, use_case: str, rollout: Rollout) -> str:
    """What is to be said of a proof of concept."""
    return (
        f"{note} It proposes only: `roadbed release plan {use_case}` puts it before the "
        f"{named(rollout.sign_offs)}, who let it decide by itself."
    )


def sentence(proof: Proof, stored: Mapping[str, Any], risk_limit: float) -> str:
    """What a look showed, in plain words. ``stored`` is its certificate as it is kept."""
    found = proof.certificate
    if found.threshold is None:
        return f"Nothing can be automatic yet: {found.why_not}"
    if proof.bridged:
        return (
            f"Cautious from cautious confidence {found.threshold:.3f} on: if at most "
            f"{novelty.LATER * 100:g} % of the work is new, at most {risk_limit * 100:.3g} % "
            "should be wrong. That is an assumption, not a proof."
        )
    return f"Proven from confidence {found.threshold:.3f} on: {above(stored)}."


def above(certificate: Mapping[str, Any]) -> str:
    """What lies above a proven threshold: of how many, and how many wait for a label.

    ``certificate`` is a stored one with its ``detail``; what older ones do not say is left out.
    """
    detail, items = certificate["detail"], certificate["items"]
    counted = detail.get("counted", items)
    of = f"{items:,}" if counted == items else f"the first {counted:,} of {items:,}"
    late, waiting = detail.get("late", 0), detail.get("waiting", 0)
    wrong = f"{certificate['errors']:,} wrong"
    if late:
        wrong += f" ({late:,} for want of a label)"
    waits = f"; {waiting:,} of the sample wait{'s' if waiting == 1 else ''} for a label"
    return f"{certificate['covered']:,} of {of} reference items, {wrong}{waits if waiting else ''}"
