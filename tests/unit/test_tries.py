"""Many tries on one sample, and rules that hold answers back: the promise is still kept."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from scipy.stats import binom, norm

from roadbed.risk.automation_state import AutomationState, Evidence, prove
from roadbed.risk.certificate import certify, delta_for
from roadbed.usecases.decider import OutOfFold
from tests.unit.test_risk import draw, training

LIMIT, DELTA = 0.02, 0.05
# The shares of wrong and of right answers that a rule lets pass.
RULES = {"the right half": (1.0, 0.5), "the wrong half": (0.5, 1.0), "a slice": (0.9, 0.7)}


@cache
def population(kept_wrong: float, kept_right: float) -> tuple[np.ndarray, np.ndarray]:
    """Scores from high to low, and the true error among those at least as high that pass."""
    score = np.sort(draw(np.random.default_rng(99), 200_000)[0])[::-1]
    error = np.minimum(np.exp(-6.0 * score) * 1.2, 1.0)
    wrong, right = error * kept_wrong, (1.0 - error) * kept_right
    return score, np.cumsum(wrong) / np.cumsum(wrong + right)


class TestRules:
    @pytest.mark.usefixtures("unmeasured")
    @pytest.mark.parametrize("rule", RULES)
    def test_no_rule_that_holds_back_breaks_the_promise(self, rule: str) -> None:
        repeats, broken, opened, n = 250, 0, 0, 4_000
        score_of, risk_of = population(*RULES[rule])
        for seed in range(repeats):
            chance = np.random.default_rng([seed, n])
            score, wrong = draw(chance, n)
            passes = chance.random(n) < np.where(wrong, *RULES[rule])
            proof = certify(
                confidence=np.where(passes, score, 0.0),
                wrong=wrong,
                out_of_fold=training(seed),
                risk_limit=LIMIT,
                delta=DELTA,
            )
            if proof.threshold is not None:
                opened += 1
                place = int(np.searchsorted(-score_of, -proof.threshold, side="right")) - 1
                broken += risk_of[max(place, 0)] > LIMIT
        print(f"{rule}: opened {opened}, broken {broken} of {repeats}")
        assert opened > 0.2 * repeats
        assert broken <= binom.ppf(0.99, repeats, DELTA)

    def test_what_is_held_back_is_never_covered(self) -> None:
        held = np.arange(2_000) % 2 == 0
        proof = certify(
            confidence=np.where(held, 0.0, 0.9),
            wrong=held,
            out_of_fold=None,
            risk_limit=LIMIT,
            delta=DELTA,
        )
        assert (proof.covered, proof.errors) == (1_000, 0)


class TestTries:
    @pytest.mark.parametrize("alike", [0.0, 0.9])
    def test_the_first_of_many_that_opens_keeps_the_promise_if_they_share(
        self, alike: float
    ) -> None:
        """Every version is exactly at the limit, so each certificate is a false one."""
        repeats, tries, n, whole, shared = 400, 50, 1_000, 0, 0
        for seed in range(repeats):
            chance = np.random.default_rng([seed, tries])
            common, own = chance.normal(size=n), chance.normal(size=(tries, n))
            wrong = np.sqrt(alike) * common + np.sqrt(1.0 - alike) * own > norm.isf(LIMIT)
            p = binom.cdf(wrong.sum(axis=1), n, LIMIT)
            whole += bool((p <= DELTA).any())
            levels = np.array([delta_for(number, DELTA) for number in range(1, tries + 1)])
            shared += bool((p <= levels).any())
        print(f"alike {alike}: not shared {whole}, shared {shared} of {repeats}")
        assert shared <= binom.ppf(0.99, repeats, DELTA)
        assert whole > 3 * repeats * DELTA

    def test_the_shares_of_all_tries_come_to_no_more_than_there_is(self) -> None:
        shares = [delta_for(number, 1.0) for number in range(1, 5_000)]
        assert 0.999 < sum(shares) < 1.0
        assert shares[:3] == pytest.approx([0.608, 0.152, 0.0675], abs=1e-3)
        with pytest.raises(ValueError, match="counted from 1"):
            delta_for(0, DELTA)

    def test_a_certificate_knows_its_try_and_what_that_left(self) -> None:
        score, wrong = draw(np.random.default_rng(5), 3_000, sharpness=9.0)
        evidence = Evidence(confidence=score, wrong=wrong, fresh=np.ones(3_000, dtype=bool))
        seen = OutOfFold(confidence=score, wrong=wrong)
        covered = []
        for tries in (None, 1, 2, 20):
            proof = prove(
                evidence, seen, AutomationState(), risk_limit=LIMIT, delta=DELTA, tries=tries
            ).certificate
            assert proof.tries == tries
            assert proof.delta == DELTA
            assert proof.level == (DELTA if tries is None else delta_for(tries, DELTA))
            covered.append(proof.covered)
        assert covered == sorted(covered, reverse=True)

    def test_says_how_many_items_a_late_try_needs(self) -> None:
        whys = [
            certify(
                confidence=np.full(100, 0.9),
                wrong=np.zeros(100, dtype=bool),
                out_of_fold=None,
                risk_limit=LIMIT,
                delta=DELTA,
                tries=tries,
            ).why_not
            for tries in (None, 5)
        ]
        assert "217" in str(whys[0])
        assert "401" in str(whys[1])


def test_labels_of_reviewers_who_let_everything_pass_prove_nothing() -> None:
    proof = certify(
        confidence=np.full(900, 0.9),
        wrong=np.zeros(900, dtype=bool),
        out_of_fold=None,
        risk_limit=0.0,
        delta=DELTA,
    )
    assert proof.why_not == ("reviewers miss every known error, so their labels prove nothing.")


def test_equal_rows_of_a_sample_all_count() -> None:
    """A frequent row has the weight of its number of draws."""
    score = np.repeat([0.95, 0.3], [900, 100])
    wrong = np.repeat([False, True], [900, 100])
    again = certify(confidence=score, wrong=wrong, out_of_fold=None, risk_limit=LIMIT, delta=DELTA)
    assert (again.items, again.covered, again.errors) == (1_000, 900, 0)
