"""Budgets: status, alerts, holds for evaluation calls, and retries after a crash."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Protocol

from roadbed.budgets.model import Alert, Allowance, Amounts, Aside, BudgetStatus, standing
from roadbed.budgets.rows import Queries
from roadbed.kernel.clock import Clock
from roadbed.kernel.ids import Ids
from roadbed.kernel.stored_sentences import stored_sentence
from roadbed.storage.database import Database
from roadbed.storage.sql import queries, texts

SQL = queries(Queries)
# The owner of `in_flight` lies above: its statements run here, its code does not.
_INTAKE = texts("roadbed.intake")  # a package above: its rows are not read
_PARTS = 8  # as many as budget_take keeps
_LAPSES = timedelta(minutes=15)  # much longer than calls outside the task path take
LEVELS = (50, 80, 100)


class BudgetLimits(Protocol):
    """Limits of spending: the interface of ``Budget``."""

    @property
    def per_task(self) -> float: ...
    @property
    def per_month(self) -> float: ...
    @property
    def per_day(self) -> float | None: ...
    @property
    def currency(self) -> str: ...


class Budgets:
    """Reads and monitors budgets. ``transactions.py`` reserves and charges for tasks."""

    def __init__(self, database: Database, ids: Ids, clock: Clock, announce: str) -> None:
        self._database = database
        self._announce = announce
        self._ids = ids
        self._clock = clock

    async def overview(self, use_case: str, budget: BudgetLimits) -> Sequence[Allowance]:
        """The monthly allowance and, if declared, the daily one."""
        standings = []
        for period, cap in periods(budget, self._clock.now().date()):
            facts = {"use_case": use_case, "period": period}
            row = await self._database.fetch_one(SQL["used"], facts)
            standings.append(
                Allowance(
                    period=period,
                    cap=Decimal(str(cap)),
                    spent=row["spent"] if row else Decimal(0),
                    reserved=row["reserved"] if row else Decimal(0),
                    currency=budget.currency,
                )
            )
        return standings

    async def report(self, use_case: str, budget: BudgetLimits | None) -> Sequence[BudgetStatus]:
        """Status and alerts of each allowance; empty without a budget."""
        if budget is None:
            return []
        standings = await self.overview(use_case, budget)
        facts = {"use_case": use_case, "periods": [item.period for item in standings]}
        alerts = [Alert(**row) for row in await self._database.fetch(SQL["alerts"], facts)]
        per_task = Decimal(str(budget.per_task))
        return [standing(entry, per_task, alerts) for entry in standings]

    async def watch(self, use_case: str, budget: BudgetLimits) -> None:
        """Charge lapsed holds, merge partial sums, alert once per period at 50, 80 and 100 %."""
        lapsed = {"use_case": use_case, "now": self._clock.now()}
        await self._database.fetch(SQL["lapse"], lapsed)
        for item in await self.overview(use_case, budget):
            facts = {"use_case": use_case, "period": item.period}
            async with self._database.transaction() as connection:
                await connection.execute(SQL["hold"], facts)
                await connection.execute(SQL["fold"], facts)
            for level in LEVELS:
                if item.share * 100 >= level:
                    await self._alert(use_case, item, level)

    async def again(self, use_case: str, budget: BudgetLimits, ids: Sequence[str]) -> set[str]:
        """Charge lost attempts of ``ids`` and reserve new ones; return the ids that fit."""
        facts: dict[str, Any] = {
            "use_case": use_case,
            "ids": list(ids),
            "today": self._clock.now().date(),
            **amounts(budget),
        }
        async with self._database.transaction() as connection:
            await connection.execute(SQL["charge_lost"], facts)
            await connection.execute(_INTAKE["release_lost"], facts)
            await connection.execute(SQL["reserve_again"], facts)
            cursor = await connection.execute(SQL["funded"], facts)
            return {row["task_id"] for row in await cursor.fetchall()}

    async def take_aside(self, use_case: str, budget: BudgetLimits, most: int = 1) -> Aside | None:
        """Hold the worst case of ``most`` evaluation calls, or of as many as fit.

        Shadow, replay, gate, prompt search, judge. ``None`` where not even one fits. What is not
        settled within a quarter of an hour is charged at the worst case.
        """
        now, count = self._clock.now(), most
        worst = Decimal(str(budget.per_task))
        facts = {"use_case": use_case, "part": secrets.randbelow(_PARTS)}
        granted: dict[str, int] = {}
        async with self._database.transaction() as connection:
            for period, cap in periods(budget, now.date()):
                wanted = {"cap": Decimal(str(cap)), "amount": worst, "count": count}
                cursor = await connection.execute(
                    SQL["take_aside"], {**facts, **wanted, "period": period}
                )
                row = await cursor.fetchone()
                granted[period] = count = row["granted"] if row else 0
            for period, some in granted.items():  # what the month gave and the day did not
                if some > count:
                    back = {**facts, "period": period, "amount": worst * (some - count)}
                    await connection.execute(SQL["give_back"], back)
            if not count:
                return None
            held = Aside(id=self._ids.new("asd"), amount=worst * count, count=count)
            stored = {"id": held.id, "periods": list(granted), "amount": held.amount}
            await connection.execute(
                SQL["put_aside"], {**facts, **stored, "lapses_at": now + _LAPSES}
            )
        return held

    async def settle_aside(self, held: Aside, cost: Decimal | None) -> None:
        """Charge the cost of a hold, or its worst case if the cost is unknown."""
        if held.id:
            await self._database.fetch(SQL["settle_aside"], {"id": held.id, "cost": cost})

    async def _alert(self, use_case: str, of: Allowance, level: int) -> None:
        at = self._clock.now()
        facts = {"use_case": use_case, "period": of.period, "percent": level, "at": at}
        told = {
            "level": f"{level} %",
            "amount": f"{of.cap:,.2f} {of.currency}",
            "period": of.period,
        }
        text = stored_sentence(
            "Budget: %(level)s of %(amount)s for %(period)s is spent or held.", **told
        )
        if level >= 100:
            text = stored_sentence(
                "Budget: %(level)s of %(amount)s for %(period)s is spent or held. New tasks go to "
                "people.",
                **told,
            )
        async with self._database.transaction() as connection:
            cursor = await connection.execute(SQL["alert"], facts)
            if await cursor.fetchone():
                facts = {"id": self._ids.new("ntc"), "use_case": use_case, "kind": "budget"}
                notice = {**facts, "text": text, "at": at, "about": None}
                await connection.execute(self._announce, notice)


def periods(budget: BudgetLimits, today: date) -> list[tuple[str, float]]:
    """The current periods with their caps."""
    limits = [(f"{today:%Y-%m}", budget.per_month)]
    return [*limits, (today.isoformat(), budget.per_day)] if budget.per_day is not None else limits


def amounts(budget: BudgetLimits) -> Amounts:
    """The amounts as decimal text, without rounding."""
    return {
        "per_task": str(budget.per_task),
        "per_month": str(budget.per_month),
        "per_day": None if budget.per_day is None else str(budget.per_day),
    }
