"""The one evaluation path: each step that can hold an answer, and the state in force."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from copy import copy
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import pytest
from pydantic import BaseModel

from roadbed.budgets.service import Budgets
from roadbed.decisions.decider_runner import DeciderRunner, without_library
from roadbed.decisions.evaluation import (
    MOST_ATTEMPTS,
    Evaluation,
    EvaluationContext,
    KnownInput,
    MeteredCalls,
    content_of,
    evaluate,
    evaluate_many,
)
from roadbed.decisions.model import Answered, LiveVersion, NotAnswered, Reason, Route
from roadbed.intake.model import AdmittedTask
from roadbed.kernel.clock import SystemClock
from roadbed.kernel.ids import TaskId, VersionId
from roadbed.risk.automation_state import State
from roadbed.risk.slices import Pooling
from roadbed.usecases.business_rules import read_rules
from roadbed.usecases.decider import Answer, Context, Retrieved, Unsure
from roadbed.usecases.destinations import Action
from roadbed.usecases.library import Library
from roadbed.usecases.loader import LoadedUseCase
from tests.unit.test_deliveries import Ledger
from tests.unit.test_usecases import Routing, declare

STEPS = ["rules before", "decider", "schema", "rules after", "actions", "cost", "score", "route"]
RULES = """
before:
  - {name: lawyers, when: 'input.text.contains("lawyer")', route: review, reason: legal matter}
  - {name: spam, when: 'input.text.contains("casino")', route: refused, reason: spam}
  - {name: torn, when: 'input.text == "torn before" && input.none == 1', route: review, reason: no}
after:
  - {name: vague, when: 'output.queue == "other"', route: review, reason: nobody is there}
  - {name: closed, when: 'output.queue == "closed"', route: refused, reason: it is closed}
  - {name: worn, when: 'output.queue == "torn" && output.none == 1', route: review, reason: no}
actions:
  - {name: small, action: refund, when: action.amount <= 20.0, decide: allow, reason: it is small}
  - {name: huge, action: refund, when: action.amount > 500.0, decide: refuse, reason: far too much}
"""

NO_ANSWER = """
actions:
  - {name: closed, action: refund, when: input.closed, decide: refuse, reason: it is closed}
  - {name: any, action: refund, when: "true", decide: allow, reason: anybody may}
