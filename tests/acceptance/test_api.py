"""The API over real HTTP: a task from submission to receipt, and all client errors."""

from __future__ import annotations

import ast
import asyncio
from pathlib import Path
from typing import Any

import httpx2
import pytest

import roadbed
from roadbed.audit.model import ReceiptProof
from roadbed.kernel.errors import RoadbedError
from roadbed.kernel.settings import Settings
from roadbed.statuses import STATUS
from tests.browsing import browsing
from tests.conftest import Folders, Site, serving

TASKS = "/usecases/triage/tasks"
PAGES_OF_A_USE_CASE = (
    "",
    "/trust",
    "/weak",
    "/reviews",
    "/deliveries",
    "/outcomes",
    "/proposals",
    "/notebook",
    "/versions",
    "/releases",
    "/incidents",
    "/jobs",
)

HELD = """
import time
from pathlib import Path

@usecase.decider
def decide(inquiry, context):
    while not Path({gate!r}).exists():
        time.sleep(0.02)
    return Answer(output=Routing(queue="returns"), confidence=0.9)
"""


async def problem(response: httpx2.Response, status: int, code: str) -> dict[str, Any]:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = response.json()
    assert body["code"] == code
    assert body["remedy"]
    return body


class TestOneTask:
    async def test_from_an_inquiry_to_a_receipt_with_its_correction(self, site: Site) -> None:
        sent = (await site.shop.post(TASKS, json={"key": "k1", "input": {"text": "hello"}})).json()
        assert sent["state"] == "in_review"
        assert sent["decision"]["output"] == {"queue": "returns"}
        assert sent["pod"]["risk_partner"] == "dev"
        claimed = (await site.reviewer.post("/usecases/triage/reviews/claim")).json()["reviews"][0]
        assert claimed["task_id"] == sent["task"]
        given = (
            await site.reviewer.post(
                f"/reviews/{claimed['id']}/verdict",
                json={
                    "verdict": "correct",
                    "output": {"queue": "refunds"},
                    "note": "they want money",
                },
            )
        ).json()
        assert given["agrees"] is False
        assert given["decided"] == {"queue": "returns"}
        receipt = (await site.shop.get(f"/receipts/{sent['task']}")).json()
        assert receipt["state"] == "reviewed"
        assert receipt["review"]["verdict"]["right_output"] == {"queue": "refunds"}
        assert receipt["review"]["verdict"]["purpose"] in {"learn", "judge"}
        again = await site.shop.post(TASKS, json={"key": "k1", "input": {"text": "hello"}})
        assert (again.status_code, again.json()) == (200, receipt)

    async def test_the_header_is_another_place_for_the_key(self, site: Site) -> None:
        body = {"input": {"text": "hello"}}
        sent = (
            await site.shop.post(TASKS, json=body, headers={"Idempotency-Key": '"k\\"1"'})
        ).json()
        assert sent["key"] == 'k"1'
        for more, headers in (({"key": 'k"1'}, {}), ({}, {"idempotency-key": 'k"1'})):
            again = await site.shop.post(TASKS, json={**body, **more}, headers=headers)
            assert again.json()["task"] == sent["task"]
        other = {"Idempotency-Key": "k2"}
        refused = await site.shop.post(TASKS, json={**body, "key": "k1"}, headers=other)
        await problem(refused, 422, "request_invalid")
        empty = await site.shop.post(TASKS, json=body, headers={"Idempotency-Key": '""'})
        await problem(empty, 422, "request_invalid")
        assert len(await site.app.database.fetch("SELECT 1 FROM task")) == 1

    async def test_no_error_is_built_for_a_task_that_is_accepted(
        self, site: Site, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # Its texts cost more than the rest of the gateway.
        built: list[str] = []
        build = RoadbedError.__init__

        def noted(error: RoadbedError, problem: str, remedy: str) -> None:
            built.append(type(error).__name__)
            build(error, problem, remedy)

        monkeypatch.setattr(RoadbedError, "__init__", noted)
        sent = await site.shop.post(TASKS, json={"input": {"text": "hello"}})
        assert sent.status_code == 200
        assert built == []
        await problem(
            await site.shop.post("/usecases/other/tasks", json={}), 404, "usecase_unknown"
        )
        assert built == ["UnknownUseCaseError"]

    async def test_a_task_need_not_be_waited_for(self, site: Site) -> None:
        sent = await site.shop.post(TASKS, json={"input": {"text": "hello"}, "wait": 0})
        assert sent.status_code in {200, 202}
        for _ in range(50):
            receipt = (await site.shop.get(f"/receipts/{sent.json()['task']}")).json()
            if receipt["decision"]:
                break
            await asyncio.sleep(0.05)
        assert receipt["decision"]["route"] == "review"

    async def test_a_repeated_key_waits_for_the_decision_of_another_process(
        self, settings: Settings, folders: Folders, url: str, tmp_path: Path
    ) -> None:
        folders.write(HELD.format(gate=str(tmp_path / "gate")), deadline=60.0)
        body = {"key": "k1", "input": {"text": "hello"}}
        async with serving(settings, url) as first, serving(settings, url) as second:
            sent = await first.shop.post(TASKS, json={**body, "wait": 0})
            assert sent.status_code == 202
            at_once = await second.shop.post(TASKS, json={**body, "wait": 0})
            assert (at_once.status_code, at_once.json()["decision"]) == (202, None)
            waiting = asyncio.create_task(second.shop.post(TASKS, json={**body, "wait": 30}))
            revised = asyncio.create_task(
                second.shop.post(
                    f"/tasks/{sent.json()['task']}/revisions",
                    json={"input": {"text": "hello"}, "wait": 30},
                )
            )
            await asyncio.wait([waiting, revised], timeout=0.5)
            (tmp_path / "gate").touch()
            for answer in (await waiting, await revised):
                assert answer.status_code == 200
                assert answer.json()["task"] == sent.json()["task"]
                assert answer.json()["decision"]["output"] == {"queue": "returns"}

    async def test_a_repeated_key_gives_nobody_else_the_answer(
        self, settings: Settings, folders: Folders, url: str, tmp_path: Path
    ) -> None:
        folders.write(HELD.format(gate=str(tmp_path / "gate")), deadline=60.0)
        body = {"key": "k1", "input": {"text": "hello"}}
        async with serving(settings, url) as site:
            token = await site.app.people.issue_token("reviewer", scopes=["submit"])
            own = {"Authorization": f"Bearer {token}"}
            assert (await site.shop.post(TASKS, json={**body, "wait": 0})).status_code == 202
            waiting = asyncio.create_task(
                site.reviewer.post(TASKS, json={**body, "wait": 30}, headers=own)
            )
            await asyncio.wait([waiting], timeout=0.5)
            (tmp_path / "gate").touch()
            repeated = (await waiting).json()
            assert (repeated["decision"]["hidden"], repeated["decision"]["output"]) == (True, None)
            own_answer = (await site.shop.post(TASKS, json={**body, "wait": 30})).json()
            assert own_answer["decision"]["output"] == {"queue": "returns"}

    async def test_a_body_may_begin_with_a_byte_order_mark(self, site: Site) -> None:
        sent = await site.shop.post(TASKS, content=b'\xef\xbb\xbf{"input": {"text": "hello"}}')
        assert (sent.status_code, sent.json()["input"]) == (200, {"text": "hello"})
        claimed = (await site.reviewer.post("/usecases/triage/reviews/claim")).json()["reviews"][0]
        given = await site.reviewer.post(
            f"/reviews/{claimed['id']}/verdict", content=b'\xef\xbb\xbf{"verdict": "reject"}'
        )
        assert given.status_code == 200, given.text

    async def test_what_can_be_stored_is_kept_as_it_was_sent(self, site: Site) -> None:
        text = "page 1\fpage 2\x0b\x1b[31mred\x1b[0m\x07\x7f"
        sent = await site.shop.post(TASKS, json={"input": {"text": text}})
        assert (sent.status_code, sent.json()["input"]) == (200, {"text": text})
        refused = await site.shop.post(TASKS, json={"input": {"text": "a\x00b"}})
        assert "NUL" in (await problem(refused, 422, "input_invalid"))["detail"]

    async def test_lists_page_by_cursor_and_filter(self, site: Site) -> None:
        for number in range(7):
            await site.shop.post(TASKS, json={"input": {"text": f"number {number} 100% a_b"}})
        first = (await site.shop.get("/receipts?limit=4")).json()
        second = (await site.shop.get(f"/receipts?limit=4&cursor={first['next']}")).json()
        texts = [receipt["input"]["text"] for receipt in first["receipts"] + second["receipts"]]
        assert texts == [f"number {number} 100% a_b" for number in reversed(range(7))]
        result = (await site.shop.get("/receipts?q=number+3")).json()["receipts"]
        assert [item["input"]["text"] for item in result] == ["number 3 100% a_b"]
        assert (await site.shop.get("/receipts?q=1__%25")).json()["receipts"] == []
        one = (await site.reviewer.get("/usecases/triage/reviews?limit=4")).json()
        two = (await site.reviewer.get(f"/usecases/triage/reviews?cursor={one['next']}")).json()
        ids = [review["id"] for review in one["reviews"] + two["reviews"]]
        assert len(set(ids)) == 7

    async def test_what_is_proven_and_served_can_be_read(self, site: Site) -> None:
        listed = (await site.shop.get("/usecases")).json()
        assert listed["usecases"][0]["name"] == "triage"
        shown = (await site.shop.get("/usecases/triage")).json()
        assert shown["declaration"]["input"]["properties"]["text"]["type"] == "string"
        trust = (await site.shop.get("/usecases/triage/trust")).json()
        assert (trust["threshold"], trust["risk_limit"]) == (None, 0.02)
        versions = (await site.shop.get("/usecases/triage/releases")).json()["versions"]
        assert [version["number"] for version in versions] == [1]
        sent = (await site.shop.post(TASKS, json={"input": {"text": "which version"}})).json()
        assert sent["decision"]["version"] == versions[0]["id"]
        assert sent["decision"]["version_number"] == 1
        assert (await site.shop.get("/openapi.json")).json()["info"]["title"] == "Roadbed"


async def sent_by_others(site: Site, text: str) -> None:
    """A task that neither of the two who review here has sent."""
    _, running = await site.app.decisions.submit(
        "triage", {"text": text}, key=None, source={"surface": "http", "by": "ben"}
    )
    assert running is not None
    await running


class TestReviewing:
    async def review(self, site: Site, *, blind: bool) -> dict[str, Any]:
        """A review of the kind wanted; the coin decides, so a few tasks may be needed."""
        for number in range(200):
            await sent_by_others(site, f"n {number}")
            queue = (await site.reviewer.get("/usecases/triage/reviews")).json()["reviews"]
            if results := [item for item in queue if item["blind"] is blind]:
                return dict(results[-1])
        raise AssertionError("the coin never fell that way")

    async def test_a_blind_review_shows_nothing_until_its_verdict_stands(self, site: Site) -> None:
        review = await self.review(site, blind=True)
        for shown in (
            review,
            (await site.reviewer.get(f"/reviews/{review['id']}")).json(),
            (await site.reviewer.post(f"/reviews/{review['id']}/claim")).json(),
        ):
            assert {shown[name] for name in ("output", "confidence", "evidence", "reason")} == {
                None
            }
        receipt = (await site.reviewer.get(f"/receipts/{review['task_id']}")).json()
        assert receipt["decision"]["hidden"]
        assert receipt["decision"]["output"] is None
        listed = (await site.reviewer.get(f"/receipts?q={review['task_id']}")).json()["receipts"]
        assert listed[0]["output"] is None
        accept = await site.reviewer.post(
            f"/reviews/{review['id']}/verdict", json={"verdict": "accept"}
        )
        await problem(accept, 422, "verdict_invalid")
        given = (
            await site.reviewer.post(
                f"/reviews/{review['id']}/verdict",
                json={"verdict": "correct", "output": {"queue": "returns"}},
            )
        ).json()
        assert given["agrees"] is True
        assert given["decided"] == {"queue": "returns"}
        after = (await site.reviewer.get(f"/receipts/{review['task_id']}")).json()
        assert after["decision"]["output"] == {"queue": "returns"}
        assert after["review"]["verdict"]["purpose"] == "judge"

    async def test_whoever_reads_the_verdict_on_a_blind_one_gives_none(self, site: Site) -> None:
        review = await self.review(site, blind=True)
        path = f"/reviews/{review['id']}"
        await site.reviewer.post(f"{path}/verdict", json={"verdict": "reject"})
        read = (await site.shop.get(path)).json()
        assert (read["output"], read["verdict"]["kind"]) == ({"queue": "returns"}, "reject")
        await site.reviewer.post(f"{path}/undo")
        await problem(await site.shop.post(f"{path}/claim"), 409, "review_taken")

    async def test_a_proof_holds_nothing_that_was_hidden_when_it_was_made(
        self, site: Site, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        review = await self.review(site, blind=True)
        await site.reviewer.post(f"/reviews/{review['id']}/verdict", json={"verdict": "reject"})
        prove, path = site.app.audit.sealed_proof_of_task, f"/receipts/{review['task_id']}/proof"

        async def late(task_id: str) -> ReceiptProof:
            """Meanwhile the task becomes one whose answer is hidden again."""
            await site.reviewer.post(f"/reviews/{review['id']}/undo")
            return await prove(task_id)

        monkeypatch.setattr(site.app.audit, "sealed_proof_of_task", late)
        await problem(await site.reviewer.get(path), 409, "proof_hidden")
        async with browsing(site) as client:
            assert (await client.get(path)).status_code == 409

    async def test_a_verdict_taken_back_on_a_blind_one_is_not_told(self, site: Site) -> None:
        review = await self.review(site, blind=True)
        await site.reviewer.post(f"/reviews/{review['id']}/verdict", json={"verdict": "reject"})
        await site.reviewer.post(f"/reviews/{review['id']}/undo")
        receipt = await site.app.receipts.get(review["task_id"], viewer="kim")
        assert receipt["decision"]["hidden"]
        assert receipt["review"]["undone"] == []

    async def test_a_blind_one_taken_back_is_for_somebody_else(self, site: Site) -> None:
        review = await self.review(site, blind=True)
        path = f"/reviews/{review['id']}"
        given = (await site.reviewer.post(f"{path}/verdict", json={"verdict": "reject"})).json()
        assert given["blind"] is True
        undone = (await site.reviewer.post(f"{path}/undo")).json()
        assert (undone["verdict"], undone["claimed_by"], undone["output"]) == (None, None, None)
        label = {"verdict": "correct", "output": {"queue": "returns"}}
        again = await site.reviewer.post(f"{path}/verdict", json=label)
        await problem(again, 409, "review_taken")
        assert (await site.shop.post(f"{path}/verdict", json=label)).status_code == 200

    async def test_accept_undo_skip_and_reject(self, site: Site) -> None:
        review = await self.review(site, blind=False)
        path = f"/reviews/{review['id']}"
        given = (await site.reviewer.post(f"{path}/verdict", json={"verdict": "accept"})).json()
        assert given["right_output"] == {"queue": "returns"}
        await problem(await site.shop.post(f"{path}/undo"), 409, "nothing_to_undo")
        undone = (await site.reviewer.post(f"{path}/undo")).json()
        assert undone["verdict"] is None
        assert undone["claimed_by"] == "reviewer"
        rows = await site.app.database.fetch(
            "SELECT 1 FROM example WHERE task_id = %(id)s AND withdrawn_at IS NULL",
            {"id": review["task_id"]},
        )
        assert rows == []
        assert (await site.reviewer.post(f"{path}/skip")).status_code == 200
        rejected = (await site.shop.post(f"{path}/verdict", json={"verdict": "reject"})).json()
        assert rejected["right_output"] is None
        await problem(await site.shop.post(f"{path}/skip"), 409, "review_closed")
        await problem(await site.shop.post(f"{path}/claim"), 409, "review_closed")
        # The same verdict again gets the first response; another one is refused.
        again = await site.shop.post(f"{path}/verdict", json={"verdict": "reject"})
        assert again.json() == rejected
        for client, body in (
            (site.reviewer, {"verdict": "reject"}),
            (site.shop, {"verdict": "accept"}),
        ):
            other = await client.post(f"{path}/verdict", json=body)
            await problem(other, 409, "review_closed")

    async def test_a_skip_is_taken_back_with_undo(self, site: Site) -> None:
        review = await self.review(site, blind=False)
        path = f"/reviews/{review['id']}"
        assert (await site.reviewer.post(f"{path}/skip")).status_code == 200
        claim = "/usecases/triage/reviews/claim?limit=50"  # others, if the coin fell otherwise

        async def offers() -> dict[str, bool]:
            offered = (await site.reviewer.post(claim)).json()["reviews"]
            return {item["id"]: item["left"] for item in offered}

        assert review["id"] not in await offers()
        undone = (await site.reviewer.post(f"{path}/undo")).json()
        assert (undone["id"], undone["claimed_by"]) == (review["id"], "reviewer")
        assert (await offers())[review["id"]] is False

    async def test_an_item_that_everybody_skipped_comes_back_last(self, site: Site) -> None:
        review = await self.review(site, blind=False)
        people = await site.app.database.fetch(
            "SELECT DISTINCT person FROM role_in_force WHERE use_case = 'triage'"
        )
        for row in people:
            await site.app.reviews.skip(review["id"], reviewer=row["person"])
        claimed = await site.reviewer.post("/usecases/triage/reviews/claim?limit=50")
        *_, last = claimed.json()["reviews"]
        assert (last["id"], last["left"]) == (review["id"], True)

    async def test_a_claim_keeps_others_out_until_it_runs_out(self, site: Site) -> None:
        review = await self.review(site, blind=False)
        path = f"/reviews/{review['id']}"
        assert (await site.reviewer.post(f"{path}/claim")).json()["claimed_by"] == "reviewer"
        await problem(await site.shop.post(f"{path}/claim"), 409, "review_taken")
        await problem(await site.shop.post(f"{path}/skip"), 409, "review_taken")
        await problem(
            await site.shop.post(f"{path}/verdict", json={"verdict": "reject"}), 409, "review_taken"
        )
        await site.app.database.fetch("UPDATE review SET claim_until = now() - interval '1 s'")
        assert (await site.shop.post(f"{path}/claim")).json()["claimed_by"] == "shop"

    async def test_two_reviewers_never_get_the_same_review(self, site: Site) -> None:
        for number in range(20):
            await sent_by_others(site, f"n {number}")
        got = await asyncio.gather(
            *(
                client.post("/usecases/triage/reviews/claim?limit=5")
                for client in (site.shop, site.reviewer, site.shop, site.reviewer)
            )
        )
        by_person = [[review["id"] for review in answer.json()["reviews"]] for answer in got]
        assert not set(by_person[0] + by_person[2]) & set(by_person[1] + by_person[3])

    @pytest.mark.parametrize(
        "body",
        [
            {"verdict": "maybe"},
            {"verdict": "correct"},
            {"verdict": "accept", "output": {"queue": "x"}},
            {"verdict": "correct", "output": {"queue": 7}},
            {"verdict": "correct", "output": []},
            {"verdict": "reject", "note": 7},
            {"verdict": "reject", "note": "x" * 5000},
            {"verdict": "reject", "extra": 1},
            {"verdict": "reject", "new_kind": "perhaps"},
            {"verdict": "correct", "output": {"queue": "a\x00"}},
        ],
    )
    async def test_a_verdict_that_does_not_fit_changes_nothing(
        self, site: Site, body: dict[str, Any]
    ) -> None:
        review = await self.review(site, blind=False)
        answer = await site.reviewer.post(f"/reviews/{review['id']}/verdict", json=body)
        assert answer.status_code == 422, answer.text
        assert answer.json()["remedy"]
        shown = (await site.reviewer.get(f"/reviews/{review['id']}")).json()
        assert shown["closed_at"] is None

    async def test_an_unknown_review_is_named(self, site: Site) -> None:
        for path in ("/reviews/rev_x/claim", "/reviews/rev_x/undo", "/reviews/rev_x/skip"):
            await problem(await site.reviewer.post(path), 404, "review_unknown")
        await problem(await site.reviewer.get("/reviews/rev_x"), 404, "review_unknown")


class TestBadInput:
    @pytest.mark.parametrize(
        ("body", "status", "code"),
        [
            (b"", 400, "body_not_json"),
            (b"{", 400, "body_not_json"),
            (b"[1]", 400, "body_not_json"),
            (b'{"input": {"text": "\xff"}}', 400, "body_not_json"),
            (b"[" * 100_000, 400, "body_not_json"),
            (b'{"input": {"text": "a", "text": "b"}}', 400, "body_not_json"),
            (b'{"input": {"text": "a"}, "input": {"text": "b"}}', 400, "body_not_json"),
            (b"{}", 422, "request_invalid"),
            (b'{"input": "text"}', 422, "request_invalid"),
            (b'{"input": {"text": "a"}, "mode": "fast"}', 422, "request_invalid"),
            (b'{"input": {"text": "a"}, "key": 7}', 422, "request_invalid"),
            (b'{"input": {"text": "a"}, "wait": "long"}', 422, "request_invalid"),
            (b'{"input": {"text": "a"}, "key": ""}', 422, "input_invalid"),
            (b'{"input": {"text": 7}}', 422, "input_invalid"),
            (b'{"input": {"text": null}}', 422, "input_invalid"),
            (b'{"input": {"text": "a", "colour": "red"}}', 422, "input_invalid"),
            (b'{"input": {"text": "a\\u0000b"}}', 422, "input_invalid"),
        ],
    )
    async def test_is_answered_with_the_remedy_and_stores_nothing(
        self, site: Site, body: bytes, status: int, code: str
    ) -> None:
        await problem(await site.shop.post(TASKS, content=body), status, code)
        assert await site.app.database.fetch("SELECT 1 FROM task") == []
        assert (await site.shop.post(TASKS, json={"input": {"text": ""}})).status_code == 200

    async def test_a_body_of_ten_megabytes_is_refused_with_and_without_its_length(
        self, site: Site
    ) -> None:
        huge = b'{"input": {"text": "' + b"a" * 10_000_000 + b'"}}'
        await problem(await site.shop.post(TASKS, content=huge), 413, "body_too_large")

        async def pieces() -> Any:
            for start in range(0, len(huge), 100_000):
                yield huge[start : start + 100_000]

        await problem(await site.shop.post(TASKS, content=pieces()), 413, "body_too_large")
        assert (await site.shop.post(TASKS, json={"input": {"text": "a"}})).status_code == 200

    async def test_a_key_used_for_another_body_is_refused(self, site: Site) -> None:
        await site.shop.post(TASKS, json={"key": "k", "input": {"text": "one"}})
        other = await site.shop.post(TASKS, json={"key": "k", "input": {"text": "two"}})
        await problem(other, 409, "key_reused")

    async def test_what_is_not_there_is_named(self, site: Site) -> None:
        body = {"input": {"text": "a"}}
        await problem(
            await site.shop.post("/usecases/none/tasks", json=body), 404, "usecase_unknown"
        )
        await problem(await site.shop.get("/receipts/tsk_none"), 404, "task_unknown")
        await problem(await site.shop.get("/nothing"), 404, "not_found")
        await problem(await site.shop.delete("/usecases"), 405, "method_not_allowed")
        await problem(await site.shop.get("/receipts?limit=0"), 422, "request_invalid")

    @pytest.mark.parametrize(
        "path",
        [
            "/usecases/triage/outcomes?cursor=%00",
            "/receipts?q=%00",
            "/receipts?before=a%00b",
            "/receipts/%00",
            "/receipts/a%00b",
        ],
    )
    async def test_a_nul_in_an_address_is_refused(self, site: Site, path: str) -> None:
        await problem(await site.shop.get(path), 422, "request_invalid")

    async def test_a_broken_use_case_does_not_stop_the_others(
        self, folders: Folders, settings: Settings, url: str
    ) -> None:
        folders.write()
        folders.write("def broken(:", name="broken")
        async with serving(settings, url) as site:
            assert (await site.shop.post(TASKS, json={"input": {"text": "a"}})).status_code == 200
            listed = (await site.shop.get("/usecases")).json()
            assert listed["broken"][0]["folder"] == "broken"
            assert "usecase.py" in listed["broken"][0]["problem"]
            answer = await site.shop.post("/usecases/broken/tasks", json={"input": {"text": "a"}})
            await problem(answer, 503, "usecase_broken")
            async with httpx2.AsyncClient(base_url=site.address, follow_redirects=True) as browser:
                code = await site.app.people.issue_link_code("reviewer")
                own = {"Origin": site.address}
                await browser.post("/sign-in/link", data={"code": code}, headers=own)
                for page in PAGES_OF_A_USE_CASE:
                    shown = await browser.get(f"/usecases/broken{page}")
                    assert shown.status_code == (503 if page != "/incidents" else 200), page
                    assert page == "/incidents" or "Python cannot read it" in shown.text, page
                    assert page == "/incidents" or "roadbed check" in shown.text, page


class TestAuthentication:
    @pytest.mark.parametrize(
        "headers",
        [
            {},
            {"Authorization": "Bearer nonsense"},
            {"Authorization": "Basic abc"},
            {"Cookie": "roadbed_session=nonsense"},
        ],
    )
    async def test_everything_needs_a_session_or_a_token(
        self, site: Site, headers: dict[str, str]
    ) -> None:
        async with httpx2.AsyncClient(base_url=f"{site.address}/v1", headers=headers) as stranger:
            for path in (
                "/usecases",
                "/receipts",
                "/receipts/tsk_x",
                "/usecases/triage",
                "/usecases/triage/trust",
                "/usecases/triage/reviews",
                "/reviews/rev_x",
            ):
                await problem(await stranger.get(path), 401, "not_signed_in")
            for path in (
                TASKS,
                "/reviews/rev_x/verdict",
                "/reviews/rev_x/claim",
                "/reviews/rev_x/undo",
                "/usecases/triage/reviews/claim",
            ):
                await problem(await stranger.post(path, json={}), 401, "not_signed_in")

    async def test_a_session_cannot_be_used_by_a_page_of_another_site(self, site: Site) -> None:
        code = await site.app.people.issue_link_code("ana")
        async with httpx2.AsyncClient(base_url=site.address) as browser:
            entered = await browser.post(
                "/sign-in/link", data={"code": code}, headers={"Origin": site.address}
            )
            assert entered.status_code == 200
            assert (await browser.get("/v1/usecases")).status_code == 200
            claim = "/v1/usecases/triage/reviews/claim"
            foreign = await browser.post(claim, headers={"Origin": "https://elsewhere.example"})
            await problem(foreign, 403, "forbidden_origin")
            await problem(await browser.post(claim), 403, "forbidden_origin")
            own = await browser.post(claim, headers={"Origin": site.address})
            assert own.status_code == 200
            assert (await browser.get(f"/sign-in?code={code}")).status_code == 403
            await browser.post("/sign-out", headers={"Origin": site.address})
            assert (await browser.get("/v1/usecases")).status_code == 401

    async def test_other_host_names_are_refused_and_headers_are_strict(self, site: Site) -> None:
        answer = await site.shop.get("/usecases", headers={"Host": "roadbed.example"})
        assert answer.status_code == 400
        headers = (await site.shop.get("/usecases")).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert headers["x-frame-options"] == "DENY"


# What no request can meet: it ends a command, or a process that starts.
NEVER_OVER_HTTP = {
    "job_failed",
    "error",
    "backup_failed",
    "backup_invalid",
    "backup_unverified",
    "restore_refused",
    "database_url_invalid",
    "demo_data_missing",
    "demo_model_missing",
    "demo_port_taken",
    "demo_server_failed",
    "edit_not_json",
    "identity_unverified",
    "embedded_server_failed",
    "input_not_json",
    "labels_unclear",
    "not_loopback",
    "proof_file",
    "release_none",
    "settings_invalid",
    "route_undeclared",
    "scaffold_failed",
    "serve_failed",
    "state_unknown",
    "table_invalid",
    "usage_wrong",
    "chat_account_invalid",
    "chat_account_unknown",
    "server_address_invalid",
    "server_refused",
    "server_unreachable",
    "token_missing",
    "tool_arguments_invalid",
    "tool_unknown",
}


def test_every_error_of_ours_has_a_status_and_no_status_is_without_its_error() -> None:
    source = Path(roadbed.__file__).parent
    codes = {
        line.value.value
        for path in source.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef) and node.name.endswith("Error")
        for line in node.body
        if isinstance(line, ast.Assign | ast.AnnAssign)
        and isinstance(line.value, ast.Constant)
        and ast.unparse(line).startswith("code")
    }
    assert codes == set(STATUS) | NEVER_OVER_HTTP
    assert not set(STATUS) & NEVER_OVER_HTTP
