"""One reading of an input: it is decided on, stored and shown in the same form."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from psycopg.types.json import Jsonb

from roadbed.bootstrap import open_app
from roadbed.kernel.settings import Settings
from roadbed.storage import writer
from tests.acceptance.test_api import TASKS, problem
from tests.acceptance.test_cli import Terminal
from tests.browsing import browsing
from tests.conftest import Folders, Site, serving

RULES = """
before:
  - {name: vip, when: input.vip == true, route: refused, reason: a person calls}
  - {name: big, when: input.amount > 100.0, route: review, reason: much money}
  - {name: far, when: 'input.region == "south"', route: refused, reason: nobody is there}
"""
DECIDE = """
from typing import Any
from pydantic import Field

class Order(BaseModel):
    text: str = ""
    vip: bool = False
    amount: float = Field(0.0, alias="Amount")
    region: str = "north"
    more: dict[str, Any] = {}

usecase.input = Order

@usecase.decider
def decide(order, context):
    if order.text.startswith("say "):
        return Answer(output=Routing(queue=order.text[4:]), confidence=0.9,
                      evidence={"said": order.text[4:]})
    if order.text == "fail":
        raise RuntimeError("a\\x00b\\ud800")
    if order.text == "unsure":
        return Unsure(reason="\\x00 torn \\udfff")
    return Answer(output=Routing(queue=repr(order.vip)), confidence=0.9)
