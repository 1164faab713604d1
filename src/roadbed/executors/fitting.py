"""Fitting: runs the training code of a pod, and reports its errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from roadbed.kernel.errors import RoadbedError
from roadbed.usecases.decider import VERBS, LabelledExample, OutOfFold, Trainable, is_trainable
from roadbed.usecases.errors import TrainingError


@dataclass(frozen=True, kw_only=True, slots=True)
class FittedDecider:
    """A decider that has learned, and all that is kept of it."""

    decider: Trainable
    files: Mapping[str, bytes]
    out_of_fold: OutOfFold


def fit(decider: object, examples: Sequence[LabelledExample], *, seed: int) -> FittedDecider:
    """Fit and save. Raises ``TrainingError`` for any error of the decider."""
    name = type(decider).__name__
    if not is_trainable(decider):
        missing = [verb for verb in VERBS if not callable(getattr(type(decider), verb, None))]
        raise TrainingError(
            f"{name} cannot learn: its class has no {' and no '.join(missing)}.",
            "Add the missing methods to the class, or make the decider a function.",
        )
    try:
        fitted = decider.fit(examples, seed=seed)
        return FittedDecider(decider=fitted, files=fitted.save(), out_of_fold=fitted.out_of_fold)
    except RoadbedError:
        raise
    except Exception as error:  # a decider of the pod's own may raise anything
        raise TrainingError(
            f"{name} failed while it learned: {type(error).__name__}: {str(error)[:300]}",
            "Correct it in the folder and try again; nothing was changed.",
        ) from error
