"""Rows of the statements in ``queries.sql``. Written by ``make rows``: do not edit."""

from datetime import datetime
from decimal import Decimal
from typing import Never, TypedDict

from roadbed.kernel.ids import DecisionId, ReviewId, TaskId, VerdictId, VersionId
from roadbed.storage.sql import Json, Query


class ClaimedRow(TypedDict):
    """A row of ``claimed``."""

    id: str
    review_id: ReviewId
    closed_at: datetime | None
    superseded_by: str | None
    claimed_by: str | None
    task_id: TaskId
    use_case: str
    blind: bool
    priority: int
    opened_at: datetime
    claim_until: datetime | None
    verdict_id: str | None
    input: Json
    output: Json | None
    actions: Json | None
    provenance: Json | None
    content_hash: str | None
    confidence: float | None
    evidence: Json
    reason: str
    route: str
    version: VersionId | None
    verdict: Json | None
    reported: Json | None
    outcome: str | None
    senders: list[str]
    nobody_else: bool
    held: bool
    barred: list[str]
    reserved_for: str | None
    revises: str | None
    measured: str | None
    known: Json | None
    known_actions: Json | None
    proposed_right: bool | None


class ShownRow(TypedDict):
    """A row of ``shown``."""

    task_id: TaskId
    blind: bool
    closed_at: datetime | None
    input: Json
    senders: list[str]
    barred: list[str]
    reserved_for: str | None
    output: Json | None
    actions: Json | None
    provenance: Json | None
    route: str
    confidence: float | None
    content_hash: str | None
    measured: str | None
    known: Json | None
    known_actions: Json | None
    proposed_right: bool | None
    revises: str | None


class JudgedRow(TypedDict):
    """A row of ``judged``."""

    id: str
    verdict_id: VerdictId | None
    closed_at: datetime | None
    superseded_by: str | None
    claimed_by: str | None
    review_id: ReviewId
    held: bool
    content_hash: str | None


class QueueRow(TypedDict):
    """A row of ``queue``."""

    id: ReviewId
    task_id: TaskId
    use_case: str
    blind: bool
    priority: int
    opened_at: datetime
    claimed_by: str | None
    claim_until: datetime | None
    closed_at: datetime | None
    input: Json
    output: Json | None
    actions: Json | None
    provenance: Json | None
    content_hash: str | None
    confidence: float | None
    evidence: Json
    reason: str
    route: str
    version: VersionId | None
    verdict: Json | None
    reported: Json | None
    outcome: str | None
    nobody_else: bool


class FindRow(TypedDict):
    """A row of ``find``."""

    id: ReviewId
    task_id: TaskId
    use_case: str
    blind: bool
    priority: int
    opened_at: datetime
    claimed_by: str | None
    claim_until: datetime | None
    closed_at: datetime | None
    input: Json
    output: Json | None
    actions: Json | None
    provenance: Json | None
    content_hash: str | None
    confidence: float | None
    evidence: Json
    reason: str
    route: str
    version: VersionId | None
    verdict: Json | None
    reported: Json | None
    outcome: str | None
    nobody_else: bool


class ClaimNextRow(TypedDict):
    """A row of ``claim_next``."""

    id: ReviewId


class ClaimLeftRow(TypedDict):
    """A row of ``claim_left``."""

    id: ReviewId


class SkipRow(TypedDict):
    """A row of ``skip``."""

    id: ReviewId


class UnskipRow(TypedDict):
    """A row of ``unskip``."""

    id: ReviewId


class LeftByRow(TypedDict):
    """A row of ``left_by``."""

    closed_at: datetime | None
    superseded_by: str | None
    claimed_by: str | None


class UndoVerdictRow(TypedDict):
    """A row of ``undo_verdict``."""

    id: VerdictId


class UndoCarriedRow(TypedDict):
    """A row of ``undo_carried``."""

    id: VerdictId
    review_id: ReviewId


class WordRow(TypedDict):
    """A row of ``word``."""

    id: VerdictId


