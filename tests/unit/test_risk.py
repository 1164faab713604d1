"""The statistics: exact where they can be, simulated where they promise a probability."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mapie.risk_control.methods import compute_hoeffding_bentkus_p_value
from scipy.stats import binom, norm

from roadbed.risk import sampling
from roadbed.risk.certificate import STARTS, TAUGHT, _walk, certify, smallest_sample
from roadbed.risk.curve import risk_coverage, share_interval
from roadbed.usecases.decider import OutOfFold

LIMIT, DELTA = 0.02, 0.05


def draw(rng: np.random.Generator, n: int, sharpness: float = 6.0) -> tuple[np.ndarray, np.ndarray]:
    """Scores that order well, with a true chance of being wrong that falls as they rise."""
    score = rng.beta(3.0, 1.0, n)
    return score, rng.random(n) < np.exp(-sharpness * score) * 1.2


@cache
def population() -> tuple[np.ndarray, np.ndarray]:
    """Scores from high to low, and the true share of wrongs among those at least as high."""
    score = np.sort(draw(np.random.default_rng(99), 400_000)[0])[::-1]
    wrong = np.minimum(np.exp(-6.0 * score) * 1.2, 1.0)
    return score, np.cumsum(wrong) / np.arange(1, len(score) + 1)


def true_risk(threshold: float) -> float:
    score, risk = population()
    return float(risk[max(int(np.searchsorted(-score, -threshold, side="right")) - 1, 0)])


def training(seed: int, n: int = 1_500) -> OutOfFold:
    score, wrong = draw(np.random.default_rng(seed), n)
    return OutOfFold(confidence=score, wrong=wrong)


def passed_by_graph(
    p: np.ndarray, places: list[int], shares: tuple[float, ...], delta: float
) -> set[int]:
    """Each test that rejects passes its level to the next looser one; in any order."""
    weights = np.zeros(len(p))
    weights[places] = shares
    next_of = np.arange(1, len(p) + 1)
    left = set(range(len(p)))
    while ready := [item for item in left if weights[item] and p[item] <= weights[item] * delta]:
        done = ready[-1]
        left.discard(done)
        if next_of[done] < len(p):
            weights[next_of[done]] += weights[done]
        next_of[next_of == done] = next_of[done]
    return set(range(len(p))) - left


class TestCertificate:
    @pytest.mark.usefixtures("unmeasured")
    def test_holds_its_promise_and_an_uncorrected_threshold_does_not(self) -> None:
        repeats, broken, broken_naive, opened = 1_000, 0, 0, 0
        for seed in range(repeats):
            rng = np.random.default_rng(1_000 + seed)
            score, wrong = draw(rng, 900)
            proof = certify(
                confidence=score,
                wrong=wrong,
                out_of_fold=training(seed),
                risk_limit=LIMIT,
                delta=DELTA,
            )
            if proof.threshold is not None:
                opened += 1
                broken += true_risk(proof.threshold) > LIMIT
            order = np.argsort(-score)
            rates = np.cumsum(wrong[order]) / np.arange(1, len(order) + 1)
            passing = np.flatnonzero(rates <= LIMIT)
            if len(passing):
                broken_naive += true_risk(float(score[order][passing[-1]])) > LIMIT
        print(f"opened {opened}, broken {broken}, naive broken {broken_naive} of {repeats}")
        assert opened > repeats * 0.5
        assert broken <= binom.ppf(0.99, repeats, DELTA)
        assert broken_naive > repeats * 0.2

    def test_proves_nothing_with_too_few_items_and_says_how_many_are_needed(self) -> None:
        proof = certify(
            confidence=np.full(100, 0.9),
            wrong=np.zeros(100, dtype=bool),
            out_of_fold=None,
            risk_limit=LIMIT,
            delta=DELTA,
        )
        assert proof.threshold is None
        assert proof.why_not is not None
        assert str(smallest_sample(LIMIT, DELTA)) in proof.why_not
        assert smallest_sample(LIMIT, DELTA) == 217
        assert proof.why_not.endswith("there are 100.")

    def test_says_how_many_of_too_few_items_wait_for_a_label(self) -> None:
        proof = certify(
            confidence=np.full(100, 0.9),
            wrong=np.zeros(100, dtype=bool),
            out_of_fold=None,
            risk_limit=LIMIT,
            delta=DELTA,
            waiting=np.arange(100) % 10 == 0,
        )
        assert proof.why_not is not None
        assert proof.why_not.endswith("there are 100, and 10 of them wait for a label.")

    def test_proves_nothing_when_too_many_are_wrong_and_says_so(self) -> None:
        wrong = np.arange(2_000) % 4 == 0
        proof = certify(
            confidence=np.full(2_000, 0.9),
            wrong=wrong,
            out_of_fold=None,
            risk_limit=LIMIT,
            delta=DELTA,
        )
        assert proof.threshold is None
        assert proof.why_not is not None
        assert "500 are wrong" in proof.why_not

    def test_opens_for_a_decider_without_training_data(self) -> None:
        score, wrong = draw(np.random.default_rng(5), 4_000, sharpness=12.0)
        proof = certify(
            confidence=score, wrong=wrong, out_of_fold=None, risk_limit=LIMIT, delta=DELTA
        )
        assert proof.threshold is not None
        assert proof.upper is not None
        assert proof.errors / proof.covered <= proof.upper <= LIMIT * 1.2

    def test_never_covers_what_the_decider_was_unsure_about(self) -> None:
        unsure = OutOfFold(confidence=np.zeros(50), wrong=np.zeros(50, dtype=bool))
        proof = certify(
            confidence=np.zeros(3_000),
            wrong=np.zeros(3_000, dtype=bool),
            out_of_fold=unsure,
            risk_limit=LIMIT,
            delta=DELTA,
        )
        assert proof.threshold is None

    @pytest.mark.parametrize("seed", range(12))
    def test_another_library_finds_the_same_threshold(self, seed: int) -> None:
        """MAPIE's p-values and the general graph of tests (Bretz et al. 2009), from our starts."""
        score, wrong = draw(np.random.default_rng(seed), 3_000, sharpness=8.0)
        seen = training(seed)
        ours = certify(
            confidence=score, wrong=wrong, out_of_fold=seen, risk_limit=LIMIT, delta=DELTA
        )
        grid = np.array(ours.grid)
        n = np.array([(score >= item).sum() for item in grid])
        errors = np.array([wrong[score >= entry].sum() for entry in grid])
        p_values = compute_hoeffding_bentkus_p_value(
            np.round(errors / n, 15), n, LIMIT, binary=True
        )[:, 0]

        places = [int(np.flatnonzero(grid == start)[0]) for start in ours.starts]
        result = passed_by_graph(p_values, places, ours.shares, DELTA)
        theirs = float(grid[max(result)]) if result else None
        assert theirs == ours.threshold

    def test_shares_out_no_more_than_it_has(self) -> None:
        assert sum(TAUGHT) == pytest.approx(1.0)
        assert len(TAUGHT) == STARTS

    @pytest.mark.parametrize("alike", [0.0, 0.9])
    def test_all_of_them_false_it_seldom_passes_any(self, alike: float) -> None:
        """The walk alone, on correlated p-values of true nulls."""
        rng, passed, repeats = np.random.default_rng(3), 0, 4_000
        for _ in range(repeats):
            shocks = np.sqrt(alike) * rng.normal() + np.sqrt(1 - alike) * rng.normal(size=60)
            starts = dict(zip(sorted(rng.choice(60, 4, replace=False)), TAUGHT, strict=True))
            passed += _walk(norm.cdf(shocks), starts, DELTA) is not None
        assert passed <= binom.ppf(0.999, repeats, DELTA)

    @pytest.mark.parametrize("bad", [[np.nan, 0.5], [1.5, 0.5], [-0.1, 0.5]])
    def test_refuses_a_confidence_that_is_none(self, bad: list[float]) -> None:
        with pytest.raises(ValueError, match="outside 0 to 1"):
            certify(
                confidence=np.array(bad),
                wrong=np.zeros(2, dtype=bool),
                out_of_fold=None,
                risk_limit=LIMIT,
                delta=DELTA,
            )

    def test_refuses_arrays_of_different_length(self) -> None:
        with pytest.raises(ValueError, match="one entry an item"):
            certify(
                confidence=np.ones(2),
                wrong=np.zeros(3, dtype=bool),
                out_of_fold=None,
                risk_limit=LIMIT,
                delta=DELTA,
            )

    @given(seed=st.integers(0, 10_000), n=st.integers(0, 600))
    def test_counts_match_the_threshold_it_names(self, seed: int, n: int) -> None:
        score, wrong = draw(np.random.default_rng(seed), n, sharpness=20.0)
        proof = certify(
            confidence=score,
            wrong=wrong,
            out_of_fold=training(seed, 300),
            risk_limit=0.1,
            delta=DELTA,
        )
        assert proof.items == n
        if proof.threshold is not None:
            assert proof.threshold > 0.0
            assert proof.covered == int((score >= proof.threshold).sum())
            assert proof.errors == int(wrong[score >= proof.threshold].sum())
            assert proof.p_value is not None
            assert proof.p_value <= DELTA


