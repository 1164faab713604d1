"""Reviewer checks, second reviews, the domain lead, and how fast people review."""

from __future__ import annotations

import asyncio
import copy
import json
import random
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from roadbed.app import App
from roadbed.background import running
from roadbed.bootstrap import open_app
from roadbed.decisions.model import Route
from roadbed.kernel.settings import Settings
from roadbed.receipts.service import Filter
from roadbed.reviews.errors import ReviewTakenError
from roadbed.reviews.model import RecordedVerdict, Review, VerdictKind
from roadbed.reviews.reviewer_check_cases import alike
from roadbed.risk import reviewer_errors
from tests.conftest import Folders, Site
from tests.town import SUPPORT
from tests.unit.test_decisions import SOURCE, decide
from tests.unit.test_revisions import revise
from tests.unit.test_trust import EVEN, declared, stand

REVIEWERS = ("rae", "sol")


def truth(text: str) -> str:
    """What ``EVEN`` decides, but for every fifth number, where it is wrong."""
    number = int(text.split()[-1])
    return "five" if number % 5 == 0 else ("even" if number % 2 == 0 else "odd")


@pytest.fixture
def past(folders: Folders) -> None:
    """Past work from which known cases can be drawn: the first part judges, the rest teaches."""
    rows = [
        {"input": {"text": f"number {n}"}, "output": {"queue": truth(f"number {n}")}}
        for n in range(1, 400)
    ]
    folders.write(EVEN, examples="\n".join(json.dumps(row) for row in rows))


@pytest.fixture
def telling(past: None, folders: Folders) -> None:
    """A decider that tells the id of its task."""
    folders.write(EVEN.replace("cautious=", 'evidence={"task": context.task.id}, cautious='))


async def correct(
    app: App, review_id: str, queue: str, reviewer: str, kind: VerdictKind = VerdictKind.CORRECT
) -> RecordedVerdict:
    output = {"queue": queue} if kind is VerdictKind.CORRECT else None
    return await app.reviews.give(declared(app), review_id, kind, reviewer=reviewer, output=output)


async def tick(app: App, **changed: Any) -> None:
    """One tick, with other shares than the declared ones."""
    service = app.deployments.get("triage")
    other = copy.copy(declared(app))
    vars(other).update(changed)
    result = replace(service.loaded, declared=other)
    await app.reviewer_checks.tick(replace(service, loaded=result))


async def waiting(app: App, reviewer: str) -> list[Review]:
    return list(await app.reviews.queue("triage", reviewer=reviewer, free_only=True))


async def measures(app: App, kind: str) -> list[Mapping[str, Any]]:
    return list(
        await app.database.fetch(
            "SELECT measure.*, review.id AS review_id, review.blind, review.barred"
            " FROM measure JOIN review ON review.task_id = measure.task_id"
            " WHERE kind = %(kind)s ORDER BY measure.task_id",
            {"kind": kind},
        )
    )


async def review_some(app: App, count: int = 30) -> None:
    """Reviews that make known cases due."""
    for number in range(1, count + 1):
        decision = await decide(app, f"number {number}")
        assert decision.review_id
        await correct(app, decision.review_id, truth(f"number {number}"), "rae")


