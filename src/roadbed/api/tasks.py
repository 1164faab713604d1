"""Tasks in, receipts out."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic_core import to_json
from starlette.responses import Response

from roadbed.access import admit, by_task, listing, needs, viewer_of
from roadbed.api.deps import app_of, as_json, person_of, read_object, served
from roadbed.api.problems import RequestError
from roadbed.bootstrap import App
from roadbed.people.rules import Permission, Viewer
from roadbed.receipts.service import Filter, fresh
from roadbed.usecases.errors import UnknownUseCaseError

router = APIRouter()
LONGEST_WAIT_SECONDS = 30.0
_USUAL_WAIT_SECONDS = 5.0
_TASK_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["input"],
                    "additionalProperties": False,
                    "properties": {
                        "key": {
                            "type": "string",
                            "minLength": 1,
                            "maxLength": 200,
                            "description": "The same key and input give the same receipt.",
                        },
                        "input": {"type": "object", "description": "As the use case declares it."},
                        "wait": {
                            "type": "number",
                            "minimum": 0,
                            "maximum": LONGEST_WAIT_SECONDS,
                            "default": _USUAL_WAIT_SECONDS,
                            "description": "Seconds to wait for the decision.",
                        },
                    },
                }
            }
        },
    }
}


@router.post(
    "/usecases/{name}/tasks",
    openapi_extra=_TASK_BODY,
    responses={200: {"description": "The receipt"}, 202: {"description": "Accepted"}},
)
@needs(Permission.SUBMIT)
async def submit(name: str, request: Request) -> Response:
    """Send a piece of work. 200 with its receipt once decided, 202 when that takes longer."""
    status, answer = await take(app_of(request), name, viewer_of(request), await request.body())
    return Response(answer, status, media_type="application/json")


async def take(app: App, name: str, viewer: Viewer, body: bytes) -> tuple[int, bytes]:
    """What ``submit`` does, without the framework: status and JSON.

    ``web.py`` calls it straight from the socket, since routing and dependencies of the framework
    cost more than everything else about a task; so it checks by itself what the route needs.
    Raises the errors that ``problems`` knows.
    """
    admit(viewer, name, (Permission.SUBMIT,), UnknownUseCaseError(name))
    declared = served(app, name)
    key, content, wait = _task_body(read_object(body))
    admission, running = await app.decisions.submit(
        name,
        content,
        key=key,
        source={"surface": "http", "by": viewer.name},
        waits=wait > 0,
    )
    decision = None
    if running is not None and running.done():
        decision = running.result()
    elif running is not None and wait > 0:
        done, _ = await asyncio.wait([running], timeout=wait)
        decision = running.result() if done else None
    if decision is not None:
        return 200, to_json(fresh(declared, admission.task, decision))
    receipt = await app.receipts.get(admission.task.id, viewer=viewer.name)
    return 202 if receipt["decision"] is None else 200, to_json(receipt)


@router.get("/receipts/{task_id}")
@needs(Permission.VIEW, by=by_task)
async def receipt(task_id: str, request: Request) -> Response:
    """The receipt of one task."""
    found = await app_of(request).receipts.get(task_id, viewer=person_of(request))
    return as_json(found)


@router.get("/receipts")
@needs(Permission.VIEW, by=listing)
async def receipts(
    request: Request,
    usecase: str | None = None,
    q: Annotated[str | None, Query(max_length=200, description="id, key or words")] = None,
    route: Annotated[str | None, Query(pattern="^(automatic|review|refused)$")] = None,
    verdict: Annotated[str | None, Query(pattern="^(accept|correct|reject)$")] = None,
    cursor: Annotated[str | None, Query(max_length=60)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Response:
    """Receipts, newest first, one short record each. Pass ``next`` on as ``cursor``."""
    app = app_of(request)
    wanted = Filter(use_case=usecase, text=q, route=route, verdict=verdict, before=cursor)
    visible = viewer_of(request).visible(app.registry.names())
    rows = await app.receipts.search(wanted, served=visible, most=limit)
    return as_json({"receipts": rows, "next": rows[-1]["task_id"] if len(rows) == limit else None})


def _task_body(body: dict[str, Any]) -> tuple[str | None, dict[str, Any], float]:
    if unknown := set(body) - {"key", "input", "wait"}:
        raise RequestError(
            f"The body has unknown fields: {', '.join(sorted(unknown))[:200]}.",
            "A task has input, and may have key and wait.",
        )
    key, content, wait = body.get("key"), body.get("input"), body.get("wait", _USUAL_WAIT_SECONDS)
    if not isinstance(content, dict):
        raise RequestError("The task has no input object.", 'Send {"input": {…}}.')
    if key is not None and not isinstance(key, str):
        raise RequestError("The key is not text.", "Send it as a string, or leave it out.")
    if isinstance(wait, bool) or not isinstance(wait, int | float):
        raise RequestError("The wait is not a number.", "Send seconds, from 0 to 30.")
    return key, content, min(max(float(wait), 0.0), LONGEST_WAIT_SECONDS)
