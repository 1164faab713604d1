"""Rows of the statements in ``queries.sql``. Written by ``make rows``: do not edit."""

from datetime import datetime
from typing import Never, TypedDict

from roadbed.kernel.ids import ExampleId, TaskId
from roadbed.storage.sql import Json, Query


class SeenRow(TypedDict):
    """A row of ``seen``."""

    task_id: TaskId
    input: Json
    decided: Json | None
    right: Json | None
    given_at: datetime
    confidence: float
    same_code: bool


class TrainedUntilRow(TypedDict):
    """A row of ``trained_until``."""

    learned_until: datetime | None


class ItemsRow(TypedDict):
    """A row of ``items``."""

    id: ExampleId
    input: Json
    output: Json | None
    task_id: TaskId | None
    person: str | None
    born_at: datetime


class LockProposalsRow(TypedDict):
    """A row of ``lock_proposals``."""

    pg_advisory_xact_lock: str | None


class ProposeRow(TypedDict):
    """A row of ``propose``."""

    id: str


class LastChoiceRow(TypedDict):
    """A row of ``last_choice``."""

    cases: int


class ProposalsRow(TypedDict):
    """A row of ``proposals``."""

    id: str
    use_case: str
    kind: str
    title: str
    reason: str
    support: Json
    cases: Json
    patch: Json | None
    rank: float
    state: str
    made_at: datetime
    decided_by: str | None
    decided_at: datetime | None
    note: str | None
    edited: bool


class ProposalRow(TypedDict):
    """A row of ``proposal``."""

    id: str
    use_case: str
    kind: str
    title: str
    reason: str
    support: Json
    cases: Json
    patch: Json | None
    rank: float
    state: str
    made_at: datetime
    decided_by: str | None
    decided_at: datetime | None
    note: str | None
    edited: bool


class DecideProposalRow(TypedDict):
    """A row of ``decide_proposal``."""

    wrote: bool | None


class ReopenProposalRow(TypedDict):
    """A row of ``reopen_proposal``."""

    id: str


class AcceptedRow(TypedDict):
    """A row of ``accepted``."""

    patch: Json


class RejectedRulesRow(TypedDict):
    """A row of ``rejected_rules``."""

    patch: Json
    cases: int


class LastSuggestedRow(TypedDict):
    """A row of ``last_suggested``."""

    at: datetime | None


class CorrectionsAfterRow(TypedDict):
    """A row of ``corrections_after``."""

    n: int


class ProposalUseCaseRow(TypedDict):
    """A row of ``proposal_use_case``."""

    use_case: str


class SearchAloneRow(TypedDict):
    """A row of ``search_alone``."""

    alone: bool


class Queries(TypedDict):
    """The statements of ``roadbed.improvement``."""

    seen: Query[SeenRow]
    trained_until: Query[TrainedUntilRow]
    items: Query[ItemsRow]
    lock_proposals: Query[LockProposalsRow]
    propose: Query[ProposeRow]
    withdraw_others: Query[Never]
    last_choice: Query[LastChoiceRow]
    proposals: Query[ProposalsRow]
    proposal: Query[ProposalRow]
    decide_proposal: Query[DecideProposalRow]
    reopen_proposal: Query[ReopenProposalRow]
    accepted: Query[AcceptedRow]
    rejected_rules: Query[RejectedRulesRow]
    last_suggested: Query[LastSuggestedRow]
    corrections_after: Query[CorrectionsAfterRow]
    proposal_use_case: Query[ProposalUseCaseRow]
    search_alone: Query[SearchAloneRow]
    erase_choice: Query[Never]
    erase_proposal: Query[Never]
