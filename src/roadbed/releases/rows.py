"""Rows of the statements in ``queries.sql``. Written by ``make rows``: do not edit."""

from datetime import datetime
from decimal import Decimal
from typing import Never, TypedDict

from roadbed.kernel.ids import CertificateId, TaskId, VerdictId, VersionId
from roadbed.storage.sql import Json, Query


class AutomationStateRow(TypedDict):
    """A row of ``automation_state``."""

    live_version: VersionId | None
    state: str
    state_since: datetime | None
    state_reason: str | None
    threshold: float | None
    cautious: bool
    rate: float
    alarm_at: datetime | None
    audit_at: datetime | None
    cautious_improvements_left: int
    halted: bool
    halt_epoch: int
    stage: str
    release_epoch: int


class LockReleasesRow(TypedDict):
    """A row of ``lock_releases``."""

    pg_advisory_xact_lock: str | None


class NotifyRow(TypedDict):
    """A row of ``notify``."""

    pg_notify: str | None


class VersionsRow(TypedDict):
    """A row of ``versions``."""

    id: VersionId
    number: int
    behaviour: str
    learned_from: int
    learned_until: datetime | None
    made_at: datetime
    live_since: datetime | None
    retired_at: datetime | None
    certificate: Json | None


class ReleasesRow(TypedDict):
    """A row of ``releases``."""

    id: str
    use_case: str
    number: int
    behaviour: str
    base: str | None
    version: str | None
    certificate: str | None
    step: str
    reason: str
    author: str
    proposals: list[str]
    plan: Json
    gate: Json | None
    content: str | None
    trial: Json | None
    planned_at: datetime
    gated_at: datetime | None
    shadow_at: datetime | None
    canary_at: datetime | None
    live_at: datetime | None
    ended_at: datetime | None
    ended_by: str | None
    ended_why: str | None
    base_number: int | None
    version_number: int | None
    proof: Json | None
    authors: list[str]


class SignOffsRow(TypedDict):
    """A row of ``sign_offs``."""

    id: str
    release: str
    role: str
    person: str
    content: str
    verdict: str
    note: str | None
    given_at: datetime
    expires_at: datetime
    withdrawn_at: datetime | None


class LiveReleaseRow(TypedDict):
    """A row of ``live_release``."""

    id: str
    number: int
    base: str | None
    version: str | None


class ReleaseOfVersionRow(TypedDict):
    """A row of ``release_of_version``."""

    id: str
    number: int


class OpenWaitsRow(TypedDict):
    """A row of ``open_waits``."""

    waits_for: str


class WithdrawSignOffRow(TypedDict):
    """A row of ``withdraw_sign_off``."""

    id: str
    role: str
    verdict: str


class VersionNamedRow(TypedDict):
    """A row of ``version_named``."""

    id: VersionId
    number: int
    behaviour: str
    certificate: str | None


class DeclaredByRow(TypedDict):
    """A row of ``declared_by``."""

    declaration: Json


class CertificateRow(TypedDict):
    """A row of ``certificate``."""

    id: CertificateId
    use_case: str
    behaviour: str
    look: int
    threshold: float | None
    risk_limit: float
    certainty: float
    items: int
    covered: int
    errors: int
    detail: Json
    issued_at: datetime
    cautious: bool
    on_alarm: float | None
    bridged: bool | None


class DamagedFileRow(TypedDict):
    """A row of ``damaged_file``."""

    name: str


class LockGateRow(TypedDict):
    """A row of ``lock_gate``."""

    alone: bool


class LockSettlementsRow(TypedDict):
    """A row of ``lock_settlements``."""

    pg_advisory_xact_lock: str | None


class ApproveWithinRow(TypedDict):
    """A row of ``approve_within``."""

    hours: float | None


class DeclaredOfRow(TypedDict):
    """A row of ``declared_of``."""

    declaration: Json


class ReleaseAtRow(TypedDict):
    """A row of ``release_at``."""

    id: str


class ComparisonsRow(TypedDict):
    """A row of ``comparisons``."""

    task_id: TaskId
    live_output: Json | None
    live_actions: Json | None
    live_content: str | None
    live_reason: str
    live_seconds: float | None
    live_cost: Decimal | None
    candidate_output: Json | None
    candidate_actions: Json | None
    candidate_content: str | None
    candidate_reason: str
    candidate_seconds: float | None
    candidate_cost: Decimal | None
    at: datetime
    input: Json
    verdict: VerdictId | None
    right_output: Json | None
    right_actions: Json | None
    given_at: datetime | None
    losses: Json | None
    outcome: Json | None
    reported_at: datetime | None
    withheld: bool


class InputsRow(TypedDict):
    """A row of ``inputs``."""

    id: TaskId
    input: Json


class TrialChangesRow(TypedDict):
    """A row of ``trial_changes``."""

    id: str
    step: str
    compared: int | None
    verdict: str | None
    undone: int | None
    outcome: str | None
    withdrawn: int | None


class ReleaseUseCaseRow(TypedDict):
    """A row of ``release_use_case``."""

    use_case: str


class WithheldRow(TypedDict):
    """A row of ``withheld``."""

    task_id: TaskId


class Queries(TypedDict):
    """The statements of ``roadbed.releases``."""

    begin_stages: Query[Never]
    automation_state: Query[AutomationStateRow]
    lock_releases: Query[LockReleasesRow]
    notify: Query[NotifyRow]
    versions: Query[VersionsRow]
    releases: Query[ReleasesRow]
    sign_offs: Query[SignOffsRow]
    plan_release: Query[Never]
    gate_release: Query[Never]
    move_release: Query[Never]
    live_release: Query[LiveReleaseRow]
    release_of_version: Query[ReleaseOfVersionRow]
    record_event: Query[Never]
    open_waits: Query[OpenWaitsRow]
    sign: Query[Never]
    withdraw_sign_off: Query[WithdrawSignOffRow]
    version_named: Query[VersionNamedRow]
    declared_by: Query[DeclaredByRow]
    certificate: Query[CertificateRow]
    damaged_file: Query[DamagedFileRow]
    lock_gate: Query[LockGateRow]
    lock_settlements: Query[LockSettlementsRow]
    approve_within: Query[ApproveWithinRow]
    declared_of: Query[DeclaredOfRow]
    release_at: Query[ReleaseAtRow]
    comparisons: Query[ComparisonsRow]
    inputs: Query[InputsRow]
    store_trial: Query[Never]
    trial_changes: Query[TrialChangesRow]
    recertify_release: Query[Never]
    release_use_case: Query[ReleaseUseCaseRow]
    stage_reached: Query[Never]
    erase_reports: Query[Never]
    withheld: Query[WithheldRow]
