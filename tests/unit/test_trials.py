"""Trials: which version decides, the answer of the other, and its missing effects."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import pytest

from roadbed.app import App
from roadbed.bootstrap import open_app
from roadbed.decisions.model import Reason, Route
from roadbed.kernel.settings import Settings
from roadbed.receipts.service import Filter
from roadbed.storage.errors import StorageUnavailableError
from roadbed.usecases.loader import load
from roadbed.versions.identity import version_id
from tests.conftest import Folders
from tests.unit.test_decisions import decide

OLD = """
@usecase.decider
def decide(inquiry, context):
    return Answer(output=Routing(queue="old"), confidence=0.9)
"""
NEW = """
@usecase.decider
def decide(inquiry, context):
    if "same" in inquiry.text:
        return Answer(output=Routing(queue="old"), confidence=0.9)
    return Answer(output=Routing(queue="new"), confidence=0.9)
"""
STARTS = """
import time
from functools import cache
from threading import Lock

loading = Lock()

@cache
def weights():
    time.sleep(0.4)
    return "old"

@usecase.decider
def decide(inquiry, context):
    with loading:
        queue = weights()
    time.sleep(0.25 if "long" in inquiry.text else 0)
    return Answer(output=Routing(queue=queue), confidence=0.9)
"""
HANGS = """
import time

@usecase.decider
def decide(inquiry, context):
    time.sleep(3)
