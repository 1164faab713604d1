"""Rows of the statements in ``queries.sql``. Written by ``make rows``: do not edit."""

from datetime import datetime
from decimal import Decimal
from typing import Never, TypedDict

from roadbed.kernel.ids import DecisionId, TaskId, VersionId
from roadbed.storage.sql import Json, Query


class GuardRow(TypedDict):
    """A row of ``guard``."""

    pg_advisory_xact_lock_shared: str | None


class SettledAtOnceRow(TypedDict):
    """A row of ``settled_at_once``."""

    id: str | None


class SettledRow(TypedDict):
    """A row of ``settled``."""

    id: str
    decision_id: DecisionId | None
    halt_epoch: int
    attempt: int | None


class ComparedRow(TypedDict):
    """A row of ``compared``."""

    id: str


class NumberRow(TypedDict):
    """A row of ``number``."""

    number: int
    pg_advisory_lock: str | None


class AddressesRow(TypedDict):
    """A row of ``addresses``."""

    address: str


class LostRow(TypedDict):
    """A row of ``lost``."""

    lost: bool


class InterruptedRow(TypedDict):
    """A row of ``interrupted``."""

    body_hash: str


class FindRow(TypedDict):
    """A row of ``find``."""

    task_id: TaskId
    id: DecisionId
    use_case: str
    version: VersionId | None
    certificate: str | None
    route: str
    reason_code: str
    reason: str
    rule: str | None
    output: Json | None
    confidence: float | None
    threshold: float | None
    evidence: Json
    cost: Decimal | None
    attempt: int
    decided_at: datetime
    decide_seconds: float
    halt_epoch: int
    actions: Json | None
    provenance: Json | None
    content_hash: str | None
    revision: int
    effect_hash: str | None
    output_hash: str | None


class Queries(TypedDict):
    """The statements of ``roadbed.decisions``."""

    guard: Query[GuardRow]
    decided_items: Query[Never]
    whole_items: Query[Never]
    born_here: Query[Never]
    record: Query[Never]
    settled_at_once: Query[SettledAtOnceRow]
    fresh_of_revision: Query[Never]
    revised: Query[Never]
    settled: Query[SettledRow]
    compare: Query[Never]
    compared: Query[ComparedRow]
    number: Query[NumberRow]
    mark: Query[Never]
    addresses: Query[AddressesRow]
    unmark: Query[Never]
    notice: Query[Never]
    lost: Query[LostRow]
    forget: Query[Never]
    interrupted: Query[InterruptedRow]
    find: Query[FindRow]
    erase_decision: Query[Never]
    erase_comparison: Query[Never]
