"""Whether a confidence of 0.9 means right nine times in ten: to look at, nothing rests on it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from roadbed.risk.curve import share_interval


@dataclass(frozen=True, kw_only=True, slots=True)
class CalibrationBin:
    """Items of similar confidence: their mean ``confidence`` and the share that was ``right``."""

    confidence: float
    right: float
    lower: float
    upper: float
    n: int


def calibration(
    confidence: npt.NDArray[np.float64],
    wrong: npt.NDArray[np.bool_],
    certainty: float,
    bins: int = 10,
) -> tuple[CalibrationBin, ...]:
    """Bins of equal size over the answered items (confidence > 0), from low to high."""
    answered = np.flatnonzero(confidence > 0.0)
    ordered = answered[np.argsort(confidence[answered], kind="stable")]
    return tuple(
        _bin(confidence[part], wrong[part], certainty)
        for part in np.array_split(ordered, bins)
        if len(part)
    )


def _bin(
    confidence: npt.NDArray[np.float64], wrong: npt.NDArray[np.bool_], certainty: float
) -> CalibrationBin:
    right = int((~wrong).sum())
    lower, upper = share_interval(right, len(wrong), certainty)
    return CalibrationBin(
        confidence=float(confidence.mean()),
        right=right / len(wrong),
        lower=lower,
        upper=upper,
        n=len(wrong),
    )
