"""Errors of receipts, incidents and erasure."""

from __future__ import annotations

from roadbed.kernel.errors import RoadbedError


class UnknownTaskError(RoadbedError):
    """No task of this id, or none that the caller may see."""

    code = "task_unknown"

    def __init__(self, task_id: str) -> None:
        super().__init__(
            f"There is no task {task_id[:60]!r} here.",
            "Take its id from the answer that admitted it.",
        )


class IncidentError(RoadbedError):
    """The time span of an incident is invalid."""

    code = "incident_invalid"


class UnknownIncidentError(RoadbedError):
    """No incident of this id was declared for this use case."""

    code = "incident_unknown"

    def __init__(self, incident_id: str) -> None:
        super().__init__(
            f"There is no incident {incident_id[:60]!r} here.",
            "Take its id from the answer that declared it.",
        )


class ErasureError(RoadbedError):
    """The task still has an open decision, review or delivery."""

    code = "erasure_too_early"

    def __init__(self, task_id: str) -> None:
        super().__init__(
            f"The task {task_id} is not at its end: a decision, a review or a delivery is open.",
            "Finish or cancel that first, then erase.",
        )


class ProofHiddenError(RoadbedError):
    """A part of the task is hidden from who asks for its proof."""

    code = "proof_hidden"

    def __init__(self, task_id: str) -> None:
        super().__init__(
            f"A part of the task {task_id} is hidden from you, and its proof would show it.",
            "Download the proof after the review of the task.",
        )
