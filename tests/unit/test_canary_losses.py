"""A canary under a promise about mean losses: it is judged by losses, not by wrong or right."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from scipy.stats import binom

from roadbed import Score
from roadbed.releases import trial_statistics
from roadbed.risk.paired import mean_difference
from roadbed.usecases.use_case import UseCase
from tests.unit.test_usecases import declare
from tests.unit.test_verdicts import Output

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
CERTAINTY, MARGIN = 0.95, 0.01
RIGHT = 1_000


def by_distance(proposed: Any, right: Any, input: Any) -> Score:
    """A hundredth for each step away."""
    return Score(loss=min(abs(proposed["q"] - right["q"]) / 100.0, 1.0))


def declared(**more: Any) -> UseCase:
    facts = {"scorer": by_distance, "risk_measure": "mean_loss"} | more
    return declare(output=Output, **facts)


def row(number: int, live: float, candidate: float, *, labelled: bool = True) -> dict[str, Any]:
    """A task on which both lose something."""
    sides: dict[str, Any] = {}
    for side, loss in (("live", live), ("candidate", candidate)):
        sides |= {
            f"{side}_output": {"q": RIGHT + round(loss * 100.0)},
            f"{side}_actions": [],
            f"{side}_content": None,
            f"{side}_reason": "proven",
            f"{side}_seconds": 0.1,
            f"{side}_cost": 0,
        }
    return {
        "task_id": f"tsk_{number:05}",
        "input": {},
        "verdict": "ver_1" if labelled else None,
        "right_output": {"q": RIGHT} if labelled else None,
        "right_actions": None,
        "given_at": BEGAN + timedelta(seconds=number) if labelled else None,
        "losses": None,
        "outcome": None,
        "reported_at": None,
        "withheld": False,
        "at": BEGAN,
        **sides,
    }


def reading(
    rows: list[dict[str, Any]], judged_by: UseCase | None = None
) -> trial_statistics.TrialReport:
    return trial_statistics.trial_report(
        rows,
        step="canary",
        plan={"margin": MARGIN, "canary_tasks": len(rows)},
        gate={"certainty": CERTAINTY, "limits": {"seconds": None, "cost": None}},
        since=BEGAN,
        declared=judged_by or declared(),
    )


class TestReading:
    def test_one_that_loses_twenty_times_as_much_falls(self) -> None:
        rows = [row(number, 0.05, 1.0) for number in range(400)]
        result = reading(rows)
        assert result["breach"] is not None
        assert "mean loss: +0.95 beside the live version on" in result["breach"]
        [wrong] = [check for check in result["checks"] if check["name"] == "wrong"]
        assert wrong["n"] < 20
        assert (result["broken"], result["fixed"]) == (400, 0)

    def test_one_that_loses_less_does_not_fall_and_is_ready(self) -> None:
        result = reading([row(number, 0.4, 0.1) for number in range(100)])
        assert (result["breach"], result["ready"]) == (None, True)
        assert (result["broken"], result["fixed"]) == (0, 100)

    def test_where_both_say_the_same_neither_loses_more(self) -> None:
        result = reading([row(number, 0.4, 0.4, labelled=False) for number in range(50)])
        assert (result["breach"], result["undecided"], result["ready"]) == (None, 0, True)
        [wrong] = [check for check in result["checks"] if check["name"] == "wrong"]
        assert (wrong["n"], wrong["candidate"], wrong["live"]) == (50, 0.0, 0.0)

    def test_what_nobody_can_tell_counts_against_the_candidate_alone(self) -> None:
        lost = declared(scorer=lambda *_: Score.unknown("no idea"))
        result = reading([row(number, 0.1, 0.2) for number in range(60)], lost)
        assert result["breach"] is not None
        assert "+1 beside" in result["breach"]

    def test_no_answer_loses_everything(self) -> None:
        rows = [row(number, 0.0, 0.2) for number in range(60)]
        for one in rows:
            one |= {"candidate_output": None, "candidate_reason": "decider_failed"}
        result = reading(rows)
        [wrong] = [check for check in result["checks"] if check["name"] == "wrong"]
        assert wrong["breached"]

    def test_a_promise_about_wrong_answers_is_judged_by_these_as_before(self) -> None:
        rows = [row(number, 0.05, 1.0) for number in range(400)]
        result = reading(rows, declared(risk_measure="wrong"))
        assert result["breach"] is None  # both are wrong alike
        lenient = reading(rows, declared(risk_measure="wrong", tolerance=0.1))
        assert "wrong where the other was right" in (lenient["breach"] or "")

    def test_nothing_compared_says_nothing(self) -> None:
        result = reading([])
        assert "nothing is known yet" in result["checks"][0]["line"]


def losses(chance: np.random.Generator, n: int, worse: float) -> list[tuple[float, float]]:
    """Candidate and live on ``n`` tasks: skewed, and on most of them close together."""
    live = chance.beta(0.2, 3.8, n)  # 0.05 on average
    other = np.where(chance.random(n) < 0.3, chance.beta(0.2, 3.8, n), live)
    harm = chance.random(n) < worse / (1.0 - 0.05)
    return list(zip(np.where(harm, 1.0, other).tolist(), live.tolist(), strict=True))


@pytest.mark.usefixtures("unmeasured")
class TestGuarantee:
    def test_one_within_the_margin_falls_as_seldom_as_is_said(self) -> None:
        """At the very margin, and looked at after every task."""
        runs, delta = 300, (1.0 - CERTAINTY) / trial_statistics.CHECKS
        fallen = 0
        for seed in range(runs):
            pairs = losses(np.random.default_rng(seed), 600, MARGIN)
            result = trial_statistics.tested_as("wrong", pairs, MARGIN, delta, measure="mean_loss")
            fallen += result["breached"]
        print(f"{fallen} of {runs} canaries at the margin fell, at {delta} each")
        assert fallen <= binom.ppf(0.99, runs, delta)

    def test_a_harmful_one_falls_soon_and_a_good_one_stays(self) -> None:
        fell, stayed = [], 0
        for seed in range(100):
            chance = np.random.default_rng(seed)
            bad = trial_statistics.tested_as(
                "wrong", losses(chance, 400, 0.2), MARGIN, 0.0125, measure="mean_loss"
            )
            fell.append(bad["n"] if bad["breached"] else 10_000)
            good = trial_statistics.tested_as(
                "wrong", losses(chance, 400, 0.0), MARGIN, 0.0125, measure="mean_loss"
            )
            stayed += not good["breached"]
        print(f"fell after {sorted(fell)[50]} tasks, the last after {max(fell)}; {stayed} stayed")
        assert max(fell) < 200
        assert stayed >= 98

    @pytest.mark.usefixtures("unmeasured")
    def test_one_worse_by_the_margin_passes_its_gate_as_seldom_as_is_said(self) -> None:
        """A promoted version has passed the gate, which shows that the difference is small."""
        runs, passed, good = 100, 0, 0
        for seed in range(runs):
            for worse in (MARGIN, 0.0):
                pairs = np.array(losses(np.random.default_rng(seed), 4_000, worse))
                result = mean_difference(pairs[:, 0] - pairs[:, 1], CERTAINTY)
                ok = result.upper <= MARGIN
                passed, good = passed + (ok and worse > 0), good + (ok and worse == 0)
        print(f"{passed} of {runs} at the margin passed, {good} as good as the live version")
        assert passed <= binom.ppf(0.99, runs, 1.0 - CERTAINTY)
        assert good > 0.5 * runs
