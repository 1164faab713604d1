"""Failures of a provider, in our own sentences: text of the provider is never passed on."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from pydantic_ai import exceptions

from roadbed.models.prompts.endpoint import Endpoint, NoReplyError
from roadbed.outbound import AnswerTooLargeError

if TYPE_CHECKING:
    from pydantic_ai.messages import ModelResponse

# Checked in this order: the most specific error first.
_FINAL: Sequence[tuple[type[exceptions.ModelAPIError], str]] = (
    (exceptions.ModelQuotaExceededError, "the account at the provider is used up"),
    (exceptions.ModelContextWindowExceededError, "the input is too long for the model"),
    (exceptions.ModelAuthenticationError, "the provider does not accept the key in {key}"),
    (exceptions.ModelNotFoundError, "the provider knows no model {model}"),
    (exceptions.ModelRequestRejectedError, "the provider did not accept the request"),
)
_PASSING: Sequence[tuple[type[exceptions.ModelAPIError], str]] = (
    (exceptions.ModelRateLimitError, "the provider limits how much it is asked"),
    (exceptions.ModelOverloadedError, "the provider is overloaded"),
    (exceptions.ModelUnavailableError, "the provider is not available"),
    (exceptions.ModelServerError, "the provider failed"),
)
_FINISHES = {
    "length": "the model's reply was cut off at its longest",
    "content_filter": "the model refused, or the provider's content filter stopped it",
    "error": "the provider broke off the reply",
}


def explained(error: Exception, asked: Endpoint) -> NoReplyError:
    """``error`` of a request as a reason, and whether asking again may help."""
    status = getattr(error, "status_code", None)
    number = f" ({status})" if isinstance(status, int) else ""
    if any(isinstance(item, AnswerTooLargeError) for item in _causes(error)):
        most = f"the provider sent more than {asked.most_bytes:,} bytes, or compressed ones"
        return NoReplyError(most, billed=True)
    for kind, words in _FINAL:
        if isinstance(error, kind):
            return NoReplyError(words.format(key=asked.key_name, model=asked.model) + number)
    for kind, words in _PASSING:
        if isinstance(error, kind):
            return NoReplyError(words + number, again=True, after_seconds=error.retry_after)
    if isinstance(error, exceptions.ModelConnectionError):
        sent = error.phase not in {"pool", "connect"}
        what = "the connection to the provider broke" if sent else "the provider cannot be reached"
        return NoReplyError(what, again=True, billed=sent)
    if isinstance(error, exceptions.ModelHTTPError):
        again = status is not None and status >= 500
        return NoReplyError(f"the provider answered with an error{number}", again=again)
    if isinstance(error, exceptions.ContentFilterError):
        return NoReplyError(_FINISHES["content_filter"], billed=True)
    if isinstance(error, exceptions.AgentRunError | json.JSONDecodeError):
        return NoReplyError("the provider sent something that is no reply", billed=True)
    return NoReplyError(f"the request could not be made: {type(error).__name__}", billed=True)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error and what it came from; clients wrap what happens below them."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def finished_badly(response: ModelResponse) -> str | None:
    """Why a successful request gave no usable reply."""
    return _FINISHES.get(response.finish_reason or "")
