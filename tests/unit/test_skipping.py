"""Skipped reviews, undo, and repeated requests."""

from __future__ import annotations

from typing import Any

import pytest

from roadbed.app import App
from roadbed.decisions.model import Decision
from roadbed.reviews.errors import (
    NothingToUndoError,
    ReviewClosedError,
    ReviewTakenError,
    UnknownReviewError,
)
from roadbed.reviews.model import RecordedVerdict, VerdictKind
from tests.unit.test_decisions import decide
from tests.unit.test_deliveries import Ledger, all_of, pump
from tests.unit.test_trust import declared, stand


@pytest.fixture
async def asked(app: App) -> App:
    """Nothing is automatic, and nothing is blind."""
    await stand(app, threshold=None, state="shadow", reference_rate=0.0)
    return app


@pytest.fixture
async def reviewers(asked: App) -> App:
    """Two people review here; a third one may only look."""
    for name, role in (("rae", "reviewer"), ("kim", "reviewer"), ("vic", "viewer")):
        await asked.members.add(name, by="test")
        await asked.members.grant(name, "triage", role, by="test")
    return asked


async def claimed(app: App, reviewer: str, most: int = 1) -> list[tuple[str, bool]]:
    result = await app.reviews.claim_next("triage", reviewer=reviewer, most=most)
    return [(review.id, review.left) for review in result]


async def give(app: App, decision: Decision, kind: str = "correct", **more: Any) -> RecordedVerdict:
    usual: dict[str, Any] = {"reviewer": "rae"}
    if kind == "correct":
        usual["output"] = {"queue": "billing"}
    return await app.reviews.give(
        declared(app), decision.review_id or "", VerdictKind(kind), **(usual | more)
    )


async def skip(app: App, decision: Decision, reviewer: str) -> None:
    await app.reviews.skip(decision.review_id or "", reviewer=reviewer)


class TestLeftToOthers:
    async def test_what_others_can_take_is_not_offered_again(self, reviewers: App) -> None:
        await skip(reviewers, await decide(reviewers), "rae")
        assert await claimed(reviewers, "rae") == []

    async def test_reviews_that_all_skipped_come_last_to_those_who_skipped_them(
        self, reviewers: App
    ) -> None:
        first, second = await decide(reviewers), await decide(reviewers)
        await skip(reviewers, first, "rae")
        await skip(reviewers, first, "kim")
        assert await claimed(reviewers, "rae", 5) == [
            (second.review_id, False),
            (first.review_id, True),
        ]
        assert isinstance(await give(reviewers, first), RecordedVerdict)

    async def test_all_of_it_is_offered_in_turn(self, asked: App) -> None:
        left = [await decide(asked) for _ in range(3)]
        for decision in left:
            await asked.reviews.claim(decision.review_id or "", reviewer="rae")
            await skip(asked, decision, "rae")
        seen = []
        for _ in range(4):
            [(review, again)] = await claimed(asked, "rae")
            assert again
            seen.append(review)
            await asked.reviews.skip(review, reviewer="rae")
        assert seen == [decision.review_id for decision in [*left, left[0]]]

    async def test_what_a_page_claimed_ahead_comes_before_what_was_skipped_after_it(
        self, asked: App
    ) -> None:
        left = [await decide(asked) for _ in range(3)]
        first, second, third = (decision.review_id for decision in left)
        assert await claimed(asked, "rae", 2) == [(first, False), (second, False)]
        await skip(asked, left[0], "rae")
        await skip(asked, left[1], "rae")
        # The page of the second one asked for the next two while the second was being skipped.
        assert await claimed(asked, "rae", 2) == [(third, False), (first, True)]
        assert await claimed(asked, "rae", 2) == [(third, False), (first, True)]
        await skip(asked, left[2], "rae")
        assert await claimed(asked, "rae", 3) == [(first, True), (second, True), (third, True)]

    async def test_nobody_else_can_take_what_the_others_sent(self, reviewers: App) -> None:
        decision = await decide(reviewers)
        await reviewers.database.fetch('UPDATE task SET source = \'{"by": "kim"}\'')
        await skip(reviewers, decision, "rae")
        assert await claimed(reviewers, "rae") == [(decision.review_id, True)]

    async def test_a_removed_reviewer_can_take_nothing(self, reviewers: App) -> None:
        decision = await decide(reviewers)
        await skip(reviewers, decision, "rae")
        await reviewers.members.disable("kim", by="test")
        assert await claimed(reviewers, "rae") == [(decision.review_id, True)]


