"""The record of an incident."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from pydantic_core import to_json
from starlette.responses import Response

from roadbed.access import needs
from roadbed.api.deps import app_of, json_object, person_of
from roadbed.api.problems import said, time_field, unknown_fields
from roadbed.people.permissions import Permission
from roadbed.usecases.errors import UnknownUseCaseError

router = APIRouter()
_MOST = 1000


def _body(required: list[str], **properties: dict[str, str]) -> dict[str, object]:
    schema = {
        "type": "object",
        "required": required,
        "additionalProperties": False,
        "properties": {
            name: {"type": "string", "maxLength": _MOST, **field}
            for name, field in properties.items()
        },
    }
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


_TIME = {"format": "date-time"}
_INCIDENT_BODY = _body(
    ["title", "since"],
    title={"description": "What happened, in a line."},
    since={**_TIME, "description": "From when, with its zone."},
    until={**_TIME, "description": "Until when; else until now."},
)

# A use case whose folder cannot be loaded has incidents as well: these ask the database alone.


@router.post("/usecases/{name}/incidents", openapi_extra=_INCIDENT_BODY)
@needs(Permission.INCIDENT)
async def declare(name: str, request: Request) -> Response:
    """Collect all receipts and effects of a time into one file."""
    person = person_of(request)
    _known(request, name)
    body = await json_object(request)
    unknown_fields(body, {"title", "since", "until"}, "Send title and since, and perhaps until.")
    record = await app_of(request).incidents.collect(
        name,
        title=said(body, "title", "What happened? People will read it."),
        since=time_field(body, "since"),
        until=time_field(body, "until") if body.get("until") is not None else None,
        actor=person,
    )
    return _file(name, record)


@router.get("/usecases/{name}/incidents/{incident_id}")
@needs(Permission.VIEW)
async def incident(name: str, incident_id: str, request: Request) -> Response:
    """The file of an incident again, with the current states."""
    person = person_of(request)
    _known(request, name)
    return _file(name, await app_of(request).incidents.record(name, incident_id, viewer=person))


def _known(request: Request, name: str) -> None:
    app = app_of(request)
    if name not in app.deployments.names() and name not in app.broken:
        raise UnknownUseCaseError(name)


def _file(name: str, record: dict[str, Any]) -> Response:
    filename = f"incident-{name}-{record['incident']}.json"
    return Response(
        to_json(record, indent=2),
        media_type="application/json",
        headers={"Content-Disposition": f'attachment; filename="{filename}"'},
    )
