"""Deliveries and the halt as programs and people in a terminal use them: real processes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from roadbed.kernel.settings import Settings
from roadbed.storage.database import with_schema
from roadbed.usecases.destinations import RefusedError
from tests.acceptance.test_api import TASKS, problem
from tests.acceptance.test_cli import Terminal, terminal
from tests.conftest import Folders, Site, serving
from tests.receiver import Receiver, receiving
from tests.unit.test_deliveries import ACTING, RULES, Ledger, Refund, all_of, pump
from tests.unit.test_trust import declared, stand

__all__ = ["terminal"]
SENDING = """
from roadbed.connectors.webhook import Webhook

@usecase.decider
def decide(inquiry, context):
    return Answer(output=Routing(queue="returns"), confidence=0.9)

usecase.deliver("crm", to=Webhook("{url}", private=True))
"""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


def is_open(url: str, *, rate: float = 0.0) -> None:
    """Put a threshold in force, as a certificate would."""
    with psycopg.connect(with_schema(url), autocommit=True) as connection:
        connection.execute(
            "UPDATE use_case SET state = 'open', threshold = 0.5, reference_rate = %s", (rate,)
        )


class Shop(Terminal):
    """A terminal with a use case that sends to ``receiver``; other people may sit down at it."""

    def __init__(self, folder: Path, url: str, receiver: Receiver) -> None:
        super().__init__(folder, url)
        Folders(folder / "usecases").write(SENDING.format(url=receiver.url))
        self.run("submit", "triage", '{"text": "registers the use case"}')
        is_open(url)

    @contextmanager
    def working(self) -> Iterator[None]:
        """A worker in a separate process, ended by SIGTERM; its output is in ``told``."""
        with self.beside("worker") as worker:
            yield
        self.told = worker.told
        assert worker.code == 0, worker.errors


@pytest.fixture
def shop(tmp_path: Path, url: str, receiver: Receiver) -> Shop:
    return Shop(tmp_path, url, receiver)


def test_a_worker_sends_what_was_decided_once(shop: Shop, receiver: Receiver) -> None:
    sent: Any = shop.json("submit", "triage", '{"text": "take it back"}')
    assert sent["decision"]["route"] == "automatic"
    listed: Any = shop.json("deliver", "list", "triage")["deliveries"]
    planned = listed[0]
    assert len(listed) == 1
    assert planned["state"] == "planned"
    with shop.working():
        receiver.wait_for(1)
        time.sleep(0.5)
    assert "Sending for triage" in shop.told
    assert shop.told.endswith("Ended.\n")
    assert receiver.keys == [sent["task"]]
    assert receiver.got[0]["output"] == {"queue": "returns"}
    told = shop.run("deliver", "show", planned["id"])
    for said in ("result to crm, delivered", "ref-1", '"queue": "returns"', "attempt 1: delivered"):
        assert said in told
    receipt = shop.run("receipt", sent["task"])
    assert "result to crm: delivered, reference there ref-1, 1 attempt" in receipt
    assert "ana, domain lead" in receipt
    assert "ben, engineer" in receipt


def test_a_dead_letter_is_sent_again_from_the_terminal(shop: Shop, receiver: Receiver) -> None:
    receiver.answers = [422]
    shop.run("submit", "triage", '{"text": "take it back"}')
    with shop.working():
        for _ in range(100):
            if "failed" in (told := shop.run("deliver", "list", "triage", "--state", "failed")):
                break
        delivery = told.split()[0]
        shop.run("deliver", "resolve", delivery, "happened", code=1)
        assert "this needs a delivery that is unknown or stuck" in shop.errors
        told = shop.run("deliver", "resolve", delivery, "replay", "--note", "they mended it")
        assert "is waiting now" in told
        receiver.wait_for(1)
    told = shop.run("deliver", "replay", "triage", "--destination", "crm", "--since", "2026-11-21")
    assert "0 deliveries are sent again to crm" in told
    shop.run("deliver", "replay", "triage", "--destination", "erp", code=1)
    assert "There is no delivery to 'erp'" in shop.errors
    shop.run("deliver", "resolve", delivery, "whatever", code=1)
    shop.run("deliver", "show", "dlv_none", code=1)
    assert "no delivery" in shop.errors
    shop.run("deliver", "list", "triage", "--state", "lost", code=1)
    assert "stuck" in shop.errors
    assert "No delivery matches" in shop.run("deliver", "list", "nobody")


def test_a_halt_needs_no_server_and_no_sound_folder_and_two_people_to_end(
    shop: Shop, receiver: Receiver
) -> None:
    shop.run("submit", "triage", '{"text": "take it back"}')
    code = shop.folder / "usecases" / "triage" / "usecase.py"
    sound = code.read_text()
    code.write_text("def broken(:\n")
    for name in ("ana", "ben"):
        shop.run("user", "add", name)
    told = shop.as_person("ana").run("halt", "triage", "--reason", "wrong refunds")
    assert "Halted triage: fenced after" in told
    assert "quiesced after" in told
    assert "no effect was in progress" in told
    code.write_text(sound)
    with shop.working():
        sent: Any = shop.json("submit", "triage", '{"text": "another"}')
        assert sent["decision"]["reason_code"] == "halted"
        assert "its use case, since" in shop.run("receipt", sent["task"])
        told = shop.run("resume", "triage", "--note", "mended")
        assert "ana requested to resume triage. It stays halted until a second person" in told
        shop.run("resume", "triage", code=1)
        assert "second person" in shop.errors
        assert receiver.got == []
        assert "requested by ana, confirmed by ben" in shop.as_person("ben").run("resume", "triage")
        receiver.wait_for(1)
    shop.run("resume", "triage", code=1)
    assert "not halted" in shop.errors


def test_what_is_under_way_is_named_and_waited_for(shop: Shop, receiver: Receiver) -> None:
    receiver.seconds = 8.0  # longer than a command takes to start on a busy machine
    sent: Any = shop.json("submit", "triage", '{"text": "take it back"}')
    with shop.working():
        receiver.wait_for(1)
        halted: Any = shop.json("halt", "--all", "--reason", "a fire")["halts"]
    [halt] = halted
    assert [item["task"] for item in halt["in_flight"]] == [sent["task"]]
    # 50 ms are promised on a machine that does nothing else; what is under way takes far longer.
    assert halt["fenced_seconds"] < 3.0
    assert halt["quiesced_seconds"] > halt["fenced_seconds"]
    assert len(receiver.got) == 1


def test_a_drill_and_wrong_usage(shop: Shop) -> None:
    assert "Drill of triage: fenced after" in shop.run("halt", "triage", "--drill")
    shop.run("halt", "triage", code=2)
    assert "--reason" in shop.errors
    shop.run("halt", "--reason", "which?", code=2)
    shop.run("halt", "--all", "--drill", code=2)
    shop.run("halt", "nobody", "--reason", "why", code=1)
    assert "--all" in shop.errors


def test_up_sends_and_serve_does_not(shop: Shop, receiver: Receiver) -> None:
    for verb, most in (("serve", 0), ("up", 1)):
        with shop.beside(verb, "--port", "0") as served:
            assert "Roadbed serves 1 use case" in served.told
            if verb == "serve":
                shop.run("submit", "triage", '{"text": "take it back"}')
            else:
                receiver.wait_for(most)
        assert len(receiver.got) == most


class TestHttp:
    async def acting(self, site: Site) -> Ledger:
        ledger = Ledger()
        declared(site.app).action("refund", Refund, to=ledger, effect="irreversible")
        await stand(site.app, reference_rate=0.0)
        return ledger

    async def test_one_is_read_and_approved_by_its_hash(
        self, folders: Folders, settings: Settings, url: str
    ) -> None:
        folders.write(ACTING, rules=RULES)
        async with serving(settings, url) as site:
            ledger = await self.acting(site)
            for number in (100, 101, 102):
                await site.shop.post(TASKS, json={"input": {"text": f"refund {number}"}})
            await pump(site.app)
            path = "/usecases/triage/deliveries?state=held"
            first = (await site.reviewer.get(f"{path}&limit=2")).json()
            second = (await site.reviewer.get(f"{path}&before={first['next']}")).json()
            result = first["deliveries"] + second["deliveries"]
            assert [item["content"]["action"]["amount"] for item in result] == [102, 101, 100]
            assert second["next"] is None
            one = (await site.reviewer.get(f"/deliveries/{result[0]['id']}")).json()
            assert one["attempts"] == []
            say = f"/deliveries/{result[0]['id']}/resolve"
            wrong = {"what": "approve", "hash": result[1]["content_hash"]}
            await problem(await site.reviewer.post(say, json=wrong), 409, "approval_invalid")
            right = {"what": "approve", "hash": one["delivery"]["content_hash"], "note": "seen"}
            await problem(await site.shop.post(say, json=right), 409, "approval_invalid")
            assert (await site.reviewer.post(say, json=right)).json()["delivery"][
                "approved_by"
            ] == "reviewer"
            await problem(await site.reviewer.post(say, json=right), 409, "delivery_state")
            await pump(site.app)
            assert ledger.said("action") == [{"amount": 102.0}]
            receipt = (await site.shop.get(f"/receipts/{result[0]['task_id']}")).json()
            [sent] = receipt["deliveries"]
            assert (sent["state"], sent["attempts"], sent["approved_by"]) == (
                "delivered",
                1,
                "reviewer",
            )
            assert receipt["halted"] is None

    @pytest.mark.parametrize(
        "body",
        [
            {},
            {"what": "burn"},
            {"what": ["approve"]},
            {"what": "refuse", "more": 1},
            {"what": "refuse", "note": "x" * 4001},
            {"what": "refuse", "note": "a\0b"},
            {"what": "approve", "hash": 7},
            {"what": "approve", "hash": "f" * 65},
        ],
    )
    async def test_what_does_not_fit_is_told(self, site: Site, body: dict[str, Any]) -> None:
        declared(site.app).deliver("crm", to=Ledger())
        await stand(site.app, reference_rate=0.0)
        await site.shop.post(TASKS, json={"input": {"text": "take it back"}})
        [mine] = await all_of(site.app)
        answer = await site.reviewer.post(f"/deliveries/{mine.id}/resolve", json=body)
        assert await problem(answer, 422, "request_invalid")

    async def test_all_that_failed_at_a_destination_is_sent_again(self, site: Site) -> None:
        ledger = Ledger(trouble=[RefusedError("It answered 401.", cause="401")] * 2)
        declared(site.app).deliver("crm", to=ledger)
        await stand(site.app, reference_rate=0.0)
        for text in ("one", "two"):
            await site.shop.post(TASKS, json={"input": {"text": text}})
        await pump(site.app)
        listed = (await site.reviewer.get("/usecases/triage/deliveries")).json()["deliveries"]
        assert [item["state"] for item in listed] == ["failed"] * 2
        notices = (await site.reviewer.get("/usecases/triage/trust")).json()["notices"]
        assert ["answers 401" in notice["text"] for notice in notices] == [True]
        path = "/usecases/triage/deliveries/replay"
        for body in ({}, {"destination": "crm", "since": "2026-11-21"}, {"to": "crm"}):
            await problem(await site.reviewer.post(path, json=body), 422, "request_invalid")
        nowhere = await site.reviewer.post(path, json={"destination": "erp"})
        await problem(nowhere, 404, "destination_unknown")
        body = {"destination": "crm", "since": "2026-11-21T09:00:00Z", "note": "a new token"}
        assert (await site.reviewer.post(path, json=body)).json() == {"replayed": 2}
        await pump(site.app)
        assert len(ledger.got) == 2
        assert (await site.reviewer.get("/usecases/triage/trust")).json()["notices"] == []

    async def test_unknown_and_foreign_ones_answer_alike(self, site: Site, url: str) -> None:
        declared(site.app).deliver("crm", to=Ledger())
        await stand(site.app, reference_rate=0.0)
        await site.shop.post(TASKS, json={"input": {"text": "take it back"}})
        [mine] = await all_of(site.app)
        await site.app.database.fetch("UPDATE delivery SET use_case = 'elsewhere'")
        for delivery in ("dlv_none", mine.id):
            shown = await site.shop.get(f"/deliveries/{delivery}")
            assert await problem(shown, 404, "delivery_unknown")
            said = await site.shop.post(f"/deliveries/{delivery}/resolve", json={"what": "cancel"})
            await problem(said, 404, "delivery_unknown")
        wrong = await site.shop.get("/usecases/triage/deliveries?state=lost")
        await problem(wrong, 422, "request_invalid")
        unknown = await site.shop.get("/usecases/nobody/deliveries")
        await problem(unknown, 404, "usecase_unknown")

    async def test_a_blind_reviewer_learns_nothing_from_what_was_sent(self, site: Site) -> None:
        declared(site.app).deliver("crm", to=Ledger(), key="{task.id}-{output.queue}")
        await stand(site.app, reference_rate=1.0)
        sent = (await site.shop.post(TASKS, json={"input": {"text": "take it back"}})).json()
        await pump(site.app)
        [listed] = (await site.reviewer.get("/usecases/triage/deliveries")).json()["deliveries"]
        shown = (await site.reviewer.get(f"/deliveries/{listed['id']}")).text
        receipt = (await site.reviewer.get(f"/receipts/{sent['task']}")).json()
        assert listed["withheld"]
        assert "returns" not in shown + str(listed)
        assert (receipt["deliveries"], receipt["decision"]["hidden"]) == ([], True)
        verdict = {"verdict": "correct", "output": {"queue": "returns"}}
        given = await site.reviewer.post(f"/reviews/{sent['review']['id']}/verdict", json=verdict)
        assert given.status_code == 200
        assert "returns" in (await site.reviewer.get(f"/deliveries/{listed['id']}")).text
        receipt = (await site.reviewer.get(f"/receipts/{sent['task']}")).json()
        assert receipt["deliveries"][0]["key"] == f"{sent['task']}-returns"

    async def test_two_people_resume_what_one_has_halted(self, site: Site) -> None:
        path = "/usecases/triage"
        await problem(await site.shop.post(f"{path}/resume", json={}), 409, "not_halted")
        for body in ({}, {"reason": " "}, {"reason": "x" * 1001}, {"reason": 1}, {"why": "x"}):
            await problem(await site.shop.post(f"{path}/halt", json=body), 422, "request_invalid")
        nobody = await site.shop.post("/usecases/nobody/halt", json={"reason": "why"})
        await problem(nobody, 404, "usecase_unknown")
        await problem(await site.shop.get("/usecases/nobody/halts"), 404, "usecase_unknown")
        drill = (await site.shop.post(f"{path}/drill")).json()
        assert (drill["kind"], drill["quiesced_seconds"] > 0) == ("drill", True)
        halt = (await site.shop.post(f"{path}/halt", json={"reason": "wrong"})).json()
        assert halt["fenced_seconds"] <= halt["quiesced_seconds"]
        sent = (await site.shop.post(TASKS, json={"input": {"text": "one"}, "wait": 0})).json()
        receipt = (await site.shop.get(f"/receipts/{sent['task']}")).json()
        assert (receipt["halted"]["by"], receipt["halted"]["reason"]) == ("shop", "wrong")
        asked = (await site.shop.post(f"{path}/resume")).json()
        assert (asked["resumed"], asked["halt"]["resume_asked_by"]) == (False, "shop")
        await problem(await site.shop.post(f"{path}/resume"), 409, "resume_needs_second")
        listed = (await site.shop.get(f"{path}/halts")).json()
        assert listed["standing"]["id"] == halt["id"]
        assert [item["kind"] for item in listed["halts"]] == ["halt", "drill"]
        done = (await site.reviewer.post(f"{path}/resume", json={"note": "mended"})).json()
        assert done["resumed"]
        every = (await site.reviewer.post("/halt", json={"reason": "a fire"})).json()["halts"]
        assert [entry["use_case"] for entry in every] == ["triage"]
