"""Rows of the statements in ``queries.sql``. Written by ``make rows``: do not edit."""

from datetime import datetime
from typing import Never, TypedDict

from roadbed.storage.sql import Json, Query


class LockRow(TypedDict):
    """A row of ``lock``."""

    pg_advisory_xact_lock: str | None


class WaitingRow(TypedDict):
    """A row of ``waiting``."""

    waiting: bool


class TakeRow(TypedDict):
    """A row of ``take``."""

    positions: list[int]
    commitments: bytes


class LastBundleRow(TypedDict):
    """A row of ``last_bundle``."""

    index: int
    positions: list[int]
    commitments: bytes


class TilesRow(TypedDict):
    """A row of ``tiles``."""

    level: int
    index: int
    hashes: bytes


class NewestRow(TypedDict):
    """A row of ``newest``."""

    size: int
    root: bytes
    note: str


class CheckpointsRow(TypedDict):
    """A row of ``checkpoints``."""

    size: int
    root: bytes
    note: str


class TilesFromRow(TypedDict):
    """A row of ``tiles_from``."""

    level: int
    index: int
    hashes: bytes


class BundlesFromRow(TypedDict):
    """A row of ``bundles_from``."""

    index: int
    positions: list[int]
    commitments: bytes


class IrrevocableRow(TypedDict):
    """A row of ``irrevocable``."""

    leaf: int
    kind: str
    use_case: str | None
    subject: str
    detail: Json | None


class OfSizeRow(TypedDict):
    """A row of ``of_size``."""

    note: str | None
    largest: int
    leaves: int


class HandedOverRow(TypedDict):
    """A row of ``handed_over``."""

    note: str
    new_key: str


class HandoversRow(TypedDict):
    """A row of ``handovers``."""

    note: str
    at: datetime
    actor: str | None
    reason: str | None


class UndeclaredRow(TypedDict):
    """A row of ``undeclared``."""

    undeclared: bool


class EraseRow(TypedDict):
    """A row of ``erase``."""

    position: int


class OfTaskRow(TypedDict):
    """A row of ``of_task``."""

    position: int


class ErasuresRow(TypedDict):
    """A row of ``erasures``."""

    position: int


class PlacesRow(TypedDict):
    """A row of ``places``."""

    position: int
    payload: str | None
    salt: bytes | None
    index: int | None
    place: int | None
    commitment: bytes | None


class ByKeyRow(TypedDict):
    """A row of ``by_key``."""

    set_config: str | None


class LeavesRow(TypedDict):
    """A row of ``leaves``."""

    index: int
    positions: list[int]
    commitments: bytes
    hashes: bytes | None
    preimages: list[bytes | None] | None


class WaitingLeavesRow(TypedDict):
    """A row of ``waiting_leaves``."""

    position: int
    commitment: bytes
    preimage: bytes | None


class ErasedRow(TypedDict):
    """A row of ``erased``."""

    position: int
    detail: Json | None


class DescribedRow(TypedDict):
    """A row of ``described``."""

    position: int
    kind: str
    subject: str
    at: datetime
    unsalted: bool
    blank: bool


class CountRow(TypedDict):
    """A row of ``count``."""

    entries: int


class AstrayRow(TypedDict):
    """A row of ``astray``."""

    position: int | None
    places: int


class HigherTilesRow(TypedDict):
    """A row of ``higher_tiles``."""

    level: int
    index: int
    hashes: bytes


class StrayTilesRow(TypedDict):
    """A row of ``stray_tiles``."""

    index: int


class EveryCheckpointRow(TypedDict):
    """A row of ``every_checkpoint``."""

    size: int
    root: bytes
    note: str


class Queries(TypedDict):
    """The statements of ``roadbed.audit``."""

    decided: Query[Never]
    decided_revision: Query[Never]
    revised: Query[Never]
    reviewed: Query[Never]
    undone: Query[Never]
    reported: Query[Never]
    noted: Query[Never]
    sent: Query[Never]
    lock: Query[LockRow]
    waiting: Query[WaitingRow]
    take: Query[TakeRow]
    last_bundle: Query[LastBundleRow]
    tiles: Query[TilesRow]
    put_bundle: Query[Never]
    put_tile: Query[Never]
    put_checkpoint: Query[Never]
    newest: Query[NewestRow]
    checkpoints: Query[CheckpointsRow]
    tiles_from: Query[TilesFromRow]
    bundles_from: Query[BundlesFromRow]
    irrevocable: Query[IrrevocableRow]
    of_size: Query[OfSizeRow]
    handed_over: Query[HandedOverRow]
    handovers: Query[HandoversRow]
    hand_over: Query[Never]
    undeclared: Query[UndeclaredRow]
    erase: Query[EraseRow]
    of_task: Query[OfTaskRow]
    erasures: Query[ErasuresRow]
    places: Query[PlacesRow]
    snapshot: Query[Never]
    by_key: Query[ByKeyRow]
    leaves: Query[LeavesRow]
    waiting_leaves: Query[WaitingLeavesRow]
    erased: Query[ErasedRow]
    described: Query[DescribedRow]
    count: Query[CountRow]
    astray: Query[AstrayRow]
    higher_tiles: Query[HigherTilesRow]
    stray_tiles: Query[StrayTilesRow]
    every_checkpoint: Query[EveryCheckpointRow]