@pytest.mark.usefixtures("past")
class TestKnownCases:
    async def test_wrong_and_right_ones_come_among_the_others_and_are_told_right_after(
        self, app: App
    ) -> None:
        await review_some(app)
        for _ in range(5):  # a draw may hold too few of one kind, then the next look makes the rest
            await tick(app, check_share=0.2)
        checks = await measures(app, "check")
        assert len(checks) == 6
        assert {check["proposed_right"] for check in checks} == {True, False}
        by_id = {item["review_id"]: item for item in checks}
        queue = {entry.id: entry for entry in await waiting(app, "sol")}
        assert set(by_id) <= set(queue)
        for review_id, case in by_id.items():
            shown = queue[review_id].output
            assert (shown == case["right_output"]) is case["proposed_right"]
            given = await correct(app, review_id, "", "sol", VerdictKind.ACCEPT)
            assert given.check
            assert given.known == case["right_output"]
            assert given.passed is case["proposed_right"]
        [rae, sol] = await app.reviewer_checks.figures(declared(app))
        assert (rae.reviewer, rae.known_wrong) == ("rae", 0)
        missed = sum(not element["proposed_right"] for element in checks)
        assert (sol.missed, sol.known_wrong) == (missed, missed)
        assert (sol.known_right, sol.spoiled) == (6 - missed, 0)
        assert sol.missed_low < 1.0 == sol.missed_high

    @pytest.mark.usefixtures("telling")
    async def test_its_decider_saw_the_id_that_its_task_has(self, app: App) -> None:
        await review_some(app)
        for _ in range(5):  # a draw may hold too few of one kind, then the next look makes the rest
            await tick(app, check_share=0.2)
        checks = {check["task_id"] for check in await measures(app, "check")}
        assert len(checks) == 6
        for review in await waiting(app, "sol"):
            assert (review.evidence or {})["task"] == review.task_id
            checks.discard(review.task_id)
        assert not checks

    async def test_they_are_drawn_from_a_few_labelled_items_and_not_from_all_at_each_look(
        self, app: App
    ) -> None:
        async def some(most: int, salt: int) -> list[str]:
            result = await app.examples.some(declared(app), most=most, salt=salt)
            assert all(case.judges and case.truth.labelled for case in result)
            return [str(case.content["text"]) for case in result]

        every = (await app.examples.in_use(declared(app), "judge")).contents
        assert sorted(await some(1_000, 1)) == sorted(str(item["text"]) for item in every)
        first, second = await some(40, 1), await some(40, 2)
        assert (len(set(first)), len(set(second))) == (40, 40)
        assert first == await some(40, 1)
        assert set(first) != set(second)

    async def test_they_look_like_work_and_enter_no_count(self, app: App) -> None:
        await review_some(app)
        before = await app.examples.counts("triage")
        overview = await app.monitoring.overview(declared(app), halted=False)
        await tick(app, check_share=0.2)
        [first, *_] = await measures(app, "check")
        receipt = await app.receipts.get(first["task_id"], viewer="sol")
        assert receipt["decision"]["reason_code"] == "not_proven"
        assert "check" not in json.dumps(receipt, default=str)
        await correct(app, first["review_id"], "", "sol", VerdictKind.ACCEPT)
        assert await app.examples.counts("triage") == before
        after = await app.monitoring.overview(declared(app), halted=False)
        assert after.total == overview.total
        # A list of tasks must not reveal it either.
        match = await app.receipts.search(Filter(), served=["triage"], most=100)
        checks = {case["task_id"] for case in await measures(app, "check")}
        assert len(match) == 30 + len(checks)
        assert checks < {row["task_id"] for row in match}

    async def test_misses_shrink_the_limit_that_has_to_be_proven(self, app: App) -> None:
        await review_some(app)
        for _ in range(2):
            await tick(app, check_share=0.2)
        for case in await measures(app, "check"):
            await correct(app, case["review_id"], "", "sol", VerdictKind.ACCEPT)
        improved = await app.deployer.improve(app.deployments.get("triage").loaded, actor="ana")
        assert improved.certificate is not None
        allowed = improved.certificate["detail"]["reviewers"]
        assert allowed["misses"] == allowed["cases"] == 3
        assert allowed["counted"]
        assert allowed["limit"] == 0.0  # who sees no mistake proves nothing
        assert improved.certificate["threshold"] is None

    async def test_a_server_makes_them_by_itself(self, app: App) -> None:
        await review_some(app, 60)
        async with running(app):
            for _ in range(100):
                if await measures(app, "check"):
                    break
                await asyncio.sleep(0.1)
        assert len(await measures(app, "check")) == 1


TASKS = "/usecases/triage/tasks"
TIME = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z?")


