"""Precedence: which versions a question is about."""

from __future__ import annotations

import pytest

from roadbed.knowledge.precedence import Choice, OrderedVersion, Precedence

OLD = OrderedVersion(
    document_id="one", path="travel-policy-v1.md", family="f", rank=0, dated="2024-03-03"
)
NEW = OrderedVersion(
    document_id="two", path="travel-policy-v2.md", family="f", rank=1, dated="2026-06-01"
)
PRECEDENCE = Precedence.of([OLD, NEW])


@pytest.mark.parametrize(
    "question",
    [
        "What did the old travel policy allow?",
        "What did the previous rules on travel say?",
        "What was a hotel allowed to cost before?",
        "What was the limit before June 2026?",
        "What could a hotel cost before the change?",
        "What did earlier versions allow?",
        "Was erlaubte die alte Reiserichtlinie?",
        "Was galt früher für Hotels?",
        "Was stand in der früheren Fassung?",
        "¿Qué permitía la política de viajes anterior?",
        "¿Qué permitía la antigua versión?",
        "Que permettait la politique de voyage précédente ?",
        "Que permettait l'ancienne version ?",
    ],
)
def test_a_question_about_what_was_before_is_searched_in_all(question: str) -> None:
    assert PRECEDENCE.choice(question) == Choice()


@pytest.mark.parametrize(
    "question",
    ["What may a hotel cost in 2024?", "the limit of March 2024", "What does version 1 allow?"],
)
def test_a_date_or_number_names_its_version(question: str) -> None:
    assert PRECEDENCE.choice(question).named == {"one"}


@pytest.mark.parametrize(
    "question",
    [
        "What may a hotel cost?",
        "What must I do before a trip?",
        "Do I need prior approval of the office?",
        "What must be done prior to the agreement?",
        "How old must a driver be?",
        "Whom do I ask before?",
        "May a bill of the previous year be sent in with the documents?",
        "Wie alt muss ein Fahrer sein?",
        "¿Qué debo hacer antes de un viaje?",
        "Que dois-je faire avant un voyage ?",
    ],
)
def test_all_others_are_searched_in_the_version_in_force(question: str) -> None:
    assert PRECEDENCE.choice(question).left_out == {"one"}
