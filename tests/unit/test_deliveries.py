"""Deliveries: planned with the decision, prepared, sent once, resolved by people."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, cast

import pytest
from pydantic import BaseModel

from roadbed.app import App
from roadbed.decisions.model import Reason, Route
from roadbed.deliveries import circuits, retry_policy
from roadbed.deliveries.errors import ApprovalError, DeliveryStateError, UnknownDeliveryError
from roadbed.deliveries.model import Delivery, DeliveryState
from roadbed.deliveries.rows import ClaimRow
from roadbed.examples.service import late_before
from roadbed.halts.errors import NotHaltedError, ResumeError
from roadbed.kernel.clock import SystemClock
from roadbed.receipts.service import moments
from roadbed.reviews.model import VerdictKind
from roadbed.usecases.destinations import (
    Approvals,
    DeliveryRequest,
    EgressClient,
    RefusedError,
    Sent,
    TemporaryError,
    UnknownOutcomeError,
)
from roadbed.usecases.errors import UseCaseError
from tests.conftest import Folders
from tests.unit.test_decisions import decide
from tests.unit.test_trust import answer, declared, stand

SERVED = ("triage",)


@dataclass
class Ledger:
    """A receiver that records requests and answers as configured."""

    key_horizon: timedelta | None = timedelta(hours=24)
    can_look_up: bool = False
    can_compensate: bool = False
    kind: str = "ledger"
    seconds: float = 0.0
    got: list[DeliveryRequest] = field(default_factory=list)
    taken_back: list[str] = field(default_factory=list)
    looked: int = 0
    there: bool = True
    trouble: list[Exception] = field(default_factory=list)

    def problems(self) -> Sequence[str]:
        return ()

    def said(self, name: str) -> list[Any]:
        """One part of the content of everything that came."""
        return [item.content[name] for item in self.got]

    async def send(self, sending: DeliveryRequest, egress: EgressClient) -> Sent:
        await asyncio.sleep(self.seconds)
        if self.trouble:
            raise self.trouble.pop(0)
        self.got.append(sending)
        return Sent(reference=f"ref-{len(self.got)}")

    async def look_up(self, sending: DeliveryRequest, egress: EgressClient) -> Sent | None:
        self.looked += 1
        return Sent(reference="found") if self.there else None

    async def compensate(self, sending: DeliveryRequest, sent: Sent, egress: EgressClient) -> Sent:
        if self.trouble:
            raise self.trouble.pop(0)
        self.taken_back.append(sent.reference or "")
        return sent


class Asleep(SystemClock):
    """The machine's clock after so many seconds of sleep."""

    seconds = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self.seconds


async def pump(app: App, rounds: int = 6) -> None:
    for _ in range(rounds):
        app.relay._tidied.clear()
        await app.relay.round(declared(app))
        await app.relay.settle()


async def at_once(app: App) -> None:
    """What waits for its next attempt is due now."""
    await app.database.fetch("UPDATE delivery SET next_at = now() WHERE state = 'waiting'")


async def all_of(app: App) -> list[Delivery]:
    return sorted(await app.deliveries.list("triage", most=200), key=lambda delivery: delivery.id)


async def one(app: App) -> Delivery:
    [result] = await all_of(app)
    return result


