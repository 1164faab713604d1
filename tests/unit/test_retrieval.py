"""Retrieval: what a question weighs, and which period it gets where it names none."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from roadbed.kernel.settings import Settings
from roadbed.usecases.decider import Retrieved
from tests import libraries
from tests.libraries import Shelf

RULES = "The {kind} audit found {number} weak points in the scheduler.\n"


@pytest.fixture
async def shelf(settings: Settings, url: str) -> AsyncIterator[Shelf]:
    async with libraries.shelf(settings, url) as opened:
        opened.write(
            {
                "audit-2029/report.md": RULES.format(kind="first", number="eleven"),
                "audit-2031/summary.md": RULES.format(kind="second", number="seven"),
            }
        )
        await opened.ingest()
        yield opened


async def retrieved(shelf: Shelf, question: str) -> Retrieved:
    return await shelf.app.libraries.retrieval.search(
        shelf.loaded.declared, question, groups=frozenset()
    )


class TestAQuestionWithoutAPeriod:
    async def test_gets_the_newest_first_and_is_told_so(self, shelf: Shelf) -> None:
        answer = await retrieved(shelf, "How many weak points has the scheduler?")
        assert answer.passages[0].document == "audit-2031/summary.md"
        assert answer.assumed == "audit-2031/summary.md"

    async def test_that_names_one_gets_that(self, shelf: Shelf) -> None:
        answer = await retrieved(shelf, "How many weak points had the scheduler in 2029?")
        assert answer.passages[0].document == "audit-2029/report.md"
        assert answer.assumed is None


class TestAPage:
    async def test_that_is_about_the_question_comes_first(self, shelf: Shelf) -> None:
        rest = "Other rules apply to everybody else who works here. " * 14
        shelf.write(
            {
                "drones.md": f"Drones need a permit of the tower. {rest}The fee is 40 EUR.",
                "kites.md": f"Kites need a rope. {rest}The fee is 40 EUR.",
                "visas.md": f"Visas need a photo. {rest}The fee is 40 EUR.",
            }
        )
        await shelf.ingest()
        for subject in ("drones", "kites", "visas"):
            answer = await retrieved(shelf, f"What is the fee for {subject}?")
            fees = [one.document for one in answer.passages if "fee" in one.text]
            assert fees[0] == f"{subject}.md"


class TestTheWeightOfAWord:
    async def test_that_stands_nowhere_is_that_of_the_others(self, shelf: Shelf) -> None:
        known = await retrieved(shelf, "Which weak points has the scheduler?")
        typo = await retrieved(shelf, "Which weak points has the sheduler?")
        usual = sum(weight for term, weight in known.weights.items() if term != "schedul") / (
            len(known.weights) - 1
        )
        assert typo.weights["shedul"] == pytest.approx(usual)

    async def test_is_kept_for_names_and_numbers(self, shelf: Shelf) -> None:
        plain = await retrieved(shelf, "Which weak points has the sidecar?")
        named = await retrieved(shelf, "Which weak points has the Sidecar?")
        assert named.weights["sidecar"] > plain.weights["sidecar"]