"""


@pytest.fixture
async def site(folders: Folders, settings: Settings, url: str) -> AsyncIterator[Site]:
    folders.write(DECIDE, rules=RULES)
    async with serving(settings, url) as served:
        yield served


async def send(site: Site, input: dict[str, Any], **more: Any) -> dict[str, Any]:
    sent = await site.shop.post(TASKS, json={"input": input, **more})
    assert sent.status_code == 200, sent.text
    receipt: dict[str, Any] = sent.json()
    return receipt


@pytest.mark.parametrize("vip", [True, "true", "yes", "on", "1", 1, 1.0])
async def test_a_rule_fires_on_every_spelling_that_the_decider_takes_for_true(
    site: Site, vip: object
) -> None:
    receipt = await send(site, {"text": "a", "vip": vip})
    assert (receipt["decision"]["route"], receipt["decision"]["rule"]) == ("refused", "vip")
    assert receipt["input"]["vip"] is True


async def test_rules_see_defaults_and_fields_by_name(site: Site) -> None:
    assert (await send(site, {"Amount": "500"}))["decision"]["rule"] == "big"
    assert (await send(site, {"amount": 500}))["decision"]["rule"] == "big"
    plain = await send(site, {})
    assert plain["decision"]["route"] == "review"
    assert plain["decision"]["reason_code"] != "rule_failed"  # the rules ask for what is not there
    assert plain["input"] == {
        "text": "",
        "vip": False,
        "amount": 0.0,
        "region": "north",
        "more": {},
    }


async def test_a_receipt_shows_the_form_and_what_was_sent(site: Site) -> None:
    sent = {"text": "a", "vip": "no", "Amount": "7.50"}
    receipt = await send(site, sent)
    assert (receipt["input"]["vip"], receipt["input"]["amount"]) == (False, 7.5)
    assert receipt["sent"] == sent
    stored = (await site.shop.get(f"/receipts/{receipt['task']}")).json()
    assert (stored["input"], stored["sent"]) == (receipt["input"], sent)
    exact = await send(site, stored["input"])
    assert exact["sent"] is None
    async with browsing(site) as browser:
        page = (await browser.get(f"/receipts/{receipt['task']}")).text
        assert "As sent" in page
        assert "7.50" in page
        assert "As sent" not in (await browser.get(f"/receipts/{exact['task']}")).text


async def test_what_was_sent_is_erased_with_the_rest(site: Site) -> None:
    receipt = await send(site, {"text": "secret words", "vip": "no"})
    review = receipt["review"]["id"]
    await site.reviewer.post("/usecases/triage/reviews/claim")
    given = await site.reviewer.post(f"/reviews/{review}/verdict", json={"verdict": "reject"})
    assert given.status_code == 200, given.text
    erased = await site.shop.post(f"/receipts/{receipt['task']}/erase", json={"reason": "asked"})
    assert erased.status_code == 200, erased.text
    rows = await site.app.database.fetch("SELECT * FROM task")
    assert "secret words" not in repr(rows)
    assert [row["sent"] for row in rows] == [None]


async def test_a_key_stands_for_the_work_however_it_is_spelt(site: Site) -> None:
    first = await send(site, {"text": "a", "vip": "no"}, key="k")
    for same in (
        {"text": "a", "vip": "no"},
        {"text": "a", "vip": False},
        {"text": "a"},
        {"text": "a", "vip": 0, "Amount": "0", "region": "north"},
    ):
        assert (await send(site, same, key="k"))["task"] == first["task"]
    other = await site.shop.post(TASKS, json={"key": "k", "input": {"text": "a", "vip": "yes"}})
    await problem(other, 409, "key_reused")


async def test_the_same_words_are_the_same_work_also_for_another_declaration(
    site: Site, folders: Folders, settings: Settings, url: str
) -> None:
    """A retry must not fail because a default changed meanwhile."""
    first = await send(site, {"text": "a"}, key="k")
    folders.write(DECIDE.replace('region: str = "north"', 'region: str = "west"'), rules=RULES)
    async with serving(settings, url, people=False) as other:
        admission, _ = await other.app.decisions.submit(
            "triage", {"text": "a"}, key="k", source={"surface": "test", "by": "shop"}
        )
    assert (admission.task.id, admission.repeated) == (first["task"], True)


async def test_a_correction_that_means_the_same_changes_nothing(site: Site) -> None:
    first = await send(site, {"text": "a", "vip": "no"})
    path = f"/tasks/{first['task']}/revisions"
    for same in ({"text": "a", "vip": "no"}, {"text": "a"}, {"text": "a", "vip": 0.0}):
        again = (await site.shop.post(path, json={"input": same})).json()
        assert (again["task"], again["revision"]) == (first["task"], 1)
    second = (await site.shop.post(path, json={"input": {"text": "a", "vip": "on"}})).json()
    assert (second["revision"], second["decision"]["rule"]) == (2, "vip")
    assert second["sent"] == {"text": "a", "vip": "on"}


@pytest.mark.parametrize(
    ("input", "place"),
    [
        ('{"more": {"a": NaN}}', "more.a"),
        ('{"more": {"a": [1, -Infinity]}}', "more.a.1"),
        ('{"more": {"a": 1e999}}', "more.a"),
        ('{"more": {"a\\u0000b": 1}}', "more.a\ufffdb"),
        ('{"more": {"a": {"b": "\\u0000"}}}', "more.a.b"),
        ('{"Amount": NaN}', "Amount"),
        (f'{{"more": {{"a": 1{"0" * 400}}}}}', "more.a"),
        (f'{{"more": {{"a": {"[" * 150}{"]" * 150}}}}}', ("more.a" + ".0" * 98)[:200]),
    ],
)
async def test_what_cannot_be_stored_is_refused_before_it_meets_anybody_elses_batch(
    site: Site, input: str, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def taken_apart(*_: object) -> None:
        raise AssertionError("a batch was taken apart")

    monkeypatch.setattr(writer.GroupCommitWriter, "_halve", taken_apart)
    answers = await asyncio.gather(
        site.shop.post(TASKS, content=f'{{"input": {input}}}'),
        *(site.shop.post(TASKS, json={"input": {"text": str(n)}}) for n in range(5)),
    )
    body = await problem(answers[0], 422, "input_invalid")
    assert body["fields"][0]["field"] == place
    assert [answer.status_code for answer in answers[1:]] == [200] * 5


@pytest.mark.parametrize("text", ["😀", "퟿ 한국어 헿", "\ud7ff\ue000", "\\u0000 \\ud800", "ﷺ"])
async def test_any_text_that_can_be_stored_is_an_answer(site: Site, text: str) -> None:
    receipt = await send(site, {"text": f"say {text}"})
    assert receipt["decision"]["output"] == {"queue": text}
    assert receipt["decision"]["evidence"] == {"said": text}
    stored = (await site.shop.get(f"/receipts/{receipt['task']}")).json()
    assert stored["decision"]["output"] == {"queue": text}


@pytest.mark.parametrize(("text", "code"), [("fail", "decider_failed"), ("unsure", "unsure")])
async def test_words_of_a_decider_that_cannot_be_stored_are_made_storable(
    site: Site, text: str, code: str
) -> None:
    receipt = await send(site, {"text": text})
    assert receipt["decision"]["reason_code"] == code
    stored = (await site.shop.get(f"/receipts/{receipt['task']}")).json()
    assert "\ufffd" in stored["decision"]["reason"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/usecases/triage/halt", '{"reason": "a\\u0000"}'),
        ("/reviews/{review}/verdict", '{"verdict": "accept", "note": "\\u0000"}'),
        ("/reviews/{review}/verdict", '{"verdict": "correct", "output": {"queue": "\\u0000"}}'),
        ("/receipts/{task}/erase", '{"reason": "\\u0000", "x\\u0000": NaN}'),
    ],
)
async def test_every_body_is_held_to_the_same(site: Site, path: str, body: str) -> None:
    receipt = await send(site, {"text": "a"})
    await site.reviewer.post("/usecases/triage/reviews/claim")
    named = path.format(review=receipt["review"]["id"], task=receipt["task"])
    answer = await site.reviewer.post(named, content=body)
    told = await problem(answer, 422, "request_invalid")
    assert told["fields"]


async def test_tasks_from_before_forms_are_read_when_they_are_decided(
    folders: Folders, settings: Settings, url: str
) -> None:
    """A task that an older release stored as sent and did not decide."""
    folders.write(DECIDE, rules=RULES)
    async with open_app(settings, url) as app:
        for name, content in (
            ("tsk_old", {"text": "a", "vip": "yes", "Amount": "7"}),
            ("tsk_gone", {"text": ["a"]}),
        ):
            await app.database.fetch(
                "INSERT INTO task (id, use_case, key, body_hash, input, source, reference, "
                "reference_rate, admitted_at) VALUES (%(id)s, 'triage', %(id)s, 'raw', "
                '%(input)s, \'{"by": "shop"}\', false, 0, now()) RETURNING id',
                {"id": name, "input": Jsonb(content)},
            )
            await app.database.fetch(
                "INSERT INTO in_flight (task_id, lease_until) VALUES (%(id)s, now() - "
                "interval '1 hour') RETURNING task_id",
                {"id": name},
            )
        again, _ = await app.decisions.submit(
            "triage",
            {"text": "a", "vip": "yes", "Amount": "7"},
            key="tsk_old",
            source={"surface": "test", "by": "shop"},
        )
        assert (again.task.id, again.repeated) == ("tsk_old", True)
        assert await app.decisions.recover() == 2
        await app.decisions.close()
        old = await app.receipts.get("tsk_old", viewer="shop")
        assert old["decision"]["rule"] == "vip"
        gone = await app.receipts.get("tsk_gone", viewer="shop")
        assert gone["decision"]["reason_code"] == "invalid_answer"
        assert "does not fit what this version takes: text" in gone["decision"]["reason"]


def test_the_terminal_says_the_same(folders: Folders, tmp_path: Path, url: str) -> None:
    folders.write(DECIDE, rules=RULES)
    terminal = Terminal(tmp_path, url)
    for bad in ({"more": {"a": "\ud800"}}, {"more": {"a": float("nan")}}):
        terminal.run("submit", "triage", json.dumps(bad), code=1)
        assert "more.a" in terminal.errors
    told = terminal.run("submit", "triage", '{"vip": "yes"}')
    assert 'As sent      {"vip": "yes"}' in told
    assert "vip" in told.split("Rule", 1)[1].splitlines()[0]
