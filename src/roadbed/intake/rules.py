"""What may come in, and what makes two bodies the same."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from roadbed.intake.errors import InputError

LONGEST_KEY = 200
LONGEST_REASON = 500
_SURROGATE = re.compile("[\ud800-\udfff]")
_CONTROL = re.compile("[\x01-\x08\x0b\x0c\x0e-\x1f]")
_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def read_input(model: type[BaseModel], content: object) -> BaseModel:
    """``content`` as the declared input, unknown fields refused. Raises ``InputError``."""
    try:
        found = model.model_validate(content, strict=False, extra="forbid")
    except ValidationError as error:
        raise InputError(
            [
                (".".join(map(str, each["loc"])) or "input", each["msg"])
                for each in error.errors(include_url=False, include_input=False)[:20]
            ]
        ) from error
    if bad := [(place, problem) for place, problem in unstorable(content)][:20]:
        raise InputError(bad)
    return found


def check_key(key: str | None) -> None:
    """Raises ``InputError`` for a key that is empty, too long or not printable."""
    if key is not None and not (0 < len(key) <= LONGEST_KEY and key.isprintable()):
        raise InputError([("key", f"use 1 to {LONGEST_KEY} printable characters")])


def check_reason(reason: str | None) -> None:
    """Raises ``InputError`` for a reason that is too long or cannot be shown."""
    if reason is not None and (len(reason) > LONGEST_REASON or any(unstorable(reason))):
        raise InputError([("reason", f"use at most {LONGEST_REASON} characters of plain text")])


def body_hash(content: Mapping[str, Any]) -> str:
    """The same for the same JSON, whatever the order of its fields."""
    return hashlib.sha256(_CANONICAL.encode(content).encode()).hexdigest()


def unstorable(value: object, place: str = "") -> Iterator[tuple[str, str]]:
    """Text in ``value`` that no database keeps or nobody can read: where it stands, and why."""
    if isinstance(value, str):
        if problem := _bad_text(value):
            yield place or "input", problem
    elif isinstance(value, dict | Mapping):  # asking the abstract class alone takes longer
        for key, inner in value.items():
            yield from unstorable(inner, f"{place}.{key}".lstrip("."))
    elif isinstance(value, list | tuple):
        for number, inner in enumerate(value):
            yield from unstorable(inner, f"{place}.{number}".lstrip("."))


def _bad_text(text: str) -> str | None:
    if "\x00" in text:
        return "holds a NUL character; remove it"
    if _SURROGATE.search(text):
        return "holds half a surrogate pair; send valid UTF-8"
    if _CONTROL.search(text):
        return "holds control characters; remove them"
    return None
