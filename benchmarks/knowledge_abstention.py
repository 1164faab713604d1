"""How well something tells questions with an answer from questions without one.

A part of the benchmark `knowledge`. `same_topic` makes questions without an answer from questions
with one: the passages of their right pages are taken away, everything else stays. What is left is
about the same subject, which is the hardest case.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from sklearn.metrics import roc_auc_score

from roadbed.knowledge.libraries import Libraries
from roadbed.knowledge.retrieval import PASSAGES
from roadbed.models.answers.passages import DocumentAnswers, support_of
from roadbed.usecases.use_case import UseCase

MOST = 60  # passages, so that enough are left when those of the right pages are gone


@dataclass(frozen=True)
class JudgedQuestion:
    """A question, its document, and the parts of it (from 0) that hold the answer."""

    text: str
    document: str
    right: frozenset[int]


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
        rest = [
            passage
            for passage in retrieved.passages
            if passage.document != question.document or passage.part not in question.right
        ]
        whole.append(support_of(replace(retrieved, passages=retrieved.passages[:PASSAGES])))
        emptied.append(support_of(replace(retrieved, passages=rest[:PASSAGES])))
    return {
        "same_topic_pairs": len(whole),
        "same_topic_auroc": auroc(whole, emptied),
        "same_topic_shipped": accuracy_at(DocumentAnswers()._least_support, whole, emptied),
        "same_topic_held_out": held_out(whole, emptied),
        "same_topic_unchanged": float(np.mean(np.isclose(whole, emptied))),
    }
