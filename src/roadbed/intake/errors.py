"""Errors: why a task is not accepted."""

from __future__ import annotations

from collections.abc import Sequence

from roadbed.kernel.errors import RoadbedError


class InputError(RoadbedError):
    """The input is not what the use case declares. ``fields`` says where and why."""

    code = "input_invalid"

    def __init__(self, fields: Sequence[tuple[str, str]]) -> None:
        listed = "; ".join(f"{place}: {problem}" for place, problem in fields)
        super().__init__(
            f"The input does not fit: {listed}.",
            "Correct these fields; the use case's page shows the declared input.",
        )
        self.fields = tuple(fields)


class KeyReusedError(RoadbedError):
    """A key that already belongs to another input."""

    code = "key_reused"

    def __init__(self, key: str, task_id: str) -> None:
        super().__init__(
            f"The key {key[:80]!r} already belongs to another input (task {task_id}).",
            "Send each piece of work under its own key; repeat a key only to ask "
            "again for the same work.",
        )
        self.task_id = task_id


class RetiredError(RoadbedError):
    """The use case is retired: it takes no new work."""

    code = "usecase_retired"

    def __init__(self, use_case: str) -> None:
        super().__init__(
            f"{use_case!r} is retired and takes no new tasks.",
            "Send this work to the system that does it now. The releases page says why it was "
            f"retired; `roadbed release plan {use_case}` starts a new release.",
        )


class OverloadedError(RoadbedError):
    """More tasks wait in memory than this process, or this use case, may hold.

    Nothing of the task was stored.
    """

    code = "overloaded"

    def __init__(self, in_flight: int, use_case: str | None = None) -> None:
        whose = f" of {use_case!r}, its share of this process," if use_case else ""
        super().__init__(
            f"{in_flight} tasks{whose} are being decided already.",
            "Send it again in a few seconds with the same key.",
        )


class NoSuchTaskError(RoadbedError):
    """No task of this id in this use case."""

    code = "task_unknown"

    def __init__(self, task_id: str) -> None:
        super().__init__(
            f"There is no task {task_id[:60]!r} here.",
            "Take its id from the answer that admitted it.",
        )


class RevisionErasedError(RoadbedError):
    """A corrected input for a task whose content was erased."""

    code = "task_erased"

    def __init__(self, task_id: str) -> None:
        super().__init__(
            f"The content of the task {task_id} was erased; it takes no corrected input.",
            "Send it as a new task if it is still needed.",
        )
