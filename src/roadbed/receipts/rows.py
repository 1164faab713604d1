"""Rows of the statements in ``queries.sql``. Written by ``make rows``: do not edit."""

from datetime import datetime
from decimal import Decimal
from typing import TypedDict

from roadbed.kernel.ids import DecisionId, ExampleId, ReviewId, TaskId, VersionId
from roadbed.storage.sql import Json, Query


class FindRow(TypedDict):
    """A row of ``find``."""

    task_id: TaskId
    use_case: str
    key: str | None
    input: Json
    sent: Json | None
    source: Json
    reference_rate: float
    admitted_at: datetime
    reference: bool
    with_earlier: bool
    erased: bool
    revises: str | None
    revision: int
    on_revision: str | None
    superseded_by: str | None
    closed_at: datetime | None
    declaration: Json
    halted_at: datetime | None
    halted_by: str | None
    halted_why: str | None
    decision_id: DecisionId | None
    version: VersionId | None
    certificate: str | None
    route: str | None
    reason_code: str | None
    reason: str | None
    rule: str | None
    output: Json | None
    actions: Json | None
    provenance: Json | None
    content_hash: str | None
    confidence: float | None
    threshold: float | None
    evidence: Json | None
    cost: Decimal | None
    attempt: int | None
    decided_at: datetime | None
    decide_seconds: float | None
    version_number: int | None
    proof: Json | None
    weak: Json | None
    review_id: ReviewId | None
    blind: bool | None
    opened_at: datetime | None
    claimed_by: str | None
    claim_until: datetime | None
    look: ReviewId | None
    reserved_for: str | None
    verdict: str | None
    right_output: Json | None
    right_actions: Json | None
    agrees: bool | None
    loss: float | None
    score_reason: str | None
    note: str | None
    reviewer: str | None
    given_at: datetime | None
    example_id: ExampleId | None
    purpose: str | None
    undone: Json | None


class IsDecidedRow(TypedDict):
    """A row of ``is_decided``."""

    decided: bool


class RevisionsRow(TypedDict):
    """A row of ``revisions``."""

    task: TaskId
    number: int
    at: datetime
    by: str | None
    why: str | None
    rule: str | None
    effects: str | None
    input: Json
    erased: bool
    output: Json | None
    withheld: bool


class DeliveriesRow(TypedDict):
    """A row of ``deliveries``."""

    id: str
    destination: str
    kind: str
    state: str
    reason: str | None
    key: str | None
    reference: str | None
    approved_by: str | None
    created_at: datetime
    done_at: datetime | None
    superseded_by: str | None
    attempts: int


class OutcomesRow(TypedDict):
    """A row of ``outcomes``."""

    id: str
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


class ListRow(TypedDict):
    """A row of ``list``."""

    task_id: str
    use_case: str
    key: str | None
    input: Json
    reference: bool
    admitted_at: datetime
    erased: bool
    route: str | None
    reason_code: str | None
    reason: str | None
    output: Json | None
    confidence: float | None
    decided_at: datetime | None
    revision: int
    on_revision: str | None
    review_id: str | None
    closed_at: datetime | None
    verdict: str | None
    agrees: bool | None
    right_output: Json | None
    reviewer: str | None
    sender: str | None
    hidden: bool
    total: int | None
    newer: int | None


class IncidentTasksRow(TypedDict):
    """A row of ``incident_tasks``."""

    id: str


class IncidentUsualRow(TypedDict):
    """A row of ``incident_usual``."""

    at: datetime


class IncidentReachRow(TypedDict):
    """A row of ``incident_reach``."""

    at: datetime


class IncidentDeliveriesRow(TypedDict):
    """A row of ``incident_deliveries``."""

    id: str
    task_id: TaskId
    destination: str
    kind: str
    state: str
    reason: str | None
    key: str | None
    reference: str | None
    content_hash: str | None
    attempt: int
    first_sent_at: datetime | None
    approved_by: str | None
    created_at: datetime
    done_at: datetime | None
    attempts: Json | None
    withheld: bool | None


class IncidentDeclaredRow(TypedDict):
    """A row of ``incident_declared``."""

    actor: str
    at: datetime
    detail: Json | None


class IncidentChangesRow(TypedDict):
    """A row of ``incident_changes``."""

    at: datetime
    kind: str
    subject: str
    actor: str
    detail: Json | None


class IncidentHaltsRow(TypedDict):
    """A row of ``incident_halts``."""

    id: str
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


class IncidentPodRow(TypedDict):
    """A row of ``incident_pod``."""

    pod: Json
    purpose: str | None


class CopiesRow(TypedDict):
    """A row of ``copies``."""

    id: str
    use_case: str


class HoldRow(TypedDict):
    """A row of ``hold``."""

    id: TaskId
    erased: bool


class UnderWayRow(TypedDict):
    """A row of ``under_way``."""

    n: int


class NamedRow(TypedDict):
    """A row of ``named``."""

    id: TaskId
    use_case: str
    key: str | None


class EntriesOfRow(TypedDict):
    """A row of ``entries_of``."""

    position: int


class UseCaseOfRow(TypedDict):
    """A row of ``use_case_of``."""

    use_case: str


class AskedRow(TypedDict):
    """A row of ``asked``."""

    id: TaskId
    input: Json
    admitted_at: datetime
    erased: bool
    route: str | None
    output: Json | None
    verdict: str | None
    right_output: Json | None


class ConversationRow(TypedDict):
    """A row of ``conversation``."""

    id: TaskId
    input: Json
    admitted_at: datetime
    erased: bool
    route: str | None
    output: Json | None
    reason: str | None
    decided_at: datetime | None
    support: float | None
    verdict: str | None
    right_output: Json | None
    given_at: datetime | None
    reported: bool


class Queries(TypedDict):
    """The statements of ``roadbed.receipts``."""

    find: Query[FindRow]
    is_decided: Query[IsDecidedRow]
    revisions: Query[RevisionsRow]
    deliveries: Query[DeliveriesRow]
    outcomes: Query[OutcomesRow]
    list: Query[ListRow]
    incident_tasks: Query[IncidentTasksRow]
    incident_usual: Query[IncidentUsualRow]
    incident_reach: Query[IncidentReachRow]
    incident_deliveries: Query[IncidentDeliveriesRow]
    incident_declared: Query[IncidentDeclaredRow]
    incident_changes: Query[IncidentChangesRow]
    incident_halts: Query[IncidentHaltsRow]
    incident_pod: Query[IncidentPodRow]
    copies: Query[CopiesRow]
    hold: Query[HoldRow]
    under_way: Query[UnderWayRow]
    named: Query[NamedRow]
    entries_of: Query[EntriesOfRow]
    use_case_of: Query[UseCaseOfRow]
    asked: Query[AskedRow]
    conversation: Query[ConversationRow]
