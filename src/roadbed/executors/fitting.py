"""Fitting: runs the training code of a pod, and reports its errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from roadbed.kernel.errors import RoadbedError
from roadbed.kernel.sentences import Text, sentence
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
        named: Text = missing[0]
        for verb in missing[1:]:
            named = sentence("%(first)s and no %(last)s", first=named, last=verb)
        raise TrainingError(
            sentence(
                "%(name)s cannot learn: its class has no %(missing)s.", name=name, missing=named
            ),
            sentence("Add the missing methods to the class, or make the decider a function."),
        )
    try:
        fitted = decider.fit(examples, seed=seed)
        return FittedDecider(decider=fitted, files=fitted.save(), out_of_fold=fitted.out_of_fold)
    except RoadbedError:
        raise
    except Exception as error:  # a decider of the pod's own may raise anything
        raise TrainingError(
            sentence(
                "%(name)s failed while it learned: %(kind)s: %(error)s",
                name=name,
                kind=type(error).__name__,
                error=str(error)[:300],
            ),
            sentence("Correct it in the folder and try again; nothing was changed."),
        ) from error
