"""Reviewer errors: the correction of the risk limit for errors that reviewers miss."""

from __future__ import annotations

from roadbed.risk import distributions

SHARE_OF_DELTA = 0.2
ENOUGH_CASES = 60
_MANY_MISSES = 2


def counts(*, misses: int, cases: int) -> bool:
    """Whether the measured miss rate enters the certificate.

    With few cases the bound is too wide to certify anything. Until there are ``ENOUGH_CASES`` cases
    or two misses, labels are taken as right, and the page says so.
    """
    return cases >= ENOUGH_CASES or misses >= _MANY_MISSES


def miss_rate_bound(misses: int, cases: int, delta: float) -> float:
    """Upper Clopper-Pearson bound at 1 - delta of the share of known errors that were missed."""
    return (
        float(distributions.beta.ppf(1.0 - delta, misses + 1, cases - misses))
        if misses < cases
        else 1.0
    )


def corrected(
    risk_limit: float, delta: float, *, misses: int, cases: int
) -> tuple[float, float, float]:
    """Limit for the labelled risk so that the true risk keeps ``risk_limit`` at 1 - ``delta``.

    If reviewers miss a share a of errors, a true risk r appears as at least r (1 - a), so the
    labelled risk must be below alpha (1 - a_U). Returns that limit, the remaining delta, and a_U; a
    fifth of delta is used for a_U. Without cases a_U is 1, and nothing can be proven.
    """
    bound = miss_rate_bound(misses, cases, SHARE_OF_DELTA * delta)
    return risk_limit * (1.0 - bound), (1.0 - SHARE_OF_DELTA) * delta, bound
