"""Rows of the statements in ``queries.sql``. Written by ``make rows``: do not edit."""

from datetime import datetime
from typing import Never, TypedDict

from roadbed.kernel.ids import CertificateId, TaskId, VersionId
from roadbed.storage.sql import Json, Query


class LiveRow(TypedDict):
    """A row of ``live``."""

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
    kinds: Json | None
    on_alarm: float | None
    grid: Json | None


class LockRow(TypedDict):
    """A row of ``lock``."""

    pg_advisory_xact_lock: str | None


class HoldRow(TypedDict):
    """A row of ``hold``."""

    live_version: VersionId | None
    state: str


class OneReaderRow(TypedDict):
    """A row of ``one_reader``."""

    pg_advisory_xact_lock: str | None


class CountedRow(TypedDict):
    """A row of ``counted``."""

    version: str | None
    since: datetime | None
    upto: str | None
    passed: int | None
    weight: float | None
    handled: Json | None
    at: datetime | None
    under_way: str | None


class MissedRow(TypedDict):
    """A row of ``missed``."""

    missed: bool


class RelabelledRow(TypedDict):
    """A row of ``relabelled``."""

    mark: str
    task: TaskId
    drawn: bool
    uncounted: bool


class GapsRow(TypedDict):
    """A row of ``gaps``."""

    id: str | None
    passed: int
    weight: float


class MarkRow(TypedDict):
    """A row of ``mark``."""

    last: str
    state: Json


class OutcomesRow(TypedDict):
    """A row of ``outcomes``."""

    id: str
    passed: int
    weight: float
    rate: float
    late: bool
    agrees: bool | None
    loss: float | None


class KindsRow(TypedDict):
    """A row of ``kinds``."""

    id: TaskId
    new_kind: bool
    right_output: Json | None


class TellRow(TypedDict):
    """A row of ``tell``."""

    pg_notify: str | None


class MeasuredErrorRow(TypedDict):
    """A row of ``measured_error``."""

    of_version: bool
    audit_at: datetime | None
    n: int
    wrong: int
    late: int
    waiting: int
    weight: float
    loss: float
    squares: float
    lost: float
    since: datetime | None
    until: datetime | None


class LateItemsRow(TypedDict):
    """A row of ``late_items``."""

    late: int


class PulseRow(TypedDict):
    """A row of ``pulse``."""

    verdict: str | None
    undone: int
    version: str | None


class NoticesRow(TypedDict):
    """A row of ``notices``."""

    id: str
    use_case: str
    kind: str
    text: str
    at: datetime
    seen_by: str | None
    seen_at: datetime | None
    over_at: datetime | None


class SeenRow(TypedDict):
    """A row of ``seen``."""

    use_case: str


class ChangesRow(TypedDict):
    """A row of ``changes``."""

    at: datetime
    detail: Json | None


class VolumeRow(TypedDict):
    """A row of ``volume``."""

    tasks: int
    reviews: int
    first: datetime | None


class UseCaseOfRow(TypedDict):
    """A row of ``use_case_of``."""

    use_case: str


class KnownWrongRow(TypedDict):
    """A row of ``known_wrong``."""

    cases: int
    misses: int


class TriedRow(TypedDict):
    """A row of ``tried``."""

    versions: int
    tries: int


class LastCertificateRow(TypedDict):
    """A row of ``last_certificate``."""

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


class FirstLookRow(TypedDict):
    """A row of ``first_look``."""

    grid: Json
    starts: Json
    shares: Json


class WeakExamplesRow(TypedDict):
    """A row of ``weak_examples``."""

    spot: int
    task_id: TaskId | None
    input: str
    answered: Json | None
    right: Json | None


class Queries(TypedDict):
    """The statements of ``roadbed.guarantee``."""

    live: Query[LiveRow]
    lock: Query[LockRow]
    hold: Query[HoldRow]
    one_reader: Query[OneReaderRow]
    counted: Query[CountedRow]
    missed: Query[MissedRow]
    relabelled: Query[RelabelledRow]
    gaps: Query[GapsRow]
    keep_gaps: Query[Never]
    keep_count: Query[Never]
    forget_gaps: Query[Never]
    forget_marks: Query[Never]
    mark: Query[MarkRow]
    keep_marks: Query[Never]
    outcomes: Query[OutcomesRow]
    kinds: Query[KindsRow]
    announce: Query[Never]
    labels_over: Query[Never]
    state_over: Query[Never]
    over: Query[Never]
    refused: Query[Never]
    mended: Query[Never]
    tell: Query[TellRow]
    measured_error: Query[MeasuredErrorRow]
    late_items: Query[LateItemsRow]
    pulse: Query[PulseRow]
    notices: Query[NoticesRow]
    seen: Query[SeenRow]
    changes: Query[ChangesRow]
    volume: Query[VolumeRow]
    use_case_of: Query[UseCaseOfRow]
    known_wrong: Query[KnownWrongRow]
    tried: Query[TriedRow]
    last_certificate: Query[LastCertificateRow]
    first_look: Query[FirstLookRow]
    store_certificate: Query[Never]
    store_weak_examples: Query[Never]
    weak_examples: Query[WeakExamplesRow]
    erase_weak_examples: Query[Never]
