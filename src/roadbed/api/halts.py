"""Stopping and starting over HTTP."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from roadbed.access import needs, somewhere, viewer_of
from roadbed.api.deps import app_of, as_json, json_object, person_of, usecase_of
from roadbed.api.problems import RequestError, text_field, unknown_fields
from roadbed.halts.errors import HaltIncompleteError
from roadbed.people.permissions import Permission

router = APIRouter()
_MOST = 1000


def _body(**properties: str) -> dict[str, object]:
    fields = {
        name: {"type": "string", "maxLength": _MOST, "description": what}
        for name, what in properties.items()
    }
    return {
        "requestBody": {
            "content": {
                "application/json": {
                    "schema": {
                        "type": "object",
                        "additionalProperties": False,
                        "properties": fields,
                        "required": [name for name in properties if name == "reason"],
                    }
                }
            }
        }
    }


# A use case whose folder cannot be loaded, or that another process serves, can be stopped as well:
# these ask the database alone.


@router.post("/usecases/{name}/halt", openapi_extra=_body(reason="Why it has to stop."))
@needs(Permission.HALT)
async def halt(name: str, request: Request) -> Response:
    """Stop a use case. The answer has the times of the fence, and the effects in progress."""
    person = person_of(request)
    reason = await _reason(request)
    return as_json(await app_of(request).halts.halt(name, reason=reason, actor=person))


@router.post("/halt", openapi_extra=_body(reason="Why all have to stop."))
@needs(Permission.HALT, by=somewhere)
async def halt_all(request: Request) -> Response:
    """Stop every use case that you may stop; for an administrator every one there is.

    503 names those that may still run.
    """
    viewer, halts = viewer_of(request), app_of(request).halts
    reason = await _reason(request)
    names = [item for item in await halts.known() if viewer.may(item, Permission.HALT)]
    result = await halts.halt_all(reason=reason, actor=viewer.name, only=names)
    if result.failed:
        raise HaltIncompleteError(len(result.halts), result.failed)
    return as_json({"halts": result.halts})


@router.post("/usecases/{name}/resume", openapi_extra=_body(note="Why it may go on."))
@needs(Permission.RESUME)
async def resume(name: str, request: Request) -> Response:
    """Request a resume; a second person confirms it. ``resumed`` says whether it resumed."""
    person = person_of(request)
    body = await json_object(request) if await request.body() else {}
    unknown_fields(body, {"note"}, "Send a note, or nothing.")
    note = text_field(body, "note", most=_MOST)
    halt = await app_of(request).halts.resume(name, actor=person, note=note)
    return as_json({"resumed": halt.resumed_at is not None, "halt": halt})


@router.post("/usecases/{name}/drill")
@needs(Permission.DRILL)
async def drill(name: str, request: Request) -> Response:
    """Exercise the stop without stopping anything, and measure it."""
    return as_json(await app_of(request).halts.drill(name, actor=person_of(request)))


@router.get("/usecases/{name}/halts")
@needs(Permission.VIEW)
async def halts(
    name: str, request: Request, limit: Annotated[int, Query(ge=1, le=200)] = 20
) -> Response:
    """Halts and drills with their times, newest first, and the halt in force."""
    app = app_of(request)
    history = await app.halts.history(name, limit)
    if not history:
        usecase_of(request, name)
    return as_json({"standing": await app.halts.standing(name), "halts": history})


async def _reason(request: Request) -> str:
    body = await json_object(request)
    unknown_fields(body, {"reason"}, "Send a reason.")
    reason = text_field(body, "reason", most=_MOST).strip()
    if not reason:
        raise RequestError("There is no reason.", 'Send {"reason": "…"}; people will read it.')
    return reason
