"""Why a decision could not be recorded."""

from __future__ import annotations

from roadbed.kernel.errors import RoadbedError


class NotDecidedInTimeError(RoadbedError):
    """The caller's wait ended before the decision; the task itself goes on."""

    code = "still_deciding"

    def __init__(self, task_id: str) -> None:
        super().__init__(
            f"The task {task_id} is being decided.", "Ask for its receipt in a moment."
        )
        self.task_id = task_id
