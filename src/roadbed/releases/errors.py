"""Why a release cannot take a step."""

from __future__ import annotations

from roadbed.kernel.errors import RoadbedError


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
