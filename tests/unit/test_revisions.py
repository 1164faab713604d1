"""A decision belongs to a task and a revision: corrected inputs and their effects."""

from __future__ import annotations

import asyncio
import itertools
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from roadbed.app import App
from roadbed.decisions.model import Decision, Reason, Route
from roadbed.deliveries.errors import ApprovalError, DeliveryStateError
from roadbed.deliveries.model import Delivery, DeliveryState
from roadbed.intake.errors import (
    InputError,
    NoSuchTaskError,
    OverloadedError,
    RetiredError,
    RevisionErasedError,
)
from roadbed.receipts.errors import ErasureError
from roadbed.receipts.revisions import changes
from roadbed.receipts.service import Filter
from roadbed.reviews.errors import ReviewSupersededError
from roadbed.reviews.model import VerdictKind
from roadbed.risk.automation_state import State
from roadbed.usecases.destinations import TemporaryError, UnknownOutcomeError
from roadbed.usecases.errors import UseCaseError
from tests.conftest import Folders
from tests.unit.test_decisions import decide
from tests.unit.test_deliveries import ACTING, RULES, SERVED, Ledger, Refund, at_once, pump
from tests.unit.test_trust import answer, declared, stand

BY_WORD = """
@usecase.decider
def decide(inquiry, context):
    if "unsure" in inquiry.text:
        return Unsure(reason="it says so")
    return Answer(output=Routing(queue=inquiry.text.split()[-1]), confidence=0.9)
"""
REFUSING = """
before:
  - {name: spam, when: 'input.text.contains("casino")', route: refused, reason: spam}
"""
SLOW = """
import asyncio
from pathlib import Path

@usecase.decider
async def decide(inquiry, context):
    while "slow" in inquiry.text and Path({gate!r}).exists():
        await asyncio.sleep(0.01)
    return Answer(output=Routing(queue=inquiry.text.split()[-1]), confidence=0.9)
"""
SOURCE = {"surface": "test", "by": "corrector"}


@pytest.fixture(autouse=True)
def _by_word(folders: Folders) -> None:
    folders.write(BY_WORD, rules=REFUSING)


async def revise(app: App, task_id: str, text: str, **more: Any) -> Decision:
    """A corrected input, decided."""
    _, running = await app.decisions.revise(
        "triage", task_id, {"text": text}, source=SOURCE, **more
    )
    assert running is not None
    decision = await running
    assert decision is not None
    return decision


async def automatic(app: App, rule: str = "re-decide", rate: float = 0.0) -> None:
    """Everything sure goes out by itself; this happens on a corrected input."""
    declared(app).on_revision = rule
    await stand(app, reference_rate=rate)


async def approve(app: App, delivery: Delivery, person: str = "ana") -> None:
    await say(app, delivery, "approve", person)


async def say(app: App, delivery: Delivery, what: str, person: str = "ana") -> None:
    await app.deliveries.resolve(
        delivery.id, what, person=person, served=SERVED, content_hash=delivery.content_hash
    )


async def of(app: App, task_id: str) -> list[Delivery]:
    return list(await app.deliveries.of_task(task_id))


async def states(app: App, task_id: str) -> list[DeliveryState]:
    return [item.state for item in await of(app, task_id) if item.kind != "compensation"]


async def effects(app: App, task_id: str) -> str | None:
    [row] = await app.database.fetch("SELECT effects FROM task WHERE id = %(id)s", {"id": task_id})
    result: str | None = row["effects"]
    return result


def queues(ledger: Ledger) -> list[str]:
    return [output["queue"] for output in ledger.said("output")]


