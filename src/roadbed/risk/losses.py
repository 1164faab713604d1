"""Losses of answers: wrong or right, or how bad from 0 to 1.

The type says which promise is meant. A bool array is about the share of wrong answers (a loss above
what is tolerated). A float array is about the mean loss. The choice is made beforehand by who
declares the loss; it never depends on which values occur.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Counts = npt.NDArray[np.int64]
Losses = Bools | Floats


def checked(loss: Losses) -> Losses:
    """Losses of any shape as bools or floats. Raises ``ValueError`` outside [0, 1] and for NaN."""
    if loss.dtype == np.bool_:
        return loss
    as_floats: Floats = np.asarray(loss, dtype=np.float64)
    if not bool(np.all((as_floats >= 0.0) & (as_floats <= 1.0))):
        raise ValueError("a loss lies outside 0 to 1 or is not a number")
    return as_floats


def checked_one(loss: float) -> float:
    """One loss, or a bool for wrong. Raises ``ValueError`` outside [0, 1] and for NaN."""
    if not 0.0 <= loss <= 1.0:
        raise ValueError("a loss lies outside 0 to 1 or is not a number")
    return float(loss)


def as_wrong(loss: Losses, waiting: Bools | None) -> Losses:
    """Checked losses in which what still waits for a label is counted as wrong.

    Shapes (n,). What ``loss`` holds at a waiting item is not read. Raises ``ValueError`` for
    different shapes, and for a loss outside [0, 1] or NaN at an item that does not wait.
    """
    if waiting is None:
        return checked(loss)
    if loss.shape != waiting.shape or waiting.dtype != np.bool_:
        raise ValueError("waiting needs one bool an item")
    return checked(np.where(waiting, np.ones_like(loss), loss))
