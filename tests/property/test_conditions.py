"""A rule from any correction gives exactly the result of the same condition in Python."""

from __future__ import annotations

from typing import Any

import cel
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from roadbed.improvement.mining.conditions import (
    CandidateCondition,
    ConditionField,
    quoted,
    tellable,
)
from roadbed.usecases.conditions import compiled

TEXTS = st.text(max_size=70)
NASTY = st.sampled_from(
    ['"', "\\", '\\"', '" || true || "', "\\u0041", "${x}", "'", '""" + "', "\n", "😀", "\\", "a\\"]
)
VALUES = st.one_of(TEXTS, NASTY, st.builds(str.__add__, NASTY, TEXTS))
NUMBERS = st.one_of(st.integers(-(2**53), 2**53), st.floats(allow_nan=False, allow_infinity=False))
NAMES = st.sampled_from(
    ["code", "in", "package", "größe", 'odd"name', "back\\slash", "a b", "true"]
)


def says(condition: CandidateCondition, value: Any) -> bool:
    """The result of the compiled condition; a condition may ask for nothing but its field."""
    program = compiled(condition.cel, {"input", "output", "confidence"})
    assert set(cel.compile(condition.cel).variables()) == {"input"}
    result = program.execute({"input": {condition.field.name: value}, "output": {}})
    assert isinstance(result, bool)
    return result


@given(name=NAMES, test=st.sampled_from(["is", "starts", "contains"]), value=VALUES, other=VALUES)
@example(name="code", test="is", value='" == "" || true || "', other="x")
def test_texts_cannot_break_out(name: str, test: Any, value: str, other: str) -> None:
    field = ConditionField(place="input", name=name, kind="text", optional=False)
    condition = CandidateCondition(field=field, test=test, value=value)
    for text in (other, value, value + other, other + value):
        assert [says(condition, text)] == condition.holds([text])


@given(test=st.sampled_from(["is", "least", "below"]), value=NUMBERS, other=NUMBERS)
def test_numbers_mean_the_same(test: Any, value: float, other: float) -> None:
    field = ConditionField(place="input", name="amount", kind="number", optional=False)
    condition = CandidateCondition(field=field, test=test, value=value)
    for number in (other, value):
        assert [says(condition, number)] == condition.holds([number])


@given(test=st.sampled_from(["is", "starts", "contains"]), value=VALUES)
def test_null_never_fails(test: Any, value: str) -> None:
    field = ConditionField(place="input", name="code", kind="text", optional=True)
    condition = CandidateCondition(field=field, test=test, value=value)
    assert not says(condition, None)
    assert condition.holds([None]) == [False]


@pytest.mark.parametrize("given", [True, False, 1, 0, 1.0, None])
def test_truth_is_no_number(given: object) -> None:
    field = ConditionField(place="input", name="urgent", kind="flag", optional=True)
    condition = CandidateCondition(field=field, test="is", value=True)
    assert condition.holds([given]) == [given is True]
    if not isinstance(given, int | float) or isinstance(given, bool):
        assert says(condition, given) is (given is True)


def test_what_cannot_be_written_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot be written"):
        quoted(float("nan"))


@given(VALUES)
def test_what_may_stand_in_a_rule_is_short_and_visible(value: str) -> None:
    if tellable(value):
        assert 0 < len(value) <= 60
        assert value.isprintable() or " " in value or "\u3000" in value or not value.isascii()
        assert "\n" not in value
