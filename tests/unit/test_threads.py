"""Threads: what a follow-up question is searched with."""

from __future__ import annotations

from pathlib import Path

import pytest

from roadbed.bootstrap import open_app
from roadbed.kernel.settings import Settings
from roadbed.knowledge.threads import (
    asks_twice,
    names_nothing,
    refers_back,
    searched,
    searched_text,
)
from roadbed.usecases.library import Library
from tests.conftest import Folders
from tests.unit import test_answers
from tests.unit.test_answers import ingested

library = test_answers.library  # a fixture


class TestRefersBack:
    @pytest.mark.parametrize(
        "question",
        [
            "And in second class?",
            "What about Amazon?",
            "What does it cost?",
            "Who approves that?",
            "the same for partners",
            "Und in der zweiten Klasse?",
            "For how long?",
        ],
    )
    def test_a_question_that_continues_another(self, question: str) -> None:
        assert refers_back(question)

    @pytest.mark.parametrize(
        "question",
        [
            "How many days of leave are there in a year?",
            "Which hotels may be booked by staff in Berlin?",
            "Is the policy that covers travel approved by the board?",
            "",
            "?!",
        ],
    )
    def test_a_question_that_stands_alone(self, question: str) -> None:
        assert not refers_back(question)


class TestSearched:
    def test_a_question_that_stands_alone_is_searched_alone(self) -> None:
        question = "Which hotels may be booked by staff in Berlin?"
        assert searched(question, ["How much leave is there?"]) == question
        assert searched("And in Berlin?", []) == "And in Berlin?"

    def test_a_follow_up_is_searched_with_the_question_that_it_continues(self) -> None:
        text = searched(
            "And for partners?", ["Who is ill today?", "How much may a hotel cost?", "And in Rome?"]
        )
        assert text == "And for partners? And in Rome? How much may a hotel cost?"

    def test_at_most_three_questions_back(self) -> None:
        text = searched("And it?", ["How much may a hotel cost?", "and a", "and b", "and c"])
        assert text == "And it? and c and b and a"

    def test_a_new_owner_takes_the_place_of_the_earlier_one(self) -> None:
        text = searched("And Amazon's?", ["What were Apple's net sales in 2023?"])
        assert "Apple" not in text
        assert "net sales in 2023" in text

    @pytest.mark.parametrize(
        ("question", "kept", "gone"),
        [
            ("And in 2022?", ["Q3", "Apple"], ["2023"]),
            ("And in Q2?", ["2023", "Apple"], ["Q3"]),
            ("And in Q2 2022?", ["Apple"], ["Q3", "2023"]),
        ],
    )
    def test_a_new_period_takes_the_place_of_the_earlier_one(
        self, question: str, kept: list[str], gone: list[str]
    ) -> None:
        text = searched(question, ["What were Apple's net sales in Q3 2023?"])
        assert all(word in text for word in kept)
        assert not any(word in text for word in gone)


def test_the_field_with_earlier_turns_is_optional() -> None:
    turns = [{"question": "What is a visa?", "text": "b"}, "odd", {"text": "c"}]
    content = {"question": "And it?", "earlier": turns}
    assert searched_text(Library(), content) == "And it? What is a visa?"
    assert searched_text(Library(), {"question": "And it?"}) == "And it?"
    assert searched_text(Library(), {"question": "And it?", "earlier": "no list"}) == "And it?"
    assert searched_text(Library(earlier=None), content) == "And it?"
    renamed = {"ask": "And it?", "before": [{"question": "What is a visa?"}]}
    text = searched_text(Library(question="ask", earlier="before"), renamed)
    assert text == "And it? What is a visa?"


async def test_a_follow_up_is_answered_without_a_model(
    settings: Settings,
    library: Path,
    folders: Folders,
    url: str,
) -> None:
    async with open_app(settings, url) as app:
        await ingested(app)

        async def asked(content: dict[str, object]) -> str:
            admission, running = await app.decisions.submit(
                "ask", content, key=None, source={"surface": "http", "by": "ben"}
            )
            assert running is not None
            await running
            row = await app.database.fetch_one(
                "SELECT output FROM decision WHERE task_id = %(task)s", {"task": admission.task.id}
            )
            assert row is not None
            text: str = row["output"]["text"]
            return text

        earlier = [{"question": "How much may a hotel cost?", "text": "120 EUR."}]
        follow_up = "And who is asked before it?"
        assert "120 EUR a night" in await asked({"question": follow_up, "earlier": earlier})


@pytest.mark.parametrize(
    ("question", "nothing"),
    [
        ("May I do that?", True),
        ("Why?", True),
        ("", True),
        ("And how much is it?", True),
        ("Who is the CEO?", False),
        ("Rail?", False),
        ("Who decides it?", True),
        ("Where may visitors park their cars?", False),
        ("Which hotels may be booked in that city by the travel desk?", False),
    ],
)
def test_a_question_that_names_nothing(question: str, *, nothing: bool) -> None:
    assert names_nothing(question) is nothing


@pytest.mark.parametrize(
    ("question", "twice"),
    [
        ("What is the lead time of Manila Fibre Co and what does a hotel night cost?", True),
        ("How long is the notice period? Who signs the contract?", True),
        ("Wie lange gilt der Vertrag, und wer unterschreibt die Kündigung?", True),
        ("¿Cuántos días de vacaciones hay y quién aprueba los viajes?", True),
        ("Combien coûte une chambre et qui paie le train de retour ?", True),
        ("How long is the notice period? Please answer in one short sentence.", False),
        ("How and when are travel expenses paid?", False),
        ("Who approves travel expenses, and when?", False),
        ("Which desks and chairs may be ordered by staff?", False),
        ("How long is the notice period?", False),
        ("", False),
    ],
)
def test_a_text_that_holds_two_questions(question: str, *, twice: bool) -> None:
    assert asks_twice(question) is twice
