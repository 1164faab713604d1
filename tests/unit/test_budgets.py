"""Budgets: reserve the worst case, settle the cost, never exceed the cap."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import pytest

from roadbed.app import App
from roadbed.bootstrap import open_app
from roadbed.budgets.service import amounts
from roadbed.decisions.model import Decision, Reason, Route
from roadbed.kernel.settings import Settings
from roadbed.usecases.errors import UseCaseError
from roadbed.usecases.use_case import Budget, UseCase
from tests.conftest import Folders
from tests.unit.test_decisions import decide
from tests.unit.test_trust import declared, stand

COSTING = """
from decimal import Decimal

calls = []

@usecase.decider
def decide(inquiry, context):
    calls.append(inquiry.text)
    if "raises" in inquiry.text:
        raise ValueError("after the call was paid for")
    cost = None if "unknown" in inquiry.text else Decimal(inquiry.text.split()[-1])
    return Answer(output=Routing(queue="x"), confidence=0.9, cost=cost)
"""


@pytest.fixture(autouse=True)
def costing(folders: Folders) -> None:
    folders.write(COSTING)


async def budgeted(app: App, **limits: Any) -> None:
    vars(declared(app))["budget"] = Budget(**{"per_task": 1.0, "per_month": 100.0, **limits})
    await stand(app, reference_rate=0.0)


async def used(app: App) -> list[tuple[Decimal, Decimal]]:
    budget = declared(app).budget
    return [(item.spent, item.reserved) for item in await app.budgets.overview("triage", budget)]


class TestOneTask:
    async def test_the_worst_is_held_and_the_real_cost_settled(self, app: App) -> None:
        await budgeted(app, per_day=10.0)
        decision = await decide(app, "costs 0.25")
        assert decision.routed.route is Route.AUTOMATIC
        assert await used(app) == [(Decimal("0.25"), Decimal(0))] * 2

    async def test_at_the_cap_tasks_go_to_people_and_the_decider_is_not_asked(
        self, app: App
    ) -> None:
        await budgeted(app, per_month=3.0)
        results = [await decide(app, f"task {n} costs 1") for n in range(5)]
        codes = [item.routed.code for item in results]
        assert codes == [Reason.PROVEN] * 3 + [Reason.BUDGET] * 2
        assert all(entry.review_id for entry in results[3:])
        assert (await used(app))[0] == (Decimal(3), Decimal(0))

    async def test_what_was_not_spent_is_there_for_the_next(self, app: App) -> None:
        await budgeted(app, per_month=1.0)
        results = [await decide(app, f"task {n} costs 0.1") for n in range(12)]
        automatic = [item for item in results if item.routed.route is Route.AUTOMATIC]
        assert len(automatic) == 1  # after the first, 0.9 is left, less than the worst of one task
        await budgeted(app, per_month=1.0, per_task=0.1)
        results = [await decide(app, f"again {n} costs 0.1") for n in range(12)]
        assert sum(entry.routed.route is Route.AUTOMATIC for entry in results) == 9

    async def test_the_day_counts_too(self, app: App) -> None:
        await budgeted(app, per_day=2.0)
        results = [await decide(app, f"task {n} costs 1") for n in range(4)]
        assert [item.routed.code for item in results].count(Reason.BUDGET) == 2
        month, day = await used(app)
        assert month == day == (Decimal(2), Decimal(0))

    async def test_an_unknown_price_goes_to_a_person_and_counts_at_its_worst(
        self, app: App
    ) -> None:
        await budgeted(app)
        unknown, failed = await decide(app, "unknown"), await decide(app, "raises")
        assert unknown.routed.code is Reason.COST_UNKNOWN
        assert failed.routed.code is Reason.DECIDER_FAILED
        assert (await used(app))[0] == (Decimal(2), Decimal(0))

    async def test_a_cap_that_was_lowered_holds_at_once(self, app: App) -> None:
        await budgeted(app, per_month=100.0)
        for number in range(3):
            await decide(app, f"task {number} costs 1")
        await budgeted(app, per_month=4.0)
        codes = [(await decide(app, f"later {n} costs 1")).routed.code for n in range(3)]
        assert codes == [Reason.PROVEN, Reason.BUDGET, Reason.BUDGET]

    async def test_no_budget_means_no_cap_and_zero_means_nothing(self, app: App) -> None:
        await stand(app, reference_rate=0.0)
        assert (await decide(app, "unknown")).routed.route is Route.AUTOMATIC
        await budgeted(app, per_month=0.0)
        assert (await decide(app, "costs 1")).routed.code is Reason.BUDGET

    def test_a_budget_that_is_none_is_refused(self) -> None:
        from pydantic import BaseModel

        from roadbed import Pod

        class Thing(BaseModel):
            a: int

        with pytest.raises(UseCaseError, match="per_day"):
            UseCase(
                "triage",
                purpose="Decide on things",
                input=Thing,
                output=Thing,
                pod=Pod(domain_lead="a", engineer="b", data_specialist="c", risk_partner="d"),
                risk_limit=0.02,
                budget=Budget(per_task=1, per_month=1, per_day=float("nan")),
            )


class TestManyAtOnce:
    async def test_nothing_is_overspent_and_nothing_blocked_falsely(self, app: App) -> None:
        await budgeted(app, per_month=300.0)
        result = await asyncio.gather(*(decide(app, f"task {n} costs 1") for n in range(500)))
        automatic = sum(item.routed.route is Route.AUTOMATIC for item in result)
        assert automatic == 300
        assert (await used(app))[0] == (Decimal(300), Decimal(0))

    async def test_two_processes_share_one_cap(
        self, app: App, settings: Settings, url: str
    ) -> None:
        await budgeted(app, per_month=120.0)
        async with open_app(settings, url) as other:
            await budgeted(other, per_month=120.0)

            async def both(number: int) -> Decision:
                return await decide((app, other)[number % 2], f"task {number} costs 1")

            result = await asyncio.gather(*(both(number) for number in range(300)))
        assert sum(item.routed.route is Route.AUTOMATIC for item in result) == 120

    @pytest.mark.usefixtures("unmeasured")
    async def test_many_who_find_nothing_left_do_not_wait_in_a_circle(self, app: App) -> None:
        reserve = (
            "SELECT budget_take('triage', '2026-01', 400, 1, 1, (pg_backend_pid() %% 8)::smallint)"
            " AS n WHERE %(any)s"
        )
        todo = iter(range(2_400))

        async def hand() -> int:
            granted = 0
            for _ in todo:
                row = await app.database.fetch_one(reserve, {"any": True})
                granted += row["n"] if row else 0
            return granted

        assert sum(await asyncio.gather(*(hand() for _ in range(8)))) == 400


class TestCrash:
    async def test_a_lost_attempt_counts_at_its_worst_and_the_retry_reserves_anew(
        self, app: App
    ) -> None:
        await budgeted(app)
        budget = declared(app).budget
        assert budget is not None
        row = {
            "id": "tsk_lost",
            "use_case": "triage",
            "key": None,
            "body_hash": "x",
            "sent": None,
            "input": {"text": "costs 0.5"},
            "source": {"by": "x"},
            "reference": False,
            "reference_rate": 0.0,
            "admitted_at": app.clock.now().isoformat(),
            "lease_seconds": -1.0,
            "today": app.clock.now().date().isoformat(),
            **amounts(budget),
        }
        from roadbed.intake.tasks import ADMIT_FUNDED

        await app.decisions._writer.write(ADMIT_FUNDED, row)
        assert (await used(app))[0] == (Decimal(0), Decimal(1))
        assert await app.decisions.recover() == 1
        for _ in range(100):
            await asyncio.sleep(0.02)
            if not app.decisions._under_way:
                break
        assert (await used(app))[0] == (Decimal("1.5"), Decimal(0))


async def test_the_pod_is_told_once_at_each_level(app: App) -> None:
    await budgeted(app, per_month=10.0)
    budget = declared(app).budget
    assert budget is not None
    for number in range(6):
        await decide(app, f"task {number} costs 1")
    for _ in range(2):
        await app.budgets.watch("triage", budget)
    assert [notice.text[:12] for notice in await app.notices.list("triage")] == ["Budget: 50 %"]
    for number in range(6, 10):
        await decide(app, f"task {number} costs 1")
    await app.budgets.watch("triage", budget)
    texts = [item.text for item in await app.notices.list("triage")]
    assert len(texts) == 3
    assert any("go to people" in text for text in texts)
    rows = await app.database.fetch("SELECT count(*) AS n FROM budget_charge")
    assert rows[0]["n"] == 0


class TestCorrectedInput:
    async def test_a_revision_is_paid_for_like_a_task(self, app: App) -> None:
        await budgeted(app, per_month=2.0, per_day=10.0)
        first = await decide(app, "costs 0.5")
        routes = []
        for text in ("costs 0.25", "costs 1"):
            _, running = await app.decisions.revise(
                "triage", first.task_id, {"text": text}, source={"by": "shop"}
            )
            assert running is not None
            decision = await running
            assert decision is not None
            routes.append(decision.routed.code)
        assert routes == [Reason.PROVEN, Reason.PROVEN]
        assert (await used(app))[0] == (Decimal("1.75"), Decimal(0))
        _, running = await app.decisions.revise(
            "triage", first.task_id, {"text": "costs 0.1"}, source={"by": "shop"}
        )
        assert running is not None
        last = await running
        assert last is not None
        assert last.routed.code is Reason.BUDGET
