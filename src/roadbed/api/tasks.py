"""Tasks over HTTP: send one, and send its corrected input."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from copy import deepcopy
from functools import partial
from math import isfinite
from typing import Any

from fastapi import APIRouter, Request
from pydantic_core import to_json
from starlette.responses import Response

from roadbed.access import admit, by_task, needs, viewer_of
from roadbed.api.deps import app_of, as_json, parsed, person_of, served
from roadbed.api.problems import RequestError, unknown_fields
from roadbed.app import App
from roadbed.intake.validation import LONGEST_REASON
from roadbed.people.permissions import Permission, Viewer
from roadbed.receipts.questions import for_an_asker
from roadbed.receipts.revisions import for_a_sender
from roadbed.receipts.service import Receipt, fresh
from roadbed.usecases.errors import UnknownUseCaseError

router = APIRouter()
LONGEST_WAIT_SECONDS = 30.0
_USUAL_WAIT_SECONDS = 5.0
_TASK_BODY: dict[str, Any] = {
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


_REVISION_BODY = deepcopy(_TASK_BODY)
_TASK_BODY["parameters"] = [
    {
        "name": "Idempotency-Key",
        "in": "header",
        "required": False,
        "schema": {"type": "string", "minLength": 1, "maxLength": 200},
        "description": "Another place for the key.",
    }
]
_properties = _REVISION_BODY["requestBody"]["content"]["application/json"]["schema"]["properties"]
del _properties["key"]
_properties["reason"] = {
    "type": "string",
    "maxLength": LONGEST_REASON,
    "description": "Why the input is another one now; it stands on the receipt.",
}


@router.post(
    "/usecases/{name}/tasks",
    openapi_extra=_TASK_BODY,
    responses={200: {"description": "The receipt"}, 202: {"description": "Accepted"}},
)
@needs(Permission.SUBMIT)
async def submit(name: str, request: Request) -> Response:
    """Send a piece of work. 200 with its receipt once decided, 202 when that takes longer."""
    status, answer = await take(
        app_of(request),
        name,
        viewer_of(request),
        await request.body(),
        header_keys=request.headers.getlist("idempotency-key"),
    )
    return Response(answer, status, media_type="application/json")


async def take(
    app: App, name: str, viewer: Viewer, body: bytes, *, header_keys: Sequence[str] = ()
) -> tuple[int, bytes]:
    """``submit`` without the framework: status and JSON.

    ``web.py`` calls it directly, because routing and dependencies of the framework cost more than
    the rest of a task; so it checks the permission itself. ``header_keys`` are the headers
    ``Idempotency-Key``, another name of the key. Raises the errors that ``problems``
    knows.
    """
    admit(viewer, name, (Permission.SUBMIT,), partial(UnknownUseCaseError, name))
    declared = served(app, name)
    numbers = app.deployments.get(name).numbers()
    key, content, wait = _task_body(parsed(body))
    key = _one_key(key, header_keys)
    admission, running = await app.decisions.submit(
        name,
        content,
        key=key,
        source={"surface": "http", "by": viewer.name},
        waits=wait > 0,
    )
    decision = None
    if running is None:  # a repeated key: already decided, or being decided in another process
        await app.receipts.wait(admission.task.id, wait)
    elif running.done():
        decision = running.result()
    elif wait > 0:
        done, _ = await asyncio.wait([running], timeout=wait)
        decision = running.result() if done else None
    own = (
        admission.task.source.get("by") == viewer.name
    )  # otherwise a client repeats another one's key
    if own and decision is not None and decision.version in numbers:  # else another went live
        receipt = fresh(declared, admission.task, decision, numbers[decision.version])
    else:
        receipt = await app.receipts.get(admission.task.id, viewer=viewer.name)
    receipt = _shown(receipt, viewer)
    return 202 if receipt["decision"] is None else 200, to_json(receipt)


@router.post(
    "/tasks/{task_id}/revisions",
    openapi_extra=_REVISION_BODY,
    responses={200: {"description": "The receipt"}, 202: {"description": "Accepted"}},
)
@needs(Permission.SUBMIT, by=by_task)
async def revise(task_id: str, request: Request) -> Response:
    """Send a corrected input of a task: its next revision. The same input again changes nothing."""
    app, person = app_of(request), person_of(request)
    name = await app.receipts.use_case_of(task_id) or ""
    served(app, name)
    content, reason, wait = _revision_body(parsed(await request.body()))
    admission, running = await app.decisions.revise(
        name, task_id, content, source={"surface": "http", "by": person}, reason=reason
    )
    if running is not None and wait > 0:
        await asyncio.wait([running], timeout=wait)
    elif running is None and not admission.task.noted:
        await app.receipts.wait(admission.task.id, wait)
    viewer = viewer_of(request)
    receipt = _shown(await app.receipts.get(admission.task.id, viewer=person), viewer)
    return as_json(receipt, 202 if receipt["state"] == "deciding" else 200)


def _shown(receipt: Receipt, viewer: Viewer) -> Receipt:
    """A receipt as the rights of its reader allow."""
    name = receipt["use_case"]
    if viewer.may(name, Permission.VIEW):
        return receipt
    shown = for_an_asker if viewer.only_asks(name) else for_a_sender
    return shown(receipt, viewer.name)


def _task_body(body: dict[str, Any]) -> tuple[str | None, dict[str, Any], float]:
    unknown_fields(body, {"key", "input", "wait"}, "A task has input, and may have key and wait.")
    content, wait = _input_and_wait(body)
    return _optional_text(body, "key"), content, wait


def _one_key(key: str | None, headers: Sequence[str]) -> str | None:
    """The key of the body or of the header, which may be in quotes as HTTP writes texts."""
    told = {_unquoted(header.strip()) for header in headers}
    if "" in told:
        raise RequestError("The Idempotency-Key is empty.", "Give a key, or leave the header out.")
    if key is not None:
        told.add(key)
    if len(told) > 1:
        raise RequestError("The request has several keys.", "Send one, in the body or the header.")
    return next(iter(told), None)


def _unquoted(text: str) -> str:
    if len(text) > 1 and text[0] == text[-1] == '"':
        return text[1:-1].replace('\\"', '"').replace("\\\\", "\\")
    return text


def _revision_body(body: dict[str, Any]) -> tuple[dict[str, Any], str | None, float]:
    remedy = "A revision has input, and may have reason and wait; its key is that of its task."
    unknown_fields(body, {"reason", "input", "wait"}, remedy)
    content, wait = _input_and_wait(body)
    return content, _optional_text(body, "reason"), wait


def _optional_text(body: dict[str, Any], name: str) -> str | None:
    text = body.get(name)
    if text is not None and not isinstance(text, str):
        raise RequestError(f"The {name} is not text.", "Send it as a string, or leave it out.")
    return text


def _input_and_wait(body: dict[str, Any]) -> tuple[dict[str, Any], float]:
    content, wait = body.get("input"), body.get("wait", _USUAL_WAIT_SECONDS)
    if not isinstance(content, dict):
        raise RequestError("The task has no input object.", 'Send {"input": {…}}.')
    if isinstance(wait, bool) or not (isinstance(wait, int | float) and isfinite(wait)):
        raise RequestError("The wait is not a number.", "Send seconds, from 0 to 30.")
    return content, min(max(float(wait), 0.0), LONGEST_WAIT_SECONDS)
