"""How well something tells questions with an answer from questions without one.

A part of the benchmark `knowledge`. `same_topic` makes questions without an answer from questions
with one: the passages of their right pages are taken away, everything else stays. What is left is
about the same subject, which is the hardest case.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from sklearn.metrics import roc_auc_score

import report
from roadbed.knowledge.libraries import Libraries
from roadbed.knowledge.retrieval import PASSAGES
from roadbed.models.answers.passages import DocumentAnswers, support_of
from roadbed.usecases.decider import RetrievedPassage
from roadbed.usecases.use_case import UseCase

FLOOR = 0.72  # balanced accuracy to reach
MOST = 60  # passages, so that enough are left when those of the right pages are gone


@dataclass(frozen=True)
class JudgedQuestion:
    """A question, and what says of a passage whether it stands at a place of the answer."""

    text: str
    is_right: Callable[[RetrievedPassage], bool]


def balanced_accuracy(answered: Collection[bool], abstained: Collection[bool]) -> float:
    """The mean of two shares: of questions with an answer that get one, of others that get none."""
    return (np.mean(list(answered)) + np.mean(list(abstained))).item() / 2


def auroc(with_answer: Sequence[float], without: Sequence[float]) -> float:
    """How often a question with an answer has the higher score than one without."""
    labels = [1] * len(with_answer) + [0] * len(without)
    return float(roc_auc_score(labels, [*with_answer, *without]))


def best_threshold(with_answer: Sequence[float], without: Sequence[float]) -> float:
    """The threshold with the highest balanced accuracy; a score that reaches it is answered."""
    scores = sorted({*with_answer, *without})
    middles = [(low + high) / 2 for low, high in pairwise(scores)]
    return max(middles or scores, key=lambda at: accuracy_at(at, with_answer, without))


def accuracy_at(at: float, with_answer: Sequence[float], without: Sequence[float]) -> float:
    return balanced_accuracy([score >= at for score in with_answer], [s < at for s in without])


def held_out(with_answer: Sequence[float], without: Sequence[float]) -> float:
    """Balanced accuracy where the threshold of each pair is chosen on all other pairs."""
    answered, abstained = [], []
    for left_out, (one, other) in enumerate(zip(with_answer, without, strict=True)):
        rest = [index for index in range(len(with_answer)) if index != left_out]
        at = best_threshold([with_answer[i] for i in rest], [without[i] for i in rest])
        answered.append(one >= at)
        abstained.append(other < at)
    return balanced_accuracy(answered, abstained)


async def same_topic(
    libraries: Libraries, use_case: UseCase, asked: Sequence[JudgedQuestion]
) -> dict[str, float]:
    """`support` of questions with their passages, and of the same ones without the right pages."""
    whole, emptied = [], []
    for question in asked:
        retrieved = await libraries.retrieval.search(use_case, question.text, groups=(), most=MOST)
        rest = [passage for passage in retrieved.passages if not question.is_right(passage)]
        whole.append(support_of(replace(retrieved, passages=retrieved.passages[:PASSAGES])))
        emptied.append(support_of(replace(retrieved, passages=rest[:PASSAGES])))
    return {
        "pairs": len(whole),
        "auroc": auroc(whole, emptied),
        "shipped": accuracy_at(DocumentAnswers()._least_support, whole, emptied),
        "held_out": held_out(whole, emptied),
        "unchanged": float(np.mean(np.isclose(whole, emptied))),
    }


def rows(facts: Mapping[str, float], subject: str) -> list[tuple[str, str, str, str]]:
    """The table of ``same_topic``."""
    pairs = f"{facts['pairs']:.0f} pairs"
    table = [
        (f"{subject}: AUROC of support, {pairs}", f"{facts['auroc']:.2f}", "", ""),
        (f"{subject}: support did not change", f"{facts['unchanged']:.2f}", "", ""),
    ]
    for key, threshold in (("shipped", "as shipped"), ("held_out", "from other questions")):
        verdict = report.judged(facts[key], FLOOR)
        what = f"{subject}: balanced accuracy, threshold {threshold}"
        table.append((what, f"{facts[key]:.2f}", f"{FLOOR}", verdict))
    return table