class TestReDecide:
    async def test_the_same_answer_keeps_what_was_sent_and_sends_nothing_again(
        self, app: App
    ) -> None:
        ledger = Ledger(can_compensate=True)
        declared(app).deliver("crm", to=ledger)
        await automatic(app)
        first = await decide(app, "to returns")
        await pump(app)
        second = await revise(app, first.task_id, "please to returns")
        await pump(app)
        assert second.task_id != first.task_id
        assert (queues(ledger), ledger.taken_back) == (["returns"], [])
        assert await effects(app, second.task_id) == "kept"
        assert await of(app, second.task_id) == []

    async def test_another_answer_takes_back_what_can_be_and_sends_a_correction(
        self, app: App
    ) -> None:
        ledger = Ledger(can_compensate=True)
        declared(app).deliver("crm", to=ledger)
        await automatic(app)
        first = await decide(app, "to returns", key="order-7")
        await pump(app)
        second = await revise(app, first.task_id, "to billing")
        await pump(app)
        assert (queues(ledger), ledger.taken_back) == (["returns", "billing"], ["ref-1"])
        [sent] = await of(app, second.task_id)
        assert (sent.state, sent.kind) == (DeliveryState.DELIVERED, "correction")
        assert sent.key == f"{first.task_id}:revision:2"
        assert ledger.said("task")[1] == {"id": first.task_id, "key": "order-7", "revision": 2}
        assert {item.state for item in await of(app, first.task_id)} == {
            DeliveryState.COMPENSATED,
            DeliveryState.DELIVERED,  # the taking back itself
        }

    async def test_what_was_not_sent_yet_is_not_sent(self, app: App) -> None:
        ledger = Ledger()
        declared(app).deliver("crm", to=ledger)
        await automatic(app)
        first = await decide(app, "to returns")
        second = await revise(app, first.task_id, "to billing")
        await pump(app)
        assert queues(ledger) == ["billing"]
        assert [item.state for item in await of(app, first.task_id)] == [DeliveryState.CANCELLED]
        [sent] = await of(app, second.task_id)
        assert (sent.state, sent.kind) == (DeliveryState.DELIVERED, "result")

    async def test_what_cannot_be_taken_back_is_a_persons_question(self, app: App) -> None:
        ledger = Ledger()
        declared(app).deliver("crm", to=ledger)
        await automatic(app)
        first = await decide(app, "to returns")
        await pump(app)
        second = await revise(app, first.task_id, "to billing")
        await pump(app)
        [held] = await of(app, second.task_id)
        assert (held.state, held.kind) == (DeliveryState.HELD, "correction")
        assert "still exists" in (held.reason or "")
        assert queues(ledger) == ["returns"]
        await approve(app, held)
        await pump(app)
        assert queues(ledger) == ["returns", "billing"]
        assert len({request.key for request in ledger.got}) == 2

    async def test_what_is_being_sent_comes_to_its_end_and_is_taken_back(self, app: App) -> None:
        ledger = Ledger(can_compensate=True, seconds=0.5)
        declared(app).deliver("crm", to=ledger)
        await automatic(app)
        first = await decide(app, "to returns")
        await app.relay.round(declared(app))
        assert await states(app, first.task_id) == [DeliveryState.SENDING]
        second = await revise(app, first.task_id, "to billing")
        await app.relay.round(declared(app))
        assert await states(app, second.task_id) == [DeliveryState.PLANNED]  # waits for its end
        await app.relay.settle()
        ledger.seconds = 0.0
        await pump(app)
        assert (queues(ledger), ledger.taken_back) == (["returns", "billing"], ["ref-1"])

    async def test_what_failed_while_being_sent_is_not_tried_again(self, app: App) -> None:
        ledger = Ledger(seconds=0.3)
        declared(app).deliver("crm", to=ledger)
        await automatic(app)
        first = await decide(app, "to returns")
        ledger.trouble.append(TemporaryError("busy"))
        await app.relay.round(declared(app))
        await revise(app, first.task_id, "to billing")
        await app.relay.settle()
        await at_once(app)
        await pump(app)
        assert queues(ledger) == ["billing"]
        assert await states(app, first.task_id) == [DeliveryState.CANCELLED]

    @pytest.mark.parametrize("happened", [True, False])
    async def test_what_may_have_been_made_is_a_persons_to_say_first(
        self, app: App, happened: bool
    ) -> None:
        ledger = Ledger(can_compensate=True)
        declared(app).deliver("crm", to=ledger)
        await automatic(app)
        first = await decide(app, "to returns")
        ledger.trouble.append(UnknownOutcomeError("no answer"))
        await pump(app, 1)
        assert await states(app, first.task_id) == [
            DeliveryState.WAITING
        ]  # the receiver knows keys
        second = await revise(app, first.task_id, "to billing")
        await at_once(app)
        await pump(app)
        assert await states(app, first.task_id) == [DeliveryState.UNKNOWN]
        assert (await states(app, second.task_id), queues(ledger)) == ([DeliveryState.PLANNED], [])
        [unknown] = await of(app, first.task_id)
        await say(app, unknown, "happened" if happened else "did-not-happen")
        await pump(app)
        assert queues(ledger) == ["billing"]
        assert len(ledger.taken_back) == happened
        ended = DeliveryState.COMPENSATED if happened else DeliveryState.CANCELLED
        assert await states(app, first.task_id) == [ended]
        [sent] = await of(app, second.task_id)
        assert sent.kind == ("correction" if happened else "result")

    async def test_a_refused_one_takes_everything_back(self, app: App) -> None:
        ledger, fixed = Ledger(can_compensate=True), Ledger()
        declared(app).deliver("crm", to=ledger)
        declared(app).deliver("erp", to=fixed)
        await automatic(app)
        first = await decide(app, "to returns")
        await pump(app)
        second = await revise(app, first.task_id, "it is casino")
        assert second.routed.route is Route.REFUSED
        await pump(app)
        assert ledger.taken_back == ["ref-1"]
        assert await states(app, first.task_id) == [DeliveryState.COMPENSATED, DeliveryState.STUCK]
        stuck = (await of(app, first.task_id))[-1]
        await say(app, stuck, "happened")  # a person leaves it as it is
        await pump(app)
        assert DeliveryState.STUCK not in await states(app, first.task_id)

    async def test_a_chain_is_taken_back_from_its_end(self, app: App) -> None:
        one, two = Ledger(can_compensate=True), Ledger(can_compensate=True)
        order: list[str] = []
        for name, ledger in (("one", one), ("two", two)):
            compensate = ledger.compensate

            async def noted(*given: Any, name: str = name, back: Any = compensate) -> Any:
                order.append(name)
                return await back(*given)

            ledger.compensate = noted  # type: ignore[assignment,method-assign]
        declared(app).deliver("one", to=one)
        declared(app).deliver("two", to=two, after="one")
        await automatic(app)
        first = await decide(app, "to returns")
        await pump(app)
        await revise(app, first.task_id, "to billing")
        await pump(app, 10)
        assert order == ["two", "one"]
        assert queues(one) == queues(two) == ["returns", "billing"]

    async def test_where_nothing_takes_its_place_a_person_looks(self, app: App) -> None:
        ledger = Ledger()
        declared(app).deliver("crm", to=ledger, when="output.queue != 'spam'")
        await automatic(app)
        first = await decide(app, "to returns")
        await pump(app)
        second = await revise(app, first.task_id, "to spam")
        await pump(app)
        assert await states(app, second.task_id) == [DeliveryState.SKIPPED]
        assert await states(app, first.task_id) == [DeliveryState.STUCK]

    async def test_a_third_one_may_say_what_the_first_said(self, app: App) -> None:
        ledger = Ledger(can_compensate=True)
        declared(app).deliver("crm", to=ledger)
        await automatic(app)
        first = await decide(app, "to returns")
        await pump(app)
        second = await revise(app, first.task_id, "to billing")
        await pump(app)
        third = await revise(app, second.task_id, "back to returns")
        await pump(app)
        assert queues(ledger) == ["returns", "billing", "returns"]
        assert ledger.taken_back == ["ref-1", "ref-2"]
        fourth = await revise(app, first.task_id, "again to returns")
        await pump(app)
        assert (await effects(app, fourth.task_id), len(ledger.got)) == ("kept", 3)
        rows = await app.database.fetch(
            "SELECT id FROM task WHERE revises = %(id)s ORDER BY revision", {"id": first.task_id}
        )
        ids = [second.task_id, third.task_id, fourth.task_id]
        assert [row["id"] for row in rows] == ids

    async def test_one_for_a_person_leaves_what_was_sent_until_their_verdict(
        self, app: App
    ) -> None:
        ledger = Ledger(can_compensate=True)
        declared(app).deliver("crm", to=ledger)
        await automatic(app)
        first = await decide(app, "to returns")
        second = await revise(app, first.task_id, "unsure by now")
        assert second.routed.route is Route.REVIEW
        await pump(app)
        assert (queues(ledger), await effects(app, second.task_id)) == (["returns"], None)
        await answer(app, second, "billing")
        await pump(app)
        assert await effects(app, second.task_id) == "replaced"
        assert (queues(ledger), ledger.taken_back) == (["returns", "billing"], ["ref-1"])
        await app.reviews.undo(second.review_id or "", reviewer="rae")
        await answer(app, second, "returns")
        await pump(app)
        # The effect of the first is gone, so the result must be sent. The second was sent under the
        # same key with other content: a person decides.
        assert DeliveryState.HELD in await states(app, second.task_id)

    async def test_a_verdict_that_says_the_same_keeps_what_was_sent(self, app: App) -> None:
        ledger = Ledger(can_compensate=True)
        declared(app).deliver("crm", to=ledger)
        await automatic(app)
        first = await decide(app, "to returns")
        await pump(app)
        await app.database.fetch("UPDATE use_case SET threshold = 0.95")
        await app.deployments.refresh("triage")
        second = await revise(app, first.task_id, "no, to returns")
        assert second.routed.code is Reason.BELOW_THRESHOLD
        await app.reviews.give(
            declared(app), second.review_id or "", VerdictKind.ACCEPT, reviewer="rae"
        )
        await pump(app)
        assert (await effects(app, second.task_id), len(ledger.got)) == ("kept", 1)

    async def test_no_answer_is_right_takes_back_too(self, app: App) -> None:
        ledger = Ledger(can_compensate=True)
        declared(app).deliver("crm", to=ledger)
        await automatic(app)
        first = await decide(app, "to returns")
        await pump(app)
        second = await revise(app, first.task_id, "unsure by now")
        await app.reviews.give(
            declared(app), second.review_id or "", VerdictKind.REJECT, reviewer="rae"
        )
        await pump(app)
        assert (queues(ledger), ledger.taken_back) == (["returns"], ["ref-1"])


