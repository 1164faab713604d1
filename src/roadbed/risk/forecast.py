"""How long until something can be automatic: said on the first day, also when the answer is never.

Source: error exponents of the binomial test; ln(1/delta) / KL(r || alpha) labels give about an even
chance to prove a true error of r.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from roadbed.risk.curve import CurvePoint

_PESSIMISM = 1.2


@dataclass(frozen=True, kw_only=True, slots=True)
class Forecast:
    """Reference labels above a threshold: ``needed`` in all, ``there`` already.

    ``coverage`` is the share of traffic above it. ``days`` is ``None`` when no threshold can be
    reached with this version, or nothing arrives.
    """

    needed: int | None
    there: int
    coverage: float
    days: float | None


def labels_needed(risk: float, risk_limit: float, delta: float) -> int | None:
    """Reference items above a threshold for about 50 % power at true error ``risk``."""
    if risk >= risk_limit:
        return None
    return math.ceil(math.log(1.0 / delta) / _divergence(risk, risk_limit) - 1e-9)


def opens_in(
    curve: Sequence[CurvePoint],
    *,
    risk_limit: float,
    delta: float,
    tasks_per_day: float,
    rate: float,
) -> Forecast:
    """The soonest opening over all thresholds, drawing ``rate`` of ``tasks_per_day``.

    ``delta`` is that of one test. Without a curve it assumes an error of half the limit over half
    of the traffic. The observed error counts a fifth worse than it looks.
    """
    options = [(point.risk * _PESSIMISM, point.coverage, point.n, point.errors) for point in curve]
    best = Forecast(needed=None, there=0, coverage=0.0, days=None)
    for risk, coverage, there, errors in options or [(risk_limit / 2.0, 0.5, 0, 0)]:
        # A threshold with no error yet is not free of errors; one in its number is granted.
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
