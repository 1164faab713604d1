"""Budgets on the page, over HTTP and in the terminal, in words and numbers."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from roadbed.budgets.model import Alert, Allowance, standing
from roadbed.kernel.settings import Settings
from roadbed.usecases.use_case import Budget
from tests.acceptance.test_api import problem
from tests.acceptance.test_cli import Terminal
from tests.browsing import browsing
from tests.conftest import Folders, Site, serving
from tests.unit.test_budgets import COSTING, budgeted
from tests.unit.test_decisions import decide
from tests.unit.test_trust import declared


def allowance(spent: str, reserved: str = "0", cap: str = "100") -> Allowance:
    return Allowance(
        period="2026-11",
        cap=Decimal(cap),
        spent=Decimal(spent),
        reserved=Decimal(reserved),
        currency="EUR",
    )


@pytest.mark.parametrize(
    ("of", "state", "left"),
    [
        (allowance("0"), "open", "100"),
        (allowance("49.99"), "open", "50.01"),
        (allowance("49", "1"), "half", "50"),
        (allowance("80"), "near", "20"),
        (allowance("99"), "near", "1"),
        (allowance("99.01"), "spent", "0.99"),
        (allowance("99", "1"), "spent", "0"),
        (allowance("101"), "spent", "0"),
        (allowance("0", cap="0"), "spent", "0"),
        (allowance("0", cap="0.5"), "spent", "0.5"),
    ],
)
def test_a_state_says_whether_one_more_task_is_covered(
    of: Allowance, state: str, left: str
) -> None:
    result = standing(of, Decimal(1), [])
    assert (result.state, result.left) == (state, Decimal(left))


def test_a_task_that_costs_nothing_is_covered_until_nothing_is_left() -> None:
    assert standing(allowance("99.99"), Decimal(0), []).state == "near"
    assert standing(allowance("100"), Decimal(0), []).state == "spent"


@pytest.fixture
async def site(folders: Folders, settings: Settings, url: str) -> Any:
    folders.write(COSTING)
    async with serving(settings, url) as served:
        yield served


async def test_page_and_http_show_spent_held_and_left(site: Site) -> None:
    app = site.app
    async with browsing(site) as browser:
        page = (await browser.get("/usecases/triage")).text
        assert "No budget is declared, so there is no spending limit" in page
        assert (await site.shop.get("/usecases/triage/budget")).json() == {
            "budget": None,
            "periods": [],
        }
        await budgeted(app, per_month=4.0, per_day=2.0)
        page = (await browser.get("/usecases/triage")).text
        assert page.count("● within the budget") == 2
        assert "0.00 EUR spent of 4.00 EUR" in page
        assert "The pod is told at 50, 80 and 100 %." in page
        await decide(app, "one costs 0.25")
        await decide(app, "two costs 0.9")
        await app.budgets.watch("triage", declared(app).budget)
        page = (await browser.get("/usecases/triage")).text
        assert "● within the budget" in page  # the month
        assert (
            "■ used up: too little for one more task" in page
        )  # of the day 0.85 is left, one may cost 1
        assert "1.15 EUR spent of 2.00 EUR, 0.00 EUR reserved" in page
        assert "0.85 EUR left" in page
        assert "The pod was told at 50 %" in page
        assert '% of the budget spent or held"' in page
        assert "reserves the worst case, 1.00 EUR" in page
        result = (await site.shop.get("/usecases/triage/budget")).json()
        assert result["budget"]["per_day"] == 2.0
        month, day = result["periods"]
        assert (month["spent"], month["state"], day["left"]) == ("1.15", "open", "0.85")
        assert [alert["percent"] for alert in day["alerts"]] == [50]
        assert month["alerts"] == []


async def test_a_foreign_use_case_answers_like_a_missing_one(site: Site) -> None:
    answer = await site.shop.get("/usecases/nobody/budget")
    assert (await problem(answer, 404, "usecase_unknown"))["status"] == 404


def test_the_terminal_says_the_same(tmp_path: Path, url: str) -> None:
    folder = Folders(tmp_path / "usecases").write(COSTING)
    terminal = Terminal(tmp_path, url)
    assert "there is no limit" in terminal.run("budget", "triage")
    code = (folder / "usecase.py").read_text()
    code = code.replace("risk_limit", "budget=Budget(per_task=1, per_month=40), risk_limit", 1)
    (folder / "usecase.py").write_text(code.replace("import DIRECT", "import DIRECT, Budget"))
    terminal.run("submit", "triage", '{"text": "costs 20.5"}')
    told = terminal.run("budget", "triage")
    assert "20.50 of 40.00 EUR spent (51%), 0.00 held, 19.50 left; half of it is spent" in told
    result: Any = terminal.json("budget", "triage")
    assert (result["budget"]["per_month"], result["periods"][0]["spent"]) == (40, "20.5")
    terminal.run("budget", "nobody", code=1)


def test_alerts_are_those_of_the_period() -> None:
    at = datetime(2026, 11, 2, tzinfo=UTC)
    alerts = [Alert(period=item, percent=50, at=at) for item in ("2026-11", "2026-11-02")]
    assert standing(allowance("50"), Decimal(1), alerts).alerts == alerts[:1]
    assert Budget(per_task=1.0, per_month=1.0).currency == "EUR"