class TestActions:
    @pytest.fixture
    def _acting(self, folders: Folders) -> None:
        folders.write(ACTING, rules=RULES)

    @pytest.mark.usefixtures("_acting")
    async def test_they_are_taken_back_and_made_again(self, app: App) -> None:
        ledger = Ledger(can_compensate=True)
        declared(app).action("refund", Refund, to=ledger, effect="reversible")
        await automatic(app)
        first = await decide(app, "refund 5")
        await pump(app)
        second = await revise(app, first.task_id, "refund 6")
        await pump(app)
        assert ledger.said("action") == [{"amount": 5.0}, {"amount": 6.0}]
        assert ledger.taken_back == ["ref-1"]
        await revise(app, first.task_id, "plain")
        await pump(app)
        assert (len(ledger.got), ledger.taken_back) == (2, ["ref-1", "ref-2"])
        assert await states(app, second.task_id) == [DeliveryState.COMPENSATED]

    @pytest.mark.usefixtures("_acting")
    async def test_one_that_cannot_be_taken_back_is_asked_about(self, app: App) -> None:
        ledger = Ledger()
        declared(app).action("refund", Refund, to=ledger, effect="irreversible")
        await automatic(app)
        first = await decide(app, "refund 5")
        await pump(app)
        second = await revise(app, first.task_id, "refund 6")
        await pump(app)
        [held] = await of(app, second.task_id)
        assert (held.state, held.kind, len(ledger.got)) == (DeliveryState.HELD, "action", 1)
        await say(app, held, "refuse")
        await revise(app, first.task_id, "plain")
        await pump(app)
        assert await states(app, first.task_id) == [DeliveryState.STUCK]


