"""JSON types, JSON values as text in one line, and their hash."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

Json: TypeAlias = "str | int | float | bool | Sequence[Json] | Mapping[str, Json] | None"
JsonObject: TypeAlias = Mapping[str, Json]


def read_json(text: str | bytes) -> Any:
    """The value of JSON. Raises ``ValueError``, also for a name that stands twice in an object.

    JSON keeps the last of two such values, so the first would be lost without a word. Raises
    ``RecursionError`` for JSON that is nested too deep.
    """
    return json.loads(text, object_pairs_hook=_names_once)


def _names_once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """An object of its names and values. Raises ``ValueError`` for a name that stands twice."""
    content = dict(pairs)
    if len(content) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the name {twice[:80]!r} stands twice")
    return content


def flat(record: Mapping[str, object] | None) -> str:
    """A record in one line; the bare value if it has only one field."""
    if record is None:
        return "none"
    if len(record) == 1:
        return _plain(next(iter(record.values())))
    return ", ".join(f"{name}: {_plain(value)}" for name, value in record.items())


def brief(record: Mapping[str, object] | None) -> str:
    """A record in one line for people: without empty values, and nested ones without JSON."""
    if record is None:
        return "none"
    if len(record) == 1:
        return _readable(next(iter(record.values())))
    parts = [f"{name}: {_readable(part)}" for name, part in record.items() if not _empty(part)]
    return ", ".join(parts) or "none"


def without_empty(record: Mapping[str, object]) -> Mapping[str, object]:
    """A record without the values that say nothing: null, and an empty text, list or object."""
    return {name: value for name, value in record.items() if not _empty(value)}


def _empty(value: object) -> bool:
    return value is None or (isinstance(value, str | Mapping | list | tuple) and not value)


def _readable(value: object) -> str:
    if isinstance(value, Mapping | list | tuple):
        return shown(value)
    return "none" if value is None else _plain(value)


def shown(value: Json, nothing: str = "none") -> str:
    """A value for people, in one line; ``nothing`` stands for null."""
    if value is None:
        return nothing
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        parts = [
            f"{name.replace('_', ' ')}: {_inner(part, nothing)}" for name, part in value.items()
        ]
        return ", ".join(parts) or "none"
    if isinstance(value, Sequence):
        return ", ".join(_inner(part, nothing) for part in value) or "none"
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"


def _inner(value: Json, nothing: str) -> str:
    nested = isinstance(value, Mapping | list | tuple) and len(value) > 0
    return f"({shown(value, nothing)})" if nested else shown(value, nothing)


def _plain(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def json_hash(content: Mapping[str, object]) -> str:
    """The SHA-256 of a JSON object, whatever the order of its keys."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def plain(record: Mapping[str, object]) -> dict[str, Any]:
    """A record as JSON would give it back; numbers of NumPy become plain numbers."""

    def convert(value: object) -> object:
        # NumPy is not imported here: it is slow to import, and most commands need none of it.
        if callable(item := getattr(value, "item", None)):
            return item()
        raise TypeError(type(value).__name__)

    copy: dict[str, Any] = json.loads(json.dumps(record, default=convert))
    return copy