class OverturnRow(TypedDict):
    """A row of ``overturn``."""

    id: VerdictId


IsReviewerCheckRow = TypedDict("IsReviewerCheckRow", {"?column?": int})


class WaitingRow(TypedDict):
    """A row of ``waiting``."""

    waiting: int
    blind: int
    oldest: datetime | None


class StandingRow(TypedDict):
    """A row of ``standing``."""

    id: VerdictId
    kind: str
    right_hash: str | None
    actions_unsaid: bool
    note: str | None
    new_kind: bool
    loss: float | None
    agrees: bool | None
    score_reason: str | None


class KnownLabelsRow(TypedDict):
    """A row of ``known_labels``."""

    field: str
    value: str
    times: int


class LabelledOutputsRow(TypedDict):
    """A row of ``labelled_outputs``."""

    task_id: TaskId | None
    output: Json


class HeldOutputsRow(TypedDict):
    """A row of ``held_outputs``."""

    task_id: TaskId
    output: Json


class EverGivenRow(TypedDict):
    """A row of ``ever_given``."""

    given: bool


class ConfirmedLabelsRow(TypedDict):
    """A row of ``confirmed_labels``."""

    field: str
    value: str
    confirmed_by: str
    confirmed_at: datetime


class ConfirmLabelRow(TypedDict):
    """A row of ``confirm_label``."""

    value: str


class SetAsideRow(TypedDict):
    """A row of ``set_aside``."""

    id: ReviewId


class HeldOnRow(TypedDict):
    """A row of ``held_on``."""

    id: str
    kind: str
    output: Json | None
    actions: Json | None
    note: str | None
    new_kind: bool
    labels: Json
    reviewer: str


class HeldWithRow(TypedDict):
    """A row of ``held_with``."""

    id: str
    review_id: ReviewId
    task_id: TaskId
    use_case: str
    kind: str
    output: Json | None
    actions: Json | None
    shown: str | None
    note: str | None
    new_kind: bool
    may_approve: bool
    labels: Json
    reviewer: str
    linker: str | None
    given_at: datetime
    ended: str | None
    ended_by: str | None
    ended_at: datetime | None
    still_approves: bool


class EndHeldRow(TypedDict):
    """A row of ``end_held``."""

    review_id: ReviewId


class LabelsWaitingRow(TypedDict):
    """A row of ``labels_waiting``."""

    field: str
    value: str
    verdicts: int
    since: datetime
    reviewers: list[str]
    tasks: list[str]


class UseCaseOfRow(TypedDict):
    """A row of ``use_case_of``."""

    use_case: str


class SendersRow(TypedDict):
    """A row of ``senders``."""

    id: ReviewId
    sender: str | None
    output: Json | None
    actions: Json | None
    provenance: Json | None


class ReviewedLatelyRow(TypedDict):
    """A row of ``reviewed_lately``."""

    reviewed: int
    checks: int


class SecondDueRow(TypedDict):
    """A row of ``second_due``."""

    verdict_id: VerdictId
    reviewer: str
    input: Json
    source: Json
    reference_rate: float
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
    first_blind: bool
    first_barred: list[str]
    third: bool


class DisagreementsRow(TypedDict):
    """A row of ``disagreements``."""

    second_task: TaskId
    verdict_id: VerdictId
    first_reviewer: str
    word: VerdictId
    second_reviewer: str
    barred: list[str]
    senders: list[str]
    input: Json
    source: Json
    reference_rate: float
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
    first_blind: bool
    withdrawn: bool
    first_output: Json | None
    first_actions: Json | None
    first_loss: float | None
    second_output: Json | None
    second_actions: Json | None
    second_loss: float | None


class LabellersRow(TypedDict):
    """A row of ``labellers``."""

    reviewer: str


class LeadDecidedRow(TypedDict):
    """A row of ``lead_decided``."""

    task_id: TaskId
    review_id: ReviewId
    word: VerdictId
    reviewer: str
    input: Json
    stands: bool
    withdrawn: bool | None
    first_output: Json | None
    first_actions: Json | None
    first_loss: float | None
    lead_output: Json | None
    lead_actions: Json | None
    lead_loss: float | None


