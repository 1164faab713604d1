"""A replay of a past task on any version: its answer, hidden parts, and no stored effect."""

from __future__ import annotations

import shutil
from decimal import Decimal
from typing import Any

import pytest

from roadbed.app import App
from roadbed.decisions.model import Decision
from roadbed.receipts.errors import UnknownTaskError
from roadbed.reviews.model import VerdictKind
from roadbed.usecases.loader import load
from roadbed.versions.errors import (
    ArtifactMissingError,
    ReplayBlindError,
    ReplayBudgetError,
    ReplayInputError,
    UnknownVersionError,
)
from tests.conftest import DECIDE, Folders

RULES = """
after:
  - name: lawyers
    when: 'input.text.contains("lawyer")'
    route: refused
    reason: A lawyer is named.
"""
DEAR = """
from decimal import Decimal
from roadbed import Budget
usecase.budget = Budget(per_task=1.0, per_month={month})

@usecase.decider
def decide(inquiry, context):
    return Answer(output=Routing(queue="{queue}"), confidence=0.9, cost={cost})
"""
KEPT = ("task", "decision", "review", "verdict", "example", "delivery", "in_flight", "comparison")


async def second(app: App, folders: Folders, decide: str, **more: Any) -> None:
    """Another version of the folder, live."""
    loaded = load(folders.write(decide, **more))
    await app.deployer.register(loaded)
    await app.deployments.add(loaded)


async def sent(app: App, text: str, by: str = "shop", *, sample: bool = False) -> Decision:
    rate = "1.0" if sample else "0.0"
    await app.database.fetch("UPDATE use_case SET reference_rate = %(rate)s", {"rate": rate})
    await app.deployments.refresh("triage")
    _, running = await app.decisions.submit(
        "triage", {"text": text}, key=None, source={"surface": "http", "by": by}
    )
    assert running is not None
    result = await running
    assert result is not None
    return result


async def judge(app: App, decision: Decision, queue: str, by: str = "rae") -> None:
    assert decision.review_id is not None
    await app.reviews.give(
        app.deployments.get("triage").loaded.declared,
        decision.review_id,
        VerdictKind.CORRECT,
        reviewer=by,
        output={"queue": queue},
    )


async def counts(app: App) -> list[int]:
    results = []
    for table in KEPT:
        row = await app.database.fetch_one(f"SELECT count(*) AS n FROM {table}")
        assert row is not None
        results.append(row["n"])
    return results


async def test_it_says_what_another_version_would_have_said(app: App, folders: Folders) -> None:
    decision = await sent(app, "back please")
    await judge(app, decision, "refunds")
    await second(app, folders, DECIDE.replace('"returns"', '"refunds"'))
    before = await counts(app)
    result = await app.replays.run(decision.task_id, "2", actor="ben")
    assert (result.output, result.decided["output"]) == ({"queue": "refunds"}, {"queue": "returns"})
    assert (result.same, result.right, result.was_right) == (False, True, False)
    assert (result.version_number, result.decided["version_number"]) == (2, 1)
    assert result.evidence == {"words": ["back"]}
    assert result.seconds > 0.0
    again = await app.replays.run(decision.task_id, result.version, actor="ben")
    assert again.output == result.output
    old = await app.replays.run(decision.task_id, "1", actor="ben")
    assert (old.same, old.right) == (True, False)
    assert old.says == "Version 1 says the same, which is wrong."
    assert await counts(app) == before


async def test_rules_of_that_version_hold_and_unsure_is_an_answer(
    app: App, folders: Folders
) -> None:
    first, unsure = await sent(app, "my lawyer"), await sent(app, "unsure")
    await second(app, folders, DECIDE, rules=RULES)
    result = await app.replays.run(first.task_id, "2", actor="shop")
    assert (result.route, result.rule, result.reason_code) == ("refused", "lawyers", "rule")
    assert result.says == "Version 2 says the same; it would be refused."
    assert (await app.replays.run(first.task_id, "1", actor="shop")).rule is None
    result = await app.replays.run(unsure.task_id, "2", actor="shop")
    assert (result.output, result.same, result.right) == (None, True, None)
    assert result.reason == "The decider is unsure: it says so"


async def test_the_route_is_that_of_the_proof_it_was_made_with(app: App) -> None:
    decision = await sent(app, "back")
    result = await app.replays.run(decision.task_id, "1", actor="shop")
    assert (result.route, result.reason_code, result.threshold) == ("review", "not_proven", None)


