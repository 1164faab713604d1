"""What watches over the promise: simulated where it promises a probability."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from roadbed.risk import sampling
from roadbed.risk.audit import CHANGE_ALARM, RunningAudit
from roadbed.risk.automation_state import (
    TRANSITIONS,
    AutomationState,
    Evidence,
    Proof,
    Sign,
    State,
    after,
    after_alarm,
    after_certification,
    prove,
    sign_of,
)
from roadbed.risk.calibration import calibration
from roadbed.risk.canary import CanaryTest
from roadbed.risk.certificate import anytime, certify, exact
from roadbed.risk.forecast import forecast_opening, labels_needed
from roadbed.risk.novelty import AT_ONCE, KIND_ALARM, LATER, KindAlarm, cautious_threshold
from roadbed.risk.reviewer_errors import corrected, miss_rate_bound
from roadbed.risk.slices import FEWEST_LABELS, pool, prove_slices
from roadbed.risk.weakness import groups_of, weak_spots
from roadbed.usecases.decider import OutOfFold
from tests.unit.test_risk import draw, training, true_risk

LIMIT, DELTA = 0.02, 0.05


def audit_of(outcomes: np.ndarray, rate: float = 0.12) -> RunningAudit:
    audit = RunningAudit(risk_limit=LIMIT, delta=DELTA)
    for wrong in outcomes.tolist():
        audit.add(wrong=wrong, rate=rate)
    return audit


class Corrections:
    """Answers, each with a coin of its own that the sender sees before they correct the input."""

    def __init__(self, seed: int) -> None:
        self.chance = np.random.default_rng(seed)
        self.audit = RunningAudit(risk_limit=LIMIT, delta=DELTA)
        self.corrected = 0
        self.lost = 0
        self.wrong = False
        self.passed = 0

    def answer(self, *, risk: float) -> bool:
        """One more answer, wrong with that probability; whether the coin drew it."""
        self.wrong, drawn = bool(self.chance.random() < risk), bool(self.chance.random() < 0.12)
        self.lost += self.wrong
        self.passed += not drawn
        if drawn:
            self.pass_over()
            self.audit.add(wrong=self.wrong, rate=0.12)
        return drawn

    def pass_over(self) -> None:
        """Tell the audit of the answers that were not drawn since the last one that was."""
        self.audit.pass_over(self.passed, 0.12 * self.passed)
        self.passed = 0

    def correct(self, *, risk: float) -> bool:
        """The answer to a corrected input."""
        self.corrected += 1
        return self.answer(risk=risk)


class TestRunningAudit:
    @pytest.mark.usefixtures("unmeasured")
    def test_at_exactly_the_limit_it_rarely_speaks_of_harm_and_a_repeated_test_often_does(
        self,
    ) -> None:
        repeats, harmed, naive = 200, 0, 0
        for seed in range(repeats):
            outcomes = np.random.default_rng(seed).random(1_500) < LIMIT
            harmed += audit_of(outcomes).most_harm >= 1.0 / DELTA
            n = np.arange(1, 1_501)
            naive += bool((binom.sf(np.cumsum(outcomes) - 1, n, LIMIT) <= DELTA)[100:].any())
        print(f"harm {harmed}, repeated fixed-sample test {naive} of {repeats}")
        assert harmed <= binom.ppf(0.99, repeats, DELTA)
        assert naive > 2 * repeats * DELTA

    @pytest.mark.usefixtures("unmeasured")
    def test_the_change_alarm_seldom_rings_for_a_healthy_version(self) -> None:
        alarms = sum(
            audit_of(np.random.default_rng(seed).random(2_000) < 0.012).most_change >= CHANGE_ALARM
            for seed in range(120)
        )
        assert alarms <= binom.ppf(0.999, 120, 0.03)

    @pytest.mark.usefixtures("unmeasured")
    @pytest.mark.parametrize(("multiple", "within"), [(5, 50), (2, 400)])
    def test_a_changed_answer_is_found_soon(self, multiple: int, within: int) -> None:
        waits = []
        for seed in range(200):
            audit = RunningAudit(risk_limit=LIMIT, delta=DELTA)
            outcomes = np.random.default_rng(seed).random(5_000) < multiple * LIMIT
            for number, wrong in enumerate(outcomes.tolist(), 1):
                audit.add(wrong=wrong, rate=0.12)
                if sign_of(audit, KindAlarm()) in (Sign.HARM_PROVEN, Sign.CHANGE_FOUND):
                    waits.append(number)
                    break
        assert len(waits) == 200
        assert np.median(waits) <= within

    @pytest.mark.usefixtures("unmeasured")
    def test_the_bound_holds_at_every_moment_under_drift(self) -> None:
        repeats, broken = 100, 0
        for seed in range(repeats):
            chance = np.random.default_rng(seed)
            audit = RunningAudit(risk_limit=LIMIT, delta=DELTA)
            total, ever = 0.0, False
            for step in range(3_000):
                risk = 0.005 if step < 1_500 else 0.06
                total += risk
                if chance.random() < 0.12:
                    audit.add(wrong=bool(chance.random() < risk), rate=0.12)
                else:
                    audit.pass_over(1, 0.12)
                if step % 50 == 49:
                    assert audit.upper is not None
                    ever = ever or audit.upper < total / (step + 1)
            broken += ever
        assert broken <= binom.ppf(0.99, repeats, DELTA)

    def test_passing_over_many_at_once_is_passing_over_each(self) -> None:
        one, many = (RunningAudit(risk_limit=LIMIT, delta=DELTA) for _ in range(2))
        for audit in (one, many):
            audit.add(wrong=True, rate=0.12)
            audit.add(wrong=False, rate=0.12)
        for _ in range(500):
            one.pass_over(1, 0.12)
        many.pass_over(500, 60.0)
        assert one.upper == pytest.approx(many.upper, rel=1e-6)
        many.pass_over(0, 0.0)
        assert one.automated == many.automated == 502

    def test_the_estimate_weighs_by_the_chance_to_be_drawn(self) -> None:
        chance = np.random.default_rng(3)
        audit = RunningAudit(risk_limit=LIMIT, delta=DELTA)
        assert (audit.estimate, audit.standard_error, audit.upper) == (None, None, None)
        wrong = chance.random(40_000) < 0.057
        for number, is_wrong in enumerate(wrong.tolist()):
            rate = 0.5 if number < 10_000 else 0.05
            if chance.random() < rate:
                audit.add(wrong=is_wrong, rate=rate)
            else:
                audit.pass_over(1, rate)
        assert audit.estimate is not None
        assert audit.standard_error is not None
        assert abs(audit.estimate - wrong.mean()) < 4 * audit.standard_error
        assert audit.standard_error < 0.01

    @pytest.mark.usefixtures("unmeasured")
    @pytest.mark.parametrize(
        ("share", "risk", "median", "most"), [(1.0, 1.0, 30, 100), (0.2, 1.0, 40, 150)]
    )
    def test_who_corrects_only_what_was_not_drawn_is_found(
        self, share: float, risk: float, median: int, most: int
    ) -> None:
        corrected = []
        for seed in range(200):
            stream = Corrections(seed)
            while sign_of(stream.audit, KindAlarm()) not in (Sign.HARM_PROVEN, Sign.CHANGE_FOUND):
                if not stream.answer(risk=0.005) and stream.chance.random() < share:
                    stream.correct(risk=risk)
            corrected.append(stream.corrected)
        print(f"corrections until the halt: median {np.median(corrected)}, most {max(corrected)}")
        assert np.median(corrected) <= median
        assert max(corrected) <= most

    @pytest.mark.usefixtures("unmeasured")
    @pytest.mark.parametrize("of", ["drawn", "undrawn"])
    def test_no_choice_of_what_to_correct_raises_the_rate_of_false_alarms(self, of: str) -> None:
        repeats, harmed, worst_of, ratios = 100, 0, 0, []
        for seed in range(repeats):
            stream = Corrections(seed)
            # A task as one item, with the worst of its answers.
            whole = RunningAudit(risk_limit=LIMIT, delta=DELTA)
            for _ in range(1_500):
                drawn = first = stream.answer(risk=LIMIT)
                wrong = stream.wrong
                for _ in range(3):
                    if drawn is (of == "drawn"):
                        drawn = stream.correct(risk=LIMIT)
                        wrong = wrong or stream.wrong
                if first:
                    whole.add(wrong=wrong, rate=0.12)
            stream.pass_over()
            harmed += stream.audit.most_harm >= 1.0 / DELTA
            worst_of += whole.most_harm >= 1.0 / DELTA
            ratios.append((stream.audit.estimate or 0.0) / (stream.lost / stream.audit.automated))
        print(f"harm {harmed}, of a task's worst answer {worst_of} of {repeats}")
        assert harmed <= binom.ppf(0.99, repeats, DELTA)
        if of == "drawn":
            assert worst_of > 2 * repeats * DELTA
        error = np.std(ratios) / np.sqrt(repeats)
        assert abs(np.mean(ratios) - 1.0) < 4.0 * error

    def test_a_bound_that_had_held_and_is_lost_is_noticed(self) -> None:
        audit = audit_of(np.zeros(2_000, dtype=bool), rate=1.0)
        assert not audit.bound_lost
        assert sign_of(audit, KindAlarm()) is None
        lost = dataclasses.replace(audit, risk_limit=0.0005)
        lost._bound_held = True
        lost._follow_bound()
        assert sign_of(lost, KindAlarm()) is Sign.HARM_SUSPECTED

    @given(st.lists(st.booleans(), max_size=60), st.floats(0.001, 0.49))
    def test_no_figure_leaves_its_range(self, outcomes: list[bool], limit: float) -> None:
        audit = RunningAudit(risk_limit=limit, delta=DELTA)
        for wrong in outcomes:
            audit.add(wrong=wrong, rate=0.3)
        assert audit.harm > 0.0
        assert audit.upper is None or 0.0 <= audit.upper <= 1.0
        assert audit.wrong == sum(outcomes)


class TestRepeatedLooks:
    def test_betting_holds_at_any_time_and_opens_sooner_than_planned_looks(self) -> None:
        """The comparison that decided which of the two the product uses."""
        repeats, broken, sooner = 60, 0, []
        planned = [250 * 2**k for k in range(5)]
        for seed in range(repeats):
            score, wrong = draw(np.random.default_rng(9_000 + seed), 4_000)
            first: dict[str, int] = {}
            for n in sorted({*range(200, 4_001, 100), *planned}):
                for name, test, delta, due in (
                    ("betting", anytime, DELTA, True),
                    ("planned", exact, DELTA / len(planned), n in planned),
                ):
                    if name in first or not due:
                        continue
                    proof = certify(
                        confidence=score[:n],
                        wrong=wrong[:n],
                        out_of_fold=None,
                        risk_limit=LIMIT,
                        delta=delta,
                        test=test,
                    )
                    if proof.threshold is not None:
                        first[name] = n
                        broken += name == "betting" and true_risk(proof.threshold) > LIMIT
            sooner.append(first.get("planned", 4_000) - first.get("betting", 4_000))
        print(f"betting broken {broken} of {repeats}; sooner by {np.mean(sooner):.0f} items")
        assert broken <= binom.ppf(0.99, repeats, DELTA)
        assert np.mean(sooner) > 0

    def test_wealth_at_a_limit_of_nothing_proves_nothing(self) -> None:
        result = anytime(np.array([500]), np.array([0]), np.array([0.0]))
        assert result.tolist() == [1.0]


class TestNovelty:
    def test_a_new_kind_raises_the_alarm_and_a_trickle_does_not(self) -> None:
        def first(share: float, seed: int) -> int | None:
            alarm = KindAlarm()
            for number, unknown in enumerate(
                (np.random.default_rng(seed).random(1_500) < share).tolist()
            ):
                alarm.add(unknown=unknown)
                if alarm.raised:
                    return number
            return None

        soon = [first(0.10, seed) for seed in range(100)]
        assert all(item is not None for item in soon)
        assert np.median([entry for entry in soon if entry is not None]) <= 100
        assert sum(first(0.005, seed) is not None for seed in range(100)) <= 12
        assert KindAlarm().evidence < KIND_ALARM

    def test_cautious_mode_is_stricter_the_more_new_work_is_assumed(self) -> None:
        score, wrong = draw(np.random.default_rng(5), 6_000, sharpness=12.0)
        novel = np.random.default_rng(6).beta(1.0, 8.0, 900)
        seen = dataclasses.make_dataclass("Seen", ["confidence", "wrong", "novel"])(
            score[:2_000], wrong[:2_000], novel
        )

        def threshold(share: float) -> float:
            result = cautious_threshold(
                confidence=score[2_000:],
                wrong=wrong[2_000:],
                training=seen,
                share_new=share,
                risk_limit=LIMIT,
                delta=DELTA,
            )
            return 2.0 if result.threshold is None else result.threshold

        plain = certify(
            confidence=score[2_000:],
            wrong=wrong[2_000:],
            out_of_fold=seen,
            risk_limit=LIMIT,
            delta=DELTA,
        ).threshold
        assert plain is not None
        assert plain <= threshold(LATER) <= threshold(AT_ONCE) < 2.0

    def test_cautious_mode_opens_nothing_without_evidence(self) -> None:
        nothing = np.zeros(0)
        seen = dataclasses.make_dataclass("Seen", ["confidence", "wrong", "novel"])(
            np.full(50, 0.9), np.zeros(50, dtype=bool), nothing
        )
        result = cautious_threshold(
            confidence=nothing,
            wrong=nothing.astype(bool),
            training=seen,
            share_new=LATER,
            risk_limit=LIMIT,
            delta=DELTA,
        )
        assert result.threshold is None


class TestStates:
    def test_only_a_proof_opens_and_nothing_else_loosens(self) -> None:
        opening = {Sign.PROVEN, Sign.CAUTIOUS}
        for (before, sign), then in TRANSITIONS.items():
            if then in (State.OPEN, State.CAUTIOUS) and before in (State.SHADOW, State.HALTED):
                assert sign in opening, (before, sign)
            if before is State.HALTED:
                assert sign is Sign.PROVEN

    @given(st.lists(st.sampled_from([item for item in Sign if item is not Sign.PROVEN])))
    def test_from_halted_only_a_certificate_leads_out(self, signs: list[Sign]) -> None:
        state = State.HALTED
        for sign in signs:
            state = after(state, sign)
        assert state is State.HALTED

    def test_harm_outranks_new_kinds_and_those_a_suspicion(self) -> None:
        kinds = KindAlarm(raised=True)
        quiet, worried, alarmed_, changed = (audit_of(np.zeros(0, dtype=bool)) for _ in range(4))
        worried.most_harm, alarmed_.most_harm, changed.most_change = 5.0, 50.0, 500.0
        assert sign_of(quiet, KindAlarm()) is None
        assert sign_of(worried, KindAlarm()) is Sign.HARM_SUSPECTED
        assert sign_of(worried, kinds) is Sign.NEW_KINDS
        assert sign_of(changed, kinds) is Sign.CHANGE_FOUND
        assert sign_of(alarmed_, kinds) is Sign.HARM_PROVEN


OPEN = AutomationState(state=State.OPEN, threshold=0.8, rate=sampling.RATE_AFTER)


class TestGuarantee:
    def test_a_suspicion_takes_the_next_stricter_threshold_and_draws_twice_as_much(self) -> None:
        result = after_alarm(OPEN, Sign.HARM_SUSPECTED, grid=(0.95, 0.9, 0.8, 0.5), on_alarm=0.7)
        assert (result.state, result.threshold, result.rate) == (State.TIGHTENED, 0.9, 0.24)
        strictest = dataclasses.replace(OPEN, threshold=0.95)
        result = after_alarm(strictest, Sign.HARM_SUSPECTED, grid=(0.95, 0.9), on_alarm=None)
        assert result.threshold is None
        assert after_alarm(result, Sign.HARM_SUSPECTED, grid=(), on_alarm=None) is result

    def test_new_kinds_switch_to_cautious_mode_and_harm_halts(self) -> None:
        cautious = after_alarm(OPEN, Sign.NEW_KINDS, grid=(), on_alarm=0.7)
        assert (cautious.state, cautious.threshold, cautious.cautious) == (
            State.CAUTIOUS,
            0.7,
            True,
        )
        assert cautious.rate == sampling.RATE_CAUTIOUS
        assert (
            after_alarm(OPEN, Sign.NEW_KINDS, grid=(), on_alarm=None).rate == sampling.RATE_BEFORE
        )
        halted = after_alarm(cautious, Sign.HARM_PROVEN, grid=(), on_alarm=None)
        assert (halted.state, halted.threshold, halted.rate) == (State.HALTED, None, 0.5)
        assert halted.since_alarm

    def evidence(self, *, fresh: int, n: int = 4_000) -> Evidence:
        score, wrong = draw(np.random.default_rng(1), n, sharpness=9.0)
        return Evidence(
            confidence=score,
            wrong=wrong,
            fresh=np.arange(n) >= n - fresh,
            cautious=score,
        )

    def training(self) -> OutOfFold:
        seen = training(1, 2_000)
        novel = np.random.default_rng(2).beta(1.0, 9.0, 800)
        return dataclasses.replace(seen, cautious=seen.confidence, novel=novel)

    def prove(self, evidence: Evidence, standing: AutomationState, seen: OutOfFold | None) -> Proof:
        return prove(evidence, seen, standing, risk_limit=LIMIT, delta=DELTA)

    def test_without_an_alarm_everything_counts_and_a_cautious_threshold_exists(self) -> None:
        result = self.prove(self.evidence(fresh=4_000), AutomationState(), self.training())
        assert result.sign is Sign.PROVEN
        assert not result.cautious
        assert result.on_alarm is not None
        stands = after_certification(AutomationState(), result, sample=4_000)
        assert (stands.state, stands.rate) == (State.OPEN, sampling.RATE_AFTER)
        assert (
            after_certification(AutomationState(), result, sample=6_000).rate == sampling.RATE_FLOOR
        )

    def test_after_an_alarm_cautious_mode_lasts_for_two_improvements(self) -> None:
        stands = after_alarm(OPEN, Sign.NEW_KINDS, grid=(), on_alarm=0.9)
        for left in (1, 0):
            result = self.prove(self.evidence(fresh=100), stands, self.training())
            assert result.sign is Sign.CAUTIOUS
            assert result.cautious
            stands = after_certification(stands, result, sample=4_000)
            assert (stands.state, stands.cautious, stands.cautious_improvements_left) == (
                State.CAUTIOUS,
                True,
                left,
            )
        result = self.prove(self.evidence(fresh=100), stands, self.training())
        assert result.sign is Sign.NOT_PROVEN
        stands = after_certification(stands, result, sample=4_000)
        assert (stands.state, stands.threshold) == (State.SHADOW, None)
        result = self.prove(self.evidence(fresh=3_000), stands, self.training())
        assert after_certification(stands, result, sample=4_000).state is State.OPEN

    def test_a_plain_certificate_is_taken_where_it_automates_more(self) -> None:
        stands = after_alarm(OPEN, Sign.NEW_KINDS, grid=(), on_alarm=0.9)
        for novel in (self.training().novel, np.full(800, 0.99)):
            seen = dataclasses.replace(self.training(), novel=novel)
            result = self.prove(self.evidence(fresh=3_900), stands, seen)
            assert result.sign is Sign.PROVEN

    def test_a_halted_use_case_stays_so_without_proof(self) -> None:
        stands = after_alarm(OPEN, Sign.HARM_PROVEN, grid=(), on_alarm=None)
        result = self.prove(self.evidence(fresh=50), stands, self.training())
        assert after_certification(stands, result, sample=50).state is State.HALTED
        result = self.prove(self.evidence(fresh=0, n=0), stands, None)
        assert result.on_alarm is None
        assert after_certification(stands, result, sample=0).threshold is None


class TestReviewers:
    def test_unmeasured_reviewers_can_show_nothing(self) -> None:
        limit, delta, bound = corrected(LIMIT, DELTA, misses=0, cases=0)
        assert (limit, bound) == (0.0, 1.0)
        assert delta == pytest.approx(0.04)

    def test_the_corrected_limit_keeps_the_promise_about_the_truth(self) -> None:
        """Reviewers miss a tenth of the errors; the labels look better than the truth."""
        repeats, broken, naive, opened = 150, 0, 0, 0
        for seed in range(repeats):
            chance = np.random.default_rng(seed)
            score, wrong = draw(chance, 6_000, sharpness=7.0)
            labelled = wrong & (chance.random(6_000) >= 0.3)
            misses = int((chance.random(150) < 0.3).sum())
            limit, delta, _ = corrected(LIMIT, DELTA, misses=misses, cases=150)
            for name, alpha, level in (("ours", limit, delta), ("naive", LIMIT, DELTA)):
                proof = certify(
                    confidence=score,
                    wrong=labelled,
                    out_of_fold=None,
                    risk_limit=alpha,
                    delta=level,
                )
                if proof.threshold is None:
                    continue
                above = score >= proof.threshold
                truth = np.minimum(np.exp(-7.0 * score[above]) * 1.2, 1.0).mean()
                opened += name == "ours"
                broken += name == "ours" and truth > LIMIT
                naive += name == "naive" and truth > LIMIT
        print(f"opened {opened}, broken {broken}, uncorrected {naive} of {repeats}")
        assert opened > repeats / 2
        assert broken <= binom.ppf(0.99, repeats, DELTA)
        assert naive > broken

    def test_a_reviewer_who_misses_everything_is_believed_nothing(self) -> None:
        assert miss_rate_bound(20, 20, 0.01) == 1.0
        assert miss_rate_bound(0, 100, 0.01) < 0.05


class TestSlices:
    def test_a_bad_slice_is_held_back_and_a_good_one_let_through(self) -> None:
        chance = np.random.default_rng(4)
        n = 4_000
        region = [{"region": item} for item in chance.choice(["north", "south"], n).tolist()]
        score = chance.beta(6.0, 1.0, n)
        south = np.array([entry["region"] == "south" for entry in region])
        wrong = chance.random(n) < np.where(south, 0.4, 0.02)
        result = pool(["region"], region, score, wrong)
        assert result.score(0.9, {"region": "south"}) < 0.8 < result.score(0.9, {"region": "north"})
        assert result.score(0.0, {"region": "north"}) == 0.0
        assert result.too_rare({"region": "north"}) is None
        assert result.too_rare({"region": "west"}) == ("region", "west", 0)

    def test_few_labels_move_a_slice_little(self) -> None:
        region = [{"region": "all"}] * 500 + [{"region": "tiny"}] * 2
        wrong = np.zeros(502, dtype=bool)
        wrong[:25] = True
        wrong[500:] = True
        result = pool(["region"], region, np.full(502, 0.95), wrong)
        assert result.score(0.95, {"region": "tiny"}) > 0.3
        assert result.too_rare({"region": "tiny"}) == ("region", "tiny", 2)
        assert FEWEST_LABELS == 30

    def test_without_rows_nothing_moves(self) -> None:
        result = pool(["region"], [], np.zeros(0), np.zeros(0, dtype=bool))
        assert result.score(0.7, {"region": "x"}) == pytest.approx(0.7)

    def test_a_slice_is_proven_only_by_its_own_items(self) -> None:
        n = 1_200
        slices = [
            {"region": "big" if number < 600 else "poor" if number < 1_150 else "tiny"}
            for number in range(n)
        ]
        wrong = np.zeros(n, dtype=bool)
        wrong[600:640] = True
        proofs = prove_slices(
            ["region"], slices, wrong, np.ones(n, dtype=bool), risk_limit=LIMIT, delta=DELTA
        )
        assert {proof.value: proof.proven for proof in proofs} == {
            "big": True,
            "poor": False,
            "tiny": None,
        }


class TestCanary:
    @pytest.mark.usefixtures("unmeasured")
    def test_a_worse_version_is_rolled_back_and_an_equal_one_is_not(self) -> None:
        def rolled_back(worse: float, seed: int) -> int | None:
            chance = np.random.default_rng(seed)
            test = CanaryTest(margin=0.01, delta=DELTA)
            for number in range(1_500):
                old = bool(chance.random() < 0.05)
                new = old or bool(chance.random() < worse)
                if test.add(new_wrong=new, old_wrong=old):
                    return number
            return None

        bad = [rolled_back(0.10, seed) for seed in range(60)]
        assert all(item is not None and item < 300 for item in bad)
        assert sum(rolled_back(0.0099, seed) is not None for seed in range(100)) <= binom.ppf(
            0.99, 100, DELTA
        )


class TestForecast:
    def test_says_the_labels_of_the_table(self) -> None:
        assert [labels_needed(r * 0.02, 0.02, DELTA) for r in (0, 0.25, 0.5, 0.75)] == [
            149,
            367,
            961,
            4_295,
        ]
        assert labels_needed(0.02, 0.02, DELTA) is None

    def test_says_when_it_opens_and_when_it_never_will(self) -> None:
        score, wrong = draw(np.random.default_rng(3), 600)
        from roadbed.risk.curve import risk_coverage

        curve = risk_coverage(score, wrong, 0.95)
        facts = {"risk_limit": LIMIT, "delta": DELTA / 4, "tasks_per_day": 120.0}
        result = forecast_opening(curve, rate=0.5, **facts)
        assert result.days is not None
        assert result.needed is not None
        sooner = forecast_opening(curve, rate=1.0, **facts)
        assert sooner.days is not None
        assert sooner.days <= result.days
        never = forecast_opening(
            risk_coverage(score, np.ones(600, dtype=bool), 0.95), rate=0.5, **facts
        )
        assert never.days is None
        assert forecast_opening((), rate=0.5, **facts).days == pytest.approx(
            labels_needed(0.01, 0.02, DELTA / 4) / (120 * 0.5 * 0.5)  # type: ignore[operator]
        )
        assert forecast_opening((), rate=0.5, **{**facts, "tasks_per_day": 0.0}).days is None


class TestRepeatedInspections:
    def test_calibration_puts_every_answered_item_in_one_bin(self) -> None:
        score, wrong = draw(np.random.default_rng(8), 1_000)
        score[:100] = 0.0
        bins = calibration(score, wrong, 0.95)
        assert sum(bin_.n for bin_ in bins) == 900
        assert all(item.lower <= item.right <= item.upper for item in bins)
        assert calibration(np.zeros(4), np.zeros(4, dtype=bool), 0.95) == ()

    def test_weak_spots_are_named_with_examples(self) -> None:
        contents = [
            {"channel": "mail" if number % 3 else "chat", "text": "x" * (number + 1)}
            for number in range(300)
        ]
        wrong = np.array([item % 3 == 0 and item % 2 == 0 for item in range(300)])
        groups = groups_of(contents)
        assert {"channel", "length"} == set(groups[0])
        spots = weak_spots(groups, wrong, np.ones(300, dtype=bool), 0.95)
        assert (spots[0].field, spots[0].value) == ("channel", "chat")
        assert spots[0].wrong == int(wrong.sum())
        assert all(wrong[example] for example in spots[0].examples)
        assert weak_spots([], np.zeros(0, dtype=bool), np.zeros(0, dtype=bool), 0.95) == ()
        assert groups_of([{"text": "same"}] * 5) == [{}] * 5


def test_no_slice_is_shown_to_hold_a_limit_of_zero() -> None:
    right = np.zeros(3, dtype=bool)
    slices = [{"region": "north"}] * 3
    assert prove_slices(["region"], slices, right, ~right, risk_limit=0.0, delta=0.05) == ()
