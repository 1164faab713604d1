"""Errors of releases: why a release cannot take a step."""

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
    """Another release of the use case is under way."""

    code = "release_under_way"

    def __init__(self, use_case: str, number: int, step: str) -> None:
        super().__init__(
            f"Release {number} of {use_case!r} is under way ({step}).",
            f"Finish it, or withdraw it: `roadbed release withdraw {use_case}`.",
        )


class ReleaseStepError(RoadbedError):
    """The requested step does not follow from the step of the release."""

    code = "release_step"

    def __init__(self, number: int, step: str, wanted: str, possible: str) -> None:
        super().__init__(
            f"Release {number} is {step.replace('_', ' ')}, so it cannot become "
            f"{wanted.replace('_', ' ')}.",
            f"Next comes `{possible}`." if possible else "Plan another release.",
        )


class NothingToJudgeError(RoadbedError):
    """The holdout is empty, so the gate has nothing to measure."""

    code = "nothing_to_judge"

    def __init__(self, use_case: str) -> None:
        super().__init__(
            f"{use_case!r} has no example that only judges, so its gate has nothing to measure.",
            "Review tasks of the blind sample, or put examples into its folder.",
        )


class GateRunningError(RoadbedError):
    """The gate of this release is running already."""

    code = "gate_running"

    def __init__(self, number: int) -> None:
        super().__init__(
            f"The gate of release {number} is running already.", "Wait for its result."
        )


class SignOffError(RoadbedError):
    """A sign-off that cannot count: wrong person, wrong role or other content."""

    code = "sign_off_invalid"


class NotYoursToSignError(SignOffError):
    """A sign-off by an author, or by a person without the role that is needed."""

    code = "sign_off_not_yours"


class SignOffsMissingError(RoadbedError):
    """A sign-off that the release needs is missing, expired or refused."""

    code = "sign_offs_missing"


class CannotDecideError(RoadbedError):
    """Something else prevents the step: a halt, an alarm, another live version."""

    code = "release_blocked"


class TrialShortError(RoadbedError):
    """Shadow or canary has not compared enough tasks yet."""

    code = "trial_too_short"

    def __init__(self, step: str, compared: int, wanted: int) -> None:
        super().__init__(
            f"The {step} has compared {compared:,} of {wanted:,} tasks.",
            "Wait for more tasks; the report of the trial shows the progress.",
        )


class TrialUndecidedError(RoadbedError):
    """Live version and canary differ on tasks that have no label yet."""

    code = "trial_undecided"

    def __init__(self, tasks: int) -> None:
        super().__init__(
            f"On {tasks:,} task{'' if tasks == 1 else 's'} of the canary the two versions differ, "
            "and no label says which is right.",
            "Review them; they are in the review queue.",
        )


class RollBackError(RoadbedError):
    """There is no version to go back to, or not the one that was requested."""

    code = "roll_back_impossible"
