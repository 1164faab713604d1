"""Blind labels stay blind, and withdrawn verdicts have no effect."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from roadbed.app import App
from roadbed.decisions.model import Decision
from roadbed.reviews.errors import NothingToUndoError, ReviewerCheckError, ReviewTakenError
from roadbed.reviews.model import VerdictKind
from tests.conftest import Folders
from tests.unit.test_decisions import decide
from tests.unit.test_reviewer_checks import correct, measures, review_some, tick, truth, waiting
from tests.unit.test_trust import EVEN, declared, stand

LOOKS = {"second_look_share": 1e-6, "check_share": 0.0}


@pytest.fixture(autouse=True)
def even(folders: Folders) -> None:
    folders.write(EVEN)


@pytest.fixture
def past(folders: Folders) -> None:
    rows = [
        {"input": {"text": f"number {n}"}, "output": {"queue": truth(f"number {n}")}}
        for n in range(1, 400)
    ]
    folders.write(EVEN, examples="\n".join(json.dumps(row) for row in rows))


async def standing(app: App, decision: Decision) -> list[Mapping[str, Any]]:
    """What counts as evidence for a task."""
    return list(
        await app.database.fetch(
            "SELECT output ->> 'queue' AS queue, reference, verdict.reviewer FROM example"
            " JOIN verdict ON verdict.id = verdict_id WHERE example.task_id = %(id)s"
            " AND withdrawn_at IS NULL AND undone_at IS NULL",
            {"id": decision.task_id},
        )
    )


async def labelled(app: App, *reviewers: str) -> None:
    """Make each a person who labels here."""
    for number, reviewer in enumerate(reviewers):
        await correct(
            app, (await decide(app, f"number {2 * number}")).review_id or "", "even", reviewer
        )


async def looked_at_twice(app: App, first: str, second: str) -> Decision:
    """An error in an automatic answer: ``first`` says "five", ``second`` says "odd"."""
    decision = await decide(app, "number 5")
    await correct(app, decision.review_id or "", "five", first)
    await tick(app, **LOOKS)
    [look] = await measures(app, "second")
    await correct(app, look["review_id"], "odd", second)
    await tick(app, **LOOKS)
    return decision


async def dispute(app: App) -> str:
    [case] = await measures(app, "lead")
    return str(case["review_id"])


class TestDecidingVerdict:
    async def test_taken_back_it_counts_for_nothing_and_the_next_one_is_carried(
        self, app: App
    ) -> None:
        await stand(app)
        await labelled(app, "rae", "sol", "kim")
        decision = await looked_at_twice(app, "rae", "sol")
        case = await dispute(app)
        await correct(app, case, "", "ana", VerdictKind.REJECT)
        await tick(app, **LOOKS)
        assert await standing(app, decision) == [
            {"queue": None, "reference": True, "reviewer": "ana"}
        ]
        await app.reviews.undo(case, reviewer="ana")
        assert await standing(app, decision) == []
        assert (await app.running_audit.audit(declared(app))).waiting == 1
        # It is not offered for labels during the dispute, and the receipt hides the answer.
        assert decision.review_id not in {review.id for review in await waiting(app, "kim")}
        receipt = await app.receipts.get(decision.task_id, viewer="kim")
        assert receipt["decision"]["hidden"]
        await tick(app, **LOOKS)
        assert await standing(app, decision) == []
        # She has seen the decider's answer: another person who knows neither label decides.
        for knowing in ("ana", "rae", "sol"):
            with pytest.raises(ReviewTakenError):
                await correct(app, case, "odd", knowing)
        await correct(app, case, "odd", "kim")
        await tick(app, **LOOKS)
        assert await standing(app, decision) == [
            {"queue": "odd", "reference": True, "reviewer": "kim"}
        ]
        [row] = await measures(app, "lead")
        assert row["passed"] is False
        assert (await app.running_audit.audit(declared(app))).wrong == 0

    async def test_the_next_one_may_agree_with_the_first_label(self, app: App) -> None:
        await stand(app)
        await labelled(app, "rae", "sol", "kim")
        decision = await looked_at_twice(app, "rae", "sol")
        case = await dispute(app)
        await correct(app, case, "odd", "ana")
        await tick(app, **LOOKS)
        await app.reviews.undo(case, reviewer="ana")
        await correct(app, case, "five", "kim")
        await tick(app, **LOOKS)
        assert await standing(app, decision) == [
            {"queue": "five", "reference": True, "reviewer": "kim"}
        ]

    async def test_it_is_taken_back_where_it_was_given(self, app: App) -> None:
        await stand(app)
        await labelled(app, "rae", "sol", "kim")
        decision = await looked_at_twice(app, "rae", "sol")
        await correct(app, await dispute(app), "odd", "ana")
        await tick(app, **LOOKS)
        with pytest.raises(NothingToUndoError):
            await app.reviews.undo(decision.review_id or "", reviewer="ana")

    async def test_one_taken_back_before_it_was_carried_is_not_carried(self, app: App) -> None:
        await stand(app)
        await labelled(app, "rae", "sol", "kim")
        decision = await looked_at_twice(app, "rae", "sol")
        case = await dispute(app)
        word = (await correct(app, case, "odd", "ana")).verdict_id
        await app.reviews.undo(case, reviewer="ana")
        assert not await app.reviews.overturn(
            declared(app), decision.review_id or "", word=word, by="ana", output={"queue": "odd"}
        )
        assert [row["queue"] for row in await standing(app, decision)] == ["five"]

    async def test_a_second_look_taken_back_is_compared_again(self, app: App) -> None:
        await stand(app)
        await labelled(app, "rae", "sol", "kim")
        await decide(app, "number 3")
        decision = await decide(app, "number 5")
        await correct(app, decision.review_id or "", "five", "rae")
        await tick(app, **LOOKS)
        [look] = await measures(app, "second")
        await correct(app, look["review_id"], "five", "sol")
        await tick(app, **LOOKS)
        await app.reviews.undo(look["review_id"], reviewer="sol")
        await correct(app, look["review_id"], "odd", "kim")
        await tick(app, **LOOKS)
        assert await dispute(app)


class TestABlindLabel:
    async def test_is_not_given_again_by_the_person_who_withdrew_it(self, app: App) -> None:
        await stand(app)
        decision = await decide(app, "number 5")
        review = decision.review_id or ""
        assert (await correct(app, review, "", "rae", VerdictKind.REJECT)).decided
        undone = await app.reviews.undo(review, reviewer="rae")
        assert (undone.blind, undone.claimed_by) == (True, None)
        assert await waiting(app, "rae") == []
        assert await app.reviews.claim_next("triage", reviewer="rae") == []
        for attempt in (
            app.reviews.claim(review, reviewer="rae"),
            correct(app, review, "odd", "rae"),
        ):
            with pytest.raises(ReviewTakenError, match="you already know an answer"):
                await attempt
        assert await standing(app, decision) == []
        await correct(app, review, "five", "sol")
        assert [row["reviewer"] for row in await standing(app, decision)] == ["sol"]

    async def test_nor_by_who_opened_the_receipt_while_it_stood(self, app: App) -> None:
        await stand(app)
        decision = await decide(app, "number 5")
        review = decision.review_id or ""
        await correct(app, review, "five", "rae")
        assert (await app.receipts.get(decision.task_id, viewer="sol"))["decision"]["output"]
        await app.reviews.undo(review, reviewer="rae")
        with pytest.raises(ReviewTakenError):
            await app.reviews.claim(review, reviewer="sol")
        await correct(app, review, "five", "kim")

    async def test_nor_a_second_time_by_who_opened_the_receipt_before(self, app: App) -> None:
        await stand(app)
        await labelled(app, "rae", "sol", "kim")
        decision = await decide(app, "number 5")
        await correct(app, decision.review_id or "", "five", "rae")
        await app.receipts.get(decision.task_id, viewer="sol")
        await tick(app, **LOOKS)
        [look] = await measures(app, "second")
        with pytest.raises(ReviewTakenError):
            await app.reviews.claim(look["review_id"], reviewer="sol")
        await correct(app, look["review_id"], "odd", "kim")
        await app.receipts.get(look["task_id"], viewer="ana")  # what kim said of it
        await tick(app, **LOOKS)
        assert await measures(app, "lead")

    async def test_one_that_is_late_comes_first_also_after_it_was_taken_back(
        self, app: App
    ) -> None:
        await stand(app)
        decision = await decide(app, "number 5")
        await correct(app, decision.review_id or "", "five", "rae")
        await app.reviews.undo(decision.review_id or "", reviewer="rae")
        await app.database.fetch("UPDATE review SET opened_at = opened_at - interval '9 days'")
        assert await app.running_audit.chase(declared(app)) == 1


@pytest.mark.usefixtures("past")
class TestAKnownCase:
    async def test_is_not_judged_again_after_its_answer_was_told(self, app: App) -> None:
        await review_some(app)
        await tick(app, check_share=0.2)
        case = (await measures(app, "check"))[0]
        given = await correct(app, case["review_id"], "", "sol", VerdictKind.ACCEPT)
        with pytest.raises(ReviewerCheckError):
            await app.reviews.undo(case["review_id"], reviewer="sol")
        [again] = [row for row in await measures(app, "check") if row["task_id"] == case["task_id"]]
        assert again["passed"] is given.passed


class TestWhoDecidesADispute:
    async def test_the_lead_is_spared_the_second_look_where_somebody_else_may_do_it(
        self, app: App
    ) -> None:
        await stand(app)
        await labelled(app, "ana", "rae", "sol")
        await app.members.add("sol", by="test")
        await app.members.grant("sol", "triage", "reviewer", by="test")
        decision = await decide(app, "number 5")
        await correct(app, decision.review_id or "", "five", "rae")
        await tick(app, **LOOKS)
        [look] = await measures(app, "second")
        assert await app.reviews.claim_next("triage", reviewer="ana") == []
        assert look["review_id"] in {review.id for review in await waiting(app, "sol")}

    async def test_one_who_gave_either_label_leaves_it_to_somebody_else(self, app: App) -> None:
        await stand(app)
        await labelled(app, "ana", "rae", "sol")
        await looked_at_twice(app, "rae", "ana")
        case = await dispute(app)
        for knowing in ("ana", "rae"):
            with pytest.raises(ReviewTakenError):
                await app.reviews.claim(case, reviewer=knowing)
        assert not (await app.reviews.get(case)).nobody_else
        await correct(app, case, "odd", "sol")

    async def test_a_lead_who_gave_the_first_label_as_well(self, app: App) -> None:
        await stand(app)
        await labelled(app, "ana", "rae", "sol")
        decision = await looked_at_twice(app, "ana", "rae")
        await correct(app, await dispute(app), "odd", "sol")
        await tick(app, **LOOKS)
        assert [row["reviewer"] for row in await standing(app, decision)] == ["sol"]

    async def test_where_nobody_else_labels_the_lead_decides_and_the_item_says_so(
        self, app: App
    ) -> None:
        await stand(app)
        await labelled(app, "ana", "rae")
        decision = await looked_at_twice(app, "rae", "ana")
        [review] = await waiting(app, "ana")
        assert (review.id, review.nobody_else) == (await dispute(app), True)
        [claimed] = await app.reviews.claim_next("triage", reviewer="ana")
        assert claimed.nobody_else
        await correct(app, review.id, "odd", "ana")
        await tick(app, **LOOKS)
        assert [row["queue"] for row in await standing(app, decision)] == ["odd"]
