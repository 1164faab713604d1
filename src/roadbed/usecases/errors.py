"""Errors: what can be wrong with a use case, and how to fix it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from roadbed.kernel.errors import RoadbedError
from roadbed.kernel.sentences import Text, joined, sentence
from roadbed.kernel.suggestions import did_you_mean


@dataclass(frozen=True, kw_only=True, slots=True)
class Problem:
    """One mistake in a use-case folder. ``field`` is the keyword of ``UseCase`` it is about."""

    problem: Text
    remedy: Text
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
            sentence(
                "The accepted change %(patch)s cannot be used: %(detail)s.",
                patch=patch,
                detail=detail,
            ),
            sentence("Reject it, or accept it again with its condition or fields corrected."),
        )


class UseCaseError(RoadbedError):
    """A use case that is declared wrongly; ``problems`` lists every mistake found."""

    code = "usecase_invalid"

    def __init__(self, name: str, problems: Sequence[Problem]) -> None:
        super().__init__(
            sentence(
                "The use case %(name)r cannot be used: %(listed)s",
                name=name,
                listed=joined(" ", problems),
            ),
            sentence("Run `roadbed check` on its folder."),
        )
        self.problems = tuple(problems)


class UnknownUseCaseError(RoadbedError):
    """No use case of this name, or none that the caller may see, who sees ``known``."""

    code = "usecase_unknown"

    def __init__(self, name: str, folder: Path | None = None, known: Sequence[str] = ()) -> None:
        self.name = name
        super().__init__(
            sentence(
                "There is no use case %(name)r here.%(meant)s",
                name=name[:80],
                meant=did_you_mean(name[:80], known),
            ),
            sentence(
                "`roadbed up` lists those it serves; names are case-sensitive. A folder that was "
                "added since it started is served after a restart. You see those in which you have "
                "a role, and an administrator gives roles."
            )
            if folder is None
            else sentence(
                "No folder of that name that can be used is in %(folder)s, which "
                "ROADBED_USECASES names; names are case-sensitive.",
                folder=folder,
            ),
        )
