"""The reference coin: which tasks a person labels whatever their route."""

from __future__ import annotations

import hashlib

RATE_BEFORE = 0.5  # while nothing is automatic: every task is looked at anyway
RATE_AFTER = 0.12
RATE_FLOOR = 0.05
RATE_CAUTIOUS = 0.3
LARGE_SAMPLE = 5_000


def rate(*, automating: bool, sample: int = 0) -> float:
    """The share of tasks drawn, given how many labelled reference items there are."""
    if not automating:
        return RATE_BEFORE
    return RATE_AFTER if sample < LARGE_SAMPLE else RATE_FLOOR


def uniform(seed: bytes, task_id: str) -> float:
    """A number in [0, 1) that only who knows ``seed`` can foretell, and check."""
    digest = hashlib.sha256(seed + b"\x00" + task_id.encode()).digest()
    return int.from_bytes(digest[:7], "big") / 2**56


def toss(seed: bytes, task_id: str, rate: float) -> bool:
    """Whether the task belongs to the reference sample: Bernoulli(``rate``), never looking at x."""
    return uniform(seed, task_id) < rate
