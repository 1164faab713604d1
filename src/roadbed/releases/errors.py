"""Errors of releases: why a release cannot take a step."""

from __future__ import annotations

from roadbed.kernel.errors import RoadbedError
from roadbed.kernel.sentences import figure, sentence, sentences


class UnknownReleaseError(RoadbedError):
    """No release of this id."""

    code = "release_unknown"

    def __init__(self, release: str) -> None:
        super().__init__(
            sentence("There is no release %(release)r.", release=release[:80]),
            sentence("`roadbed release list USECASE` names them."),
        )


class ReleaseUnderWayError(RoadbedError):
    """Another release of the use case is under way."""

    code = "release_under_way"

    def __init__(self, use_case: str, number: int, step: str) -> None:
        super().__init__(
            sentence(
                "Release %(number)s of %(use_case)r is under way (%(step)s).",
                number=number,
                use_case=use_case,
                step=sentence(step),
            ),
            sentence(
                "Finish it, or withdraw it: `roadbed release withdraw %(use_case)s`.",
                use_case=use_case,
            ),
        )


class ReleaseStepError(RoadbedError):
    """The requested step does not follow from the step of the release."""

    code = "release_step"

    def __init__(self, number: int, step: str, wanted: str, possible: str) -> None:
        super().__init__(
            sentence(
                "Release %(number)s is %(step)s, so it cannot become %(wanted)s.",
                number=number,
                step=sentence(step.replace("_", " ")),
                wanted=sentence(wanted.replace("_", " ")),
            ),
            sentence("Next comes `%(possible)s`.", possible=possible)
            if possible
            else sentence("Plan another release."),
        )


class NothingToJudgeError(RoadbedError):
    """The holdout is empty, so the gate has nothing to measure."""

    code = "nothing_to_judge"

    def __init__(self, use_case: str) -> None:
        super().__init__(
            sentence(
                "%(use_case)r has no example that only judges, so its gate has nothing to measure.",
                use_case=use_case,
            ),
            sentence("Review tasks of the blind sample, or put examples into its folder."),
        )


class GateRunningError(RoadbedError):
    """The gate of this release is running already."""

    code = "gate_running"

    def __init__(self, number: int) -> None:
        super().__init__(
            sentence("The gate of release %(number)s is running already.", number=number),
            sentence("Wait for its result."),
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
            sentence(
                "The %(step)s has compared %(compared)s of %(wanted)s tasks.",
                step=step,
                compared=figure(f"{compared:,}"),
                wanted=figure(f"{wanted:,}"),
            ),
            sentence("Wait for more tasks; the report of the trial shows the progress."),
        )


class TrialUndecidedError(RoadbedError):
    """Live version and canary differ on tasks that have no label yet."""

    code = "trial_undecided"

    def __init__(self, tasks: int) -> None:
        super().__init__(
            sentences(
                "On %(n)s task of the canary the two versions differ, and no label says which is "
                "right.",
                "On %(n)s tasks of the canary the two versions differ, and no label says which is "
                "right.",
                tasks,
            ),
            sentence("Review them; they are in the review queue."),
        )


class RollBackError(RoadbedError):
    """There is no version to go back to, or not the one that was requested."""

    code = "roll_back_impossible"
