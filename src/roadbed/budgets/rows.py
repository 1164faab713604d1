"""Rows of the statements in ``queries.sql``. Written by ``make rows``: do not edit."""

from datetime import datetime
from decimal import Decimal
from typing import Never, TypedDict

from roadbed.kernel.ids import TaskId
from roadbed.storage.sql import Query


class ReserveRow(TypedDict):
    """A row of ``reserve``."""

    budget_reserve: int | None


class ReserveAgainRow(TypedDict):
    """A row of ``reserve_again``."""

    budget_reserve: int | None


class FundedRow(TypedDict):
    """A row of ``funded``."""

    task_id: TaskId


class TakeAsideRow(TypedDict):
    """A row of ``take_aside``."""

    granted: int


HoldRow = TypedDict("HoldRow", {"?column?": int})


class FoldRow(TypedDict):
    """A row of ``fold``."""

    budget_fold: str | None


class UsedRow(TypedDict):
    """A row of ``used``."""

    reserved: Decimal
    spent: Decimal


class AlertRow(TypedDict):
    """A row of ``alert``."""

    percent: int


class AlertsRow(TypedDict):
    """A row of ``alerts``."""

    period: str
    percent: int
    at: datetime


class Queries(TypedDict):
    """The statements of ``roadbed.budgets``."""

    reserve: Query[ReserveRow]
    charge: Query[Never]
    charge_lost: Query[Never]
    reserve_again: Query[ReserveAgainRow]
    funded: Query[FundedRow]
    take_aside: Query[TakeAsideRow]
    give_back: Query[Never]
    put_aside: Query[Never]
    settle_aside: Query[Never]
    lapse: Query[Never]
    hold: Query[HoldRow]
    fold: Query[FoldRow]
    used: Query[UsedRow]
    alert: Query[AlertRow]
    alerts: Query[AlertsRow]
    charge_erased: Query[Never]
