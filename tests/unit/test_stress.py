"""Realistic damage to inputs, and the answers to it."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadbed.bootstrap import open_app
from roadbed.guarantee.errors import NothingToStressError
from roadbed.guarantee.perturbations import PERTURBATIONS, Harmed
from roadbed.guarantee.stress_chart import svg
from roadbed.kernel.settings import Settings
from tests.conftest import Folders

RECORD: dict[str, Any] = {
    "text": "where is my order 7.50 of 2026-03-09 please",
    "amount": 1234.5,
    "paid": True,
}
OTHER: dict[str, Any] = {"text": "the zip of this jacket broke", "amount": 2.0, "paid": False}


def harm(name: str, record: dict[str, Any] = RECORD, strength: float = 1.0) -> Harmed:
    result = PERTURBATIONS[name](record, OTHER, random.Random(1), strength)
    assert result is not None
    return result


class TestPerturbations:
    def test_say_what_they_do(self) -> None:
        assert harm("typos").content["text"] != RECORD["text"]
        assert len(str(harm("truncated text").content["text"])) < len(RECORD["text"])
        assert "wo ist mon" in str(harm("mixed languages").content["text"])
        formats = harm("other date and number formats").content
        assert formats["amount"] == "1 234,50"
        assert "09/03/2026" in str(formats["text"])
        assert "7,50" in str(formats["text"])
        assert formats["paid"] is True
        assert "2025-03-09" in str(harm("late arrival").content["text"])
        assert len(harm("missing fields").content) == 2
        assert any(name.endswith("_new") for name in harm("changed column names").content)
        assert OTHER["text"] in str(harm("two requests in one").content["text"])
        assert harm("two requests in one").right_of == "own"
        assert harm("superseded facts").right_of == "other"
        assert harm("out of scope").right_of == "nobody"
        assert harm("duplicated").content == RECORD

    def test_say_when_they_do_not_apply(self) -> None:
        numbers = {"amount": 3}
        for name in ("typos", "truncated text", "out of scope", "two requests in one"):
            assert PERTURBATIONS[name](numbers, numbers, random.Random(1), 1.0) is None
        words = {"text": "nothing dated in here"}
        for name in ("late arrival", "other date and number formats"):
            assert PERTURBATIONS[name](words, words, random.Random(1), 1.0) is None
        odd = {"text": "it was on 2026-13-45 or so"}
        assert harm("late arrival", odd).content == odd

    @given(
        st.dictionaries(
            st.sampled_from(["a", "b"]), st.text(max_size=40) | st.floats() | st.none(), min_size=1
        ),
        st.sampled_from(sorted(PERTURBATIONS)),
        st.floats(0.01, 1.0),
    )
    def test_never_fail_and_never_change_what_they_were_given(
        self, record: dict[str, Any], name: str, strength: float
    ) -> None:
        before = dict(record)
        PERTURBATIONS[name](record, record, random.Random(2), strength)
        assert record == before or any(value != value for value in record.values())

    @pytest.mark.parametrize("name", ["missing fields", "out of scope", "superseded facts"])
    def test_strength_is_the_share_that_is_harmed(self, name: str) -> None:
        chance = random.Random(5)
        results = [PERTURBATIONS[name](RECORD, OTHER, chance, 0.3) for _ in range(600)]
        harmed = sum(item is not None and item.content != RECORD for item in results)
        assert 120 < harmed < 240


async def test_the_gap_is_a_table_and_a_picture(
    folders: Folders, settings: Settings, url: str
) -> None:
    words = {"returns": "please send back my parcel", "delivery": "the truck is late again"}
    lines = [
        json.dumps({"input": {"text": f"{words[q]} number {n}"}, "output": {"queue": q}})
        for n in range(60)
        for q in words
    ]
    decider = """
@usecase.decider
def decide(inquiry, context):
    for queue, word in (("returns", "send back"), ("delivery", "truck")):
        if word in inquiry.text:
            return Answer(output=Routing(queue=queue), confidence=0.9)
    return Unsure(reason="no word of either")
"""
    folders.write(decider, examples="\n".join(lines))
    async with open_app(settings, url) as app:
        await app.database.fetch("UPDATE use_case SET state = 'open', threshold = 0.5")
        await app.deployments.refresh("triage")
        report = await app.stress.stress(app.deployments.get("triage"))
    rows = {(row.perturbation, row.strength): row for row in report.rows}
    pilot = rows["as in the pilot", 0.0]
    assert (pilot.error_without, pilot.error_automatic, pilot.automatic) == (0.0, 0.0, 1.0)
    assert rows["changed column names", 1.0].held == 1.0
    assert rows["changed column names", 1.0].error_without == 1.0
    assert rows["missing fields", 0.5].held > 0.2
    assert rows["out of scope", 1.0].automatic == 0.0
    assert rows["superseded facts", 1.0].error_without >= 0.1
    assert rows["duplicated", 1.0].error_without == 0.5
    assert rows["duplicated", 1.0].error_automatic == 0.0
    assert report.left_out == ["other date and number formats", "late arrival"]
    picture = svg(report)
    assert ET.fromstring(picture).tag.endswith("svg")
    assert "out of scope" in picture


async def test_without_examples_it_says_what_to_do(
    folders: Folders, settings: Settings, url: str, tmp_path: Path
) -> None:
    folders.write()
    async with open_app(settings, url) as app:
        with pytest.raises(NothingToStressError, match="no labelled examples"):
            await app.stress.stress(app.deployments.get("triage"))
