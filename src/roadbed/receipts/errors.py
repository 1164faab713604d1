"""Errors of receipts, incidents and erasure."""

from __future__ import annotations

from roadbed.kernel.errors import RoadbedError
from roadbed.kernel.sentences import sentence


class UnknownTaskError(RoadbedError):
    """No task of this id, or none that the caller may see."""

    code = "task_unknown"

    def __init__(self, task_id: str) -> None:
        super().__init__(
            sentence("There is no task %(task_id)r here.", task_id=task_id[:60]),
            sentence("Take its id from the answer that admitted it."),
        )


class IncidentError(RoadbedError):
    """The time span of an incident is invalid."""

    code = "incident_invalid"


class UnknownIncidentError(RoadbedError):
    """No incident of this id was declared for this use case."""

    code = "incident_unknown"

    def __init__(self, incident_id: str) -> None:
        super().__init__(
            sentence("There is no incident %(incident_id)r here.", incident_id=incident_id[:60]),
            sentence("Take its id from the answer that declared it."),
        )


class ErasureError(RoadbedError):
    """The task still has an open decision, review or delivery."""

    code = "erasure_too_early"

    def __init__(self, task_id: str) -> None:
        super().__init__(
            sentence(
                "The task %(task_id)s is not at its end: a decision, a review or a delivery "
                "is open.",
                task_id=task_id,
            ),
            sentence("Finish or cancel that first, then erase."),
        )


class ProofHiddenError(RoadbedError):
    """A part of the task is hidden from who asks for its proof."""

    code = "proof_hidden"

    def __init__(self, task_id: str) -> None:
        super().__init__(
            sentence(
                "A part of the task %(task_id)s is hidden from you, and its proof would show it.",
                task_id=task_id,
            ),
            sentence(
                "Download the proof after the review of the task. What documents of an access "
                "group say is in the proof for members of the group only."
            ),
        )
