"""Errors of jobs."""

from __future__ import annotations

from roadbed.kernel.errors import RoadbedError
from roadbed.kernel.sentences import Text, sentence


class UnknownJobError(RoadbedError):
    """There is no such job."""

    code = "unknown_job"

    def __init__(self, job_id: str) -> None:
        super().__init__(
            sentence("There is no job %(id)r.", id=job_id[:80]),
            sentence("Choose a job of the list of jobs."),
        )


class JobStateError(RoadbedError):
    """The state of a job does not allow what was asked."""

    code = "job_state"

    def __init__(self, job_id: str, state: str) -> None:
        super().__init__(
            sentence("The job %(id)r is %(state)s.", id=job_id, state=state),
            sentence(
                "A waiting or running job can be paused, a paused one resumed; an ended job cannot "
                "change. Start it again if it should run again."
            ),
        )


class JobFailedError(RoadbedError):
    """A job that somebody waited for did not end as it should."""

    code = "job_failed"

    def __init__(self, job_id: str, reason: Text) -> None:
        super().__init__(
            sentence("The job %(id)r did not end as asked: %(reason)s", id=job_id, reason=reason),
            sentence("`roadbed jobs show %(id)s` shows how far it came.", id=job_id),
        )
