"""Records of examples: sets, candidates, known cases and assessments."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from roadbed.scoring.scorers import Truth
from roadbed.usecases.decider import FunctionDecider, LabelledExample, OutOfFold, Trainable

if TYPE_CHECKING:
    from roadbed.decisions.evaluation import Evaluation
    from roadbed.executors.isolated import IsolatedDecider

Purpose = Literal["learn", "judge"]
UseOfAnswer = Literal["prove", "teach", "unused"]
# A random sample is split evenly: evidence is as scarce as training data.
# Other rows prove nothing; a fifth is held out to judge candidates.
JUDGE_SHARE_OF_SAMPLE = 0.5
JUDGE_SHARE_OTHERWISE = 0.2


@dataclass(frozen=True, kw_only=True, slots=True)
class ExampleSet:
    """Examples of one purpose, oldest first. ``until`` is the time of the newest.

    ``contents`` has one entry an example: its input as JSON.
    """

    examples: Sequence[LabelledExample]
    until: datetime | None
    contents: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class WrittenAnswers:
    """How many right answers people wrote: those that ``prove`` a version and those that ``teach``.

    Which of both is drawn when a task arrives, before anybody knows its answer. ``unused`` are
    those that would teach, and cite no passage where only citations teach.
    """

    prove: int
    teach: int
    unused: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """A version before it is stored: decider, artifacts and training data.

    ``kinds`` are the outputs it knows, ``None`` if it does not say; ``slices`` those of each
    training example.
    """

    decider: FunctionDecider | Trainable | IsolatedDecider
    artifacts: Mapping[str, bytes]
    out_of_fold: OutOfFold | None
    learned_from: int
    learned_until: datetime | None
    kinds: Sequence[Mapping[str, Any] | None] | None = None
    slices: Sequence[Mapping[str, str]] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class KnownCase:
    """An input with its known right output.

    ``judges`` says that it is never used for learning, ``reference`` that it was drawn at random,
    ``corrected`` that a person corrected the answer. ``waiting`` marks a drawn task whose label may
    still come; ``overdue`` one whose label is late, which counts as wrong. ``erased`` marks one
    whose content is gone: nothing can be evaluated on it, and it counts as a wrong answer.
    """

    id: str
    task_id: str | None
    content: Mapping[str, Any]
    truth: Truth
    judges: bool
    reference: bool
    corrected: bool
    drawn_at: datetime
    overdue: bool = False
    waiting: bool = False
    erased: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Assessed:
    """Assessment of a version on known cases, in their order: arrays of shape (n,).

    ``confidence`` is 0 for unsure or held answers: they can never be automatic.
    ``loss`` lies in [0, 1] and is 1 where it is ``unknown``. ``cautious`` is ``None`` if the
    decider never gives a cautious confidence.
    """

    confidence: npt.NDArray[np.float64]
    loss: npt.NDArray[np.float64]
    unknown: npt.NDArray[np.bool_]
    cautious: npt.NDArray[np.float64] | None
    evaluations: Sequence[Evaluation]


def purpose_of(content_hash: str, *, random_sample: bool) -> Purpose:
    """The purpose by the hash of the content: the same on every import."""
    share = JUDGE_SHARE_OF_SAMPLE if random_sample else JUDGE_SHARE_OTHERWISE
    digest = hashlib.sha256(f"purpose {content_hash}".encode()).digest()
    return "judge" if int.from_bytes(digest[:8], "big") / 2**64 < share else "learn"