class TestAsk:
    async def test_nothing_moves_before_a_person_said_so(self, app: App) -> None:
        ledger = Ledger(can_compensate=True)
        declared(app).deliver("crm", to=ledger)
        assert declared(app).on_revision == "ask"
        await automatic(app, "ask")
        first = await decide(app, "to returns")
        await pump(app)
        second = await revise(app, first.task_id, "to billing")
        await pump(app)
        [held] = await of(app, second.task_id)
        assert (held.state, held.kind) == (DeliveryState.HELD, "correction")
        assert (queues(ledger), ledger.taken_back) == (["returns"], [])
        with pytest.raises(ApprovalError, match="approve your own request"):
            await approve(app, held, SOURCE["by"])
        await approve(app, held)
        await pump(app)
        assert (queues(ledger), ledger.taken_back) == (["returns", "billing"], ["ref-1"])

    async def test_a_no_leaves_everything_as_it_is(self, app: App) -> None:
        ledger = Ledger(can_compensate=True)
        declared(app).deliver("crm", to=ledger)
        await automatic(app, "ask")
        first = await decide(app, "to returns")
        await pump(app)
        second = await revise(app, first.task_id, "to billing")
        await pump(app)
        await say(app, (await of(app, second.task_id))[0], "refuse")
        await pump(app)
        assert (queues(ledger), ledger.taken_back) == (["returns"], [])
        assert await states(app, first.task_id) == [DeliveryState.DELIVERED]

    async def test_the_same_answer_is_no_question(self, app: App) -> None:
        ledger = Ledger()
        declared(app).deliver("crm", to=ledger)
        await automatic(app, "ask")
        first = await decide(app, "to returns")
        second = await revise(app, first.task_id, "oh, to returns")
        await pump(app)
        assert (queues(ledger), await of(app, second.task_id)) == (["returns"], [])

    @pytest.mark.parametrize("new", [True, False])
    async def test_what_was_not_sent_waits_for_the_same_answer(self, app: App, new: bool) -> None:
        ledger = Ledger()
        declared(app).deliver("crm", to=ledger)
        await automatic(app, "ask")
        first = await decide(app, "to returns")
        ledger.trouble.append(TemporaryError("busy"))
        await pump(app, 1)
        second = await revise(app, first.task_id, "to billing")
        await at_once(app)
        await pump(app)
        assert queues(ledger) == []
        [[stale], [fresh]] = [await of(app, item.task_id) for item in (first, second)]
        assert (stale.state, fresh.state) == (DeliveryState.HELD, DeliveryState.HELD)
        assert "all the same" in (stale.reason or "")
        await approve(app, fresh if new else stale)
        await pump(app)
        assert queues(ledger) == ["billing" if new else "returns"]
        assert (await states(app, first.task_id))[0] is (
            DeliveryState.CANCELLED if new else DeliveryState.DELIVERED
        )

    async def test_what_is_not_even_made_ready_waits_too(self, app: App) -> None:
        ledger = Ledger()
        declared(app).deliver("crm", to=ledger)
        await automatic(app, "ask")
        first = await decide(app, "to returns")
        await revise(app, first.task_id, "to billing")
        await pump(app)
        assert (queues(ledger), await states(app, first.task_id)) == ([], [DeliveryState.HELD])

    async def test_a_refused_one_asks_about_what_was_sent(self, app: App) -> None:
        ledger = Ledger(can_compensate=True)
        declared(app).deliver("one", to=ledger)
        declared(app).deliver("two", to=ledger, after="one", key="{task.id}-2")
        await automatic(app, "ask")
        first = await decide(app, "to returns")
        await pump(app)
        await revise(app, first.task_id, "it is casino")
        await pump(app)
        assert await states(app, first.task_id) == [DeliveryState.STUCK, DeliveryState.STUCK]
        assert ledger.taken_back == []

    async def test_the_newest_question_is_the_only_one(self, app: App) -> None:
        ledger = Ledger(can_compensate=True)
        declared(app).deliver("crm", to=ledger)
        await automatic(app, "ask")
        first = await decide(app, "to returns")
        await pump(app)
        second = await revise(app, first.task_id, "to billing")
        await pump(app)
        third = await revise(app, first.task_id, "to delivery")
        await pump(app)
        [asked] = await of(app, second.task_id)
        with pytest.raises(DeliveryStateError):
            await approve(app, asked)
        await approve(app, (await of(app, third.task_id))[0])
        await pump(app)
        assert (queues(ledger), ledger.taken_back) == (["returns", "delivery"], ["ref-1"])

    async def test_nothing_was_sent_yet_and_a_person_still_says_so(self, app: App) -> None:
        ledger = Ledger()
        declared(app).deliver("crm", to=ledger)
        await automatic(app, "ask")
        first = await decide(app, "unsure")
        second = await revise(app, first.task_id, "to billing")
        await pump(app)
        [held] = await of(app, second.task_id)
        assert (held.state, held.kind) == (DeliveryState.HELD, "result")
        await approve(app, held)
        await pump(app)
        assert queues(ledger) == ["billing"]

    async def test_what_a_person_judged_asks_only_about_what_was_sent(self, app: App) -> None:
        ledger = Ledger(can_compensate=True)
        declared(app).deliver("crm", to=ledger)
        await automatic(app, "ask")
        first = await decide(app, "to returns")
        await pump(app)
        second = await revise(app, first.task_id, "unsure")
        await answer(app, second, "billing")
        await pump(app)
        assert await states(app, second.task_id) == [DeliveryState.HELD]
        lone = await decide(app, "unsure")
        again = await revise(app, lone.task_id, "still unsure")
        await answer(app, again, "billing")
        await pump(app)
        assert await states(app, again.task_id) == [DeliveryState.DELIVERED]


class TestNote:
    async def test_it_is_kept_and_shown_and_nothing_else_happens(self, app: App) -> None:
        ledger = Ledger()
        declared(app).deliver("crm", to=ledger)
        await automatic(app, "note")
        first = await decide(app, "to returns")
        admission, running = await app.decisions.revise(
            "triage", first.task_id, {"text": "to billing"}, source=SOURCE, reason="late mail"
        )
        assert running is None
        await pump(app)
        assert queues(ledger) == ["returns"]
        noted = await app.receipts.get(admission.task.id, viewer="ana")
        assert (noted["state"], noted["decision"]) == ("noted", None)
        for task_id in (first.task_id, admission.task.id):
            result = await app.receipts.get(task_id, viewer="ana")
            assert [revision["task"] for revision in result["revisions"]] == [
                first.task_id,
                admission.task.id,
            ]
            last = result["revisions"][-1]
            assert (last["why"], last["by"], last["rule"]) == ("late mail", "corrector", "note")
            assert last["changed"] == [
                {"field": "text", "before": "to returns", "after": "to billing"}
            ]
        again, _ = await app.decisions.revise(
            "triage", admission.task.id, {"text": "to billing"}, source=SOURCE
        )
        assert (again.repeated, again.task.id) == (True, admission.task.id)
        assert await app.decisions.recover() == 0

    async def test_a_review_of_the_task_goes_on(self, app: App) -> None:
        await automatic(app, "note")
        first = await decide(app, "unsure")
        await app.decisions.revise("triage", first.task_id, {"text": "to b"}, source=SOURCE)
        await answer(app, first, "billing")
        review = await app.reviews.get(first.review_id or "")
        assert review.closed_at is not None
        assert review.verdict is not None


