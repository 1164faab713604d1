"""Deliveries over HTTP: their states, and decisions on those that need a person."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from roadbed.access import by_delivery, needs, require
from roadbed.api.deps import app_of, as_json, json_object, person_of, readable_of, usecase_of
from roadbed.api.problems import RequestError, said, text_field, time_field, unknown_fields
from roadbed.deliveries.approvals import RESOLUTIONS
from roadbed.deliveries.model import DeliveryState
from roadbed.people.permissions import Permission, to_say

router = APIRouter()
_HASH_LENGTH = 64
_RESOLVE_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["what"],
                    "additionalProperties": False,
                    "properties": {
                        "what": {"enum": list(RESOLUTIONS)},
                        "hash": {
                            "type": "string",
                            "maxLength": _HASH_LENGTH,
                            "description": "Of the content you read; `approve` needs it.",
                        },
                        "note": {"type": "string", "maxLength": 4000},
                    },
                }
            }
        },
    }
}

_REPLAY_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["destination"],
                    "additionalProperties": False,
                    "properties": {
                        "destination": {"type": "string", "maxLength": 200},
                        "since": {
                            "type": "string",
                            "format": "date-time",
                            "description": "Only what failed since then, with its zone.",
                        },
                        "note": {"type": "string", "maxLength": 4000},
                    },
                }
            }
        },
    }
}


@router.get("/usecases/{name}/deliveries")
@needs(Permission.VIEW)
async def deliveries(
    name: str,
    request: Request,
    state: Annotated[list[DeliveryState] | None, Query(max_length=len(DeliveryState))] = None,
    before: Annotated[str | None, Query(max_length=80)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Response:
    """Deliveries, newest first. ``state`` may be repeated. Pass ``next`` on as ``before``."""
    usecase_of(request, name)
    rows = await app_of(request).deliveries.list(name, states=state, before=before, most=limit)
    shown = await readable_of(request).deliveries(rows)
    return as_json({"deliveries": shown, "next": rows[-1].id if len(rows) == limit else None})


@router.post("/usecases/{name}/deliveries/replay", openapi_extra=_REPLAY_BODY)
@needs(Permission.DELIVER)
async def replay(name: str, request: Request) -> Response:
    """Send again all that failed at one destination, once what made it fail is mended."""
    person = person_of(request)
    body = await json_object(request)
    unknown_fields(
        body, {"destination", "since", "note"}, "Send destination, and if need be since."
    )
    destination = said(body, "destination", "Name the destination whose deliveries failed.")
    usecase_of(request, name)
    count = await app_of(request).deliveries.replay(
        name,
        destination,
        person=person,
        since=time_field(body, "since") if body.get("since") is not None else None,
        note=text_field(body, "note", most=4000),
    )
    return as_json({"replayed": count})


@router.get("/deliveries/{delivery_id}")
@needs(Permission.VIEW, by=by_delivery)
async def delivery(delivery_id: str, request: Request) -> Response:
    """One delivery: its content, the hash an approval has to name, and every attempt."""
    app = app_of(request)
    stored = await app.deliveries.get(delivery_id, served=app.deployments.names())
    content, attempts = await readable_of(request).delivery(*stored)
    return as_json({"delivery": content, "attempts": attempts})


@router.post("/deliveries/{delivery_id}/resolve", openapi_extra=_RESOLVE_BODY)
@needs(Permission.APPROVE, Permission.DELIVER, by=by_delivery)
async def resolve(delivery_id: str, request: Request) -> Response:
    """Approve, refuse, send again, or report what happened."""
    person = person_of(request)
    what, content_hash, note = _resolve_body(await json_object(request))
    app = app_of(request)
    target, _ = await app.deliveries.get(delivery_id, served=app.deployments.names())
    require(request, to_say(what), target.use_case)
    if what == "approve":
        await readable_of(request).check_approval(target)
    target = await app.deliveries.resolve(
        delivery_id,
        what,
        person=person,
        served=app.deployments.names(),
        content_hash=content_hash,
        note=note,
    )
    shown, _attempts = await readable_of(request).delivery(target)
    return as_json({"delivery": shown})


def _resolve_body(body: dict[str, Any]) -> tuple[str, str | None, str]:
    unknown_fields(body, {"what", "hash", "note"}, "Send what, and if need be hash and note.")
    what = body.get("what")
    if not isinstance(what, str) or what not in RESOLUTIONS:
        raise RequestError(
            f"{str(what)[:60]!r} does not resolve a delivery.",
            f"Use one of {', '.join(RESOLUTIONS)}.",
        )
    content_hash = text_field(body, "hash", most=_HASH_LENGTH)
    return what, content_hash or None, text_field(body, "note", most=4000)
