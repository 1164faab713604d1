"""Rows of the statements in ``queries.sql``. Written by ``make rows``: do not edit."""

from datetime import datetime
from typing import Never, TypedDict

from roadbed.kernel.ids import TaskId
from roadbed.storage.sql import Json, Query


class FenceRow(TypedDict):
    """A row of ``fence``."""

    pg_advisory_xact_lock: str | None


class DrillAloneRow(TypedDict):
    """A row of ``drill_alone``."""

    alone: bool


class DrillsRow(TypedDict):
    """A row of ``drills``."""

    n: int
    oldest: datetime | None


class KnownRow(TypedDict):
    """A row of ``known``."""

    name: str


class EpochRow(TypedDict):
    """A row of ``epoch``."""

    halt_epoch: int


class UndeclaredRow(TypedDict):
    """A row of ``undeclared``."""

    undeclared: bool


class NotHeldRow(TypedDict):
    """A row of ``not_held``."""

    name: str


class TellAllRow(TypedDict):
    """A row of ``tell_all``."""

    pg_notify: str | None


class UnderWayRow(TypedDict):
    """A row of ``under_way``."""

    delivery: str
    destination: str
    kind: str
    task: TaskId
    attempt: int


class TellRow(TypedDict):
    """A row of ``tell``."""

    pg_notify: str | None


class StandingRow(TypedDict):
    """A row of ``standing``."""

    id: str
    epoch: int
    resume_asked_by: str | None


class GetRow(TypedDict):
    """A row of ``get``."""

    id: str
    use_case: str
    kind: str
    reason: str
    actor: str
    asked_at: datetime
    fenced_seconds: float | None
    quiesced_seconds: float | None
    in_flight: Json
    resume_asked_by: str | None
    resume_reason: str | None
    resumed_by: str | None
    resumed_at: datetime | None


class HistoryRow(TypedDict):
    """A row of ``history``."""

    id: str
    use_case: str
    kind: str
    reason: str
    actor: str
    asked_at: datetime
    fenced_seconds: float | None
    quiesced_seconds: float | None
    in_flight: Json
    resume_asked_by: str | None
    resume_reason: str | None
    resumed_by: str | None
    resumed_at: datetime | None


class LastRow(TypedDict):
    """A row of ``last``."""

    at: datetime | None


class InForceRow(TypedDict):
    """A row of ``in_force``."""

    id: str
    use_case: str
    kind: str
    reason: str
    actor: str
    asked_at: datetime
    fenced_seconds: float | None
    quiesced_seconds: float | None
    in_flight: Json
    resume_asked_by: str | None
    resume_reason: str | None
    resumed_by: str | None
    resumed_at: datetime | None


class Queries(TypedDict):
    """The statements of ``roadbed.halts``."""

    fence: Query[FenceRow]
    drill_alone: Query[DrillAloneRow]
    drills: Query[DrillsRow]
    known: Query[KnownRow]
    epoch: Query[EpochRow]
    keep: Query[Never]
    undeclared: Query[UndeclaredRow]
    not_held: Query[NotHeldRow]
    of_restoration: Query[Never]
    lift: Query[Never]
    tell_all: Query[TellAllRow]
    measured: Query[Never]
    under_way: Query[UnderWayRow]
    tell: Query[TellRow]
    standing: Query[StandingRow]
    resume_first: Query[Never]
    resume_second: Query[Never]
    get: Query[GetRow]
    history: Query[HistoryRow]
    last: Query[LastRow]
    in_force: Query[InForceRow]
