"""People do not judge what they sent, wrote or corrected, on any path."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import pytest

from roadbed.app import App
from roadbed.decisions.model import Decision
from roadbed.deliveries.errors import ApprovalError
from roadbed.deliveries.model import DeliveryState
from roadbed.people.duties import Bar, Parties, bar
from roadbed.reviews.errors import OwnTaskError, ReviewTakenError
from roadbed.reviews.model import Review, VerdictKind
from tests.conftest import Folders
from tests.unit.test_deliveries import ACTING, SERVED, Ledger, Refund, one, pump
from tests.unit.test_trust import declared, stand

NAMES: Sequence[tuple[str, ...]] = ((), ("ana",), ("ben",), ("ana", "ben"))
LINKERS = (None, "ben", "eve")
ONLY = (None, "ana", "ben")


class TestSqlAndPythonAgree:
    """The function and its twin in the database."""

    async def test_say_the_same_of_every_case(self, app: App) -> None:
        cases = list(itertools.product(NAMES, NAMES, NAMES, NAMES, LINKERS, ONLY))
        rows = await app.database.fetch(
            "SELECT n, may_decide('ana', linker, senders, authors, correctors, knows, only_for) AS"
            " may FROM jsonb_to_recordset(%(cases)s::jsonb) AS asked (n integer, linker text,"
            " senders text[], authors text[], correctors text[], knows text[], only_for text)"
            " ORDER BY n",
            {"cases": _as_json(cases)},
        )
        assert len(rows) == len(cases) == 4**4 * 9
        for row, (senders, authors, correctors, knows, linker, only) in zip(
            rows, cases, strict=True
        ):
            parties = Parties(
                senders=senders, authors=authors, correctors=correctors, knows=knows, only=only
            )
            why = bar("ana", parties, linker=linker)
            assert row["may"] is (why is None), (parties, linker)

    def test_the_first_reason_is_named(self) -> None:
        assert bar("ana", Parties(senders=["ana"], knows=["ana"])) is Bar.SENT
        assert bar("ana", Parties(authors=["ana"])) is Bar.WROTE
        assert bar("ana", Parties(correctors=["ben"]), linker="ben") is Bar.CORRECTED
        assert bar("ana", Parties(knows=["ana"])) is Bar.KNOWS
        assert bar("ana", Parties(only="ben"), linker="ben") is Bar.RESERVED
        assert bar("ana", Parties(only="ana")) is None


def _as_json(cases: Sequence[tuple[object, ...]]) -> str:
    import json

    names = ("senders", "authors", "correctors", "knows", "linker", "only_for")
    rows = [{"n": n, **dict(zip(names, case, strict=True))} for n, case in enumerate(cases)]
    return json.dumps(rows)


async def sent(app: App, text: str, by: str) -> Decision:
    _, running = await app.decisions.submit(
        "triage", {"text": text}, key=None, source={"surface": "test", "by": by}
    )
    assert running is not None
    decision = await running
    assert decision is not None
    return decision


async def revised(app: App, task_id: str, text: str, by: str) -> Decision:
    _, running = await app.decisions.revise(
        "triage", task_id, {"text": text}, source={"surface": "test", "by": by}, reason=None
    )
    assert running is not None
    decision = await running
    assert decision is not None
    return decision


async def picks(app: App, person: str, linker: str | None = None) -> list[str]:
    """The queue and the next claim, which must be equal."""
    listed = await app.reviews.queue("triage", reviewer=person, linker=linker, free_only=True)
    claimed = await app.reviews.claim_next("triage", reviewer=person, linker=linker, most=50)
    assert {review.id for review in listed} == {review.id for review in claimed}
    await app.database.fetch("UPDATE review SET claimed_by = NULL, claim_until = NULL")
    return [review.task_id for review in claimed]


async def refused(app: App, review_id: str, person: str, linker: str | None = None) -> None:
    """Neither a claim nor a verdict is taken, and both say why."""
    with pytest.raises(OwnTaskError, match="another person has to review it"):
        await app.reviews.claim(review_id, reviewer=person, linker=linker)
    with pytest.raises(OwnTaskError):
        await app.reviews.give(
            declared(app), review_id, VerdictKind.REJECT, reviewer=person, linker=linker
        )
    assert (await app.reviews.get(review_id)).closed_at is None


class TestReviews:
    async def test_the_sender_gets_other_peoples_tasks_only(self, app: App) -> None:
        own, other = await sent(app, "unsure 1", "rae"), await sent(app, "unsure 2", "kim")
        assert await picks(app, "rae") == [other.task_id]
        assert await picks(app, "kim") == [own.task_id]
        assert set(await picks(app, "sol")) == {own.task_id, other.task_id}
        await refused(app, own.review_id or "", "rae")
        await app.reviews.claim(own.review_id or "", reviewer="kim")

    async def test_so_does_who_sent_a_corrected_input_of_it(self, app: App) -> None:
        await app.database.fetch("UPDATE use_case SET reference_rate = 1.0")
        await app.deployments.refresh("triage")
        first = await sent(app, "take it back", "shop")
        second = await revised(app, first.task_id, "take it all back", "rae")
        assert await picks(app, "rae") == await picks(app, "shop") == []
        for decision in (first, second):
            await refused(app, decision.review_id or "", "rae")
            await refused(app, decision.review_id or "", "shop")
        assert set(await picks(app, "kim")) == {first.task_id, second.task_id}

    async def test_and_people_whom_the_sender_let_in(self, app: App) -> None:
        own = await sent(app, "unsure", "boss")
        assert await picks(app, "rae", linker="boss") == []
        await refused(app, own.review_id or "", "rae", linker="boss")
        assert await picks(app, "rae") == [own.task_id]

    async def test_a_review_claimed_before_is_not_judged_by_its_sender(self, app: App) -> None:
        own = await sent(app, "unsure", "shop")
        held: Review = await app.reviews.claim(own.review_id or "", reviewer="rae")
        await app.database.fetch(
            'UPDATE task SET source = source || \'{"by": "rae"}\' WHERE id = %(id)s',
            {"id": own.task_id},
        )
        # The data read with the claim is kept; the database checks again.
        with pytest.raises(OwnTaskError):
            await app.reviews.give(declared(app), held.id, VerdictKind.REJECT, reviewer="rae")

    async def test_one_that_is_reserved_is_taken(self, app: App) -> None:
        own = await sent(app, "unsure", "shop")
        await app.database.fetch("UPDATE review SET reserved_for = 'ana'")
        with pytest.raises(ReviewTakenError, match="for another person"):
            await app.reviews.claim(own.review_id or "", reviewer="rae")


class TestApprovals:
    @pytest.fixture
    def folders(self, folders: Folders) -> Folders:
        folders.write(ACTING)
        return folders

    async def held(self, app: App) -> tuple[str, str]:
        """A refund that waits for an approval: sent by ``shop``, accepted by ``rae``."""
        declared(app).action("refund", Refund, to=Ledger(), effect="irreversible")
        await stand(app, threshold=0.95, reference_rate=0.0)
        decision = await sent(app, "refund 100", "shop")
        await app.reviews.give(
            declared(app), decision.review_id or "", VerdictKind.ACCEPT, reviewer="rae"
        )
        await pump(app)
        result = await one(app)
        assert result.state is DeliveryState.HELD
        return decision.task_id, result.id

    async def approve(self, app: App, delivery_id: str, person: str) -> None:
        result, _ = await app.deliveries.get(delivery_id, served=SERVED)
        await app.deliveries.resolve(
            delivery_id, "approve", person=person, served=SERVED, content_hash=result.content_hash
        )

    async def test_neither_sender_nor_reviewer_approves(self, app: App) -> None:
        _, delivery_id = await self.held(app)
        for person in ("shop", "rae"):
            with pytest.raises(ApprovalError, match="cannot approve your own request"):
                await self.approve(app, delivery_id, person)
        await self.approve(app, delivery_id, "ana")

    async def test_nor_who_sent_a_corrected_input_meanwhile(self, app: App) -> None:
        task_id, delivery_id = await self.held(app)
        declared(app).on_revision = "note"
        await app.decisions.revise(
            "triage",
            task_id,
            {"text": "refund 101"},
            source={"surface": "test", "by": "ana"},
            reason=None,
        )
        with pytest.raises(ApprovalError):
            await self.approve(app, delivery_id, "ana")
