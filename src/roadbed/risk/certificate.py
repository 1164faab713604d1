"""Certificate: a confidence threshold above which the risk is proven to be below a limit.

Learn-then-Test (Angelopoulos et al. 2021). For a threshold λ, the error rate of answers with
confidence S >= λ is tested by the exact binomial tail. Selective risk is not monotone in λ, and
strict thresholds have few items, so a fixed sequence from the strictest threshold has little
power. δ is split over J starts where the training data predict power. From a start, the sequence
continues to looser thresholds while each test rejects, and carries its share of δ to the next start
(fallback procedure, Wiens & Dmitrienko 2005). The loosest tests, which determine the coverage, thus
use almost all of δ.

A single analysis uses the exact test. Repeated analyses of a growing sample use the betting test
(Waudby-Smith & Ramdas 2024), which is anytime-valid. Limits on the mean of a loss in [0, 1] always
use betting. Missing labels never increase the power, see ``missing_labels``. Versions tested in
sequence on the same sample share δ, see ``delta_for``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from scipy.special import logsumexp, xlogy

from roadbed.kernel.stored_sentences import stored_message, stored_sentence
from roadbed.risk import betting, distributions, missing_labels
from roadbed.risk.losses import Bools, Counts, Floats, Losses, as_wrong
from roadbed.risk.search import Search, fixed_search

Test = Callable[[Counts, Counts, Floats], Floats]

STARTS = 4
# Shares of δ: starts at a predicted power of 50 %, of 90 %, and at two lower coverages.
TAUGHT = (0.6, 0.2, 0.1, 0.1)
UNTAUGHT = (0.25, 0.25, 0.25, 0.25)
_MOST_THRESHOLDS = 60
_PESSIMISM = 1.2
_SHARES_OF_SECOND_START = (0.7, 0.45)


class TrainingScores(Protocol):
    """Out-of-fold confidence and losses of training examples, each of shape (m,)."""

    @property
    def confidence(self) -> Floats: ...
    @property
    def wrong(self) -> Losses: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Certificate:
    """Result of ``certify``: mean loss <= ``risk_limit`` at confidence >= ``threshold``.

    Error level ``delta``; ``level`` is the part used by attempt number ``tries`` on this sample.
    The first ``counted`` of ``items`` were used; ``covered`` of them are at or above the threshold,
    with mean loss ``risk`` and ``errors`` with a loss above 0, ``waiting`` of which have no label.
    ``upper`` is a one-sided bound for display: Clopper-Pearson, or betting for losses in [0, 1].
    Without a proof, ``threshold`` is ``None`` and ``why_not`` gives the reason. ``grid`` holds the
    candidate thresholds, strict to loose; ``starts`` the starting points, with their shares of
    ``level`` in ``shares``.
    """

    threshold: float | None
    risk_limit: float
    delta: float
    tries: int | None
    level: float
    items: int
    counted: int
    covered: int
    errors: int
    waiting: int
    risk: float | None
    p_value: float | None
    upper: float | None
    starts: tuple[float, ...]
    shares: tuple[float, ...]
    grid: tuple[float, ...]
    why_not: str | None


def delta_for(tries: int, delta: float) -> float:
    """Error level of attempt number ``tries`` (from 1): 61 %, 15 %, 7 %, 4 %, … of ``delta``.

    The shares 6 / (π v)² sum to 1: the familywise error of all attempts on one sample is at most
    ``delta`` for any number of attempts (union bound). Raises ``ValueError`` below 1.
    """
    if tries < 1:
        raise ValueError("tries are counted from 1")
    return delta * 6.0 / (math.pi * tries) ** 2


def smallest_sample(risk_limit: float, delta: float, share: float = 1 / STARTS) -> int:
    """Number of error-free items above a threshold that a start with ``share`` needs to reject.

    ``risk_limit`` in (0, 1).
    """
    return int(np.ceil(np.log(share * delta) / np.log1p(-risk_limit)))


def fewest_items(risk_limit: float, certainty: float) -> int:
    """With fewer items no test can prove a limit. Both in (0, 1)."""
    return smallest_sample(risk_limit, 1.0 - certainty, share=1.0)


def exact(items: Counts, wrong: Counts, limits: Floats) -> Floats:
    """Exact binomial p-values for a single analysis; 1 without items."""
    p: Floats = distributions.binom.cdf(wrong, items, limits)
    return p


def anytime(items: Counts, wrong: Counts, limits: Floats) -> Floats:
    """Anytime-valid p-values for binary losses: reciprocal wealth of the bets of ``betting``.

    The bets correspond to true errors of 0, 1/4, 1/2 and 3/4 of the limit. Each wealth is a
    likelihood ratio, so their mean is a martingale at the limit (Ville's inequality).
    """
    safe = np.clip(limits, 1e-12, 1.0 - 1e-12)
    log_wealth = [
        xlogy(wrong, 1.0 - bet)
        + (items - wrong) * (np.log1p(-(1.0 - bet) * safe) - np.log1p(-safe))
        for bet in betting.BETS
    ]
    mean = logsumexp(log_wealth, axis=0) - np.log(len(betting.BETS))
    p: Floats = np.exp(-np.maximum(mean, 0.0))
    return np.where(limits > 0.0, p, 1.0)


def certify(
    *,
    confidence: Floats,
    wrong: Losses,
    out_of_fold: TrainingScores | None,
    risk_limit: float,
    delta: float,
    test: Test = exact,
    limit_at: Callable[[float], float] | None = None,
    waiting: Bools | None = None,
    tries: int | None = None,
    search: Search | None = None,
) -> Certificate:
    """Certify the loosest threshold that is proven. Arrays have shape (n,), in the order drawn.

    A bool array ``wrong`` limits the share of wrong answers, tested by ``test``. A float array of
    losses limits their mean, tested by betting. ``waiting`` marks unlabelled items; pass ``None``
    only if labels can never be missing. Thresholds and starts depend on training data or are fixed
    in advance, never on the reference labels, so every hypothesis is fixed before the test.
    ``limit_at`` gives a stricter limit per threshold. ``tries`` counts the versions tested on this
    sample, this one included, until one is certified; ``None`` means no correction. ``search``
    replaces the fixed thresholds and starts of a version without ``out_of_fold``. Raises
    ``ValueError`` for a confidence or loss outside [0, 1], different shapes, or ``tries`` below 1.
    """
    _check(confidence, wrong)
    level = delta if tries is None else delta_for(tries, delta)
    loss = as_wrong(wrong, waiting)
    training = _usable(out_of_fold)
    search = search or fixed_search()
    grid = _grid(training) if training else np.array(search.grid)
    limits = np.array([limit_at(item) if limit_at else risk_limit for item in grid.tolist()])
    starts = _starts(grid, training, len(confidence), limits, level) if training else search.places
    cuts = missing_labels.cut_sizes(len(loss), waiting)
    rows, p = _tested(confidence, loss, grid, limits, cuts, test)
    best = _walk(p, starts, level)
    nothing = Certificate(
        threshold=None,
        risk_limit=risk_limit,
        delta=delta,
        tries=tries,
        level=level,
        items=len(loss),
        counted=len(loss),
        covered=0,
        errors=0,
        waiting=0,
        risk=None,
        p_value=None,
        upper=None,
        starts=tuple(float(grid[place]) for place in sorted(starts)),
        shares=tuple(starts.values()),
        grid=tuple(grid.tolist()),
        why_not=None,
    )
    if best is None:
        why_not = _why_not(confidence, loss, waiting, grid, starts, risk_limit, level)
        return replace(nothing, why_not=why_not)
    counted = int(cuts[int(np.argmin(rows[:, best]))])
    above = np.flatnonzero(confidence[:counted] >= grid[best])
    return replace(
        nothing,
        threshold=float(grid[best]),
        counted=counted,
        covered=len(above),
        errors=int((loss[above] > 0.0).sum()),
        waiting=0 if waiting is None else int(waiting[above].sum()),
        risk=float(loss[above].mean()),
        p_value=float(p[best]),
        upper=_upper(loss[above], level),
    )


def _check(confidence: Floats, wrong: Losses) -> None:
    if confidence.shape != wrong.shape or confidence.ndim != 1:
        raise ValueError("confidence and wrong need one entry an item")
    if not bool(np.all((confidence >= 0.0) & (confidence <= 1.0))):
        raise ValueError("a confidence lies outside 0 to 1 or is not a number")


def _tested(
    confidence: Floats, loss: Losses, grid: Floats, limits: Floats, cuts: Counts, test: Test
) -> tuple[Floats, Floats]:
    """P-values per cut, shape (cuts, g), and combined over the cuts, shape (g,).

    Betting p-values are anytime-valid, so their minimum is a p-value. The exact test needs a
    correction for multiplicity.
    """
    if loss.dtype != np.bool_:
        rows = betting.p_values(confidence, loss, grid, limits, cuts)
        return rows, rows.min(axis=0)
    counted = [_counts(confidence[:cut], loss[:cut], grid) for cut in cuts.tolist()]
    n = np.stack([items for items, _ in counted])
    errors = np.stack([wrong for _, wrong in counted]).astype(np.int64)
    rows = test(n, errors, limits)
    if test is exact and len(cuts) > 1:
        return rows, missing_labels.union_p_values(n, errors, limits)
    return rows, rows.min(axis=0)


def _upper(loss: Losses, delta: float) -> float:
    if loss.dtype != np.bool_:
        return betting.upper(loss, delta)
    wrong, n = int(loss.sum()), len(loss)
    return float(distributions.beta.ppf(1.0 - delta, wrong + 1, n - wrong)) if wrong < n else 1.0


def _usable(training: TrainingScores | None) -> TrainingScores | None:
    return training if training is not None and (training.confidence > 0.0).any() else None


def _grid(training: TrainingScores) -> Floats:
    """Candidate thresholds, strict to loose, independent of the reference labels."""
    answered = training.confidence[training.confidence > 0.0]
    ranks = np.linspace(0.0, 0.98, _MOST_THRESHOLDS)
    return np.unique(np.quantile(answered, ranks, method="lower"))[::-1]


def _counts(confidence: Floats, wrong: Losses, grid: Floats) -> tuple[Counts, Floats | Counts]:
    """Number of items and sum of their losses at or above each threshold."""
    order = np.argsort(-confidence, kind="stable")
    n = np.searchsorted(-confidence[order], -grid, side="right")
    return n, np.concatenate([[0], np.cumsum(wrong[order])])[n]


def _starts(
    grid: Floats, training: TrainingScores, items: int, limits: Floats, delta: float
) -> Mapping[int, float]:
    """Starting positions in ``grid``, each with its share of ``delta``."""
    n, errors = _counts(training.confidence, training.wrong, grid)
    coverage, risk = n / len(training.confidence), errors / n
    power = _power(coverage * items, np.minimum(risk * _PESSIMISM, 1.0), limits, delta / STARTS)
    first = _loosest(power >= 0.5, power)
    second = _loosest(power >= 0.9, power)
    narrower = [
        int(np.argmin(np.abs(coverage - share * coverage[second])))
        for share in _SHARES_OF_SECOND_START
    ]
    return _shared([first, second, *narrower], TAUGHT)


def _shared(places: Sequence[int], shares: Sequence[float]) -> Mapping[int, float]:
    """Sum the shares of starts at the same position."""
    totals = dict.fromkeys(sorted(places), 0.0)
    for place, share in zip(places, shares, strict=True):
        totals[place] += share
    return totals


def _power(n: Floats, risk: Floats, limits: Floats, level: float) -> Floats:
    """Power of the exact test at ``level`` when the true risk is ``risk``."""
    count = np.floor(n)
    most = distributions.binom.ppf(level, count, limits)
    most = np.where(distributions.binom.cdf(most, count, limits) > level, most - 1, most)
    power: Floats = np.where(
        (most < 0) | (limits <= 0.0), 0.0, distributions.binom.cdf(most, count, risk)
    )
    return power


def _loosest(good: Bools, power: Floats) -> int:
    return int(np.flatnonzero(good)[-1]) if good.any() else int(np.argmax(power))


def _walk(p: Floats, starts: Mapping[int, float], delta: float) -> int | None:
    """The loosest position rejected at its accumulated share of ``delta``.

    Familywise error: a false rejection requires rejecting the first true null of a sequence at the
    shares accumulated since the previous true null. These sum to at most ``delta``, for any
    dependence of the tests.
    """
    best, share = None, 0.0
    for at in range(len(p)):
        share += starts.get(at, 0.0)
        if share > 0.0 and p[at] <= share * delta:
            best = at
        else:
            share = 0.0
    return best


def _why_not(
    confidence: Floats,
    loss: Losses,
    waiting: Bools | None,
    grid: Floats,
    starts: Mapping[int, float],
    risk_limit: float,
    delta: float,
) -> str:
    if risk_limit <= 0.0:
        return stored_sentence("reviewers miss every known error, so their labels prove nothing.")
    n, total = _counts(confidence, loss, grid)
    at = max(starts, key=lambda place: int(n[place]))
    share = starts[at] if loss.dtype == np.bool_ else starts[at] / len(betting.BETS)
    needed = smallest_sample(risk_limit, delta, share)
    missing = 0 if waiting is None else int(waiting[confidence >= grid[at]].sum())
    if n[at] < needed:
        return _TOO_FEW[missing > 0] % {
            "needed": needed,
            "there": int(n[at]),
            "missing": missing,
        }
    binary = loss.dtype == np.bool_
    message = _TOO_MANY[missing > 0] if binary else _TOO_MUCH[missing > 0]
    mean = float(total[at]) / int(n[at])
    return message % {
        "n": int(n[at]),
        "wrong": int(total[at]),
        "mean": format(mean, ".3g"),
        "missing": missing,
        "limit": format(risk_limit, ".1%" if binary else ".3g"),
    }


# Without and with items that wait for a label.
_TOO_FEW = (
    stored_message(
        "at least %(needed)s reference items above a threshold are needed even without an error; "
        "there are %(there)s."
    ),
    stored_message(
        "at least %(needed)s reference items above a threshold are needed even without an error; "
        "there are %(there)s, and %(missing)s of them wait for a label."
    ),
)
_TOO_MANY = (
    stored_message(
        "of %(n)s reference items above the threshold tried, %(wrong)s are wrong, too many to "
        "prove %(limit)s."
    ),
    stored_message(
        "of %(n)s reference items above the threshold tried, %(wrong)s are wrong (%(missing)s of "
        "them still wait for a label), too many to prove %(limit)s."
    ),
)
_TOO_MUCH = (
    stored_message(
        "of %(n)s reference items above the threshold tried, the mean loss is %(mean)s, too much "
        "to prove %(limit)s."
    ),
    stored_message(
        "of %(n)s reference items above the threshold tried, the mean loss is %(mean)s "
        "(%(missing)s of them still wait for a label), too much to prove %(limit)s."
    ),
)
