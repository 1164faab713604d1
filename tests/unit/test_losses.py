"""Promises about the mean of a loss in [0, 1]: the same tests, audits and intervals."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from roadbed.risk import betting
from roadbed.risk.audit import RunningAudit
from roadbed.risk.calibration import calibration
from roadbed.risk.canary import CanaryTest
from roadbed.risk.certificate import anytime, certify
from roadbed.risk.curve import risk_coverage, share_interval
from roadbed.risk.losses import checked, checked_one
from roadbed.risk.paired import mean_difference
from roadbed.risk.slices import pool, prove_slices
from roadbed.risk.weakness import weak_spots

LIMIT, DELTA = 0.1, 0.05
SPREADS = [0.3, 3.0]  # of a beta distribution: nearly right or wrong, and all alike


def losses(chance: np.random.Generator, n: int, mean: float, spread: float) -> np.ndarray:
    return chance.beta(mean * spread, (1.0 - mean) * spread, n)


def opened(loss: np.ndarray, **facts: object) -> bool:
    proof = certify(
        confidence=np.full(len(loss), 0.9),
        wrong=loss,
        out_of_fold=None,
        risk_limit=LIMIT,
        delta=DELTA,
        **facts,  # type: ignore[arg-type]
    )
    return proof.threshold is not None


class TestCertificate:
    @pytest.mark.usefixtures("unmeasured")
    @pytest.mark.parametrize("spread", SPREADS)
    def test_of_a_mean_loss_is_broken_seldom_and_opens_below_the_limit(self, spread: float) -> None:
        repeats = 200
        broken = sum(
            opened(losses(np.random.default_rng(seed), 600, LIMIT, spread))
            for seed in range(repeats)
        )
        kept = sum(
            opened(losses(np.random.default_rng(seed), 600, LIMIT / 2, spread))
            for seed in range(repeats)
        )
        print(f"broken {broken}, opened at half the limit {kept} of {repeats}")
        assert broken <= binom.ppf(0.99, repeats, DELTA)
        assert kept > 0.9 * repeats

    def test_losses_that_spread_less_open_sooner_than_right_and_wrong(self) -> None:
        needed = []
        for spread in (0.01, 3.0):
            loss = losses(np.random.default_rng(4), 3_000, LIMIT / 2, spread)
            needed.append(next(n for n in range(50, 3_000, 25) if opened(loss[:n])))
        assert needed[1] < needed[0]

    @given(seed=st.integers(0, 10_000), n=st.integers(0, 400))
    def test_betting_on_right_and_wrong_is_the_test_for_any_moment(self, seed: int, n: int) -> None:
        chance = np.random.default_rng(seed)
        confidence, wrong = chance.random(n), chance.random(n) < 0.05
        grid, limits = np.array([0.8, 0.4, 0.1]), np.array([0.0, 0.1, 0.2])
        p = betting.p_values(confidence, wrong.astype(float), grid, limits, np.array([n]))
        items = np.array([(confidence >= t).sum() for t in grid])
        errors = np.array([wrong[confidence >= t].sum() for t in grid])
        assert p[0] == pytest.approx(anytime(items, errors, limits))

    def test_tells_its_figures_in_losses(self) -> None:
        loss = np.tile([0.0, 0.1], 400)
        facts = {"out_of_fold": None, "risk_limit": LIMIT, "delta": DELTA}
        proof = certify(confidence=np.full(800, 0.9), wrong=loss, **facts)  # type: ignore[arg-type]
        assert (proof.covered, proof.errors, proof.counted) == (800, 400, 800)
        assert proof.risk == pytest.approx(0.05)
        assert proof.upper is not None
        assert 0.05 < proof.upper < 0.08
        bad = certify(confidence=np.full(800, 0.9), wrong=loss * 5, **facts)  # type: ignore[arg-type]
        assert bad.why_not is not None
        assert "the mean loss is 0.25, too much to prove 0.1" in bad.why_not

    def test_uses_what_training_losses_suggest(self) -> None:
        chance = np.random.default_rng(2)
        score = chance.beta(3.0, 1.0, 4_000)
        loss = np.clip(0.3 * (1.0 - score) + 0.02 * chance.random(4_000), 0.0, 1.0)
        seen = dataclasses.make_dataclass("Seen", ["confidence", "wrong"])(score, loss)
        proof = certify(
            confidence=score, wrong=loss, out_of_fold=seen, risk_limit=0.05, delta=DELTA
        )
        assert proof.threshold is not None
        assert loss[score >= proof.threshold].mean() <= 0.05

    def test_equal_rows_all_count(self) -> None:
        one = certify(
            confidence=np.full(1_000, 0.9),
            wrong=np.zeros(1_000, dtype=bool),
            out_of_fold=None,
            risk_limit=LIMIT,
            delta=DELTA,
        )
        assert one.covered == 1_000


class TestBound:
    @pytest.mark.usefixtures("unmeasured")
    @pytest.mark.parametrize("spread", SPREADS)
    def test_lies_above_the_mean_at_its_level(self, spread: float) -> None:
        repeats = 300
        broken = sum(
            betting.upper(losses(np.random.default_rng(seed), 300, 0.2, spread), DELTA) < 0.2
            for seed in range(repeats)
        )
        assert broken <= binom.ppf(0.99, repeats, DELTA)

    def test_of_nothing_is_one(self) -> None:
        assert betting.upper(np.zeros(0), DELTA) == 1.0

    @pytest.mark.parametrize("spread", SPREADS)
    def test_of_a_share_by_counting_is_wide_for_losses(self, spread: float) -> None:
        repeats, broken = 400, 0
        for seed in range(repeats):
            loss = losses(np.random.default_rng(seed), 200, 0.2, spread)
            low, high = share_interval(float(loss.sum()), 200, 0.95)
            broken += not low <= 0.2 <= high
        assert broken <= binom.ppf(0.99, repeats, 0.05)


class TestPairs:
    @pytest.mark.usefixtures("unmeasured")
    @pytest.mark.parametrize("share", [0.05, 0.8])
    def test_each_end_of_the_difference_holds(self, share: float) -> None:
        repeats, true, low, high = 200, 0.02 * share, 0, 0
        for seed in range(repeats):
            chance = np.random.default_rng(seed)
            moved = chance.random(500) < share
            change = np.where(moved, 2.0 * chance.beta(1.02, 0.98, 500) - 1.0, 0.0)
            result = mean_difference(change, 0.95)
            low, high = low + (result.lower > true), high + (result.upper < true)
            assert result.lower <= result.estimate <= result.upper
        assert max(low, high) <= binom.ppf(0.99, repeats, 0.05)

    def test_of_nothing_says_nothing(self) -> None:
        result = mean_difference(np.zeros(0), 0.95)
        assert (result.lower, result.estimate, result.upper) == (-1.0, 0.0, 1.0)

    def test_a_canary_feels_losses_by_their_size(self) -> None:
        def steps(worse: float) -> int:
            test = CanaryTest(margin=0.01, delta=DELTA)
            while not test.add(new_wrong=0.2 + worse, old_wrong=0.2):
                pass
            return test.pairs

        assert steps(0.8) < steps(0.2)


class TestAudit:
    def test_a_loss_lies_between_right_and_wrong(self) -> None:
        audits = [RunningAudit(risk_limit=LIMIT, delta=DELTA) for _ in range(3)]
        for audit, loss in zip(audits, (0.0, 0.5, 1.0), strict=True):
            for _ in range(40):
                audit.add(wrong=loss, rate=0.5)
            audit.pass_over(40, 20.0)
        assert audits[0].harm < audits[1].harm < audits[2].harm
        assert [audit.wrong for audit in audits] == [0, 40, 40]
        assert [audit.estimate for audit in audits] == [0.0, 0.5, 1.0]
        assert audits[1].upper is not None
        assert audits[2].upper is not None
        assert audits[1].upper < audits[2].upper

    def test_a_loss_at_the_limit_moves_nothing(self) -> None:
        audit = RunningAudit(risk_limit=LIMIT, delta=DELTA)
        audit.add(wrong=LIMIT, rate=0.5)
        assert audit.harm == pytest.approx(1.0)

    @pytest.mark.usefixtures("unmeasured")
    @pytest.mark.parametrize("spread", SPREADS)
    def test_at_the_limit_it_seldom_speaks_of_harm(self, spread: float) -> None:
        repeats, harmed = 100, 0
        for seed in range(repeats):
            audit = RunningAudit(risk_limit=LIMIT, delta=DELTA)
            for loss in losses(np.random.default_rng(seed), 800, LIMIT, spread).tolist():
                audit.add(wrong=loss, rate=0.5)
            harmed += audit.most_harm >= 1.0 / DELTA
        assert harmed <= binom.ppf(0.99, repeats, DELTA)


class TestFigures:
    def test_curve_and_calibration_show_means(self) -> None:
        score = np.linspace(0.01, 1.0, 400)
        loss = (1.0 - score) / 2.0
        points = risk_coverage(score, loss, 0.95)
        assert all(point.lower <= point.risk <= point.upper for point in points)
        assert points[-1].risk == pytest.approx(loss[score >= points[-1].threshold].mean())
        bins = calibration(score, loss, 0.95)
        assert bins[0].right == pytest.approx(1.0 - loss[:40].mean())

    def test_weak_spots_are_where_losses_are_high(self) -> None:
        groups = [{"channel": "mail" if number % 2 else "chat"} for number in range(400)]
        loss = np.where(np.arange(400) % 2, 0.1, 0.6)
        spots = weak_spots(groups, loss, np.ones(400, dtype=bool), 0.95)
        assert [(spot.value, spot.wrong) for spot in spots] == [("chat", 200)]
        assert spots[0].loss == pytest.approx(0.6)

    def test_slices_are_pooled_and_proven_by_their_losses(self) -> None:
        slices = [{"region": "good" if number % 2 else "bad"} for number in range(1_200)]
        loss = np.where(np.arange(1_200) % 2, 0.01, 0.3)
        score = np.full(1_200, 0.8)
        result = pool(["region"], slices, score, loss)
        assert result.score(0.8, {"region": "bad"}) < result.score(0.8, {"region": "good"})
        proofs = prove_slices(["region"], slices, loss, score > 0.0, risk_limit=LIMIT, delta=DELTA)
        assert {proof.value: proof.proven for proof in proofs} == {"bad": False, "good": True}


@pytest.mark.parametrize("bad", [np.nan, -0.1, 1.1])
def test_what_is_no_loss_is_refused(bad: float) -> None:
    with pytest.raises(ValueError, match="outside 0 to 1"):
        checked_one(bad)
    with pytest.raises(ValueError, match="outside 0 to 1"):
        checked(np.array([0.0, bad]))
    with pytest.raises(ValueError, match="outside 0 to 1"):
        opened(np.array([0.0, bad]))
    with pytest.raises(ValueError, match="outside 0 to 1"):
        RunningAudit(risk_limit=LIMIT, delta=DELTA).add(wrong=bad, rate=0.5)
    with pytest.raises(ValueError, match="outside 0 to 1"):
        CanaryTest(margin=0.0, delta=DELTA).add(new_wrong=bad, old_wrong=0.0)
    with pytest.raises(ValueError, match="outside 0 to 1"):
        mean_difference(np.array([0.0, 2.0 * bad - 1.0]), 0.95)
