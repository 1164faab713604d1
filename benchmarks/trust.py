"""Whether the guarantee holds, how much it automates, and how soon it detects a change.

Real inquiries (CLINC150, from ROADBED_DATA_DIR) through the product's classifier, routing, proofs
and audit; only storage is in memory. Beside it what people do today: a fixed threshold, and one
tuned on labels without a guarantee. Then what people may do to a promise (`adverse.py`): hold
answers back by rules, choose which labels come first, try version after version. Whole streams take
most of the time: `--runs` and `--drift-runs` say how many, `--keep FILE` keeps finished ones, so
that a long run can be cut short and taken up again.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import beta

import adverse
import repeated
import report
from closed_loop import (
    DELTA,
    LIMIT,
    NEW_FROM,
    ROUNDS,
    Inquiry,
    Loop,
    Round,
    Routing,
    ask,
    best,
    judged,
    read,
    stream,
)
from roadbed.models import TextClassifier
from roadbed.models.embeddings.cache import CachedEmbeddings
from roadbed.models.embeddings.local import LocalEmbeddings
from roadbed.models.embeddings.protocol import Embeddings
from roadbed.risk import sampling
from roadbed.risk.audit import CHANGE_ALARM, RunningAudit
from roadbed.risk.certificate import certify
from roadbed.usecases.decider import LabelledExample

Floats = Any
REFERENCE = (500, 1_000, 2_000, 4_000)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Scored:
    """A version on items it never saw: what certificates are drawn from."""

    out_of_fold: Any
    confidence: Floats
    wrong: Floats


def score(data: Path, labels: int, seed: int) -> Scored:
    """Train on ``labels`` random labels of traffic with 17 % out of scope; score all the rest."""
    rows, out_of_scope, intents = read(data)
    chance = np.random.default_rng(seed)
    untaught = set(chance.choice(intents, 20, replace=False).tolist())
    texts = [(text, None if queue in untaught else queue) for text, queue in rows]
    texts += [(text, None) for text in out_of_scope]
    order = chance.permutation(len(texts))
    examples = [
        LabelledExample(
            input=Inquiry(text=texts[item][0]),
            output=None if texts[item][1] is None else Routing(queue=str(texts[item][1])),
        )
        for item in order
    ]
    decider = TextClassifier(text="text", label="queue", embeddings=None).bind(Inquiry, Routing)
    fitted = decider.fit(examples[:labels], seed=0)
    rest = examples[labels:]
    result = judged(ask(fitted, rest), rest)
    return Scored(out_of_fold=fitted.out_of_fold, confidence=result.confidence, wrong=result.wrong)


def policies(scored: Sequence[Scored], n: int, repeats: int) -> dict[str, dict[str, float]]:
    """Automation, true error and how often the limit broke, over draws of ``n`` labels."""
    results: dict[str, list[tuple[float, float]]] = {}
    for repeat in range(repeats):
        split = scored[repeat % len(scored)]
        chance = np.random.default_rng([7, n, repeat])
        order = chance.permutation(len(split.confidence))
        mine, rest = order[:n], order[n:]
        confidence, wrong = split.confidence[mine], split.wrong[mine]
        proof = certify(
            confidence=confidence,
            wrong=wrong,
            out_of_fold=split.out_of_fold,
            risk_limit=LIMIT,
            delta=DELTA,
        )
        chosen = {
            "certificate": proof.threshold,
            "tuned, no guarantee": tuned(confidence, wrong),
            "fixed 0.8": 0.8,
            "fixed 0.9": 0.9,
        }
        for name, threshold in chosen.items():
            automatic = split.confidence[rest] >= (2.0 if threshold is None else threshold)
            risk = float(split.wrong[rest][automatic].mean()) if automatic.any() else 0.0
            results.setdefault(name, []).append((float(automatic.mean()), risk))
    return {
        name: {
            "automated": float(np.mean([a for a, _ in rows])),
            "error": float(np.mean([r for a, r in rows if a] or [0.0])),
            "broken": float(np.mean([r > LIMIT for _, r in rows])),
        }
        for name, rows in results.items()
    }


def tuned(confidence: Floats, wrong: Floats) -> float | None:
    """The loosest threshold whose error on the labels keeps the limit: no allowance for luck."""
    order = np.argsort(-confidence, kind="stable")
    risk = np.cumsum(wrong[order]) / np.arange(1, len(order) + 1)
    good = np.flatnonzero((risk <= LIMIT) & (confidence[order] > 0.0))
    return float(confidence[order][good[-1]]) if len(good) else None


class Kind(StrEnum):
    """A kind of stream: as it is, with vectors beside the words, or with new intents."""

    STEADY = "steady"
    EMBEDDINGS = "embeddings"
    DRIFT = "drift"


def play(task: tuple[str, int, Kind]) -> tuple[int, Kind, list[dict[str, Any]]]:
    """One closed-loop stream."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    data, seed, kind = task
    seed_examples, rounds = stream(Path(data), seed, drift=kind is Kind.DRIFT)
    loop = Loop(seed_examples, seed, vectors() if kind is Kind.EMBEDDINGS else None)
    rows = []
    for tasks in rounds:
        rows.append(dataclasses.asdict(loop.play(tasks)))
        loop.improve()
    return seed, kind, rows


