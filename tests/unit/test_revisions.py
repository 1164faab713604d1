"""A decision belongs to a task and a revision: corrected input, and what becomes of effects."""

from __future__ import annotations

from typing import Any

import pytest

from roadbed.bootstrap import App
from roadbed.decisions.model import Decision
from roadbed.deliveries.model import Delivery, State
from tests.conftest import Folders
from tests.unit.test_decisions import decide
from tests.unit.test_deliveries import SERVED, Ledger, pump
from tests.unit.test_trust import declared, stand

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
    await app.deliveries.say(
        delivery.id, "approve", person=person, served=SERVED, content_hash=delivery.content_hash
    )


async def of(app: App, task_id: str) -> list[Delivery]:
    return list(await app.deliveries.of_task(task_id))


async def effects(app: App, task_id: str) -> str | None:
    [row] = await app.database.fetch("SELECT effects FROM task WHERE id = %(id)s", {"id": task_id})
    found: str | None = row["effects"]
    return found


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
        assert (sent.state, sent.kind) == (State.DELIVERED, "correction")
        assert sent.key == f"{first.task_id}:revision:2"
        assert ledger.said("task")[1] == {"id": first.task_id, "key": "order-7", "revision": 2}
        assert {each.state for each in await of(app, first.task_id)} == {
            State.COMPENSATED,
            State.DELIVERED,  # the taking back itself
        }

    async def test_what_was_not_sent_yet_is_not_sent(self, app: App) -> None:
        ledger = Ledger()
        declared(app).deliver("crm", to=ledger)
        await automatic(app)
        first = await decide(app, "to returns")
        second = await revise(app, first.task_id, "to billing")
        await pump(app)
        assert queues(ledger) == ["billing"]
        assert [each.state for each in await of(app, first.task_id)] == [State.CANCELLED]
        [sent] = await of(app, second.task_id)
        assert (sent.state, sent.kind) == (State.DELIVERED, "result")

    async def test_what_cannot_be_taken_back_is_a_persons_question(self, app: App) -> None:
        ledger = Ledger()
        declared(app).deliver("crm", to=ledger)
        await automatic(app)
        first = await decide(app, "to returns")
        await pump(app)
        second = await revise(app, first.task_id, "to billing")
        await pump(app)
        [held] = await of(app, second.task_id)
        assert (held.state, held.kind) == (State.HELD, "correction")
        assert "is there" in (held.reason or "")
        assert queues(ledger) == ["returns"]
        await approve(app, held)
        await pump(app)
        assert queues(ledger) == ["returns", "billing"]
        assert len({parcel.key for parcel in ledger.got}) == 2
