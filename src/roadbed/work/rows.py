"""Rows of the statements in ``queries.sql``. Written by ``make rows``: do not edit."""

from datetime import datetime
from typing import Never, TypedDict

from roadbed.storage.sql import Json, Query


class StartRow(TypedDict):
    """A row of ``start``."""

    id: str


class UnfinishedRow(TypedDict):
    """A row of ``unfinished``."""

    id: str


class NewestRow(TypedDict):
    """A row of ``newest``."""

    id: str


class AnyRow(TypedDict):
    """A row of ``any``."""

    any: bool


class WorkedOnRow(TypedDict):
    """A row of ``worked_on``."""

    worked_on: bool


class ShownRow(TypedDict):
    """A row of ``shown``."""

    id: str
    kind: str
    use_case: str | None
    state: str
    done: int
    total: int | None
    doing: str


class WorkRow(TypedDict):
    """A row of ``work``."""

    pg_advisory_lock_shared: str | None


class GetRow(TypedDict):
    """A row of ``get``."""

    id: str
    kind: str
    key: str
    use_case: str | None
    arguments: Json
    state: str
    done: int
    total: int | None
    doing: str
    reason: str | None
    result: Json | None
    asked_by: str
    asked_at: datetime
    started_at: datetime | None
    ended_at: datetime | None


class ListRow(TypedDict):
    """A row of ``list``."""

    id: str
    kind: str
    key: str
    use_case: str | None
    arguments: Json
    state: str
    done: int
    total: int | None
    doing: str
    reason: str | None
    result: Json | None
    asked_by: str
    asked_at: datetime
    started_at: datetime | None
    ended_at: datetime | None


class ChangeRow(TypedDict):
    """A row of ``change``."""

    use_case: str | None
    kind: str


class AskedRow(TypedDict):
    """A row of ``asked``."""

    id: str
    kind: str
    asked: str | None


class BeginRow(TypedDict):
    """A row of ``begin``."""

    kind: str
    arguments: Json


class StateRow(TypedDict):
    """A row of ``state``."""

    state: str


class EndRow(TypedDict):
    """A row of ``end``."""

    use_case: str | None
    kind: str


class OpenRow(TypedDict):
    """A row of ``open``."""

    id: str


class ExpiredRow(TypedDict):
    """A row of ``expired``."""

    id: str


class Queries(TypedDict):
    """The statements of ``roadbed.work``."""

    start: Query[StartRow]
    unfinished: Query[UnfinishedRow]
    newest: Query[NewestRow]
    any: Query[AnyRow]
    worked_on: Query[WorkedOnRow]
    shown: Query[ShownRow]
    work: Query[WorkRow]
    get: Query[GetRow]
    list: Query[ListRow]
    change: Query[ChangeRow]
    asked: Query[AskedRow]
    carried_out: Query[Never]
    begin: Query[BeginRow]
    state: Query[StateRow]
    report: Query[Never]
    end: Query[EndRow]
    open: Query[OpenRow]
    ask_again: Query[Never]
    expired: Query[ExpiredRow]
    forgotten: Query[Never]