class TestBadInput:
    async def test_while_in_review_the_review_is_closed_and_says_where_to_go(
        self, app: App
    ) -> None:
        await automatic(app, "ask")
        first = await decide(app, "unsure")
        review = first.review_id or ""
        await app.reviews.claim(review, reviewer="rae")
        second = await revise(app, first.task_id, "still unsure")
        for attempt in (
            app.reviews.give(
                declared(app), review, VerdictKind.CORRECT, reviewer="rae", output={"queue": "b"}
            ),
            app.reviews.claim(review, reviewer="rae"),
        ):
            with pytest.raises(ReviewSupersededError, match=second.task_id) as told:
                await attempt
            assert told.value.task_id == second.task_id
        waiting = await app.reviews.queue("triage", reviewer="rae")
        assert [item.task_id for item in waiting] == [second.task_id]
        assert (await app.reviews.waiting("triage"))["waiting"] == 1
        [claimed] = await app.reviews.claim_next("triage", reviewer="rae", most=5)
        assert claimed.task_id == second.task_id
        result = await app.receipts.get(first.task_id, viewer="ana")
        assert result["state"] == "superseded"
        assert result["review"]["superseded_by"] == second.task_id

    async def test_a_verdict_in_time_counts_and_is_compared(self, app: App) -> None:
        ledger = Ledger(can_compensate=True)
        declared(app).deliver("crm", to=ledger)
        await automatic(app)
        first = await decide(app, "unsure")
        await answer(app, first, "billing")
        second = await revise(app, first.task_id, "to billing")
        await pump(app)
        # A person's answer names no provenance; the machine's here has none either.
        assert (await effects(app, second.task_id), queues(ledger)) == ("kept", ["billing"])

    async def test_while_halted_it_goes_to_a_person(self, app: App) -> None:
        ledger = Ledger(can_compensate=True)
        declared(app).deliver("crm", to=ledger)
        await automatic(app)
        first = await decide(app, "to returns")
        await pump(app)
        await app.halts.halt("triage", reason="a drill", actor="dev")
        second = await revise(app, first.task_id, "to billing")
        assert second.routed.code is Reason.HALTED
        assert second.review_id is not None
        await answer(app, second)
        await pump(app)
        assert (queues(ledger), ledger.taken_back) == (["returns"], [])  # nothing leaves
        await app.halts.resume("triage", actor="dev")
        await app.halts.resume("triage", actor="ana")
        await pump(app)
        assert (queues(ledger), ledger.taken_back) == (["returns", "billing"], ["ref-1"])

    async def test_an_erased_task_takes_none_and_its_revisions_are_erased_with_it(
        self, app: App
    ) -> None:
        await automatic(app)
        first = await decide(app, "to returns")
        second = await revise(app, first.task_id, "unsure my name is Rosa")
        with pytest.raises(ErasureError):
            await app.erasure.erase(first.task_id, by="ana", reason="asked to")
        await answer(app, second, "billing")
        await app.erasure.erase(first.task_id, by="ana", reason="asked to")
        for task_id in (first.task_id, second.task_id):
            result = await app.receipts.get(task_id, viewer="ana")
            assert (result["erased"], result["input"]) == (True, {})
            with pytest.raises(RevisionErasedError, match="as a new task"):
                await revise(app, task_id, "to billing")

    async def test_an_unknown_task_and_one_of_another_use_case_answer_alike(self, app: App) -> None:
        first = await decide(app, "to returns")
        with pytest.raises(NoSuchTaskError):
            await revise(app, "tsk_none", "to billing")
        await app.database.fetch("UPDATE task SET use_case = 'other'")
        with pytest.raises(NoSuchTaskError):
            await revise(app, first.task_id, "to billing")

    @pytest.fixture
    def gate(self, folders: Folders, tmp_path: Path) -> Path:
        """A file: while it exists, a slow decision continues."""
        result = tmp_path / "gate"
        result.touch()
        folders.write(SLOW.format(gate=str(result)))
        return result

    async def test_while_it_is_decided_the_revision_waits_its_turn(
        self, gate: Path, app: App
    ) -> None:
        ledger = Ledger(can_compensate=True)
        declared(app).deliver("crm", to=ledger)
        await automatic(app)
        admission, one = await app.decisions.submit(
            "triage", {"text": "slow to returns"}, key=None, source=SOURCE
        )
        _, two = await app.decisions.revise(
            "triage", admission.task.id, {"text": "to billing"}, source=SOURCE
        )
        assert one is not None
        assert two is not None
        done, _ = await asyncio.wait([two], timeout=0.3)
        assert not done
        await asyncio.to_thread(gate.unlink)
        first, second = await asyncio.gather(one, two)
        assert first is not None
        assert second is not None
        assert first.decided_at <= second.decided_at
        await pump(app)
        assert queues(ledger) == ["billing"]
        assert await states(app, first.task_id) == [DeliveryState.CANCELLED]

    async def test_two_at_once_come_one_after_the_other(self, app: App) -> None:
        await automatic(app)
        first = await decide(app, "to returns")
        texts = ["to a", "to b", "to a", "to c", "to b"]
        result = await asyncio.gather(
            *(
                app.decisions.revise("triage", first.task_id, {"text": text}, source=SOURCE)
                for text in texts
            )
        )
        await asyncio.gather(*(running for _, running in result if running))
        rows = await app.database.fetch(
            "SELECT id, revision, body_hash FROM task WHERE revises = %(id)s ORDER BY revision",
            {"id": first.task_id},
        )
        assert [row["revision"] for row in rows] == list(range(2, len(rows) + 2))
        hashes = [row["body_hash"] for row in rows]
        assert all(one != two for one, two in itertools.pairwise(hashes))
        decided = await app.database.fetch(
            "SELECT task.revision FROM decision JOIN task ON task.id = decision.task_id"
            " WHERE task.revises IS NOT NULL ORDER BY decided_at"
        )
        assert [row["revision"] for row in decided] == [row["revision"] for row in rows]

    async def test_the_same_at_once_is_one(self, app: App) -> None:
        await automatic(app)
        first = await decide(app, "to returns")
        result = await asyncio.gather(
            *(
                app.decisions.revise("triage", first.task_id, {"text": "to b"}, source=SOURCE)
                for _ in range(6)
            )
        )
        assert len({admission.task.id for admission, _ in result}) == 1
        assert sum(not admission.repeated for admission, _ in result) == 1
        await asyncio.gather(*(running for _, running in result if running))

    async def test_a_wrong_input_is_reported_and_not_stored(self, app: App) -> None:
        first = await decide(app, "to returns")
        for content, reason in (
            ({"words": "x"}, None),
            ({"text": "a\x00b"}, None),
            ({"text": "fine"}, "r" * 501),
            ({"text": "fine"}, "a\x00b"),
        ):
            with pytest.raises(InputError):
                await app.decisions.revise(
                    "triage", first.task_id, content, source=SOURCE, reason=reason
                )
        result = await app.receipts.get(first.task_id, viewer="ana")
        assert (result["revision"], result["revisions"]) == (1, [])

    async def test_the_same_input_changes_nothing(self, app: App) -> None:
        await automatic(app)
        first = await decide(app, "to returns", key="k1")
        admission, running = await app.decisions.revise(
            "triage", first.task_id, {"text": "to returns"}, source=SOURCE
        )
        assert (admission.repeated, admission.task.id, running) == (True, first.task_id, None)
        second = await revise(app, first.task_id, "to billing")
        # The key belongs to the first content sent with it.
        again, _ = await app.decisions.submit(
            "triage", {"text": "to returns"}, key="k1", source=SOURCE
        )
        assert (again.repeated, again.task.id) == (True, first.task_id)
        result = await app.receipts.get(second.task_id, viewer="ana")
        assert (result["key"], result["revises"]) == ("k1", first.task_id)

    async def test_a_retired_or_busy_one_takes_none(self, app: App) -> None:
        first = await decide(app, "to returns")
        app.decisions._in_flight._most = 0
        with pytest.raises(OverloadedError):
            await revise(app, first.task_id, "to billing")
        object.__setattr__(app.deployments.get("triage"), "retired", True)
        with pytest.raises(RetiredError):
            await revise(app, first.task_id, "to billing")

    async def test_an_unknown_rule_is_reported_with_the_known_ones(self, folders: Folders) -> None:
        from roadbed.usecases.loader import load

        folder = folders.write('usecase = UseCase("triage", on_revision="never",' + BY_WORD)
        path = folder / "usecase.py"
        path.write_text(
            path.read_text()
            .replace("rollout=DIRECT,\n)", 'rollout=DIRECT, on_revision="never",\n)')
            .replace('usecase = UseCase("triage", on_revision="never",', "")
        )
        with pytest.raises(UseCaseError, match="re-decide"):
            load(folder)

    async def test_a_case_made_to_measure_reviewers_is_like_any_other(self, app: App) -> None:
        ledger = Ledger()
        declared(app).deliver("crm", to=ledger)
        await automatic(app)
        case = await decide(app, "unsure")
        await app.database.fetch(
            "INSERT INTO measure (task_id, use_case, kind, made_at) VALUES (%(id)s, 'triage',"
            " 'check', now())",
            {"id": case.task_id},
        )
        second = await revise(app, case.task_id, "to billing")
        await pump(app)
        assert ledger.got == []  # no such work ever came
        third = await revise(app, case.task_id, "unsure again")
        await answer(app, third, "billing")
        await pump(app)
        assert ledger.got == []
        for receipt in [
            await app.receipts.get(item.task_id, viewer="ana") for item in (second, third)
        ]:
            assert "measure" not in str(receipt)
        assert await app.database.fetch("SELECT id FROM example") == []

    async def test_one_left_behind_by_a_crash_is_taken_over(self, app: App) -> None:
        await automatic(app)
        first = await decide(app, "to returns", key="k1")
        admission = await app.decisions._intake.revise(
            declared(app),
            first.task_id,
            {"text": "to billing"},
            source=SOURCE,
            reason=None,
            coin_seed=b"",
            reference_rate=0.0,
        )
        await app.database.fetch("UPDATE in_flight SET lease_until = now() - interval '1 hour'")
        assert await app.decisions.recover() == 1
        await asyncio.gather(*app.decisions._under_way.values())
        result = await app.receipts.get(admission.task.id, viewer="ana")
        assert (result["revision"], result["key"], result["state"]) == (2, "k1", "answered")


