"""Errors: why an outcome is not accepted."""

from __future__ import annotations

from roadbed.kernel.errors import RoadbedError


class OutcomeError(RoadbedError):
    """An outcome that says nothing, contradicts itself or does not fit its use case."""

    code = "outcome_invalid"


class OutcomeTaskError(RoadbedError):
    """No task of this id or key in this use case."""

    code = "task_unknown"

    def __init__(self, named: str, *, by_key: bool) -> None:
        kind = "with the key " if by_key else ""
        super().__init__(
            f"There is no task {kind}{named[:60]!r} here.",
            "Send the id of its receipt as task, or the key it was sent with as task_key.",
        )


class TaskUndecidedError(RoadbedError):
    """Nothing was answered yet that could have turned out."""

    code = "task_undecided"

    def __init__(self, task_id: str) -> None:
        super().__init__(
            f"The task {task_id} is not decided yet, so there is no answer to say this of.",
            "Report it again in a moment; its receipt says when it is decided.",
        )


class TaskErasedError(RoadbedError):
    """What was known of the task was erased for good."""

    code = "task_erased"

    def __init__(self, task_id: str) -> None:
        super().__init__(
            f"What was known of the task {task_id} was erased; nothing new may be kept of it.",
            "Leave it out.",
        )


class OutcomeKeyReusedError(RoadbedError):
    """A key that stands for something else that was reported."""

    code = "key_reused"

    def __init__(self, key: str, outcome_id: str) -> None:
        super().__init__(
            f"The key {key[:80]!r} already stands for another report ({outcome_id}).",
            "Give each report a key of its own; repeat a key only to send the same again.",
        )


class NoSuchOutcomeError(RoadbedError):
    """No outcome of this id, or none that the caller may see."""

    code = "outcome_unknown"

    def __init__(self, outcome_id: str) -> None:
        super().__init__(
            f"There is no outcome {outcome_id[:60]!r} here.", "Take its id from the list."
        )
