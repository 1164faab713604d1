"""Risk against coverage, for people to look at. Not a proof: the certificate is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from roadbed.risk import distributions


@dataclass(frozen=True, kw_only=True, slots=True)
class CurvePoint:
    """Error among items with confidence >= ``threshold``: shares in [0, 1], interval two-sided."""

    threshold: float
    coverage: float
    n: int
    errors: int
    risk: float
    lower: float
    upper: float


def share_interval(k: int, n: int, certainty: float) -> tuple[float, float]:
    """Clopper-Pearson interval of a share, ``k`` of ``n``, two-sided at ``certainty``."""
    tail = (1.0 - certainty) / 2.0
    low = float(distributions.beta.ppf(tail, k, n - k + 1)) if k > 0 else 0.0
    high = float(distributions.beta.ppf(1.0 - tail, k + 1, n - k)) if k < n else 1.0
    return low, high


def risk_coverage(
    confidence: npt.NDArray[np.float64],
    wrong: npt.NDArray[np.bool_],
    certainty: float,
    points: int = 60,
) -> tuple[CurvePoint, ...]:
    """At most ``points`` points from strict to loose, of arrays of shape (n,)."""
    answered = confidence > 0.0
    if not answered.any():
        return ()
    thresholds = np.unique(
        np.quantile(confidence[answered], np.linspace(0.0, 0.98, points), method="lower")
    )[::-1]
    return tuple(_point(confidence, wrong, float(each), certainty) for each in thresholds)


def _point(
    confidence: npt.NDArray[np.float64],
    wrong: npt.NDArray[np.bool_],
    threshold: float,
    certainty: float,
) -> CurvePoint:
    covered = confidence >= threshold
    n, errors = int(covered.sum()), int(wrong[covered].sum())
    low, high = share_interval(errors, n, certainty)
    return CurvePoint(
        threshold=threshold,
        coverage=n / len(confidence),
        n=n,
        errors=errors,
        risk=errors / n,
        lower=low,
        upper=high,
    )