class TestEvidence:
    async def test_a_task_counts_once_in_the_test_and_each_answer_in_the_audit(
        self, app: App
    ) -> None:
        await automatic(app, rate=1.0)
        first = await decide(app, "to returns")
        second = await revise(app, first.task_id, "to billing")
        total = await app.database.fetch("SELECT count(*) AS n FROM decision WHERE revision = 1")
        assert total[0]["n"] == 1
        await answer(app, first)
        await answer(app, second)
        rows = await app.database.fetch("SELECT purpose, reference FROM example ORDER BY born_at")
        assert rows == [
            {"purpose": "judge", "reference": True},
            {"purpose": "judge", "reference": False},
        ]
        audit = await app.running_audit.audit(declared(app))
        assert (audit.automated, audit.sampled, audit.wrong) == (2, 2, 0)

    async def test_a_wrong_first_answer_cannot_be_corrected_away(self, app: App) -> None:
        await automatic(app, rate=1.0)
        first = await decide(app, "to returns")
        second = await revise(app, first.task_id, "to billing")
        review = await app.reviews.get(first.review_id or "")
        assert review.closed_at is None  # blind: it stays, and is evidence
        await answer(app, second)
        audit = await app.running_audit.audit(declared(app))
        assert (audit.sampled, audit.waiting) == (1, 1)
        await answer(app, first, "other")
        audit = await app.running_audit.audit(declared(app))
        assert (audit.automated, audit.sampled, audit.wrong) == (2, 2, 1)

    async def test_a_wrong_answer_to_a_corrected_input_counts_too(self, app: App) -> None:
        await automatic(app, rate=1.0)
        first = await decide(app, "to returns")
        second = await revise(app, first.task_id, "to billing")
        await answer(app, first)
        await answer(app, second, "other")
        audit = await app.running_audit.audit(declared(app))
        assert (audit.automated, audit.sampled, audit.wrong) == (2, 2, 1)

    async def test_one_that_went_out_only_after_its_correction_counts_there(self, app: App) -> None:
        await automatic(app, rate=1.0)
        first = await decide(app, "unsure")
        second = await revise(app, first.task_id, "to billing")
        third = await revise(app, first.task_id, "to delivery")
        await answer(app, second)
        await answer(app, third, "other")
        audit = await app.running_audit.audit(declared(app))
        assert (audit.automated, audit.sampled, audit.wrong) == (2, 2, 1)

    async def test_a_blind_verdict_on_an_older_one_sends_nothing(self, app: App) -> None:
        ledger = Ledger()
        declared(app).deliver("crm", to=ledger)
        await automatic(app, rate=1.0)
        first = await decide(app, "to returns")
        second = await revise(app, first.task_id, "to billing")
        await answer(app, first, "other")
        await answer(app, second)
        await pump(app)
        assert queues(ledger) == ["billing"]

    async def test_a_late_label_of_a_drawn_one_counts_as_wrong(self, app: App) -> None:
        await automatic(app, rate=1.0)
        first = await decide(app, "to returns")
        await revise(app, first.task_id, "to billing")
        await answer(app, first)
        await app.database.fetch(
            "UPDATE task SET admitted_at = admitted_at - %(span)s", {"span": timedelta(days=9)}
        )
        audit = await app.running_audit.audit(declared(app))
        assert (audit.automated, audit.sampled, audit.wrong) == (2, 2, 1)
        assert audit.overdue == 1

    async def test_one_of_a_task_that_was_not_drawn_has_a_coin_of_its_own(self, app: App) -> None:
        await automatic(app, rate=0.0)
        first = await decide(app, "to returns")
        await stand(app, reference_rate=1.0)
        second = await revise(app, first.task_id, "to billing")
        await stand(app, reference_rate=0.0)
        third = await revise(app, first.task_id, "to delivery")
        rows = await app.database.fetch(
            "SELECT reference, drawn, reference_rate AS rate FROM task ORDER BY revision"
        )
        assert [(row["reference"], row["drawn"], row["rate"]) for row in rows] == [
            (False, None, 0.0),
            (True, True, 1.0),
            (True, False, 0.0),  # judged blind as well, and not counted
        ]
        assert (first.review_id, second.routed.route) == (None, Route.AUTOMATIC)
        for decision in (second, third):
            review = await app.reviews.get(decision.review_id or "")
            assert (review.blind, review.closed_at) == (True, None)
            receipt = await app.receipts.get(decision.task_id, viewer="ana")
            assert receipt["sample"]["drawn"] is True
            assert receipt["sample"]["with_earlier"] is (decision is third)
            assert receipt["decision"]["output"] is None
        listed = await app.receipts.search(Filter(), served=["triage"], most=9)
        assert [row["hidden"] for row in listed] == [True, True, False]
        await answer(app, second, "other")
        await answer(app, third, "other")
        audit = await app.running_audit.audit(declared(app))
        assert (audit.automated, audit.sampled, audit.wrong) == (3, 1, 1)
        examples = await app.database.fetch("SELECT purpose, reference FROM example")
        assert examples == [{"purpose": "judge", "reference": False}] * 2

    async def test_who_corrects_only_what_was_not_drawn_is_halted(self, app: App) -> None:
        await automatic(app, rate=0.5)
        for _ in range(60):
            first = await decide(app, "to returns")
            if first.review_id is not None:
                await answer(app, first)
                continue
            second = await revise(app, first.task_id, "wrongly to returns")
            if second.review_id is not None:
                await answer(app, second, "billing")
        moved = await app.running_audit.inspect(declared(app))
        assert moved is not None
        assert moved.after is State.HALTED

    async def test_one_that_was_drawn_keeps_its_verdict_when_it_is_erased(self, app: App) -> None:
        await automatic(app, rate=0.0)
        first = await decide(app, "to returns")
        await stand(app, reference_rate=1.0)
        second = await revise(app, first.task_id, "to billing")
        await answer(app, second, "other")
        await app.erasure.erase(first.task_id, by="ana", reason="asked to")
        audit = await app.running_audit.audit(declared(app))
        assert (audit.automated, audit.sampled, audit.wrong) == (2, 1, 1)

    async def test_the_log_says_what_happened(self, app: App) -> None:
        ledger = Ledger()
        declared(app).deliver("crm", to=ledger)
        await automatic(app)
        first = await decide(app, "to returns")
        second = await revise(app, first.task_id, "to billing", reason="a typo")
        rows = await app.database.fetch(
            "SELECT kind, actor, detail FROM audit_entry WHERE subject = %(id)s ORDER BY position",
            {"id": second.task_id},
        )
        assert [(row["kind"], row["actor"]) for row in rows] == [
            ("revision", "corrector"),
            ("revised", "roadbed"),
            ("decided", "roadbed"),
        ]
        assert rows[0]["detail"]["of"] == first.task_id
        assert rows[1]["detail"]["effects"] == "replaced"
        assert len(rows[1]["detail"]["deliveries"]) == 1

    async def test_blind_ones_tell_nothing_of_each_other(self, app: App) -> None:
        await automatic(app, rate=1.0)
        first = await decide(app, "to returns")
        second = await revise(app, first.task_id, "to billing")
        for task_id in (first.task_id, second.task_id):
            result = await app.receipts.get(task_id, viewer="ana")
            assert [revision["output"] for revision in result["revisions"]] == [None, None]
            assert [item["effects"] for item in result["revisions"]] == [None, None]
            assert [entry["came_to"] for entry in result["revisions"]] == [None, None]

    async def test_nor_does_one_that_was_not_drawn_of_one_that_was(self, app: App) -> None:
        await automatic(app, rate=0.0)
        first = await decide(app, "to returns")
        await automatic(app, rate=1.0)
        second = await revise(app, first.task_id, "to returns again")
        result = await app.receipts.get(second.task_id, viewer="ana")
        assert result["decision"]["hidden"]
        assert [revision["output"] for revision in result["revisions"]] == [None, None]


