"""Attacks from outside, on loopback: a short form with every test run, a long one by itself."""

from __future__ import annotations

import os
from random import Random

LONG = os.environ.get("ATTACKS") == "long"
SEED = int(os.environ.get("ATTACKS_SEED", "1"))


def rounds(short: int, long: int) -> int:
    """How often an attack is repeated in this form."""
    return long if LONG else short


def chance(name: str) -> Random:
    """The randomness of one attack: the same for the same ``ATTACKS_SEED``."""
    return Random(f"{name} {SEED}")
