"""Losses of answers: binary (wrong or right) or graded in [0, 1].

The array type selects the risk. Bool arrays stand for the share of wrong answers (loss above the
tolerance), float arrays for the mean loss. The use case declares which; the choice never depends
on the observed values.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Counts = npt.NDArray[np.int64]
Losses = Bools | Floats


def checked(loss: Losses) -> Losses:
    """Validate losses of any shape. Raises ``ValueError`` outside [0, 1] and for NaN."""
    if loss.dtype == np.bool_:
        return loss
    as_floats: Floats = np.asarray(loss, dtype=np.float64)
    if not bool(np.all((as_floats >= 0.0) & (as_floats <= 1.0))):
        raise ValueError("a loss lies outside 0 to 1 or is not a number")
    return as_floats


def checked_one(loss: float) -> float:
    """Validate one loss or bool. Raises ``ValueError`` outside [0, 1] and for NaN."""
    if not 0.0 <= loss <= 1.0:
        raise ValueError("a loss lies outside 0 to 1 or is not a number")
    return float(loss)


def as_wrong(loss: Losses, waiting: Bools | None) -> Losses:
    """Validate losses, with unlabelled items counted as wrong. Shapes (n,).

    Values of ``loss`` at waiting items are ignored. Raises ``ValueError`` for different shapes, and
    for a loss outside [0, 1] or NaN at a labelled item.
    """
    if waiting is None:
        return checked(loss)
    if loss.shape != waiting.shape or waiting.dtype != np.bool_:
        raise ValueError("waiting needs one bool an item")
    return checked(np.where(waiting, np.ones_like(loss), loss))
