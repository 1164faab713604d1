"""Forecast of the labels and days until a first certificate.

Source: error exponent of the binomial test: ln(1/delta) / KL(r || alpha) labels give a power of
about 50 % at true error r.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from roadbed.risk.curve import CurvePoint

_PESSIMISM = 1.2


@dataclass(frozen=True, kw_only=True, slots=True)
class Forecast:
    """Reference labels above a threshold: ``needed`` in total, ``there`` now.

    ``coverage`` is the share of traffic above the threshold. ``days`` is ``None`` if this version
    cannot be certified at any threshold, or without traffic.
    """

    needed: int | None
    there: int
    coverage: float
    days: float | None


def labels_needed(risk: float, risk_limit: float, delta: float) -> int | None:
    """Items above a threshold for a power of about 50 % at true error ``risk``."""
    if risk >= risk_limit:
        return None
    return math.ceil(math.log(1.0 / delta) / _divergence(risk, risk_limit) - 1e-9)


def forecast_opening(
    curve: Sequence[CurvePoint],
    *,
    risk_limit: float,
    delta: float,
    tasks_per_day: float,
    rate: float,
) -> Forecast:
    """Forecast the earliest certificate over all thresholds.

    A share ``rate`` of ``tasks_per_day`` is drawn. ``delta`` is the level of one test. Without a
    curve, the error is assumed to be half the limit at a coverage of 50 %. Observed errors are
    multiplied by 1.2.
    """
    options = [(point.risk * _PESSIMISM, point.coverage, point.n, point.errors) for point in curve]
    best = Forecast(needed=None, there=0, coverage=0.0, days=None)
    for risk, coverage, there, errors in options or [(risk_limit / 2.0, 0.5, 0, 0)]:
        # No observed error does not mean a true error of 0: assume one error in n + 1.
        grounded = max(risk, 1.0 / (there + 1.0) if options and errors == 0 and there < 50 else 0.0)
        needed = labels_needed(grounded, risk_limit, delta)
        daily = tasks_per_day * rate * coverage
        if needed is None or daily <= 0.0:
            continue
        days = max(needed - there, 0) / daily
        if best.days is None or days < best.days:
            best = Forecast(needed=needed, there=there, coverage=coverage, days=days)
    return best


def _divergence(risk: float, limit: float) -> float:
    """Kullback-Leibler divergence of Bernoulli(risk) from Bernoulli(limit), in nats."""
    head = risk * math.log(risk / limit) if risk > 0.0 else 0.0
    return head + (1.0 - risk) * math.log((1.0 - risk) / (1.0 - limit))
