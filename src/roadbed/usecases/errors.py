"""Errors: what can be wrong with a use case, and how to fix it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from roadbed.kernel.errors import RoadbedError
from roadbed.kernel.suggestions import did_you_mean


@dataclass(frozen=True, kw_only=True, slots=True)
class Problem:
    """One mistake in a use-case folder. ``field`` is the keyword of ``UseCase`` it is about."""

    problem: str
    remedy: str
    field: str | None = None
    file: Path | None = None
    line: int | None = None

    def __str__(self) -> str:
        place = f"{self.file}:{self.line or 1}: " if self.file else ""
        return f"{place}{self.problem} {self.remedy}"


class TrainingError(RoadbedError):
    """The examples cannot teach this decider anything."""

    code = "training_failed"


class PatchError(RoadbedError):
    """An accepted change that does not fit the use case, or no longer fits it."""

    code = "patch_invalid"

    def __init__(self, patch: str, detail: str) -> None:
        super().__init__(
            f"The accepted change {patch} cannot be used: {detail}.",
            "Reject it, or accept it again with its condition or fields corrected.",
        )


class UseCaseError(RoadbedError):
    """A use case that is declared wrongly; ``problems`` lists every mistake found."""

    code = "usecase_invalid"

    def __init__(self, name: str, problems: Sequence[Problem]) -> None:
        listed = " ".join(str(problem) for problem in problems)
        super().__init__(
            f"The use case {name!r} cannot be used: {listed}", "Run `roadbed check` on its folder."
        )
        self.problems = tuple(problems)


class UnknownUseCaseError(RoadbedError):
    """No use case of this name, or none that the caller may see, who sees ``known``."""

    code = "usecase_unknown"

    def __init__(self, name: str, folder: Path | None = None, known: Sequence[str] = ()) -> None:
        self.name = name
        super().__init__(
            f"There is no use case {name[:80]!r} here.{did_you_mean(name[:80], known)}",
            "`roadbed up` lists those it serves; names are case-sensitive. You see those in "
            "which you have a role, and an administrator gives roles."
            if folder is None
            else f"No folder of that name that can be used is in {folder}, which ROADBED_USECASES "
            "names; names are case-sensitive.",
        )
