"""What is erased for good."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from roadbed.access import by_task, needs
from roadbed.api.deps import app_of, as_json, json_object, person_of
from roadbed.api.problems import said, unknown_fields
from roadbed.people.permissions import Permission

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
    """Erase what is known of a task for good. It cannot be undone; every proof stays valid."""
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
