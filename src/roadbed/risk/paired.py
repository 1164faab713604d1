"""Two versions on the same items: how much worse the new one is, with an interval.

Items that still wait for a label are counted against each end: as broken for the upper end, as
fixed for the lower one. So the interval holds its level whichever labels come first.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from roadbed.risk import betting, distributions
from roadbed.risk.losses import Bools, Floats

_ROUNDS = 60  # halvings: far below any rounding


@dataclass(frozen=True, kw_only=True, slots=True)
class PairedDifference:
    """Mean of L_new - L_old over all ``n`` items; each end holds with ``certainty``.

    Of wrong and right answers that is P(new wrong) - P(old wrong). ``fixed`` are items on which the
    new version's loss is lower, ``broken`` those on which it is higher, ``waiting`` those of which
    it is not known yet. ``estimate`` is about the items that do not wait.
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
    """The paired difference with the score interval of Tango 1998 (Statistics in Medicine 17).

    ``n`` items were drawn. ``waiting`` of them have no label and two different answers; where both
    answers are the same, the difference is 0 without any label. Only items on which the two differ
    carry news; the score method stays near its level where there are few of them, or none, at which
    a normal interval would have no width at all.
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
    """The paired difference of losses in [0, 1], by betting: no assumption about their shape.

    ``change`` is L_new - L_old, in [-1, 1], shape (n,), in the order drawn; it is not read where
    ``waiting``. ``None`` says that no label can be missing. Each end holds at all times together,
    so one may look again. Raises ``ValueError`` outside [-1, 1], for NaN and for different shapes.
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
    """Items without any difference that are needed to show that it is at most ``limit`` (> 0)."""
    z = float(distributions.norm.ppf(certainty))
    return math.ceil(z * z * (1.0 - limit) / limit)


def _end(n: int, *, broken: int, fixed: int, z: float) -> float:
    """The largest difference that the counts do not reject; the score falls as it grows."""
    low, high = (broken - fixed) / n, 1.0
    for _ in range(_ROUNDS):
        middle = (low + high) / 2.0
        if _score(n, broken, fixed, middle) > -z:
            low = middle
        else:
            high = middle
    return high


def _score(n: int, broken: int, fixed: int, true: float) -> float:
    """Tango's score for a true difference; its nuisance share is the constrained estimate."""
    b = -broken - fixed + (2.0 * n - broken + fixed) * true
    c = -fixed * true * (1.0 - true)
    share = (math.sqrt(max(b * b - 8.0 * n * c, 0.0)) - b) / (4.0 * n)
    variance = n * (2.0 * share + true * (1.0 - true))
    if variance <= 0.0:
        return 0.0
    return (broken - fixed - n * true) / math.sqrt(variance)
