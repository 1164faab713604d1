"""Rows of the statements in ``queries.sql``. Written by ``make rows``: do not edit."""

from datetime import datetime
from typing import Never, TypedDict

from roadbed.kernel.ids import DecisionId, TaskId, VersionId
from roadbed.storage.sql import Json, Query


class HeldByFallRow(TypedDict):
    """A row of ``held_by_fall``."""

    id: str


class PrepareAloneRow(TypedDict):
    """A row of ``prepare_alone``."""

    alone: bool


class PlannedRow(TypedDict):
    """A row of ``planned``."""

    id: str
    use_case: str
    task_id: TaskId
    destination: str
    kind: str
    arguments: Json | None
    of_verdict: str | None
    needs_approval: bool
    reason: str | None
    task_key: str | None
    input: Json
    decision_id: DecisionId
    route: str
    version: VersionId | None
    confidence: float | None
    decided_at: datetime
    output: Json | None
    reviewer: str | None
    provenance: Json | None
    revises: str | None
    revision: int
    restored: bool
    before: str | None
    earlier: Json | None
    twins: int


class SameKeyRow(TypedDict):
    """A row of ``same_key``."""

    id: str
    destination: str
    key: str | None
    output: Json | None
    action: Json | None
    state: str


class MadeTodayRow(TypedDict):
    """A row of ``made_today``."""

    destination: str
    made: int


class GateRow(TypedDict):
    """A row of ``gate``."""

    pg_advisory_xact_lock_shared: str | None


class ClaimRow(TypedDict):
    """A row of ``claim``."""

    id: str
    use_case: str
    task_id: TaskId
    destination: str
    kind: str
    of_delivery: str | None
    key: str
    content: Json
    approved_hash: str | None
    attempt: int
    first_sent_at: datetime
    look_first: bool
    reference: str | None
    of_reference: str | None


class FinishedRow(TypedDict):
    """A row of ``finished``."""

    id: str
    counted: bool


class LostRow(TypedDict):
    """A row of ``lost``."""

    id: str
    use_case: str
    destination: str
    kind: str
    attempt: int
    first_sent_at: datetime


class ExpireRow(TypedDict):
    """A row of ``expire``."""

    id: str
    task_id: TaskId


class BrokenRow(TypedDict):
    """A row of ``broken``."""

    id: str
    destination: str
    state: str
    restored: bool


class ToTakeBackRow(TypedDict):
    """A row of ``to_take_back``."""

    id: str
    destination: str
    restored: bool
    again: bool


class PlacesRow(TypedDict):
    """A row of ``places``."""

    destination: str


class FindRow(TypedDict):
    """A row of ``find``."""

    id: str
    use_case: str
    task_id: TaskId
    destination: str
    kind: str
    arguments: Json | None
    of_verdict: str | None
    of_delivery: str | None
    after: str | None
    state: str
    reason: str | None
    needs_approval: bool
    position: int | None
    key: str | None
    order_key: str | None
    content: Json | None
    content_hash: str | None
    attempt: int
    next_at: datetime
    lease_until: datetime | None
    first_sent_at: datetime | None
    look_first: bool
    reference: str | None
    approve_until: datetime | None
    approved_by: str | None
    approved_hash: str | None
    created_at: datetime
    done_at: datetime | None
    superseded_by: str | None
    take_back: bool
    revised: bool
    restored: bool
    outdated: bool
    cause: str | None
    senders: list[str]
    reviewer: str | None
    erased: bool | None
    withheld: bool


class AttemptsRow(TypedDict):
    """A row of ``attempts``."""

    delivery_id: str
    number: int
    worker: str
    outcome: str
    detail: str
    seconds: float
    at: datetime


class OfTaskRow(TypedDict):
    """A row of ``of_task``."""

    id: str
    use_case: str
    task_id: TaskId
    destination: str
    kind: str
    arguments: Json | None
    of_verdict: str | None
    of_delivery: str | None
    after: str | None
    state: str
    reason: str | None
    needs_approval: bool
    position: int | None
    key: str | None
    order_key: str | None
    content: Json | None
    content_hash: str | None
    attempt: int
    next_at: datetime
    lease_until: datetime | None
    first_sent_at: datetime | None
    look_first: bool
    reference: str | None
    approve_until: datetime | None
    approved_by: str | None
    approved_hash: str | None
    created_at: datetime
    done_at: datetime | None
    superseded_by: str | None
    take_back: bool
    revised: bool
    restored: bool
    outdated: bool
    cause: str | None
    withheld: bool


