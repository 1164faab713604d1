"""Support of answers: at which bound a page should say that the documents support an answer weakly.

A part of the benchmark `knowledge`. Each question of the demo's library and of the audits goes the
way of a task. An answer is right if its first passage stands where the question set says. Below a
bound, whoever asked is told to read the passages: of wrong answers that should be many, of right
ones few.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from knowledge_abstention import auroc
from knowledge_kubernetes import QUESTIONS, is_place
from roadbed.demo.library import questions as library
from roadbed.kernel.clock import SystemClock
from roadbed.knowledge.libraries import Libraries
from roadbed.models.answers.contract import DocumentAnswer, Question
from roadbed.models.answers.passages import DocumentAnswers, support_of
from roadbed.usecases.decider import Answer, Context, Retrieved, Task
from roadbed.usecases.use_case import UseCase

BOUNDS = (0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9)


@dataclass(frozen=True)
class SupportedAnswer:
    """An answer that a question got: its support in [0, 1], and whether it is right."""

    support: float
    is_right: bool


async def of_library(libraries: Libraries, use_case: UseCase) -> list[SupportedAnswer]:
    """The answers to the questions of the demo's library, in each of their wordings."""
    answers = []
    for item in (*library.written(), *library.of_prices()):
        for text in item.questions:
            retrieved = await answered(libraries, use_case, text)
            if retrieved is not None:
                first = retrieved.passages[0]
                is_right = item.kind == "answer" and any(
                    place.document == first.document and place.fits(first.place, first.text)
                    for place in item.places
                )
                answers.append(SupportedAnswer(support_of(retrieved), is_right))
    return answers


async def of_audits(libraries: Libraries, use_case: UseCase) -> list[SupportedAnswer]:
    """The answers to the questions about the audits."""
    answers = []
    for question in json.loads(QUESTIONS.read_text(encoding="utf-8")):
        retrieved = await answered(libraries, use_case, question["question"])
        if retrieved is not None:
            is_right = is_place(retrieved.passages[0], question["places"])
            answers.append(SupportedAnswer(support_of(retrieved), is_right))
    return answers


async def answered(libraries: Libraries, use_case: UseCase, text: str) -> Retrieved | None:
    """The passages of the answer to a question; ``None`` if it got no answer."""
    retrieved = await libraries.retrieval.search(use_case, text, groups=())
    task = Task(id="bench", usecase=use_case.name, key=None, admitted_at=SystemClock().now())
    given = DocumentAnswers()(
        Question(question=text), Context(task=task, deadline_seconds=1.0, retrieved=retrieved)
    )
    assert isinstance(given, Answer)
    assert isinstance(given.output, DocumentAnswer)
    return retrieved if given.output.route == "answer" else None


def figures(name: str, answers: Sequence[SupportedAnswer]) -> dict[str, Any]:
    """How many right and wrong answers are below each bound, by the name of the question set."""
    right = [one.support for one in answers if one.is_right]
    wrong = [one.support for one in answers if not one.is_right]
    return {
        f"support_{name}": {
            "right": len(right),
            "wrong": len(wrong),
            "auroc": auroc(right, wrong),
            "below": {
                str(bound): [sum(one < bound for one in right), sum(one < bound for one in wrong)]
                for bound in BOUNDS
            },
        }
    }


def rows(facts: Mapping[str, Any], name: str) -> list[tuple[str, str, str, str]]:
    """The table of a question set."""
    told = facts[f"support_{name}"]
    right, wrong = told["right"], told["wrong"]
    return [
        (f"{name}: answers right, wrong", f"{right}, {wrong}", "", ""),
        (f"{name}: AUROC of their support", f"{told['auroc']:.2f}", "", ""),
        *(
            (
                f"{name}: right, wrong below {bound}",
                f"{below[0] / max(right, 1):.0%}, {below[1] / max(wrong, 1):.0%}",
                "",
                "",
            )
            for bound, below in told["below"].items()
        ),
    ]
