"""The costs of a gate and of a prompt search are charged to the use case's budget."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from decimal import Decimal
from functools import partial

import pytest

from roadbed.app import App
from roadbed.bootstrap import open_app
from roadbed.budgets.model import Aside
from roadbed.decisions.errors import EvaluationBudgetError, PriceUnknownError
from roadbed.decisions.evaluation import MeteredCalls
from roadbed.decisions.model import Answered, NotAnswered, Reason
from roadbed.improvement.model import Proposal
from roadbed.improvement.prompt_optimization.optimizer import NoProposal, PromptBudget
from roadbed.kernel.settings import Settings
from roadbed.releases import report_presentation
from roadbed.risk import search
from roadbed.testing import ModelServer
from roadbed.usecases.use_case import Budget
from roadbed.versions.model import Release
from tests.conftest import Folders
from tests.release_steps import edit, gated, live, traffic, write
from tests.unit.test_prompting import WORST, examples, obedient

CENT = "return Answer(output=Routing(queue=queue), confidence=0.9, cost=Decimal('0.01'))"
UNTOLD = "return Answer(output=Routing(queue=queue), confidence=0.9)"
ALONE = "sign_offs=(), shadow_tasks=0, canary_tasks=0"
Ask = Callable[[], Awaitable[Answered | NotAnswered]]


def money(per_month: float, **more: float) -> str:
    """The budget line of a folder."""
    given = {"per_task": 0.02, "per_month": per_month, **more}
    stated = ", ".join(f"{name}={value}" for name, value in given.items())
    imported = "from decimal import Decimal\nfrom roadbed import Budget\n"
    return f"{imported}usecase.budget = Budget({stated})"


async def used(app: App, budget: Budget | None = None) -> list[tuple[Decimal, Decimal]]:
    stated = budget or app.deployments.get("triage").loaded.declared.budget
    assert stated is not None
    return [(item.spent, item.reserved) for item in await app.budgets.overview("triage", stated)]


class TestCharges:
    BUDGET = Budget(per_task=0.02, per_month=1.0, per_day=0.1)

    def asked(self, costs: Sequence[str | None], at_once: list[int]) -> list[Ask]:
        under_way = 0

        async def ask(cost: str | None) -> Answered | NotAnswered:
            nonlocal under_way
            under_way += 1
            at_once.append(under_way)
            await asyncio.sleep(0)
            under_way -= 1
            told = None if cost is None else Decimal(cost)
            return Answered(output={}, confidence=1.0, evidence={}, cost=told)

        return [partial(ask, item) for item in costs]

    async def test_as_many_are_asked_at_once_as_the_day_allows(self, app: App) -> None:
        paying, at_once = MeteredCalls(app.budgets, "triage", self.BUDGET), list[int]()
        result = await paying.ask(self.asked(["0.005"] * 12, at_once), lambda answer: answer)
        assert (len(result), paying.spent) == (12, Decimal("0.06"))
        assert at_once[0] == 1
        assert max(at_once) == 4  # 0.095 is left of the day, and the worst is 0.02 each
        assert await used(app, self.BUDGET) == [(Decimal("0.06"), Decimal(0))] * 2
        with pytest.raises(EvaluationBudgetError, match="used up"):
            await paying.ask(self.asked(["0.02"] * 12, at_once), lambda answer: answer)
        assert await used(app, self.BUDGET) == [(Decimal("0.10"), Decimal(0))] * 2

    async def test_what_failed_is_charged_at_its_worst(self, app: App) -> None:
        async def fails() -> Answered | NotAnswered:
            return NotAnswered(code=Reason.DECIDER_FAILED, reason="no", evidence={}, cost=None)

        paying = MeteredCalls(app.budgets, "triage", self.BUDGET)
        await paying.ask([fails], lambda answer: answer)
        assert paying.spent == Decimal("0.02")

    async def test_one_that_does_not_tell_its_price_is_refused_at_once(self, app: App) -> None:
        paying, at_once = MeteredCalls(app.budgets, "triage", self.BUDGET), list[int]()
        with pytest.raises(PriceUnknownError, match="Give each Answer and Unsure its cost"):
            await paying.ask(self.asked([None] * 50, at_once), lambda answer: answer)
        assert len(at_once) == 1
        await paying.ask(self.asked([None], at_once), lambda answer: answer, untold=True)
        assert await used(app, self.BUDGET) == [(Decimal("0.04"), Decimal(0))] * 2

        async def unsure() -> Answered | NotAnswered:
            return NotAnswered(code=Reason.UNSURE, reason="no", evidence={}, cost=None)

        with pytest.raises(PriceUnknownError):
            await paying.ask([unsure], lambda answer: answer)

    async def test_what_is_cut_off_is_charged_at_its_worst(self, app: App) -> None:
        async def hangs() -> Answered | NotAnswered:
            await asyncio.sleep(60)
            raise AssertionError

        paying = MeteredCalls(app.budgets, "triage", self.BUDGET)
        asking = asyncio.create_task(paying.ask([hangs], lambda answer: answer))
        await asyncio.sleep(0.3)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        assert await used(app, self.BUDGET) == [(Decimal("0.02"), Decimal(0))] * 2

    async def test_what_a_dead_process_held_is_charged_at_its_worst_and_only_once(
        self, app: App
    ) -> None:
        lost = await app.budgets.take_aside("triage", self.BUDGET, 3)
        kept = await app.budgets.take_aside("triage", self.BUDGET, 1)
        assert lost is not None
        assert kept is not None
        await app.budgets.watch("triage", self.BUDGET)
        assert await used(app, self.BUDGET) == [(Decimal(0), Decimal("0.08"))] * 2
        await app.database.fetch(
            "UPDATE budget_aside SET lapses_at = now() - interval '1 s' WHERE id = %(id)s",
            {"id": lost.id},
        )
        await asyncio.gather(*(app.budgets.watch("triage", self.BUDGET) for _ in range(4)))
        assert await used(app, self.BUDGET) == [(Decimal("0.06"), Decimal("0.02"))] * 2
        # It was slow, not dead: its calls were charged before.
        await app.budgets.settle_aside(lost, Decimal("0.01"))
        await app.budgets.settle_aside(kept, Decimal("0.01"))
        await app.budgets.settle_aside(kept, Decimal("0.01"))
        assert await used(app, self.BUDGET) == [(Decimal("0.07"), Decimal(0))] * 2

    async def test_without_a_budget_the_database_is_not_asked(
        self, app: App, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def never(*_: object) -> Aside | None:
            raise AssertionError

        monkeypatch.setattr(app.budgets, "take_aside", never)
        paying, at_once = MeteredCalls(app.budgets, "triage", None), list[int]()
        await paying.ask(self.asked(["0.1"] * 100, at_once), lambda answer: answer)
        assert (max(at_once), paying.spent, paying.currency) == (100, Decimal(10), "")
        await paying.ask(self.asked([None], at_once), lambda answer: answer)
        assert paying.spent is None


@pytest.fixture
def folder(folders: Folders) -> Folders:
    """No use case but those a test writes."""
    return folders


class TestInspections:
    async def test_improving_and_a_stress_test_cost_what_they_ask(
        self, settings: Settings, folder: Folders, url: str
    ) -> None:
        write(folder, CENT, more=money(1000), rollout=ALONE)
        async with open_app(settings, url) as app:
            loaded = app.deployments.get("triage").loaded
            improved = await app.deployer.improve(loaded, actor="ben")
            assert improved.certificate is not None
            # The items, and the inputs that say where the search of thresholds starts (record 59).
            judged = Decimal(improved.certificate["items"] + search.MOST)
            assert await used(app) == [(judged / 100, Decimal(0))]
            await app.deployments.refresh("triage")
            result = await app.stress.stress(app.deployments.get("triage"), most=20)
            asked = sum(round(row.n * (1.0 - row.held)) for row in result.rows)
            assert await used(app) == [((judged + asked) / 100, Decimal(0))]

    async def test_improving_ends_where_nothing_is_left_or_no_price_is_told(
        self, settings: Settings, folder: Folders, url: str
    ) -> None:
        write(folder, CENT, more=money(0.5), rollout=ALONE)
        async with open_app(settings, url) as app:
            loaded = app.deployments.get("triage").loaded
            with pytest.raises(EvaluationBudgetError, match="Raise the budget"):
                await app.deployer.improve(loaded, actor="ben")
            assert (await app.versions.in_service("triage")) is not None
            vars(loaded.declared)["budget"] = Budget(per_task=0.02, per_month=1000.0)
            assert (await app.deployer.improve(loaded, actor="ben")).certificate is not None
        write(folder, UNTOLD, more=money(1000), rollout=ALONE)
        async with open_app(settings, url) as app:
            with pytest.raises(PriceUnknownError, match="Give each Answer"):
                await app.deployer.improve(app.deployments.get("triage").loaded, actor="ben")

    async def test_known_cases_ask_no_more_than_they_need_and_rest_where_none_can_be_made(
        self, settings: Settings, folder: Folders, url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write(folder, f"queue = queue if n % 3 else 'elsewhere'; {CENT}", more=money(1000))
        async with open_app(settings, url) as app:
            service = app.deployments.get("triage")
            vars(service.loaded.declared)["check_share"] = 0.2
            await traffic(app, range(6000, 6010), label=True)
            [(before, _)] = await used(app)
            await app.reviewer_checks.tick(service)
            assert await checks(app) == 2
            [(after, _)] = await used(app)
            # One in three is wrong: of 40 it never takes all to find one of each kind.
            assert Decimal("0.02") <= after - before < Decimal("0.40")
            await traffic(app, range(6010, 6020), label=True)

            async def none_fits(*_: object, **__: object) -> None:
                return None

            monkeypatch.setattr(app.reviewer_checks, "_check_case", none_fits)
            for _ in range(3):
                [(before, _)] = await used(app)
                await app.reviewer_checks.tick(service)
            assert await checks(app) == 2
            assert await used(app) == [(before, Decimal(0))]

    async def test_known_cases_rest_where_nothing_is_left(
        self, settings: Settings, folder: Folders, url: str
    ) -> None:
        write(folder, CENT, more=money(0.02))
        async with open_app(settings, url) as app:
            service = app.deployments.get("triage")
            vars(service.loaded.declared)["check_share"] = 0.2
            await traffic(app, range(6000, 6010), label=True)
            with pytest.raises(EvaluationBudgetError):
                await app.reviewer_checks.tick(service)
            await app.reviewer_checks.tick(service)
            assert await checks(app) == 0


async def checks(app: App) -> int:
    row = await app.database.fetch_one("SELECT count(*) AS n FROM measure WHERE kind = 'check'")
    return int(row["n"]) if row else 0


class TestGate:
    async def test_asks_both_versions_at_the_cost_of_the_use_case(
        self, settings: Settings, folder: Folders, url: str
    ) -> None:
        write(folder, CENT, more=money(1000))
        async with open_app(settings, url) as app:
            first = await gated(app)
            assert first.gate is not None
            asked = first.gate["candidate"]["asked"]
            [(spent, reserved)] = await used(app)
            # Once each: the proof and the comparison rest on the same answers of the candidate.
            # The search of thresholds asks it about other inputs, once (record 59).
            assert (spent, reserved) == (Decimal(2 * asked + search.MOST) / 100, Decimal(0))
            assert first.gate["spent"] == float(spent)
            told = f"The evaluation cost {float(spent):,.4g} EUR."
            assert report_presentation.gate_summary(first.gate).endswith(told)
            assert told in list(report_presentation.gate_lines(first.gate))

    async def test_holds_for_many_with_one_question_to_the_database(
        self, settings: Settings, folder: Folders, url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write(folder, more=money(1000))
        async with open_app(settings, url) as app:
            held: list[int] = []
            take = app.budgets.take_aside

            async def counted(*given: object) -> Aside | None:
                result: Aside | None = await take(*given)  # type: ignore[arg-type]
                held.append(result.count if result else 0)
                return result

            monkeypatch.setattr(app.budgets, "take_aside", counted)
            release = await gated(app)
            assert release.gate is not None
            assert release.gate["spent"] == 0
            assert "evaluation cost" not in report_presentation.gate_summary(release.gate)
            assert sum(held) == 2 * release.gate["candidate"]["asked"] + search.MOST
            assert len(held) < sum(held) / 10

    async def test_stops_when_the_budget_is_used_up_and_keeps_nothing(
        self, settings: Settings, folder: Folders, url: str
    ) -> None:
        write(folder, CENT, more=money(0.5))
        async with open_app(settings, url) as app:
            release = await app.releases.plan("triage", actor="ben")
            with pytest.raises(EvaluationBudgetError, match="Raise the budget"):
                await app.releases.gate(release.id, actor="ben")
            again = await app.releases.get(release.id)
            assert (again.step, again.gate, again.certificate) == ("planned", None, None)
            [(spent, reserved)] = await used(app)
            assert Decimal("0.48") < spent <= Decimal("0.5")
            assert reserved == 0

    async def test_a_candidate_must_tell_its_price_and_its_predecessor_need_not(
        self, settings: Settings, folder: Folders, url: str
    ) -> None:
        decimals = "from decimal import Decimal"
        write(folder, UNTOLD, more=decimals)
        async with open_app(settings, url) as app:
            await live(app)
            await edit(app, folder, CENT, more=decimals)
            vars(app.deployments.get("triage").loaded.declared)["budget"] = Budget(
                per_task=0.02, per_month=1000.0
            )
            told = await gated(app)
            assert told.gate is not None
            assert told.gate["candidate"]["mean_cost"] == pytest.approx(0.01)
            assert told.gate["live"]["mean_cost"] is None
            await app.releases.withdraw(told.id, actor="ben", why="the next, please")
            await edit(app, folder, f"queue = queue; {UNTOLD}", more=decimals)
            with pytest.raises(PriceUnknownError):
                await gated(app)

    async def test_of_a_language_model_is_paid_for_as_well(
        self, settings: Settings, folder: Folders, url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        prompted(folder, budget=money(1000, per_day=500))
        async with ModelServer(obedient) as server:
            ask_here(server, monkeypatch)
            async with open_app(settings, url) as app:
                release: Release = await gated(app)
                assert release.gate is not None
                cost = paid(server)
                assert len(server.calls) > 20
                assert [spent for spent, _ in await used(app)] == [cost, cost]
                assert release.gate["spent"] == pytest.approx(float(cost))


ASKS = """
from roadbed.models import Price, Prompted
{budget}
usecase.decider(Prompted("route.md", model="openai:m", price={price}, samples=1))
"""


def prompted(folders: Folders, *, budget: str, price: str = "Price(input=1, output=1)") -> None:
    lines = [
        json.dumps({"input": example.input.model_dump(), "output": example.output.model_dump()})
        for example in examples(120)
        if example.output
    ]
    code = ASKS.format(budget=budget, price=price)
    folder = folders.write(code, examples="\n".join(lines), deadline=60.0)
    (folder / "prompts").mkdir()
    (folder / "prompts" / "route.md").write_text(WORST)


def paid(server: ModelServer) -> Decimal:
    """What all replies cost at 1 EUR a million tokens: 110 of them, 1,100 for a rewriting."""
    tokens = sum(1100 if "rewrite" in call.tools else 110 for call in server.calls)
    return Decimal(tokens) / 1_000_000


def ask_here(server: ModelServer, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)


class TestSearch:
    async def search(self, app: App) -> Proposal | NoProposal:
        loaded = app.deployments.get("triage").loaded
        return await app.prompt_search.search(loaded, budget=PromptBudget(calls=400), actor="chi")

    async def test_every_reply_is_paid_for(
        self, settings: Settings, folder: Folders, url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        prompted(folder, budget=money(1000))
        async with ModelServer(obedient) as server:
            ask_here(server, monkeypatch)
            async with open_app(settings, url) as app:
                assert isinstance(await self.search(app), Proposal)
                assert await used(app) == [(paid(server), Decimal(0))]

    async def test_it_ends_with_the_budget_and_says_what_to_do(
        self, settings: Settings, folder: Folders, url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        prompted(folder, budget=money(0.03))
        async with ModelServer(obedient) as server:
            ask_here(server, monkeypatch)
            async with open_app(settings, url) as app:
                vars(app.deployments.get("triage").loaded.declared)["budget"] = Budget(
                    per_task=0.02, per_month=0.0201
                )
                match = await self.search(app)
                assert isinstance(match, NoProposal)
                assert "raise it in usecase.py" in match.reason
                [(spent, reserved)] = await used(app)
                assert reserved == 0
                assert spent == paid(server)

    async def test_a_price_that_is_not_known_is_refused(
        self, settings: Settings, folder: Folders, url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        prompted(folder, budget=money(1000), price="None")
        async with ModelServer(obedient) as server:
            ask_here(server, monkeypatch)
            async with open_app(settings, url) as app:
                match = await self.search(app)
                assert isinstance(match, NoProposal)
                assert "give Prompted one" in match.reason
                assert server.calls == []
