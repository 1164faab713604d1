"""Risk-coverage curves, for display. Only the certificate is a proof."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from roadbed.risk import distributions
from roadbed.risk.losses import Floats, Losses, checked


@dataclass(frozen=True, kw_only=True, slots=True)
class CurvePoint:
    """Mean loss of items with confidence >= ``threshold``, with a two-sided interval.

    ``n`` items, ``errors`` with a loss above 0. The other figures are shares in [0, 1].
    """

    threshold: float
    coverage: float
    n: int
    errors: int
    risk: float
    lower: float
    upper: float


def share_interval(k: float, n: float, certainty: float) -> tuple[float, float]:
    """Clopper-Pearson interval of the share ``k`` of ``n``, two-sided at ``certainty``.

    ``k`` may be a sum of losses in [0, 1]. Their variance is at most that of binary losses with the
    same mean, so the interval tends to be conservative. ``n`` may be an effective number of items.
    For display only.
    """
    tail = (1.0 - certainty) / 2.0
    low = float(distributions.beta.ppf(tail, k, n - k + 1)) if k > 0 else 0.0
    high = float(distributions.beta.ppf(1.0 - tail, k + 1, n - k)) if k < n else 1.0
    return low, high


def most_within_chance(limit: float, n: int, certainty: float) -> int:
    """The most wrong of ``n`` answers that chance explains if the true share is ``limit``.

    The quantile of Binomial(n, limit) at ``certainty``: at the limit, more than this many are wrong
    with probability at most 1 - certainty. The level is that of the guarantee, one-sided, because
    both speak of the same claim: not more than the limit. It holds for one look at a sample of a
    fixed size; whoever looks again and again exceeds it more often, which is why the running audit
    uses another test. 0 for ``n`` = 0. For display only.
    """
    return int(distributions.binom.ppf(certainty, n, limit)) if n else 0


def risk_coverage(
    confidence: Floats,
    wrong: Losses,
    certainty: float,
    points: int = 60,
) -> tuple[CurvePoint, ...]:
    """At most ``points`` points, strict to loose. Arrays have shape (n,).

    ``wrong`` holds bools or losses in [0, 1]. Raises ``ValueError`` outside [0, 1].
    """
    loss = checked(wrong)
    answered = confidence > 0.0
    if not answered.any():
        return ()
    thresholds = np.unique(
        np.quantile(confidence[answered], np.linspace(0.0, 0.98, points), method="lower")
    )[::-1]
    return tuple(_point(confidence, loss, float(threshold), certainty) for threshold in thresholds)


def _point(confidence: Floats, loss: Losses, threshold: float, certainty: float) -> CurvePoint:
    covered = loss[confidence >= threshold]
    n, total = len(covered), float(covered.sum())
    low, high = share_interval(total, n, certainty)
    return CurvePoint(
        threshold=threshold,
        coverage=n / len(confidence),
        n=n,
        errors=int((covered > 0.0).sum()),
        risk=total / n,
        lower=low,
        upper=high,
    )
