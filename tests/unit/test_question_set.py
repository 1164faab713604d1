"""The question set over the security audits of Kubernetes: counts, and places with answers."""

from __future__ import annotations

import importlib
import json
import os
import re
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import pypdfium2
import pytest

from roadbed.usecases.decider import RetrievedPassage

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


@pytest.fixture
def judge(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The benchmark, which judges passages."""
    monkeypatch.syspath_prepend(QUESTIONS.parents[1])
    return importlib.import_module("knowledge_kubernetes")


@pytest.fixture
def abstention(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(QUESTIONS.parents[1])
    return importlib.import_module("knowledge_abstention")


def passage(document: str, place: str, text: str = "") -> RetrievedPassage:
    return RetrievedPassage(
        id=f"{document} {place} {text}",
        document=document,
        version=1,
        place=place,
        part=0,
        text=text,
        score=1.0,
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


class TestTheJudge:
    def test_a_page_is_right_by_its_number_alone(self, judge: Any) -> None:
        places = [{"document": "a.pdf", "page": 4, "words": "four engineers"}]
        assert judge.is_place(passage("a.pdf", "page 4 › Summary"), places)
        assert judge.is_place(passage("a.pdf", "page 4"), places)
        assert not judge.is_place(passage("a.pdf", "page 41"), places)
        assert not judge.is_place(passage("a.pdf", "Summary › page 4"), places)
        assert not judge.is_place(passage("b.pdf", "page 4"), places)

    def test_a_section_is_right_by_its_nearest_heading(self, judge: Any) -> None:
        places = [{"document": "a.md", "heading": "Q & A", "words": "eight weeks"}]
        assert judge.is_place(passage("a.md", "Proposal › Q & A"), places)
        assert not judge.is_place(passage("a.md", "Q & A › Answers"), places)
        assert not judge.is_place(passage("a.md", ""), places)

    def test_without_a_heading_the_words_decide(self, judge: Any) -> None:
        places = [{"document": "a.md", "heading": None, "words": "| kubelet | 2023 |"}]
        assert judge.is_place(passage("a.md", "", "Area | Year\nKubelet | 2023"), places)
        assert not judge.is_place(passage("a.md", "", "Area | Year\nKubelet | TBD"), places)

    def test_the_rank_counts_distinct_pages(self, judge: Any) -> None:
        places = [{"document": "a.pdf", "page": 2, "words": "x"}]
        passages = [passage("a.pdf", "page 1", text) for text in ("one", "two")]
        assert judge.rank_of([*passages, passage("a.pdf", "page 2 › End")], places) == 1
        assert judge.rank_of(passages, places) is None

    def test_balanced_accuracy_is_the_mean_of_both_shares(self, abstention: Any) -> None:
        assert abstention.balanced_accuracy([True, True], [True, False]) == 0.75
        assert abstention.balanced_accuracy([True, True], [False, False]) == 0.5

    def test_a_threshold_parts_what_can_be_parted(self, abstention: Any) -> None:
        with_answer, without = [0.7, 0.8, 0.9], [0.1, 0.2, 0.3]
        at = abstention.best_threshold(with_answer, without)
        assert abstention.accuracy_at(at, with_answer, without) == 1.0
        assert abstention.held_out(with_answer, without) == 1.0
        assert abstention.auroc(with_answer, without) == 1.0
        assert abstention.auroc([0.5, 0.5], [0.5, 0.5]) == 0.5