class TestSampling:
    @given(st.binary(min_size=32, max_size=32), st.text(min_size=1, max_size=40))
    def test_is_repeatable_and_within_bounds(self, seed: bytes, task: str) -> None:
        assert 0.0 <= sampling.uniform(seed, task) < 1.0
        assert sampling.is_drawn(seed, task, 0.5) == sampling.is_drawn(seed, task, 0.5)
        assert not sampling.is_drawn(seed, task, 0.0)
        assert sampling.is_drawn(seed, task, 1.0)

    def test_draws_the_share_it_says(self) -> None:
        drawn = sum(sampling.is_drawn(b"seed", f"tsk_{n}", 0.12) for n in range(20_000))
        low, high = share_interval(drawn, 20_000, 0.999)
        assert low <= 0.12 <= high

    def test_draws_half_until_something_is_automatic(self) -> None:
        assert sampling.rate(automating=False) == 0.5
        assert sampling.rate(automating=True) == 0.12


class TestCurve:
    def test_has_a_point_for_each_threshold_with_its_interval(self) -> None:
        score, wrong = draw(np.random.default_rng(1), 2_000)
        points = risk_coverage(score, wrong, 0.95)
        assert 10 < len(points) <= 60
        assert [point.threshold for point in points] == sorted(
            (item.threshold for item in points), reverse=True
        )
        for entry in points:
            assert entry.lower <= entry.risk <= entry.upper
            assert entry.n == int((score >= entry.threshold).sum())

    def test_is_empty_when_nothing_was_answered(self) -> None:
        assert risk_coverage(np.zeros(5), np.zeros(5, dtype=bool), 0.95) == ()

    @given(st.integers(0, 50), st.integers(0, 50))
    def test_interval_holds_the_share(self, k: int, more: int) -> None:
        low, high = share_interval(k, k + more, 0.95)
        share = k / (k + more) if k + more else 0.5
        assert 0.0 <= low <= share <= high <= 1.0
