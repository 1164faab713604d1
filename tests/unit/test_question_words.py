"""Question words: what of a question is searched."""

from __future__ import annotations

import pytest

from roadbed.knowledge.question_words import QuestionWords


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ("How much may a hotel night cost?", ["hotel", "night", "cost"]),
        ("Hello, may I take my laptop? Thank you!", ["take", "laptop"]),
        ("Wie lange dauert die Probezeit?", ["lang", "dauert", "probezeit"]),
        ("¿Cuánto cuesta una noche?", ["cuesta", "noch"]),
        ("Which die sizes are there?", ["die", "size"]),
        ("die", ["die"]),
        ("", []),
    ],
)
def test_a_word_that_only_asks_is_left_out(question: str, words: list[str]) -> None:
    assert QuestionWords("english").searched(question) == words


def test_a_question_in_the_language_of_the_library_is_known() -> None:
    assert QuestionWords("german").has_function_word("Wie lange dauert die Probezeit?")
    assert not QuestionWords("english").has_function_word("Wie lange dauert die Probezeit?")
