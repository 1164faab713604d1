"""Repeated inputs: which rows of a random sample count as evidence.

A sample is split by input into a training half and a holdout half, so that no holdout input was
trained on. With repeated inputs the holdout half is not a random sample: a frequent input is in it
with all its rows or with none, and its weight differs from its share of the traffic. Rows of
repeated inputs are therefore counted as follows:

- wrong rows count in both halves;
- right rows count if they are in the holdout half and an independent fair draw selects them.

Rows selected by a fair draw per row are a random sample of the traffic. The rows counted here are
such a sample plus wrong rows minus right rows, which is conservative, so the tests stay valid. For
inputs that occur once, the split by input is the draw. ``benchmarks/trust.py`` simulates this.
"""

from __future__ import annotations

import hashlib

import numpy as np

from roadbed.risk.losses import Bools


def counts(*, wrong: Bools, judges: Bools, repeated: Bools, drawn: Bools) -> Bools:
    """Which rows count as evidence. Arrays have shape (n,).

    ``judges`` marks the holdout half, ``repeated`` rows whose input occurs more than once,
    ``drawn`` rows selected by ``is_drawn``.
    """
    return np.where(repeated, wrong | (judges & drawn), judges)


def is_drawn(row: str) -> bool:
    """Fair draw by the hash of the row's id: deterministic and independent of its content."""
    return hashlib.sha256(f"repeat {row}".encode()).digest()[0] < 128
