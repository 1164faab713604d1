"""The certificate: from which confidence on the share of wrong answers is proven to be small.

Learn-then-Test with split fixed sequences (Angelopoulos et al. 2021). For a threshold λ the error
among answers with confidence S ≥ λ is tested by the exact binomial tail. Selective risk is not
monotone and strict thresholds have few items, so a single walk from the strict end dies; J walks
start where the training data suggest there is power, each with δ/J.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
from scipy.stats import beta, binom

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

STARTS = 4
_MOST_THRESHOLDS = 60
_PESSIMISM = 1.2
_SHARES_OF_SECOND_START = (0.7, 0.45)


class Training(Protocol):
    """Out-of-fold confidence and correctness on training examples, both of shape (m,)."""

    @property
    def confidence(self) -> Floats: ...
    @property
    def wrong(self) -> Bools: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Certificate:
    """What was proven: P(wrong | confidence ≥ ``threshold``) ≤ ``risk_limit``, at ``delta``.

    ``items`` reference items were used, ``covered`` of them lie at or above the threshold, with
    ``errors``. ``upper`` is the one-sided Clopper-Pearson bound there, for display. Without proof
    ``threshold`` is ``None`` and ``why_not`` says what is missing.
    """

    threshold: float | None
    risk_limit: float
    delta: float
    items: int
    covered: int
    errors: int
    p_value: float | None
    upper: float | None
    starts: tuple[float, ...]
    why_not: str | None


def smallest_sample(risk_limit: float, delta: float) -> int:
    """Error-free items above a threshold without which no start can pass."""
    return int(np.ceil(np.log(STARTS / delta) / -np.log1p(-risk_limit)))


def certify(
    *,
    confidence: Floats,
    wrong: Bools,
    out_of_fold: Training | None,
    risk_limit: float,
    delta: float,
) -> Certificate:
    """The loosest threshold that passes. ``confidence`` and ``wrong`` have shape (n,).

    Thresholds and starts come from training data or are fixed in advance, never from the reference
    labels, so each test is an ordinary binomial test of a hypothesis chosen beforehand. Raises
    ``ValueError`` for a confidence outside [0, 1].
    """
    _check(confidence, wrong)
    grid = _grid(out_of_fold)
    starts = _starts(grid, out_of_fold, len(confidence), risk_limit, delta)
    n = np.array([(confidence >= each).sum() for each in grid], dtype=np.int64)
    errors = np.array([wrong[confidence >= each].sum() for each in grid], dtype=np.int64)
    p = binom.cdf(errors, n, risk_limit)  # 1 where n is 0
    best = _walk(p, starts, delta / STARTS)
    tried = tuple(float(grid[each]) for each in starts)
    if best is None:
        return Certificate(
            threshold=None,
            risk_limit=risk_limit,
            delta=delta,
            items=len(confidence),
            covered=0,
            errors=0,
            p_value=None,
            upper=None,
            starts=tried,
            why_not=_why_not(n, errors, starts, risk_limit, delta),
        )
    return Certificate(
        threshold=float(grid[best]),
        risk_limit=risk_limit,
        delta=delta,
        items=len(confidence),
        covered=int(n[best]),
        errors=int(errors[best]),
        p_value=float(p[best]),
        upper=float(beta.ppf(1 - delta, errors[best] + 1, n[best] - errors[best])),
        starts=tried,
        why_not=None,
    )


def _check(confidence: Floats, wrong: Bools) -> None:
    if confidence.shape != wrong.shape or confidence.ndim != 1:
        raise ValueError("confidence and wrong need one entry an item")
    if not bool(np.all((confidence >= 0.0) & (confidence <= 1.0))):
        raise ValueError("a confidence lies outside 0 to 1 or is not a number")


def _grid(training: Training | None) -> Floats:
    """Thresholds, strict to loose, known before any reference label is seen."""
    if training is None or not (training.confidence > 0.0).any():
        return np.linspace(0.995, 0.01, _MOST_THRESHOLDS)
    answered = training.confidence[training.confidence > 0.0]
    ranks = np.linspace(0.0, 0.98, _MOST_THRESHOLDS)
    return np.unique(np.quantile(answered, ranks, method="lower"))[::-1]


def _starts(
    grid: Floats, training: Training | None, items: int, risk_limit: float, delta: float
) -> list[int]:
    """Positions in ``grid`` where the walks begin."""
    if training is None or not (training.confidence > 0.0).any():
        return [int(each) for each in np.linspace(0, len(grid) - 1, STARTS + 1)[:-1]]
    coverage = np.array([(training.confidence >= each).mean() for each in grid])
    risk = np.array([training.wrong[training.confidence >= each].mean() for each in grid])
    power = _power(coverage * items, np.minimum(risk * _PESSIMISM, 1.0), risk_limit, delta / STARTS)
    first = _loosest(power >= 0.5, power)
    second = _loosest(power >= 0.9, power)
    narrower = [
        int(np.argmin(np.abs(coverage - share * coverage[second])))
        for share in _SHARES_OF_SECOND_START
    ]
    return [first, second, *narrower]


def _power(n: Floats, risk: Floats, risk_limit: float, level: float) -> Floats:
    """The chance that a test at ``level`` passes when the true risk is ``risk``."""
    count = np.floor(n)
    most = binom.ppf(level, count, risk_limit)
    most = np.where(binom.cdf(most, count, risk_limit) > level, most - 1, most)
    found: Floats = np.where(most < 0, 0.0, binom.cdf(most, count, risk))
    return found


def _loosest(good: Bools, power: Floats) -> int:
    return int(np.flatnonzero(good)[-1]) if good.any() else int(np.argmax(power))


def _walk(p: Floats, starts: Sequence[int], level: float) -> int | None:
    """The loosest position any walk reaches while every test on its way passes."""
    best = None
    for start in starts:
        at = start
        while at < len(p) and p[at] <= level:
            best = at if best is None else max(best, at)
            at += 1
    return best


def _why_not(
    n: npt.NDArray[np.int64],
    errors: npt.NDArray[np.int64],
    starts: Sequence[int],
    risk_limit: float,
    delta: float,
) -> str:
    needed = smallest_sample(risk_limit, delta)
    most = max((int(n[each]) for each in starts), default=0)
    if most < needed:
        return (
            f"at least {needed} reference items above a threshold are needed even without an "
            f"error; there are {most}."
        )
    at = max(starts, key=lambda each: int(n[each]))
    return (
        f"of {int(n[at])} reference items above the threshold tried, {int(errors[at])} are "
        f"wrong, too many to prove {risk_limit:.1%}."
    )
