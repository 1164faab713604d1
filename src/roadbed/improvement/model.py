"""Examples in use, and the candidate made of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import numpy as np
import numpy.typing as npt

from roadbed.usecases.deciders import FunctionDecider, LabelledExample, OutOfFold, Trainable

Purpose = Literal["learn", "judge"]


@dataclass(frozen=True, kw_only=True, slots=True)
class ExampleSet:
    """Examples of one purpose, oldest first. ``until`` is when the newest was born."""

    examples: Sequence[LabelledExample]
    until: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """A version in the making: what decides, what it was trained on, its saved state."""

    decider: FunctionDecider | Trainable
    artifacts: Mapping[str, bytes]
    out_of_fold: OutOfFold | None
    learned_from: int
    learned_until: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Judged:
    """How a decider did on reference items, oldest first: arrays of shape (n,)."""

    confidence: npt.NDArray[np.float64]
    wrong: npt.NDArray[np.bool_]
