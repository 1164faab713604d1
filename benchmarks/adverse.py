"""Adverse behaviour and the guarantee: choosing which labels come first, holding answers back by
rules, trying many versions. Simulated traffic whose true errors are known at every threshold.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy.stats import binom, norm

from closed_loop import DELTA, LIMIT
from roadbed.risk.audit import CHANGE_ALARM, RunningAudit
from roadbed.risk.canary import CanaryTest
from roadbed.risk.certificate import anytime, certify, delta_for, exact
from roadbed.risk.paired import difference

Floats = Any
REVIEWERS = (
    "in order",
    "easy first",
    "easy first lately",
    "skip 2 % of hard",
    "over the weekend",
)
RULES = ("none", "the right half", "the wrong half", "an easy slice", "a hard slice")
_SHARPNESS = 6.0
_CERTAINTY = 1.0 - DELTA


@dataclasses.dataclass(frozen=True, kw_only=True)
class Training:
    confidence: Floats
    wrong: Floats


@dataclasses.dataclass(frozen=True, kw_only=True)
class Traffic:
    """Scores that order well; ``hard`` items are often the wrong ones."""

    confidence: Floats
    wrong: Floats
    hard: Floats
    place: Floats  # uniform: what else is known of an item


def chance_of_error(confidence: Floats) -> Floats:
    return np.minimum(1.2 * np.exp(-_SHARPNESS * confidence), 1.0)


def draw(chance: np.random.Generator, n: int) -> Traffic:
    confidence = chance.beta(3.0, 1.0, n)
    wrong = chance.random(n) < chance_of_error(confidence)
    hard = chance.random(n) < np.where(wrong, 0.8, 0.25)
    return Traffic(confidence=confidence, wrong=wrong, hard=hard, place=chance.random(n))


def flat(chance: np.random.Generator, n: int, hard_error: float, easy_error: float) -> Traffic:
    """A confidence that says nothing: 30 % hard items, the same error at every threshold."""
    hard = chance.random(n) < 0.3
    wrong = chance.random(n) < np.where(hard, hard_error, easy_error)
    return Traffic(
        confidence=chance.beta(6.0, 1.5, n), wrong=wrong, hard=hard, place=chance.random(n)
    )


def training(chance: np.random.Generator, n: int = 1_500) -> Training:
    traffic = draw(chance, n)
    return Training(confidence=traffic.confidence, wrong=traffic.wrong)


def waits(reviewers: str, chance: np.random.Generator, hard: Floats) -> Floats:
    """Which drawn items have no label yet."""
    n = len(hard)
    late = np.arange(n) >= 0.8 * n
    if reviewers == "in order":
        return np.arange(n) >= 0.96 * n
    if reviewers == "easy first":
        return hard & (chance.random(n) < 0.75)
    if reviewers == "easy first lately":
        return hard & late & (chance.random(n) < 0.75)
    if reviewers == "skip 2 % of hard":
        return hard & (chance.random(n) < 0.02)
    return np.arange(n) >= chance.uniform(0.6, 1.0) * n


class Truth:
    """The true error above a threshold, from a large population."""

    def __init__(self, rule: str = "none") -> None:
        confidence = np.sort(np.random.default_rng(99).beta(3.0, 1.0, 400_000))[::-1]
        error = chance_of_error(confidence)
        wrong, right = error * kept(rule, wrong=True), (1.0 - error) * kept(rule, wrong=False)
        self._confidence = confidence
        self._risk = np.cumsum(wrong) / np.maximum(np.cumsum(wrong + right), 1e-12)

    def risk(self, threshold: float) -> float:
        place = int(np.searchsorted(-self._confidence, -threshold, side="right"))
        return float(self._risk[max(place - 1, 0)])


def kept(rule: str, *, wrong: bool) -> float:
    """The share of wrong or right answers that a rule lets pass."""
    shares = {
        "none": (1.0, 1.0),
        "the right half": (1.0, 0.5),
        "the wrong half": (0.5, 1.0),
        "an easy slice": (0.9, 0.7),
        "a hard slice": (0.4, 0.8),
    }
    return shares[rule][0 if wrong else 1]


def held_back(rule: str, n: int, repeats: int) -> dict[str, float]:
    """Certificates where a rule gives some answers no confidence. Training knows of no rule."""
    truth, opened, broken, automated = Truth(rule), 0, 0, 0.0
    for repeat in range(repeats):
        chance = np.random.default_rng([21, RULES.index(rule), n, repeat])
        traffic = draw(chance, n)
        limits = np.where(traffic.wrong, kept(rule, wrong=True), kept(rule, wrong=False))
        confidence = np.where(traffic.place < limits, traffic.confidence, 0.0)
        threshold = certify(
            confidence=confidence,
            wrong=traffic.wrong,
            out_of_fold=training(chance),
            risk_limit=LIMIT,
            delta=DELTA,
        ).threshold
        if threshold is not None:
            opened += 1
            broken += truth.risk(threshold) > LIMIT
            automated += float((confidence >= threshold).mean())
    return {
        "opened": opened / repeats,
        "broken": broken / repeats,
        "automated": automated / repeats,
    }


def labelled(reviewers: str, n: int, repeats: int, test: str = "exact") -> dict[str, float]:
    """Certificates while labels are missing, beside one with every label."""
    truth, broken = Truth(), 0
    automated = {"all labels": 0.0, "ours": 0.0}
    for repeat in range(repeats):
        chance = np.random.default_rng([22, n, repeat])
        traffic, seen = draw(chance, n), training(chance)
        waiting = waits(reviewers, chance, traffic.hard)
        for name, marks in (("all labels", None), ("ours", waiting)):
            threshold = certify(
                confidence=traffic.confidence,
                wrong=traffic.wrong.astype(float) if test == "losses" else traffic.wrong,
                out_of_fold=seen,
                risk_limit=LIMIT,
                delta=DELTA,
                test=anytime if test == "anytime" else exact,
                waiting=marks,
            ).threshold
            if threshold is not None:
                automated[name] += float((traffic.confidence >= threshold).mean()) / repeats
                broken += name == "ours" and truth.risk(threshold) > LIMIT
    return {"broken": broken / repeats, **automated}


def unlabelled(reviewers: str, n: int, repeats: int, hard_error: float) -> dict[str, float]:
    """How often something opens although the error is too high at every threshold."""
    easy_error = 0.0043 if hard_error > 0.07 else 0.003
    results = {"exact": 0, "anytime": 0, "losses": 0, "left out": 0}
    for repeat in range(repeats):
        chance = np.random.default_rng([23, n, repeat])
        traffic = flat(chance, n, hard_error, easy_error)
        waiting = waits(reviewers, chance, traffic.hard)
        facts: dict[str, Any] = {"out_of_fold": None, "risk_limit": LIMIT, "delta": DELTA}
        for name in results:
            rows = ~waiting if name == "left out" else np.ones(n, dtype=bool)
            proof = certify(
                confidence=traffic.confidence[rows],
                wrong=traffic.wrong.astype(float) if name == "losses" else traffic.wrong[rows],
                test=anytime if name == "anytime" else exact,
                waiting=None if name == "left out" else waiting,
                **facts,
            )
            results[name] += proof.threshold is not None
    return {name: count / repeats for name, count in results.items()}


def tried(
    error: float, alike: float, repeats: int, tries: int = 50, n: int = 2_000
) -> dict[str, float]:
    """The first of many versions that passes, all of them too bad, at one threshold.

    ``alike`` is the correlation of what makes an item hard for one version and for another.
    """
    kept_whole = np.zeros(repeats, dtype=bool)
    shared, first = kept_whole.copy(), kept_whole.copy()
    chance = np.random.default_rng([24, int(error * 1e5), int(alike * 100)])
    common = chance.standard_normal((repeats, n), dtype=np.float32)
    for number in range(1, tries + 1):
        own = chance.standard_normal((repeats, n), dtype=np.float32)
        wrong = (np.sqrt(alike) * common + np.sqrt(1.0 - alike) * own) > norm.isf(error)
        p = binom.cdf(wrong.sum(axis=1), n, LIMIT)
        kept_whole |= p <= DELTA
        shared |= p <= delta_for(number, DELTA)
        first |= (p <= DELTA) & (number == 1)
    return {
        "one try": float(first.mean()),
        "each with all of delta": float(kept_whole.mean()),
        "shared": float(shared.mean()),
    }


def audited(
    risk: float, reviewers: str, repeats: int, most: int = 3_000, change: float = CHANGE_ALARM
) -> Iterator[int]:
    """Drawn items until the audit halts, while three days of items (60) may lack a label.

    ``late errors`` hides every error until it is due, ``late rights`` every second right answer,
    and ``nobody`` labels nothing before it is due.
    """
    for repeat in range(repeats):
        chance = np.random.default_rng([25, int(risk * 1e5), repeat])
        wrong = chance.random(most) < risk
        late = {
            "in order": np.zeros(most, dtype=bool),
            "late errors": wrong,
            "late rights": ~wrong & (chance.random(most) < 0.5),
            "nobody": np.ones(most, dtype=bool),
        }[reviewers]
        yield _halt(wrong, late, most, change)


def _halt(
    wrong: Floats, late: Floats, most: int, change: float, window: int = 60, step: int = 10
) -> int:
    settled = RunningAudit(risk_limit=LIMIT, delta=DELTA)
    for now in range(step, most + 1, step):
        due = max(now - window, 0)
        for place in range(max(due - step, 0), due):
            settled.add(wrong=bool(wrong[place]), rate=0.12)
        audit = dataclasses.replace(settled)
        audit._harm = list(settled._harm)
        for place in range(due, now):
            if late[place]:
                audit.wait()
            else:
                audit.add(wrong=bool(wrong[place]), rate=0.12)
        if audit.most_harm >= 1.0 / DELTA or audit.most_change >= change:
            return now
    return most


def compared(worse: float, reviewers: str, repeats: int, n: int = 2_000) -> dict[str, float]:
    """A gate at a margin of 1 % and what waits in it; ``worse`` is the true difference."""
    passed = {"all labels": 0, "ours": 0, "left out": 0}
    for repeat in range(repeats):
        chance = np.random.default_rng([26, repeat])
        odds = np.array([0.02, 0.02 + worse])
        change = chance.choice([-1, 1, 0], n, p=[*odds, 1.0 - odds.sum()])
        hard = chance.random(n) < np.where(change > 0, 0.8, 0.25)
        waiting = waits(reviewers, chance, hard) & (change != 0)
        broken, fixed = change > 0, change < 0
        known = ~waiting
        for name in passed:
            rows = known if name != "all labels" else np.ones(n, dtype=bool)
            result = difference(
                n=n if name != "left out" else int(known.sum()),
                fixed=int((fixed & rows).sum()),
                broken=int((broken & rows).sum()),
                certainty=_CERTAINTY,
                waiting=int(waiting.sum()) if name == "ours" else 0,
            )
            passed[name] += result.upper <= 0.01
    return {name: count / repeats for name, count in passed.items()}


def watched(worse: float, reviewers: str, repeats: int, n: int = 1_000) -> dict[str, float]:
    """A canary at a margin of 1 %, and what waits in it; ``worse`` is the true difference."""
    rolled_back = {"all labels": 0, "ours": 0, "left out": 0}
    for repeat in range(repeats):
        chance = np.random.default_rng([27, repeat])
        odds = np.array([0.02, 0.02 + worse])
        change = chance.choice([-1, 1, 0], n, p=[*odds, 1.0 - odds.sum()])
        put_off = change < 0 if reviewers == "errors first" else change > 0
        late = put_off & (np.arange(n) >= 0.5 * n) & (chance.random(n) < 0.75)
        for name in rolled_back:
            test = CanaryTest(margin=0.01, delta=DELTA)
            for moved, waiting in zip(change.tolist(), late.tolist(), strict=True):
                if waiting and name == "ours":
                    test.wait()
                elif not (waiting and name == "left out") and test.add(
                    new_wrong=moved > 0, old_wrong=moved < 0
                ):
                    rolled_back[name] += 1
                    break
    return {name: count / repeats for name, count in rolled_back.items()}
