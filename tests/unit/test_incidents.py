"""One record of everything an incident touched; and erasure."""

from __future__ import annotations

from datetime import timedelta

import pytest
from pydantic_core import to_json

from roadbed.app import App
from roadbed.receipts.errors import ErasureError, IncidentError, UnknownTaskError
from tests.unit.test_decisions import decide
from tests.unit.test_deliveries import Ledger, pump
from tests.unit.test_trust import answer, declared, stand


async def test_it_names_every_receipt_and_effect_with_its_state(app: App) -> None:
    ledger = Ledger()
    declared(app).deliver("crm", to=ledger)
    await stand(app, reference_rate=0.0)
    before = app.clock.now()
    sent = await decide(app, "sent")
    await pump(app)
    await app.halts.halt("triage", reason="wrong refunds", actor="ana")
    waiting = await decide(app, "waiting")
    result = await app.incidents.collect(
        "triage", title="Wrong refunds", since=before, until=None, actor="ana"
    )
    assert {receipt["task"] for receipt in result["receipts"]} == {sent.task_id, waiting.task_id}
    assert [(effect["task_id"], effect["state"]) for effect in result["effects"]] == [
        (sent.task_id, "delivered")
    ]
    assert result["effects"][0]["attempts"][0]["outcome"] == "delivered"
    assert result["summary"] | {"by_state": None} == {
        "tasks": 2,
        "effects": 1,
        "by_state": None,
        "undone": 0,
        "still_open": 0,
    }
    assert result["halts"][0]["reason"] == "wrong refunds"
    assert result["pod"]["domain_lead"] == "ana"
    assert to_json(result)
    kinds = await app.database.fetch("SELECT kind FROM audit_entry ORDER BY position DESC LIMIT 1")
    assert kinds[0]["kind"] == "incident"


async def test_a_time_that_makes_no_sense_is_refused(app: App) -> None:
    now = app.clock.now()
    spans = (
        (now, now - timedelta(hours=1)),
        (now + timedelta(hours=1), None),
        (now.replace(tzinfo=None), None),
    )
    for since, until in spans:
        with pytest.raises(IncidentError, match="begins before it ends"):
            await app.incidents.collect("triage", title="x", since=since, until=until, actor="ana")
    with pytest.raises(IncidentError, match="not known"):
        await app.incidents.collect(
            "nobody", title="x", since=now - timedelta(hours=1), until=None, actor="ana"
        )


async def test_what_is_known_of_a_task_can_be_erased_and_the_log_stays_sound(app: App) -> None:
    ledger = Ledger()
    declared(app).deliver("crm", to=ledger)
    decision = await decide(app, "my name is Ada Lovelace")
    with pytest.raises(ErasureError):
        await app.erasure.erase(decision.task_id, by="ana", reason="asked for")
    await answer(app, decision, note="Ada Lovelace again")
    await pump(app)
    other = await decide(app, "somebody else")
    await app.audit.seal()
    assert await app.erasure.erase(decision.task_id, by="ana", reason="asked for") == 3
    await app.audit.seal()
    await app.audit.publish()
    result = await app.audit.verify()
    assert result.sound, result.findings
    for table in ("task", "decision", "verdict", "example", "delivery", "audit_entry"):
        rows = await app.database.fetch(f"SELECT * FROM {table}")
        assert "Lovelace" not in repr(rows), table
    assert (await app.receipts.get(other.task_id, viewer="x"))["input"] == {"text": "somebody else"}
    with pytest.raises(UnknownTaskError):
        await app.erasure.erase("tsk_nothing", by="ana", reason="x")
