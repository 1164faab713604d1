"""Support checks of answers against people: 477 answers of three systems (`a-qa-mtrag`).

People rated how faithful each answer is to the passages that its system had, from 1 to 4. Measured
are the rank correlation with the mean rating, and the AUROC of telling answers with the median
rating 4 from others. The same is measured for plain word overlap: the share of the answer's
distinct words that stand in the passages.

No weight was fitted. The form of the check (which words count, the window of three sentences, equal
parts for both shares and for passing, the value of a sentence without a claim) was chosen on the
conversations of one half. The figures of the other half were seen in between, when marks of lists
were left out and figures made to count like words. So they are nearly, but not wholly, untouched.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import rankdata, spearmanr

import report
from roadbed.models.answers.support import CitedPassage, SentenceSupport, overall, support
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


def checked(answer: RatedAnswer) -> tuple[float, list[SentenceSupport]]:
    """The support of an answer by the checks of Roadbed, and that of each sentence."""
    sources = [CitedPassage(text=passage) for passage in answer.passages]
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
    """All figures, for all answers and for the half that the check was not chosen on.

    ``dropped_faithful`` is the share of sentences that the checks drop in answers that every rater
    gave a 4, ``dropped_unfaithful`` that in answers with a median of 2 at most; of the other half.
    """
    answers = rated(data)
    results = [checked(answer) for answer in answers]
    plain = [plain_overlap(answer) for answer in answers]
    other = [place for place, answer in enumerate(answers) if not answer.is_chosen_on]
    facts: dict[str, float] = {}
    for part, places in (("all", range(len(answers))), ("other", other)):
        chosen = [answers[place] for place in places]
        for name, scores in (
            ("words", [plain[place] for place in places]),
            ("checks", [results[place][0] for place in places]),
        ):
            facts[f"{name}_{part}_rho"], facts[f"{name}_{part}_auroc"] = agreement(scores, chosen)
        facts[f"answers_{part}"] = len(chosen)
    faithful = [place for place in other if min(answers[place].ratings) == 4]
    unfaithful = [place for place in other if statistics.median(answers[place].ratings) <= 2]
    for name, places in (("faithful", faithful), ("unfaithful", unfaithful)):
        supports = [one for place in places for one in results[place][1]]
        dropped = sum(one.problem() is not None for one in supports)
        facts[f"sentences_{name}"] = len(supports)
        facts[f"dropped_{name}"] = dropped / max(len(supports), 1)
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
    for name, words in (("faithful", "every rater says 4"), ("unfaithful", "median at most 2")):
        count = int(facts[f"sentences_{name}"])
        dropped = f"{facts[f'dropped_{name}']:.2f} of {count}"
        shown.append((f"sentences dropped, {words}, half not chosen on", dropped, "", ""))
    return shown


def main() -> None:
    named = os.environ.get("ROADBED_DATA_DIR")
    if not named:
        sys.exit("ROADBED_DATA_DIR is not set: name the folder with the data sets.")
    facts = measure(Path(named))
    report.table(rows(facts))
    report.end({**facts, **report.machine("scipy")})


if __name__ == "__main__":
    main()
