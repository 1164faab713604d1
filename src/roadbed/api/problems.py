"""Errors as ``application/problem+json``: a stable code, what happened, the remedy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from math import ceil
from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic_core import to_json
from starlette.exceptions import HTTPException
from starlette.responses import Response

from roadbed.kernel.errors import RoadbedError
from roadbed.kernel.sentences import plain
from roadbed.statuses import status_of

_TITLES = {
    400: "Bad request",
    401: "Sign in",
    403: "Not allowed",
    404: "Not found",
    405: "Method not allowed",
    408: "Too slow",
    409: "Conflict",
    413: "Too large",
    422: "Does not fit",
    429: "Too often",
    431: "Too large",
    503: "Not now",
}
_LONGEST_TIME = 40  # characters


class BodyError(RoadbedError):
    """The request body is no JSON object."""

    code = "body_not_json"

    def __init__(self, detail: str) -> None:
        super().__init__(
            f"The body is not a JSON object: {detail}.", 'Send {"input": {…}} as application/json.'
        )


class UnstorableError(RoadbedError):
    """The body contains text or numbers that cannot be stored. ``fields`` says where and why."""

    code = "request_invalid"

    def __init__(self, fields: Sequence[tuple[str, str]]) -> None:
        listed = "; ".join(f"{place or 'the body'} {problem}" for place, problem in fields)
        super().__init__(
            f"The body cannot be stored: {listed}.",
            "Send valid Unicode without NUL, and finite numbers.",
        )
        self.fields = tuple(fields)


class RequestError(RoadbedError):
    """A field of the request that does not fit."""

    code = "request_invalid"


def unknown_fields(body: Mapping[str, object], known: set[str], remedy: str) -> None:
    """Refuse a body with other fields. Raises ``RequestError``."""
    if unknown := set(body) - known:
        named = ", ".join(sorted(unknown))[:200]
        raise RequestError(f"The body has unknown fields: {named}.", remedy)


def text_field(body: Mapping[str, object], name: str, *, most: int) -> str:
    """A text of the body, empty if it is not there. Raises ``RequestError``."""
    value = body.get(name)
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > most or "\0" in value:
        raise RequestError(
            f"The {name} is not text of at most {most:,} characters.",
            "Send it as a shorter string, without null characters.",
        )
    return value


def time_field(body: Mapping[str, object], name: str) -> datetime:
    """A moment of the body, with its zone. Raises ``RequestError``."""
    try:
        moment = datetime.fromisoformat(text_field(body, name, most=_LONGEST_TIME))
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise RequestError(f"{name} is no time with its zone.", "Write it as 2026-11-21T09:00:00Z.")
    return moment


def problem(error: RoadbedError) -> Response:
    """The response for an error of ours."""
    extra: dict[str, Any] = {}
    if fields := getattr(error, "fields", None):
        extra["fields"] = [{"field": place, "problem": what} for place, what in fields]
    extra |= getattr(error, "data", {})
    response = _response(status_of(error), error.code, error.problem, error.remedy, extra)
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
        {"field": ".".join(map(str, item["loc"][1:])), "problem": item["msg"]}
        for item in error.errors()
    ]
    return _response(
        422,
        "request_invalid",
        "The request does not fit.",
        "Correct the fields listed; /v1/openapi.json describes them.",
        {"fields": fields},
    )


async def on_http_error(_: Request, error: Exception) -> Response:
    """Exception handler for requests that the framework refuses."""
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
    return Response(to_json(body, fallback=plain), status, headers, "application/problem+json")


def said(body: dict[str, object], name: str, remedy: str) -> str:
    """A field that must not be empty. Raises ``RequestError``."""
    text = text_field(body, name, most=1000).strip()
    if not text:
        raise RequestError(f"There is no {name}.", remedy)
    return text
