"""Labels that come in any order: what may be concluded while some are missing.

Reviewers may label easy items first. The labelled items are then no random sample any more, and
leaving out those that wait makes a proof too optimistic. Two readings stay valid whoever chose what
waits, and by whatever rule:

- All drawn items, those that wait counted as wrong. The losses can only be too high.
- The first items in the order drawn, up to a place that was fixed in advance. ``CUTS`` fixes such
  places as shares of the number drawn, which no reviewer chooses. The place of the oldest waiting
  item itself is chosen by the reviewers, so an exact test must not stop there.

``certify`` tests every cut, waiting items counted as wrong, and takes the best. The exact test pays
for this choice (``fewest``). A betting test pays nothing, since it may stop anywhere.
"""

from __future__ import annotations

import numpy as np

from roadbed.risk import distributions
from roadbed.risk.losses import Bools, Counts, Floats

CUTS = (0.5, 0.65, 0.8, 0.9, 0.95, 0.98, 1.0)
# How much of a p-value each cut may have: most labels are there when somebody looks.
_WEIGHTS = (0.25, 0.25, 0.5, 0.5, 1.0, 1.0, 1.0)
_WINDOW = 64  # counts below the critical one that are summed; further ones only make p larger
_TIE = 1.0 + 1e-9


def places(items: int, waiting: Bools | None) -> Counts:
    """How many of the first ``items`` count at each cut; all of them if nothing can wait."""
    if waiting is None:
        return np.array([items])
    return np.floor(items * np.array(CUTS) + 1e-9).astype(np.int64)


def fewest(items: Counts, wrong: Counts, limits: Floats) -> Floats:
    """P-values, shape (g,), of the smallest weighted binomial tail over the cuts.

    ``items`` and ``wrong`` have shape (cuts, g) and grow along the first axis; ``limits`` (g,). The
    chance that any cut is as extreme as the best one is bounded by Hunter 1976 (Journal of Applied
    Probability 13): the sum of the tails less the overlap of each cut with the next. The bound
    grows with each loss, so that a waiting item may be counted as wrong.
    """
    weights = np.array(_WEIGHTS)[:, None]
    smallest = (distributions.binom.cdf(wrong, items, limits) / weights).min(axis=0)
    level = np.minimum(smallest * weights, 1.0)
    critical = distributions.binom.ppf(level, items, limits)
    too_many = distributions.binom.cdf(critical, items, limits) > level * _TIE
    critical = np.where(too_many, critical - 1.0, critical)
    tails = distributions.binom.cdf(critical, items, limits)
    earlier = critical[:-1, :, None] - np.arange(_WINDOW)
    share = limits[None, :, None]
    overlap = distributions.binom.pmf(earlier, items[:-1, :, None], share)
    added = np.diff(items, axis=0)[:, :, None]
    overlap = overlap * distributions.binom.cdf(critical[1:, :, None] - earlier, added, share)
    union = tails[-1] + np.maximum(tails[:-1] - overlap.sum(axis=2), 0.0).sum(axis=0)
    p: Floats = np.where(limits > 0.0, np.clip(union, smallest * _WEIGHTS[-1], 1.0), 1.0)
    return p
