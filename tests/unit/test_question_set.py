"""The question set over the security audits of Kubernetes: counts, and places with answers."""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import pypdfium2
import pytest

QUESTIONS = Path(__file__).parents[2] / "benchmarks/questions/kubernetes.json"
KEYS = {
    "id",
    "question",
    "kind",
    "round",
    "behaviour",
    "answer",
    "other_rounds",
    "places",
    "why",
}
# The folder of each round of audits. Questions of no listed round ask about one that never was.
ROUNDS = {
    "2019": "security-audit-2019",
    "2021-2022": "security-audit-2021-2022",
    "2025": "security-audit-2025",
    "fuzzing-2022": "adalogics-fuzzing-2022",
}
ASK_BACK = "newest round, named, or ask back"
with_data = pytest.mark.skipif(
    "ROADBED_DATA_DIR" not in os.environ,
    reason="ROADBED_DATA_DIR is not set: NOBODY LOOKED UP THE PLACES OF THE QUESTION SET",
)


def questions() -> list[dict[str, Any]]:
    loaded: list[dict[str, Any]] = json.loads(QUESTIONS.read_text())
    return loaded


def answerable() -> list[dict[str, Any]]:
    return [question for question in questions() if question["kind"] == "answerable"]


def words(text: str) -> str:
    """``text`` without breaks of lines and marks of hyphens, which differ by reader."""
    return " ".join(re.sub("[\ufffe\u0002\u00ad]", "", text).split()).casefold()


def documents() -> Path:
    return Path(os.environ["ROADBED_DATA_DIR"]) / "a-documents/kubernetes-audits"


@cache
def page(path: Path, number: int) -> str:
    """The text of page ``number``, from 1."""
    with pypdfium2.PdfDocument(path) as document:
        assert 1 <= number <= len(document), f"{path.name} has no page {number}"
        return words(document[number - 1].get_textpage().get_text_range())


def sections(text: str) -> list[tuple[str | None, str]]:
    """The heading and the words of each section of a Markdown text; None heads its beginning."""
    parts: list[tuple[str | None, list[str]]] = [(None, [])]
    for line in text.splitlines():
        if heading := re.match(r"#{1,6} +(.+)", line):
            parts.append((heading[1].strip(), []))
        else:
            parts[-1][1].append(line)
    return [(heading, words("\n".join(lines))) for heading, lines in parts]


def test_half_of_the_questions_have_an_answer() -> None:
    assert Counter(question["kind"] for question in questions()) == {
        "answerable": 30,
        "on_topic_unanswerable": 10,
        "off_topic_unanswerable": 20,
    }


def test_every_question_has_the_same_keys_and_nothing_occurs_twice() -> None:
    assert all(set(question) == KEYS for question in questions())
    assert all(question["why"] and question["question"] for question in questions())
    for key in ("id", "question"):
        counts = Counter(words(question[key]) for question in questions())
        assert [value for value, count in counts.items() if count > 1] == []


def test_an_answerable_question_has_an_answer_and_places_and_no_other_has() -> None:
    for question in questions():
        has_answer = question["kind"] == "answerable"
        assert bool(question["answer"]) == has_answer, question["id"]
        assert bool(question["places"]) == has_answer, question["id"]
        assert (question["behaviour"] == "abstain") != has_answer, question["id"]
        for place in question["places"]:
            position = "page" if place["document"].endswith(".pdf") else "heading"
            assert set(place) == {"document", position, "words"}, question["id"]


def test_at_least_ten_answers_differ_by_round_and_some_questions_do_not_name_theirs() -> None:
    differing = [question for question in answerable() if question["other_rounds"]]
    assert len(differing) >= 10
    assert all(question["round"] in ROUNDS for question in differing)
    assert all(question["round"] not in question["other_rounds"] for question in differing)
    unnamed = [question for question in differing if question["behaviour"] == ASK_BACK]
    assert 3 <= len(unnamed) < len(differing)
    assert all(question["round"] not in question["question"] for question in unnamed)


def test_a_question_of_a_round_has_a_place_in_its_folder() -> None:
    for question in answerable():
        if question["round"]:
            folder = ROUNDS[question["round"]] + "/"
            assert any(place["document"].startswith(folder) for place in question["places"])


@with_data
def test_every_place_holds_its_words() -> None:
    missing = []
    for question in answerable():
        for place in question["places"]:
            path = documents() / place["document"]
            if path.suffix == ".pdf":
                texts = [page(path, place["page"])]
            else:
                texts = [
                    text
                    for heading, text in sections(path.read_text())
                    if heading == place["heading"]
                ]
            if not any(words(place["words"]) in text for text in texts):
                missing.append((question["id"], place))
    assert missing == []


def test_words_of_places_are_short() -> None:
    """The set is published: it quotes no more than shows where an answer stands."""
    assert (
        max(
            len(place["words"].split()) for question in answerable() for place in question["places"]
        )
        <= 12
    )
