"""A verdict that is changed after its result went out reaches the receiver."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from pydantic import BaseModel

from roadbed.app import App
from roadbed.decisions.model import Decision
from roadbed.deliveries.model import Delivery, DeliveryState
from roadbed.reviews.model import VerdictKind
from roadbed.usecases.destinations import RefusedError, TemporaryError, UnknownOutcomeError
from tests.conftest import Folders
from tests.unit.test_decisions import decide
from tests.unit.test_deliveries import SERVED, Ledger, all_of, at_once, pump
from tests.unit.test_trust import declared, stand

REFUNDS = """
@usecase.decider
def decide(inquiry, context):
    from roadbed import Action, Answer

    amounts = [float(word) for word in inquiry.text.split() if word.isdigit()]
    actions = [Action(name="refund", arguments={"amount": amount}) for amount in amounts]
    return Answer(output=Routing(queue="returns"), confidence=0.9, actions=actions)
"""


class Refund(BaseModel):
    amount: float


@pytest.fixture
def ledger(app: App) -> Ledger:
    result = Ledger()
    declared(app).deliver("crm", to=result)
    return result


async def say(app: App, decision: Decision, queue: str, **more: Any) -> None:
    """Rae's verdict; who takes one back may answer again."""
    await app.database.fetch("UPDATE review SET blind = false")
    kind = VerdictKind.CORRECT
    output = {"queue": queue}
    await app.reviews.give(
        declared(app), decision.review_id or "", kind, reviewer="rae", output=output, **more
    )


async def reject(app: App, decision: Decision) -> None:
    await app.database.fetch("UPDATE review SET blind = false")
    kind = VerdictKind.REJECT
    await app.reviews.give(declared(app), decision.review_id or "", kind, reviewer="rae")


async def undo(app: App, decision: Decision) -> None:
    await app.reviews.undo(decision.review_id or "", reviewer="rae")


async def taken_back(app: App) -> Decision:
    """A decision whose verdict, ``repairs``, was sent as far as that goes and then undone."""
    decision = await decide(app)
    await say(app, decision, "repairs")
    await pump(app)
    await undo(app, decision)
    return decision


async def in_state(app: App, state: DeliveryState) -> list[Delivery]:
    return [delivery for delivery in await all_of(app) if delivery.state is state]


async def approve(app: App, held: Delivery) -> Delivery:
    return await app.deliveries.resolve(
        held.id, "approve", person="ana", served=SERVED, content_hash=held.content_hash
    )


def queues(ledger: Ledger) -> Sequence[str]:
    return [output["queue"] for output in ledger.said("output")]


