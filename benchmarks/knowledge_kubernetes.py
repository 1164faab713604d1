"""The question set over the security audits of Kubernetes: pages, rounds and abstention.

A part of the benchmark `knowledge`. The set (`questions/kubernetes.json`) was written before the
search was run on it, by somebody who had not read the search. Each question goes the way of a task:
retrieval from the ingested folder, then `DocumentAnswers`.

A page is right if the set lists it. A section of Markdown is right by its heading; before the first
heading, a passage must hold the listed words. The round of an answer is the folder of its first
citation, or that of the listed place which it cites.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import report
from knowledge_abstention import JudgedQuestion, auroc, balanced_accuracy, same_topic
from knowledge_abstention import rows as same_topic_rows
from roadbed.kernel.clock import SystemClock
from roadbed.knowledge.libraries import Libraries
from roadbed.models.answers.contract import DocumentAnswer, Question
from roadbed.models.answers.passages import DocumentAnswers, support_of
from roadbed.usecases.decider import Answer, Context, Retrieved, RetrievedPassage, Task
from roadbed.usecases.use_case import UseCase

QUESTIONS = Path(__file__).parent / "questions/kubernetes.json"
FOLDER = "a-documents/kubernetes-audits"
ROUNDS = {
    "2019": "security-audit-2019/",
    "2021-2022": "security-audit-2021-2022/",
    "2025": "security-audit-2025/",
    "fuzzing-2022": "adalogics-fuzzing-2022/",
}
MOST = 60  # passages, to have five distinct pages
NO_WORD = re.compile(r"[\W_]+")


@dataclass(frozen=True)
class Outcome:
    """What a question of the set got."""

    question: Mapping[str, Any]
    retrieved: Retrieved
    answer: DocumentAnswer
    rank: int | None  # of the first right page, from 0

    @property
    def answered(self) -> bool:
        return self.answer.route == "answer"

    @property
    def asks_back(self) -> bool:
        return self.answer.route == "please_specify"

    @property
    def unnamed(self) -> bool:
        """The question names no round, and the answer differs by round."""
        return bool(self.question["behaviour"] != "answer")

    @property
    def right_round(self) -> bool:
        """The first passage is of the round, or stands at a listed place."""
        if self.unnamed and self.asks_back:
            return True
        folder = ROUNDS[self.question["round"]]
        return any(
            passage.document.startswith(folder) or is_place(passage, self.question["places"])
            for passage in self.retrieved.passages[:1]
        )

    @property
    def support(self) -> float:
        """As the decider takes it: what scope decides has no support."""
        is_out = self.retrieved.missing or self.retrieved.choices
        return 0.0 if is_out else support_of(self.retrieved)


def plain(text: str) -> str:
    """Letters and digits: tables and lines of the file look different in a passage."""
    return NO_WORD.sub(" ", text).strip().casefold()


def is_place(passage: RetrievedPassage, places: Collection[Mapping[str, Any]]) -> bool:
    """Whether a passage stands at one of the listed places."""
    for place in places:
        if place["document"] != passage.document:
            continue
        if "page" in place:
            if passage.place.split(" › ")[0] == f"page {place['page']}":
                return True
        elif place["heading"] is not None:
            if plain(passage.place.split(" › ")[-1]) == plain(place["heading"]):
                return True
        elif plain(place["words"]) in plain(passage.text):
            return True
    return False


def position(passage: RetrievedPassage) -> tuple[str, str]:
    """A page, or a section of a document without pages."""
    first = passage.place.split(" › ")[0]
    return passage.document, first if first.startswith("page ") else passage.place


def rank_of(
    passages: Sequence[RetrievedPassage], places: Collection[Mapping[str, Any]]
) -> int | None:
    """The rank of the first right page among distinct pages, from 0."""
    order = list(dict.fromkeys(position(passage) for passage in passages))
    right = [position(passage) for passage in passages if is_place(passage, places)]
    return order.index(right[0]) if right else None


async def outcome(libraries: Libraries, use_case: UseCase, question: Mapping[str, Any]) -> Outcome:
    text = question["question"]
    retrieved = await libraries.retrieval.search(use_case, text, groups=())
    longer = await libraries.retrieval.search(use_case, text, groups=(), most=MOST)
    task = Task(id="bench", usecase=use_case.name, key=None, admitted_at=SystemClock().now())
    given = DocumentAnswers()(
        Question(question=text), Context(task=task, deadline_seconds=1.0, retrieved=retrieved)
    )
    assert isinstance(given, Answer)
    assert isinstance(given.output, DocumentAnswer)
    return Outcome(question, retrieved, given.output, rank_of(longer.passages, question["places"]))


async def unread(
    libraries: Libraries, use_case: UseCase, asked: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """The listed places whose words the reader did not see: no search can find them."""
    texts: dict[str, dict[int, str]] = {}
    for document in await libraries.documents.documents(use_case.name):
        if document.version is not None:
            parts = await libraries.documents.parts(document.id, document.version)
            texts[document.path] = {part.place.number: plain(part.text) for part in parts}
    return [
        {"id": question["id"], **place}
        for question in asked
        for place in question["places"]
        if plain(place["words"])
        not in texts.get(place["document"], {}).get(place.get("page", 1), "")
    ]


def of_kind(outcomes: Sequence[Outcome], kind: str) -> list[Outcome]:
    return [one for one in outcomes if one.question["kind"] == kind]


def share(values: Collection[bool]) -> float:
    return float(np.mean(list(values)))


async def measure(libraries: Libraries, use_case: UseCase) -> dict[str, Any]:
    asked = json.loads(QUESTIONS.read_text(encoding="utf-8"))
    outcomes = [await outcome(libraries, use_case, question) for question in asked]
    answerable = of_kind(outcomes, "answerable")
    on_topic = of_kind(outcomes, "on_topic_unanswerable")
    off_topic = of_kind(outcomes, "off_topic_unanswerable")
    by_round = [one for one in answerable if one.question["other_rounds"]]
    named = [one for one in by_round if not one.unnamed]
    unnamed = [one for one in by_round if one.unnamed]
    abstained = [not one.answered for one in (*on_topic, *off_topic)]
    given = [one.answered or (one.unnamed and one.asks_back) for one in answerable]
    pairs = [
        JudgedQuestion(one.question["question"], partial(is_place, places=one.question["places"]))
        for one in answerable
    ]
    supports = [[one.support for one in kind] for kind in (answerable, on_topic, off_topic)]
    return {
        "audits_places": sum(len(question["places"]) for question in asked),
        "audits_unread": await unread(libraries, use_case, asked),
        "audits_page_at_1": share([one.rank == 0 for one in answerable]),
        "audits_page_at_5": share([one.rank is not None and one.rank < 5 for one in answerable]),
        "audits_page_at_10": share([one.rank is not None and one.rank < 10 for one in answerable]),
        "audits_cited": share([cites_right(one) for one in answerable]),
        "audits_round": share([one.right_round for one in by_round]),
        "audits_round_named": share([one.right_round for one in named]),
        "audits_round_said": share(
            [one.asks_back or (one.right_round and bool(one.retrieved.assumed)) for one in unnamed]
        ),
        "audits_abstained": share(abstained),
        "audits_abstained_on_topic": share([not one.answered for one in on_topic]),
        "audits_abstained_off_topic": share([not one.answered for one in off_topic]),
        "audits_answered": share(given),
        "audits_balanced_on_topic": balanced_accuracy(
            given, [not one.answered for one in on_topic]
        ),
        "audits_auroc_on_topic": auroc(supports[0], supports[1]),
        "audits_auroc_off_topic": auroc(supports[0], supports[2]),
        "audits_same_topic": await same_topic(libraries, use_case, pairs),
        "audits_misses": [miss for one in outcomes if (miss := miss_of(one))],
    }


def cites_right(one: Outcome) -> bool:
    """The answer is given, and one of its citations stands at a listed place."""
    cited = {citation.passage for citation in one.answer.citations}
    return one.answered and any(
        passage.id in cited and is_place(passage, one.question["places"])
        for passage in one.retrieved.passages
    )


def miss_of(one: Outcome) -> dict[str, Any] | None:
    """What was wrong with a question, and what came instead."""
    question = one.question
    kinds = []
    if question["kind"] != "answerable":
        kinds += ["answered"] if one.answered else []
    else:
        kinds += [] if one.rank is not None and one.rank < 5 else ["page"]
        kinds += ["round"] if question["other_rounds"] and not one.right_round else []
        kinds += [] if one.answered or (one.unnamed and one.asks_back) else ["not answered"]
    if not kinds:
        return None
    first = one.retrieved.passages[0] if one.retrieved.passages else None
    return {
        "id": question["id"],
        "missed": kinds,
        "route": one.answer.route,
        "rank": one.rank,
        "support": round(one.support, 2),
        "missing": list(one.retrieved.missing),
        "first": f"{first.document}, {first.place}" if first else None,
    }


def rows(facts: Mapping[str, Any]) -> list[tuple[str, str, str, str]]:
    """The table of the section."""
    shown = (
        ("right page first, of 30", "page_at_1", None, None),
        ("right page in the first 5, of 30", "page_at_5", 0.85, 0.92),
        ("right page in the first 10, of 30", "page_at_10", None, None),
        ("answered, and a right page cited, of 30", "cited", None, None),
        ("right round, of 15", "round", 0.95, 1.0),
        ("of 10 questions that name the round", "round_named", None, None),
        ("of 5 that do not: newest said aloud, or asked back", "round_said", None, None),
        ("abstained, of 30 without an answer", "abstained", 0.80, 0.90),
        ("of 10 on topic", "abstained_on_topic", None, None),
        ("of 20 off topic", "abstained_off_topic", None, None),
        ("answered, of 30 with an answer", "answered", None, None),
        ("balanced accuracy, on topic", "balanced_on_topic", 0.72, None),
        ("AUROC of support, on topic", "auroc_on_topic", None, None),
        ("AUROC of support, off topic", "auroc_off_topic", None, None),
    )
    places, lost = facts["audits_places"], len(facts["audits_unread"])
    verdict = report.judged(places - lost, places)
    table = [("audits: listed places read", f"{places - lost}", f"{places}", verdict)]
    for what, key, floor, aim in shown:
        value = facts[f"audits_{key}"]
        reach = "" if floor is None else f"{floor:.2f}" + (f" ({aim:.2f})" if aim else "")
        verdict = "" if floor is None else report.judged(value, floor, aim)
        table.append((f"audits: {what}", f"{value:.2f}", reach, verdict))
    return table + same_topic_rows(facts["audits_same_topic"], "audits, right places taken away")
