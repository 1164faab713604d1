"""Rows of the statements in ``queries.sql``. Written by ``make rows``: do not edit."""

from datetime import datetime
from typing import Never, TypedDict

from roadbed.kernel.ids import TaskId
from roadbed.storage.sql import Json, Query


class VolumeRow(TypedDict):
    """A row of ``volume``."""

    tasks: int
    automatic: int
    review: int
    refused: int
    median_seconds: float | None
    p99_seconds: float | None


class TotalRow(TypedDict):
    """A row of ``total``."""

    tasks: int
    automatic: int


class ReasonsRow(TypedDict):
    """A row of ``reasons``."""

    reason_code: str
    tasks: int


class HistoryRow(TypedDict):
    """A row of ``history``."""

    at: datetime
    tasks: int
    automatic: int


class PulseRow(TypedDict):
    """A row of ``pulse``."""

    position: int


class FailuresListRow(TypedDict):
    """A row of ``failures_list``."""

    work: str
    about: str
    use_case: str | None
    problem: str
    process: str
    since: datetime
    last_at: datetime
    times: int


class MovedRow(TypedDict):
    """A row of ``moved``."""

    position: int
    use_cases: list[str]


class HappenedRow(TypedDict):
    """A row of ``happened``."""

    use_case: str | None
    newest: int
    act: int | None


class EventsRow(TypedDict):
    """A row of ``events``."""

    id: str
    kind: str
    stage: str | None
    waits_for: str | None
    release: str | None
    actor: str
    detail: str
    at: datetime


class NotedVerdictsRow(TypedDict):
    """A row of ``noted_verdicts``."""

    task_id: TaskId
    input: Json
    decided: Json | None
    right: Json | None
    agrees: bool
    version: int | None
    decided_at: datetime
    given_at: datetime
    note: str | None


class NotedProposalsRow(TypedDict):
    """A row of ``noted_proposals``."""

    id: str
    kind: str
    title: str
    reason: str
    support: Json
    cases: Json
    state: str
    made_at: datetime
    decided_by: str | None
    decided_at: datetime | None
    note: str | None
    edited: bool


class NotedReleasesRow(TypedDict):
    """A row of ``noted_releases``."""

    id: str
    number: int
    step: str
    reason: str
    author: str
    proposals: list[str]
    gate: Json
    live_at: datetime | None
    ended_at: datetime | None
    ended_by: str | None
    ended_why: str | None
    version_number: int | None


class NotedVersionsRow(TypedDict):
    """A row of ``noted_versions``."""

    number: int
    live_since: datetime | None
    made_by: str
    reason: str
    learned_until: datetime | None
    live: bool
    released: bool


class NotedHaltsRow(TypedDict):
    """A row of ``noted_halts``."""

    kind: str
    reason: str
    actor: str
    asked_at: datetime
    fenced_seconds: float | None
    resume_asked_by: str | None
    resumed_by: str | None
    resumed_at: datetime | None


class NotedAuditRow(TypedDict):
    """A row of ``noted_audit``."""

    kind: str
    actor: str
    at: datetime
    detail: Json | None


class NotedRecentRow(TypedDict):
    """A row of ``noted_recent``."""

    tasks: int
    automatic: int


class Queries(TypedDict):
    """The statements of ``roadbed.insight``."""

    volume: Query[VolumeRow]
    total: Query[TotalRow]
    reasons: Query[ReasonsRow]
    history: Query[HistoryRow]
    pulse: Query[PulseRow]
    failures_over: Query[Never]
    failures_keep: Query[Never]
    failures_list: Query[FailuresListRow]
    moved: Query[MovedRow]
    happened: Query[HappenedRow]
    events: Query[EventsRow]
    noted_verdicts: Query[NotedVerdictsRow]
    noted_proposals: Query[NotedProposalsRow]
    noted_releases: Query[NotedReleasesRow]
    noted_versions: Query[NotedVersionsRow]
    noted_halts: Query[NotedHaltsRow]
    noted_audit: Query[NotedAuditRow]
    noted_recent: Query[NotedRecentRow]
