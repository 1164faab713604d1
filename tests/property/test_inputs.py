"""One reading of an input: rules and deciders use the form by the declaration."""

from __future__ import annotations

import json
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import AliasChoices, BaseModel, ConfigDict, Field

from roadbed.intake.errors import InputError
from roadbed.intake.validation import as_sent, body_hash, read_input
from roadbed.kernel.storable import faults
from roadbed.scoring.content import same
from roadbed.usecases.conditions import compiled
from roadbed.usecases.parsing import read_form, read_stored


class Kind(Enum):
    NEW = "new"
    OLD = "old"


class Line(BaseModel):
    sku: str
    count: int = Field(1, validation_alias=AliasChoices("count", "n"))  # type: ignore[pydantic-alias]


class Order(BaseModel):
    model_config = ConfigDict(str_strip_whitespace=True)

    vip: bool = False
    amount: float = Field(0.0, alias="Amount")
    pieces: int = 0
    price: Decimal = Decimal(0)
    kind: Kind | None = None
    channel: Literal["web", "shop"] = "web"
    due: date | None = None
    seen_at: datetime | None = None
    tags: set[str] = Field(default_factory=set)
    lines: list[Line] = Field(default_factory=list)
    more: dict[str, Any] = Field(default_factory=dict)


RULES = [
    compiled(condition, {"input"})
    for condition in (
        "input.vip == true",
        "input.amount >= 10.0",
        "input.pieces > 3 || input.price == '1.50'",
        "input.kind == 'new' && input.channel == 'web'",
        "input.due == '2026-01-31'",
        "input.lines.exists(line, line.count > 1)",
        "size(input.tags) > 1",
        "has(input.more.a)",
    )
]
TRUE = st.sampled_from([True, "true", "True", "yes", "on", "1", "t", 1, 1.0])
FALSE = st.sampled_from([False, "false", "no", "off", "0", 0, 0.0])
LINES = st.fixed_dictionaries(
    {"sku": st.sampled_from(["a", " a "])},
    optional={"count": st.sampled_from([1, "1", 2, 2.0]), "n": st.sampled_from([2, "2"])},
)
TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=5)
SMALL = st.floats(-1e6, 1e6) | st.integers(-(2**40), 2**40)
PLAIN = st.none() | st.booleans() | SMALL | TEXT
BODIES = st.fixed_dictionaries(
    {},
    optional={
        "vip": TRUE | FALSE,
        "amount": SMALL | st.just("12.5"),
        "Amount": SMALL | st.just("12.5"),
        "pieces": st.integers(-5, 9) | st.sampled_from(["4", "4.0", 4.0]),
        "price": st.sampled_from([1.5, "1.50", "1.5", 1, "1e2"]),
        "kind": st.sampled_from(["new", "old", None]),
        "channel": st.sampled_from(["web", "shop"]),
        "due": st.sampled_from(["2026-01-31", "2026-01-31T00:00:00", 1769817600, None]),
        "seen_at": st.sampled_from(["2026-01-31T09:00:00Z", "2026-01-31T10:00:00+01:00", 0]),
        "tags": st.lists(st.sampled_from(["a", "b", " a"]), max_size=3),
        "lines": st.lists(LINES, max_size=2),
        "more": st.dictionaries(TEXT, st.recursive(PLAIN, st.lists, max_leaves=3), max_size=3),
        "unknown": st.just(1),
    },
)


def decided(content: Any) -> list[object]:
    return [rule.execute({"input": content}) for rule in RULES]


def accepted(body: Any) -> Any:
    try:
        return read_input(Order, body)
    except InputError:
        return None


@given(body=BODIES)
def test_the_form_decides_and_is_the_same_once_it_was_stored(body: dict[str, Any]) -> None:
    reading = accepted(body)
    if reading is None:
        return
    assert set(reading.form) == set(Order.model_fields)  # with defaults, by name, nothing else
    assert faults(reading.form) == []
    stored = json.loads(json.dumps(reading.form))
    again = read_stored(Order, stored)
    assert again.value == reading.value
    assert decided(again.form) == decided(reading.form)
    assert decided(reading.form)[0] is reading.value.vip
    assert body_hash(read_form(Order, stored).form) == body_hash(reading.form)
    sent = as_sent(reading, body)
    assert sent == body if sent is not None else same(body, reading.form)


@given(one=BODIES, other=BODIES)
def test_bodies_that_mean_the_same_are_decided_the_same(
    one: dict[str, Any], other: dict[str, Any]
) -> None:
    first, second = accepted(one), accepted({**one, **other})
    if first is not None and second is not None and first.value == second.value:
        assert decided(first.form) == decided(second.form)


@given(spelling=TRUE)
def test_every_spelling_of_yes_hits_the_rule_for_yes(spelling: object) -> None:
    assert decided(read_input(Order, {"vip": spelling}).form)[0]


@pytest.mark.parametrize("body", [{"Amount": "12.5"}, {"amount": 12.5}, {"Amount": 12.5}])
def test_a_field_goes_by_its_name_however_it_was_sent(body: dict[str, Any]) -> None:
    reading = read_input(Order, body)
    assert reading.form["amount"] == 12.5
    assert "Amount" not in reading.form