def kinds(value: Any) -> Any:
    """A JSON value with its keys, and for every value what kind of value it is."""
    if isinstance(value, Mapping):
        return {name: kinds(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [kinds(inner) for inner in value]
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int | float):
        return "number"
    if TIME.fullmatch(value):
        return "time"
    if re.fullmatch("even|odd|five", value):
        return "a queue"
    return re.sub(r"(?<=_)[0-9a-f]{26,28}|\b[0-9a-f]{64}\b|\d+", "#", value)


class TestChecksLookLikeTasks:
    """A reviewer must not recognise a check by any field."""

    async def work(self, site: Site, threshold: float | None) -> str:
        """Thirty tasks that came over HTTP and were reviewed, and one that waits for a person."""
        await stand(
            site.app,
            threshold=threshold,
            state="shadow" if threshold is None else "open",
            reference_rate=0.0,
        )
        for number in range(1, 32):
            sent = {"key": f"order-{number:03}", "input": {"text": f"number {number}"}}
            receipt = (await site.shop.post(TASKS, json=sent)).json()
            if number < 31:
                await correct(site.app, receipt["review"]["id"], truth(f"number {number}"), "rae")
        return str(receipt["task"])

    async def views(self, site: Site, task_id: str) -> dict[str, Any]:
        """All data of the API and the audit log on a task before its verdict."""
        receipt = (await site.reviewer.get(f"/receipts/{task_id}")).json()
        review_id = receipt["review"]["id"]
        listed = (await site.reviewer.get("/receipts?limit=100")).json()["receipts"]
        queue = (await site.reviewer.get("/usecases/triage/reviews")).json()["reviews"]
        return {
            "receipt": receipt,
            "review": (await site.reviewer.get(f"/reviews/{review_id}")).json(),
            "listed": [row for row in listed if row["task_id"] == task_id],
            "queue": [row for row in queue if row["id"] == review_id],
            "claimed": (await site.reviewer.post(f"/reviews/{review_id}/claim")).json(),
            "audit": [
                {**row}
                for row in await site.app.database.fetch(
                    "SELECT kind, actor, detail FROM audit_entry WHERE subject = %(id)s",
                    {"id": task_id},
                )
            ],
        }

    @pytest.mark.usefixtures("past")
    @pytest.mark.parametrize(
        ("threshold", "code", "reason"),
        [
            (None, "not_proven", "Nothing is proven for this version yet."),
            (0.95, "below_threshold", "Confidence 0.900 is below 0.950, "),
        ],
    )
    async def test_receipt_review_and_audit_log_have_the_same_fields_of_the_same_kinds(
        self, site: Site, threshold: float | None, code: str, reason: str
    ) -> None:
        ordinary = await self.views(site, await self.work(site, threshold))
        await tick(site.app, check_share=0.2)
        cases = await measures(site.app, "check")
        assert {case["proposed_right"] for case in cases} == {True, False}
        for case in cases:
            known = await self.views(site, case["task_id"])
            assert kinds(known) == kinds(ordinary)
            ours, theirs = known["receipt"], ordinary["receipt"]
            for name in ("source", "sample", "pod", "state", "halted", "deliveries", "outcomes"):
                assert ours[name] == theirs[name]
            for name in ("version", "certificate", "threshold", "route", "cost", "attempt", "rule"):
                assert ours["decision"][name] == theirs["decision"][name]
            assert (ours["decision"]["reason_code"], theirs["decision"]["reason_code"]) == (
                code,
                code,
            )
            assert ours["decision"]["reason"].startswith(reason)
            assert ours["key"] != theirs["key"]
            assert known["review"]["priority"] == ordinary["review"]["priority"]
            assert [row["kind"] for row in known["audit"]] == ["decided"]

    @pytest.mark.usefixtures("past")
    async def test_a_real_sender_of_its_key_gets_it(self, site: Site) -> None:
        await self.work(site, None)
        await tick(site.app, check_share=0.2)
        for case in await measures(site.app, "check"):
            before = (await site.reviewer.get(f"/receipts/{case['task_id']}")).json()
            sent = {"key": before["key"], "input": before["input"]}
            receipt = (await site.shop.post(TASKS, json=sent)).json()
            assert receipt["task"] != case["task_id"]
            assert receipt["key"] == before["key"]
            again = (await site.shop.post(TASKS, json=sent)).json()
            assert again["task"] == receipt["task"]
            after = (await site.reviewer.get(f"/receipts/{case['task_id']}")).json()
            assert {**after, "key": before["key"]} == before

    @pytest.mark.usefixtures("past")
    async def test_without_keys_around_it_has_none(self, app: App) -> None:
        await review_some(app)
        await tick(app, check_share=0.2)
        [case, *_] = await measures(app, "check")
        receipt = await app.receipts.get(case["task_id"], viewer="sol")
        assert (receipt["key"], receipt["source"]) == (None, SOURCE)

    @pytest.mark.parametrize(
        ("keys", "shape"),
        [
            (["order-0031", "order-0112", "order-0207"], r"order-0\d\d\d"),
            (["7264", "8150"], r"\d{4}"),
            (["EU/17-b", "EU/23-c", "longer one"], r"EU/\d\d-[bc]"),
            (["3f9a-77", "b04c-12"], r"[0-9][abcf][0-9][abcf]-\d\d|[abcf]\d\d[abcf]-\d\d"),
            (["only-7"], r"[lnoy]{4}-\d"),
        ],
    )
    def test_its_key_could_be_one_of_those_around_it(self, keys: list[str], shape: str) -> None:
        chance = random.Random(1)
        for _ in range(50):
            assert re.fullmatch(shape, alike(keys[0], keys, chance))

    @pytest.mark.usefixtures("past")
    async def test_it_took_its_time_before_it_was_decided(self, site: Site) -> None:
        await self.work(site, None)
        await tick(site.app, check_share=0.2)
        for case in await measures(site.app, "check"):
            [row] = await site.app.database.fetch(
                "SELECT decide_seconds, decided_at, admitted_at FROM decision"
                " JOIN task ON task.id = task_id WHERE task_id = %(id)s",
                {"id": case["task_id"]},
            )
            assert row["decide_seconds"] > 0.0
            took = (row["decided_at"] - row["admitted_at"]).total_seconds()
            assert took == pytest.approx(row["decide_seconds"], abs=2e-6)

    @pytest.mark.usefixtures("past")
    async def test_under_a_halt_it_says_so_like_any_other(self, app: App) -> None:
        await stand(app, reference_rate=0.0, threshold=0.95)
        await review_some(app)
        await app.halts.halt("triage", reason="a drill", actor="dev")
        await app.deployments.refresh("triage")
        ordinary = await decide(app, "number 31")
        assert ordinary.routed.reason == "The use case is halted."
        await tick(app, check_share=0.2)
        for case in await measures(app, "check"):
            receipt = await app.receipts.get(case["task_id"], viewer="sol")
            assert receipt["decision"]["reason"] == ordinary.routed.reason

    async def test_what_a_rule_refuses_or_fails_on_goes_no_other_way_for_being_known(
        self, past: None, folders: Folders, settings: Settings, url: str
    ) -> None:
        (folders.parent / "triage" / "rules.yaml").write_text(
            "after:\n"
            "  - {name: odd, when: output.queue == 'odd', route: refused, reason: it is odd}\n"
            "  - {name: torn, when: output.none == 1, route: review, reason: never}\n"
        )
        async with open_app(settings, url) as app:
            await stand(app, reference_rate=0.0)
            for number in range(2, 62, 2):
                decision = await decide(app, f"number {number}")
                await correct(app, decision.review_id or "", truth(f"number {number}"), "rae")
            refused = await decide(app, "number 1")
            assert (refused.routed.route, refused.review_id) == (Route.REFUSED, None)
            failed = await decide(app, "number 62")
            ordinary = await app.reviews.get(failed.review_id or "")
            await tick(app, check_share=0.2)
            cases = await measures(app, "check")
            assert cases
            for case in cases:
                review = await app.reviews.get(case["review_id"])
                assert (review.reason, review.priority) == (ordinary.reason, ordinary.priority)
                assert int(review.input["text"].split()[-1]) % 2 == 0


@pytest.mark.usefixtures("past")
class TestSecondReviews:
    async def second_look(self, app: App) -> tuple[str, str]:
        """An error in an automatic answer, found by rae: its review and that of the second look."""
        await stand(app)
        await correct(app, (await decide(app, "number 1")).review_id or "", "odd", "sol")
        decision = await decide(app, "number 5")
        assert decision.review_id
        await correct(app, decision.review_id, "five", "rae")
        await tick(app, second_look_share=1e-6, check_share=0.0)
        [second] = await measures(app, "second")
        assert second["blind"]
        return decision.review_id, second["review_id"]

    async def test_every_error_is_seen_by_somebody_else_blind(self, app: App) -> None:
        first, second = await self.second_look(app)
        assert second not in {item.id for item in await waiting(app, "rae")}
        for attempt in (
            app.reviews.claim(second, reviewer="rae"),
            correct(app, second, "odd", "rae"),
        ):
            with pytest.raises(ReviewTakenError, match="you already know an answer"):
                await attempt
        assert second in {entry.id for entry in await waiting(app, "sol")}
        await correct(app, second, "five", "sol")
        await tick(app, second_look_share=1e-6)
        assert await measures(app, "lead") == []
        [second_row] = await measures(app, "second")
        assert second_row["settled_at"] is not None
        assert (await app.reviews.get(first)).closed_at is not None

    async def test_what_is_new_is_looked_at_often_and_everything_now_and_then(
        self, app: App
    ) -> None:
        await self.second_look(app)
        late = await decide(app, "number 10")
        assert late.review_id
        await correct(app, late.review_id, "five", "rae")
        await app.database.fetch(
            "UPDATE verdict SET given_at = given_at - interval '5 minutes'"
            " WHERE review_id = %(review)s",
            {"review": late.review_id},
        )
        await tick(app, second_look_share=1e-6, check_share=0.0)
        assert len(await measures(app, "second")) == 1
        newest = await decide(app, "number 15")
        assert newest.review_id
        await correct(app, newest.review_id, "five", "rae")
        await tick(app, second_look_share=1e-6, check_share=0.0)
        assert len(await measures(app, "second")) == 2
        app.reviewer_checks._whole.clear()  # ten minutes on
        await tick(app, second_look_share=1e-6, check_share=0.0)
        assert len(await measures(app, "second")) == 3

    async def test_where_two_differ_the_domain_lead_decides(self, app: App) -> None:
        first, second = await self.second_look(app)
        await correct(app, second, "odd", "sol")
        await tick(app, second_look_share=1e-6)
        [case] = await measures(app, "lead")
        for other in ("rae", "sol", "kim"):
            assert case["review_id"] not in {item.id for item in await waiting(app, other)}
            with pytest.raises(ReviewTakenError):
                await correct(app, case["review_id"], "odd", other)
        assert (await app.running_audit.audit(declared(app))).wrong == 1
        held = await app.reviews.claim(case["review_id"], reviewer="ana")
        await app.reviews.skip(held.id, reviewer="ana")  # later is fine, but it stays hers
        with pytest.raises(ReviewTakenError):
            await app.reviews.claim(held.id, reviewer="kim")
        await correct(app, case["review_id"], "odd", "ana")
        await tick(app, second_look_share=1e-6)
        assert (await app.running_audit.audit(declared(app))).wrong == 0
        review = await app.reviews.get(first)
        receipt = await app.receipts.get(review.task_id, viewer="kim")
        assert receipt["review"]["verdict"]["reviewer"] == "ana"
        assert [entry["reviewer"] for entry in receipt["review"]["undone"]] == ["rae"]
        rae = next(
            figure
            for figure in await app.reviewer_checks.figures(declared(app))
            if figure.reviewer == "rae"
        )
        assert (rae.second_looks, rae.overturned) == (1, 1)

    async def test_an_error_in_the_answer_to_a_corrected_input_is_judged_again_too(
        self, app: App
    ) -> None:
        await stand(app)
        await correct(app, (await decide(app, "number 1")).review_id or "", "odd", "sol")
        await stand(app, reference_rate=0.0)
        first = await decide(app, "number 2")
        await stand(app)
        drawn = await revise(app, first.task_id, "number 5")
        assert drawn.review_id
        await correct(app, drawn.review_id, "five", "rae")
        await tick(app, second_look_share=1e-6, check_share=0.0)
        [second] = await measures(app, "second")
        await correct(app, second["review_id"], "odd", "sol")
        await tick(app, second_look_share=1e-6)
        [case] = await measures(app, "lead")
        assert (await app.running_audit.audit(declared(app))).wrong == 1
        await correct(app, case["review_id"], "odd", "ana")
        await tick(app, second_look_share=1e-6)
        assert (await app.running_audit.audit(declared(app))).wrong == 0

    async def test_the_lead_may_find_that_the_first_was_right_or_nobody(self, app: App) -> None:
        first, second = await self.second_look(app)
        await correct(app, second, "odd", "sol")
        await tick(app, second_look_share=1e-6)
        [case] = await measures(app, "lead")
        await correct(app, case["review_id"], "", "ana", VerdictKind.REJECT)
        await tick(app, second_look_share=1e-6)
        receipt = await app.receipts.get((await app.reviews.get(first)).task_id, viewer="kim")
        assert receipt["review"]["verdict"]["verdict"] == "reject"

    async def test_who_has_read_the_first_answer_cannot_look_again(self, app: App) -> None:
        first, second = await self.second_look(app)
        task_id = (await app.reviews.get(first)).task_id
        [listed] = [
            item
            for item in await app.receipts.search(Filter(), served=["triage"], most=9)
            if item["task_id"] == task_id
        ]
        assert (listed["output"], listed["verdict"]) == (None, None)
        for asked in (Filter(verdict="correct"), Filter(route="review"), Filter(route="automatic")):
            rows = await app.receipts.search(asked, served=["triage"], most=9)
            assert task_id not in {row["task_id"] for row in rows}
        assert (await app.receipts.get(task_id, viewer="sol"))["review"]["verdict"] is not None
        with pytest.raises(ReviewTakenError):
            await app.reviews.claim(second, reviewer="sol")
        await correct(app, second, "odd", "kim")
        await tick(app, second_look_share=1e-6)
        hidden = await app.receipts.get(task_id, viewer="ana")  # she has still to decide
        assert hidden["review"]["verdict"] is None
        assert hidden["decision"]["hidden"]

    async def test_no_proposal_shows_what_is_looked_at_again(self, app: App) -> None:
        first, second = await self.second_look(app)
        task_id = (await app.reviews.get(first)).task_id
        shown = {"before": None, "after": None, "right": {"queue": "five"}, "input": {}}
        cases = [{"task_id": task_id, **shown}, {"task_id": None, **shown}]
        await app.database.fetch(
            "INSERT INTO proposal (id, use_case, kind, title, reason, support, cases, fingerprint,"
            " rank, made_at) VALUES ('prp_1', 'triage', 'model', 'a', 'b', %(support)s, %(cases)s,"
            " 'f', 1, now())",
            {"support": SUPPORT, "cases": json.dumps(cases)},
        )
        [proposal] = await app.proposals.list("triage")
        for seen in (proposal, await app.proposals.reject("prp_1", person="ana")):
            assert [case["task_id"] for case in seen.cases] == [None]
        await correct(app, second, "five", "sol")
        await tick(app, second_look_share=1e-6)
        assert (await app.proposals.get("prp_1")).cases == cases

    async def test_a_second_review_shows_no_more_than_the_receipt(self, site: Site) -> None:
        app = site.app
        first, second = await self.second_look(app)
        for name in ("sol", "kim"):
            await app.members.add(name, by="test")
            await app.members.grant(name, "triage", "reviewer", by="test")

        async def read(person: str) -> dict[str, Any]:
            token = await app.people.issue_token(person)
            headers = {"Authorization": f"Bearer {token}"}
            answer = await site.reviewer.get(f"/reviews/{first}", headers=headers)
            return dict(answer.json())

        assert (await read("sol"))["verdict"]["kind"] == "correct"
        with pytest.raises(ReviewTakenError):
            await app.reviews.claim(second, reviewer="sol")
        await correct(app, second, "odd", "kim")
        await tick(app, second_look_share=1e-6)
        lead = await read("ana")  # she has still to decide
        assert (lead["verdict"], lead["output"], lead["reason"]) == (None, None, None)

    async def test_one_person_alone_is_not_asked_twice(self, app: App) -> None:
        await stand(app)
        decision = await decide(app, "number 5")
        await correct(app, decision.review_id or "", "five", "rae")
        await tick(app, second_look_share=1.0)
        assert await measures(app, "second") == []

    async def test_a_share_of_the_rest_is_looked_at_too(self, app: App) -> None:
        await stand(app)
        for number, reviewer in ((1, "sol"), (3, "rae"), (7, "rae")):
            decision = await decide(app, f"number {number}")
            await correct(app, decision.review_id or "", "odd", reviewer)
        await tick(app, second_look_share=1.0)
        assert len(await measures(app, "second")) == 3
        await tick(app, second_look_share=1.0)
        assert len(await measures(app, "second")) == 3

    async def test_a_verdict_taken_back_needs_no_lead(self, app: App) -> None:
        first, second = await self.second_look(app)
        await app.reviews.undo(first, reviewer="rae")
        await correct(app, second, "odd", "sol")
        await tick(app, second_look_share=1e-6)
        assert await measures(app, "lead") == []


@pytest.mark.usefixtures("past")
async def test_who_accepts_faster_than_it_can_be_read_is_warned_of(app: App) -> None:
    await stand(app, threshold=0.95, reference_rate=0.0)
    long = "word " * 200
    for number in range(6):
        decision = await decide(app, f"{long}{number * 5 + 1}")
        assert decision.review_id
        await app.reviews.claim(decision.review_id, reviewer="rae")
        await correct(app, decision.review_id, "", "rae", VerdictKind.ACCEPT)
    [rae] = await app.reviewer_checks.figures(declared(app))
    assert rae.too_fast
    await app.database.fetch("UPDATE verdict SET dwell_seconds = 60")
    await app.database.fetch(
        "UPDATE verdict SET given_at = given_at - interval '1 minute' * (6 - n) FROM"
        " (SELECT id AS same, row_number() OVER (ORDER BY id) AS n FROM verdict) AS numbered"
        " WHERE id = same"
    )
    [rae] = await app.reviewer_checks.figures(declared(app))
    assert not rae.too_fast
    assert rae.median_seconds is not None
    assert rae.median_seconds > 50


class TestWhatMissesCost:
    def test_labels_are_taken_as_right_until_there_are_cases_enough_or_misses(self) -> None:
        assert not reviewer_errors.counts(misses=0, cases=59)
        assert not reviewer_errors.counts(misses=1, cases=59)
        assert reviewer_errors.counts(misses=2, cases=2)
        assert reviewer_errors.counts(misses=0, cases=60)

    def test_a_reviewer_who_sees_nothing_leaves_nothing_to_prove(self) -> None:
        limit, delta, bound = reviewer_errors.corrected(0.02, 0.05, misses=9, cases=9)
        assert (limit, bound) == (0.0, 1.0)
        assert delta == pytest.approx(0.04)
