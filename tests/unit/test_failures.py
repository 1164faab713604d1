"""Failures: an outage delays everything, a fault of one item affects only that item."""

from __future__ import annotations

import random
import string
from typing import Any

import psycopg
import pytest
from psycopg_pool import PoolTimeout
from structlog.testing import capture_logs

from roadbed.app import App
from roadbed.deliveries import outbox
from roadbed.deliveries.model import DeliveryState
from roadbed.storage.database import passes
from roadbed.usecases.destinations import RefusedError
from tests.unit.test_decisions import decide
from tests.unit.test_deliveries import Ledger, all_of, at_once, pump
from tests.unit.test_trust import declared, stand

_CHANCE = random.Random(5)
LONG = "".join(_CHANCE.choices(string.ascii_letters + string.digits, k=6000))


def failure(sqlstate: str) -> Exception:
    return psycopg.errors.lookup(sqlstate)("it failed")


@pytest.mark.parametrize(
    "sqlstate",
    ["08006", "57P01", "57P03", "53100", "53200", "53300", "40001", "40P01", "55P03", "57014"],
)
def test_an_outage_passes(sqlstate: str) -> None:
    assert passes(failure(sqlstate))


@pytest.mark.parametrize("sqlstate", ["22P05", "22003", "23505", "42601", "54000", "53400"])
def test_an_items_own_fault_does_not_pass(sqlstate: str) -> None:
    assert not passes(failure(sqlstate))


def test_what_has_no_sqlstate_passes_if_it_is_about_the_connection() -> None:
    assert passes(psycopg.OperationalError("server closed the connection"))
    assert passes(PoolTimeout("none within 10 s"))
    assert not passes(ValueError("no JSON"))
    assert not passes(psycopg.DataError("PostgreSQL text fields cannot contain NUL"))


class TestDeliveries:
    async def test_a_key_of_any_length_is_sent_and_repeats_are_known(self, app: App) -> None:
        ledger = Ledger()
        declared(app).deliver("crm", to=ledger, key="{input.text}", in_order_of="{input.text}")
        await stand(app, reference_rate=0.0)
        await decide(app, LONG)
        await decide(app, LONG)
        await decide(app, LONG[:-1])
        await pump(app)
        assert [delivery.state for delivery in await all_of(app)] == [
            DeliveryState.DELIVERED,
            DeliveryState.SKIPPED,
            DeliveryState.DELIVERED,
        ]
        first, second = (request.key for request in ledger.got)
        assert first == outbox.bounded(LONG)
        assert first.startswith(LONG[:100])
        assert len(first) < 200
        assert first != second

    async def test_a_short_key_stays_as_it_is(self) -> None:
        assert outbox.bounded("x" * 1000) == "x" * 1000
        assert len(outbox.bounded("é" * 501)) < 200
        assert outbox.bounded("\ud800" * 400) != outbox.bounded("\ud801" * 400)

    async def test_one_that_cannot_be_made_ready_is_held_and_the_others_go(
        self, app: App, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ledger = Ledger()
        declared(app).deliver("crm", to=ledger)
        await stand(app, reference_rate=0.0)
        for number in range(5):
            await decide(app, f"number {number}")
        # The database refuses this key at any length: limits do not catch everything.
        monkeypatch.setattr(outbox, "bounded", lambda key: key)
        rows = await all_of(app)
        prepare = outbox.prepare

        def odd(usecase: Any, row: Any) -> Any:
            result = prepare(usecase, row)
            if row["id"] == rows[2].id:
                object.__setattr__(result, "key", LONG)
            return result

        monkeypatch.setattr(outbox, "prepare", odd)
        with capture_logs() as logged:
            await pump(app)
        states = [delivery.state for delivery in await all_of(app)]
        assert (
            states
            == [DeliveryState.DELIVERED] * 2 + [DeliveryState.HELD] + [DeliveryState.DELIVERED] * 2
        )
        held = (await all_of(app))[2]
        assert "could not be prepared" in (held.reason or "")
        assert "index row" in (held.reason or "")
        [line] = [line for line in logged if "not prepared" in line["event"]]
        assert line["usecase"] == "triage"
        assert line["destination"] == "crm"

    async def test_approved_again_it_is_tried_again(
        self, app: App, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ledger = Ledger()
        declared(app).deliver("crm", to=ledger)
        await stand(app, reference_rate=0.0)
        await decide(app)
        with monkeypatch.context() as patch:
            patch.setattr(outbox, "prepare", lambda usecase, row: row["none"])
            await pump(app)
        [held] = await all_of(app)
        assert held.state is DeliveryState.HELD
        await app.deliveries.resolve(held.id, "approve", person="ana", served=["triage"])
        await pump(app)
        assert (await all_of(app))[0].state is DeliveryState.DELIVERED

    async def test_an_outcome_is_recorded_whatever_the_receiver_says(self, app: App) -> None:
        ledger = Ledger(trouble=[RefusedError("no:\0 \ud800 never")])
        declared(app).deliver("crm", to=ledger)
        await stand(app, reference_rate=0.0)
        await decide(app)
        await pump(app)
        assert (await all_of(app))[0].state is DeliveryState.FAILED

    async def test_one_lost_delivery_that_cannot_be_settled_stops_no_other(
        self, app: App, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ledger = Ledger()
        declared(app).deliver("crm", to=ledger)
        await stand(app, reference_rate=0.0)
        for number in range(2):
            await decide(app, f"number {number}")
        await app.relay._prepare(declared(app))
        first = (await all_of(app))[0]
        await app.database.fetch(
            "UPDATE delivery SET state = 'sending', lease_until = now(), first_sent_at = now(), "
            "attempt = 1 WHERE id = %(id)s",
            {"id": first.id},
        )
        finished = app.relay._finished

        async def refused(row: Any, *more: Any) -> None:
            if row["id"] == first.id:
                raise ValueError("it is odd")
            await finished(row, *more)

        monkeypatch.setattr(app.relay, "_finished", refused)
        with capture_logs() as logged:
            await pump(app)
            await at_once(app)
        assert len(ledger.got) == 1
        assert [line["event"] for line in logged] == ["lost delivery not processed"]
