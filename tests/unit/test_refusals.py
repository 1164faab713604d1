"""A destination that refuses everything: the pod is told once, and all of it is sent again."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from roadbed.app import App
from roadbed.connectors.responses import accept
from roadbed.deliveries import approvals
from roadbed.deliveries.errors import UnknownDestinationError
from roadbed.deliveries.model import DeliveryState
from roadbed.kernel.clock import SystemClock
from roadbed.usecases.destinations import RefusedError, Response
from tests.unit.test_changed_verdicts import in_state, say, undo
from tests.unit.test_decisions import decide
from tests.unit.test_deliveries import SERVED, Ledger, pump
from tests.unit.test_trust import declared, stand


@pytest.fixture
async def ledger(app: App) -> Ledger:
    result = Ledger()
    declared(app).deliver("crm", to=result)
    await stand(app, reference_rate=0.0)
    return result


async def told(app: App) -> list[str]:
    return [notice.text for notice in await app.notices.list("triage")]


async def refused(app: App, ledger: Ledger, *causes: str | None) -> None:
    """One delivery for each cause, which the receiver refuses with it."""
    ledger.trouble = [RefusedError("It answered so.", cause=cause) for cause in causes]
    for number in range(len(causes)):
        await decide(app, f"number {number}")
    await pump(app)
    assert ledger.trouble == []


@pytest.mark.parametrize(("status", "cause"), [(401, "401"), (403, "403"), (404, "404")])
def test_what_would_refuse_everything_is_told_from_what_refuses_one(
    status: int, cause: str
) -> None:
    now = SystemClock().now()
    with pytest.raises(RefusedError) as caught:
        accept(Response(status=status, headers={}, body=b"no"), now)
    assert caught.value.cause == cause
    with pytest.raises(RefusedError) as caught:
        accept(Response(status=422, headers={}, body=b"no"), now)
    assert caught.value.cause is None


class TestTheNotice:
    async def test_is_one_for_each_destination_and_cause(self, app: App, ledger: Ledger) -> None:
        await refused(app, ledger, "401", "401", "403", None, "401")
        assert len(await in_state(app, DeliveryState.FAILED)) == 5
        first, second = sorted(await told(app))
        assert "nothing reaches crm: it answers 401" in first
        assert "it answers 403" in second
        assert "roadbed deliver replay triage --destination crm" in first

    async def test_is_over_once_nothing_that_failed_so_is_left(
        self, app: App, ledger: Ledger
    ) -> None:
        await refused(app, ledger, "401", "403")
        failed = await in_state(app, DeliveryState.FAILED)
        await app.deliveries.resolve(failed[0].id, "cancel", person="ana", served=SERVED)
        assert len(await told(app)) == 1
        await app.deliveries.replay("triage", "crm", person="ana")
        assert await told(app) == []
        await pump(app)
        assert len(ledger.got) == 1
        await refused(app, ledger, "401")  # again is told again
        assert len(await told(app)) == 1

    async def test_is_over_where_the_verdict_is_taken_back(self, app: App, ledger: Ledger) -> None:
        await stand(app, state="shadow", threshold=None)
        decision = await decide(app)
        ledger.trouble = [RefusedError("It answered 404.", cause="404")]
        await say(app, decision, "repairs")
        await pump(app)
        assert len(await told(app)) == 1
        await undo(app, decision)
        await pump(app)
        assert await told(app) == []


class TestReplay:
    async def test_sends_again_what_failed_there_since_then(self, app: App, ledger: Ledger) -> None:
        await refused(app, ledger, "404", "404", "404")
        old = (await in_state(app, DeliveryState.FAILED))[0]
        await app.database.fetch(
            "UPDATE delivery SET done_at = done_at - interval '2 hours' WHERE id = %(id)s",
            {"id": old.id},
        )
        since = app.clock.now() - timedelta(hours=1)
        count = await app.deliveries.replay("triage", "crm", person="ana", since=since, note="up")
        assert count == 2
        await pump(app)
        assert len(ledger.got) == 2
        assert [delivery.id for delivery in await in_state(app, DeliveryState.FAILED)] == [old.id]
        rows = await app.database.fetch(
            "SELECT actor, detail ->> 'said' AS said FROM audit_entry WHERE kind = 'delivery'"
        )
        assert [(row["actor"], row["said"]) for row in rows] == [("ana", "replay")] * 2

    async def test_nothing_else_is_touched(self, app: App, ledger: Ledger) -> None:
        await decide(app, "sent")
        await pump(app)
        assert await app.deliveries.replay("triage", "crm", person="ana") == 0
        with pytest.raises(UnknownDestinationError):
            await app.deliveries.replay("triage", "erp", person="ana")

    async def test_what_fails_again_meanwhile_is_taken_once(
        self, app: App, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await refused(app, ledger, "401", "401", "401")
        monkeypatch.setattr(approvals, "_REPLAYED_AT_ONCE", 1)
        await app.database.fetch(
            "CREATE FUNCTION fails() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN NEW.state := 'failed'; RETURN NEW; END $$"
        )
        await app.database.fetch(
            "CREATE TRIGGER at_once BEFORE UPDATE ON delivery FOR EACH ROW EXECUTE FUNCTION fails()"
        )
        async with asyncio.timeout(60):
            assert await app.deliveries.replay("triage", "crm", person="ana") == 3