@functools.cache
def vectors() -> Embeddings:
    """The local model, with the vectors of every text of the set kept for the next version."""
    return CachedEmbeddings(LocalEmbeddings(), most=40_000)


def streams(
    data: Path, runs: Mapping[Kind, int], keep: Path | None, processes: int
) -> dict[Kind, list[list[Round]]]:
    """So many streams of each kind; those in ``keep`` are not played again."""
    done: dict[tuple[int, Kind], list[dict[str, Any]]] = {}
    if keep and keep.exists():
        for line in keep.read_text(encoding="utf-8").splitlines():
            seed, kind, rows = json.loads(line)
            done[seed, Kind(kind)] = rows
    wanted = [(seed, kind) for kind in Kind for seed in range(runs[kind])]
    missing = [(str(data), *item) for item in wanted if item not in done]
    with ProcessPoolExecutor(processes) as pool:
        for seed, kind, rows in pool.map(play, missing):
            done[seed, kind] = rows
            if keep:
                with keep.open("a", encoding="utf-8") as file:
                    file.write(json.dumps([seed, kind, rows]) + "\n")
    return {
        kind: [[Round(**row) for row in done[entry]] for entry in wanted if entry[1] is kind]
        for kind in Kind
    }


def until_found(risk: float, repeats: int, most: int = 5_000) -> Iterator[int]:
    """Audited items until the audit halts, at a true error of ``risk``; at most ``most``."""
    for repeat in range(repeats):
        outcomes = np.random.default_rng([11, repeat, int(risk * 1e6)]).random(most) < risk
        audit = RunningAudit(risk_limit=LIMIT, delta=DELTA)
        for number, wrong in enumerate(outcomes.tolist(), 1):
            audit.add(wrong=wrong, rate=0.12)
            if audit.most_harm >= 1.0 / DELTA or audit.most_change >= CHANGE_ALARM:
                yield number
                break
        else:
            yield most


def rules(repeats: int) -> dict[str, float]:
    """Answers held back by rules, which never ask which of them were right."""
    print(f"{'rules hold back':22}{'reference':>10}{'opened':>9}{'automated':>11}{'broken':>9}")
    worst = 0.0
    for rule in adverse.RULES:
        for n in (2_000, 4_000):
            result = adverse.held_back(rule, n, repeats)
            worst = max(worst, result["broken"])
            print(
                f"{rule:22}{n:10,}{result['opened']:9.1%}{result['automated']:11.1%}"
                f"{result['broken']:9.1%}"
            )
    return {"rules_broken": worst}


