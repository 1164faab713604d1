"""Errors as ``application/problem+json``: a stable code, what happened, the remedy."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil
from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic_core import to_json
from starlette.exceptions import HTTPException
from starlette.responses import Response

from roadbed.kernel.errors import RoadbedError

STATUS = {
    "input_invalid": 422,
    "key_reused": 409,
    "body_too_large": 413,
    "body_not_json": 400,
    "request_invalid": 422,
    "usecase_unknown": 404,
    "usecase_broken": 503,
    "usecase_retired": 409,
    "usecase_invalid": 503,
    "task_unknown": 404,
    "task_undecided": 409,
    "task_erased": 409,
    "outcome_invalid": 422,
    "outcome_unknown": 404,
    "review_unknown": 404,
    "review_taken": 409,
    "review_closed": 409,
    "content_changed": 409,
    "review_superseded": 409,
    "notice_unknown": 404,
    "verdict_invalid": 422,
    "nothing_to_undo": 409,
    "not_signed_in": 401,
    "link_spent": 403,
    "not_allowed": 403,
    "session_needed": 403,
    "sign_in_refused": 403,
    "not_invited": 403,
    "provider_refused": 403,
    "too_many_requests": 429,
    "person_unknown": 404,
    "token_unknown": 404,
    "person_exists": 409,
    "last_admin": 409,
    "person_invalid": 422,
    "password_invalid": 422,
    "forbidden_origin": 403,
    "foreign_host": 400,
    "overloaded": 503,
    "storage_unavailable": 503,
    "write_rejected": 422,
    "artifact_missing": 503,
    "versions_folder": 503,
    "resource_exhausted": 503,
    "replay_blind": 409,
    "replay_input": 422,
    "replay_budget": 409,
    "evaluation_budget": 409,
    "price_unknown": 409,
    "incident_invalid": 422,
    "incident_unknown": 404,
    "erasure_too_early": 409,
    "training_failed": 409,
    "nothing_to_stress": 409,
    "audit_entry_unknown": 404,
    "audit_not_sealed": 409,
    "audit_damaged": 503,
    "audit_key_foreign": 503,
    "audit_folder": 503,
    "delivery_unknown": 404,
    "delivery_state": 409,
    "approval_invalid": 409,
    "proposal_unknown": 404,
    "proposal_decided": 409,
    "proposal_invalid": 422,
    "halt_unknown": 404,
    "halt_incomplete": 503,
    "not_halted": 409,
    "resume_needs_second": 409,
    "folder_changed": 409,
    "patch_invalid": 409,
    "no_prompt": 409,
    "search_running": 409,
    "version_unknown": 404,
    "release_unknown": 404,
    "release_under_way": 409,
    "release_step": 409,
    "release_blocked": 409,
    "nothing_to_judge": 409,
    "gate_running": 409,
    "sign_off_not_yours": 403,
    "sign_off_invalid": 409,
    "sign_offs_missing": 409,
    "trial_too_short": 409,
    "trial_undecided": 409,
    "roll_back_impossible": 409,
}
_TITLES = {
    400: "Bad request",
    401: "Sign in",
    403: "Not allowed",
    404: "Not found",
    405: "Method not allowed",
    409: "Conflict",
    413: "Too large",
    422: "Does not fit",
    429: "Too often",
    503: "Not now",
}


class BodyError(RoadbedError):
    """The request body is no JSON object."""

    code = "body_not_json"

    def __init__(self, detail: str) -> None:
        super().__init__(
            f"The body is not a JSON object: {detail}.", 'Send {"input": {…}} as application/json.'
        )


class RequestError(RoadbedError):
    """A field of the request that does not fit."""

    code = "request_invalid"


def unknown_fields(body: Mapping[str, Any], known: set[str], remedy: str) -> None:
    """Refuse a body with other fields. Raises ``RequestError``."""
    if unknown := set(body) - known:
        named = ", ".join(sorted(unknown))[:200]
        raise RequestError(f"The body has unknown fields: {named}.", remedy)


def text_field(body: Mapping[str, Any], name: str, *, most: int) -> str:
    """A text of the body, empty if it is not there. Raises ``RequestError``."""
    found = body.get(name)
    if found is None:
        return ""
    if not isinstance(found, str) or len(found) > most or "\0" in found:
        raise RequestError(
            f"The {name} is not text of at most {most:,} characters.",
            "Send it as a shorter string, without null characters.",
        )
    return found


def problem(error: RoadbedError) -> Response:
    """The response for an error of ours."""
    extra: dict[str, Any] = {}
    if fields := getattr(error, "fields", None):
        extra["fields"] = [{"field": place, "problem": what} for place, what in fields]
    status = STATUS.get(error.code, 500)
    response = _response(status, error.code, error.problem, error.remedy, extra)
    if (seconds := getattr(error, "retry_after", None)) is not None:
        response.headers["Retry-After"] = str(ceil(seconds))
    return response


async def on_roadbed_error(_: Request, error: Exception) -> Response:
    """Exception handler for ``RoadbedError``."""
    if not isinstance(error, RoadbedError):
        raise error
    return problem(error)


async def on_validation_error(_: Request, error: Exception) -> Response:
    """Exception handler for parameters that do not fit."""
    if not isinstance(error, RequestValidationError):
        raise error
    fields = [
        {"field": ".".join(map(str, each["loc"][1:])), "problem": each["msg"]}
        for each in error.errors()
    ]
    return _response(
        422,
        "request_invalid",
        "The request does not fit.",
        "Correct the fields listed; /v1/openapi.json describes them.",
        {"fields": fields},
    )


async def on_http_error(_: Request, error: Exception) -> Response:
    """Exception handler for what the framework itself refuses."""
    if not isinstance(error, HTTPException):
        raise error
    code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "http_error")
    return _response(
        error.status_code, code, str(error.detail), "Compare the address with /v1/openapi.json.", {}
    )


def _response(status: int, code: str, detail: str, remedy: str, extra: dict[str, Any]) -> Response:
    body = {
        "type": f"urn:roadbed:problem:{code}",
        "title": _TITLES.get(status, "Error"),
        "status": status,
        "code": code,
        "detail": detail,
        "remedy": remedy,
        **extra,
    }
    headers = {"Retry-After": "2"} if status == 503 else {}
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return Response(to_json(body), status, headers, "application/problem+json")


def said(body: dict[str, Any], name: str, remedy: str) -> str:
    """A field that must say something. Raises ``RequestError``."""
    found = text_field(body, name, most=1000).strip()
    if not found:
        raise RequestError(f"There is no {name}.", remedy)
    return found
