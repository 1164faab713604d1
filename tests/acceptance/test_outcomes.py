"""What turned out, over HTTP: kept, shown, reviewed, and never believed without a person."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from roadbed.storage.database import Database
from tests.acceptance.test_api import TASKS, problem
from tests.conftest import Site
from tests.unit.test_trust import declared, stand

OUTCOMES = "/usecases/triage/outcomes"
BILLING = {"queue": "billing"}


async def task(site: Site, text: str = "take it back", **more: Any) -> str:
    sent = await site.shop.post(TASKS, json={"input": {"text": text}, **more})
    assert sent.status_code == 200, sent.text
    return str(sent.json()["task"])


async def report(site: Site, **body: Any) -> dict[str, Any]:
    answer = await site.shop.post(OUTCOMES, json=body)
    assert answer.status_code == 200, answer.text
    result: dict[str, Any] = answer.json()
    return result


async def rows(database: Database, text: str, **facts: Any) -> list[Any]:
    return list(await database.fetch(text, facts))


@pytest.fixture
async def automatic(site: Site) -> Site:
    """A site whose answers all go out by themselves, none drawn for the sample."""
    await stand(site.app, reference_rate=0.0)
    return site


@pytest.fixture
async def sampled(site: Site) -> Site:
    """A site whose answers go out by themselves, all drawn for the sample."""
    await stand(site.app, reference_rate=1.0)
    return site


class TestReporting:
    async def test_a_right_answer_is_kept_and_shown_and_asks_nobody(self, automatic: Site) -> None:
        one = await task(automatic, key="order 7")
        told = await report(
            automatic, task_key="order 7", right=True, note="resolved", source="crm"
        )
        result = told["outcome"]
        assert (result["task_id"], result["right"], result["note"]) == (one, True, "resolved")
        assert (result["reported_by"], result["counts"], told["repeated"]) == ("shop", True, False)
        receipt = (await automatic.reviewer.get(f"/receipts/{one}")).json()
        assert [(outcome["id"], outcome["source"]) for outcome in receipt["outcomes"]] == [
            (result["id"], "crm")
        ]
        assert receipt["review"] is None
        listed = (await automatic.reviewer.get(OUTCOMES)).json()
        assert [item["id"] for item in listed["outcomes"]] == [result["id"]]
        assert (listed["summary"]["automatic"], listed["summary"]["right"]) == (1, 1)
        assert 0.0 < listed["summary"]["low"] < 0.1

    async def test_a_wrong_one_opens_a_review_that_says_so_and_a_person_decides(
        self, automatic: Site
    ) -> None:
        one = await task(automatic)
        told = await report(automatic, task=one, output=BILLING, note="<b>it was billing</b>")
        assert told["outcome"]["right"] is False
        [review] = (await automatic.reviewer.get("/usecases/triage/reviews")).json()["reviews"]
        assert review["id"] == told["outcome"]["review"]
        assert (review["blind"], review["output"]) == (False, {"queue": "returns"})
        assert review["reason"] == "Somebody reported that this answer turned out wrong."
        assert review["reported"]["output"] == BILLING
        assert review["reported"]["note"] == "<b>it was billing</b>"
        database = automatic.app.database
        assert await rows(database, "SELECT 1 FROM example") == []
        given = await automatic.reviewer.post(
            f"/reviews/{review['id']}/verdict", json={"verdict": "correct", "output": BILLING}
        )
        assert given.status_code == 200, given.text
        [example] = await rows(database, "SELECT output, purpose, reference FROM example")
        assert example == {"output": BILLING, "purpose": "learn", "reference": False}
        summary = (await automatic.shop.get(OUTCOMES)).json()["summary"]
        assert (summary["told"], summary["right"]) == (1, 0)
        against = (await automatic.shop.get(f"{OUTCOMES}?against=verdict")).json()
        assert against["outcomes"] == []

    async def test_a_second_report_opens_no_second_review_and_the_newest_counts(
        self, automatic: Site
    ) -> None:
        one = await task(automatic)
        first = (await report(automatic, task=one, right=False))["outcome"]
        second = (await report(automatic, task=one, output=BILLING))["outcome"]
        assert (first["review"] is None, second["review"]) == (False, None)
        receipt = (await automatic.shop.get(f"/receipts/{one}")).json()
        assert [outcome["counts"] for outcome in receipt["outcomes"]] == [False, True]
        [review] = (await automatic.reviewer.get("/usecases/triage/reviews")).json()["reviews"]
        assert review["reported"]["output"] == BILLING
        taken = await automatic.shop.post(f"/outcomes/{second['id']}/withdraw")
        again = await automatic.shop.post(f"/outcomes/{second['id']}/withdraw")
        assert taken.json() == again.json()
        assert taken.json()["outcome"]["withdrawn_by"] == "shop"
        receipt = (await automatic.shop.get(f"/receipts/{one}")).json()
        assert [item["counts"] for item in receipt["outcomes"]] == [True, False]
        await automatic.shop.post(f"/outcomes/{first['id']}/withdraw")
        review = (await automatic.reviewer.get(f"/reviews/{review['id']}")).json()
        assert review["reported"] is None
        assert "took it back" in review["reason"]

    async def test_the_same_again_is_kept_once_and_another_under_its_key_refused(
        self, automatic: Site
    ) -> None:
        one = await task(automatic)
        body = {"task": one, "output": BILLING, "right": False}
        told = [await report(automatic, **body) for _ in range(2)]
        assert [item["repeated"] for item in told] == [False, True]
        assert told[0]["outcome"]["id"] == told[1]["outcome"]["id"]
        keyed = await report(automatic, task=one, right=True, key="k")
        again = await report(automatic, task=one, right=True, key="k")
        assert again["outcome"]["id"] == keyed["outcome"]["id"]
        other = await automatic.shop.post(OUTCOMES, json={"task": one, "right": False, "key": "k"})
        assert keyed["outcome"]["id"] in (await problem(other, 409, "key_reused"))["detail"]
        # A later verdict does not turn the same report into another one.
        [review] = (await automatic.reviewer.get("/usecases/triage/reviews")).json()["reviews"]
        await automatic.reviewer.post(
            f"/reviews/{review['id']}/verdict", json={"verdict": "correct", "output": BILLING}
        )
        assert (await report(automatic, **body))["repeated"]
        entries = await rows(
            automatic.app.database, "SELECT 1 FROM audit_entry WHERE kind = 'reported'"
        )
        assert len(entries) == 2

    async def test_many_at_once_each_get_their_own_answer(self, automatic: Site) -> None:
        one, two = await task(automatic), await task(automatic)
        told = await report(
            automatic,
            outcomes=[
                {"task": one, "right": True},
                {"task": "tsk_none", "right": True},
                {"task": two, "output": {"line": 1}},
                "nonsense",
                {"task": two, "output": BILLING},
                {"task": one, "right": True},
            ],
        )
        assert (told["kept"], told["refused"]) == (3, 3)
        codes = [result.get("problem", {}).get("code") for result in told["results"]]
        assert codes == [None, "task_unknown", "outcome_invalid", "outcome_invalid", None, None]
        kept = [item["outcome"]["id"] for item in told["results"] if "outcome" in item]
        assert kept[0] == kept[2]
        assert sorted(entry.get("repeated") or False for entry in told["results"])[-1:] == [True]

    async def test_a_thousand_at_once_are_kept(self, automatic: Site) -> None:
        one = await task(automatic)
        many = [{"task": one, "right": True, "key": f"{n}"} for n in range(1_000)]
        assert (await report(automatic, outcomes=many))["kept"] == 1_000
        again = await report(automatic, outcomes=many)
        assert all(result["repeated"] for result in again["results"])
        too_many = await automatic.shop.post(OUTCOMES, json={"outcomes": [*many, many[0]]})
        await problem(too_many, 422, "request_invalid")


class TestRefusals:
    @pytest.mark.parametrize(
        ("body", "says"),
        [
            ({}, "of one task"),
            ({"right": True}, "of one task"),
            ({"task": "TASK", "task_key": "k", "right": True}, "of one task"),
            ({"task": "TASK"}, "has no result"),
            ({"task": "TASK", "right": "yes"}, "neither true nor false"),
            ({"task": "TASK", "output": "billing"}, "not an object"),
            ({"task": "TASK", "output": {"line": "x"}}, "does not fit"),
            ({"task": "TASK", "output": BILLING, "right": True}, "calls the answer right"),
            ({"task": "TASK", "output": {"queue": "returns"}, "right": False}, "answer wrong"),
            ({"task": "TASK", "right": True, "more": 1}, "unknown fields: more"),
            ({"task": "TASK", "right": True, "note": 5}, "note is not text"),
            ({"task": "TASK", "right": True, "note": "x" * 4001}, "note is not text"),
            ({"task": "TASK", "right": True, "key": ""}, "key is not text"),
            ({"task": "TASK", "right": True, "source": "a\nb"}, "source is not text"),
            ({"task": "TASK", "right": True, "happened_at": "yesterday"}, "no time"),
            ({"task": "TASK", "right": True, "happened_at": "2026-01-01"}, "no zone"),
            ({"task": "TASK", "right": True, "happened_at": 5}, "no time"),
            ({"task": "TASK", "right": True, "happened_at": "9999-01-01T00:00:00Z"}, "future"),
            ({"task": "TASK", "right": True, "happened_at": "2020-01-01T00:00:00Z"}, "before"),
        ],
    )
    async def test_what_cannot_be_says_why(
        self, automatic: Site, body: dict[str, Any], says: str
    ) -> None:
        one = await task(automatic)
        body = {name: one if value == "TASK" else value for name, value in body.items()}
        result = await problem(
            await automatic.shop.post(OUTCOMES, json=body), 422, "outcome_invalid"
        )
        assert says in result["detail"]
        assert await rows(automatic.app.database, "SELECT 1 FROM outcome") == []

    @pytest.mark.parametrize("many", [[], "x", [{}] * 1001, None])
    async def test_a_list_that_is_none(self, automatic: Site, many: Any) -> None:
        answer = await automatic.shop.post(OUTCOMES, json={"outcomes": many})
        await problem(answer, 422, "request_invalid")
        answer = await automatic.shop.post(OUTCOMES, json={"outcomes": [{}], "task": "x"})
        await problem(answer, 422, "request_invalid")
        assert await rows(automatic.app.database, "SELECT 1 FROM outcome") == []

    async def test_unknown_undecided_and_erased_tasks(self, automatic: Site) -> None:
        for body in ({"task": "tsk_x"}, {"task_key": "x"}):
            answer = await automatic.shop.post(OUTCOMES, json={**body, "right": True})
            await problem(answer, 404, "task_unknown")
        one = await task(automatic)
        database = automatic.app.database
        await database.fetch(
            "INSERT INTO task SELECT 'tsk_waits', use_case, NULL, 'h', input, source, false, 0,"
            " now() FROM task"
        )
        answer = await automatic.shop.post(OUTCOMES, json={"task": "tsk_waits", "right": True})
        await problem(answer, 409, "task_undecided")
        note = "Ada called"
        await report(automatic, task=one, right=True, note=note, source="crm", key="Ada")
        told = await automatic.shop.post(f"/receipts/{one}/erase", json={"reason": "asked"})
        assert told.status_code == 200, told.text
        [left] = await rows(database, "SELECT * FROM outcome")
        assert (left["note"], left["source"], left["key"]) == (None, None, None)
        assert (left["output"], left["body_hash"], left["was_right"]) == (None, "erased", True)
        [entry] = await rows(database, "SELECT * FROM audit_entry WHERE kind = 'reported'")
        assert (entry["salt"], entry["detail"]) == (None, None)
        answer = await automatic.shop.post(OUTCOMES, json={"task": one, "right": True})
        await problem(answer, 409, "task_erased")
        verified = await automatic.app.audit.verify()
        assert verified.sound, verified

    async def test_what_happened_may_be_as_old_as_the_task(self, automatic: Site) -> None:
        one = await task(automatic)
        at = (await automatic.shop.get(f"/receipts/{one}")).json()["admitted_at"]
        east = datetime.fromisoformat(at).astimezone().isoformat()
        told = await report(automatic, task=one, right=True, happened_at=east)
        assert datetime.fromisoformat(told["outcome"]["happened_at"]).tzinfo == UTC

    async def test_clocks_of_two_systems_may_differ_by_five_minutes(self, automatic: Site) -> None:
        one = await task(automatic)
        admitted = datetime.fromisoformat(
            (await automatic.shop.get(f"/receipts/{one}")).json()["admitted_at"]
        )
        for at in (datetime.now(UTC) + timedelta(minutes=4), admitted - timedelta(minutes=4)):
            await report(automatic, task=one, right=True, happened_at=at.isoformat())
        for at in (datetime.now(UTC) + timedelta(minutes=6), admitted - timedelta(minutes=6)):
            body = {"task": one, "right": True, "happened_at": at.isoformat()}
            await problem(await automatic.shop.post(OUTCOMES, json=body), 422, "outcome_invalid")


class TestBlindness:
    async def test_nobody_learns_from_an_outcome_what_is_to_be_judged_blind(
        self, sampled: Site
    ) -> None:
        one = await task(sampled)
        note = "the customer said billing"
        told = [
            await report(sampled, task=one, output=output, right=right, note=note)
            for output in (BILLING, {"queue": "returns"})
            for right in (True, False)
        ]
        # Neither refused nor answered with more than the report: both would reveal the answer.
        assert [item["outcome"]["right"] for item in told] == [True, False, True, False]
        only = await report(sampled, task=one, output=BILLING, note=note)
        assert only["outcome"]["right"] is None
        assert all(entry["outcome"]["review"] is None for entry in told)
        for path in (OUTCOMES, f"/receipts/{one}", "/usecases/triage/reviews"):
            assert "billing" not in (await sampled.reviewer.get(path)).text
        [review] = (await sampled.reviewer.get("/usecases/triage/reviews")).json()["reviews"]
        assert (review["blind"], review["reported"], review["reason"]) == (True, None, None)
        claimed = await sampled.reviewer.post(f"/reviews/{review['id']}/claim")
        assert "billing" not in claimed.text
        listed = (await sampled.reviewer.get(OUTCOMES)).json()
        assert listed["summary"]["waiting"] == 1
        assert (listed["summary"]["told"], listed["summary"]["right"]) == (0, 0)
        assert {outcome["withheld"] for outcome in listed["outcomes"]} == {True}
        since = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
        incident = await sampled.reviewer.post(
            "/usecases/triage/incidents", json={"title": "x", "since": since}
        )
        assert "billing" not in incident.text
        assert "reported" not in incident.text
        await sampled.reviewer.post(
            f"/reviews/{review['id']}/verdict",
            json={"verdict": "correct", "output": {"queue": "returns"}},
        )
        # A second pair of eyes may still be asked; unless somebody is, it is told from now on.
        listed = (await sampled.reviewer.get(OUTCOMES)).json()
        assert {element["withheld"] for element in listed["outcomes"]} == {False}
        assert listed["outcomes"][0]["contradicts"]
        against = (await sampled.reviewer.get(f"{OUTCOMES}?against=verdict")).json()
        assert against["outcomes"][0]["id"] == listed["outcomes"][0]["id"]
        assert "billing" in (await sampled.reviewer.get(f"/receipts/{one}")).text

    async def test_an_outcome_against_a_verdict_changes_nothing_by_itself(
        self, sampled: Site
    ) -> None:
        one = await task(sampled)
        [review] = (await sampled.reviewer.get("/usecases/triage/reviews")).json()["reviews"]
        await sampled.reviewer.post(
            f"/reviews/{review['id']}/verdict", json={"verdict": "correct", "output": BILLING}
        )
        told = await report(sampled, task=one, right=False)
        assert (told["outcome"]["contradicts"], told["outcome"]["review"]) == (True, None)
        agreeing = await report(sampled, task=one, output=BILLING)
        assert agreeing["outcome"]["right"] is True
        listed = (await sampled.shop.get(OUTCOMES)).json()
        assert [outcome["contradicts"] for outcome in listed["outcomes"]] == [False, False]
        assert (listed["summary"]["told"], listed["summary"]["right"]) == (1, 0)
        assert len(await rows(sampled.app.database, "SELECT 1 FROM review")) == 1
        [verdict] = await rows(sampled.app.database, "SELECT right_output FROM verdict")
        assert verdict["right_output"] == BILLING


class TestEvidence:
    async def test_outcomes_leave_the_evidence_of_the_promise_as_it_was(self, site: Site) -> None:
        await stand(site.app, reference_rate=0.5)
        tasks = [await task(site, f"number {n}") for n in range(24)]
        for review in (await site.reviewer.get("/usecases/triage/reviews")).json()["reviews"][:6]:
            await site.reviewer.post(
                f"/reviews/{review['id']}/verdict",
                json={"verdict": "correct", "output": {"queue": "returns"}},
            )
        use_case = declared(site.app)
        before = await self.evidence(site, use_case)
        told = await report(
            site, outcomes=[{"task": item, "output": BILLING, "note": "x"} for item in tasks]
        )
        assert told["kept"] == len(tasks)
        assert await self.evidence(site, use_case) == before
        opened = await rows(
            site.app.database,
            "SELECT review.id, task.reference, blind FROM review JOIN task ON task.id ="
            " review.task_id WHERE review.outcome IS NOT NULL",
        )
        assert 0 < len(opened) < len(tasks)
        assert {(entry["reference"], entry["blind"]) for entry in opened} == {(False, False)}
        # All of a kind outside the training data: reports do not raise the alarm.
        for element in opened:
            await site.reviewer.post(
                f"/reviews/{element['id']}/verdict",
                json={"verdict": "correct", "output": BILLING, "new_kind": True},
            )
        assert await self.evidence(site, use_case) == before
        taught = await rows(site.app.database, "SELECT 1 FROM example WHERE purpose = 'learn'")
        assert len(taught) == len(opened)

    async def evidence(self, site: Site, use_case: Any) -> tuple[Any, ...]:
        audit = await site.app.running_audit.audit(use_case)
        cases = await site.app.examples.cases(use_case)
        return audit, [case for case in cases if case.reference]


class TestOtherUseCases:
    async def test_a_foreign_task_answers_like_a_missing_one(self, automatic: Site) -> None:
        one = await task(automatic, key="theirs")
        await automatic.app.database.fetch("UPDATE task SET use_case = 'other'")
        for named in ({"task": one}, {"task_key": "theirs"}):
            answer = await automatic.shop.post(OUTCOMES, json={**named, "right": True})
            assert "other" not in (await problem(answer, 404, "task_unknown"))["detail"]

    async def test_an_unknown_outcome_or_use_case(self, automatic: Site) -> None:
        answer = await automatic.shop.post("/outcomes/out_x/withdraw")
        await problem(answer, 404, "outcome_unknown")
        answer = await automatic.shop.post("/usecases/none/outcomes", json={})
        assert (await problem(answer, 404, "usecase_unknown"))["status"] == 404
