"""Rows of the statements in ``queries.sql``. Written by ``make rows``: do not edit."""

from datetime import datetime
from typing import Never, TypedDict

from roadbed.kernel.ids import VersionId
from roadbed.storage.sql import Json, Query


class ServiceRow(TypedDict):
    """A row of ``service``."""

    coin_seed: bytes
    halted: bool
    halt_epoch: int
    live_version: VersionId | None
    state: str
    threshold: float | None
    cautious: bool
    rate: float
    alarm_at: datetime | None
    cautious_improvements_left: int
    stage: str
    behaviour: str | None
    number: int | None
    certificate: str | None
    folder_hash: str | None
    artifacts: Json | None
    proven_threshold: float | None
    pooling: Json | None
    trial: Json | None


class ArtifactRow(TypedDict):
    """A row of ``artifact``."""

    content: bytes


class BehaviourRow(TypedDict):
    """A row of ``behaviour``."""

    hash: str
    use_case: str
    folder_hash: str
    files: Json
    artifacts: Json
    learned_from: int
    learned_until: datetime | None
    looks: int
    made_at: datetime
    kinds: Json | None
    declaration: Json
    made_by: str
    reason: str


class MadeVersionsRow(TypedDict):
    """A row of ``made_versions``."""

    id: VersionId
    number: int
    behaviour: str
    learned_from: int
    learned_until: datetime | None
    made_at: datetime
    live_since: datetime | None
    retired_at: datetime | None
    made_by: str
    reason: str
    live: bool | None
    certificate: Json | None


class OneVersionRow(TypedDict):
    """A row of ``one_version``."""

    id: VersionId
    number: int
    behaviour: str
    made_at: datetime
    live_since: datetime | None
    retired_at: datetime | None
    live: bool | None
    files: Json
    artifacts: Json
    declaration: Json
    learned_from: int
    learned_until: datetime | None
    made_by: str
    reason: str
    budget: Json | None
    pooling: Json | None
    certificate: Json | None


class WhyPatchedRow(TypedDict):
    """A row of ``why_patched``."""

    id: str
    title: str
    reason: str
    decided_by: str | None
    note: str | None


class NotedUseCaseRow(TypedDict):
    """A row of ``noted_use_case``."""

    name: str
    declaration: Json
    stage: str
    state: str
    threshold: float | None
    halted: bool
    live_version: VersionId | None


class InServiceRow(TypedDict):
    """A row of ``in_service``."""

    id: VersionId
    number: int
    behaviour: str
    learned_from: int
    learned_until: datetime | None
    made_at: datetime
    live_since: datetime | None
    retired_at: datetime | None
    certificate: Json | None


class CountInspectionRow(TypedDict):
    """A row of ``count_inspection``."""

    looks: int


class GoLiveRow(TypedDict):
    """A row of ``go_live``."""

    id: VersionId
    number: int


class Queries(TypedDict):
    """The statements of ``roadbed.versions``."""

    service: Query[ServiceRow]
    artifact: Query[ArtifactRow]
    store_artifact: Query[Never]
    store_behaviour: Query[Never]
    behaviour: Query[BehaviourRow]
    made_versions: Query[MadeVersionsRow]
    one_version: Query[OneVersionRow]
    why_patched: Query[WhyPatchedRow]
    noted_use_case: Query[NotedUseCaseRow]
    in_service: Query[InServiceRow]
    forget_candidates: Query[Never]
    count_inspection: Query[CountInspectionRow]
    store_version: Query[Never]
    retire: Query[Never]
    go_live: Query[GoLiveRow]
