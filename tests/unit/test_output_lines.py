"""An output in one line: as people read it, without JSON and ids."""

from __future__ import annotations

import pytest

from roadbed.console.tables import words
from roadbed.reviews.presentation import answer_line, is_cited, output_line, quoted_line
from roadbed.scoring.content import Json

PLACE = {
    "document": "leave.md",
    "version": 1,
    "place": "page 3",
    "passage": "dov_01abc:4",
    "quote": "Everybody has thirty days of leave.",
}
ANSWER: Json = {
    "route": "answer",
    "text": "Everybody has thirty days of leave.",
    "citations": [PLACE],
    "notes": [],
}


@pytest.mark.parametrize(
    ("output", "line"),
    [
        (None, "none"),
        ({"queue": "returns"}, "returns"),
        ({"queue": "returns", "urgent": True}, "queue: returns, urgent: true"),
        ({"queue": "returns", "reason": None, "tags": []}, "queue: returns"),
        ({"tags": ["a", "b"]}, "a, b"),
        ({"total": {"net": 5, "gross": 6}, "kind": "x"}, "total: net: 5, gross: 6, kind: x"),
        ({"a": None, "b": ""}, "none"),
        ({**ANSWER}, "Everybody has thirty days of leave. (leave.md, page 3)"),
        ({**ANSWER, "citations": []}, "Everybody has thirty days of leave."),
        ({**ANSWER, "text": "", "citations": []}, "no text"),
        (
            {"route": "not_in_documents", "text": "No canteen.", "citations": []},
            "not in the documents: No canteen.",
        ),
        ({"route": "please_specify", "text": "", "citations": []}, "asks back"),
        (
            {**ANSWER, "text": "a\nb", "citations": [PLACE, PLACE, {**PLACE, "version": 2}]},
            "a b (leave.md, page 3; leave.md, page 3, version 2)",
        ),
        (
            {**ANSWER, "text": "w" * 500, "citations": [{"document": name} for name in "abc"]},
            f"{'w' * 200} … (a; b …)",
        ),
    ],
)
def test_an_output_is_told_in_one_line(output: Json | None, line: str) -> None:
    assert output_line(output) == line


@pytest.mark.parametrize(
    ("output", "line"),
    [
        (None, "none"),
        ({"queue": "returns"}, "returns"),
        ({"reply": "w" * 500}, f"{'w' * 120} …"),
        ({**ANSWER}, "Everybody has thirty days of leave. (leave.md, page 3)"),
        (
            {**ANSWER, "text": "w" * 500, "citations": [{"document": name} for name in "abc"]},
            f"{'w' * 120} … (a …)",
        ),
    ],
)
def test_an_output_is_quoted_by_its_beginning(output: Json | None, line: str) -> None:
    assert quoted_line(output) == line


def test_neither_ids_nor_json_are_told_of_an_answer() -> None:
    told = answer_line(route="review", output=ANSWER, verdict="correct", agrees=False, right=ANSWER)
    assert "dov_" not in told
    assert "{" not in told


@pytest.mark.parametrize(
    "output",
    [
        None,
        "text",
        {"text": "x"},
        {"text": 1, "citations": []},
        {"text": "x", "citations": "y"},
        {"text": "x", "citations": ["y"]},
        {"text": "x", "citations": [{"place": "page 1"}]},
    ],
)
def test_other_outputs_are_no_answers_from_documents(output: object) -> None:
    assert not is_cited(output)


def test_a_question_is_told_without_what_is_empty() -> None:
    assert words({"earlier": [], "question": "How many?"}) == "How many?"
    assert words({"a": None}) == "none"
    assert words({}) == "erased"
