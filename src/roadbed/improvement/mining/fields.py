"""The fields a condition may ask about, as the model declares them."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeGuard

from pydantic import BaseModel

LONGEST_VALUE = 60  # characters: what is longer is no name of anything
Place = Literal["input", "output"]
FieldKind = Literal["text", "number", "flag"]
_KINDS: Mapping[str, FieldKind] = {
    "string": "text",
    "integer": "number",
    "number": "number",
    "boolean": "flag",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class ConditionField:
    """A plain field of the input or of the decider's output; ``optional`` if it may be null."""

    place: Place
    name: str
    kind: FieldKind
    optional: bool


def fields_of(model: type[BaseModel], place: Place) -> list[ConditionField]:
    """The fields that hold one text, number or truth value, in the order declared."""
    return list(_fields(model.model_json_schema(mode="serialization", by_alias=False), place))


def tellable(value: object) -> TypeGuard[str]:
    """Whether a text may stand in a rule: short, and nothing in it hides."""
    return (
        isinstance(value, str)
        and 0 < len(value) <= LONGEST_VALUE
        and all(unicodedata.category(sign)[0] != "C" for sign in value)
        and all(unicodedata.category(sign) not in {"Zl", "Zp"} for sign in value)
    )


def _fields(schema: Mapping[str, Any], place: Place) -> Iterator[ConditionField]:
    named = schema.get("$defs", {})
    for name, declared in schema.get("properties", {}).items():
        options = [_resolved(item, named) for item in declared.get("anyOf", [declared])]
        kinds = {str(option.get("type")) for option in options}
        plain = kinds - {"null"}
        if len(plain) == 1 and (kind := _KINDS.get(next(iter(plain)))) and tellable(name):
            yield ConditionField(place=place, name=name, kind=kind, optional="null" in kinds)


def _resolved(schema: Mapping[str, Any], named: Mapping[str, Any]) -> Mapping[str, Any]:
    resolved: Mapping[str, Any] = named.get(str(schema.get("$ref", "")).rpartition("/")[2], schema)
    return resolved