class TestResults:
    async def test_a_correction_has_its_own_key_is_held_with_content_and_goes_on_approval(
        self, app: App, ledger: Ledger
    ) -> None:
        decision = await taken_back(app)
        await say(app, decision, "safety")
        await pump(app)
        [held] = await in_state(app, DeliveryState.HELD)
        assert (held.kind, (held.content or {})["output"]) == ("correction", {"queue": "safety"})
        assert (held.key or "").startswith(f"{decision.task_id}:corrected:vdt_")
        assert "was changed after" in (held.reason or "")
        assert (await approve(app, held)).state is DeliveryState.WAITING
        await pump(app)
        assert queues(ledger) == ["repairs", "safety"]
        assert ledger.got[1].kind == "correction"
        assert [request.key for request in ledger.got] == [decision.task_id, held.key]

    async def test_changed_back_and_forth_each_reaches_the_receiver(
        self, app: App, ledger: Ledger
    ) -> None:
        decision = await decide(app)
        for number, queue in enumerate(["repairs", "safety", "repairs"]):
            await say(app, decision, queue)
            await pump(app)
            if number:
                [held] = await in_state(app, DeliveryState.HELD)
                await approve(app, held)
                await pump(app)
            if number < 2:
                await undo(app, decision)
        assert queues(ledger) == ["repairs", "safety", "repairs"]

    async def test_the_same_again_is_not_sent_twice(self, app: App, ledger: Ledger) -> None:
        decision = await taken_back(app)
        await say(app, decision, "repairs")
        await pump(app)
        assert queues(ledger) == ["repairs"]
        assert [delivery.state for delivery in await all_of(app)] == [
            DeliveryState.DELIVERED,
            DeliveryState.SKIPPED,
        ]

    @pytest.mark.parametrize("queue", ["repairs", "safety"])
    async def test_what_was_ready_and_never_sent_leaves_its_key_to_the_next(
        self, app: App, ledger: Ledger, queue: str
    ) -> None:
        decision = await decide(app)
        await say(app, decision, "repairs")
        async with app.database.transaction() as connection:
            assert await app.relay._prepare_some(connection, declared(app), 10) == 1
        await undo(app, decision)
        await say(app, decision, queue)
        await pump(app)
        [request] = ledger.got
        assert (request.key, request.content["output"]) == (decision.task_id, {"queue": queue})

    async def test_what_failed_is_not_sent_by_a_replay(self, app: App, ledger: Ledger) -> None:
        ledger.trouble = [RefusedError("no such account")]
        decision = await taken_back(app)
        assert await in_state(app, DeliveryState.FAILED) == []
        await say(app, decision, "safety")
        await pump(app)
        [request] = ledger.got  # nothing is there: it goes without a question
        assert (request.kind, queues(ledger)) == ("result", ["safety"])

    async def test_what_is_being_sent_is_not_tried_again(self, app: App, ledger: Ledger) -> None:
        ledger.seconds, ledger.trouble = 0.3, [TemporaryError("busy")]
        decision = await decide(app)
        await say(app, decision, "repairs")
        await app.relay.round(declared(app))
        await undo(app, decision)
        await say(app, decision, "safety")
        await app.relay.settle()
        await at_once(app)
        await pump(app)
        assert queues(ledger) == ["safety"]

    async def test_what_may_be_there_is_a_persons_to_look_at(
        self, app: App, ledger: Ledger
    ) -> None:
        ledger.key_horizon, ledger.trouble = None, [UnknownOutcomeError("cut off")]
        decision = await taken_back(app)
        await say(app, decision, "repairs")
        await pump(app)
        [held] = await in_state(app, DeliveryState.HELD)
        assert "may have gone out" in (held.reason or "")
        [unknown] = await in_state(app, DeliveryState.UNKNOWN)
        await app.deliveries.resolve(unknown.id, "did-not-happen", person="ana", served=SERVED)
        await pump(app)
        assert queues(ledger) == []  # its verdict was taken back: only the new one may go
        await approve(app, held)
        await pump(app)
        assert queues(ledger) == ["repairs"]

    async def test_no_answer_is_right_asks_about_what_was_sent(
        self, app: App, ledger: Ledger
    ) -> None:
        decision = await taken_back(app)
        await reject(app, decision)
        await pump(app)
        [stuck] = await in_state(app, DeliveryState.STUCK)
        assert "by hand, or leave it" in (stuck.reason or "")
        await undo(app, decision)
        assert await in_state(app, DeliveryState.STUCK) == []
        await say(app, decision, "repairs")
        await pump(app)
        assert (queues(ledger), await in_state(app, DeliveryState.STUCK)) == (["repairs"], [])

    async def test_where_the_new_one_sends_nothing_a_person_looks(self, app: App) -> None:
        ledger = Ledger()
        declared(app).deliver("crm", to=ledger, when="output.queue == 'repairs'")
        decision = await taken_back(app)
        await say(app, decision, "safety")
        await pump(app)
        [stuck] = await in_state(app, DeliveryState.STUCK)
        assert "sends nothing here" in (stuck.reason or "")

    async def test_a_chain_half_sent_is_not_taken_back_by_the_undo(self, app: App) -> None:
        crm, mail = Ledger(can_compensate=True), Ledger(trouble=[RefusedError("no")])
        declared(app).deliver("crm", to=crm)
        declared(app).deliver("mail", to=mail, after="crm")
        decision = await decide(app)
        await say(app, decision, "repairs")
        await app.relay.round(declared(app))
        await app.relay.settle()
        await undo(app, decision)
        await pump(app)
        assert (queues(crm), crm.taken_back) == (["repairs"], [])


class TestAutomatic:
    async def test_an_answer_found_right_after_all_is_sent_again(
        self, app: App, ledger: Ledger
    ) -> None:
        await stand(app)
        decision = await decide(app)
        await pump(app)
        await say(app, decision, "other")
        await pump(app)
        [held] = await in_state(app, DeliveryState.HELD)
        await approve(app, held)
        await pump(app)
        await undo(app, decision)
        await say(app, decision, "returns")
        await pump(app)
        [held] = await in_state(app, DeliveryState.HELD)
        assert "was changed after" in (held.reason or "")
        await approve(app, held)
        await pump(app)
        assert queues(ledger) == ["returns", "other", "returns"]

    async def test_one_found_wrong_before_it_left_does_not_leave(
        self, app: App, ledger: Ledger
    ) -> None:
        await stand(app)
        decision = await decide(app)
        await say(app, decision, "other")
        await pump(app)
        [held] = await in_state(app, DeliveryState.HELD)
        assert "before it went out" in (held.reason or "")
        assert queues(ledger) == []
        await undo(app, decision)
        await say(app, decision, "returns")
        await pump(app)
        [held] = await in_state(app, DeliveryState.HELD)
        await approve(app, held)
        await pump(app)
        assert queues(ledger) == ["returns"]

    async def test_without_a_right_answer_a_person_is_asked_about_it(
        self, app: App, ledger: Ledger
    ) -> None:
        await stand(app)
        decision = await decide(app)
        await pump(app)
        await reject(app, decision)
        await pump(app)
        [stuck] = await in_state(app, DeliveryState.STUCK)
        await app.deliveries.resolve(stuck.id, "happened", person="ana", served=SERVED)
        await pump(app)
        assert await in_state(app, DeliveryState.STUCK) == []


