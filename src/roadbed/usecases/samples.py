"""Sample values made from a model's JSON schema, to test whether the model reads them back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from roadbed.kernel.sentences import sentence
from roadbed.usecases.errors import Problem
from roadbed.usecases.parsing import NOT_READ_BACK, UnfitError, read_form

_MOST_DEPTH = 6
_BY_FORMAT = {
    "date": "2026-01-31",
    "date-time": "2026-01-31T09:00:00Z",
    "time": "09:00:00Z",
    "duration": "PT5M",
    "email": "somebody@example.org",
    "uri": "https://example.org/a",
    "uuid": "0b5c9a52-2f59-4b5e-9a37-0f2f6f1f6f10",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
}
Schema = Mapping[str, Any]


def model_problems(field: str, what: str, model: type[BaseModel]) -> Iterator[Problem]:
    """Values that a model does not read back as stored, found by samples."""
    for sample in _samples(model):
        try:
            read_form(model, sample)
        except UnfitError as error:
            lost = [place for place, problem in error.fields if problem == NOT_READ_BACK]
            if not lost:  # constraints that a sample cannot know
                continue
            named = sentence("it")
            if lost[0]:
                named = sentence("its field %(name)r", name=lost[0])
            yield Problem(
                field=field,
                problem=sentence(
                    "The %(what)s is stored as JSON, and the model does not read %(named)s "
                    "back as it was.",
                    what=what,
                    named=named,
                ),
                remedy=sentence(
                    "Use types whose JSON means the same again: no SecretStr and no excluded "
                    "field, and no serializer whose result the model reads otherwise."
                ),
            )
            return


def sample_of(model: type[BaseModel]) -> Mapping[str, object]:
    """A value with every field of a model, by the types of its schema; lists are empty."""
    schema = model.model_json_schema()
    sample = _sample(schema, schema, whole=True, most=0)
    return sample if isinstance(sample, dict) else {}


def _samples(model: type[BaseModel]) -> Iterator[dict[str, Any]]:
    """A value with every field, and one with those alone that are needed."""
    try:
        schema = model.model_json_schema(by_alias=False, mode="validation")
    except Exception:  # a model without a schema; its own values show the problem
        return
    for whole in (True, False):
        sample = _sample(schema, schema, whole=whole)
        if isinstance(sample, dict):
            yield sample


def _sample(schema: Schema, root: Schema, *, whole: bool, most: int = 1, depth: int = 0) -> Any:
    """``most`` items stand in a list that need not have more, if the sample is ``whole``."""
    if "$ref" in schema:
        named = str(schema["$ref"]).rsplit("/", 1)[-1]
        return _sample(
            root.get("$defs", {}).get(named, {}), root, whole=whole, most=most, depth=depth + 1
        )
    if depth > _MOST_DEPTH:
        return None
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return schema["enum"][0]
    for several in ("anyOf", "oneOf", "allOf"):
        if several in schema:
            return _sample(schema[several][0], root, whole=whole, most=most, depth=depth + 1)
    kind = schema.get("type")
    if kind == "object":
        names = schema.get("properties", {})
        needed = names if whole else schema.get("required", [])
        return {
            name: _sample(
                {"default_text": name, **names[name]}, root, whole=whole, most=most, depth=depth + 1
            )
            for name in needed
        }
    if kind == "array":
        few = max(most if whole else 0, schema.get("minItems", 0))
        items = [schema.get("items", {}), *schema.get("prefixItems", [])][-1]
        return [_sample(items, root, whole=whole, most=most, depth=depth + 1) for _ in range(few)]
    return _plain(schema, kind)


def _plain(schema: Schema, kind: object) -> Any:
    if kind in ("integer", "number"):
        low = schema.get("minimum", schema.get("exclusiveMinimum"))
        high = schema.get("maximum", schema.get("exclusiveMaximum"))
        if low is not None and high is not None:
            return low + (high - low) / 2 if kind == "number" else low + (high - low) // 2
        return low + 1 if low is not None else high - 1 if high is not None else 7
    if kind == "boolean":
        return True
    text = _BY_FORMAT.get(str(schema.get("format")), schema.get("default_text", "sample"))
    return (text * schema.get("minLength", 1))[: schema.get("maxLength")] if kind else text
