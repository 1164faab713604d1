"""What a look or a ladder comes to, in plain words."""

from __future__ import annotations

from collections.abc import Sequence

from roadbed.risk import novelty
from roadbed.risk.promise import Proof
from roadbed.usecases.rollout import Rollout


def named(roles: Sequence[str], last: str = "and") -> str:
    """Roles in words: ``domain lead and risk partner``."""
    words = [each.replace("_", " ") for each in roles]
    return f" {last} ".join(filter(None, [", ".join(words[:-1]), words[-1]])) if words else "nobody"


def proposes_only(note: str, use_case: str, rollout: Rollout) -> str:
    """What is to be said of a proof of concept."""
    return (
        f"{note} It proposes only: `roadbed release plan {use_case}` puts it before the "
        f"{named(rollout.sign_offs)}, who let it decide by itself."
    )


def sentence(proof: Proof, risk_limit: float) -> str:
    """What a look showed, in plain words."""
    found = proof.certificate
    if found.threshold is None:
        return f"Nothing can be automatic yet: {found.why_not}"
    if proof.bridged:
        return (
            f"Cautious from cautious confidence {found.threshold:.3f} on: if at most "
            f"{novelty.LATER * 100:g} % of the work is new, at most {risk_limit * 100:.3g} % "
            "should be wrong. That is an assumption, not a proof."
        )
    return (
        f"Proven from confidence {found.threshold:.3f} on, where {found.covered} of "
        f"{found.items} reference items lie, {found.errors} of them wrong."
    )
