"""Bodies of requests: their schema, and their fields one by one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

from roadbed.api.problems import RequestError
from roadbed.kernel.json import JsonObject

Choice = TypeVar("Choice", bound=str)


def body_of(
    properties: Mapping[str, JsonObject], *, required: Sequence[str] | None = None
) -> dict[str, JsonObject]:
    """The schema of a JSON body for ``openapi_extra``; every field is required by default."""
    schema: JsonObject = {
        "type": "object",
        "required": list(properties if required is None else required),
        "additionalProperties": False,
        "properties": dict(properties),
    }
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


def text_of(body: Mapping[str, object], name: str) -> str:
    """A text of the body, empty if it is missing. Raises ``RequestError``."""
    value = body.get(name) or ""
    if not isinstance(value, str):
        raise RequestError(f"{name} is no text.", f"Send {name} as a string.")
    return value


def choice_of(body: Mapping[str, object], name: str, choices: Sequence[Choice]) -> Choice:
    """A word of the body that is one of ``choices``. Raises ``RequestError``."""
    for choice in choices:
        if body.get(name) == choice:
            return choice
    listed = ", ".join(choices)
    raise RequestError(f"{name} is none of {listed}.", f"Send one of {listed} as {name}.")
