"""Responses: maps HTTP responses to delivered, retry, refused or unknown."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from email.utils import parsedate_to_datetime
from functools import cache
from typing import Any

from roadbed.kernel.stored_sentences import stored_sentence
from roadbed.usecases.conditions import Condition, compiled
from roadbed.usecases.destinations import (
    RefusedError,
    Response,
    TemporaryError,
    UnknownOutcomeError,
)

EXCERPT_CHARACTERS = 200
_SEES = {"status", "body"}
# The receiver did not process the request; after 500, 502 or 504 it may have.
_NOT_NOW = frozenset({408, 425, 429, 503})
# The receiver refuses the sender or has no such path: every delivery fails, not only this one.
_OF_EVERYTHING = frozenset({401, 403, 404, 405, 407, 410})
_WORD_CHARACTERS = 6
_LONGEST_WAIT_SECONDS = 86_400.0


# Any: JSON of any shape, as the receiver sent it.
def accept(
    response: Response, now: datetime, succeeded_when: str | None = None, *, hide: str = ""
) -> Any:
    """The body of a response that confirms the effect, as ``body_of``.

    ``hide`` holds secrets that must not appear in an error, separated by blanks. Raises
    ``TemporaryError``, ``RefusedError``, ``UnknownOutcomeError``.
    """
    said = excerpt(response, hide=hide)
    if response.status in _NOT_NOW:
        raise TemporaryError(said, retry_after=retry_after(response, now))
    if response.status >= 500:
        raise UnknownOutcomeError(said)
    if not 200 <= response.status < 300:
        cause = str(response.status) if response.status in _OF_EVERYTHING else None
        raise RefusedError(said, cause=cause)
    if succeeded_when is not None and not holds(succeeded_when, response):
        raise RefusedError(said)
    return body_of(response)


def holds(condition: str, response: Response) -> bool:
    """Whether the CEL condition over ``status`` and ``body`` is true.

    Raises ``UnknownOutcomeError`` when it cannot be evaluated on this answer.
    """
    try:
        result = _program(condition).execute({"status": response.status, "body": body_of(response)})
    except Exception as error:
        raise UnknownOutcomeError(
            stored_sentence(
                "%(condition)r could not be evaluated on the answer: %(error)s",
                condition=condition,
                error=error,
            )
        ) from error
    if not isinstance(result, bool):
        raise UnknownOutcomeError(
            stored_sentence("%(condition)r is neither true nor false.", condition=condition)
        )
    return result


def condition_problems(name: str, condition: str | None) -> Iterator[str]:
    """What is wrong with a condition, one sentence each."""
    if condition is None:
        return
    try:
        _program(condition)
    except Exception as error:
        first = str(error).splitlines()[0].rstrip(".")
        yield f"{name} is no CEL: {first}. Write it as status == 200 && body.ok."


# Any: JSON of any shape, as the receiver sent it.
def body_of(response: Response) -> Any:
    """The body as JSON, or as text if it is not JSON."""
    written = response.body.decode("utf-8-sig", "replace")
    try:
        return json.loads(written)
    except (ValueError, RecursionError):
        return written


def dig(body: object, dotted: str) -> str | None:
    """The value at a path such as ``issues.0.key`` in a body, as text, or ``None``."""
    for step in dotted.split("."):
        if isinstance(body, dict):
            body = body.get(step)
        elif isinstance(body, list) and step.isdecimal() and int(step) < len(body):
            body = body[int(step)]
        else:
            return None
    return None if body is None or isinstance(body, dict | list) else str(body)


def excerpt(response: Response, *, hide: str = "") -> str:
    """The status and the body's beginning, in one line."""
    written = response.body.decode("utf-8", "replace")
    for secret in sorted(hide.split(), key=len, reverse=True):
        # Shorter parts are words such as Bearer or Basic.
        if len(secret) > _WORD_CHARACTERS:
            written = written.replace(secret, "…")
    start = " ".join(written.split())[:EXCERPT_CHARACTERS]
    return (
        stored_sentence("It answered %(status)s: %(start)s", status=response.status, start=start)
        if start
        else stored_sentence("It answered %(status)s.", status=response.status)
    )


def retry_after(response: Response, now: datetime) -> float | None:
    """Seconds to wait by ``Retry-After``, which is seconds or a date; at most a day."""
    given = response.headers.get("retry-after", "").strip()
    if given.isascii() and given.isdecimal():
        return min(float(given), _LONGEST_WAIT_SECONDS)
    try:
        seconds = (parsedate_to_datetime(given) - now).total_seconds()
    except (ValueError, TypeError, OverflowError):
        return None
    return min(max(0.0, seconds), _LONGEST_WAIT_SECONDS)


@cache
def _program(condition: str) -> Condition:
    return compiled(condition, _SEES)