class TestTakenBack:
    async def test_the_person_who_skipped_it_has_it_again(self, reviewers: App) -> None:
        decision = await decide(reviewers)
        await skip(reviewers, decision, "rae")
        review = await reviewers.reviews.undo(decision.review_id or "", reviewer="rae")
        assert review.claimed_by == "rae"
        assert await claimed(reviewers, "rae") == [(decision.review_id, False)]

    async def test_unless_a_colleague_has_it_or_has_closed_it(self, reviewers: App) -> None:
        decision = await decide(reviewers)
        await skip(reviewers, decision, "rae")
        await reviewers.reviews.claim(decision.review_id or "", reviewer="kim")
        with pytest.raises(ReviewTakenError, match="kim"):
            await reviewers.reviews.undo(decision.review_id or "", reviewer="rae")
        await give(reviewers, decision, reviewer="kim")
        with pytest.raises(ReviewClosedError):
            await reviewers.reviews.undo(decision.review_id or "", reviewer="rae")

    async def test_what_was_not_left_cannot_be(self, reviewers: App) -> None:
        decision = await decide(reviewers)
        with pytest.raises(NothingToUndoError):
            await reviewers.reviews.undo(decision.review_id or "", reviewer="rae")
        with pytest.raises(UnknownReviewError):
            await reviewers.reviews.undo("rev_none", reviewer="rae")

    async def test_claiming_it_takes_it_back_too(self, reviewers: App) -> None:
        decision = await decide(reviewers)
        await skip(reviewers, decision, "rae")
        await reviewers.reviews.claim(decision.review_id or "", reviewer="rae")
        assert await claimed(reviewers, "rae") == [(decision.review_id, False)]


class TestSentTwice:
    @pytest.mark.parametrize("kind", ["accept", "correct", "reject"])
    async def test_the_same_verdict_is_answered_like_the_first(self, asked: App, kind: str) -> None:
        ledger = Ledger()
        declared(asked).deliver("crm", to=ledger)
        decision = await decide(asked)
        first = await give(asked, decision, kind, note="so it is")
        assert await give(asked, decision, kind, note="so it is") == first
        rows = await asked.database.fetch(
            "SELECT (SELECT count(*) FROM verdict) AS verdicts,"
            " (SELECT count(*) FROM example) AS examples,"
            " (SELECT count(*) FROM audit_entry WHERE kind = 'reviewed') AS entries"
        )
        assert dict(rows[0]) == {"verdicts": 1, "examples": 1, "entries": 1}
        await pump(asked, 3)
        assert len(await all_of(asked)) == (kind != "reject")

    @pytest.mark.parametrize(
        "other",
        [
            {"kind": "reject"},
            {"output": {"queue": "delivery"}},
            {"reviewer": "kim"},
            {"note": "another"},
            {"new_kind": True},
            {"actions": []},
        ],
    )
    async def test_another_one_is_refused(self, asked: App, other: dict[str, Any]) -> None:
        decision = await decide(asked)
        await give(asked, decision)
        with pytest.raises(ReviewClosedError):
            await give(asked, decision, **other)

    async def test_a_verdict_that_was_taken_back_is_given_anew(self, asked: App) -> None:
        decision = await decide(asked)
        first = await give(asked, decision)
        await asked.reviews.undo(decision.review_id or "", reviewer="rae")
        assert (await give(asked, decision)).verdict_id != first.verdict_id