"""


async def try_out(
    app: App,
    folders: Folders,
    step: str,
    decide: str,
    share: float = 0.5,
    *,
    release: str = "rel_1",
    sticky: str | None = None,
) -> str:
    """Store the folder with ``decide`` as a version and put it beside the live one."""
    loaded = load(folders.write(decide, name="triage", deadline=1.0))
    _, behaviour = await app.deployer.build(loaded, actor="ben", reason="to try")
    version = version_id(behaviour, None)
    facts = {
        "version": version,
        "behaviour": behaviour,
        "step": step,
        "plan": json.dumps({"canary_share": share, "sticky_by": sticky}),
        "release": release,
        "number": int(release[4:]),
    }
    await app.database.fetch(
        "INSERT INTO version (id, use_case, behaviour, number, made_at) "
        "VALUES (%(version)s, 'triage', %(behaviour)s, %(number)s + 1, now())",
        facts,
    )
    await app.database.fetch(
        "INSERT INTO release (id, use_case, number, behaviour, version, step, reason, author, plan,"
        " planned_at) VALUES (%(release)s, 'triage', %(number)s, %(behaviour)s, %(version)s,"
        " %(step)s, 'x', 'ben', %(plan)s::jsonb, now())",
        facts,
    )
    await app.deployments.refresh("triage")
    return version


@pytest.fixture
async def app(settings: Settings, folders: Folders, url: str) -> Any:
    folders.write(OLD, deadline=1.0)
    async with open_app(settings, url) as opened:
        yield opened


async def compared(app: App) -> Sequence[Any]:
    await app.decisions.compared()
    return await app.database.fetch("SELECT * FROM comparison ORDER BY task_id")


async def test_in_shadow_the_candidate_answers_everything_and_decides_nothing(
    app: App, folders: Folders
) -> None:
    await try_out(app, folders, "shadow", NEW)
    decisions = [await decide(app, f"number {n}") for n in range(20)]
    assert {(decision.output or {})["queue"] for decision in decisions} == {"old"}
    rows = await compared(app)
    assert len(rows) == 20
    assert {row["decided_by"] for row in rows} == {"live"}
    assert {row["candidate_output"]["queue"] for row in rows} == {"new"}
    reviews = await app.reviews.waiting("triage")
    assert reviews["waiting"] == 20  # its own, nothing is proven; none more for the differences
    assert not await app.database.fetch("SELECT 1 FROM decision WHERE output ->> 'queue' = 'new'")


async def test_a_canary_decides_its_share_and_keeps_to_its_buckets(
    app: App, folders: Folders
) -> None:
    version = await try_out(app, folders, "canary", NEW)
    decisions = await asyncio.gather(*(decide(app, f"number {n}") for n in range(200)))
    by_candidate = [decision for decision in decisions if decision.version == version]
    assert 70 < len(by_candidate) < 130
    assert {(item.output or {})["queue"] for item in by_candidate} == {"new"}
    rows = await compared(app)
    assert len(rows) == 200
    for row in rows:
        assert (row["decided_by"] == "candidate") == (
            row["task_id"] in {entry.task_id for entry in by_candidate}
        )
        assert row["live_output"]["queue"] == "old"
        assert row["candidate_output"]["queue"] == "new"


async def differ_on_half(app: App, folders: Folders, count: int) -> None:
    """A canary beside an automatic version; ``count`` tasks each where they differ and agree."""
    await try_out(app, folders, "canary", NEW)
    await app.database.fetch(
        "UPDATE use_case SET state = 'open', threshold = 0.5, reference_rate = 0.0"
    )
    await app.deployments.refresh("triage")
    for n in range(count):
        await decide(app, f"number {n}")
        await decide(app, f"the same {n}")


async def test_where_they_differ_a_person_is_asked_blind_and_nowhere_else(
    app: App, folders: Folders
) -> None:
    await differ_on_half(app, folders, 30)
    rows = await compared(app)
    assert len(rows) == 60
    differing = {row["task_id"] for row in rows if row["candidate_output"] != row["live_output"]}
    opened = await app.database.fetch("SELECT task_id, blind, priority FROM review")
    # The candidate has no proof, so its decisions wait for a person anyway.
    decided = {row["task_id"] for row in rows if row["decided_by"] == "candidate"}
    assert {row["task_id"] for row in opened} == differing | decided
    assert all(row["blind"] for row in opened if row["task_id"] in differing - decided)


async def test_until_then_no_list_tells_what_was_answered(app: App, folders: Folders) -> None:
    await differ_on_half(app, folders, 12)
    blind = await app.database.fetch("SELECT task_id FROM review WHERE blind")
    asked = {row["task_id"] for row in blind}
    shown = await app.receipts.search(Filter(), served=["triage"], most=50)
    assert asked
    assert {row["task_id"] for row in shown if row["output"] is None} == asked
    assert len(shown) == 24


async def test_a_candidate_that_hangs_holds_up_its_own_tasks_only(
    app: App, folders: Folders
) -> None:
    version = await try_out(app, folders, "canary", HANGS)
    began = asyncio.get_running_loop().time()
    decisions = await asyncio.gather(*(decide(app, f"number {n}") for n in range(40)))
    assert asyncio.get_running_loop().time() - began < 3.0
    for decision in decisions:
        if decision.version == version:
            assert decision.routed.code in {Reason.DECIDER_TIMEOUT, Reason.DECIDER_FAILED}
        else:
            assert (decision.output or {})["queue"] == "old"
    assert any(item.version == version for item in decisions)


async def test_a_proof_of_the_candidate_is_voided_by_an_alarm(app: App, folders: Folders) -> None:
    version = await try_out(app, folders, "canary", NEW, share=1.0)
    await app.database.fetch(
        "INSERT INTO certificate (id, use_case, behaviour, look, threshold, cautious, on_alarm,"
        " risk_limit, certainty, items, covered, errors, detail, issued_at) SELECT 'crt_1',"
        " 'triage', behaviour, 1, 0.5, false, NULL, 0.02, 0.95, 500, 400, 0,"
        ' \'{"pooling": null, "alarm_at": null}\', now() FROM version WHERE id = %(version)s',
        {"version": version},
    )
    await app.database.fetch("UPDATE release SET certificate = 'crt_1'")
    await app.deployments.refresh("triage")
    first = await decide(app, "number 1")
    assert (first.version, first.routed.route) == (version, Route.AUTOMATIC)
    await app.database.fetch("UPDATE use_case SET alarm_at = now()")
    await app.deployments.refresh("triage")
    second = await decide(app, "number 2")
    assert (second.version, second.routed.code) == (version, Reason.NOT_PROVEN)


async def test_what_it_costs_to_compare_comes_out_of_the_budget(
    settings: Settings, folders: Folders, url: str
) -> None:
    declared = "from roadbed import Budget\nfrom decimal import Decimal\n"
    money = "usecase.budget = Budget(per_task=0.01, per_month=0.10, currency='EUR')\n"
    old = declared + money + OLD.replace("0.9)", "0.9, cost=Decimal('0.01'))")
    folders.write(old)
    async with open_app(settings, url) as app:
        await try_out(app, folders, "shadow", old + "\n# the same, again")
        for n in range(10):
            await decide(app, f"number {n}")
            await app.decisions.compared()
        budget = app.deployments.get("triage").loaded.declared.budget
        assert budget is not None
        overview = await app.budgets.overview("triage", budget)
        assert float(overview[0].spent) == pytest.approx(0.10)
        assert len(await compared(app)) == 5  # every other cent went to a comparison


async def test_a_candidate_has_rules_and_an_input_of_its_own(app: App, folders: Folders) -> None:
    (folders.parent / "triage" / "rules.yaml").write_text(
        "before:\n"
        "- {name: gone, when: 'input.text.contains(\"gone\")', route: refused, reason: r}\n"
        "after:\n- {name: odd, when: 'output.queue == \"new\"', route: review, reason: odd}\n"
    )
    await try_out(app, folders, "shadow", NEW.replace('queue="new"', 'queue="new"'))
    await decide(app, "it is gone")
    await decide(app, "number 1")
    first, second = await compared(app)
    assert (first["candidate_route"], first["candidate_output"]) == ("refused", None)
    assert (second["candidate_route"], second["candidate_reason"]) == ("review", "rule")
    await app.database.fetch("DELETE FROM comparison")
    await app.database.fetch("UPDATE release SET step = 'withdrawn'")
    (folders.parent / "triage" / "rules.yaml").unlink()
    other = "class Longer(BaseModel):\n    text: str\n    more: str\nusecase.input = Longer\n"
    await try_out(app, folders, "shadow", other + NEW, release="rel_2")
    await decide(app, "number 2")
    [row] = await compared(app)
    assert (row["release"], row["candidate_reason"]) == ("rel_2", "invalid_answer")


async def test_one_that_is_unsure_is_compared_as_well(app: App, folders: Folders) -> None:
    unsure = "@usecase.decider\ndef decide(inquiry, context):\n    return Unsure(reason='no')\n"
    await try_out(app, folders, "canary", unsure, share=1.0)
    decision = await decide(app, "number 1")
    assert decision.routed.code is Reason.UNSURE
    [row] = await compared(app)
    assert (row["decided_by"], row["candidate_output"]) == ("candidate", None)
    assert row["live_output"] == {"queue": "old"}


async def test_what_cannot_be_compared_is_left_out_and_harms_nothing(
    app: App, folders: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    await try_out(app, folders, "shadow", NEW)
    trials = app.decisions._trials
    monkeypatch.setattr("roadbed.decisions.trials._MOST_UNDER_WAY", 0)
    assert (await decide(app, "number 1")).output == {"queue": "old"}
    assert trials.left_out == 1
    monkeypatch.undo()

    async def broken(*_: object) -> None:
        raise StorageUnavailableError("it went away")

    monkeypatch.setattr(trials._budgets, "settle_aside", broken)
    assert (await decide(app, "number 2")).output == {"queue": "old"}
    assert await compared(app) == []
    monkeypatch.undo()
    await decide(app, "number 3")
    assert len(await compared(app)) == 1


async def test_a_canary_without_a_candidate_whose_input_fits_asks_a_person(
    app: App, folders: Folders
) -> None:
    other = "class Longer(BaseModel):\n    text: str\n    more: str\nusecase.input = Longer\n"
    await try_out(app, folders, "canary", other + NEW, share=1.0)
    decision = await decide(app, "number 1")
    assert decision.routed.code is Reason.INVALID_ANSWER
    assert "does not fit" in decision.routed.reason


async def test_a_bucket_is_kept_by_the_field_that_is_named(app: App, folders: Folders) -> None:
    version = await try_out(app, folders, "canary", NEW, sticky="text")
    results = {
        (text, (await decide(app, text)).version == version)
        for text in (f"customer {n}" for n in range(20))
        for _ in range(3)
    }
    assert len(results) == 20
    assert {by_candidate for _, by_candidate in results} == {True, False}


async def timed(app: App, texts: Sequence[str]) -> Sequence[Any]:
    """What comparing these at once showed."""
    await app.database.fetch("DELETE FROM comparison")
    await asyncio.gather(*(decide(app, text) for text in texts))
    return await compared(app)


async def test_what_a_decider_loads_at_first_is_not_its_pace(
    settings: Settings, folders: Folders, url: str
) -> None:
    folders.write(STARTS, deadline=1.0)
    async with open_app(settings, url) as app:
        await try_out(app, folders, "canary", STARTS + "# again")
        first = await timed(app, [f"number {n}" for n in range(30)])
        assert len(first) == 30
        assert {row["live_seconds"] for row in first if row["decided_by"] == "live"} == {None}
        by_candidate = [row for row in first if row["decided_by"] == "candidate"]
        assert {row["candidate_seconds"] for row in by_candidate} == {None}
        later = await timed(app, [f"long {n}" for n in range(8)])
        for side in ("live_seconds", "candidate_seconds"):
            assert all(row[side] is None or row[side] < 0.3 for row in first)
            assert all(row[side] >= 0.25 for row in later)
    # Another process starts while the canary runs.
    async with open_app(settings, url) as app:
        assert app.deployments.get("triage").trial is not None
        again = await timed(app, ["number 1"])
        assert [row["decided_by"] for row in again] in (["live"], ["candidate"])
        decider = f"{again[0]['decided_by']}_seconds"
        assert again[0][decider] is None


async def test_a_candidate_that_never_answers_is_found(app: App, folders: Folders) -> None:
    await try_out(app, folders, "shadow", HANGS)
    rows = [*await timed(app, ["number 1"]), *await timed(app, ["number 2"])]
    assert {row["candidate_reason"] for row in rows} == {Reason.DECIDER_TIMEOUT}
    assert {row["candidate_seconds"] for row in rows} == {None}
