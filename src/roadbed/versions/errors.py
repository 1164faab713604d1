"""Why a version cannot be made or served."""

from __future__ import annotations

from pathlib import Path

from roadbed.kernel.errors import RoadbedError


class FolderChangedError(RoadbedError):
    """A file of the folder is not what it was when the folder was loaded."""

    code = "folder_changed"

    def __init__(self, use_case: str, name: str) -> None:
        super().__init__(
            f"{name!r} of {use_case!r} has changed since its folder was loaded.",
            "Restart the process, so that what is stored is what runs.",
        )


class UnknownVersionError(RoadbedError):
    """No version of this name belongs to the use case."""

    code = "version_unknown"

    def __init__(self, version: str) -> None:
        super().__init__(
            f"There is no version {version[:80]!r}.",
            "`roadbed version list USECASE` names them, by number or id.",
        )


class VersionForgedError(RoadbedError):
    """The rows of a version were changed: its id does not stand for what they name."""

    code = "version_forged"

    def __init__(self, use_case: str, version: str) -> None:
        super().__init__(
            f"The rows of version {version} of {use_case} are not those it was made with: people "
            "decide.",
            "Find out who wrote to the database, restore a backup, or release a new version.",
        )


class ArtifactMissingError(RoadbedError):
    """Trained state that a version names is not stored, or not the bytes it was."""

    code = "artifact_missing"

    def __init__(self, use_case: str, name: str) -> None:
        super().__init__(
            f"The trained state {name!r} of {use_case!r} is missing or damaged.",
            f"Run `roadbed improve {use_case}` to train it again.",
        )


class VersionsFolderError(RoadbedError):
    """The folder below which versions are written out cannot be used."""

    code = "versions_folder"

    def __init__(self, folder: Path, error: OSError) -> None:
        super().__init__(
            f"The versions folder {folder} cannot be used: {error.strerror or error}.",
            "Make room there, or let this process read and write it.",
        )


class ResourceExhaustedError(RoadbedError):
    """The machine lacks what it takes to load a version; the version itself may be whole."""

    code = "resource_exhausted"

    def __init__(self, use_case: str, error: BaseException) -> None:
        super().__init__(
            f"A version of {use_case!r} cannot be loaded on this machine: "
            f"{getattr(error, 'strerror', None) or type(error).__name__}.",
            "Make room on the disk, in memory or among the open files of this process.",
        )


class ReplayBlindError(RoadbedError):
    """What a version says would sway whoever has still to judge the task."""

    code = "replay_blind"

    def __init__(self, task_id: str) -> None:
        super().__init__(
            f"The task {task_id} is still to be decided or judged, and another answer would sway "
            "whoever judges it.",
            "Replay it once its verdict stands.",
        )


class ReplayInputError(RoadbedError):
    """The input of a task does not fit what a version takes."""

    code = "replay_input"

    def __init__(self, task_id: str, version: int, detail: str) -> None:
        super().__init__(
            f"The input of {task_id} does not fit what version {version} takes: {detail}.",
            "Replay it on a version that declares this input.",
        )


class ReplayBudgetError(RoadbedError):
    """A replay costs money, and none is left."""

    code = "replay_budget"

    def __init__(self, use_case: str) -> None:
        super().__init__(
            f"The budget of {use_case!r} is used up, and a replay costs what a decision costs.",
            "Raise the budget in usecase.py, or wait for the next period.",
        )