def label_order(repeats: int) -> dict[str, float]:
    """Labels that are missing by choice."""
    figures = {"order_broken": 0.0, "left_out_broken": 0.0, "order_lost": 0.0}
    print(f"{'labels':20}{'error':>7}{'reference':>10}{'exact':>9}{'anytime':>9}{'left out':>10}")
    for reviewers in adverse.REVIEWERS:
        for error, hard_error in ((0.027, 0.08), (0.0201, 0.06)):
            for n in (2_000, 4_000):
                result = adverse.unlabelled(reviewers, n, repeats, hard_error)
                worst = max(result["exact"], result["anytime"], result["losses"])
                figures["order_broken"] = max(figures["order_broken"], worst)
                figures["left_out_broken"] = max(figures["left_out_broken"], result["left out"])
                print(
                    f"{reviewers:20}{error:7.2%}{n:10,}{result['exact']:9.1%}"
                    f"{result['anytime']:9.1%}{result['left out']:10.1%}"
                )
    print(f"{'labels':20}{'reference':>10}  {'test':9}{'all labels':>11}{'ours':>9}{'broken':>9}")
    for reviewers in adverse.REVIEWERS:
        for n in (2_000, 4_000):
            for test in ("exact", "anytime"):
                result = adverse.labelled(reviewers, n, repeats, test)
                figures["order_broken"] = max(figures["order_broken"], result["broken"])
                if reviewers == "in order" and test == "exact":
                    lost = result["all labels"] - result["ours"]
                    figures["order_lost"] = max(figures["order_lost"], lost)
                print(
                    f"{reviewers:20}{n:10,}  {test:9}{result['all labels']:11.1%}"
                    f"{result['ours']:9.1%}{result['broken']:9.1%}"
                )
    return figures


def tries(repeats: int) -> dict[str, float]:
    """Fifty versions, all too bad, on one sample; the first that opens is kept."""
    worst = {"tries_broken": 0.0, "tries_not_shared": 0.0}
    print(f"{'true error':>10}{'alike':>7}{'one try':>9}{'not shared':>12}{'shared':>9}")
    for error in (0.0201, 0.0225, 0.025):
        for alike in (0.0, 0.9, 0.98):
            result = adverse.tried(error, alike, repeats)
            whole, shared = result["each with all of delta"], result["shared"]
            worst["tries_broken"] = max(worst["tries_broken"], shared)
            worst["tries_not_shared"] = max(worst["tries_not_shared"], whole)
            print(f"{error:10.2%}{alike:7.2f}{result['one try']:9.1%}{whole:12.1%}{shared:9.1%}")
    return worst


def repeated_inputs(repeats: int) -> dict[str, float]:
    """Samples that hold inputs more than once, and versions just above the limit."""
    worst = dict.fromkeys(repeated.WAYS, 0.0)
    print(
        f"{'repeated':>9}{'inputs':>8}{'of errors':>11}  {'version':9}"
        + "".join(f"{way:>10}" for way in repeated.WAYS)
    )
    for learns in (False, True):
        for part in repeated.PARTS:
            for share in repeated.SHARES:
                for inputs in repeated.INPUTS:
                    result = repeated.broken(
                        share, inputs, part, repeats, learns=learns, test="exact"
                    )
                    worst = {way: max(worst[way], result[way]) for way in worst}
                    print(
                        f"{share:9.0%}{inputs:8}{part:11.0%}  {'fitted' if learns else 'code':9}"
                        + "".join(f"{result[way]:10.1%}" for way in repeated.WAYS)
                    )
    return {f"repeated_{way.replace(' ', '_')}": share for way, share in worst.items()}


def microseconds(repeats: int, act: Callable[[], object]) -> float:
    began = time.perf_counter()
    for _ in range(repeats):
        act()
    return (time.perf_counter() - began) / repeats * 1e6


