"""Examples in use, and the candidate made of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from roadbed.usecases.deciders import FunctionDecider, LabelledExample, OutOfFold, Trainable

Purpose = Literal["learn", "judge"]


@dataclass(frozen=True, kw_only=True, slots=True)
class ExampleSet:
    """Examples of one purpose, oldest first. ``until`` is when the newest was born.

    ``drawn_at`` and ``contents`` have one entry an example: when its task arrived, and its input as
    JSON. ``overdue`` marks tasks whose label is overdue: they stand with whatever output, and count
    as wrong.
    """

    examples: Sequence[LabelledExample]
    until: datetime | None
    drawn_at: Sequence[datetime] = ()
    contents: Sequence[Mapping[str, Any]] = ()
    overdue: Sequence[bool] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """A version in the making: what decides, what it was trained on, its saved state.

    ``kinds`` are the outputs it knows, ``None`` if it does not say; ``slices`` those of each
    training example.
    """

    decider: FunctionDecider | Trainable
    artifacts: Mapping[str, bytes]
    out_of_fold: OutOfFold | None
    learned_from: int
    learned_until: datetime | None
    kinds: Sequence[Mapping[str, Any] | None] | None = None
    slices: Sequence[Mapping[str, str]] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Judged:
    """How a decider did on reference items, oldest first: arrays of shape (n,).

    ``cautious`` is ``None`` if the decider never gives a cautious confidence. ``outputs`` are what
    it answered, ``None`` where it gave no answer.
    """

    confidence: npt.NDArray[np.float64]
    wrong: npt.NDArray[np.bool_]
    cautious: npt.NDArray[np.float64] | None
    outputs: Sequence[Mapping[str, Any] | None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Proposal:
    """A change that improvement suggests; only a person's word makes it a part of a version.

    ``support`` holds cases, right, wrong_now, matched, low and high; ``cases`` at most 50 tasks
    with before, after and right. ``patch`` is ``None`` for what has none: to train anew.
    """

    id: str
    use_case: str
    kind: str
    title: str
    reason: str
    support: Mapping[str, Any]
    cases: Sequence[Mapping[str, Any]]
    patch: Mapping[str, Any] | None
    rank: float
    state: str
    made_at: datetime
    decided_by: str | None
    decided_at: datetime | None
    note: str | None
    edited: bool
