"""Errors of reviews and verdicts."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from roadbed.kernel.errors import RoadbedError
from roadbed.kernel.sentences import Sentence, joined, sentence
from roadbed.people.model import named
from roadbed.usecases.labels import UnknownLabel


class UnknownReviewError(RoadbedError):
    """No review of this id, or none that the caller may see."""

    code = "review_unknown"

    def __init__(self, review_id: str) -> None:
        super().__init__(
            sentence("There is no review %(review_id)r here.", review_id=review_id[:60]),
            sentence("Take its id from the queue."),
        )


class ReviewTakenError(RoadbedError):
    """Another person has the review, or must have it: who knows an answer is excluded."""

    code = "review_taken"

    def __init__(self, holder: str | None) -> None:
        if holder is None:
            super().__init__(
                sentence("This review is for another person: you already know an answer to it."),
                sentence("Take the next one."),
            )
        else:
            super().__init__(
                sentence("%(holder)s is working on this review.", holder=holder),
                sentence("Take the next one; a claim runs out by itself."),
            )


class OwnTaskError(RoadbedError):
    """A person would judge a task, or a revision of it, that they sent."""

    code = "own_task"

    def __init__(self) -> None:
        super().__init__(
            sentence(
                "You or the person who let you in sent this task: another person has to review it."
            ),
            sentence(
                "Take the next one. Let programs send under a name and with a token of their "
                "own, so that people can review what they send."
            ),
        )


class ReviewClosedError(RoadbedError):
    """The review already has a verdict."""

    code = "review_closed"

    def __init__(self, review_id: str) -> None:
        super().__init__(
            sentence("The review %(review_id)s already has its verdict.", review_id=review_id),
            sentence("Undo it first, if it was yours and you want to change it."),
        )


class ReviewSupersededError(RoadbedError):
    """A corrected input arrived, and its revision was decided since."""

    code = "review_superseded"

    def __init__(self, review_id: str, task_id: str) -> None:
        super().__init__(
            sentence(
                "The input of the review %(review_id)s was corrected: the task is "
                "%(task_id)s by now.",
                review_id=review_id,
                task_id=task_id,
            ),
            sentence(
                "Open /receipts/%(task_id)s and judge that one if it waits for you; nothing "
                "you typed was taken for it.",
                task_id=task_id,
            ),
        )
        self.task_id = task_id


class ReviewHeldError(RoadbedError):
    """A verdict was given, and waits until its label is confirmed."""

    code = "review_held"

    def __init__(self, review_id: str) -> None:
        super().__init__(
            sentence(
                "The verdict on the review %(review_id)s waits until its label is confirmed "
                "as new.",
                review_id=review_id,
            ),
            sentence("Take the next one; the person who gave the verdict can undo it."),
        )


class VerdictError(RoadbedError):
    """A verdict that does not fit the review."""

    code = "verdict_invalid"


class LabelUnknownError(VerdictError):
    """A label that was never seen before: a typing error, or a new one.

    ``labels`` are those that were stopped, each with the known one it may have been meant to be.
    """

    code = "label_unknown"

    def __init__(self, labels: Sequence[UnknownLabel]) -> None:
        super().__init__(joined(" ", map(_stopped, labels)), _way_on(labels))
        self.labels = tuple(labels)

    @property
    def data(self) -> dict[str, object]:
        """What was stopped, for programs."""
        return {
            "labels": [
                {
                    "field": label.field,
                    "value": label.value,
                    "suggestion": label.suggestion,
                    "can_be_new": not label.closed,
                }
                for label in self.labels
            ]
        }


class NoSuchLabelError(RoadbedError):
    """No verdict waits for this label to be confirmed."""

    code = "label_not_waiting"

    def __init__(self, field: str, value: str) -> None:
        super().__init__(
            sentence(
                "No %(field)s %(value)r waits to be confirmed.", field=field[:60], value=value[:60]
            ),
            sentence("It may be decided already, or its verdict was withdrawn."),
        )


class NotYourLabelError(RoadbedError):
    """The person is not the one who decides about new labels in this use case."""

    code = "label_not_yours"

    def __init__(self, role: str) -> None:
        super().__init__(
            sentence(
                "The %(role)s of this use case decides whether a label is new.",
                role=Sentence(partial(named, [role])),
            ),
            sentence("Ask them; the verdict waits meanwhile."),
        )


def _stopped(label: UnknownLabel) -> Sentence:
    facts = {"field": label.field.rpartition(".")[2], "value": label.value[:60]}
    if label.suggestion is None:
        return sentence("No %(field)s is called %(value)s.", **facts)
    return sentence(
        "No %(field)s is called %(value)s. Did you mean %(suggestion)s?",
        **facts,
        suggestion=label.suggestion[:60],
    )


def _way_on(labels: Sequence[UnknownLabel]) -> Sentence:
    if any(label.too_long for label in labels):
        return sentence("A label has one line of at most 200 characters. Give a known one.")
    if any(label.closed for label in labels):
        return sentence(
            "Give one that the output model of the use case lists; a new one is added there."
        )
    return sentence("Correct it; or say that it is new, and it counts once that is confirmed.")


class ContentChangedError(RoadbedError):
    """What was shown when the verdict was given is not what is decided now."""

    code = "content_changed"

    def __init__(self, review_id: str) -> None:
        super().__init__(
            sentence(
                "What is proposed in the review %(review_id)s is not what you were shown.",
                review_id=review_id,
            ),
            sentence(
                "Open the review again, look at what is proposed now, and give the verdict on that."
            ),
        )


class ReviewWithheldError(RoadbedError):
    """The answer quotes documents of an access group that its reviewer is not in."""

    code = "review_withheld"

    def __init__(self) -> None:
        super().__init__(
            sentence("The answer is about documents of an access group that you are not in."),
            sentence("Skip this review: a member of the group has to judge it."),
        )


class NothingToUndoError(RoadbedError):
    """The review has no verdict of this person."""

    code = "nothing_to_undo"

    def __init__(self, review_id: str) -> None:
        super().__init__(
            sentence(
                "No verdict of yours stands on the review %(review_id)s.", review_id=review_id
            ),
            sentence("Only the person who gave a verdict can take it back."),
        )


class ReviewerCheckError(RoadbedError):
    """The verdict was on a reviewer check, whose right answer the reviewer has seen."""

    code = "review_known_case"

    def __init__(self, review_id: str) -> None:
        super().__init__(
            sentence(
                "The review %(review_id)s was a reviewer check, and you were told its right "
                "answer.",
                review_id=review_id,
            ),
            sentence("Leave it: it only counts in the figures about reviewers."),
        )
