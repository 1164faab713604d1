"""Labels in any order: a choice of missing labels cannot weaken the guarantee."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from roadbed.risk.audit import CHANGE_ALARM, RunningAudit
from roadbed.risk.automation_state import AutomationState, Evidence, Sign, prove
from roadbed.risk.canary import CanaryTest
from roadbed.risk.certificate import Certificate, anytime, certify, exact
from roadbed.risk.missing_labels import CUTS, cut_sizes, union_p_values
from roadbed.risk.paired import difference, mean_difference
from roadbed.risk.slices import prove_slices

LIMIT, DELTA = 0.02, 0.05
HARD, N = 0.3, 2_000
Reviewers = Callable[[np.random.Generator, np.ndarray], np.ndarray]


def easy_first(chance: np.random.Generator, hard: np.ndarray) -> np.ndarray:
    """A quarter of the hard items is labelled."""
    return hard & (chance.random(len(hard)) < 0.75)


def skipping(chance: np.random.Generator, hard: np.ndarray) -> np.ndarray:
    """Of the newest, some hard ones are put off."""
    newest = np.arange(len(hard)) >= 0.85 * len(hard)
    return hard & newest & (chance.random(len(hard)) < 0.5)


def weekend(chance: np.random.Generator, hard: np.ndarray) -> np.ndarray:
    """No labels since some moment."""
    return np.arange(len(hard)) >= chance.uniform(0.6, 1.0) * len(hard)


REVIEWERS = [easy_first, skipping, weekend]


def certificate(
    wrong: np.ndarray, waiting: np.ndarray | None, test: str = "exact", delta: float = DELTA
) -> Certificate:
    return certify(
        confidence=np.full(len(wrong), 0.9),
        wrong=wrong.astype(float) if test == "losses" else wrong,
        out_of_fold=None,
        risk_limit=LIMIT,
        delta=delta,
        test=anytime if test == "anytime" else exact,
        waiting=waiting,
    )


class TestCertificate:
    @pytest.mark.usefixtures("unmeasured")
    @pytest.mark.parametrize("reviewers", REVIEWERS)
    def test_no_order_of_labels_breaks_the_promise(self, reviewers: Reviewers) -> None:
        repeats, broken, left_out = 300, 0, 0
        for seed in range(repeats):
            chance = np.random.default_rng(seed)
            hard = chance.random(N) < HARD
            wrong = chance.random(N) < np.where(hard, 0.06, 0.003)  # 2.01 % in all
            waiting = reviewers(chance, hard)
            broken += certificate(wrong, waiting).threshold is not None
            left_out += certificate(wrong[~waiting], None).threshold is not None
        print(f"broken {broken}, leaving out what waits {left_out} of {repeats}")
        assert broken <= binom.ppf(0.99, repeats, DELTA)
        if reviewers is easy_first:
            assert left_out > 0.5 * repeats

    @pytest.mark.usefixtures("unmeasured")
    def test_the_worst_choice_of_what_waits_breaks_it_no_more_often(self) -> None:
        """An adversary who knows every outcome shows the first items as long as it helps."""
        repeats, broken, naive = 300, 0, 0
        for seed in range(repeats):
            wrong = np.random.default_rng(seed).random(N) < LIMIT
            n = np.arange(1, N + 1)
            best = int(np.argmin(binom.cdf(np.cumsum(wrong), n, LIMIT)[200:])) + 201
            broken += certificate(wrong, np.arange(N) >= best).threshold is not None
            naive += certificate(wrong[:best], None).threshold is not None
        print(f"broken {broken}, exact test at the chosen place {naive} of {repeats}")
        assert broken <= binom.ppf(0.99, repeats, DELTA)
        assert naive > max(repeats * DELTA, 3 * broken)

    @pytest.mark.usefixtures("unmeasured")
    def test_labels_in_order_lose_little(self) -> None:
        repeats, settled, late = 200, 0, 0
        for seed in range(repeats):
            wrong = np.random.default_rng(seed).random(N) < 0.008
            settled += certificate(wrong, None).threshold is not None
            late += certificate(wrong, np.arange(N) >= 0.96 * N).threshold is not None
        print(f"opened {settled} with all labels, {late} without the newest 4 % of {repeats}")
        assert late >= 0.9 * settled

    @pytest.mark.usefixtures("unmeasured")
    @pytest.mark.parametrize("test", ["exact", "anytime", "losses"])
    @given(seed=st.integers(0, 10_000))
    def test_a_label_that_comes_as_right_never_closes(self, test: str, seed: int) -> None:
        chance = np.random.default_rng(seed)
        wrong, waiting = chance.random(600) < 0.01, chance.random(600) < 0.01
        fewer = waiting & (chance.random(600) < 0.5)
        before = certificate(wrong, waiting, test)
        after = certificate(wrong & ~waiting, fewer, test)
        assert before.threshold is None or after.threshold is not None

    @pytest.mark.parametrize("test", ["exact", "anytime", "losses"])
    def test_says_what_it_used(self, test: str) -> None:
        waiting = np.zeros(1_000, dtype=bool)
        waiting[[300, 990, 991, 992]] = True
        result = certificate(np.zeros(1_000, dtype=bool), waiting, test)
        assert (result.items, result.counted, result.errors, result.waiting) == (1_000, 980, 1, 1)

    def test_says_that_labels_are_missing(self) -> None:
        waiting = np.arange(1_000) % 3 == 0
        result = certificate(np.zeros(1_000, dtype=bool), waiting)
        assert result.why_not is not None
        assert "334 are wrong (334 of them still wait for a label)" in result.why_not

    def test_refuses_marks_of_another_shape(self) -> None:
        with pytest.raises(ValueError, match="one bool an item"):
            certificate(np.zeros(5, dtype=bool), np.zeros(4, dtype=bool))

    def test_evidence_hands_on_what_waits(self) -> None:
        n = 1_500
        fresh = np.arange(n) >= 500
        waiting = np.arange(n) < 400
        facts = {"confidence": np.full(n, 0.9), "wrong": np.zeros(n, dtype=bool)}
        for since, sign in ((fresh, Sign.PROVEN), (np.ones(n, dtype=bool), Sign.NOT_PROVEN)):
            evidence = Evidence(**facts, fresh=since, waiting=waiting)
            result = prove(evidence, None, AutomationState(), risk_limit=LIMIT, delta=DELTA)
            assert result.sign is sign

    def test_a_slice_counts_what_waits_as_wrong(self) -> None:
        right = np.zeros(600, dtype=bool)
        waiting = np.arange(600) < 60
        proofs = [
            prove_slices(
                ["region"],
                [{"region": "north"}] * 600,
                right,
                ~right,
                risk_limit=LIMIT,
                delta=DELTA,
                waiting=marks,
            )[0].proven
            for marks in (None, waiting)
        ]
        assert proofs == [True, False]


class TestPrefixes:
    def test_places_are_fixed_by_the_number_drawn_alone(self) -> None:
        assert cut_sizes(10, None).tolist() == [10]
        assert cut_sizes(1_000, np.zeros(1_000, dtype=bool)).tolist() == [
            round(cut * 1_000) for cut in CUTS
        ]

    @pytest.mark.usefixtures("unmeasured")
    @pytest.mark.parametrize(("n", "limit"), [(300, 0.02), (2_000, 0.02), (1_000, 0.3)])
    def test_the_price_of_choosing_is_paid_and_not_much_more(self, n: int, limit: float) -> None:
        chance = np.random.default_rng(7)
        drawn = (chance.random((4_000, n)) < limit).astype(np.int64)
        cuts = cut_sizes(n, np.zeros(n, dtype=bool))
        wrong = np.cumsum(drawn, axis=1)[:, cuts - 1].T
        items = np.repeat(cuts[:, None], 4_000, axis=1)
        p = union_p_values(items, wrong, np.full(4_000, limit))
        broken = int((p <= DELTA).sum())
        print(f"{broken} of 4000 at {DELTA}")
        assert 0.2 * 4_000 * DELTA < broken <= binom.ppf(0.99, 4_000, DELTA)

    def test_nothing_is_shown_at_a_limit_of_nothing_or_without_items(self) -> None:
        items = np.zeros((len(CUTS), 2), dtype=np.int64)
        assert union_p_values(items, items, np.array([0.0, 0.1])).tolist() == [1.0, 1.0]


class TestAudit:
    def test_hard_items_that_wait_do_not_halt_a_healthy_version_nor_hide_a_bad_one(self) -> None:
        def halted(risk: float, seed: int) -> bool:
            chance = np.random.default_rng(seed)
            audit = RunningAudit(risk_limit=LIMIT, delta=DELTA)
            for wrong in (chance.random(600) < risk).tolist():
                if not wrong and chance.random() < 0.05:
                    audit.wait()  # right ones are put off, errors are labelled at once
                else:
                    audit.add(wrong=wrong, rate=0.12)
            return audit.most_harm >= 1.0 / DELTA or audit.most_change >= CHANGE_ALARM

        assert sum(halted(LIMIT, seed) for seed in range(60)) <= binom.ppf(0.99, 60, DELTA)
        assert sum(halted(5 * LIMIT, seed) for seed in range(30)) == 30

    def test_bound_and_estimate_stop_before_the_oldest_waiting_item(self) -> None:
        audit = RunningAudit(risk_limit=LIMIT, delta=DELTA)
        audit.pass_over(5, 0.6)
        audit.add(wrong=True, rate=0.12)
        before = (audit.upper, audit.estimate, audit.standard_error)
        audit.wait()
        audit.pass_over(10, 1.2)
        audit.add(wrong=True, rate=0.12)
        assert (audit.upper, audit.estimate, audit.standard_error) == before
        assert (audit.automated, audit.settled) == (18, 6)
        assert (audit.sampled, audit.wrong, audit.waiting) == (2, 2, 1)

    def test_an_error_after_a_waiting_item_counts_at_once(self) -> None:
        audit = RunningAudit(risk_limit=LIMIT, delta=DELTA)
        audit.wait()
        before = audit.harm
        audit.add(wrong=True, rate=0.12)
        assert audit.harm > before


class TestPairs:
    def test_what_waits_counts_against_each_end(self) -> None:
        known = difference(n=1_000, fixed=5, broken=5, certainty=0.95)
        open_ = difference(n=1_000, fixed=5, broken=5, certainty=0.95, waiting=20)
        assert open_.lower < known.lower < known.upper < open_.upper
        assert open_.upper == difference(n=1_000, fixed=5, broken=25, certainty=0.95).upper
        assert difference(n=3, fixed=0, broken=0, certainty=0.95, waiting=3).estimate == 0.0

    @pytest.mark.usefixtures("unmeasured")
    @pytest.mark.parametrize("losses", [False, True])
    def test_reviewers_who_put_off_what_broke_cannot_pass_a_worse_version(
        self, losses: bool
    ) -> None:
        repeats, margin, passed, left_out = 200, 0.02, 0, 0
        for seed in range(repeats):
            chance = np.random.default_rng(seed)
            size = 0.5 if losses else 1.0
            odds = np.array([0.04, 0.06]) / size  # a mean of exactly the margin
            change = chance.choice([-size, size, 0.0], 1_500, p=[*odds, 1.0 - odds.sum()])
            waiting = (change > 0.0) & (chance.random(1_500) < 0.6)
            if losses:
                result = mean_difference(change, 0.95, waiting)
            else:
                kept = change[~waiting]
                fixed, broken = int((kept < 0.0).sum()), int((kept > 0.0).sum())
                late = int(waiting.sum())
                result = difference(
                    n=1_500, fixed=fixed, broken=broken, certainty=0.95, waiting=late
                )
                bare = difference(n=len(kept), fixed=fixed, broken=broken, certainty=0.95)
                left_out += bare.upper < margin
            passed += result.upper < margin
        assert passed <= binom.ppf(0.99, repeats, 0.05)
        assert losses or left_out > 0.5 * repeats

    def test_a_canary_is_not_rolled_back_by_the_choice_of_what_waits(self) -> None:
        def rolled_back(worse: float, seed: int) -> bool:
            chance = np.random.default_rng(seed)
            test = CanaryTest(margin=0.01, delta=DELTA)
            for _ in range(600):
                new, old = bool(chance.random() < worse), bool(chance.random() < 0.05)
                if old and not new and chance.random() < 0.5:
                    test.wait()  # what speaks for the new version is put off
                elif test.add(new_wrong=new, old_wrong=old):
                    return True
            return False

        assert sum(rolled_back(0.06, seed) for seed in range(60)) <= binom.ppf(0.99, 60, DELTA)
        assert all(rolled_back(0.35, seed) for seed in range(20))
