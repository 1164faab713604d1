"""Questions that the documents do not answer, over HTTP."""

from __future__ import annotations

from typing import Annotated, get_args

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from roadbed.access import by_task, needs
from roadbed.api.bodies import body_of, choice_of, text_of
from roadbed.api.deps import app_of, as_json, json_object, person_of, usecase_of
from roadbed.knowledge.gaps import GapState
from roadbed.people.permissions import Permission

router = APIRouter()
_GAP_STATES: tuple[GapState, ...] = get_args(GapState)
_DECIDE = body_of(
    {"state": {"enum": list(_GAP_STATES)}, "note": {"type": "string"}}, required=["state"]
)


@router.get("/usecases/{name}/gaps")
@needs(Permission.VIEW)
async def gaps(
    name: str,
    request: Request,
    state: Annotated[GapState | None, Query(description="Only those in this state.")] = None,
) -> Response:
    """The questions that no document answers, grouped, those asked most often first."""
    library, libraries = usecase_of(request, name).library, app_of(request).libraries
    known = await libraries.gaps.list(name, library)
    return as_json({"gaps": [gap for gap in known if state is None or gap.state == state]})


@router.post("/usecases/{name}/gaps/{task_id}/report")
@needs(Permission.REVIEW, by=by_task)
async def report_gap(name: str, task_id: str, request: Request) -> Response:
    """Say that no document answers the question of a task."""
    person, libraries = person_of(request), app_of(request).libraries
    gap = await libraries.gaps.report(name, usecase_of(request, name).library, task_id, by=person)
    return as_json({"gap": gap})


@router.post("/usecases/{name}/gaps/{task_id}/decide", openapi_extra=_DECIDE)
@needs(Permission.IMPROVE, by=by_task)
async def decide_gap(name: str, task_id: str, request: Request) -> Response:
    """Say that the gap of a question is filled, is dismissed, or is open again."""
    person, libraries = person_of(request), app_of(request).libraries
    body = await json_object(request)
    library, state = usecase_of(request, name).library, choice_of(body, "state", _GAP_STATES)
    gap = await libraries.gaps.decide(
        name, library, task_id, state, by=person, note=text_of(body, "note")
    )
    return as_json({"gap": gap})