class TestOverturned:
    async def test_the_domain_leads_answer_reaches_the_receiver(
        self, app: App, ledger: Ledger
    ) -> None:
        decision = await decide(app)
        await say(app, decision, "repairs")
        await pump(app)
        other = await decide(app, "the lead's word on it")
        await say(app, other, "safety")
        await pump(app)
        [row] = await app.database.fetch(
            "SELECT id FROM verdict WHERE task_id = %(id)s", {"id": other.task_id}
        )
        assert await app.reviews.overturn(
            declared(app),
            decision.review_id or "",
            word=row["id"],
            by="ana",
            output={"queue": "safety"},
        )
        await pump(app)
        [held] = await in_state(app, DeliveryState.HELD)
        assert (held.content or {})["output"] == {"queue": "safety"}
        await app.deliveries.resolve(
            held.id, "approve", person="dev", served=SERVED, content_hash=held.content_hash
        )
        await pump(app)
        assert queues(ledger) == ["repairs", "safety", "safety"]


class TestActions:
    @pytest.fixture(autouse=True)
    def refunds(self, folders: Folders) -> None:
        folders.write(REFUNDS)

    @pytest.fixture
    def bank(self, app: App) -> Ledger:
        result = Ledger()
        declared(app).action(
            "refund", Refund, to=result, effect="irreversible", per_task=3, key="{delivery.id}"
        )
        return result

    async def refunded(self, app: App, decision: Decision, *amounts: float) -> None:
        actions: list[Mapping[str, Any]] = [
            {"name": "refund", "arguments": {"amount": amount}} for amount in amounts
        ]
        await say(app, decision, "returns", actions=actions)
        await pump(app)

    async def paid(self, app: App, *amounts: float) -> Decision:
        """A task whose refunds a person wrote, and another approved."""
        decision = await decide(app, f"give back {amounts[0]:g}")
        await self.refunded(app, decision, *amounts)
        for held in await in_state(app, DeliveryState.HELD):
            await approve(app, held)
        await pump(app)
        return decision

    async def test_the_same_one_is_not_made_again(self, app: App, bank: Ledger) -> None:
        decision = await self.paid(app, 10.0)
        assert bank.said("action") == [{"amount": 10.0}]
        await undo(app, decision)
        await self.refunded(app, decision, 10.0)
        assert bank.said("action") == [{"amount": 10.0}]
        assert await in_state(app, DeliveryState.HELD) == []

    async def test_another_one_waits_and_the_first_is_asked_about(
        self, app: App, bank: Ledger
    ) -> None:
        decision = await self.paid(app, 10.0)
        await undo(app, decision)
        await self.refunded(app, decision, 20.0)
        [held], [stuck] = (
            await in_state(app, DeliveryState.HELD),
            await in_state(app, DeliveryState.STUCK),
        )
        assert "was changed after" in (held.reason or "")
        assert (stuck.content or {})["action"] == {"amount": 10.0}
        assert bank.said("action") == [{"amount": 10.0}]

    async def test_as_many_of_the_same_are_made_as_are_right(self, app: App, bank: Ledger) -> None:
        decision = await self.paid(app, 10.0)
        await undo(app, decision)
        await self.refunded(app, decision, 10.0, 10.0)
        [held] = await in_state(app, DeliveryState.HELD)
        await approve(app, held)
        await pump(app)
        assert bank.said("action") == [{"amount": 10.0}, {"amount": 10.0}]

    async def test_automatic_ones_that_have_not_left_wait_for_a_person(
        self, app: App, bank: Ledger
    ) -> None:
        await stand(app)
        decision = await decide(app, "give back 10")
        await app.database.fetch("UPDATE delivery SET needs_approval = false")  # a rule allows it
        await say(app, decision, "other", actions=[])
        await pump(app)
        [held] = await in_state(app, DeliveryState.HELD)
        assert (bank.got, "found this answer wrong" in (held.reason or "")) == ([], True)


async def test_a_key_of_another_task_is_held_with_content_and_goes_under_its_own(
    app: App,
) -> None:
    ledger = Ledger()
    declared(app).deliver("crm", to=ledger, key="{output.queue}")
    for queue, text in (("same", "one"), ("same", "two")):
        await say(app, await decide(app, text), queue)
    await pump(app)
    assert len(ledger.got) == 1  # the same key and the same content
    declared(app).deliver("erp", to=Ledger(), key="{task.id}")
    await app.database.fetch(
        "UPDATE delivery SET content = jsonb_set(content, '{output,queue}', '\"old\"')"
        " WHERE state = 'delivered'"
    )
    await say(app, await decide(app, "three"), "same")
    await pump(app)
    [held] = await in_state(app, DeliveryState.HELD)
    assert "says something else" in (held.reason or "")
    await approve(app, held)
    await pump(app)
    assert ledger.got[1].key == f"same:{held.id}"
