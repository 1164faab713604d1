"""Parsing: one way to read a value by a declared model, for code and for storage.

Inputs, outputs and arguments of actions are all read here. The *form* is the model's own JSON
(``model_dump(mode="json")``: by field name, defaults included, nothing computed). Rules, slices,
keys, templates, hashes, examples and receipts see the form and nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Set
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Literal

from pydantic import BaseModel, ValidationError

from roadbed.kernel.storable import faults

_MOST_NAMED = 20
NOT_READ_BACK = (
    "is not read back as it is stored; the model has to be changed, `roadbed check` says how"
)


class UnfitError(ValueError):
    """A value that a model does not accept. ``fields`` says where and why, 20 at most."""

    def __init__(self, fields: list[tuple[str, str]]) -> None:
        place, problem = fields[0]
        super().__init__(f"{place or 'it'}: {problem}")
        self.fields = fields


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """A value as an instance of its model, and its form, which is what is stored.

    ``as_given`` says that the form equals the given value exactly.
    """

    value: BaseModel
    form: dict[str, Any]
    as_given: bool = False


def read_form(model: type[BaseModel], given: object, *, storable: bool = False) -> Reading:
    """``given`` (JSON, or an instance), read by ``model``; unknown fields are refused.

    ``value`` is what the model makes of ``form``, so that code which is given the stored form
    later, in another process or by a replay, sees the same. Fields may go by name or by alias.
    ``storable`` says that ``given`` was looked at already. Raises ``UnfitError``, also for what
    cannot be stored.
    """
    # Instances are checked again: pydantic builds them without checks when asked to.
    raw = given.model_dump(warnings=False) if isinstance(given, BaseModel) else given
    reading = _read(model, raw, "forbid")
    as_given = _identical(reading.form, raw)
    if not (storable and as_given) and (problems := faults(reading.form)):
        raise UnfitError(problems)
    if as_given:
        return Reading(value=reading.value, form=reading.form, as_given=True)
    try:
        again = _read(model, reading.form, "forbid")
    except UnfitError as error:
        raise UnfitError([(place, NOT_READ_BACK) for place, _ in error.fields]) from error
    if again.value != reading.value:
        raise UnfitError([(_first_difference(reading.value, again.value), NOT_READ_BACK)])
    return replace(reading, value=again.value)


def written(value: BaseModel) -> dict[str, object]:
    """The form of an instance.

    A set has no order: its members are sorted, so that the form and its hash are the same in every
    process.
    """
    form = value.model_dump(
        mode="json", by_alias=False, exclude_computed_fields=True, warnings=False
    )
    if _may_hold_sets(type(value)):
        _sort_sets(value, form)
    return form


@lru_cache(maxsize=1024)
def _may_hold_sets(model: type[BaseModel]) -> bool:
    try:
        return "uniqueItems" in json.dumps(model.model_json_schema())
    except Exception:  # a model without a schema may hold anything
        return True


def _sort_sets(value: object, form: Any) -> None:
    """Sort in place each list of ``form`` that ``value`` has a set for."""
    if isinstance(value, BaseModel) and isinstance(form, dict):
        for name, inner in form.items():
            _sort_sets(getattr(value, name, None), inner)
    elif isinstance(value, Set) and isinstance(form, list):
        form.sort(key=lambda member: json.dumps(member, sort_keys=True))
    elif isinstance(value, list | tuple) and isinstance(form, list):
        for member, inner in zip(value, form, strict=False):
            _sort_sets(member, inner)
    elif isinstance(value, Mapping) and isinstance(form, dict):
        for member, inner in zip(value.values(), form.values(), strict=False):
            _sort_sets(member, inner)


def read_stored(model: type[BaseModel], stored: Mapping[str, object]) -> Reading:
    """A stored value, read by the current ``model``; fields it no longer has are dropped.

    What was stored before forms were is read here too. Raises ``UnfitError``.
    """
    return _read(model, stored, None)


def form_of(model: type[BaseModel], stored: Mapping[str, object]) -> Mapping[str, object]:
    """The form of a stored value; unchanged if the model no longer accepts it."""
    try:
        return read_stored(model, stored).form
    except UnfitError:
        return stored


def _read(model: type[BaseModel], raw: object, extra: Literal["forbid"] | None) -> Reading:
    try:
        value = model.model_validate(raw, extra=extra, by_alias=True, by_name=True)
        return Reading(value=value, form=written(value))
    except ValidationError as error:
        raise UnfitError(
            [
                (".".join(map(str, problem["loc"])), problem["msg"])
                for problem in error.errors(include_url=False, include_input=False)[:_MOST_NAMED]
            ]
        ) from error
    except Exception as error:  # validators and serializers are the pod's own code
        raise UnfitError([("", f"its model failed: {type(error).__name__}: {error}")]) from error


def _identical(one: object, other: object) -> bool:
    """Whether two values are the same JSON to the letter: 1, 1.0 and true are three values."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict) and isinstance(other, dict):
        return len(one) == len(other) and all(
            name in other and _identical(value, other[name]) for name, value in one.items()
        )
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_identical, one, other))
    return one == other


def _first_difference(one: BaseModel, other: BaseModel) -> str:
    fields = type(one).model_fields
    return next((name for name in fields if getattr(one, name) != getattr(other, name)), "")
