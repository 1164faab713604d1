"""Why a review cannot be claimed or closed."""

from __future__ import annotations

from roadbed.kernel.errors import RoadbedError


class UnknownReviewError(RoadbedError):
    """No review of this id, or none that the caller may see."""

    code = "review_unknown"

    def __init__(self, review_id: str) -> None:
        super().__init__(
            f"There is no review {review_id[:60]!r} here.", "Take its id from the queue."
        )


class ReviewTakenError(RoadbedError):
    """Somebody else holds the claim, or must: who has seen an answer cannot look a second time."""

    code = "review_taken"

    def __init__(self, holder: str | None) -> None:
        if holder is None:
            super().__init__(
                "This review is for somebody else: you know an answer to it already.",
                "Take the next one.",
            )
        else:
            super().__init__(
                f"{holder} is working on this review.",
                "Take the next one; a claim runs out by itself.",
            )


class OwnTaskError(RoadbedError):
    """Whoever sent a task, or a corrected input of it, judges it."""

    code = "own_task"

    def __init__(self) -> None:
        super().__init__(
            "You sent this task, or whoever let you in did: somebody else has to judge it.",
            "Take the next one. Let programs send under a name and with a token of their own, so "
            "that people can review what they send.",
        )


class ReviewClosedError(RoadbedError):
    """A verdict stands already."""

    code = "review_closed"

    def __init__(self, review_id: str) -> None:
        super().__init__(
            f"The review {review_id} already has its verdict.",
            "Undo it first, if it was yours and you want to change it.",
        )


class ReviewSupersededError(RoadbedError):
    """A corrected input arrived, and its revision was decided since."""

    code = "review_superseded"

    def __init__(self, review_id: str, task_id: str) -> None:
        super().__init__(
            f"The input of the review {review_id} was corrected: the task is {task_id} by now.",
            f"Open /receipts/{task_id} and judge that one if it waits for you; nothing you typed "
            "was taken for it.",
        )
        self.task_id = task_id


class VerdictError(RoadbedError):
    """A verdict that does not fit the review."""

    code = "verdict_invalid"


class ContentChangedError(RoadbedError):
    """What was shown when the verdict was given is not what is decided now."""

    code = "content_changed"

    def __init__(self, review_id: str) -> None:
        super().__init__(
            f"What is proposed in the review {review_id} is not what you were shown.",
            "Open the review again, look at what is proposed now, and give the verdict on that.",
        )


class NothingToUndoError(RoadbedError):
    """No verdict of this person stands on the review."""

    code = "nothing_to_undo"

    def __init__(self, review_id: str) -> None:
        super().__init__(
            f"No verdict of yours stands on the review {review_id}.",
            "Only the person who gave a verdict can take it back.",
        )


class KnownCaseError(RoadbedError):
    """The verdict was on a known case, and was answered with what is right."""

    code = "review_known_case"

    def __init__(self, review_id: str) -> None:
        super().__init__(
            f"The review {review_id} was a case whose right answer is known, and you were told it.",
            "Leave it: it changes nothing but the figures of how reviewers do.",
        )
