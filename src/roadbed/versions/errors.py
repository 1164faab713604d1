"""Errors of versions: why one cannot be made, served or replayed."""

from __future__ import annotations

from pathlib import Path

from roadbed.kernel.errors import RoadbedError
from roadbed.kernel.sentences import Text, sentence


class FolderChangedError(RoadbedError):
    """A file of the folder has changed since the folder was loaded."""

    code = "folder_changed"

    def __init__(self, use_case: str, name: str) -> None:
        super().__init__(
            sentence(
                "%(name)r of %(use_case)r has changed since its folder was loaded.",
                name=name,
                use_case=use_case,
            ),
            sentence("Restart the process, so that the stored version is the running one."),
        )


class UnknownVersionError(RoadbedError):
    """No version of this name belongs to the use case."""

    code = "version_unknown"

    def __init__(self, version: str) -> None:
        super().__init__(
            sentence("There is no version %(version)r.", version=version[:80]),
            sentence("`roadbed version list USECASE` names them, by number or id."),
        )


class VersionForgedError(RoadbedError):
    """The rows of a version were changed, so that its id does not match them."""

    code = "version_forged"

    def __init__(self, use_case: str, version: str) -> None:
        super().__init__(
            sentence(
                "The rows of version %(version)s of %(use_case)s were changed after it was "
                "made: people decide.",
                version=version,
                use_case=use_case,
            ),
            sentence(
                "Find out who wrote to the database, restore a backup, or release a new version."
            ),
        )


class ArtifactMissingError(RoadbedError):
    """Trained state of a version is missing or damaged, or its decider did not load it.

    ``reason`` says why it did not.
    """

    code = "artifact_missing"

    def __init__(self, use_case: str, name: str, reason: Text | None = None) -> None:
        problem = sentence(
            "The trained state %(name)r of %(use_case)r is missing or damaged.",
            name=name,
            use_case=use_case,
        )
        if reason is not None:
            problem = sentence(
                "The trained state %(name)r of %(use_case)r cannot be loaded: %(reason)s.",
                name=name,
                use_case=use_case,
                reason=reason,
            )
        super().__init__(
            problem,
            sentence("Run `roadbed improve %(use_case)s` to train it again.", use_case=use_case),
        )


class VersionsFolderError(RoadbedError):
    """The folder into which versions are written cannot be used."""

    code = "versions_folder"

    def __init__(self, folder: Path, error: OSError) -> None:
        super().__init__(
            sentence(
                "The versions folder %(folder)s cannot be used: %(strerror)s.",
                folder=folder,
                strerror=error.strerror or error,
            ),
            sentence("Free space there, or let this process read and write it."),
        )


class ResourceExhaustedError(RoadbedError):
    """The machine lacks resources to load a version; the version may be intact."""

    code = "resource_exhausted"

    def __init__(self, use_case: str, error: BaseException) -> None:
        super().__init__(
            sentence(
                "A version of %(use_case)r cannot be loaded on this machine: %(error)s.",
                use_case=use_case,
                error=getattr(error, "strerror", None) or type(error).__name__,
            ),
            sentence("Free disk space or memory, or let this process open more files."),
        )


class ReplayBlindError(RoadbedError):
    """The answer of a version would bias the person who has still to judge the task."""

    code = "replay_blind"

    def __init__(self, task_id: str) -> None:
        super().__init__(
            sentence(
                "The task %(task_id)s is still to be decided or judged, and another answer "
                "would bias the reviewer.",
                task_id=task_id,
            ),
            sentence("Replay it after its verdict."),
        )


class ReplayInputError(RoadbedError):
    """The input of a task does not fit the version's declaration."""

    code = "replay_input"

    def __init__(self, task_id: str, version: int, detail: str) -> None:
        super().__init__(
            sentence(
                "The input of %(task_id)s does not fit what version %(version)s takes: %(detail)s.",
                task_id=task_id,
                version=version,
                detail=detail,
            ),
            sentence("Replay it on a version that declares this input."),
        )


class ReplayBudgetError(RoadbedError):
    """A replay costs money, and none is left."""

    code = "replay_budget"

    def __init__(self, use_case: str) -> None:
        super().__init__(
            sentence(
                "The budget of %(use_case)r is used up, and a replay costs what a decision costs.",
                use_case=use_case,
            ),
            sentence("Raise the budget in usecase.py, or wait for the next period."),
        )
