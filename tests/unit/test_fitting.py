"""Errors of a pod's decider during fitting."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from roadbed.executors.fitting import fit
from roadbed.usecases.decider import OutOfFold
from roadbed.usecases.errors import TrainingError


class Whole:
    """Everything there, and each part may be made to fail."""

    failing = ""

    def fit(self, examples: Sequence[Any], *, seed: int) -> Whole:
        self._may_fail("fit")
        return self

    def decide_many(self, inputs: Sequence[Any]) -> Sequence[Any]:
        return []

    def save(self) -> Mapping[str, bytes]:
        self._may_fail("save")
        return {"state": b"1"}

    def load(self, files: Mapping[str, bytes]) -> Whole:
        return self

    @property
    def out_of_fold(self) -> OutOfFold:
        self._may_fail("out_of_fold")
        return OutOfFold(confidence=np.ones(1), wrong=np.zeros(1, dtype=bool))

    def _may_fail(self, verb: str) -> None:
        if self.failing == verb:
            raise ZeroDivisionError("division by zero")


def test_gives_what_is_kept_of_a_decider_that_learned() -> None:
    fitted = fit(Whole(), [], seed=1)
    assert fitted.files == {"state": b"1"}
    assert isinstance(fitted.decider, Whole)


@pytest.mark.parametrize("verb", ["fit", "save", "out_of_fold"])
def test_names_the_decider_and_what_it_raised(verb: str) -> None:
    decider = Whole()
    decider.failing = verb
    with pytest.raises(TrainingError, match="Whole failed while it learned: ZeroDivisionError"):
        fit(decider, [], seed=1)


def test_passes_on_what_already_says_the_remedy() -> None:
    class Untaught(Whole):
        def fit(self, examples: Sequence[Any], *, seed: int) -> Whole:
            raise TrainingError("There is nothing to learn from.", "Correct some tasks first.")

    with pytest.raises(TrainingError, match="nothing to learn from"):
        fit(Untaught(), [], seed=1)


def test_says_what_a_class_lacks() -> None:
    class Wrapper:
        """Passes everything on, but its class does not declare it."""

        def __init__(self, inner: Whole) -> None:
            self._inner = inner

        def __getattr__(self, name: str) -> Any:
            return getattr(self._inner, name)

        def fit(self, examples: Sequence[Any], *, seed: int) -> Any:
            return self

    with pytest.raises(TrainingError, match="its class has no decide_many and no save"):
        fit(Wrapper(Whole()), [], seed=1)