"""


class Inquiry(BaseModel):
    text: str
    region: str = "north"


class Refund(BaseModel):
    amount: float


def refund(amount: float) -> Answer[Any]:
    return Answer(
        output=Routing(queue="refunds"),
        confidence=0.9,
        actions=[Action(name="refund", arguments={"amount": amount})],
    )


def answered(queue: str = "returns", **more: Any) -> Answer[Any]:
    return Answer(output=Routing(queue=queue), **({"confidence": 0.9, "cautious": 0.6} | more))


class Decider:
    """A function whose answer is in its input; it records its calls."""

    def __init__(self) -> None:
        self.asked: list[BaseModel] = []
        self.let_go = threading.Event()

    def __call__(self, inquiry: Any, context: Context) -> object:
        self.asked.append(inquiry)
        if inquiry.text == "raises":
            raise RuntimeError("broken")
        if inquiry.text == "hangs":
            self.let_go.wait(10)
        answers: dict[str, Callable[[], object]] = {
            "unsure": lambda: Unsure(reason="it says so", cost=Decimal("0.02")),
            "rubbish": lambda: {"queue": "returns"},
            "vague": lambda: answered("other"),
            "closed": lambda: answered("closed"),
            "torn": lambda: answered("torn"),
            "priced": lambda: answered(cost=Decimal("0.01")),
            "doubtful": lambda: answered(confidence=0.2),
            "certain of nothing": lambda: answered(confidence=0.0),
            "not cautious": lambda: answered(cautious=None),
            "refund 10": lambda: refund(10.0),
            "refund 100": lambda: refund(100.0),
            "refund 1000": lambda: refund(1000.0),
            "undeclared": lambda: answered(actions=[Action(name="fire")]),
            "sourced": lambda: answered(provenance={"page": 3}),
        }
        return answers.get(inquiry.text, answered)()


@pytest.fixture
def loaded(tmp_path: Path) -> LoadedUseCase:
    (tmp_path / "rules.yaml").write_text(RULES)
    declared = declare(input=Inquiry, output=Routing, slices=("region",), deadline_seconds=60.0)
    declared.action("refund", Refund, to=Ledger(), effect="irreversible")
    return LoadedUseCase(
        declared=declared, folder=tmp_path, files={}, rules=read_rules(tmp_path / "rules.yaml")
    )


@pytest.fixture
def decider() -> Iterator[Decider]:
    result = Decider()
    yield result
    result.let_go.set()


@pytest.fixture
def live(decider: Decider) -> LiveVersion:
    """A version whose answers go out from a confidence of 0.5 on."""
    return LiveVersion(
        id=VersionId("ver_1"),
        decider=cast("Any", decider),
        threshold=0.5,
        certificate=None,
        state=State.OPEN,
    )


@pytest.fixture
async def context(loaded: LoadedUseCase) -> Any:
    runner = DeciderRunner(loaded.declared, without_library)
    yield EvaluationContext(use_case=loaded, runner=runner, clock=SystemClock())
    runner.close()


def task(text: str = "hello", **more: Any) -> AdmittedTask:
    content = {"text": text, "region": "north"} | more
    return AdmittedTask(
        id=TaskId("tsk_1"),
        use_case="support",
        key=None,
        input=Inquiry(**content),
        content=content,
        source={"surface": "test"},
        reference=False,
        reference_rate=0.0,
        admitted_at=datetime(2026, 1, 1, tzinfo=UTC),
    )


def steps(evaluation: Evaluation) -> list[str]:
    """The steps it came to, of which it passed all but the last."""
    *before, last = evaluation.checks
    assert all(check.passed and not check.reason for check in before)
    assert last.passed is evaluation.automatic
    assert bool(last.reason) is not evaluation.automatic
    return [check.name for check in evaluation.checks]


class TestSteps:
    async def test_an_answer_that_nothing_holds_back_goes_out(
        self, live: LiveVersion, context: EvaluationContext
    ) -> None:
        result = await evaluate(live, task(), context)
        assert (result.automatic, result.routed.code, result.held) == (True, Reason.PROVEN, None)
        assert (result.confidence, result.cautious, result.score) == (0.9, 0.6, 0.9)
        assert result.slices == {"region": "north"}
        assert result.seconds > 0.0
        assert steps(result) == STEPS

    @pytest.mark.parametrize(
        ("text", "changes", "route", "code", "step", "reason"),
        [
            ("my lawyer", {}, Route.REVIEW, Reason.RULE, "rules before", "legal matter"),
            ("casino", {}, Route.REFUSED, Reason.RULE, "rules before", "spam"),
            ("torn before", {}, Route.REVIEW, Reason.RULE_FAILED, "rules before", "'torn' could"),
            ("hello", {"attempt": 4}, Route.REVIEW, Reason.INTERRUPTED, "rules before", "3 times"),
            ("hello", {"funded": False}, Route.REVIEW, Reason.BUDGET, "rules before", "used up"),
            ("hello", {"seconds": 0.0}, Route.REVIEW, Reason.DECIDER_TIMEOUT, "decider", "within"),
        ],
    )
    async def test_what_stops_a_task_before_its_decider_costs_nothing(
        self,
        live: LiveVersion,
        decider: Decider,
        context: EvaluationContext,
        text: str,
        changes: dict[str, Any],
        route: Route,
        code: Reason,
        step: str,
        reason: str,
    ) -> None:
        result = await evaluate(live, task(text), replace(context, **changes))
        assert decider.asked == []
        assert (result.routed.route, result.routed.code) == (route, code)
        assert reason in result.routed.reason
        assert result.cost == 0
        self.assert_held(result, step)

    @pytest.mark.parametrize(
        ("text", "changes", "route", "code", "step", "reason"),
        [
            ("unsure", {}, Route.REVIEW, Reason.UNSURE, "decider", "it says so"),
            ("raises", {}, Route.REVIEW, Reason.DECIDER_FAILED, "decider", "RuntimeError: broken"),
            ("hangs", {"seconds": 0.05}, Route.REVIEW, Reason.DECIDER_TIMEOUT, "decider", "within"),
            ("rubbish", {}, Route.REVIEW, Reason.INVALID_ANSWER, "schema", "gave dict instead"),
            ("undeclared", {}, Route.REVIEW, Reason.INVALID_ANSWER, "schema", "'fire', which is"),
            ("vague", {}, Route.REVIEW, Reason.RULE, "rules after", "nobody is there"),
            ("closed", {}, Route.REFUSED, Reason.RULE, "rules after", "it is closed"),
            ("torn", {}, Route.REVIEW, Reason.RULE_FAILED, "rules after", "'worn' could not"),
            ("refund 1000", {}, Route.REVIEW, Reason.ACTION_REFUSED, "actions", "far too much"),
            (
                "hello",
                {"capped": True},
                Route.REVIEW,
                Reason.COST_UNKNOWN,
                "cost",
                "did not report",
            ),
        ],
    )
    async def test_what_holds_an_answer_back_leaves_it_no_confidence(
        self,
        live: LiveVersion,
        decider: Decider,
        context: EvaluationContext,
        text: str,
        changes: dict[str, Any],
        route: Route,
        code: Reason,
        step: str,
        reason: str,
    ) -> None:
        result = await evaluate(live, task(text), replace(context, **changes))
        assert len(decider.asked) == 1
        assert (result.routed.route, result.routed.code) == (route, code)
        assert reason in result.routed.reason
        self.assert_held(result, step)

    def assert_held(self, evaluation: Evaluation, step: str) -> None:
        assert evaluation.held == evaluation.routed
        assert (evaluation.confidence, evaluation.score, evaluation.automatic) == (0.0, 0.0, False)
        assert evaluation.cautious == 0.0 or isinstance(evaluation.answer, Answered)
        assert evaluation.cautious in (0.0, None)
        assert steps(evaluation) == STEPS[: STEPS.index(step) + 1]
        # No version makes it automatic, in any state.
        for cautious in (False, True):
            lenient = LiveVersion(
                id=None, decider=None, threshold=0.0, certificate=None, cautious=cautious
            )
            assert not evaluation.under(lenient).automatic

    async def test_without_a_trained_version_nobody_is_asked(
        self, live: LiveVersion, context: EvaluationContext
    ) -> None:
        result = await evaluate(replace(live, decider=None), task(), context)
        assert (result.routed.code, result.cost) == (Reason.NO_VERSION, Decimal(0))
        assert steps(result) == STEPS[:2]

    async def test_an_input_that_does_not_fit_the_version_is_not_asked_about(
        self, live: LiveVersion, decider: Decider, context: EvaluationContext, loaded: LoadedUseCase
    ) -> None:
        class Older(BaseModel):
            text: str
            order: int

        older = replace(loaded, declared=declare(input=Older, output=Routing))
        result = await evaluate(replace(live, loaded=older), task(), context)
        assert result.routed.code is Reason.INVALID_ANSWER
        assert "does not fit what this version takes" in result.routed.reason
        assert (decider.asked, result.cost) == ([], Decimal(0))
        self.assert_held(result, "schema")
        result = await evaluate(replace(live, loaded=older), task(order=7), context)
        assert result.automatic
        assert decider.asked == [Older(text="hello", order=7)]

    async def test_a_version_runs_by_the_rules_of_its_own_folder(
        self, live: LiveVersion, context: EvaluationContext, loaded: LoadedUseCase
    ) -> None:
        bare = LoadedUseCase(declared=loaded.declared, folder=loaded.folder, files={})
        assert (await evaluate(replace(live, loaded=bare), task("my lawyer"), context)).automatic
        result = await evaluate(
            replace(live, loaded=loaded), task("my lawyer"), replace(context, use_case=bare)
        )
        assert result.routed.code is Reason.RULE

    async def test_three_attempts_are_no_crash_too_many(
        self, live: LiveVersion, context: EvaluationContext
    ) -> None:
        result = await evaluate(live, task(), replace(context, attempt=MOST_ATTEMPTS))
        assert result.automatic

    async def test_a_stated_price_respects_the_budget(
        self, live: LiveVersion, context: EvaluationContext
    ) -> None:
        result = await evaluate(live, task("priced"), replace(context, capped=True))
        assert (result.automatic, result.cost) == (True, Decimal("0.01"))

    async def test_an_unsure_decider_is_paid_all_the_same(
        self, live: LiveVersion, context: EvaluationContext
    ) -> None:
        result = await evaluate(live, task("unsure"), context)
        assert (result.content, result.cost) == (None, Decimal("0.02"))

    @pytest.mark.parametrize(
        ("text", "decide", "reason"),
        [
            ("refund 10", "allow", "it is small"),
            ("refund 100", "review", "no rule allows it by itself"),
            ("refund 1000", "refuse", "far too much"),
        ],
    )
    async def test_each_action_carries_what_its_rule_decides_and_why(
        self,
        live: LiveVersion,
        context: EvaluationContext,
        text: str,
        decide: str,
        reason: str,
    ) -> None:
        result = await evaluate(live, task(text), context)
        [action] = result.actions
        assert (action["n"], action["decide"], action["reason"]) == (0, decide, reason)
        assert result.automatic is (decide != "refuse")
        assert result.content is not None
        amount = float(text.split()[-1])
        assert result.content.proposed_actions == [
            {"name": "refund", "arguments": {"amount": amount}}
        ]

    async def test_a_rule_of_an_action_that_answers_no_yes_or_no_asks_a_person(
        self, tmp_path: Path
    ) -> None:
        (path := tmp_path / "rules.yaml").write_text(NO_ANSWER)
        rules = read_rules(path)
        said = ((True, "refuse"), (False, "allow"), (None, "review"), (1, "review"))
        for closed, decided in said:
            facts = {"input": {"closed": closed}, "output": {}, "confidence": 0.9}
            decide, why = rules.decide_action("refund", {}, facts)
            assert decide == decided
        assert why == "the rule 'closed' did not answer yes or no"

    async def test_what_is_proposed_is_output_actions_and_sources(
        self, live: LiveVersion, context: EvaluationContext
    ) -> None:
        result = await evaluate(live, task("sourced"), context)
        assert result.content is not None
        assert result.content.provenance == {"page": 3}
        bare = await evaluate(live, task(), context)
        assert bare.content is not None
        assert bare.content.output == result.content.output
        assert bare.content.hash != result.content.hash
        nothing = NotAnswered(code=Reason.UNSURE, reason="", evidence={})
        assert content_of(nothing) is None


class TestWhatIsInForce:
    async def test_the_threshold_of_each_version_decides_about_the_same_answer(
        self, live: LiveVersion, context: EvaluationContext
    ) -> None:
        result = await evaluate(live, task(), context)
        for threshold, code, step in (
            (0.9, Reason.PROVEN, "route"),
            (0.91, Reason.BELOW_THRESHOLD, "score"),
            (None, Reason.NOT_PROVEN, "route"),
        ):
            other = result.under(replace(live, threshold=threshold))
            assert (other.routed.code, other.score) == (code, 0.9)
            assert other.answer is result.answer
            assert other.automatic is (code is Reason.PROVEN)
            assert [check.name for check in other.checks] == STEPS[: STEPS.index(step) + 1]

    async def test_a_halt_by_people_or_by_the_audit_lets_nothing_out(
        self, live: LiveVersion, context: EvaluationContext
    ) -> None:
        result = await evaluate(live, task(), replace(context, halted=True))
        assert (result.routed.code, result.score) == (Reason.HALTED, 0.9)
        assert result.under(live).automatic
        assert result.under(live, halted=True).routed.code is Reason.HALTED
        halted = result.under(replace(live, state=State.HALTED))
        assert halted.routed.code is Reason.AUDIT_HALTED
        assert steps(halted) == STEPS

    async def test_a_halt_does_not_hide_what_held_an_answer_back(
        self, live: LiveVersion, context: EvaluationContext
    ) -> None:
        halted = replace(context, halted=True)
        unsure = await evaluate(live, task("unsure"), halted)
        assert unsure.routed.code is Reason.HALTED
        assert [check.name for check in unsure.checks] == STEPS[:2]
        assert "it says so" in unsure.checks[-1].reason
        # The result of a rule comes first.
        ruled = await evaluate(live, task("casino"), halted)
        assert (ruled.routed.code, ruled.routed.route) == (Reason.RULE, Route.REFUSED)

    async def test_while_cautious_the_cautious_confidence_counts(
        self, live: LiveVersion, context: EvaluationContext
    ) -> None:
        result = await evaluate(live, task(), context)
        wary = result.under(replace(live, cautious=True))
        assert (wary.automatic, wary.score) == (True, 0.6)
        assert not result.under(replace(live, cautious=True, threshold=0.7)).automatic
        untold = await evaluate(live, task("not cautious"), context)
        assert (untold.automatic, untold.cautious) == (True, None)
        assert (untold.under(replace(live, cautious=True)).score, untold.confidence) == (0.0, 0.9)
        assert not untold.under(replace(live, cautious=True, threshold=0.0)).automatic

    async def test_pooling_moves_the_score_by_what_is_known_of_a_slice(
        self, live: LiveVersion, context: EvaluationContext
    ) -> None:
        pooling = Pooling(
            offsets={"region": {"north": 1.0, "south": -3.0}},
            seen={"region": {"north": 40, "south": 40, "west": 7}},
        )
        pooled = replace(live, pooling=pooling)
        north = await evaluate(pooled, task(), context)
        assert (north.automatic, north.confidence) == (True, 0.9)
        assert 0.9 < north.score < 1.0
        south = await evaluate(pooled, task(region="south"), context)
        assert south.routed.code is Reason.BELOW_THRESHOLD
        assert 0.0 < south.score < 0.5
        west = await evaluate(pooled, task(region="west"), context)
        assert (west.routed.code, west.score) == (Reason.SLICE_UNKNOWN, 0.0)
        assert "Only 7 labels are known for region = 'west'" in west.routed.reason
        assert west.under(live).automatic
        # The cautious confidence is not pooled, and knows the rare slice as well.
        assert north.under(replace(pooled, cautious=True)).score == 0.6
        assert west.under(replace(pooled, cautious=True)).score == 0.0

    async def test_an_answer_without_confidence_is_never_automatic(
        self, live: LiveVersion, context: EvaluationContext
    ) -> None:
        result = await evaluate(replace(live, threshold=0.0), task("certain of nothing"), context)
        assert (result.held, result.score, result.automatic) == (None, 0.0, False)
        pooled = replace(
            live, pooling=Pooling(offsets={"region": {"north": 9.0}}, seen={}), threshold=0.0
        )
        assert not result.under(pooled).automatic

    async def test_below_the_threshold_it_keeps_its_confidence(
        self, live: LiveVersion, context: EvaluationContext
    ) -> None:
        result = await evaluate(live, task("doubtful"), context)
        assert (result.held, result.confidence, result.score) == (None, 0.2, 0.2)
        assert result.routed.code is Reason.BELOW_THRESHOLD
        assert result.under(replace(live, threshold=0.1)).automatic


@pytest.fixture
def paying() -> MeteredCalls:
    """Without a budget nothing is held: it only counts."""
    return MeteredCalls(cast("Budgets", Unlimited()), "support", None)


class Unlimited:
    """Budgets of a use case that has none: nobody may ask it anything."""


class TestKnownInputs:
    async def test_many_are_evaluated_in_their_order_by_the_same_path(
        self,
        live: LiveVersion,
        context: EvaluationContext,
        decider: Decider,
        paying: MeteredCalls,
    ) -> None:
        texts = ["hello", "my lawyer", "unsure", "refund 1000", "rubbish", "raises"]
        inputs = [
            KnownInput(id=str(number), content={"text": text, "region": "north"})
            for number, text in enumerate(texts)
        ]
        made = await evaluate_many(live, inputs, context, paying)
        alone = [await evaluate(live, task(text), context) for text in texts]
        assert [one.routed for one in made] == [one.routed for one in alone]
        assert [one.answer for one in made] == [one.answer for one in alone]
        assert all(isinstance(inquiry, Inquiry) for inquiry in decider.asked)

    async def test_with_a_library_few_search_at_the_same_time(
        self, live: LiveVersion, paying: MeteredCalls, loaded: LoadedUseCase
    ) -> None:
        searching = most = 0

        async def retrieve(*_: object) -> Retrieved:
            nonlocal searching, most
            searching += 1
            most = max(most, searching)
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            searching -= 1
            return Retrieved(question="hello", documents=0, passages=())

        declared = copy(loaded.declared)
        declared.library = Library(question="text")
        loaded = replace(loaded, declared=declared)
        runner = DeciderRunner(declared, retrieve)
        context = EvaluationContext(use_case=loaded, runner=runner, clock=SystemClock())
        content = {"text": "hello", "region": "north"}
        inputs = [KnownInput(id=str(number), content=content) for number in range(100)]
        made = await evaluate_many(live, inputs, context, paying)
        runner.close()
        assert all(one.automatic for one in made)
        assert 1 < most <= 16

    async def test_one_that_no_longer_fits_goes_to_a_person_and_stops_no_other(
        self, live: LiveVersion, context: EvaluationContext, paying: MeteredCalls
    ) -> None:
        inputs = [
            KnownInput(id="1", content={"text": "hello", "region": 7}),
            KnownInput(id="2", content={"text": "hello"}),
        ]
        bad, good = await evaluate_many(live, inputs, context, paying)
        assert (bad.routed.code, bad.confidence) == (Reason.INVALID_ANSWER, 0.0)
        assert good.automatic