def costs() -> dict[str, float]:
    audit = RunningAudit(risk_limit=LIMIT, delta=DELTA)
    chance = np.random.default_rng(0)
    confidence = chance.random(10_000)
    wrong = chance.random(10_000) < 0.1 * (1.0 - confidence)
    training = dataclasses.make_dataclass("Training", ["confidence", "wrong"])(confidence, wrong)

    waiting = np.arange(10_000) >= 9_600

    def certificate(loss: Floats, marks: Floats) -> None:
        certify(
            confidence=confidence,
            wrong=loss,
            out_of_fold=training,
            risk_limit=LIMIT,
            delta=DELTA,
            waiting=marks,
        )

    return {
        "update_us": microseconds(20_000, lambda: audit.add(wrong=False, rate=0.12)),
        "certificate_ms": microseconds(50, lambda: certificate(wrong, waiting)) / 1e3,
        "losses_ms": microseconds(50, lambda: certificate(wrong * confidence, waiting)) / 1e3,
    }


def upper(k: int, n: int) -> float:
    """One-sided 95 % Clopper-Pearson limit."""
    return float(beta.ppf(0.95, k + 1, n - k)) if k < n else 1.0


def share(rows: Sequence[Round]) -> float:
    automatic = sum(row.automatic for row in rows)
    return sum(item.wrong for item in rows) / automatic if automatic else 0.0


def steady_figures(runs: Sequence[Sequence[Round]]) -> dict[str, float]:
    """Streams whose traffic stays as it is."""
    last = [run[-1] for run in runs]
    wide = [figures for run in runs for figures in run if figures.automatic >= 0.6 * figures.tasks]
    halted = ("harm_proven", "change_found")
    return {
        "stream_runs": len(runs),
        "stream_automation_round_10": float(
            np.mean([item.automatic / item.tasks for item in last])
        ),
        "stream_automation_worst": float(np.min([entry.automatic / entry.tasks for entry in last])),
        "stream_of_best": float(
            np.mean([element.automatic / element.tasks for element in last])
            / np.mean([one.best for one in last])
        ),
        "stream_error": share([figures for run in runs for figures in run]),
        "stream_broken": float(np.mean([share(run) > LIMIT for run in runs])),
        "false_halts": float(
            np.mean([any(sign in halted for row in run for sign in row.signs) for run in runs])
        ),
        "leak_at_60": sum(figures.leaked for figures in wide)
        / max(sum(figures.out_of_scope for figures in wide), 1),
    }


def embeddings_figures(
    runs: Sequence[Sequence[Round]], without: Sequence[Sequence[Round]]
) -> dict[str, float]:
    """The same streams with and without vectors; points are of a hundred tasks."""
    gains = [
        100.0 * (mine[-1].automatic / mine[-1].tasks - other[-1].automatic / other[-1].tasks)
        for mine, other in zip(runs, without, strict=True)
    ]
    return {
        "embeddings_runs": len(runs),
        "embeddings_automation_round_10": float(
            np.mean([run[-1].automatic / run[-1].tasks for run in runs])
        ),
        "embeddings_points": float(np.mean(gains)),
        "embeddings_points_least": min(gains),
        "embeddings_broken": float(np.mean([share(run) > LIMIT for run in runs])),
        "embeddings_error": share([figures for run in runs for figures in run]),
        "embeddings_opens_in_round": max(opened(run) for run in runs),
        "without_opens_in_round": max(opened(run) for run in without),
    }


def opened(run: Sequence[Round]) -> int:
    """The first round with an automatic answer; one more than there are if none had one."""
    return next((number for number, row in enumerate(run, 1) if row.automatic), len(run) + 1)


