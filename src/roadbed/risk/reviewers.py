"""Reviewers err too: how far their errors shrink the limit that must be proven."""

from __future__ import annotations

from roadbed.risk import distributions

SHARE_OF_DELTA = 0.2
ENOUGH_CASES = 60
_MANY_MISSES = 2


def counts(*, misses: int, cases: int) -> bool:
    """Whether the measurement enters the certificate.

    With few cases the bound says little about reviewers and would close everything; until there are
    enough, labels are taken as right and the page says so. Misses count from the second on.
    """
    return cases >= ENOUGH_CASES or misses >= _MANY_MISSES


def miss_rate_bound(misses: int, cases: int, delta: float) -> float:
    """Upper Clopper-Pearson bound, at 1 - delta, on the share of known-wrong cases let pass."""
    return (
        float(distributions.beta.ppf(1.0 - delta, misses + 1, cases - misses))
        if misses < cases
        else 1.0
    )


def corrected(
    risk_limit: float, delta: float, *, misses: int, cases: int
) -> tuple[float, float, float]:
    """What must be shown of the labels so that the truth keeps ``risk_limit`` with 1 - ``delta``.

    A reviewer who misses a share a of errors shows a risk of at least r (1 - a), so the labels must
    keep alpha (1 - a_U). Gives that limit, the delta left for it, and a_U; a fifth of delta pays
    for a_U. Without a single known-wrong case a_U is 1 and nothing can be shown.
    """
    bound = miss_rate_bound(misses, cases, SHARE_OF_DELTA * delta)
    return risk_limit * (1.0 - bound), (1.0 - SHARE_OF_DELTA) * delta, bound
