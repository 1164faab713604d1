"""Paired difference in risk of two versions on the same items, with an interval.

Unlabelled items count as broken for the upper end and as fixed for the lower end. The interval is
therefore valid for any pattern of missing labels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from roadbed.risk import betting, distributions
from roadbed.risk.losses import Bools, Floats

_ROUNDS = 60  # bisection steps: below rounding error


@dataclass(frozen=True, kw_only=True, slots=True)
class PairedDifference:
    """Mean of L_new - L_old over ``n`` items; each end is a one-sided bound at ``certainty``.

    For binary losses: P(new wrong) - P(old wrong). The new loss is lower on ``fixed`` items, higher
    on ``broken`` ones and not known on ``waiting`` ones. ``estimate`` uses labelled items only.
    """

    n: int
    fixed: int
    broken: int
    estimate: float
    lower: float
    upper: float
    certainty: float
    waiting: int = 0


def difference(
    *, n: int, fixed: int, broken: int, certainty: float, waiting: int = 0
) -> PairedDifference:
    """Paired difference of binary losses with the score interval of Tango 1998 (Stat. Med. 17).

    ``n`` items were drawn. ``waiting`` counts unlabelled items with two different answers; with
    equal answers the difference is 0 without a label. The score interval keeps its level with few
    or no discordant items, where a Wald interval has no width.
    """
    z = float(distributions.norm.ppf(certainty))
    return PairedDifference(
        n=n,
        fixed=fixed,
        broken=broken,
        estimate=(broken - fixed) / (n - waiting) if n > waiting else 0.0,
        lower=-_end(n, broken=fixed + waiting, fixed=broken, z=z) if n else -1.0,
        upper=_end(n, broken=broken + waiting, fixed=fixed, z=z) if n else 1.0,
        certainty=certainty,
        waiting=waiting,
    )


def mean_difference(
    change: Floats, certainty: float, waiting: Bools | None = None
) -> PairedDifference:
    """Paired difference of losses in [0, 1] by betting, without distributional assumptions.

    ``change`` is L_new - L_old in [-1, 1], shape (n,), in the order drawn; its values are ignored
    where ``waiting``. Pass ``None`` only if labels can never be missing. Both bounds are
    time-uniform. Raises ``ValueError`` outside [-1, 1], for NaN and for different shapes.
    """
    known = np.ones(len(change), dtype=bool) if waiting is None else ~waiting
    moved = change[known]
    return PairedDifference(
        n=len(change),
        fixed=int((moved < 0.0).sum()),
        broken=int((moved > 0.0).sum()),
        estimate=float(moved.mean()) if len(moved) else 0.0,
        lower=1.0 - 2.0 * betting.upper((1.0 - change) / 2.0, 1.0 - certainty, waiting),
        upper=2.0 * betting.upper((1.0 + change) / 2.0, 1.0 - certainty, waiting) - 1.0,
        certainty=certainty,
        waiting=len(change) - len(moved),
    )


def smallest_sample(limit: float, certainty: float) -> int:
    """Number of items without a difference that show a difference of at most ``limit`` (> 0)."""
    z = float(distributions.norm.ppf(certainty))
    return math.ceil(z * z * (1.0 - limit) / limit)


def _end(n: int, *, broken: int, fixed: int, z: float) -> float:
    """Largest difference not rejected by the score test; the score is decreasing in it."""
    low, high = (broken - fixed) / n, 1.0
    for _ in range(_ROUNDS):
        middle = (low + high) / 2.0
        if _score(n, broken, fixed, middle) > -z:
            low = middle
        else:
            high = middle
    return high


def _score(n: int, broken: int, fixed: int, true: float) -> float:
    """Tango's score statistic at a true difference, with the constrained nuisance estimate."""
    b = -broken - fixed + (2.0 * n - broken + fixed) * true
    c = -fixed * true * (1.0 - true)
    share = (math.sqrt(max(b * b - 8.0 * n * c, 0.0)) - b) / (4.0 * n)
    variance = n * (2.0 * share + true * (1.0 - true))
    if variance <= 0.0:
        return 0.0
    return (broken - fixed - n * true) / math.sqrt(variance)
