"""Two versions on the same items: how much more often the new one is wrong, with an interval."""

from __future__ import annotations

import math
from dataclasses import dataclass

from roadbed.risk import distributions

_ROUNDS = 60  # halvings: far below any rounding


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """P(new wrong) - P(old wrong) as shares of all ``n`` items; each end holds with ``certainty``.

    ``fixed`` are items that only the old version had wrong, ``broken`` those only the new one has.
    """

    n: int
    fixed: int
    broken: int
    estimate: float
    lower: float
    upper: float
    certainty: float


def difference(*, n: int, fixed: int, broken: int, certainty: float) -> Difference:
    """The paired difference with the score interval of Tango 1998 (Statistics in Medicine 17).

    Only items on which the two differ carry news; the score method stays near its level where
    there are few of them, or none, at which a normal interval would have no width at all.
    """
    z = float(distributions.norm.ppf(certainty))
    return Difference(
        n=n,
        fixed=fixed,
        broken=broken,
        estimate=(broken - fixed) / n if n else 0.0,
        lower=-_end(n, broken=fixed, fixed=broken, z=z) if n else -1.0,
        upper=_end(n, broken=broken, fixed=fixed, z=z) if n else 1.0,
        certainty=certainty,
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
