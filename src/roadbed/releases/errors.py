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


class UnknownReleaseError(RoadbedError):
    """No release of this id."""

    code = "release_unknown"

    def __init__(self, release: str) -> None:
        super().__init__(
            f"There is no release {release[:80]!r}.",
            "`roadbed release list USECASE` names them.",
        )


class ReleaseUnderWayError(RoadbedError):
    """A use case tries one candidate at a time."""

    code = "release_under_way"

    def __init__(self, use_case: str, number: int, step: str) -> None:
        super().__init__(
            f"Release {number} of {use_case!r} is under way ({step}).",
            f"Finish it, or take it off: `roadbed release withdraw {use_case}`.",
        )


class ReleaseStepError(RoadbedError):
    """The step asked for does not follow from where the release is."""

    code = "release_step"

    def __init__(self, number: int, step: str, wanted: str, possible: str) -> None:
        super().__init__(
            f"Release {number} is {step.replace('_', ' ')}, so it cannot become "
            f"{wanted.replace('_', ' ')}.",
            f"Next comes `{possible}`." if possible else "Plan another release.",
        )


class NothingToJudgeError(RoadbedError):
    """The gate has no example that the candidate never saw."""

    code = "nothing_to_judge"

    def __init__(self, use_case: str) -> None:
        super().__init__(
            f"{use_case!r} has no example that only judges, so its gate could show nothing.",
            "Review tasks of the blind sample, or put examples into its folder.",
        )


class GateRunningError(RoadbedError):
    """Somebody runs the gate of this release at this moment."""

    code = "gate_running"

    def __init__(self, number: int) -> None:
        super().__init__(
            f"The gate of release {number} is being run already.", "Wait for what it shows."
        )


class SignOffError(RoadbedError):
    """A word that cannot count: by the wrong person, in another role, on something else."""

    code = "sign_off_invalid"


class NotYoursToSignError(SignOffError):
    """A word by the author, or by somebody who is not what the release needs."""

    code = "sign_off_not_yours"


class SignOffsMissingError(RoadbedError):
    """Not everybody who has to agree does, now and to exactly this content."""

    code = "sign_offs_missing"


class CannotDecideError(RoadbedError):
    """Something in the world forbids this step now: a halt, an alarm, another live version."""

    code = "release_blocked"


class TrialShortError(RoadbedError):
    """Shadow or canary has not compared enough tasks yet."""

    code = "trial_too_short"

    def __init__(self, step: str, compared: int, wanted: int) -> None:
        super().__init__(
            f"The {step} has compared {compared:,} of {wanted:,} tasks.",
            "Wait for more traffic; its report says how it goes.",
        )


class TrialUndecidedError(RoadbedError):
    """Live version and canary differ on tasks that nobody has looked at yet."""

    code = "trial_undecided"

    def __init__(self, tasks: int) -> None:
        super().__init__(
            f"On {tasks:,} task{'' if tasks == 1 else 's'} of the canary the two versions differ, "
            "and nobody has said yet which is right.",
            "Review them; they stand in the queue.",
        )


class RollBackError(RoadbedError):
    """There is nothing to go back to, or not to what was asked for."""

    code = "roll_back_impossible"
