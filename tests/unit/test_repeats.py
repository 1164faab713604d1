"""Equal rows of a random sample: each counts, and none makes the promise easier to keep."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import binom

from roadbed.app import App
from roadbed.bootstrap import open_app
from roadbed.kernel.settings import Settings
from roadbed.models import TextClassifier
from roadbed.risk import repeated_inputs
from roadbed.usecases.loader import read_examples
from tests.conftest import Folders

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
import repeated

BY_WORD = """
@usecase.decider
def decide(inquiry, context):
    queue = "delivery" if "parcel" in inquiry.text else "billing"
    return Answer(output=Routing(queue=queue), confidence=0.9)
"""


def lines(*texts: tuple[str, str]) -> str:
    return "\n".join(
        json.dumps({"input": {"text": text}, "output": {"queue": queue}}) for text, queue in texts
    )


class TestCounting:
    def test_of_repeated_inputs_wrong_rows_count_and_right_ones_by_a_coin(self) -> None:
        every = [(w, j, r, d) for w in (0, 1) for j in (0, 1) for r in (0, 1) for d in (0, 1)]
        wrong, judges, again, drawn = np.array(every, dtype=bool).T
        result = repeated_inputs.counts(wrong=wrong, judges=judges, repeated=again, drawn=drawn)
        assert result[~again].tolist() == judges[~again].tolist()
        assert result[again & wrong].all()
        assert result[again & ~wrong].tolist() == (judges & drawn)[again & ~wrong].tolist()

    def test_the_coin_of_a_row_is_fair_and_falls_the_same_again(self) -> None:
        fell = [repeated_inputs.is_drawn(f"exa_{number}") for number in range(4_000)]
        assert fell == [repeated_inputs.is_drawn(f"exa_{number}") for number in range(4_000)]
        assert binom.ppf(0.001, 4_000, 0.5) <= sum(fell) <= binom.ppf(0.999, 4_000, 0.5)

    @pytest.mark.usefixtures("unmeasured")
    @pytest.mark.parametrize("learns", [False, True])
    @pytest.mark.parametrize(
        ("share", "inputs", "part"), [(0.3, 1, 0.0), (0.1, 10, 0.5), (0.05, 3, 1.0)]
    )
    def test_no_repetition_breaks_the_promise(
        self, share: float, inputs: int, part: float, learns: bool
    ) -> None:
        runs = 150
        for test in ("exact", "anytime"):
            result = repeated.broken(share, inputs, part, runs, learns=learns, test=test)
            print(f"{share:.0%} of {inputs}, {test}: {result}")
            assert result["ours"] * runs <= binom.ppf(0.99, runs, 0.05)

    @pytest.mark.usefixtures("unmeasured")
    def test_other_ways_to_count_do(self) -> None:
        result = repeated.broken(0.1, 10, 0.5, 150, learns=False, test="exact")
        assert result["once"] > 0.3
        assert result["by sides"] > 0.2


async def improved(app: App) -> dict[str, Any]:
    result = await app.deployer.improve(app.deployments.get("triage").loaded, actor="ana")
    assert result.certificate is not None
    return {**result.certificate, **result.certificate["detail"]}


class TestFolders:
    async def test_a_frequent_wrong_row_counts_as_often_as_it_comes(
        self, folders: Folders, settings: Settings, url: str
    ) -> None:
        singles = [(f"parcel {n} is late", "delivery") for n in range(400)]
        singles += [(f"invoice {n} is wrong", "billing") for n in range(400)]
        # Sorted, with the repeated rows at its end: a first part of the file says nothing of them.
        folders.write(BY_WORD, examples=lines(*singles, *[("notice 7: parcel", "billing")] * 60))
        async with open_app(settings, url) as app:
            loaded = app.deployments.get("triage").loaded
            assert len(list(read_examples(loaded))) == 860
            [stored] = await app.database.fetch("SELECT count(*) AS n FROM example")
            assert stored["n"] == 860
            assert await app.examples.import_folder(loaded) == (0, [])
            proof = await improved(app)
            assert proof["threshold"] is None
            assert proof["repeated"] == 60
            [judging] = await app.database.fetch(
                "SELECT count(*) AS n FROM example WHERE purpose = 'judge' "
                "AND input ->> 'text' NOT LIKE 'notice%%'"
            )
            assert proof["items"] == judging["n"] + 60  # on either side

    async def test_right_rows_of_a_frequent_input_do_not_crowd_out_the_rest(
        self, folders: Folders, settings: Settings, url: str
    ) -> None:
        singles = [(f"invoice {n} is wrong", "billing") for n in range(200)]
        folders.write(BY_WORD, examples=lines(*singles, *[("notice 7: parcel", "delivery")] * 400))
        async with open_app(settings, url) as app:
            proof = await improved(app)
            rows = await app.database.fetch(
                "SELECT id, purpose, input ->> 'text' LIKE 'notice%%' AS again FROM example"
            )
            expected = sum(
                row["purpose"] == "judge"
                and (not row["again"] or repeated_inputs.is_drawn(row["id"]))
                for row in rows
            )
            assert (proof["items"], proof["errors"]) == (expected, 0)
            labels = sum(row["purpose"] == "judge" for row in rows)
            assert proof["labelled"] == labels  # the drawn items, not the counted ones

    async def test_rows_of_one_day_are_held_in_an_order_of_chance(
        self, folders: Folders, app: App
    ) -> None:
        loaded = app.deployments.get("triage").loaded
        texts = [(f"{n:04}", "returns") for n in range(300)]
        (folders.parent / "triage" / "examples").mkdir(exist_ok=True)
        (folders.parent / "triage" / "examples" / "sorted.jsonl").write_text(lines(*texts))
        await app.examples.import_folder(loaded)
        order = [case.content["text"] for case in await app.examples.cases(loaded.declared)]
        assert len(order) > 100
        assert sorted(order) != order
        half = sorted(order[: len(order) // 2])
        assert half[0] < "0050"
        assert half[-1] > "0250"


def test_equal_texts_lie_in_one_fold() -> None:
    """A training row gives no evidence about an unseen row."""
    from pydantic import BaseModel

    from roadbed.usecases.decider import LabelledExample

    class Text(BaseModel):
        text: str

    class Queue(BaseModel):
        queue: str

    chance = np.random.default_rng(3)
    nonsense = [" ".join(chance.choice(list("abcdefghij"), 6)) for _ in range(60)]
    labels = chance.choice(["x", "y"], 60)
    examples = [
        LabelledExample(input=Text(text=text), output=Queue(queue=str(label)))
        for text, label in [*zip(nonsense, labels, strict=True)] * 10
    ]
    fitted = TextClassifier(text="text", label="queue").bind(Text, Queue).fit(examples, seed=0)
    assert fitted.out_of_fold.wrong.mean() > 0.25  # by memory all would be right
