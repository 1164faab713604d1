"""Receipts over HTTP: one, a search, and their erasure."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from roadbed.access import by_task, listing, needs, viewer_of
from roadbed.api.deps import app_of, as_json, json_object, person_of
from roadbed.api.problems import said, unknown_fields
from roadbed.people.permissions import Permission
from roadbed.receipts.errors import UnknownTaskError
from roadbed.receipts.questions import for_an_asker
from roadbed.receipts.service import Filter

router = APIRouter()
_REASON = {
    "type": "string",
    "maxLength": 1000,
    "description": "Why, for the log: no personal data.",
}
_SCHEMA = {
    "type": "object",
    "required": ["reason"],
    "additionalProperties": False,
    "properties": {"reason": _REASON},
}
_CONTENT = {"application/json": {"schema": _SCHEMA}}
_ERASE_BODY = {"requestBody": {"required": True, "content": _CONTENT}}


@router.post("/receipts/{task_id}/erase", openapi_extra=_ERASE_BODY)
@needs(Permission.ERASE, by=by_task)
async def erase(task_id: str, request: Request) -> Response:
    """Erase the data of a task permanently. It cannot be undone; every proof stays valid."""
    person = person_of(request)
    body = await json_object(request)
    unknown_fields(body, {"reason"}, "Send a reason.")
    app = app_of(request)
    emptied = await app.erasure.erase(
        task_id,
        by=person,
        reason=said(body, "reason", "It stands in the log for good: no personal data."),
        served=app.deployments.names(),
    )
    return as_json({"task": task_id, "entries": emptied})


@router.get("/receipts/{task_id}")
@needs(Permission.VIEW, Permission.ASK, by=by_task)
async def receipt(task_id: str, request: Request) -> Response:
    """The receipt of one task.

    Whoever only asks gets those of their own tasks, without an answer that nobody has checked.
    """
    receipts, viewer = app_of(request).receipts, viewer_of(request)
    name = await receipts.use_case_of(task_id) or ""
    if viewer.may(name, Permission.VIEW):
        return as_json(await receipts.get(task_id, viewer=viewer.name))
    if not await receipts.questions.conversation(name, task_id, person=viewer.name):
        raise UnknownTaskError(task_id)  # of somebody else: for whoever asks it does not exist
    return as_json(for_an_asker(await receipts.get(task_id, viewer=viewer.name), viewer.name))


@router.get("/receipts/{task_id}/proof")
@needs(Permission.VIEW, by=by_task)
async def proof(task_id: str, request: Request) -> Response:
    """The proof that the entries of one task are in the signed audit log."""
    app = app_of(request)
    document = await app.audit.sealed_proof_of_task(task_id)
    await app.receipts.check_whole(task_id, viewer=person_of(request))
    return as_json(document)


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
    visible = viewer_of(request).visible(app.deployments.names())
    rows = await app.receipts.search(wanted, served=visible, most=limit, viewer=person_of(request))
    return as_json({"receipts": rows, "next": rows[-1]["task_id"] if len(rows) == limit else None})