def test_changes_are_listed_by_field() -> None:
    before = {"a": 1, "b": {"c": [1], "d": 2.0}, "e": "x"}
    after = {"a": 1.0, "b": {"c": [2], "d": 2}, "f": None}
    assert list(changes(before, after)) == [
        {"field": "b.c", "before": [1], "after": [2]},
        {"field": "e", "before": "x", "after": None},
    ]
    assert list(changes(1, 2)) == [{"field": "input", "before": 1, "after": 2}]


SOURCED = """
@usecase.decider
def decide(inquiry, context):
    sure = 0.0 if "unsure" in inquiry.text else 0.9
    page = {"page": 2 if "elsewhere" in inquiry.text else 1}
    return Answer(output=Routing(queue=inquiry.text.split()[-1]), confidence=sure, provenance=page)
"""
REFUNDING = """
from roadbed import Action

@usecase.decider
def decide(inquiry, context):
    sure = 0.0 if "unsure" in inquiry.text else 0.9
    amount = float(inquiry.text.split()[-1])
    refund = Action(name="refund", arguments={"amount": amount})
    return Answer(output=Routing(queue="refunds"), confidence=sure, actions=[refund])
"""


async def judge(app: App, decision: Decision, **said: Any) -> None:
    """A person's verdict on a revision: accept as shown, or a correction."""
    assert decision.review_id is not None
    review = await app.reviews.claim(decision.review_id, reviewer="ana")
    kind = VerdictKind.CORRECT if said else VerdictKind.ACCEPT
    shown = None if said else review.content_hash
    await app.reviews.give(
        declared(app), decision.review_id, kind, reviewer="ana", shown=shown, **said
    )


