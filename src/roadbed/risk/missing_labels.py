"""Missing labels: valid tests while some drawn items have no label yet.

Reviewers may label easy items first. Labels are then not missing at random, and leaving unlabelled
items out biases the estimated risk downwards. Two analyses are valid for any pattern:

- All drawn items, with unlabelled ones counted as wrong. This can only overestimate the risk.
- The first items in the order drawn, up to a cut fixed in advance. ``CUTS`` fixes cuts as shares of
  the number drawn, which does not depend on reviewers. The position of the oldest unlabelled item
  does depend on them, so an exact test must not stop there.

``certify`` tests every cut, with unlabelled items counted as wrong, and takes the best. The exact
test corrects for this choice (``union_p_values``). A betting test is anytime-valid and needs no
correction.
"""

from __future__ import annotations

import numpy as np

from roadbed.risk import distributions
from roadbed.risk.losses import Bools, Counts, Floats

CUTS = (0.5, 0.65, 0.8, 0.9, 0.95, 0.98, 1.0)
# Weights of the cuts in the combined p-value: usually most labels are present.
_WEIGHTS = (0.25, 0.25, 0.5, 0.5, 1.0, 1.0, 1.0)
_WINDOW = 64  # terms of the overlap sum; truncation makes p larger
_TIE = 1.0 + 1e-9


def cut_sizes(items: int, waiting: Bools | None) -> Counts:
    """Number of first items at each cut; all ``items`` if labels can never be missing."""
    if waiting is None:
        return np.array([items])
    return np.floor(items * np.array(CUTS) + 1e-9).astype(np.int64)


def union_p_values(items: Counts, wrong: Counts, limits: Floats) -> Floats:
    """P-values, shape (g,), of the smallest weighted binomial tail over the cuts.

    ``items`` and ``wrong`` have shape (cuts, g) and increase along the first axis; ``limits`` has
    shape (g,). The probability that any cut is as extreme as the best one is bounded by Hunter 1976
    (J. Appl. Probab. 13): sum of the tails minus the overlap of each cut with the next. The bound
    increases with each loss, so unlabelled items may count as wrong.
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