async def test_what_a_blind_reviewer_must_not_see_is_not_told_by_a_replay(app: App) -> None:
    decision = await sent(app, "back", sample=True)
    with pytest.raises(ReplayBlindError):
        await app.replays.run(decision.task_id, "1", actor="rae")
    assert (await app.replays.run(decision.task_id, "1", actor="shop")).same
    await judge(app, decision, "returns")
    assert (await app.replays.run(decision.task_id, "1", actor="rae")).right


async def test_while_a_review_is_open_no_second_answer_sways_it(app: App) -> None:
    decision = await sent(app, "back")
    with pytest.raises(ReplayBlindError):
        await app.replays.run(decision.task_id, "1", actor="rae")


async def test_a_task_that_is_being_decided_is_not_replayed(app: App) -> None:
    decision = await sent(app, "back", sample=True)
    await app.database.fetch("DELETE FROM decision")
    with pytest.raises(ReplayBlindError):
        await app.replays.run(decision.task_id, "1", actor="rae")


async def test_whoever_replays_a_verdict_that_is_looked_at_again_cannot_be_who_looks(
    app: App,
) -> None:
    decision, other = [await sent(app, text, sample=True) for text in ("back", "other")]
    await judge(app, decision, "refunds")
    await judge(app, other, "returns", by="bob")
    service = app.deployments.get("triage")
    service.loaded.declared.second_look_share = 1.0
    await app.reviewer_checks.tick(service)
    await app.replays.run(decision.task_id, "1", actor="eve")
    row = await app.database.fetch_one("SELECT barred FROM review WHERE verdict IS NULL")
    assert row is not None
    assert "eve" in row["barred"]


async def test_unknown_tasks_and_versions_are_told(app: App) -> None:
    decision = await sent(app, "back")
    with pytest.raises(UnknownTaskError):
        await app.replays.run("tsk_none", "1", actor="shop")
    for named in ("9", "ver_none", "", "0", "1; drop"):
        with pytest.raises(UnknownVersionError):
            await app.replays.run(decision.task_id, named, actor="shop")


async def test_a_version_that_takes_another_input_is_told(app: App, folders: Folders) -> None:
    other = DECIDE.replace("inquiry.text", "inquiry.body").replace(
        "@usecase", "class Other(BaseModel):\n    body: str\n\nusecase.input = Other\n\n@usecase"
    )
    decision = await sent(app, "back")
    await second(app, folders, other)
    with pytest.raises(ReplayInputError, match=r"version 2 takes: body: Field required"):
        await app.replays.run(decision.task_id, "2", actor="shop")


async def test_a_version_whose_files_are_gone_is_told(app: App) -> None:
    decision = await sent(app, "back")
    await app.database.fetch("DELETE FROM artifact")
    app.replays._store._opened.clear()
    shutil.rmtree(app.replays._store._folder)  # else it runs from its copy
    with pytest.raises(ArtifactMissingError):
        await app.replays.run(decision.task_id, "1", actor="shop")


class TestMoney:
    async def spent(self, app: App) -> Decimal:
        budget = app.deployments.get("triage").loaded.declared.budget
        assert budget is not None
        [month, *_] = await app.budgets.overview("triage", budget)
        assert month.reserved == 0
        return month.spent

    async def test_a_replay_is_paid_for(self, app: App, folders: Folders) -> None:
        cost = 'Decimal("0.25")'
        await second(app, folders, DEAR.format(month=400, queue="a", cost=cost))
        decision = await sent(app, "back")
        before = await self.spent(app)
        result = await app.replays.run(decision.task_id, "2", actor="shop")
        assert result.cost == Decimal("0.25")
        assert await self.spent(app) - before == Decimal("0.25")

    async def test_what_nobody_knows_the_price_of_costs_the_worst(
        self, app: App, folders: Folders
    ) -> None:
        await second(app, folders, DEAR.format(month=400, queue="a", cost=None))
        decision = await sent(app, "back")
        before = await self.spent(app)
        result = await app.replays.run(decision.task_id, "2", actor="shop")
        assert (result.cost, await self.spent(app) - before) == (None, Decimal(1))

    async def test_used_up_means_no(self, app: App, folders: Folders) -> None:
        decision = await sent(app, "back")
        await second(app, folders, DEAR.format(month=1.5, queue="a", cost=None))
        await app.replays.run(decision.task_id, "1", actor="shop")
        with pytest.raises(ReplayBudgetError):
            await app.replays.run(decision.task_id, "1", actor="shop")
