"""Patches wrapped around functions, coroutines and trainables."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Self

import numpy as np
import pytest
from pydantic import BaseModel

from roadbed import Answer, Pod, Unsure, UseCase
from roadbed.usecases.decider import Context, LabelledExample, OutOfFold, Task, is_trainable
from roadbed.usecases.errors import PatchError
from roadbed.usecases.patches import ARTIFACT, Patches, dumps, loads, patched, read

RECORDS = {"prices": {"A1": {"eur": "8"}, "A2": {"eur": "12"}}}
ALIAS = {"kind": "alias", "id": "pro_a", "field": "city", "found": "NYC", "meant": "New York"}
SET = {
    "kind": "rule",
    "id": "pro_s",
    "when": 'input.city == "New York"',
    "set": {"queue": "east"},
    "reason": "New York belongs to the east",
}
LOOK = SET | {"id": "pro_l", "set": None, "when": 'output.queue == "east"', "reason": "Look"}
BROKEN = SET | {"id": "pro_b", "when": "input.missing.more == 1"}
RECORD = {
    "kind": "record",
    "id": "pro_r",
    "table": "prices",
    "key": "A1",
    "field": "eur",
    "value": "9",
}
OVER = {"kind": "superseded", "id": "pro_o", "table": "prices", "key": "A2", "by": "A1"}


class Place(BaseModel):
    city: str


class Routing(BaseModel):
    queue: str


class Memory:
    """A trainable that answers with the learned value of a city."""

    kinds = ("anything",)

    def __init__(self, taught: Mapping[str, str] | None = None) -> None:
        self.taught = dict(taught or {})

    def fit(self, examples: Sequence[LabelledExample], *, seed: int) -> Self:
        return type(self)(
            {
                example.input.city: example.output.queue  # type: ignore[attr-defined,union-attr]
                for example in examples
            }
        )

    @property
    def out_of_fold(self) -> OutOfFold:
        return OutOfFold(confidence=np.zeros(1), wrong=np.zeros(1, dtype=bool))

    def decide_many(self, inputs: Sequence[Any]) -> Sequence[Answer[Any] | Unsure]:
        return [
            Answer(output=Routing(queue=self.taught.get(input_.city, "?")), confidence=0.8)
            for input_ in inputs
        ]

    def save(self) -> Mapping[str, bytes]:
        return {"taught.json": json.dumps(self.taught).encode()}

    def load(self, files: Mapping[str, bytes]) -> Self:
        return type(self)(json.loads(files["taught.json"]))


def declared(decider: Any = None) -> UseCase:
    result = UseCase(
        "triage",
        purpose="Send each inquiry on",
        input=Place,
        output=Routing,
        pod=Pod(domain_lead="ana", engineer="ben", data_specialist="chi", risk_partner="dev"),
        risk_limit=0.02,
    )
    if decider is not None:
        result.decider(decider)
    return result


CONTEXT = Context(
    task=Task(id="t", usecase="triage", key=None, admitted_at=datetime(2026, 11, 21, tzinfo=UTC)),
    deadline_seconds=1.0,
)
seen: dict[str, Any] = {}


def plain(input: Place, context: Context) -> Answer[Routing]:
    seen.update(city=input.city, context=context)
    return Answer(
        output=Routing(queue="west"),
        confidence=0.9,
        evidence={"why": "far"},
        cost=Decimal("0.1"),
    )


async def coroutine(input: Place, context: Context) -> Answer[Routing]:
    return plain(input, context)


class Called:
    async def __call__(self, input: Place, context: Context) -> Answer[Routing]:
        return plain(input, context)


def ask(decider: Any, *content: Mapping[str, Any], city: str = "NYC") -> Any:
    use_case = declared(decider)
    around: Any = patched(decider, read(use_case, content), use_case, RECORDS)
    if is_trainable(around):
        return around.decide_many([Place(city=city)])[0]
    given = around(Place(city=city), CONTEXT)
    return asyncio.run(_awaited(given)) if asyncio.iscoroutine(given) else given


async def _awaited(given: Any) -> Any:
    return await given


DECIDERS: list[Any] = [plain, coroutine, Called(), Memory({"New York": "west"})]


@pytest.mark.parametrize("decider", DECIDERS, ids=["function", "coroutine", "object", "trainable"])
class TestWrappedDeciders:
    def test_an_alias_mends_the_input_and_a_rule_the_answer(self, decider: Any) -> None:
        result = ask(decider, ALIAS, SET)
        assert result.output == Routing(queue="east")
        assert result.evidence["patched"] == [
            "city: 'NYC' read as 'New York' (pro_a)",
            "New York belongs to the east (pro_s)",
        ]

    def test_what_they_do_not_fit_stays_as_it_is(self, decider: Any) -> None:
        result = ask(decider, ALIAS, SET, city="Rome")
        assert result.output.queue in {"west", "?"}
        assert "patched" not in result.evidence

    def test_a_rule_may_ask_a_person_and_what_follows_is_not_asked(self, decider: Any) -> None:
        result = ask(decider, ALIAS, SET, LOOK, BROKEN)
        assert isinstance(result, Unsure)
        assert result.reason == "Look"
        told: Any = result.evidence["patched"]
        assert told[-1] == "Look (pro_l)"

    def test_a_rule_that_fails_asks_a_person(self, decider: Any) -> None:
        result = ask(decider, BROKEN)
        assert isinstance(result, Unsure)
        assert "pro_b failed" in result.reason


def test_a_person_who_looks_still_sees_evidence_and_cost() -> None:
    for rule in (BROKEN, LOOK | {"when": "true"}, SET | {"when": "true", "set": {"queue": 5}}):
        result = ask(plain, rule)
        assert isinstance(result, Unsure)
        assert (result.evidence["why"], result.cost) == ("far", Decimal("0.1"))


def test_records_are_mended_and_superseded_ones_redirected() -> None:
    ask(plain, RECORD, OVER, RECORD | {"id": "pro_x", "key": "gone"}, OVER | {"by": "gone"})
    assert seen["context"].records == {"prices": {"A1": {"eur": "9"}, "A2": {"eur": "9"}}}
    assert RECORDS["prices"]["A1"] == {"eur": "8"}


def test_a_decider_is_given_prompts_and_examples_as_accepted_last() -> None:
    chosen = [{"kind": "examples", "examples": [{"input": {}, "output": n}]} for n in (1, 2)]
    ask(plain, *chosen, {"kind": "prompt", "file": "a.md", "text": "Be brief."})
    context = seen["context"]
    assert (context.prompts, context.examples) == (
        {"a.md": "Be brief."},
        ({"input": {}, "output": 2},),
    )


def test_a_trainable_learns_from_mended_input_and_keeps_its_own() -> None:
    use_case = declared(Memory())
    around: Any = patched(Memory(), read(use_case, [ALIAS]), use_case, {})
    fitted = around.fit(
        [LabelledExample(input=Place(city="NYC"), output=Routing(queue="east"))], seed=0
    )
    again = around.load(fitted.save())
    assert again.decide_many([Place(city="New York")])[0].output == Routing(queue="east")
    assert (again.kinds, len(fitted.out_of_fold.confidence)) == (("anything",), 1)
    with pytest.raises(AttributeError):
        _ = again._nothing


def test_nothing_accepted_leaves_decider_and_hash_alone() -> None:
    use_case, decider = declared(plain), DECIDERS[0]
    assert patched(decider, Patches(), use_case, {}) is decider
    assert dumps([]) == {}
    assert loads(use_case, {}) == Patches()
    assert loads(use_case, dumps([ALIAS, SET])) == read(use_case, [ALIAS, SET])
    assert dumps([ALIAS])[ARTIFACT] == dumps([dict(reversed(ALIAS.items()))])[ARTIFACT]


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"kind": "unknown", "id": "p"},
        ALIAS | {"field": "country"},
        ALIAS | {"more": 1},
        SET | {"set": {"team": "x"}},
        SET | {"when": "output ="},
        SET | {"when": "secret == 1"},
        {"kind": "record", "id": "p"},
        {"kind": "prompt", "file": "a.md"},
    ],
)
def test_what_does_not_fit_the_models_is_refused(content: Mapping[str, Any]) -> None:
    with pytest.raises(PatchError):
        read(declared(plain), [content])
