"""Corrected input over HTTP, in the terminal and on the receipt's page."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import httpx2
import pytest

from tests.acceptance.test_api import TASKS, problem
from tests.acceptance.test_cli import Terminal
from tests.browsing import browsing
from tests.conftest import Folders, Site
from tests.receiver import Receiver, receiving
from tests.unit.test_deliveries import Ledger, at_once, pump
from tests.unit.test_revisions import BY_WORD, automatic
from tests.unit.test_trust import declared

HOSTILE = "<script>document.title='owned'</script> to billing"


@pytest.fixture(autouse=True)
def _by_word(folders: Folders) -> None:
    folders.write(BY_WORD)


async def task(site: Site, text: str = "to returns") -> str:
    sent = await site.shop.post(TASKS, json={"input": {"text": text}})
    assert sent.status_code == 200, sent.text
    return str(sent.json()["task"])


async def pump_until(site: Site, receiver: Receiver, count: int) -> None:
    """A relay that a busy machine held up sends nothing by that claim, and claims again."""
    for _ in range(20):
        await at_once(site.app)
        await pump(site.app)
        if len(receiver.got) >= count:
            break


def revisions(task_id: str) -> str:
    return f"/tasks/{task_id}/revisions"


class TestHttp:
    async def test_a_correction_is_a_receipt_linked_both_ways(self, site: Site) -> None:
        ledger = Ledger(can_compensate=True)
        declared(site.app).deliver("crm", to=ledger)
        await automatic(site.app)
        first = await task(site)
        await pump(site.app)
        body = {"input": {"text": "to billing"}, "reason": "a typo"}
        sent = await site.shop.post(revisions(first), json=body)
        assert sent.status_code == 200, sent.text
        second = sent.json()
        assert (second["revises"], second["revision"]) == (first, 2)
        assert second["decision"]["output"] == {"queue": "billing"}
        await pump(site.app)
        [old, new] = [
            (await site.reviewer.get(f"/receipts/{item}")).json()
            for item in (first, second["task"])
        ]
        assert [revision["task"] for revision in old["revisions"]] == [first, second["task"]]
        assert old["revisions"] == new["revisions"]
        assert new["revisions"][1]["effects"] == "replaced"
        assert [delivery["state"] for delivery in old["deliveries"]] == ["compensated", "delivered"]
        assert old["deliveries"][0]["superseded_by"] == second["task"]
        again = await site.shop.post(revisions(second["task"]), json={"input": body["input"]})
        assert (again.status_code, again.json()["task"]) == (200, second["task"])

    async def test_it_need_not_be_waited_for(self, site: Site) -> None:
        first = await task(site)
        sent = await site.shop.post(revisions(first), json={"input": {"text": "to b"}, "wait": 0})
        assert sent.status_code in {200, 202}
        declared(site.app).on_revision = "note"
        noted = await site.shop.post(revisions(first), json={"input": {"text": "to c"}})
        assert (noted.status_code, noted.json()["state"]) == (200, "noted")

    async def test_what_does_not_fit_is_told(self, site: Site) -> None:
        first = await task(site)
        at = revisions(first)
        await problem(await site.shop.post(at, json={"input": {"words": 1}}), 422, "input_invalid")
        for body in ({}, {"input": 1}, {"input": {}, "key": "k"}, {"input": {}, "reason": 1}):
            await problem(await site.shop.post(at, json=body), 422, "request_invalid")
        await problem(
            await site.shop.post(revisions("tsk_none"), json={"input": {}}), 404, "task_unknown"
        )
        result = (await site.shop.get(f"/receipts/{first}")).json()
        assert (result["revision"], result["revisions"]) == (1, [])

    async def test_a_token_that_only_sends_reads_nothing_of_others(self, site: Site) -> None:
        first = await task(site, "to secret")
        secret = await site.app.people.issue_token("shop", scopes=["submit"])
        headers = {"Authorization": f"Bearer {secret}"}
        async with httpx2.AsyncClient(base_url=f"{site.address}/v1", headers=headers) as client:
            sent = await client.post(revisions(first), json={"input": {"text": "to billing"}})
        assert sent.status_code == 200, sent.text
        assert "secret" not in sent.text
        assert [revision["number"] for revision in sent.json()["revisions"]] == [1, 2]

    async def test_a_verdict_on_the_older_one_names_the_newer(self, site: Site) -> None:
        declared(site.app).on_revision = "re-decide"
        await automatic(site.app)
        first = await task(site, "unsure")
        claimed = (await site.reviewer.post("/usecases/triage/reviews/claim")).json()["reviews"][0]
        sent = await site.shop.post(revisions(first), json={"input": {"text": "to billing"}})
        given = await site.reviewer.post(
            f"/reviews/{claimed['id']}/verdict", json={"verdict": "reject"}
        )
        told = await problem(given, 409, "review_superseded")
        assert sent.json()["task"] in told["detail"]

    async def test_on_a_real_socket_nothing_is_made_twice(self, site: Site) -> None:
        from roadbed.connectors.webhook import Webhook

        with receiving() as receiver:
            declared(site.app).deliver("crm", to=Webhook(receiver.url, private=True))
            await automatic(site.app)
            first = await task(site)
            await pump_until(site, receiver, 1)
            bodies = [
                {"input": {"text": f"to {queue}"}, "wait": 30} for queue in ("a", "a", "b", "b")
            ]
            sent = await asyncio.gather(
                *(site.shop.post(revisions(first), json=body) for body in bodies)
            )
            assert {item.status_code for item in sent} == {200}
            await pump(site.app)
            assert len(receiver.got) == 1  # a webhook takes nothing back: people are asked
            held = [
                entry
                for entry in await site.app.deliveries.list("triage", states=["held"])
                if entry.kind == "correction"
            ]
            assert len(held) == 1
            await site.app.deliveries.resolve(
                held[0].id,
                "approve",
                person="ana",
                served=["triage"],
                content_hash=held[0].content_hash,
            )
            await pump_until(site, receiver, 2)
            assert len(receiver.got) == len(set(receiver.keys)) == 2
            assert receiver.keys[1].startswith(f"{first}:revision:")


class TestPages:
    async def test_the_receipt_shows_both_and_what_changed(self, site: Site) -> None:
        await automatic(site.app)
        first = await task(site)
        sent = await site.shop.post(
            revisions(first), json={"input": {"text": HOSTILE}, "reason": HOSTILE}
        )
        second = sent.json()["task"]
        async with browsing(site, "reviewer") as browser:
            page = (await browser.get(f"/receipts/{second}")).text
            assert "Revision 2 of 2" in page
            assert f'href="/receipts/{first}"' in page
            assert "<del>to returns</del>" in page
            assert "<script>document" not in page
            page = (await browser.get(f"/receipts/{first}")).text
            assert "Revision 1 of 2" in page
            assert f'href="/receipts/{second}"' in page
            listed = (await browser.get("/receipts")).text
            assert "revision 2" in listed

    async def test_one_that_is_noted_or_superseded_says_so(self, site: Site) -> None:
        await automatic(site.app)
        first = await task(site, "unsure")
        newer = (
            await site.shop.post(revisions(first), json={"input": {"text": "to billing"}})
        ).json()["task"]
        declared(site.app).on_revision = "note"
        noted = (await site.shop.post(revisions(first), json={"input": {"text": "to b"}})).json()
        async with browsing(site, "reviewer") as browser:
            page = (await browser.get(f"/receipts/{first}")).text
            assert "Its input was corrected" in page
            assert f'href="/receipts/{newer}"' in page
            page = (await browser.get(f"/receipts/{noted['task']}")).text
            assert "stored with its task" in page
            assert "noted" in (await browser.get("/receipts")).text


def test_in_the_terminal(folders: Folders, tmp_path: Path, url: str) -> None:
    terminal = Terminal(tmp_path, url)
    first = json.loads(terminal.run("submit", "triage", '{"text": "to returns"}', "--json"))
    told = terminal.run("revise", first["task"], '{"text": "to billing"}', "--reason", "a typo")
    assert "2 of 2: this one" in told
    assert 'text: "to returns" -> "to billing"' in told
    result = json.loads(terminal.run("revise", first["task"], "-", "--json", typed='{"text": "c"}'))
    assert (result["revision"], result["revises"]) == (3, first["task"])
    assert f"3 of 3: {result['task']}" in terminal.run("receipt", first["task"])
    terminal.run("revise", "tsk_none", '{"text": "c"}', code=1)
    assert "no task" in terminal.errors
    terminal.run("revise", first["task"], "nothing", code=1)
    assert "JSON" in terminal.errors
