"""Rows of the statements in ``queries.sql``. Written by ``make rows``: do not edit."""

from datetime import datetime
from typing import Never, TypedDict

from roadbed.kernel.ids import TaskId
from roadbed.storage.sql import Json, Query


class BornRow(TypedDict):
    """A row of ``born``."""

    id: TaskId


class StandingRow(TypedDict):
    """A row of ``standing``."""

    id: str
    task_id: str | None
    body_hash: str | None
    input: Json | None
    sent: Json | None
    source: Json | None
    reference: bool | None
    reference_rate: float | None
    admitted_at: datetime | None


class FreeKeyRow(TypedDict):
    """A row of ``free_key``."""

    id: TaskId


class StandingFundedRow(TypedDict):
    """A row of ``standing_funded``."""

    id: str
    task_id: str | None
    body_hash: str | None
    input: Json | None
    sent: Json | None
    source: Json | None
    reference: bool | None
    reference_rate: float | None
    admitted_at: datetime | None
    funded: bool


class TakeOverRow(TypedDict):
    """A row of ``take_over``."""

    id: TaskId
    use_case: str
    input: Json
    sent: Json | None
    source: Json
    reference: bool
    reference_rate: float
    admitted_at: datetime
    revises: str | None
    revision: int
    attempt: int
    key: str | None


class FindRow(TypedDict):
    """A row of ``find``."""

    id: TaskId
    use_case: str
    key: str | None
    input: Json
    source: Json
    reference: bool
    reference_rate: float
    admitted_at: datetime


class FirstRow(TypedDict):
    """A row of ``first``."""

    id: TaskId
    use_case: str
    key: str | None
    erased: bool
    measured: bool


class NewestRow(TypedDict):
    """A row of ``newest``."""

    id: TaskId
    revises: str | None
    revision: int
    body_hash: str
    input: Json
    sent: Json | None
    source: Json
    admitted_at: datetime
    on_revision: str | None
    reference: bool
    reference_rate: float


class AheadRow(TypedDict):
    """A row of ``ahead``."""

    id: TaskId


class Queries(TypedDict):
    """The statements of ``roadbed.intake``."""

    admit: Query[Never]
    born: Query[BornRow]
    hold: Query[Never]
    standing: Query[StandingRow]
    free_key: Query[FreeKeyRow]
    standing_funded: Query[StandingFundedRow]
    take_over: Query[TakeOverRow]
    extend: Query[Never]
    find: Query[FindRow]
    first: Query[FirstRow]
    newest: Query[NewestRow]
    revise: Query[Never]
    hold_revision: Query[Never]
    ahead: Query[AheadRow]
    effects: Query[Never]
    erase_task: Query[Never]
    release_lost: Query[Never]
    released: Query[Never]
    stop_deciding: Query[Never]
