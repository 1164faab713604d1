"""Betting on the mean of losses in [0, 1]: a test and a bound that hold at every moment.

Waudby-Smith & Ramdas 2024 (Estimating means of bounded random variables by betting, JRSS B 86).
Against the hypothesis that the mean is at least m a bettor stakes ν: wealth is multiplied by
1 + ν (m - L), 0 ≤ ν ≤ 1 / (1 - m). Under the hypothesis wealth grows on no average, so that the
chance that it ever reaches 1/δ is at most δ (Ville). A one-sided test needs one bettor; a hedged
one has two.

Of their bettors this is the diversified one: wealth is a mean over bets fixed beforehand. In
simulation it opened sooner than bets plugged in from the past at errors from a half of the limit
on, at 2, 10 and 30 %. And such wealth only falls as any loss rises, whatever the order: so a label
that is missing may be counted as wrong, whoever chose which one is missing.
"""

from __future__ import annotations

import numpy as np
from scipy.special import logsumexp

from roadbed.risk.losses import Bools, Counts, Floats, Losses, as_wrong, checked
from roadbed.risk.prefixes import places

BETS = (1.0, 0.75, 0.5, 0.25)  # shares of the largest stake that one loss of 1 cannot overdraw
_FINE = (1.0, 0.5, 0.25, 0.125, 0.0625, 0.03125)  # for a bound, which small stakes must reach
_ROUNDS = 20  # halvings: a millionth
_EDGE = 1e-12


def p_values(
    confidence: Floats, loss: Losses, grid: Floats, limits: Floats, cuts: Counts
) -> Floats:
    """Reciprocal wealth, shape (cuts, g), of items with confidence ≥ each threshold of ``grid``.

    ``confidence`` and ``loss`` have shape (n,), in the order drawn; ``cuts`` says how many of the
    first count. Tests the mean loss against ``limits`` (g,). Each row may be looked at after every
    item, and the smallest p of all rows is a p-value as well.
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
    """A bound that the mean loss exceeds with probability at most ``delta``; 1 without items.

    ``loss`` has shape (n,), in the order drawn. Items in ``waiting`` are counted as wrong, at the
    cut that bounds best. Right at all times together. Raises ``ValueError`` as ``as_wrong``.
    """
    losses = np.asarray(as_wrong(loss, waiting), dtype=np.float64)
    cuts = places(len(losses), waiting)
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
    """What each bet makes of each loss: logarithms of the factors, shape (bets, n)."""
    largest = 1.0 / max(1.0 - limit, _EDGE)
    stakes = np.array(bets)[:, None] * largest
    with np.errstate(divide="ignore"):
        gains: Floats = np.log(np.maximum(1.0 + stakes * (limit - checked(loss)), 0.0))
    return gains


def _sums(gains: Floats, counts: Counts) -> Floats:
    """The logarithm of each bet's wealth after the first ``counts`` items: (bets, counts)."""
    sums = np.concatenate([np.zeros((len(gains), 1)), np.cumsum(gains, axis=1)], axis=1)
    chosen: Floats = sums[:, counts]
    return chosen


def _log_mean(sums: Floats) -> Floats:
    """The logarithm of the mean wealth of all bets."""
    mean: Floats = logsumexp(sums, axis=0) - np.log(len(sums))
    return mean
