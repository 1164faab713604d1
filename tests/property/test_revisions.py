"""In any order of events, the receiver's ledger ends with the last result, once."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from roadbed.app import App
from roadbed.decisions.model import Decision
from roadbed.deliveries.errors import DeliveryStateError
from roadbed.deliveries.model import Delivery, DeliveryState
from roadbed.reviews.errors import ReviewClosedError, ReviewSupersededError
from roadbed.reviews.model import VerdictKind
from roadbed.usecases.destinations import (
    DeliveryRequest,
    EgressClient,
    Sent,
    TemporaryError,
    UnknownOutcomeError,
)
from tests.conftest import Folders
from tests.unit.test_deliveries import SERVED, at_once, pump
from tests.unit.test_revisions import BY_WORD, REFUSING, SOURCE
from tests.unit.test_trust import declared, stand

TEXTS = ["to a", "to b", "to c", "also to a", "unsure", "very unsure", "it is casino"]
OPEN = (
    DeliveryState.PLANNED,
    DeliveryState.WAITING,
    DeliveryState.SENDING,
    DeliveryState.UNKNOWN,
    DeliveryState.COMPENSATING,
)


@dataclass
class Book:
    """A receiver with its own ledger, which knows keys, loses responses and is often busy."""

    chance: random.Random
    key_horizon: timedelta | None = timedelta(hours=24)
    can_look_up: bool = False
    can_compensate: bool = True
    kind: str = "book"
    trouble: float = 0.3
    made: dict[str, Any] = field(default_factory=dict)
    undone: set[str] = field(default_factory=set)
    times: int = 0

    def problems(self) -> Sequence[str]:
        return ()

    async def send(self, request: DeliveryRequest, egress: EgressClient) -> Sent:
        await asyncio.sleep(self.chance.choice([0.0, 0.005]))
        luck = self.chance.random() / self.trouble if self.trouble else 9.0
        if luck < 0.4:
            raise TemporaryError("busy")
        if luck < 0.6:
            raise UnknownOutcomeError("nothing came back, and nothing was made")
        self.times += request.key not in self.made
        self.made.setdefault(request.key, request.content)
        if luck < 1.0:
            raise UnknownOutcomeError("nothing came back")
        return Sent(reference=request.key)

    async def look_up(self, request: DeliveryRequest, egress: EgressClient) -> Sent | None:
        raise AssertionError

    async def compensate(self, request: DeliveryRequest, sent: Sent, egress: EgressClient) -> Sent:
        key = request.key.removesuffix(":back")
        assert key in self.made
        self.undone.add(key)
        return sent

    def standing(self, first: str) -> list[str]:
        """Effects of a task that exist and were not taken back."""
        return [
            str(content["output"]["queue"])
            for key, content in self.made.items()
            if key not in self.undone and content["task"]["id"] == first
        ]


@dataclass
class World:
    """Random actions of people and senders."""

    app: App
    book: Book
    chance: random.Random
    tasks: list[str] = field(default_factory=list)
    last_words: dict[str, str | None] = field(default_factory=dict)

    async def submit(self) -> None:
        text = self.chance.choice(TEXTS)
        admission, running = await self.app.decisions.submit(
            "triage", {"text": text}, key=None, source=SOURCE
        )
        assert running is not None
        self.tasks.append(admission.task.id)
        self.told(await running)

    async def revise(self) -> None:
        if self.tasks:
            admission, running = await self.app.decisions.revise(
                "triage",
                self.chance.choice(self.tasks),
                {"text": self.chance.choice(TEXTS)},
                source=SOURCE,
            )
            assert running is not None or admission.repeated
            if running is not None:
                self.told(await running)

    def told(self, decision: Decision | None) -> None:
        assert decision is not None
        if decision.routed.route == "automatic":
            self.last_words[decision.task_id] = str((decision.output or {})["queue"])
        elif decision.routed.route == "refused":
            self.last_words[decision.task_id] = None

    async def judge(self) -> None:
        waiting = await self.app.reviews.queue("triage", reviewer="rae")
        if waiting:
            review = self.chance.choice(waiting)
            queue = self.chance.choice(["a", "b", None])
            kind = VerdictKind.REJECT if queue is None else VerdictKind.CORRECT
            output = None if queue is None else {"queue": queue}
            with suppress(ReviewClosedError, ReviewSupersededError):
                await self.app.reviews.give(
                    declared(self.app), review.id, kind, reviewer="rae", output=output
                )
                self.last_words[review.task_id] = queue

    async def send(self) -> None:
        await at_once(self.app)
        await pump(self.app, 2)

    async def look_there(self) -> None:
        """People resolve unknown deliveries truthfully and approve waiting ones."""
        for delivery in await self.all_of():
            if delivery.state is DeliveryState.UNKNOWN:
                there = delivery.key in self.book.made
                await self.say(delivery, "happened" if there else "did-not-happen")
            elif delivery.state is DeliveryState.HELD and delivery.kind != "approval":
                await self.say(delivery, "approve")

    async def say(self, delivery: Delivery, what: str) -> None:
        with suppress(DeliveryStateError):
            await self.app.deliveries.resolve(
                delivery.id, what, person="ana", served=SERVED, content_hash=delivery.content_hash
            )

    async def all_of(self) -> Sequence[Delivery]:
        return await self.app.deliveries.list("triage", most=1000)

    async def end(self) -> None:
        """No new input; all open work is done."""
        self.book.trouble = 0.0
        for _ in range(60):
            await self.app.database.fetch("DELETE FROM circuit")
            await self.judge()
            await self.look_there()
            await self.send()
            waiting = (await self.app.reviews.waiting("triage"))["waiting"]
            going = [item for item in await self.all_of() if item.state in OPEN]
            back = await self.app.database.fetch("SELECT id FROM delivery WHERE take_back")
            if not (waiting or going or back):
                return
        raise AssertionError(going or back)

    async def said_last(self, first: str) -> str | None:
        """The final result of the newest revision."""
        [row] = await self.app.database.fetch(
            "SELECT id FROM task WHERE id = %(id)s OR revises = %(id)s"
            " ORDER BY revision DESC LIMIT 1",
            {"id": first},
        )
        return self.last_words[row["id"]]


@pytest.mark.parametrize("seed", range(8))
async def test_what_was_said_last_is_there_once(app: App, folders: Folders, seed: int) -> None:
    chance = random.Random(seed)
    declared(app).on_revision = "re-decide"
    book = Book(chance=chance)
    declared(app).deliver("book", to=book)
    await stand(app, reference_rate=0.0)
    world = World(app=app, book=book, chance=chance)
    await world.submit()
    deeds = [world.submit, world.revise, world.revise, world.judge, world.send, world.look_there]
    for _ in range(25):
        await asyncio.gather(*(deed() for deed in chance.choices(deeds, k=3)))
    await world.end()
    for first in world.tasks:
        last = await world.said_last(first)
        assert book.standing(first) == ([] if last is None else [last]), first
    assert book.times == len(book.made)
    [gaps] = await app.database.fetch(
        "SELECT count(*) AS n FROM (SELECT max(revision) - count(*) AS gap FROM task"
        " GROUP BY coalesce(revises, id)) AS chain WHERE gap <> 0"
    )
    assert gaps["n"] == 0


@pytest.mark.parametrize("seed", range(4))
async def test_where_people_are_asked_nothing_moves_by_itself(
    app: App, folders: Folders, seed: int
) -> None:
    chance = random.Random(seed)
    declared(app).on_revision = "ask"
    book = Book(chance=chance, trouble=0.0)
    declared(app).deliver("book", to=book)
    await stand(app, reference_rate=0.0)
    world = World(app=app, book=book, chance=chance)
    for _ in range(4):
        await world.submit()
    await world.send()
    before = {first: book.standing(first) for first in world.tasks}
    for _ in range(12):
        await asyncio.gather(world.revise(), world.send())
    assert {first: book.standing(first) for first in world.tasks} == before
    await world.end()
    for first in world.tasks:
        assert len(book.standing(first)) <= 1


@pytest.fixture(autouse=True)
def _by_word(folders: Folders) -> None:
    folders.write(BY_WORD, rules=REFUSING)
