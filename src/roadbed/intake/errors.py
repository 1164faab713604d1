"""Errors: why a task is not accepted."""

from __future__ import annotations

from collections.abc import Sequence

from roadbed.kernel.errors import RoadbedError
from roadbed.kernel.sentences import Text, joined, sentence, sentences


class InputError(RoadbedError):
    """The input is not what the use case declares. ``fields`` says where and why."""

    code = "input_invalid"

    def __init__(self, fields: Sequence[tuple[str, Text]]) -> None:
        listed = joined("; ", (joined(": ", field) for field in fields))
        super().__init__(
            sentence("The input does not fit: %(listed)s.", listed=listed),
            sentence("Correct these fields; the use case's page shows the declared input."),
        )
        self._fields = tuple(fields)

    @property
    def fields(self) -> Sequence[tuple[str, str]]:
        """Each place in the input, and what is wrong there."""
        return [(place, str(problem)) for place, problem in self._fields]


class KeyReusedError(RoadbedError):
    """A key that already belongs to another input."""

    code = "key_reused"

    def __init__(self, key: str, task_id: str) -> None:
        super().__init__(
            sentence(
                "The key %(key)r already belongs to another input (task %(task_id)s).",
                key=key[:80],
                task_id=task_id,
            ),
            sentence(
                "Send each piece of work under its own key; repeat a key only to ask again "
                "for the same work."
            ),
        )
        self.task_id = task_id


class RetiredError(RoadbedError):
    """The use case is retired: it takes no new work."""

    code = "usecase_retired"

    def __init__(self, use_case: str) -> None:
        super().__init__(
            sentence("%(use_case)r is retired and takes no new tasks.", use_case=use_case),
            sentence(
                "Send this work to the system that does it now. The releases page says why "
                "it was retired; `roadbed release plan %(use_case)s` starts a new release.",
                use_case=use_case,
            ),
        )


class OverloadedError(RoadbedError):
    """More tasks wait in memory than this process, or this use case, may hold.

    Nothing of the task was stored.
    """

    code = "overloaded"

    def __init__(self, in_flight: int, use_case: str | None = None) -> None:
        super().__init__(
            sentences(
                "%(n)s task of %(use_case)r, its share of this process, is being decided already.",
                "%(n)s tasks of %(use_case)r, its share of this process, are being decided "
                "already.",
                in_flight,
                use_case=use_case,
            )
            if use_case
            else sentences(
                "%(n)s task is being decided already.",
                "%(n)s tasks are being decided already.",
                in_flight,
            ),
            sentence("Send it again in a few seconds with the same key."),
        )


class NoSuchTaskError(RoadbedError):
    """No task of this id in this use case."""

    code = "task_unknown"

    def __init__(self, task_id: str) -> None:
        super().__init__(
            sentence("There is no task %(task_id)r here.", task_id=task_id[:60]),
            sentence("Take its id from the answer that admitted it."),
        )


class RevisionErasedError(RoadbedError):
    """A corrected input for a task whose content was erased."""

    code = "task_erased"

    def __init__(self, task_id: str) -> None:
        super().__init__(
            sentence(
                "The content of the task %(task_id)s was erased; it takes no corrected input.",
                task_id=task_id,
            ),
            sentence("Send it as a new task if it is still needed."),
        )
