"""The form for a right output, made of the declared output model."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from roadbed.decisions.model import Service


@dataclass(frozen=True, kw_only=True, slots=True)
class Field:
    """One field of the output. ``kind``: text, number, boolean, choice or json."""

    name: str
    kind: str
    required: bool
    choices: Sequence[str]


def fields(service: Service) -> list[Field]:
    """The fields a reviewer fills in, with what is known to be possible."""
    schema = service.loaded.declared.output.model_json_schema()
    known = _known_labels(service)
    return [
        Field(
            name=name,
            kind=_kind(each),
            required=name in schema.get("required", []),
            choices=[str(choice) for choice in each.get("enum", known.get(name, []))],
        )
        for name, each in schema.get("properties", {}).items()
    ]


def read(output: type[BaseModel], form: Mapping[str, str]) -> dict[str, Any]:
    """What was typed, as far as it can be understood; the service judges it."""
    schema = output.model_json_schema().get("properties", {})
    found: dict[str, Any] = {}
    for name, each in schema.items():
        typed = form.get(f"output.{name}", "").strip()
        if typed:
            found[name] = _value(_kind(each), typed)
    return found


def _kind(schema: Mapping[str, Any]) -> str:
    if "enum" in schema:
        return "choice"
    return {"string": "text", "integer": "number", "number": "number", "boolean": "boolean"}.get(
        str(schema.get("type")), "json"
    )


def _value(kind: str, typed: str) -> Any:
    if kind in {"text", "choice"}:
        return typed
    try:
        return json.loads(typed)
    except ValueError:
        return typed


def _known_labels(service: Service) -> Mapping[str, Sequence[str]]:
    decider = service.live.decider
    field, labels = getattr(decider, "label", None), getattr(decider, "labels", None)
    return {field: [str(each) for each in labels]} if field and labels else {}