class TestResults:
    async def test_an_automatic_one_goes_out_with_its_key_and_leaves_a_trace(
        self, app: App
    ) -> None:
        ledger = Ledger()
        declared(app).deliver("crm", to=ledger, key="{task.id}-{output.queue}")
        await stand(app, reference_rate=0.0)
        decision = await decide(app)
        assert (await one(app)).state is DeliveryState.PLANNED
        await pump(app)
        [sending] = ledger.got
        assert sending.key == f"{decision.task_id}-returns"
        assert sending.content["output"] == {"queue": "returns"}
        assert sending.content["task"] == {"id": decision.task_id, "key": None}
        result = await one(app)
        assert (result.state, result.reference, result.attempt) == (
            DeliveryState.DELIVERED,
            "ref-1",
            1,
        )
        [attempt] = (await app.deliveries.get(result.id, served=SERVED))[1]
        assert attempt["outcome"] == "delivered"
        kinds = [
            row["kind"]
            for row in await app.database.fetch("SELECT kind FROM audit_entry ORDER BY position")
        ]
        assert kinds[-2:] == ["decided", "sent"]

    async def test_one_for_review_goes_out_with_the_verdict(self, app: App) -> None:
        ledger = Ledger()
        declared(app).deliver("crm", to=ledger)
        decision = await decide(app)
        await pump(app)
        assert ledger.got == []
        await answer(app, decision, "delivery")
        await pump(app)
        assert ledger.said("output") == [{"queue": "delivery"}]
        assert ledger.said("decision")[0]["reviewed_by"] == "rae"

    async def test_what_was_rejected_does_not(self, app: App) -> None:
        ledger = Ledger()
        declared(app).deliver("crm", to=ledger)
        decision = await decide(app)
        await app.reviews.give(
            declared(app), decision.review_id or "", VerdictKind.REJECT, reviewer="rae"
        )
        await pump(app)
        assert await all_of(app) == []

    async def test_a_verdict_taken_back_takes_back_what_was_not_sent(self, app: App) -> None:
        ledger = Ledger()
        declared(app).deliver("crm", to=ledger)
        decision = await decide(app)
        await app.database.fetch("UPDATE review SET blind = false")  # who undoes may answer again
        await answer(app, decision)
        await app.reviews.undo(decision.review_id or "", reviewer="rae")
        await pump(app)
        assert ((await one(app)).state, ledger.got) == (DeliveryState.CANCELLED, [])
        await answer(app, decision, "other")
        await pump(app)
        assert ledger.said("output") == [{"queue": "other"}]

    async def test_an_automatic_one_found_wrong_is_put_right_by_a_person(self, app: App) -> None:
        ledger = Ledger()
        declared(app).deliver("crm", to=ledger)
        await stand(app)
        decision = await decide(app)
        await pump(app)
        await answer(app, decision, "other")
        await pump(app)
        first, second = await all_of(app)
        sent, held = (first, second) if first.state is DeliveryState.DELIVERED else (second, first)
        assert (sent.state, held.state, held.kind) == (
            DeliveryState.DELIVERED,
            DeliveryState.HELD,
            "correction",
        )
        await app.deliveries.resolve(
            held.id, "approve", person="ana", served=SERVED, content_hash=held.content_hash
        )
        await pump(app)
        assert [item["queue"] for item in ledger.said("output")] == ["returns", "other"]
        assert ledger.got[0].key != ledger.got[1].key

    async def test_a_condition_holds_some_back_and_an_error_in_it_asks_a_person(
        self, app: App
    ) -> None:
        ledger = Ledger()
        declared(app).deliver("crm", to=ledger, when="output.queue != 'returns'")
        declared(app).deliver("erp", to=ledger, when="input.text.missing > 1")
        await stand(app, reference_rate=0.0)
        await decide(app)
        await pump(app)
        crm, erp = await all_of(app)
        assert (crm.state, erp.state) == (DeliveryState.SKIPPED, DeliveryState.HELD)
        assert "does not hold" in (crm.reason or "")
        assert "could not be evaluated" in (erp.reason or "")
        assert ledger.got == []

    async def test_what_was_skipped_was_so_after_it_was_decided(self, app: App) -> None:
        declared(app).deliver("crm", to=Ledger(), when="output.queue != 'returns'")
        await stand(app, reference_rate=0.0)
        async with app.database.transaction() as connection:
            await connection.execute("SELECT now()")  # begun before there was anything to do
            await decide(app)
            assert await app.relay._prepare_some(connection, declared(app), 10) == 1
        [delivery] = await all_of(app)
        told = moments(await app.receipts.get(delivery.task_id, viewer="ana"))
        assert [what for what, _ in told] == ["admitted", "decided", "skipped for crm"]

    async def test_a_key_that_is_not_unique_is_never_sent_twice(self, app: App) -> None:
        ledger = Ledger()
        declared(app).deliver("crm", to=ledger, key="{output.queue}")
        declared(app).deliver("erp", to=ledger, key="{input.text}")
        await stand(app, reference_rate=0.0)
        await decide(app, "one")
        await decide(app, "two")
        await pump(app)
        await decide(app, "two")
        await pump(app)
        states = [item.state for item in await all_of(app)]
        assert states.count(DeliveryState.DELIVERED) == 3  # crm once, erp for each text
        assert states.count(DeliveryState.SKIPPED) == 3
        assert len({entry.key for entry in ledger.got}) == 3

    async def test_a_template_without_its_field_is_held_and_tried_again(self, app: App) -> None:
        ledger = Ledger()
        declared(app).deliver("crm", to=ledger, key="{task.key}")
        await stand(app, reference_rate=0.0)
        await decide(app)
        await pump(app)
        held = await one(app)
        assert (held.state, held.key) == (DeliveryState.HELD, None)
        assert "{task.key}" in (held.reason or "")
        await app.database.fetch("UPDATE task SET key = 'given later'")
        await app.deliveries.resolve(held.id, "approve", person="ana", served=SERVED)
        assert (await one(app)).approved_by is None  # there was no content that binds
        await pump(app)
        assert [item.key for item in ledger.got] == ["given later"]