class LikeTheseRow(TypedDict):
    """A row of ``like_these``."""

    source: Json
    key: str | None
    cost: Decimal | None


class OtherAnswersRow(TypedDict):
    """A row of ``other_answers``."""

    task_id: TaskId
    input: Json
    authors: list[str]
    output: Json
    actions: Json | None
    content: str | None
    confidence: float | None


class TakenKeysRow(TypedDict):
    """A row of ``taken_keys``."""

    key: str | None


class MakeMeasureRow(TypedDict):
    """A row of ``make_measure``."""

    task_id: TaskId


class ChecksPassedRow(TypedDict):
    """A row of ``checks_passed``."""

    reviewer: str
    known_wrong: bool | None
    passed: bool | None
    n: int


class PaceRow(TypedDict):
    """A row of ``pace``."""

    reviewer: str
    verdicts: int
    accepted: int
    agreed: int
    median_seconds: float | None
    median_accept_seconds: float | None
    median_accept_words: float | None
    overturned: int
    second: int


class BarRow(TypedDict):
    """A row of ``bar``."""

    id: ReviewId


class ChaseRow(TypedDict):
    """A row of ``chase``."""

    id: ReviewId


class Queries(TypedDict):
    """The statements of ``roadbed.reviews``."""

    open: Query[Never]
    open_where_they_differ: Query[Never]
    supersede: Query[Never]
    claim: Query[Never]
    claimed: Query[ClaimedRow]
    shown: Query[ShownRow]
    judge: Query[Never]
    measured: Query[Never]
    judged: Query[JudgedRow]
    queue: Query[QueueRow]
    find: Query[FindRow]
    claim_next: Query[ClaimNextRow]
    claim_left: Query[ClaimLeftRow]
    release_claims: Query[Never]
    skip: Query[SkipRow]
    unskip: Query[UnskipRow]
    left_by: Query[LeftByRow]
    undo_verdict: Query[UndoVerdictRow]
    undo_carried: Query[UndoCarriedRow]
    await_word: Query[Never]
    reopen: Query[Never]
    word: Query[WordRow]
    overturn: Query[OverturnRow]
    hand_over: Query[Never]
    is_reviewer_check: Query[IsReviewerCheckRow]
    waiting: Query[WaitingRow]
    standing: Query[StandingRow]
    known_labels: Query[KnownLabelsRow]
    labelled_outputs: Query[LabelledOutputsRow]
    held_outputs: Query[HeldOutputsRow]
    ever_given: Query[EverGivenRow]
    confirmed_labels: Query[ConfirmedLabelsRow]
    confirm_label: Query[ConfirmLabelRow]
    set_aside: Query[SetAsideRow]
    hold: Query[Never]
    held_on: Query[HeldOnRow]
    held_with: Query[HeldWithRow]
    end_held: Query[EndHeldRow]
    lapse: Query[Never]
    ask_again: Query[Never]
    labels_waiting: Query[LabelsWaitingRow]
    use_case_of: Query[UseCaseOfRow]
    senders: Query[SendersRow]
    reviewed_lately: Query[ReviewedLatelyRow]
    second_due: Query[SecondDueRow]
    disagreements: Query[DisagreementsRow]
    labellers: Query[LabellersRow]
    lead_decided: Query[LeadDecidedRow]
    settled: Query[Never]
    like_these: Query[LikeTheseRow]
    other_answers: Query[OtherAnswersRow]
    taken_keys: Query[TakenKeysRow]
    reserve: Query[Never]
    make_measure: Query[MakeMeasureRow]
    checks_passed: Query[ChecksPassedRow]
    pace: Query[PaceRow]
    erase_verdict: Query[Never]
    erase_held: Query[Never]
    erase_measure: Query[Never]
    erase_open: Query[Never]
    bar: Query[BarRow]
    unsettled: Query[Never]
    chase: Query[ChaseRow]
    open_for_outcome: Query[Never]