def drift_figures(runs: Sequence[Sequence[Round]]) -> dict[str, float]:
    """Streams that 15 new intents, 9.6 % of traffic, join in round 7."""
    after = [run[NEW_FROM - 1 :] for run in runs]
    broken = sum(share(rows) > LIMIT for rows in after)
    alarms = [run[NEW_FROM - 1].alarm_at for run in runs]
    results = [alarm for alarm in alarms if alarm is not None]
    last = [run[-1] for run in runs]
    result = {
        "drift_runs": len(runs),
        "drift_broken": broken / len(runs),
        "drift_broken_upper": upper(broken, len(runs)),
        "drift_alarm_median": float(np.median(results)) if results else float("nan"),
        "drift_alarm_95": float(np.quantile(results, 0.95)) if results else float("nan"),
        "drift_unnoticed_in_round": 1.0 - len(results) / len(runs),
        "drift_halts_before": float(
            np.mean(
                [any(row.signs and row.alarm_at for row in run[: NEW_FROM - 1]) for run in runs]
            )
        ),
        "drift_of_best_round_10": float(
            np.mean([item.automatic / item.tasks for item in last])
            / np.mean([entry.best for entry in last])
        ),
    }
    for number in range(NEW_FROM, ROUNDS + 1):
        result[f"drift_automation_round_{number}"] = float(
            np.mean([run[number - 1].automatic / run[number - 1].tasks for run in runs])
        )
    return result


def rows_of(f: dict[str, float]) -> list[tuple[str, str, str, str]]:
    def row(
        what: str, name: str, floor: float, aim: float | None, *, least: bool, percent: bool = True
    ) -> tuple[str, str, str, str]:
        scale, unit = (100.0, " %") if percent else (1.0, "")
        reach = f"{'≥' if least else '≤'} {floor * scale:g}{unit}"
        reach += f", aim {aim * scale:g}{unit}" if aim is not None else ""
        verdict = report.judged(f[name], floor, aim, least=least)
        return what, f"{f[name] * scale:.3g}{unit}", reach, verdict

    rows = []
    if "broken_1500" in f:
        rows += [
            row("certificate broken, 1,500 labels", "broken_1500", 0.05, None, least=False),
            row("certificate broken, 5,000 labels", "broken_5000", 0.05, None, least=False),
            row("automated at 2,000 reference, 5,000 learnt", "certified", 0.50, 0.61, least=True),
            row(
                "changed answers, 5 x limit: items, median",
                "found_5x",
                50,
                None,
                least=False,
                percent=False,
            ),
            row(
                "changed answers, 2 x limit: items, median",
                "found_2x",
                400,
                None,
                least=False,
                percent=False,
            ),
            row(
                "healthy version at 1.2 %: halted in 2,000 items",
                "healthy_halts",
                0.03,
                0.01,
                least=False,
            ),
            row(
                "drawn for audit once the sample holds 5,000",
                "audit_share",
                0.05,
                None,
                least=False,
            ),
            row("rules hold answers back: broken", "rules_broken", 0.05, None, least=False),
            row("labels missing by choice: broken", "order_broken", 0.05, None, least=False),
            row("50 tries on one sample: broken", "tries_broken", 0.05, None, least=False),
            row("repeated inputs: broken", "repeated_ours", 0.05, None, least=False),
            row("cost of an outcome, us", "update_us", 50, None, least=False, percent=False),
            row(
                "certificate, 10,000 items, ms",
                "certificate_ms",
                50,
                None,
                least=False,
                percent=False,
            ),
            row("the same of mean losses, ms", "losses_ms", 50, None, least=False, percent=False),
        ]
    if "stream_runs" in f:
        rows += [
            row(
                "stream: automated in round 10", "stream_automation_round_10", 0.6, 0.7, least=True
            ),
            row("stream: of the best threshold", "stream_of_best", 0.95, None, least=True),
            row("stream: runs whose limit broke", "stream_broken", 0.05, None, least=False),
            row("stream: runs with a false halt", "false_halts", 0.03, 0.01, least=False),
            row("out-of-scope leak at 60 % automation", "leak_at_60", 0.01, 0.005, least=False),
        ]
    if "embeddings_runs" in f:
        rows += [
            row(
                "with embeddings: points above, round 10",
                "embeddings_points",
                3.0,
                None,
                least=True,
                percent=False,
            ),
            row("with embeddings: runs that broke it", "embeddings_broken", 0.0, None, least=False),
            row(
                "with embeddings: first automatic round, latest",
                "embeddings_opens_in_round",
                2.0,
                None,
                least=False,
                percent=False,
            ),
        ]
    if "drift_runs" in f:
        rows += [
            row(
                "drift: runs whose limit broke from then on",
                "drift_broken",
                0.05,
                None,
                least=False,
            ),
            row(
                "drift: upper confidence limit of that",
                "drift_broken_upper",
                0.05,
                None,
                least=False,
            ),
            row(
                "drift: alarm after tasks, median",
                "drift_alarm_median",
                150,
                100,
                least=False,
                percent=False,
            ),
            row(
                "drift: automated in round 10, of the best",
                "drift_of_best_round_10",
                0.8,
                0.9,
                least=True,
            ),
        ]
    return rows


