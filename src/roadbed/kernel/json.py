"""The shape of a JSON value, named once, and how one reads in a line."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

Json: TypeAlias = "str | int | float | bool | Sequence[Json] | Mapping[str, Json] | None"
JsonObject: TypeAlias = Mapping[str, Json]


def flat(record: Mapping[str, Any] | None) -> str:
    """A record in one line: the bare value if it has one field only."""
    if record is None:
        return "none"
    if len(record) == 1:
        return _plain(next(iter(record.values())))
    return ", ".join(f"{name}: {_plain(value)}" for name, value in record.items())


def _plain(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
