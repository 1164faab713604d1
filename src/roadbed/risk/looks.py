"""Repeated looks at one unchanged version on a growing sample must be paid for."""

from __future__ import annotations


def spend(delta: float, look: int, *, planned: int | None) -> float:
    """The part of ``delta`` that look number ``look`` (from 1) may spend.

    With ``planned`` looks each takes its share; without a plan look k takes delta / (k (k + 1)),
    which sums to ``delta`` over any number of looks (union bound). Raises ``ValueError`` for a look
    beyond the plan.
    """
    if look < 1 or (planned is not None and look > planned):
        raise ValueError(f"look {look} of {planned} is not planned")
    return delta / planned if planned is not None else delta / (look * (look + 1))
