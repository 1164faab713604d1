"""Placeholders: text with fields such as ``{input.customer}``. Values are inserted as data only."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

_FIELD = re.compile(r"\{([a-z_][a-z0-9_]*(?:\.[A-Za-z0-9_]+)*)\}")
_BRACE = re.compile(r"[{}]")


class MissingFieldError(ValueError):
    """A template names a field that the facts lack."""

    def __init__(self, name: str) -> None:
        super().__init__(f"nothing to put for {{{name}}}")
        self.name = name


def fields(template: str) -> tuple[str, ...]:
    """The names a template asks for. Raises ``ValueError`` for a brace that opens no field."""
    if _BRACE.search(_FIELD.sub("", template)):
        raise ValueError(f"{template!r} has a brace that belongs to no field such as {{task.id}}")
    return tuple(_FIELD.findall(template))


def render(template: str, facts: Mapping[str, object]) -> str:
    """The template with every field put in as text. Raises ``MissingFieldError``."""
    return _FIELD.sub(lambda field: _text(look(field[1], facts)), template)


def filled(shape: object, facts: Mapping[str, object]) -> object:
    """A JSON shape with every text in it rendered; a text that is one field keeps its type."""
    if isinstance(shape, str):
        whole = _FIELD.fullmatch(shape)
        return look(whole[1], facts) if whole else render(shape, facts)
    if isinstance(shape, Mapping):
        return {name: filled(value, facts) for name, value in shape.items()}
    if isinstance(shape, list | tuple):
        return [filled(part, facts) for part in shape]
    return shape


def look(name: str, facts: Mapping[str, object]) -> object:
    """The fact of that dotted name. Raises ``MissingFieldError`` when there is none, or null."""
    value: Any = facts
    for part in name.split("."):
        if not isinstance(value, Mapping) or value.get(part) is None:
            raise MissingFieldError(name)
        value = value[part]
    return value


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