class ListRow(TypedDict):
    """A row of ``list``."""

    id: str
    use_case: str
    task_id: TaskId
    destination: str
    kind: str
    arguments: Json | None
    of_verdict: str | None
    of_delivery: str | None
    after: str | None
    state: str
    reason: str | None
    needs_approval: bool
    position: int | None
    key: str | None
    order_key: str | None
    content: Json | None
    content_hash: str | None
    attempt: int
    next_at: datetime
    lease_until: datetime | None
    first_sent_at: datetime | None
    look_first: bool
    reference: str | None
    approve_until: datetime | None
    approved_by: str | None
    approved_hash: str | None
    created_at: datetime
    done_at: datetime | None
    superseded_by: str | None
    take_back: bool
    revised: bool
    restored: bool
    outdated: bool
    cause: str | None
    withheld: bool


class PageRow(TypedDict):
    """A row of ``page``."""

    id: str
    use_case: str
    task_id: str
    input: Json
    destination: str
    kind: str
    state: str
    reason: str | None
    attempt: int
    approve_until: datetime | None
    approved_by: str | None
    created_at: datetime
    done_at: datetime | None
    withheld: bool
    total: int | None
    newer: int | None


class CountsRow(TypedDict):
    """A row of ``counts``."""

    destination: str
    state: str
    n: int


class CircuitStatesRow(TypedDict):
    """A row of ``circuit_states``."""

    destination: str
    failures: int
    open_until: datetime | None
    last_error: str | None


class DecideRow(TypedDict):
    """A row of ``decide``."""

    id: str
    use_case: str
    task_id: TaskId


class ReplayRow(TypedDict):
    """A row of ``replay``."""

    id: str
    task_id: TaskId


KnownDestinationRow = TypedDict("KnownDestinationRow", {"?column?": int})


class AfterRestoreRow(TypedDict):
    """A row of ``after_restore``."""

    use_case: str


class UseCaseOfRow(TypedDict):
    """A row of ``use_case_of``."""

    use_case: str


class Queries(TypedDict):
    """The statements of ``roadbed.deliveries``."""

    planned_by_decision: Query[Never]
    planned_by_verdict: Query[Never]
    outdated_by_verdict: Query[Never]
    asked_by_verdict: Query[Never]
    said_anew: Query[Never]
    of_revision: Query[Never]
    superseded: Query[Never]
    paused: Query[Never]
    unasked: Query[Never]
    superseded_by_approval: Query[Never]
    taken_back: Query[Never]
    asked_no_more: Query[Never]
    held_by_fall: Query[HeldByFallRow]
    prepare_alone: Query[PrepareAloneRow]
    planned: Query[PlannedRow]
    same_key: Query[SameKeyRow]
    made_today: Query[MadeTodayRow]
    prepared: Query[Never]
    not_prepared: Query[Never]
    ask: Query[Never]
    gate: Query[GateRow]
    claim: Query[ClaimRow]
    finish: Query[Never]
    taken_back_of: Query[Never]
    finished: Query[FinishedRow]
    lost: Query[LostRow]
    expire: Query[ExpireRow]
    broken: Query[BrokenRow]
    not_again: Query[Never]
    ask_back: Query[Never]
    to_take_back: Query[ToTakeBackRow]
    left_there: Query[Never]
    left_alone: Query[Never]
    left_by_verdict: Query[Never]
    never_sent: Query[Never]
    compensate: Query[Never]
    compensating: Query[Never]
    places: Query[PlacesRow]
    trip: Query[Never]
    find: Query[FindRow]
    attempts: Query[AttemptsRow]
    of_task: Query[OfTaskRow]
    list: Query[ListRow]
    page: Query[PageRow]
    counts: Query[CountsRow]
    circuit_states: Query[CircuitStatesRow]
    decide: Query[DecideRow]
    replay: Query[ReplayRow]
    known_destination: Query[KnownDestinationRow]
    after_restore: Query[AfterRestoreRow]
    use_case_of: Query[UseCaseOfRow]
    erase_delivery: Query[Never]
    erase_attempt: Query[Never]
