"""Records of the audit log: checkpoints, bundles, findings, proofs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Checkpoint:
    """A signed claim: the first ``size`` leaves hash to ``root``. ``note`` is the signed text."""

    size: int
    root: bytes
    note: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Bundle:
    """Up to 256 leaves in a row: positions of their entries, commitments of 32 bytes each."""

    index: int
    positions: Sequence[int]
    commitments: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class Growth:
    """What sealing adds: rows to write, whole; the new size and root."""

    bundles: Sequence[Bundle]
    tiles: Mapping[tuple[int, int], bytes]
    size: int
    root: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class LogFinding:
    """One difference from the log as it was written. ``position`` names the entry, if it is one."""

    position: int | None
    problem: str
    remedy: str


@dataclass(frozen=True, kw_only=True, slots=True)
class KeyChange:
    """A key took the place of another, after ``kept`` entries.

    After a restore ``lost`` says how many entries the old key had signed, if that is known. ``by``
    and ``reason`` come from the log and are ``None`` if that entry is missing.
    """

    why: str
    old_key: str
    new_key: str
    kept: int
    lost: int | None
    by: str | None
    reason: str | None
    at: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Verification:
    """The result of a verification; ``newest`` is the newest checkpoint's note.

    ``more`` counts findings beyond those listed. ``key_changes`` are listed, oldest first: a
    restore is one.
    """

    entries: int
    erased: int
    pending: int
    checkpoints: int
    seconds: float
    newest: str | None
    findings: Sequence[LogFinding]
    more: int = 0
    key_changes: Sequence[KeyChange] = ()

    @property
    def sound(self) -> bool:
        """Whether there is no finding."""
        return not self.findings


@dataclass(frozen=True, kw_only=True, slots=True)
class EntryProof:
    """One entry and its place. ``payload`` and ``salt`` are ``None`` once it was erased.

    Hexadecimal: ``salt``, ``commitment``, ``hashes`` (the inclusion proof, RFC 6962).
    """

    position: int
    leaf: int
    payload: str | None
    salt: str | None
    commitment: str
    hashes: Sequence[str]


@dataclass(frozen=True, kw_only=True, slots=True)
class ReceiptProof:
    """One document: entries, the checkpoint that proves them, and the key that signed it.

    ``handovers`` lead from the log's first key to its newest, each signed by both of its keys.
    """

    format: str
    public_key: str
    checkpoint: str
    handovers: Sequence[str]
    entries: Sequence[EntryProof]
