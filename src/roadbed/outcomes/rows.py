"""Rows of the statements in ``queries.sql``. Written by ``make rows``: do not edit."""

from datetime import datetime
from typing import Never, TypedDict

from roadbed.kernel.ids import TaskId, VerdictId
from roadbed.storage.sql import Json, Query


class TasksRow(TypedDict):
    """A row of ``tasks``."""

    id: TaskId
    key: str | None
    input: Json
    admitted_at: datetime
    erased: bool
    decided: bool
    output: Json | None
    actions: Json | None
    provenance: Json | None
    verdict: VerdictId | None
    right_output: Json | None
    right_actions: Json | None
    withheld: bool


class RecordedRow(TypedDict):
    """A row of ``recorded``."""

    id: str
    outcome_id: str | None
    body_hash: str | None
    erased: bool | None


class OutcomesRow(TypedDict):
    """A row of ``outcomes``."""

    id: str
    task_id: str
    use_case: str
    right: bool
    output: Json | None
    note: str | None
    source: str | None
    happened_at: datetime | None
    reported_by: str
    reported_at: datetime
    withdrawn_at: datetime | None
    withdrawn_by: str | None
    counts: bool | None
    review: str | None
    withheld: bool
    judged: bool | None
    input: Json
    right_output: Json | None
    right_actions: Json | None
    about_output: Json | None
    about_actions: Json | None
    total: int | None
    newer: int | None


class SummaryRow(TypedDict):
    """A row of ``summary``."""

    automatic: int
    reported: int
    waiting: int
    told: int
    right: int


class UseCaseOfRow(TypedDict):
    """A row of ``use_case_of``."""

    use_case: str


class WithdrawRow(TypedDict):
    """A row of ``withdraw``."""

    use_case: str
    task_id: TaskId


class Queries(TypedDict):
    """The statements of ``roadbed.outcomes``."""

    tasks: Query[TasksRow]
    record: Query[Never]
    recorded: Query[RecordedRow]
    outcomes: Query[OutcomesRow]
    summary: Query[SummaryRow]
    use_case_of: Query[UseCaseOfRow]
    withdraw: Query[WithdrawRow]
    erase_outcome: Query[Never]
