"""Two versions side by side: what is compared of each, and what is said of the difference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from roadbed.versions.diff import texts

Area = Literal["rules", "declaration", "patches", "learning", "threshold"]
Files = Mapping[str, bytes | None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Side:
    """All that is compared of a version.

    ``digests`` names each file of its folder with its hash, ``contents`` those that were read
    (``None``: not stored), ``trained`` its saved state with hashes. ``reasons`` says why a patch
    was accepted, by the patch's id.
    """

    id: str
    number: int
    declaration: Mapping[str, Any]
    digests: Mapping[str, str]
    contents: Files
    trained: Mapping[str, str]
    patches: Sequence[Mapping[str, Any]]
    reasons: Mapping[str, str]
    learned_from: int
    learned_until: datetime | None
    threshold: float | None
    covered: int = 0
    items: int = 0

    @property
    def share(self) -> float | None:
        """The part of the reference sample that is automatic."""
        if self.threshold is None:
            return 0.0 if self.items else None
        return self.covered / self.items if self.items else None


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """One thing that differs. ``sign`` says added, removed or changed; the rest explains it."""

    area: Area
    sign: Literal["+", "-", "~"]
    words: str
    before: str | None = None
    after: str | None = None
    reason: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Prompt:
    """A prompt that differs, word by word."""

    file: str
    sign: Literal["+", "-", "~"]
    pieces: Sequence[texts.Piece]


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """From version ``a`` to version ``b``; ``summary`` is one sentence."""

    a: str
    a_number: int
    b: str
    b_number: int
    summary: str
    changes: Sequence[Change] = ()
    prompts: Sequence[Prompt] = ()
    files: Sequence[texts.FileDifference] = ()
