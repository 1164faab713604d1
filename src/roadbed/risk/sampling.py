"""Reference sampling: which tasks a person labels, independent of their route."""

from __future__ import annotations

import hashlib

RATE_BEFORE = 0.5  # nothing is automatic: people review every task anyway
RATE_AFTER = 0.12
RATE_FLOOR = 0.05
RATE_CAUTIOUS = 0.3
LARGE_SAMPLE = 5_000


def rate(*, automating: bool, sample: int = 0) -> float:
    """Sampling rate, given the number of labelled reference items."""
    if not automating:
        return RATE_BEFORE
    return RATE_AFTER if sample < LARGE_SAMPLE else RATE_FLOOR


def uniform(seed: bytes, task_id: str) -> float:
    """Keyed uniform number in [0, 1); only the holder of ``seed`` can predict or verify it."""
    digest = hashlib.sha256(seed + b"\x00" + task_id.encode()).digest()
    return int.from_bytes(digest[:7], "big") / 2**56


def is_drawn(seed: bytes, task_id: str, rate: float) -> bool:
    """Bernoulli(``rate``) draw for the reference sample, independent of the input."""
    return uniform(seed, task_id) < rate
