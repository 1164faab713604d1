"""Versions and what was proven about them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from roadbed.kernel.ids import VersionId


@dataclass(frozen=True, kw_only=True, slots=True)
class Improved:
    """What one run of ``improve`` did.

    ``version`` is live now; ``certificate`` is the proof beside it in JSON, ``None`` if no look
    was due. ``note`` says in a sentence what happened.
    """

    use_case: str
    version: VersionId
    number: int
    learned_from: int
    certificate: Mapping[str, Any] | None
    note: str
    seconds: float


@dataclass(frozen=True, kw_only=True, slots=True)
class VersionInfo:
    """A version as a page shows it."""

    id: VersionId
    number: int
    behaviour: str
    learned_from: int
    learned_until: datetime | None
    certificate: Mapping[str, Any] | None
    made_at: datetime
    live_since: datetime | None
    retired_at: datetime | None
