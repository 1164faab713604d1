"""Rows of the statements in ``queries.sql``. Written by ``make rows``: do not edit."""

from datetime import datetime
from typing import TypedDict

from roadbed.storage.sql import Query


class ReviewsRow(TypedDict):
    """A row of ``reviews``."""

    kind: str | None
    use_case: str
    count: int | None
    since: datetime | None
    due: datetime | None
    more: bool | None


class NewLabelsRow(TypedDict):
    """A row of ``new_labels``."""

    use_case: str
    count: int | None
    since: datetime | None
    labels: list[str] | None


class ReleasesUnderWayRow(TypedDict):
    """A row of ``releases_under_way``."""

    id: str
    use_case: str


class ResumesRow(TypedDict):
    """A row of ``resumes``."""

    use_case: str
    since: datetime | None
    asked_by: str | None
    barred: list[str] | None
    reason: str
    resume_reason: str | None


class HeldDeliveriesRow(TypedDict):
    """A row of ``held_deliveries``."""

    use_case: str
    count: int | None
    since: datetime | None
    due: datetime | None
    first: str | None


class ContradictedRow(TypedDict):
    """A row of ``contradicted``."""

    use_case: str
    count: int | None
    since: datetime | None
    due: datetime | None


class StuckDeliveriesRow(TypedDict):
    """A row of ``stuck_deliveries``."""

    use_case: str
    count: int | None
    since: datetime | None
    first: str | None


class SuggestionsRow(TypedDict):
    """A row of ``suggestions``."""

    use_case: str
    count: int | None
    since: datetime | None


class ExamplesThatTeachRow(TypedDict):
    """A row of ``examples_that_teach``."""

    use_case: str
    count: int
    newest: str | None


class ContradictionsRow(TypedDict):
    """A row of ``contradictions``."""

    use_case: str
    count: int | None
    since: datetime | None


class UnreadableDocumentsRow(TypedDict):
    """A row of ``unreadable_documents``."""

    use_case: str
    item: str
    path: str
    access_group: str | None
    since: datetime


class DamagedDocumentsRow(TypedDict):
    """A row of ``damaged_documents``."""

    use_case: str
    item: str
    path: str
    access_group: str | None
    since: datetime


class OpenFamiliesRow(TypedDict):
    """A row of ``open_families``."""

    use_case: str
    item: str
    path: str
    access_group: str | None
    since: datetime


class OpenConflictsRow(TypedDict):
    """A row of ``open_conflicts``."""

    use_case: str
    item: str
    path: str
    access_group: str | None
    since: datetime


class ReportedDocumentsRow(TypedDict):
    """A row of ``reported_documents``."""

    use_case: str
    item: str
    path: str
    access_group: str | None
    since: datetime


class LastDrillsRow(TypedDict):
    """A row of ``last_drills``."""

    use_case: str
    last: datetime


class NoticesRow(TypedDict):
    """A row of ``notices``."""

    id: str
    use_case: str
    text: str
    at: datetime


class CountsRow(TypedDict):
    """A row of ``counts``."""

    reviews: int
    proposals: int
    deliveries: int


class Queries(TypedDict):
    """The statements of ``roadbed.inbox``."""

    reviews: Query[ReviewsRow]
    new_labels: Query[NewLabelsRow]
    releases_under_way: Query[ReleasesUnderWayRow]
    resumes: Query[ResumesRow]
    held_deliveries: Query[HeldDeliveriesRow]
    contradicted: Query[ContradictedRow]
    stuck_deliveries: Query[StuckDeliveriesRow]
    suggestions: Query[SuggestionsRow]
    examples_that_teach: Query[ExamplesThatTeachRow]
    contradictions: Query[ContradictionsRow]
    unreadable_documents: Query[UnreadableDocumentsRow]
    damaged_documents: Query[DamagedDocumentsRow]
    open_families: Query[OpenFamiliesRow]
    open_conflicts: Query[OpenConflictsRow]
    reported_documents: Query[ReportedDocumentsRow]
    last_drills: Query[LastDrillsRow]
    notices: Query[NoticesRow]
    counts: Query[CountsRow]
