"""Labels that are known, and those that wait to be confirmed as new, over HTTP."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from roadbed.access import needs, viewer_of
from roadbed.api.deps import app_of, as_json, json_object, person_of, reader_of, usecase_of
from roadbed.api.problems import RequestError, said, unknown_fields
from roadbed.people.permissions import Permission, confirms_labels
from roadbed.reviews.errors import NotYourLabelError

router = APIRouter()

_LABEL_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["field", "value", "new"],
                    "additionalProperties": False,
                    "properties": {
                        "field": {"type": "string"},
                        "value": {"type": "string"},
                        "new": {
                            "type": "boolean",
                            "description": "True: it is a label from now on. False: it is none, "
                            "and the reviews are asked again.",
                        },
                    },
                }
            }
        },
    }
}


@router.get("/usecases/{name}/labels")
@needs(Permission.VIEW)
async def labels(name: str, request: Request) -> Response:
    """The labels that wait to be confirmed as new, and the known ones of each field."""
    declared, app = usecase_of(request, name), app_of(request)
    reader = await reader_of(request, name)
    return as_json(
        {
            "waiting": await app.new_labels.waiting(declared, reader),
            "known": await app.reviews.labels.known(declared, reader),
            "confirmed_by": declared.new_labels_by,
        }
    )


@router.post("/usecases/{name}/labels", openapi_extra=_LABEL_BODY)
@needs(Permission.CONFIRM_LABELS)
async def decide_label(name: str, request: Request) -> Response:
    """Confirm or refuse a label as new. Verdicts that waited for it take effect now."""
    declared, app = usecase_of(request, name), app_of(request)
    body = await json_object(request)
    unknown_fields(body, {"field", "value", "new"}, "Send field, value and new.")
    field = said(body, "field", "Name the field of the output.")
    value = said(body, "value", "Name the label.")
    if not isinstance(body.get("new"), bool):
        raise RequestError("new is not true or false.", "Send true to confirm the label.")
    if not confirms_labels(viewer_of(request), name, declared.new_labels_by):
        raise NotYourLabelError(declared.new_labels_by)
    person = person_of(request)
    if body["new"]:
        rules = app.service(name).loaded.rules
        given = await app.new_labels.confirm(declared, field, value, by=person, rules=rules)
        return as_json({"field": field, "value": value, "given": given})
    again = await app.new_labels.refuse(declared, field, value, by=person)
    return as_json({"field": field, "value": value, "asked_again": again})
