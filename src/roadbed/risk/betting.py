"""Betting tests: anytime-valid tests and bounds for the mean of losses in [0, 1].

Waudby-Smith & Ramdas 2024 (Estimating means of bounded random variables by betting, JRSS B 86).
To test H: mean >= m, the wealth is multiplied by 1 + ν (m - L) per loss, 0 <= ν <= 1 / (1 - m).
Under H the wealth is a supermartingale, so P(it ever reaches 1/δ) <= δ (Ville's inequality).

The wealth is the mean over a fixed set of bets (their diversified strategy). In simulations it had
more power than plug-in bets for true errors from half of the limit on, at limits of 2, 10 and
30 %. It is decreasing in each loss for every order, so counting a missing label as wrong keeps the
test valid under any pattern of missing labels.
"""

from __future__ import annotations

import numpy as np
from scipy.special import logsumexp

from roadbed.risk.losses import Bools, Counts, Floats, Losses, as_wrong, checked
from roadbed.risk.missing_labels import cut_sizes

BETS = (1.0, 0.75, 0.5, 0.25)  # shares of the largest stake at which wealth stays non-negative
_FINE = (1.0, 0.5, 0.25, 0.125, 0.0625, 0.03125)  # for bounds, which need small stakes
_ROUNDS = 20  # bisection steps: precision of 1e-6
_EDGE = 1e-12


def p_values(
    confidence: Floats, loss: Losses, grid: Floats, limits: Floats, cuts: Counts
) -> Floats:
    """P-values, shape (cuts, g), for the mean loss above each threshold of ``grid``, shape (g,).

    ``confidence`` and ``loss`` have shape (n,), in the order drawn. Row i uses the first
    ``cuts[i]`` items. H: mean loss >= ``limits``, shape (g,). The p-values are anytime-valid
    (reciprocal wealth), so the minimum over rows is a p-value too.
    """
    gains: dict[float, Floats] = {}
    sums = np.zeros((len(BETS), len(cuts), len(grid)))
    for column, (threshold, limit) in enumerate(zip(grid.tolist(), limits.tolist(), strict=True)):
        if limit <= 0.0:
            continue
        if limit not in gains:
            gains[limit] = _gains(loss, limit, BETS)
        above = np.flatnonzero(confidence >= threshold)
        sums[:, :, column] = _sums(gains[limit][:, above], np.searchsorted(above, cuts))
    p: Floats = np.exp(-np.maximum(_log_mean(sums), 0.0))
    return p


def upper(loss: Losses, delta: float, waiting: Bools | None = None) -> float:
    """Time-uniform upper bound of the mean loss at level 1 - ``delta``; 1 without items.

    ``loss`` has shape (n,), in the order drawn. Items in ``waiting`` count as wrong; the tightest
    bound over the cuts is used. Raises ``ValueError`` as ``as_wrong``.
    """
    losses = np.asarray(as_wrong(loss, waiting), dtype=np.float64)
    cuts = cut_sizes(len(losses), waiting)
    low, high = 0.0, 1.0
    for _ in range(_ROUNDS):
        middle = (low + high) / 2.0
        wealth = _log_mean(_sums(_gains(losses, middle, _FINE), cuts))
        if wealth.max() >= -np.log(delta):
            high = middle
        else:
            low = middle
    return high


def _gains(loss: Losses, limit: float, bets: tuple[float, ...]) -> Floats:
    """Log factors of each bet and loss, shape (bets, n)."""
    largest = 1.0 / max(1.0 - limit, _EDGE)
    stakes = np.array(bets)[:, None] * largest
    with np.errstate(divide="ignore"):
        gains: Floats = np.log(np.maximum(1.0 + stakes * (limit - checked(loss)), 0.0))
    return gains


def _sums(gains: Floats, counts: Counts) -> Floats:
    """Log wealth of each bet after the first ``counts`` items, shape (bets, counts)."""
    sums = np.concatenate([np.zeros((len(gains), 1)), np.cumsum(gains, axis=1)], axis=1)
    chosen: Floats = sums[:, counts]
    return chosen


def _log_mean(sums: Floats) -> Floats:
    """Log of the mean wealth over all bets."""
    mean: Floats = logsumexp(sums, axis=0) - np.log(len(sums))
    return mean