class TestTrouble:
    @pytest.fixture
    async def ledger(self, app: App) -> Ledger:
        result = Ledger()
        declared(app).deliver("crm", to=result)
        await stand(app, reference_rate=0.0)
        return result

    async def test_what_did_not_happen_is_tried_again_later(self, app: App, ledger: Ledger) -> None:
        ledger.trouble = [TemporaryError("busy", retry_after=30.0)]
        await decide(app)
        await pump(app)
        result = await one(app)
        assert (result.state, result.attempt) == (DeliveryState.WAITING, 1)
        assert (result.next_at - app.clock.now()).total_seconds() > 20
        await at_once(app)
        await pump(app)
        assert (len(ledger.got), (await one(app)).attempt) == (1, 2)

    async def test_a_refusal_is_a_dead_letter_that_can_be_replayed(
        self, app: App, ledger: Ledger
    ) -> None:
        ledger.trouble = [RefusedError("no such account")]
        await decide(app)
        await pump(app)
        result = await one(app)
        assert (result.state, "no such account" in (result.reason or "")) == (
            DeliveryState.FAILED,
            True,
        )
        await app.deliveries.resolve(result.id, "replay", person="ana", served=SERVED)
        await pump(app)
        assert (await one(app)).state is DeliveryState.DELIVERED

    async def test_an_unknown_outcome_is_sent_again_only_while_the_receiver_knows_the_key(
        self, app: App, ledger: Ledger
    ) -> None:
        ledger.trouble = [UnknownOutcomeError("cut off")]
        await decide(app)
        await pump(app)
        assert (await one(app)).state is DeliveryState.WAITING
        await app.database.fetch(
            "UPDATE delivery SET first_sent_at = now() - interval '24 hours', next_at = now()"
        )
        ledger.trouble = [UnknownOutcomeError("cut off again")]
        await pump(app)
        result = await one(app)
        assert result.state is DeliveryState.UNKNOWN
        with pytest.raises(DeliveryStateError):
            await app.deliveries.resolve(result.id, "replay", person="ana", served=SERVED)
        await app.deliveries.resolve(result.id, "happened", person="ana", served=SERVED)
        assert ((await one(app)).state, len(ledger.got)) == (DeliveryState.DELIVERED, 0)

    async def test_without_keys_a_person_decides_at_once(self, app: App, ledger: Ledger) -> None:
        ledger.key_horizon = None
        ledger.trouble = [ValueError("anything else counts as unknown")]
        await decide(app)
        await pump(app)
        result = await one(app)
        assert result.state is DeliveryState.UNKNOWN
        await app.deliveries.resolve(result.id, "did-not-happen", person="ana", served=SERVED)
        await pump(app)
        assert len(ledger.got) == 1

    async def test_who_can_be_asked_is_asked_first(self, app: App, ledger: Ledger) -> None:
        ledger.can_look_up = True
        ledger.trouble = [UnknownOutcomeError("cut off"), UnknownOutcomeError("cut off")]
        ledger.there = False
        await decide(app)
        await pump(app)
        await at_once(app)
        await pump(app)
        assert (ledger.looked, ledger.got) == (1, [])
        ledger.there = True
        await at_once(app)
        await pump(app)
        result = await one(app)
        assert (result.state, result.reference, ledger.got) == (
            DeliveryState.DELIVERED,
            "found",
            [],
        )

    async def test_a_sender_that_never_came_back_is_unknown(self, app: App, ledger: Ledger) -> None:
        ledger.key_horizon = None
        ledger.seconds = 30.0
        await decide(app)
        await app.relay.round(declared(app))
        await app.relay.round(declared(app))
        assert (await one(app)).state is DeliveryState.SENDING
        for task in app.relay._sending:
            task.cancel()
        await app.database.fetch("UPDATE delivery SET lease_until = now() - interval '1 second'")
        await pump(app)
        assert (await one(app)).state is DeliveryState.UNKNOWN

    async def test_a_claim_that_has_grown_old_is_not_acted_on(
        self, app: App, ledger: Ledger
    ) -> None:
        await decide(app)
        await app.relay._prepare(declared(app))
        await app.database.fetch(
            "UPDATE delivery SET state = 'sending', attempt = 1, first_sent_at = now(),"
            " lease_until = now() + interval '1 minute'"
        )
        [row] = await app.database.fetch("SELECT * FROM delivery")
        await app.relay._send(declared(app), cast("ClaimRow", row), app.clock.monotonic() - 60.0)
        assert ((await one(app)).state, ledger.got) == (DeliveryState.WAITING, [])

    async def test_a_claim_that_has_grown_old_says_nothing_against_its_destination(
        self, app: App, ledger: Ledger
    ) -> None:
        for number in range(6):
            await decide(app, f"number {number}")
        await app.relay._prepare(declared(app))
        await app.database.fetch(
            "UPDATE delivery SET state = 'sending', attempt = 1, first_sent_at = now(),"
            " lease_until = now() + interval '1 minute'"
        )
        for row in await app.database.fetch("SELECT * FROM delivery"):
            await app.relay._send(
                declared(app), cast("ClaimRow", row), app.clock.monotonic() - 60.0
            )
        assert (await app.deliveries.overview("triage"))["circuits"] == {}
        await pump(app)
        assert len(ledger.got) == 6

    async def test_a_process_that_slept_while_it_sent_says_nothing_against_a_destination(
        self, app: App, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asleep = Asleep()
        monkeypatch.setattr(app.relay, "_clock", asleep)

        async def slept(sending: DeliveryRequest, egress: EgressClient) -> Sent:
            asleep.seconds += 60.0
            raise TemporaryError("The process was put to sleep.")

        monkeypatch.setattr(ledger, "send", slept)
        for number in range(6):
            await decide(app, f"number {number}")
        for _ in range(6):  # one at a time: those that wait meanwhile would be late themselves
            await app.relay._prepare(declared(app))
            monkeypatch.setattr(app.relay, "_senders", 1)
            await app.relay._send_some(declared(app))
            await app.relay.settle()
        assert [delivery.attempt for delivery in await all_of(app)] == [1] * 6
        assert (await app.deliveries.overview("triage"))["circuits"] == {}

    async def test_a_gate_that_was_held_makes_no_claim_old(self, app: App, ledger: Ledger) -> None:
        """A drill holds it for up to two seconds; later claims are fresh."""
        await decide(app)
        await app.relay._prepare(declared(app))
        app.relay._clock = asleep = Asleep()
        transaction = app.database.transaction

        @asynccontextmanager
        async def held() -> AsyncIterator[Any]:
            async with transaction() as connection:
                asleep.seconds += 2.0
                yield connection

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(app.relay._database, "transaction", held)
            await app.relay._send_some(declared(app))
        await app.relay.settle()
        assert len(ledger.got) == 1

    async def test_a_destination_that_keeps_failing_is_left_alone(
        self, app: App, ledger: Ledger
    ) -> None:
        ledger.trouble = [TemporaryError("down") for _ in range(5)]
        for number in range(5):
            await decide(app, f"number {number}")
        await pump(app)
        assert (await app.deliveries.overview("triage"))["circuits"]["crm"]["failures"] == 5
        await at_once(app)
        await pump(app)
        assert ledger.got == []
        await app.database.fetch("UPDATE circuit SET open_until = now()")
        await pump(app)
        assert len(ledger.got) == 5
        assert (await app.deliveries.overview("triage"))["circuits"] == {}

    async def test_what_fails_together_opens_it_once(self, app: App) -> None:
        """An outage of seconds under load must not keep a destination shut for minutes."""
        ledger = Ledger(trouble=[TemporaryError("away")] * 40)
        declared(app).deliver("crm", to=ledger)
        await stand(app, reference_rate=0.0)
        for number in range(40):
            await decide(app, f"number {number}")
        await pump(app)
        circuit = (await app.deliveries.overview("triage"))["circuits"]["crm"]
        assert circuit["failures"] == 5
        assert circuit["open_until"] is not None
        assert (circuit["open_until"] - app.clock.now()).total_seconds() <= 5.0


@pytest.fixture
def two(folders: Folders) -> None:
    """Two use cases; deliveries of one must not delay those of the other."""
    folders.write()
    folders.write(name="claims")


class TestSenders:
    """Of eight senders; a destination that never answers may not have them all."""

    @pytest.fixture
    async def hanging(self, app: App) -> AsyncIterator[Ledger]:
        ledger = Ledger(seconds=60.0)
        declared(app).deliver("crm", to=ledger)
        app.relay._senders = 8
        yield ledger
        for task in app.relay._sending:
            task.cancel()

    async def rounds(self, app: App, wanted: Ledger, many: int) -> None:
        """Look after everything in turn until ``wanted`` got all it should."""
        loops = asyncio.create_task(app.relay.run(app.declared))
        async with asyncio.timeout(30.0):
            while len(wanted.got) < many:  # noqa: ASYNC110 - the ledger has no event
                await asyncio.sleep(0.01)
        loops.cancel()
        await asyncio.wait({loops}, timeout=0.1)

    async def test_one_destination_leaves_some_to_the_others(
        self, app: App, hanging: Ledger
    ) -> None:
        desk = Ledger()
        declared(app).deliver("desk", to=desk)
        await stand(app, reference_rate=0.0)
        for number in range(20):
            await decide(app, f"number {number}")
        await self.rounds(app, desk, 20)
        assert app.relay._held["triage", "crm"] < 8
        assert app.relay._held["triage", "desk"] == 0

    @pytest.mark.usefixtures("two")
    async def test_one_use_case_leaves_some_to_the_others(self, app: App, hanging: Ledger) -> None:
        desk = Ledger()
        app.deployments.get("claims").loaded.declared.deliver("desk", to=desk)
        await stand(app, reference_rate=0.0)
        await app.deployments.refresh("claims")
        for number in range(20):
            await decide(app, f"number {number}")
        await app.relay.round(declared(app))
        assert app.relay._held["triage", "crm"] == 4  # three quarters of three quarters
        for number in range(5):
            _, task = await app.decisions.submit(
                "claims", {"text": f"number {number}"}, key=None, source={}
            )
            assert task
            await task
        await self.rounds(app, desk, 5)

    async def test_what_waits_for_later_takes_no_room_of_what_is_due(self, app: App) -> None:
        away, there = Ledger(trouble=[TemporaryError("away")] * 8), Ledger()
        for number in range(8):
            declared(app).deliver(f"away-{number}", to=away)
        app.relay._senders = 8
        await stand(app, reference_rate=0.0)
        await decide(app)
        await pump(app, 3)
        assert {item.state for item in await all_of(app)} == {DeliveryState.WAITING}
        declared(app).destinations.clear()
        declared(app).deliver("there", to=there)
        await decide(app)
        await pump(app, 1)
        assert len(there.got) == 1

    @pytest.mark.parametrize("senders", [1, 2, 3, 4, 8, 64, 1024])
    def test_who_holds_most_leaves_room_for_newcomers(self, senders: int) -> None:
        def room(held: dict[str, int], more: int = 0) -> dict[str, int]:
            own = sum(held.values())
            return circuits.sender_shares(held, senders - own - more, of_use_case=own)

        held: dict[str, int] = {}
        for number in range(3 if senders > 8 else 1):
            held[f"d{number}"] = 0
            for _ in range(3):  # each has more to send than there are senders
                for name, given in room(held).items():
                    held[name] += given
            assert held[f"d{number}"] >= 1
        # Another use case has capacity left, independent of this one.
        own = sum(held.values())
        assert own <= max(senders * 3 // 4, 1)
        assert senders == 1 or room({"other": 0}, own)["other"] >= 1
        assert circuits.sender_shares(held, 0, of_use_case=own) == {}
        many = room(dict.fromkeys(map(str, range(200)), 0))
        assert (
            sum(many.values()) == len(many) == min(max(senders * 3 // 4, 1), 200) or senders > 200
        )
        assert sum(many.values()) <= max(senders * 3 // 4, 1)


class TestOrder:
    async def test_is_kept_for_those_that_ask_for_it(self, app: App) -> None:
        ledger = Ledger()
        declared(app).deliver("crm", to=ledger, in_order_of="{output.queue}")
        await stand(app, reference_rate=0.0)
        for number in range(6):
            await decide(app, f"number {number}")
        ledger.trouble = [TemporaryError("busy")]
        await pump(app, 3)
        assert ledger.got == []
        await at_once(app)
        await pump(app, 8)
        texts = [item["text"] for item in ledger.said("input")]
        assert texts == [f"number {number}" for number in range(6)]

    async def test_a_chain_goes_step_by_step_and_is_taken_back_when_one_fails(
        self, app: App
    ) -> None:
        first, second, third = (Ledger(can_compensate=True) for _ in range(3))
        use_case = declared(app)
        use_case.deliver("account", to=first)
        use_case.deliver("contract", to=second, after="account")
        use_case.deliver("mail", to=third, after="contract")
        await stand(app, reference_rate=0.0)
        await decide(app, "works")
        await pump(app, 8)
        assert [len(item.got) for item in (first, second, third)] == [1, 1, 1]
        third.trouble = [RefusedError("no such address")]
        await decide(app, "fails")
        await pump(app, 12)
        assert first.taken_back == ["ref-2"]
        assert second.taken_back == ["ref-2"]
        states = {entry.destination: entry.state for entry in (await all_of(app))[3:]}
        assert DeliveryState.FAILED in states.values()
        ended = {
            (element.destination, element.state)
            for element in await all_of(app)
            if element.kind == "result"
        }
        assert {
            ("account", DeliveryState.COMPENSATED),
            ("contract", DeliveryState.COMPENSATED),
        } < ended

    async def test_what_cannot_be_taken_back_goes_to_a_person(self, app: App) -> None:
        first, second = Ledger(can_compensate=True), Ledger()
        declared(app).deliver("account", to=first)
        declared(app).deliver("mail", to=second, after="account")
        await stand(app, reference_rate=0.0)
        second.trouble = [RefusedError("no")]
        first.trouble = []
        await decide(app)
        await pump(app, 2)
        first.trouble = [RefusedError("it is gone")]
        await pump(app, 10)
        stuck = next(item for item in await all_of(app) if item.state is DeliveryState.STUCK)
        assert "could not be taken back" in (stuck.reason or "")
        await app.deliveries.resolve(stuck.id, "done-by-hand", person="ana", served=SERVED)


class Refund(BaseModel):
    amount: float


ACTING = """
from roadbed import Action

@usecase.decider
def decide(inquiry, context):
    proposed = [] if "plain" in inquiry.text else [
        Action(name="refund", arguments={"amount": float(inquiry.text.split()[-1])})]
    return Answer(output=Routing(queue="refunds"), confidence=0.9, actions=proposed)
"""
RULES = """
actions:
  - {name: small, action: refund, when: action.amount <= 20.0, decide: allow, reason: small}
  - {name: huge, action: refund, when: action.amount > 500.0, decide: refuse, reason: far too much}
"""


class TestActions:
    @pytest.fixture
    async def ledger(self, folders: Folders, request: pytest.FixtureRequest) -> Ledger:
        folders.write(ACTING, rules=RULES)
        return Ledger()

    async def ready(self, app: App, ledger: Ledger, **more: Any) -> None:
        declared(app).action("refund", Refund, to=ledger, effect="irreversible", **more)
        await stand(app, reference_rate=0.0)

    async def test_rules_allow_ask_or_refuse(self, ledger: Ledger, app: App) -> None:
        await self.ready(app, ledger)
        assert (await decide(app, "refund 10")).routed.route is Route.AUTOMATIC
        assert (await decide(app, "refund 100")).routed.route is Route.AUTOMATIC
        refused = await decide(app, "refund 1000")
        assert refused.routed.code is Reason.ACTION_REFUSED
        await pump(app)
        assert ledger.said("action") == [{"amount": 10.0}]
        [held] = [item for item in await all_of(app) if item.state is DeliveryState.HELD]
        assert held.reason == "no rule allows it by itself"
        await app.deliveries.resolve(
            held.id, "approve", person="ana", served=SERVED, content_hash=held.content_hash
        )
        await pump(app)
        assert [entry["amount"] for entry in ledger.said("action")] == [10.0, 100.0]

    @pytest.mark.parametrize(
        ("reviewer", "may_approve", "released"),
        [("rae", False, False), ("ana", True, True)],
    )
    async def test_accepting_approves_actions_by_who_may_approve(
        self, ledger: Ledger, app: App, reviewer: str, *, may_approve: bool, released: bool
    ) -> None:
        await self.ready(app, ledger)
        await stand(app, threshold=0.95, reference_rate=0.0)
        decision = await decide(app, "refund 100")
        await app.reviews.give(
            declared(app),
            decision.review_id or "",
            VerdictKind.ACCEPT,
            reviewer=reviewer,
            may_approve=may_approve,
        )
        await pump(app)
        result = await one(app)
        assert result.state is (DeliveryState.DELIVERED if released else DeliveryState.HELD)
        assert len(ledger.got) == released
        if not released:
            await app.deliveries.resolve(
                result.id, "approve", person="ana", served=SERVED, content_hash=result.content_hash
            )
            await pump(app)
        assert ledger.said("action") == [{"amount": 100.0}]

    async def test_what_is_not_declared_or_does_not_fit_is_no_answer(
        self, ledger: Ledger, app: App
    ) -> None:
        decision = await decide(app, "refund 10")
        assert decision.routed.code is Reason.INVALID_ANSWER
        assert "not declared" in decision.routed.reason

    async def test_a_daily_limit_holds_the_rest(self, ledger: Ledger, app: App) -> None:
        await self.ready(app, ledger, per_day=2)
        for number in range(4):
            await decide(app, f"refund {number}")
        await pump(app)
        states = [item.state for item in await all_of(app)]
        assert (states.count(DeliveryState.DELIVERED), states.count(DeliveryState.HELD)) == (2, 2)

    async def test_an_approval_binds_the_content_a_person_and_a_time(
        self, ledger: Ledger, app: App
    ) -> None:
        chat = Ledger()
        declared(app).approvals = Approvals(to=chat, within_hours=1.0)
        await self.ready(app, ledger)
        for number in (100, 101, 102):
            await decide(app, f"refund {number}")
        await pump(app)
        assert len(chat.got) == 3
        assert chat.said("links")[0][0]["url"].startswith(
            f"{app.settings.public_address()}/deliver"
        )
        first, second, third = [
            item for item in await all_of(app) if item.state is DeliveryState.HELD
        ]

        async def approve(delivery: Delivery, person: str, content_hash: str | None) -> None:
            await app.deliveries.resolve(
                delivery.id, "approve", person=person, served=SERVED, content_hash=content_hash
            )

        with pytest.raises(ApprovalError, match="not the content that would be sent"):
            await approve(first, "ana", second.content_hash)
        with pytest.raises(ApprovalError, match="your own request"):
            await approve(first, "tester", first.content_hash)
        with pytest.raises(UnknownDeliveryError):
            await app.deliveries.resolve(first.id, "approve", person="ana", served=())
        with pytest.raises(ApprovalError, match="does not resolve a delivery"):
            await app.deliveries.resolve(first.id, "whatever", person="ana", served=SERVED)
        await app.database.fetch(
            'UPDATE delivery SET content = content || \'{"action": {"amount": 9000}}\','
            " content_hash = 'edited' WHERE id = %(id)s",
            {"id": second.id},
        )
        with pytest.raises(ApprovalError):
            await approve(second, "ana", second.content_hash)
        await approve(first, "ana", first.content_hash)
        with pytest.raises(DeliveryStateError):
            await approve(first, "ben", first.content_hash)
        await app.database.fetch(
            "UPDATE delivery SET approve_until = now() - interval '1 minute' WHERE state = 'held'"
        )
        with pytest.raises(ApprovalError, match="so the delivery is refused"):
            await approve(third, "ana", third.content_hash)
        await pump(app)
        assert [entry["amount"] for entry in ledger.said("action")] == [100.0]
        ended = {element.id: element for element in await all_of(app)}
        assert ended[third.id].state is DeliveryState.REFUSED

    async def test_what_was_made_ready_since_it_was_looked_at_is_not_approved_unread(
        self, ledger: Ledger, app: App, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await self.ready(app, ledger)
        await decide(app, "refund 100")
        await pump(app)
        held, find = await one(app), app.deliveries._find

        async def before(delivery_id: str, served: Sequence[str]) -> Mapping[str, Any]:
            return {**await find(delivery_id, served), "key": None, "content_hash": None}

        monkeypatch.setattr(app.deliveries, "_find", before)
        with pytest.raises(DeliveryStateError, match="no longer what it was"):
            await app.deliveries.resolve(held.id, "approve", person="ana", served=SERVED)
        monkeypatch.undo()
        await pump(app)
        assert ledger.got == []
        assert (await one(app)).approved_by is None

    async def test_content_changed_after_approval_is_not_sent(
        self, ledger: Ledger, app: App
    ) -> None:
        await self.ready(app, ledger)
        await decide(app, "refund 100")
        await pump(app)
        held = await one(app)
        await app.deliveries.resolve(
            held.id, "approve", person="ana", served=SERVED, content_hash=held.content_hash
        )
        await app.database.fetch("UPDATE delivery SET content_hash = 'changed'")
        await pump(app)
        assert ledger.got == []

    @pytest.mark.parametrize(
        "change",
        [
            "content = jsonb_set(content, '{action,amount}', '9000')",
            "key = key || '-again'",
            "destination = 'other'",
        ],
    )
    async def test_content_changed_past_its_hash_is_not_sent_either(
        self, ledger: Ledger, app: App, change: str
    ) -> None:
        other = Ledger()
        declared(app).deliver("other", to=other, when="false")
        await self.ready(app, ledger)
        await decide(app, "refund 100")
        await pump(app)
        [held] = [item for item in await all_of(app) if item.state is DeliveryState.HELD]
        await app.deliveries.resolve(
            held.id, "approve", person="ana", served=SERVED, content_hash=held.content_hash
        )
        facts = {"id": held.id}
        await app.database.fetch(f"UPDATE delivery SET {change} WHERE id = %(id)s", facts)
        await pump(app)
        assert ledger.got == other.got == []
        [ended] = [entry for entry in await all_of(app) if entry.id == held.id]
        assert (ended.state, ended.reason) == (
            DeliveryState.FAILED,
            "What would be sent is not what was approved.",
        )

    async def test_odd_numbers_are_still_what_was_approved(self, ledger: Ledger, app: App) -> None:
        """The number as the database stores it is hashed, sent, and hashed again."""
        await self.ready(app, ledger)
        for amount in (
            "25e0",
            "100.10",
            "21.000000000000004",
            "499.99999999999994",
            "33.1234567890123456789",
        ):
            await decide(app, f"refund {amount}")
        await pump(app)
        held = [item for item in await all_of(app) if item.state is DeliveryState.HELD]
        for entry in held:
            await app.deliveries.resolve(
                entry.id, "approve", person="ana", served=SERVED, content_hash=entry.content_hash
            )
        await pump(app)
        assert len(held) == 5
        assert len(ledger.said("action")) == 5


class TestHalt:
    async def test_nothing_is_sent_until_two_people_agree(self, app: App) -> None:
        ledger = Ledger()
        declared(app).deliver("crm", to=ledger)
        await stand(app, reference_rate=0.0)
        await decide(app)
        halted = await app.halts.halt("triage", reason="wrong refunds", actor="ana")
        assert halted.fenced_seconds is not None
        assert halted.quiesced_seconds is not None
        await pump(app)
        assert ledger.got == []
        with pytest.raises(NotHaltedError):
            await app.halts.resume("nobody", actor="ana")
        asked = await app.halts.resume("triage", actor="ana")
        assert asked.resumed_at is None
        with pytest.raises(ResumeError, match="second person"):
            await app.halts.resume("triage", actor="ana")
        await pump(app)
        assert ledger.got == []
        resumed = await app.halts.resume("triage", actor="ben")
        assert (resumed.resume_asked_by, resumed.resumed_by) == ("ana", "ben")
        await pump(app)
        assert len(ledger.got) == 1

    async def test_what_is_under_way_is_listed_and_waited_for(self, app: App) -> None:
        ledger = Ledger(seconds=0.4)
        declared(app).deliver("crm", to=ledger)
        await stand(app, reference_rate=0.0)
        decision = await decide(app)
        await app.relay.round(declared(app))
        await app.relay.round(declared(app))
        halted = await app.halts.halt("triage", reason="a test", actor="ana")
        assert [item["task"] for item in halted.in_flight] == [decision.task_id]
        assert halted.fenced_seconds is not None
        assert halted.quiesced_seconds is not None
        assert halted.fenced_seconds < 0.2 < halted.quiesced_seconds
        assert len(ledger.got) == 1

    async def test_a_drill_goes_the_whole_way_and_stops_nothing(self, app: App) -> None:
        ledger = Ledger(seconds=0.2)
        declared(app).deliver("crm", to=ledger)
        await stand(app, reference_rate=0.0)
        await decide(app)
        await app.relay.round(declared(app))
        await app.relay.round(declared(app))
        drilled = await app.halts.drill("triage", actor="ana")
        assert drilled.kind == "drill"
        assert drilled.fenced_seconds is not None
        assert (drilled.quiesced_seconds or 0) > drilled.fenced_seconds
        assert await app.halts.standing("triage") is None
        assert await app.halts.last_drill("triage") == drilled.asked_at
        assert len(await app.halts.history("triage")) == 1

    async def test_the_clocks_of_reviewers_stand_still_meanwhile(self, app: App) -> None:
        async def moment() -> float:
            result = await late_before(app.database, app.clock, "triage", 72.0)
            return (app.clock.now() - result).total_seconds() / 3600.0

        assert await moment() == pytest.approx(72.0, abs=0.01)
        for hours, ended in ((80, 70), (75, 60), (10, 5)):
            await app.halts.halt("triage", reason="a test", actor="ana")
            await app.database.fetch(
                "UPDATE halt SET asked_at = now() - make_interval(hours => %(began)s),"
                " resumed_at = now() - make_interval(hours => %(ended)s)"
                " WHERE resumed_at IS NULL",
                {"began": hours, "ended": ended},
            )
        # 5 hours lately, and the 20 hours from 80 to 60 hours ago, which overlap.
        assert await moment() == pytest.approx(72.0 + 5.0 + 20.0, abs=0.01)

    async def test_all_can_be_stopped_at_once(self, app: App) -> None:
        result = await app.halts.halt_all(reason="everything", actor="ana")
        assert [halt.use_case for halt in result.halts] == ["triage"]
        assert result.failed == {}
        assert await app.halts.standing("triage") is not None


class TestDeclarations:
    def test_every_mistake_is_found(self, app: App) -> None:
        use_case = declared(app)
        use_case.deliver("crm", to=Ledger())
        wrong: list[tuple[Mapping[str, Any], str]] = [
            ({"name": "crm", "to": Ledger()}, "Two destinations"),
            ({"name": "Not A Name", "to": Ledger()}, "no name"),
            ({"name": "erp", "to": object()}, "no connector"),
            ({"name": "erp", "to": Ledger(), "key": "the-same"}, "same for every task"),
            ({"name": "erp", "to": Ledger(), "key": "{input.nothing}"}, "no field 'nothing'"),
            ({"name": "erp", "to": Ledger(), "key": "{secret}"}, "no such thing"),
            ({"name": "erp", "to": Ledger(), "key": "{task.id"}, "brace"),
            ({"name": "erp", "to": Ledger(), "when": "nonsense ="}, "cannot be used"),
            ({"name": "erp", "to": Ledger(), "when": "secrets.all"}, "sees only"),
            ({"name": "erp", "to": Ledger(), "after": "later"}, "not declared before"),
        ]
        for given, match in wrong:
            with pytest.raises(UseCaseError, match=match):
                use_case.deliver(**given)
        with pytest.raises(UseCaseError, match="taken back"):
            use_case.action("pay", Refund, to=Ledger(), effect="reversible")
        with pytest.raises(UseCaseError, match="below 1"):
            use_case.action("pay", Refund, to=Ledger(), effect="irreversible", per_task=0)


class TestWaiting:
    def test_waits_double_and_are_spread(self) -> None:
        assert retry_policy.backoff(1, 0.5) == 1.0
        assert retry_policy.backoff(5, 0.0) == 8.0
        assert retry_policy.backoff(40, 0.99) < 6 * 3600
        assert [circuits.circuit_pause(n) for n in (1, 4, 5, 6, 50)] == [0.0, 0.0, 5.0, 10.0, 300.0]

    def test_tries_run_out(self) -> None:
        from datetime import UTC, datetime

        def after(error: Exception, attempt: int) -> DeliveryState:
            now = datetime.now(UTC)
            return retry_policy.failed(
                error, Ledger(), attempt=attempt, first_sent_at=now, now=now, chance=0.5
            ).state

        assert after(TemporaryError("x"), retry_policy.MOST_TEMPORARY) is DeliveryState.FAILED
        assert after(ValueError("x"), retry_policy.MOST_UNKNOWN) is DeliveryState.UNKNOWN
