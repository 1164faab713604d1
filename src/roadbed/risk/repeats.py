"""Which rows of a random sample count as evidence where it holds equal inputs.

Each input of a folder's sample either teaches or judges, so that nothing is judged that was learnt.
The half that judges is then no random sample of the work: a frequent input is in it with all its
rows or with none. Its share of the evidence differs from its share of the work, and a version that
errs on it, or on everything else, may pass. So the rows of repeated inputs count as follows:

- wrong ones count, whichever half they are in;
- right ones count in the half that judges, each by the toss of a coin of its own.

The rows that a fair coin draws are a random sample of the work, whatever their inputs are. What
counts here is such a sample with wrong rows added and right ones taken away. Both only make it
harder to prove a limit, so the tests stay valid. Singles need no coin: the side of their input is
one. ``benchmarks/trust.py`` simulates it.
"""

from __future__ import annotations

import hashlib

import numpy as np

from roadbed.risk.losses import Bools


def counts(*, wrong: Bools, judges: Bools, repeated: Bools, drawn: Bools) -> Bools:
    """Which rows count, arrays of shape (n,).

    ``judges`` marks the half that judges, ``repeated`` rows whose input the sample holds more than
    once, ``drawn`` those that the coin of the row chose.
    """
    return np.where(repeated, wrong | (judges & drawn), judges)


def drawn(row: str) -> bool:
    """The coin of a row, by its id: the same each time, and blind to what the row says."""
    return hashlib.sha256(f"repeat {row}".encode()).digest()[0] < 128
