"""Labels: which texts of an output are labels, their one form, and which were never seen.

Pure. A text of the output is a label if the model lists its values (``Literal``, an enumeration),
if the use case declares it (``UseCase(labels=…)``), or if it is a field of plain text that the
scorer compares and that has few known values. Free text is a field that the scorer leaves to a
person (``Judged``) or does not compare (``Fields`` names others, ``Cited`` compares citations), or
whose known values rarely repeat.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from pydantic import BaseModel

from roadbed.kernel.labels import closest, normal_label
from roadbed.scoring.scorers import compared_fields
from roadbed.usecases.use_case import UseCase

FEWEST_KNOWN = 20
MOST_LABELS = 200
_REPEATED = 3  # times that each known value was given on average
_LONGEST = 200  # characters; a longer text, or one of several lines, cannot be a label
Json = Mapping[str, Any]
Schema = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Label:
    """One label of an output. ``choices`` are the only values its model takes, if it lists them."""

    field: str
    value: str
    choices: tuple[str, ...] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class UnknownLabel:
    """An unknown label; ``suggestion`` is the known one that may be meant.

    ``closed`` says that it cannot be confirmed as new: the output model lists its values, or it is
    ``too_long`` for a label.
    """

    field: str
    value: str
    suggestion: str | None
    closed: bool = False
    too_long: bool = False


def normal_output(declared: UseCase, output: Json) -> dict[str, object]:
    """``output`` with each label in its one form; all else as it is."""
    return _mapped(declared.output, output, lambda label: _normal(declared, label))


def labels_of(declared: UseCase, output: Json) -> list[Label]:
    """The labels in ``output``: those whose values are listed, and texts that may be labels."""
    labels: dict[Label, None] = {}

    def seen(label: Label) -> str:
        if _may_be_label(declared, label):
            labels[label] = None
        return label.value

    _mapped(declared.output, output, seen)
    return list(labels)


def not_listed(declared: UseCase, output: Json) -> list[UnknownLabel]:
    """The labels in ``output`` that its model does not list."""
    return [
        UnknownLabel(
            field=label.field,
            value=label.value,
            suggestion=closest(label.value, label.choices),
            closed=True,
        )
        for label in labels_of(declared, output)
        if label.choices is not None and label.value not in label.choices
    ]


def open_fields(declared: UseCase) -> list[str]:
    """The fields of the output that hold texts which may be labels, and list no values."""
    _, schema = _schemas(declared.output)
    properties = schema.get("properties", {})
    names = []
    for name in properties:
        label = Label(field=name, value="")
        if _may_be_label(declared, label) and _plain(properties[name], schema):
            names.append(name)
    return names


def stopped(
    declared: UseCase, label: Label, known: Mapping[str, int], confirmed: frozenset[str]
) -> UnknownLabel | None:
    """Why ``label`` is stopped; ``None`` if it is known, or its field is not one of labels.

    ``known`` says how often each value of its field was given. Where the use case declares the
    labels of the field, every other value is stopped; so it is where at least 20 values were given,
    each 3 times on average, and they are at most 200. Where fewer are known, or more than 200
    labels, a value is stopped that is nearly like a known one. A text that is too long for a label
    is stopped where only known values pass, and cannot be confirmed.
    """
    listed = declared.labels.get(label.field)
    values = {*(normal_label(value) for value in known), *(listed or ()), *confirmed}
    if label.value in values or not values:
        return None
    short = _is_short(label.value)
    suggestion = closest(label.value, values) if short else None
    unknown = UnknownLabel(
        field=label.field,
        value=label.value,
        suggestion=suggestion,
        closed=not short,
        too_long=not short,
    )
    if listed is not None:
        return unknown
    given = sum(known.values())
    repeated = given >= _REPEATED * len(known)
    if given >= FEWEST_KNOWN and not repeated:
        return None
    few = given >= FEWEST_KNOWN and len(known) <= MOST_LABELS
    return unknown if few or suggestion is not None else None


def is_free_text(known: Mapping[str, int]) -> bool:
    """Whether the known values of a field hardly repeat."""
    given = sum(known.values())
    return given >= FEWEST_KNOWN and given < _REPEATED * len(known)


def _normal(declared: UseCase, label: Label) -> str:
    if not _may_be_label(declared, label) or not (
        _is_short(label.value) or label.choices is not None or label.field in declared.labels
    ):
        return label.value
    return normal_label(label.value)


def _is_short(value: str) -> bool:
    return len(value) <= _LONGEST and len(value.strip().splitlines()) <= 1


def _may_be_label(declared: UseCase, label: Label) -> bool:
    if label.choices is not None or label.field in declared.labels:
        return True
    if declared.scorer.needs_person or "." in label.field:
        return False
    compared = compared_fields(declared.scorer)
    return compared is None or label.field in compared


@lru_cache(maxsize=256)
def _schemas(model: type[BaseModel]) -> tuple[Schema, Schema]:
    """The model as JSON schema, its fields by alias and by name: a correction may use either."""
    try:
        return model.model_json_schema(by_alias=True), model.model_json_schema(by_alias=False)
    except Exception:  # a model may have custom types without a schema
        return {}, {}


def _mapped(model: type[BaseModel], output: Json, change: Callable[[Label], str]) -> dict[str, Any]:
    """``output`` with each text of it that its model describes as ``change`` gives it."""
    by_alias, by_name = _schemas(model)
    mapped = _within(by_name, by_name, output, "", change)
    if by_alias != by_name:
        mapped = _within(by_alias, by_alias, mapped, "", change)
    return dict(mapped)


def _within(
    schema: Schema, root: Schema, value: Any, path: str, change: Callable[[Label], str]
) -> Any:
    options = list(_options(schema, root))
    if isinstance(value, str):
        texts = [option for option in options if option.get("type") == "string"]
        texts += [option for option in options if _listed(option) and option not in texts]
        if not texts or not path:
            return value
        listed = [_listed(option) for option in texts]
        if None not in listed:
            choices = tuple(choice for some in listed for choice in some or ())
            return change(Label(field=path, value=value, choices=choices))
        if any("format" in option or "pattern" in option for option in texts):
            return value
        return change(Label(field=path, value=value))
    if isinstance(value, Mapping):
        described = {
            name: inner
            for option in options
            for name, inner in option.get("properties", {}).items()
        }
        return {
            name: _within(
                described.get(name, {}), root, inner, f"{path}.{name}" if path else name, change
            )
            for name, inner in value.items()
        }
    if isinstance(value, list):
        items: Schema = next((option["items"] for option in options if "items" in option), {})
        return [_within(items, root, inner, path, change) for inner in value]
    return value


def _options(schema: Schema, root: Schema) -> Iterator[Schema]:
    """A schema without references: one for each of its alternatives."""
    if "$ref" in schema:
        name = str(schema["$ref"]).rpartition("/")[2]
        yield from _options(root.get("$defs", {}).get(name, {}), root)
        return
    alternatives = [*schema.get("anyOf", ()), *schema.get("oneOf", ()), *schema.get("allOf", ())]
    if not alternatives:
        yield schema
    for alternative in alternatives:
        yield from _options(alternative, root)


def _listed(schema: Schema) -> tuple[str, ...] | None:
    """The texts that a schema lists; ``None`` where it lists none."""
    values = [*schema.get("enum", ()), *([schema["const"]] if "const" in schema else ())]
    texts = tuple(value for value in values if isinstance(value, str))
    return texts or None


def _plain(schema: Schema, root: Schema) -> bool:
    """Whether a field holds text, or a list of texts, without a list of its values."""
    for option in _options(schema, root):
        inner = option.get("items", option)
        for text in _options(inner, root):
            if text.get("type") == "string" and _listed(text) is None and "format" not in text:
                return True
    return False
