"""State: everything that the classifier has learned, in one record."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from roadbed.models.text.base_models import BaseModels
from roadbed.models.text.confidence import Confidence
from roadbed.models.text.vocabulary import Counter, Weights
from roadbed.usecases.decider import OutOfFold


@dataclass(frozen=True, kw_only=True, slots=True)
class FittedText:
    """All that was learnt. ``labels`` are JSON values by class, ``None`` for "none of these".

    ``cautious`` is ``confidence`` fitted also on kinds of work it was not shown.
    """

    labels: tuple[Any, ...]
    counter: Counter
    weights: Weights
    often: frozenset[str]
    base_models: BaseModels
    near_texts: tuple[str, ...]
    confidence: Confidence
    cautious: Confidence
    out_of_fold: OutOfFold
