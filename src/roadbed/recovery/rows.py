"""Rows of the statements in ``queries.sql``. Written by ``make rows``: do not edit."""

from datetime import datetime
from typing import Never, TypedDict

from roadbed.storage.sql import Query


class OpenRow(TypedDict):
    """A row of ``open``."""

    id: str
    how: str
    found_at: datetime
    kept: int | None
    lost: int | None


class HoldRow(TypedDict):
    """A row of ``hold``."""

    id: str
    how: str
    found_at: datetime
    kept: int | None
    lost: int | None


class FoundRow(TypedDict):
    """A row of ``found``."""

    id: str


class DeclaredAboutRow(TypedDict):
    """A row of ``declared_about``."""

    kept: int | None
    lost: int | None


class UseCasesRow(TypedDict):
    """A row of ``use_cases``."""

    name: str


class CheckpointsRow(TypedDict):
    """A row of ``checkpoints``."""

    size: int
    note: str


class NewestRow(TypedDict):
    """A row of ``newest``."""

    size: int
    root: bytes
    note: str


class ExportRow(TypedDict):
    """A row of ``export``."""

    snapshot: str
    server: str
    number: int
    schema: str
    entries: int
    tasks: int


class StandingRow(TypedDict):
    """A row of ``standing``."""

    number: int
    others: int
    made: bool


class InUseRow(TypedDict):
    """A row of ``in_use``."""

    in_use: bool


class Queries(TypedDict):
    """The statements of ``roadbed.recovery``."""

    open: Query[OpenRow]
    hold: Query[HoldRow]
    found: Query[FoundRow]
    declared_about: Query[DeclaredAboutRow]
    declare: Query[Never]
    use_cases: Query[UseCasesRow]
    checkpoints: Query[CheckpointsRow]
    newest: Query[NewestRow]
    snapshot: Query[Never]
    export: Query[ExportRow]
    standing: Query[StandingRow]
    in_use: Query[InUseRow]
    clear: Query[Never]
    mark: Query[Never]
