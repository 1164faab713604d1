"""Errors: why an outcome is not accepted."""

from __future__ import annotations

from roadbed.kernel.errors import RoadbedError
from roadbed.kernel.sentences import sentence


class OutcomeError(RoadbedError):
    """An outcome is empty, contradicts itself or does not fit its use case."""

    code = "outcome_invalid"


class OutcomeTaskError(RoadbedError):
    """No task of this id or key in this use case."""

    code = "task_unknown"

    def __init__(self, named: str, *, by_key: bool) -> None:
        super().__init__(
            sentence("There is no task with the key %(named)r here.", named=named[:60])
            if by_key
            else sentence("There is no task %(task_id)r here.", task_id=named[:60]),
            sentence(
                "Send the id of its receipt as task, or the key it was sent with as task_key."
            ),
        )


class TaskUndecidedError(RoadbedError):
    """The task has no answer yet that an outcome could be about."""

    code = "task_undecided"

    def __init__(self, task_id: str) -> None:
        super().__init__(
            sentence(
                "The task %(task_id)s is not decided yet, so it has no answer to report on.",
                task_id=task_id,
            ),
            sentence("Report it again in a moment; its receipt says when it is decided."),
        )


class TaskErasedError(RoadbedError):
    """The content of the task was erased."""

    code = "task_erased"

    def __init__(self, task_id: str) -> None:
        super().__init__(
            sentence(
                "The content of the task %(task_id)s was erased; no outcome can be recorded "
                "for it.",
                task_id=task_id,
            ),
            sentence("Leave it out."),
        )


class OutcomeKeyReusedError(RoadbedError):
    """A key that belongs to another report."""

    code = "key_reused"

    def __init__(self, key: str, outcome_id: str) -> None:
        super().__init__(
            sentence(
                "The key %(key)r already belongs to another report (%(outcome_id)s).",
                key=key[:80],
                outcome_id=outcome_id,
            ),
            sentence("Give each report its own key; repeat a key only to send the same again."),
        )


class NoSuchOutcomeError(RoadbedError):
    """No outcome of this id, or none that the caller may see."""

    code = "outcome_unknown"

    def __init__(self, outcome_id: str) -> None:
        super().__init__(
            sentence("There is no outcome %(outcome_id)r here.", outcome_id=outcome_id[:60]),
            sentence("Take its id from the list."),
        )