def tests(data: Path, repeats: int) -> dict[str, float]:
    """The proofs, the audit and what people may do to them, without whole streams."""
    figures = costs()
    print(
        f"{'labels':>8}{'reference':>10}  {'policy':22}{'automated':>10}{'error':>8}{'broken':>8}"
    )
    for labels in (1_500, 5_000):
        scored = [score(data, labels, seed) for seed in range(3)]
        broken = []
        for n in REFERENCE:
            for name, policy in policies(scored, n, repeats).items():
                print(
                    f"{labels:8,}{n:10,}  {name:22}{policy['automated']:10.1%}"
                    f"{policy['error']:8.2%}{policy['broken']:8.1%}"
                )
                if name == "certificate":
                    broken.append(policy["broken"])
                    figures[f"certified_{labels}_{n}"] = policy["automated"]
        figures[f"broken_{labels}"] = max(broken)
        rates = [best(list(zip(item.confidence, item.wrong, strict=True))) for item in scored]
        figures[f"best_{labels}"] = float(np.mean(rates))
    figures["certified"] = figures["certified_5000_2000"]
    for multiple in (5, 2):
        waits = list(until_found(multiple * LIMIT, repeats))
        figures[f"found_{multiple}x"] = float(np.median(waits))
        figures[f"found_{multiple}x_95"] = float(np.quantile(waits, 0.95))
    healthy = list(until_found(0.012, repeats, 2_000))
    figures["healthy_halts"] = float(np.mean([entry < 2_000 for entry in healthy]))
    figures["audit_share"] = sampling.rate(automating=True, sample=sampling.LARGE_SAMPLE)
    figures |= rules(repeats)
    figures |= label_order(repeats)
    figures |= tries(repeats)
    figures |= repeated_inputs(repeats)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=1_000)
    parser.add_argument("--runs", type=int, default=4)
    parser.add_argument("--drift-runs", type=int, default=4)
    parser.add_argument(
        "--embeddings-runs", type=int, default=0, help="streams with the local model; make embed"
    )
    parser.add_argument("--streams-only", action="store_true", help="leave the tests out")
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--processes", type=int, default=2)
    arguments = parser.parse_args()
    data = Path(os.environ.get("ROADBED_DATA_DIR", "../shared/data"))
    figures: dict[str, float] = {}
    if not arguments.streams_only:
        figures |= tests(data, arguments.repeats)
    runs = {
        Kind.STEADY: max(arguments.runs, arguments.embeddings_runs),
        Kind.EMBEDDINGS: arguments.embeddings_runs,
        Kind.DRIFT: arguments.drift_runs,
    }
    played = streams(data, runs, arguments.keep, arguments.processes)
    if played[Kind.STEADY]:
        figures |= steady_figures(played[Kind.STEADY])
    if played[Kind.EMBEDDINGS]:
        without = played[Kind.STEADY][: arguments.embeddings_runs]
        figures |= embeddings_figures(played[Kind.EMBEDDINGS], without)
    if played[Kind.DRIFT]:
        figures |= drift_figures(played[Kind.DRIFT])
    report.table(rows_of(figures))
    report.end(
        {
            "benchmark": "trust",
            **{name: round(value, 5) for name, value in figures.items()},
            "machine": report.machine("numpy", "scipy", "scikit-learn"),
        }
    )


if __name__ == "__main__":
    main()
