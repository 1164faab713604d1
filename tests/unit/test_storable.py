"""Storable values: one definition, which agrees with the database."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from psycopg.types.json import Jsonb
from pydantic_core import from_json, to_json

from roadbed.kernel.storable import (
    MOST_CHARACTERS,
    MOST_DEPTH,
    cleaned,
    faults,
    is_storable,
    stripped,
    text_fault,
)
from roadbed.kernel.terminal import visible
from roadbed.scoring.content import same


def nested(depth: int, kind: type = list) -> Any:
    value: Any = "deep"
    for _ in range(depth):
        value = [value] if kind is list else {"a": value}
    return value


@pytest.mark.parametrize(
    "value",
    [
        {"text": "😀 한국어 \ud7ff \ue000 ﷽ \\u0000 \\ud800"},
        {"ok": True, "nothing": None, "many": [1, 2.5, -(10**308), 1.7e308, 5e-324, -0.0]},
        {"control\x07": "\f\x0b\x1b[31m"},
        nested(MOST_DEPTH),
        nested(MOST_DEPTH, dict),
        [[] for _ in range(3 * MOST_DEPTH)],
        "1" * 400,
        ("a", ("b",)),
        {},
    ],
)
def test_what_the_database_keeps_is_storable(value: object) -> None:
    assert faults(value) == []
    assert is_storable(value)


@pytest.mark.parametrize(
    ("value", "place", "why"),
    [
        ({"a": [{"b": "x\x00"}]}, "a.0.b", "NUL"),
        ({"a": {"x\x00": 1}}, "a.x\ufffd", "name that holds a NUL"),
        ({"a": {"\ud800": 1}}, "a.\ufffd", "name that holds half a surrogate"),
        ({"a": "\udfff"}, "a", "half a surrogate"),
        ({"a": ["ok", float("nan")]}, "a.1", "no finite number"),
        ({"a": float("-inf")}, "a", "no finite number"),
        ({"a": 10**309}, "a", "309 digits"),
        ({"a": -(10**5000)}, "a", "309 digits"),
        (nested(MOST_DEPTH + 1), ".".join("0" * MOST_DEPTH), "nested more than"),
        ({"a": datetime.now(UTC)}, "a", "is a datetime"),
        ({"a": Decimal("1.5")}, "a", "is a Decimal"),
        ({"a": b"x"}, "a", "is a bytes"),
        ("\x00", "", "NUL"),
        ({("a",): 1}, "", "plain JSON"),
        ("x" * (MOST_CHARACTERS + 1), "", "at most 16,000,000 characters"),
    ],
)
def test_what_it_would_refuse_is_named_with_its_place(value: object, place: str, why: str) -> None:
    [(named, problem)] = faults(value)
    assert named == place
    assert why in problem
    assert not is_storable(value)


def test_at_most_twenty_faults_are_named_and_places_stay_short() -> None:
    result = faults({"x" * 5_000: ["\x00"] * 50})
    assert len(result) == 20
    assert max(len(place) for place, _ in result) == 200


def test_a_length_can_be_asked_for() -> None:
    assert is_storable({"a": "xxx"}, most_characters=11)
    assert not is_storable({"a": "xxxx"}, most_characters=11)
    assert not is_storable({"a": "\x00"}, most_characters=100)
    assert is_storable({"a": "\\u0000"}, most_characters=100)


def test_what_is_stripped_of_a_text_is_counted_and_the_rest_stays() -> None:
    assert stripped("a\f\x0b\x1b[1m\tb\n") == ("a\f\x0b\x1b[1m\tb\n", 0)
    assert stripped("a\x00b\ud800c\x00") == ("abc", 3)
    assert text_fault(stripped("\udfff\x00")[0]) is None


def test_nothing_in_a_text_acts_on_a_terminal_and_json_stays_json() -> None:
    assert visible("\x1b[2Ja\fb\x9b1m\u202ec\r\x7f") == (
        r"\u001b[2Ja\u000cb\u009b1m\u202ec\u000d\u007f"
    )
    kept = "two\nlines\tand a family 👩\u200d👧, n\u00a0b ﷽"
    assert visible(kept) == kept
    value = {"a\x9b": "\x1b\u2028\u2066"}
    assert from_json(visible(to_json(value).decode())) == value


def test_a_cleaned_text_can_be_stored() -> None:
    assert cleaned("a\x00b\ud800c") == "a\ufffdb\ufffdc"
    assert cleaned("😀") == "😀"
    assert text_fault(cleaned("\udfff\x00")) is None


ANY_TEXT = st.text(st.characters()) | st.sampled_from(
    ["\x00", "\ud83d", "\\u0000", "😀", "\udc00x"]
)
ANY_NUMBER = st.integers() | st.floats() | st.sampled_from([10**309, 10**308, -(10**310), 2**64])
VALUES = st.recursive(
    st.none() | st.booleans() | ANY_TEXT | ANY_NUMBER,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(ANY_TEXT, inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.usefixtures("unmeasured")
@given(value=VALUES)
@example(value={"a": 1e16})
@example(value=[1e22, 123456789012345680.0])
@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_storable_comes_back_equal_and_nothing_else_is_let_through(
    url: str, value: Any
) -> None:
    if faults(value):
        assert not is_storable(value)
        return
    assert is_storable(value)
    with psycopg.connect(url, autocommit=True) as connection:
        psycopg.types.json.set_json_loads(from_json, connection)
        sent = to_json(value).decode()
        row = connection.execute("SELECT %s::jsonb, %s::jsonb", (sent, Jsonb(value))).fetchone()
    assert row is not None
    assert same(row[0], value)
    assert same(row[1], value)
