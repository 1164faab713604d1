"""The review queue over HTTP."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from roadbed.access import by_review, linker_of, needs, viewer_of
from roadbed.api.deps import app_of, as_json, json_object, person_of, usecase_of
from roadbed.api.problems import RequestError, unknown_fields
from roadbed.people.permissions import Permission, confirms_labels
from roadbed.reviews.errors import UnknownReviewError
from roadbed.reviews.model import HeldVerdict, Review, VerdictKind, without_answer

router = APIRouter()
_VERDICT_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["verdict"],
                    "additionalProperties": False,
                    "properties": {
                        "verdict": {"enum": [item.value for item in VerdictKind]},
                        "output": {
                            "type": "object",
                            "description": "The right output, for `correct`.",
                        },
                        "actions": {
                            "type": "array",
                            "items": {"type": "object"},
                            "description": "For `correct`: the right actions in their order, each "
                            "with name and arguments. An empty list: none is right. Left out: "
                            "nothing is said of actions, and none is sent.",
                        },
                        "content": {
                            "type": "string",
                            "description": "The content_hash of the review as it was shown. If "
                            "something else is proposed by now, the verdict is refused.",
                        },
                        "note": {"type": "string", "maxLength": 4000},
                        "new_kind": {
                            "type": "boolean",
                            "description": "The task is a kind of work that nothing known is like.",
                        },
                        "new_labels": {
                            "type": "boolean",
                            "description": "The labels that were never seen before are meant as "
                            "they stand. Whoever the use case names for it confirms them thereby; "
                            "of anybody else the verdict waits until they are confirmed (202).",
                        },
                    },
                }
            }
        },
    }
}


@router.get("/usecases/{name}/reviews")
@needs(Permission.VIEW)
async def queue(
    name: str,
    request: Request,
    cursor: Annotated[str | None, Query(max_length=60)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Response:
    """Waiting reviews, most pressing first. Pass ``next`` on as ``cursor``."""
    usecase_of(request, name)
    reviews = app_of(request).reviews
    after = await reviews.get(cursor) if cursor else None
    if after is not None and after.use_case != name:
        raise UnknownReviewError(after.id)
    person, readable = person_of(request), app_of(request).new_labels.readable
    waiting = await readable.of(
        person,
        await reviews.queue(
            name, reviewer=person, linker=linker_of(request), most=limit, after=after
        ),
    )
    return as_json({"reviews": waiting, "next": waiting[-1].id if len(waiting) == limit else None})


@router.post("/usecases/{name}/reviews/claim")
@needs(Permission.REVIEW)
async def claim_next(
    name: str, request: Request, limit: Annotated[int, Query(ge=1, le=50)] = 1
) -> Response:
    """Claim the most pressing free reviews; an empty list when none waits."""
    usecase_of(request, name)
    app, person = app_of(request), person_of(request)
    claimed = await app.new_labels.readable.claim_next(
        app.reviews, name, reviewer=person, linker=linker_of(request), most=limit
    )
    return as_json({"reviews": claimed})


@router.get("/reviews/{review_id}")
@needs(Permission.VIEW, by=by_review)
async def get(review_id: str, request: Request) -> Response:
    """One review, as its reviewer may see it.

    A person who reads the verdict on a blind review knows the answer, as from the receipt.
    """
    app = app_of(request)
    review = await app.reviews.get(review_id)
    receipt = await app.receipts.get(review.task_id, viewer=person_of(request))
    if review.verdict is not None and receipt["review"]["verdict"] is None:
        review = without_answer(review)
    return await _readable(request, review)


@router.post("/reviews/{review_id}/claim")
@needs(Permission.REVIEW, by=by_review)
async def claim(review_id: str, request: Request) -> Response:
    """Hold a review; repeating it extends the claim."""
    claimed = await app_of(request).reviews.claim(
        review_id, reviewer=person_of(request), linker=linker_of(request)
    )
    return await _readable(request, claimed)


@router.post("/reviews/{review_id}/verdict", openapi_extra=_VERDICT_BODY)
@needs(Permission.REVIEW, by=by_review)
async def verdict(review_id: str, request: Request) -> Response:
    """Close a review. The response shows the decider's answer, also for a blind review.

    The same verdict of the same person again gets the first response. An unknown label is refused
    (`label_unknown`), with the known one that may be meant.
    """
    person, viewer = person_of(request), viewer_of(request)
    kind, more = _verdict_body(await json_object(request))
    app = app_of(request)
    name = (await app.reviews.get(review_id)).use_case
    declared = usecase_of(request, name)
    given = await app.new_labels.give(
        declared,
        review_id,
        kind,
        reviewer=person,
        linker=linker_of(request),
        rules=app.service(name).loaded.rules,
        may_approve=viewer.may(name, Permission.APPROVE),
        confirms=confirms_labels(viewer, name, declared.new_labels_by),
        **more,
    )
    if isinstance(given, HeldVerdict):
        return as_json({"held": given}, 202)
    return as_json(given)


@router.post("/reviews/{review_id}/skip")
@needs(Permission.REVIEW, by=by_review)
async def skip(review_id: str, request: Request) -> Response:
    """Skip a review: another person reviews it."""
    await app_of(request).reviews.skip(review_id, reviewer=person_of(request))
    return as_json({"skipped": review_id})


@router.post("/reviews/{review_id}/undo")
@needs(Permission.REVIEW, by=by_review)
async def undo(review_id: str, request: Request) -> Response:
    """Undo one's own verdict or skip.

    After an undo, a blind review is for another person.
    """
    undone = await app_of(request).reviews.undo(
        review_id, reviewer=person_of(request), linker=linker_of(request)
    )
    return await _readable(request, undone)


async def _readable(request: Request, review: Review) -> Response:
    """A review without what the access groups of the person may not read."""
    [shown] = await app_of(request).new_labels.readable.of(person_of(request), [review])
    return as_json(shown)


def _verdict_body(body: dict[str, Any]) -> tuple[VerdictKind, dict[str, Any]]:
    known = {"verdict", "output", "actions", "content", "note", "new_kind", "new_labels"}
    remedy = "A verdict has verdict, and may have output, actions, content, note, new_kind and "
    unknown_fields(body, known, f"{remedy}new_labels.")
    try:
        kind = VerdictKind(str(body.get("verdict")))
    except ValueError:
        raise RequestError(
            f"The verdict {str(body.get('verdict'))[:60]!r} is not one.",
            "Send accept, correct or reject.",
        ) from None
    for field, shape, what in _SHAPES:
        if body.get(field) is not None and not isinstance(body[field], shape):
            raise RequestError(f"{field} is not {what}.", f"Send {what}, or leave it out.")
    actions = body.get("actions")
    if actions is not None and not all(isinstance(action, dict) for action in actions):
        raise RequestError("An action is not an object.", "Send name and arguments of each.")
    return kind, {
        "output": body.get("output"),
        "actions": actions,
        "shown": body.get("content"),
        "note": body.get("note"),
        "new_kind": bool(body.get("new_kind")),
        "new_labels": bool(body.get("new_labels")),
    }


_SHAPES: tuple[tuple[str, type, str], ...] = (
    ("output", dict, "an object"),
    ("actions", list, "a list"),
    ("content", str, "text"),
    ("note", str, "text"),
    ("new_kind", bool, "true or false"),
    ("new_labels", bool, "true or false"),
)