class TestOtherSenders:
    """A correction names no source, and so none can make it another answer."""

    @pytest.fixture(autouse=True)
    def _sourced(self, folders: Folders, _by_word: None) -> None:
        folders.write(SOURCED)

    @pytest.fixture
    async def ledger(self, app: App, _sourced: None) -> Ledger:
        ledger = Ledger(can_compensate=True)
        declared(app).deliver("crm", to=ledger)
        await automatic(app)
        return ledger

    @pytest.mark.parametrize(
        "texts",
        [
            ("to returns", "unsure to returns"),
            ("unsure to returns", "to returns"),
            ("unsure to returns", "unsure again to returns"),
        ],
    )
    @pytest.mark.parametrize("said", [{}, {"output": {"queue": "returns"}}])
    async def test_nothing_is_taken_back_nor_sent_again(
        self, app: App, ledger: Ledger, texts: tuple[str, str], said: dict[str, Any]
    ) -> None:
        first = await decide(app, texts[0])
        if first.review_id:
            await judge(app, first, **said)
        await pump(app)
        second = await revise(app, first.task_id, texts[1])
        if second.review_id:
            await judge(app, second, **said)
        await pump(app)
        await pump(app)
        assert (queues(ledger), ledger.taken_back) == (["returns"], [])
        assert await effects(app, second.task_id) == "kept"

    async def test_by_itself_from_another_source_it_says_something_else(
        self, app: App, ledger: Ledger
    ) -> None:
        first = await decide(app, "to returns")
        await pump(app)
        second = await revise(app, first.task_id, "elsewhere to returns")
        await pump(app)
        assert (queues(ledger), ledger.taken_back) == (["returns", "returns"], ["ref-1"])
        assert await effects(app, second.task_id) == "replaced"


class TestUnjudgedActions:
    @pytest.fixture(autouse=True)
    def _refunding(self, folders: Folders, _by_word: None) -> None:
        folders.write(REFUNDING, rules=RULES)

    @pytest.mark.parametrize(
        ("said", "effect"),
        [
            ({"output": {"queue": "refunds"}}, "kept"),
            (
                {
                    "output": {"queue": "refunds"},
                    "actions": [{"name": "refund", "arguments": {"amount": 5.0}}],
                },
                "kept",
            ),
            ({"output": {"queue": "refunds"}, "actions": []}, "replaced"),
            ({"output": {"queue": "billing"}}, "replaced"),
        ],
    )
    async def test_they_stand_where_the_output_does(
        self, app: App, said: dict[str, Any], effect: str
    ) -> None:
        ledger = Ledger(can_compensate=True)
        declared(app).deliver("crm", to=ledger)
        declared(app).action("refund", Refund, to=ledger, effect="reversible")
        await automatic(app)
        first = await decide(app, "please 5")
        await pump(app)
        made = len(ledger.got)
        second = await revise(app, first.task_id, "unsure about 7")
        await judge(app, second, **said)
        await pump(app)
        assert await effects(app, second.task_id) == effect
        assert bool(ledger.taken_back) is (effect == "replaced")
        if effect == "kept":
            assert len(ledger.got) == made == 2
