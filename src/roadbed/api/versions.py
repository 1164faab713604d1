"""Versions over HTTP: the list, one, what differs between two; a past task on any of them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from roadbed.access import by_task, needs
from roadbed.api.deps import app_of, as_json, json_object, person_of, readable_of, usecase_of
from roadbed.api.problems import RequestError, unknown_fields
from roadbed.people.permissions import Permission

router = APIRouter()
_MOST = 80  # characters of an id or number
_REPLAY_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["version"],
                    "additionalProperties": False,
                    "properties": {
                        "version": {
                            "anyOf": [
                                {"type": "string", "minLength": 1, "maxLength": _MOST},
                                {"type": "integer", "minimum": 1, "maximum": 2_000_000_000},
                            ],
                            "description": "Its id or its number.",
                        }
                    },
                }
            }
        },
    }
}


@router.get("/usecases/{name}/versions")
@needs(Permission.VIEW)
async def versions(
    name: str,
    request: Request,
    before: Annotated[int | None, Query(ge=1, le=2_000_000_000)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Response:
    """Versions, newest first, with who made them and why. Pass ``next`` on as ``before``."""
    person_of(request)
    usecase_of(request, name)
    rows = await app_of(request).versions.list(name, most=limit, before=before)
    following = rows[-1].number if len(rows) == limit else None
    return as_json({"versions": rows, "next": following})


@router.get("/usecases/{name}/versions/{named}")
@needs(Permission.VIEW)
async def version(name: str, named: str, request: Request) -> Response:
    """One version by id or number; or, for ``a..b``, what changed from a to b, in words first."""
    usecase_of(request, name)
    app, readable = app_of(request), readable_of(request)
    a, dots, b = named.partition("..")
    if dots:
        difference = await app.versions.diff(name, a, b)
        return as_json(await readable.difference(name, difference, app.proposals.list))
    detail = await app.versions.show(name, named)
    return as_json(await readable.version(name, detail, app.proposals.list))


@router.post("/receipts/{task_id}/replay", openapi_extra=_REPLAY_BODY)
@needs(Permission.REVIEW, Permission.IMPROVE, by=by_task)
async def replay(task_id: str, request: Request) -> Response:
    """The answer of another version to a task. Nothing is decided, delivered or stored."""
    person = person_of(request)
    body = await json_object(request)
    unknown_fields(body, {"version"}, "Send the version, nothing else.")
    named = body.get("version")
    if isinstance(named, bool) or not isinstance(named, str | int) or len(str(named)) > _MOST:
        raise RequestError("There is no version in it.", 'Send {"version": "3"}, or its id.')
    return as_json(await app_of(request).replays.run(task_id, str(named), actor=person))
