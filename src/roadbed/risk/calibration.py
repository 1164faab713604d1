"""Calibration of confidence, for display. No decision uses it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from roadbed.risk.curve import share_interval
from roadbed.risk.losses import Floats, Losses, checked


@dataclass(frozen=True, kw_only=True, slots=True)
class CalibrationBin:
    """A bin of items of similar confidence: mean ``confidence`` and share ``right``.

    For losses in [0, 1], ``right`` is 1 - mean loss.
    """

    confidence: float
    right: float
    lower: float
    upper: float
    n: int


def calibration(
    confidence: Floats,
    wrong: Losses,
    certainty: float,
    bins: int = 10,
) -> tuple[CalibrationBin, ...]:
    """Equal-size bins of the answered items (confidence > 0), in increasing confidence.

    Arrays of shape (n,). Raises ``ValueError`` for a loss outside [0, 1].
    """
    loss = checked(wrong)
    answered = np.flatnonzero(confidence > 0.0)
    ordered = answered[np.argsort(confidence[answered], kind="stable")]
    return tuple(
        _bin(confidence[part], loss[part], certainty)
        for part in np.array_split(ordered, bins)
        if len(part)
    )


def _bin(confidence: Floats, loss: Losses, certainty: float) -> CalibrationBin:
    right = len(loss) - float(loss.sum())
    lower, upper = share_interval(right, len(loss), certainty)
    return CalibrationBin(
        confidence=float(confidence.mean()),
        right=right / len(loss),
        lower=lower,
        upper=upper,
        n=len(loss),
    )
