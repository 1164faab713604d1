"""A decider's answer read as data: numbers, words and invalid values."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from pydantic import BaseModel, Field

from roadbed.decisions.model import Answered, NotAnswered, Reason
from roadbed.decisions.routing import read_answer
from roadbed.usecases.decider import Answer, Unsure


class Routing(BaseModel):
    queue: str = Field(alias="Queue")
    more: dict[str, Any] = {}


def read(**more: Any) -> Answered | NotAnswered:
    given: Any = {"output": {"Queue": "a"}, "confidence": 0.5} | more
    return read_answer(Answer(**given), Routing)


@pytest.mark.parametrize("output", [{"Queue": "a"}, {"queue": "a"}, Routing(Queue="a")])
def test_an_output_is_read_by_name_or_alias_and_kept_by_name(output: object) -> None:
    answer = read(output=output)
    assert isinstance(answer, Answered)
    assert answer.output == {"queue": "a", "more": {}}


@pytest.mark.parametrize(
    ("cost", "read_as"),
    [(None, None), (Decimal("0.10"), Decimal("0.10")), (1, Decimal(1)), (0.1, Decimal("0.1"))],
)
def test_a_cost_is_a_number_that_can_be_summed(cost: Any, read_as: Decimal | None) -> None:
    assert read(cost=cost).cost == read_as


@pytest.mark.parametrize(
    ("cost", "why"),
    [
        (Decimal("NaN"), "no amount of money"),
        (float("inf"), "no amount of money"),
        (Decimal(-1), "no amount of money"),
        ("1.00", "not a number"),
        (True, "not a number"),
    ],
)
def test_what_is_no_cost_makes_the_answer_unusable_and_its_cost_unknown(
    cost: Any, why: str
) -> None:
    answer = read(cost=cost)
    assert isinstance(answer, NotAnswered)
    assert (answer.code, answer.cost) == (Reason.INVALID_ANSWER, None)
    assert why in answer.reason
    unsure = read_answer(Unsure(reason="it says so", cost=cost), Routing)
    assert unsure.cost is None


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"output": {"queue": "a\x00"}}, "queue: holds a NUL"),
        ({"output": {"queue": "a", "more": {"x": float("nan")}}}, "more: is not read back"),
        ({"output": {"queue": "a", "more": {"x": 10**400}}}, "more.x: "),
        ({"output": {"queue": "a" * 20_001}}, "more than 20,000 characters"),
        ({"output": None}, "output: "),
        ({"provenance": {"a": "\ud800"}}, "provenance is not plain JSON"),
        ({"provenance": "a"}, "provenance is no mapping"),
    ],
)
def test_what_cannot_be_stored_is_no_answer(more: dict[str, Any], why: str) -> None:
    answer = read(**more)
    assert isinstance(answer, NotAnswered)
    assert why in answer.reason


def test_evidence_that_cannot_be_shown_is_left_out_and_the_rest_stands() -> None:
    for evidence in ({"a": "\x00"}, {"a": float("nan")}, {"a": {1}}, {"a": "x" * 20_001}, ["a"]):
        answer = read(evidence=evidence)
        assert isinstance(answer, Answered)
        assert set(answer.evidence) == {"left_out"}
    assert read(evidence={"a": "😀 \\u0000 \ue000"}).evidence == {"a": "😀 \\u0000 \ue000"}
