"""What a sender who may only submit reads of a task: nothing that a person still has to check."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest

from roadbed.assistants.replies import ReplyState, reply_of
from roadbed.people.model import Role
from tests.conftest import Site
from tests.unit.test_trust import stand

ANSWERS = ("output", "actions", "confidence", "evidence", "threshold", "content_hash", "reason")


@asynccontextmanager
async def sending(
    site: Site, *, scopes: list[str] | None = None
) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of ``mia``, who may only submit."""
    people = site.app.people
    token = await people.issue_token("mia", scopes=scopes)
    headers = {"authorization": f"Bearer {token}"}
    address = f"{site.address}/v1"
    async with httpx2.AsyncClient(base_url=address, headers=headers, trust_env=False) as client:
        yield client


@pytest.fixture
async def sender(site: Site) -> AsyncIterator[httpx2.AsyncClient]:
    await site.app.members.add("mia", by="test")
    await site.app.members.grant("mia", "triage", Role.REQUESTER, by="test")
    async with sending(site) as client:
        yield client


async def send(client: httpx2.AsyncClient, text: str) -> dict[str, Any]:
    body = {"input": {"text": text}, "key": f"key of {text}", "wait": 20}
    answer = await client.post("/usecases/triage/tasks", json=body)
    assert answer.status_code == 200, answer.text
    receipt: dict[str, Any] = answer.json()
    return receipt


async def judge(site: Site, receipt: Mapping[str, Any], **verdict: Any) -> None:
    claimed = await site.reviewer.post(f"/reviews/{receipt['review']['id']}/claim")
    assert claimed.status_code == 200, claimed.text
    given = await site.reviewer.post(f"/reviews/{receipt['review']['id']}/verdict", json=verdict)
    assert given.status_code == 200, given.text


async def waiting(site: Site, rate: float) -> None:
    """Every answer waits for a person; tasks are drawn for the sample at this rate."""
    await site.app.database.fetch("UPDATE use_case SET reference_rate = %(rate)s", {"rate": rate})
    await site.app.deployments.refresh("triage")


async def test_what_a_person_has_to_check_is_left_out(
    site: Site, sender: httpx2.AsyncClient
) -> None:
    await waiting(site, 0.0)
    receipt = await send(sender, "take it back")
    again = await send(sender, "take it back")  # read from the database
    for seen in (receipt, again):
        assert seen["state"] == "in_review"
        assert seen["decision"]["hidden"] is True
        assert {name: seen["decision"][name] for name in ANSWERS} == dict.fromkeys(ANSWERS)
        assert "returns" not in str(seen["decision"])
    shown = (await site.shop.get(f"/receipts/{receipt['task']}")).json()
    assert shown["decision"]["output"] == {"queue": "returns"}  # who may view reads it


async def test_a_verdict_gives_the_sender_what_is_right(
    site: Site, sender: httpx2.AsyncClient
) -> None:
    await waiting(site, 0.0)
    receipt = await send(sender, "take it back")
    await judge(site, receipt, verdict="correct", output={"queue": "billing"}, note="Look again.")
    seen = await send(sender, "take it back")
    verdict = seen["review"]["verdict"]
    assert seen["state"] == "reviewed"
    assert seen["decision"]["output"] is None  # what was wrong stays with whoever judged it
    assert (verdict["verdict"], verdict["right_output"]) == ("correct", {"queue": "billing"})
    assert (verdict["note"], verdict["reviewer"], verdict["example"]) == (None, None, None)
    told = reply_of(seen, site.address)
    assert (told.state, told.output) == (ReplyState.CHECKED, {"queue": "billing"})


async def test_a_task_of_the_sample_looks_like_another_one(
    site: Site, sender: httpx2.AsyncClient
) -> None:
    receipts = []
    for rate in (0.0, 1.0):
        await waiting(site, rate)
        receipts.append(await send(sender, f"take it back {rate}"))
    assert [receipt["sample"]["drawn"] for receipt in receipts] == [False, True]
    decisions = [receipt["decision"] for receipt in receipts]
    for name in decisions[0]:
        if name not in ("id", "decided_at", "decide_seconds"):
            assert decisions[0][name] == decisions[1][name], name
    assert set(receipts[0]["review"]) == set(receipts[1]["review"])


async def test_an_automatic_answer_is_given_whether_it_was_drawn_or_not(
    site: Site, sender: httpx2.AsyncClient
) -> None:
    for rate in (0.0, 1.0):
        await stand(site.app, reference_rate=rate)
        receipt = await send(sender, f"take it back {rate}")
        assert receipt["decision"]["route"] == "automatic"
        assert receipt["decision"]["output"] == {"queue": "returns"}
        assert receipt["decision"]["confidence"] is not None
        assert not receipt["decision"]["hidden"]


async def test_another_one_with_the_same_key_reads_no_answer(
    site: Site, sender: httpx2.AsyncClient
) -> None:
    await waiting(site, 0.0)
    sent = await site.shop.post(
        "/usecases/triage/tasks",
        json={"input": {"text": "take it back"}, "key": "key of take it back"},
    )
    await judge(site, sent.json(), verdict="correct", output={"queue": "billing"})
    seen = await send(sender, "take it back")
    assert seen["task"] == sent.json()["task"]
    assert seen["decision"]["output"] is None
    assert seen["review"]["verdict"] is None


async def test_a_token_that_may_only_submit_reads_no_more_than_a_requester(site: Site) -> None:
    await waiting(site, 0.0)
    await site.app.members.add("mia", by="test")
    await site.app.members.grant("mia", "triage", Role.DATA_SPECIALIST, by="test")
    async with sending(site, scopes=["submit"]) as client:
        assert (await send(client, "take it back"))["decision"]["output"] is None
    async with sending(site) as client:
        assert (await send(client, "take it back"))["decision"]["output"] == {"queue": "returns"}
