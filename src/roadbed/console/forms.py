"""The form for a right output, made of the declared output model."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from pydantic import BaseModel

from roadbed.decisions.model import Deployment
from roadbed.kernel.json import read_json
from roadbed.kernel.sentences import Text, sentence
from roadbed.reviews.errors import VerdictError
from roadbed.scoring.content import same

_NUMBERED = re.compile(r"action\.([0-9]{1,4})\.name")


@dataclass(frozen=True, kw_only=True, slots=True)
class FormField:
    """One field of the output. ``kind``: text, number, boolean, choice or json."""

    name: str
    kind: str
    required: bool
    choices: Sequence[str]


def as_declared(model: type[BaseModel], content: Mapping[str, object]) -> dict[str, object]:
    """An input or output with its fields in the order of its model; the database keeps none."""
    order = model.model_fields
    return {name: content[name] for name in (*order, *content) if name in content}


def fields(service: Deployment) -> list[FormField]:
    """The fields of a review form, with the known values."""
    return fields_of(service.loaded.declared.output, _known_labels(service))


def fields_of(
    model: type[BaseModel], known: Mapping[str, Sequence[str]] = MappingProxyType({})
) -> list[FormField]:
    """The fields of a model, with the values that are ``known`` of some."""
    schema = model.model_json_schema()
    return [
        FormField(
            name=name,
            kind=_kind(schema_of_field),
            required=name in schema.get("required", []),
            choices=[str(choice) for choice in schema_of_field.get("enum", known.get(name, []))],
        )
        for name, schema_of_field in schema.get("properties", {}).items()
    ]


def read(
    model: type[BaseModel], form: Mapping[str, str], *, prefix: str = "output."
) -> dict[str, object]:
    """The typed values, converted where possible; the service validates them."""
    schema = model.model_json_schema().get("properties", {})
    values: dict[str, Any] = {}
    for name, field in schema.items():
        typed = form.get(f"{prefix}{name}", "").strip()
        if typed:
            values[name] = _value(_kind(field), typed)
    return values


def untouched(form: Mapping[str, str]) -> bool:
    """Whether no field of the output was filled in, and no passage chosen."""
    return not any(
        value.strip()
        for name, value in form.items()
        if name.startswith("output.") or name == "cited"
    )


def action_kinds(service: Deployment) -> list[str]:
    """The kinds of action that the use case declares, by name."""
    return sorted(service.loaded.declared.actions)


def read_actions(form: Mapping[str, str]) -> Sequence[Mapping[str, object]] | None:
    """The right actions, in their order; ``None`` if the form has no actions.

    Each of those proposed is kept, edited or left out; one more may have been added. Raises
    ``VerdictError``.
    """
    if "actions" not in form:
        return None
    # Those that are in the form, independent of its count.
    fields_of_kinds = [_NUMBERED.fullmatch(name) for name in form]
    numbers = [*map(str, sorted(int(field[1]) for field in fields_of_kinds if field)), "new"]
    actions = []
    for number in numbers:
        name, kept = form.get(f"action.{number}.name", ""), form.get(f"action.{number}.keep")
        if name and kept == "yes":
            actions.append({"name": name, "arguments": _arguments(name, form, number)})
    return actions


def changed(
    typed: Sequence[Mapping[str, object]] | None, shown: Sequence[Mapping[str, object]] | None
) -> bool:
    """Whether the actions in a form are other than those that were shown."""
    bare = [{"name": action["name"], "arguments": action["arguments"]} for action in shown or ()]
    return typed is not None and not same(list(typed), bare)


def _arguments(name: str, form: Mapping[str, str], number: str) -> dict[str, Any]:
    typed = form.get(f"action.{number}.arguments", "").strip() or "{}"
    try:
        arguments = read_json(typed)
        if isinstance(arguments, dict):
            return arguments
        problem: Text = sentence("they are a %(kind)s", kind=type(arguments).__name__)
    except (ValueError, RecursionError) as error:
        problem = str(error)
    raise VerdictError(
        sentence(
            "The arguments of %(name)r are no JSON object: %(problem)s.", name=name, problem=problem
        ),
        sentence('Write them like {"amount": 5}.'),
    )


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
        return read_json(typed)
    except (ValueError, RecursionError):
        return typed


def _known_labels(service: Deployment) -> Mapping[str, Sequence[str]]:
    known: dict[str, Sequence[str]] = dict(service.loaded.declared.labels)
    decider = service.live.decider
    field, labels = getattr(decider, "label", None), getattr(decider, "labels", None)
    if field and labels:
        known[field] = sorted({*known.get(field, ()), *(str(label) for label in labels)})
    return known
