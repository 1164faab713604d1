"""What a proposal rests on, as every surface says it."""

from __future__ import annotations

from roadbed.improvement.model import Proposal
from roadbed.kernel.figures import counted, interval


def support(proposal: Proposal) -> str:
    """What a proposal rests on, in one sentence."""
    said = proposal.support
    cases, right = said["cases"], said["right"]
    if not cases:
        return "No case speaks for it or against it, so nothing is known of what it would do."
    if proposal.kind == "model":
        return f"{cases:,} of {counted(said['matched'], 'newer verdict')} were corrections."
    if proposal.kind == "prompt":
        return f"{right:,} of {cases:,} cases that it changes would be right."
    if said["low"] is None:
        return f"{right:,} of {cases:,} examples are close to one of those chosen."
    bounds = interval(said["low"], said["high"], cases)
    if (proposal.patch or {}).get("set", ...) is None:
        return f"{right:,} of {cases:,} answers here were corrected: {bounds}."
    broken = cases - said["wrong_now"]
    harm = f" {broken:,} that {'is' if broken == 1 else 'are'} right now would change."
    return f"{right:,} of {cases:,} changed answers would be right: {bounds}.{harm * bool(broken)}"
