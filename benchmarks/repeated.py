"""Whether the guarantee holds for random samples with repeated inputs.

Each input is decided alike whenever it comes, and each teaches or judges by a coin of its own. The
true error lies just above the limit, so whatever opens breaks the promise.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from closed_loop import DELTA, LIMIT
from roadbed.risk import repeated_inputs
from roadbed.risk.certificate import anytime, certify, exact

Arrays = Any
SHARES = (0.01, 0.05, 0.1, 0.3)  # of the work that is of inputs that come again
INPUTS = (1, 3, 10, 100)  # how many different ones those are
PARTS = (0.0, 0.5, 1.0)  # of the errors that lie in them
WAYS = ("once", "by sides", "ours")
_TRUE_ERROR = LIMIT * 1.025


def sample(
    chance: np.random.Generator, n: int, share: float, inputs: int, part: float, *, learns: bool
) -> tuple[dict[str, Arrays], float]:
    """What counts as wrong, for each way to count, and the true error."""
    mass = share / inputs
    count = round(min(_TRUE_ERROR * part, share) / mass)
    wrong_inputs = chance.permutation(np.arange(inputs) < count)
    rest = max(0.0, _TRUE_ERROR - count * mass) / (1.0 - share)
    teaches = chance.random(inputs) < 0.5
    if learns:
        wrong_inputs &= ~teaches
    again, which = chance.random(n) < share, chance.integers(0, inputs, n)
    judges = np.where(again, ~teaches[which], chance.random(n) < 0.5)
    wrong = np.where(again, wrong_inputs[which], chance.random(n) < rest)
    number = np.where(again, which, inputs + np.arange(n))
    _, first, times = np.unique(number, return_index=True, return_counts=True)
    is_first = np.zeros(n, dtype=bool)
    is_first[first] = True
    count_of = np.zeros(inputs + n, dtype=int)
    count_of[np.unique(number)] = times
    ours = repeated_inputs.counts(
        wrong=wrong,
        judges=judges,
        repeated=count_of[number] > 1,
        drawn=chance.random(n) < 0.5,
    )
    counted = {"once": wrong[judges & is_first], "by sides": wrong[judges], "ours": wrong[ours]}
    return counted, float(wrong_inputs.sum() * mass + rest * (1.0 - share))


def broken(
    share: float, inputs: int, part: float, runs: int, *, learns: bool, test: str, n: int = 4_000
) -> dict[str, float]:
    """The share of runs in which a version above the limit is let through, by way to count."""
    opened = dict.fromkeys(WAYS, 0)
    for run in range(runs):
        counted, error = sample(
            np.random.default_rng([29, run]), n, share, inputs, part, learns=learns
        )
        for way, wrong in counted.items():
            proof = certify(
                confidence=np.full(len(wrong), 0.9),
                wrong=wrong,
                out_of_fold=None,
                risk_limit=LIMIT,
                delta=DELTA,
                test=anytime if test == "anytime" else exact,
            )
            opened[way] += proof.threshold is not None and error > LIMIT
    return {way: count / runs for way, count in opened.items()}
