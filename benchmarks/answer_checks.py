"""Support checks of answers against people: 477 answers of three systems (`a-qa-mtrag`).

People rated how faithful each answer is to the passages that its system had, from 1 to 4. Measured
are the rank correlation with the mean rating, and the AUROC of telling answers with the median
rating 4 from others. The same is measured for plain word overlap: the share of the answer's
distinct words that stand in the passages.

The form of the check was chosen on the conversations of one half. The other half was looked at for
this report only.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import statistics
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import rankdata, spearmanr

import report
from roadbed.models.answers.support import Source, Support, overall, support
from roadbed.models.answers.wording import content_words, sentences

FOLDER = "a-qa-mtrag"
FILE = "reference_subset_with_human_evaluations.json"
_WORD = re.compile(r"[a-z0-9]+")


@dataclass(frozen=True, kw_only=True, slots=True)
class RatedAnswer:
    """An answer with its passages and the ratings of people."""

    conversation: str
    text: str
    passages: Sequence[str]
    ratings: Sequence[float]

    @property
    def is_chosen_on(self) -> bool:
        """Whether its conversation belongs to the half on which the check was chosen."""
        return int(hashlib.sha256(self.conversation.encode()).hexdigest(), 16) % 2 == 0


def rated(data: Path) -> list[RatedAnswer]:
    """The answers that people rated."""
    content: Any = json.loads((data / FOLDER / FILE).read_text(encoding="utf-8"))
    texts = {one["document_id"]: one["text"] for one in content["documents"]}
    contexts = {
        task["task_id"]: [texts[item["document_id"]] for item in task["contexts"]]
        for task in content["tasks"]
    }
    return [
        RatedAnswer(
            conversation=one["task_id"].split("<::>")[0],
            text=one["model_response"],
            passages=contexts[one["task_id"]],
            ratings=[float(item["value"]) for item in one["annotations"]["faithfulness"].values()],
        )
        for one in content["evaluations"]
    ]


def plain_overlap(answer: RatedAnswer) -> float:
    """The share of the answer's distinct words that stand in the passages."""
    words = set(_WORD.findall(answer.text.lower()))
    known = set(_WORD.findall(" ".join(answer.passages).lower()))
    return len(words & known) / len(words) if words else 0.0


def checked(answer: RatedAnswer) -> tuple[float, list[Support]]:
    """The support of an answer by the checks of Roadbed, and that of each sentence."""
    sources = [Source(text=passage) for passage in answer.passages]
    parts = [part for part in sentences(answer.text) if content_words(part)]
    supports = [support(part, sources) for part in parts]
    return overall(supports, [len(content_words(part)) for part in parts]), supports


def agreement(scores: Sequence[float], answers: Sequence[RatedAnswer]) -> tuple[float, float]:
    """Rank correlation with the mean rating, and AUROC for the median rating 4."""
    means = [statistics.mean(answer.ratings) for answer in answers]
    best = np.array([statistics.median(answer.ratings) > 3 for answer in answers])
    ranks = rankdata(scores)
    right, wrong = int(best.sum()), int((~best).sum())
    auroc = (ranks[best].sum() - right * (right + 1) / 2) / (right * wrong)
    return float(spearmanr(scores, means)[0]), float(auroc)


def measure(data: Path) -> dict[str, float]:
    """All figures, for all answers and for the half that the check was not chosen on."""
    answers = rated(data)
    facts: dict[str, float] = {}
    for part, chosen in (
        ("all", answers),
        ("other", [answer for answer in answers if not answer.is_chosen_on]),
        ("chosen", [answer for answer in answers if answer.is_chosen_on]),
    ):
        for name, scores in (
            ("words", [plain_overlap(answer) for answer in chosen]),
            ("checks", [checked(answer)[0] for answer in chosen]),
        ):
            facts[f"{name}_{part}_rho"], facts[f"{name}_{part}_auroc"] = agreement(scores, chosen)
        facts[f"answers_{part}"] = len(chosen)
    return facts


def rows(facts: dict[str, float]) -> list[tuple[str, str, str, str]]:
    """The rows of the report."""
    shown = []
    for part, words in (("all", "all answers"), ("other", "half not chosen on")):
        for figure, name, floor, aim in (
            ("rho", "rank correlation", 0.64, 0.70),
            ("auroc", "AUROC", 0.855, 0.88),
        ):
            plain = facts[f"words_{part}_{figure}"]
            value = facts[f"checks_{part}_{figure}"]
            least = max(plain, floor) if part == "all" else plain
            shown.append(
                (
                    f"answer checks, {words}, {name}",
                    f"{value:.3f} (words alone {plain:.3f})",
                    f"{least:.3f} ({aim})",
                    report.judged(value, least, aim),
                )
            )
    return shown


def main() -> None:
    named = os.environ.get("ROADBED_DATA_DIR")
    if not named:
        sys.exit("ROADBED_DATA_DIR is not set: name the folder with the data sets.")
    facts = measure(Path(named))
    problems = Counter(
        (one.problem() or "").split(":")[0] or "supported"
        for answer in rated(Path(named))
        for one in checked(answer)[1]
    )
    report.table(rows(facts))
    report.end({**facts, "sentences": dict(problems), **report.machine("scipy")})


if __name__ == "__main__":
    main()
