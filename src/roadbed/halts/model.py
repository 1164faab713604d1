"""Records of halts and drills."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, kw_only=True, slots=True)
class Halt:
    """A halt or a drill. Times are seconds from the request.

    ``in_flight`` lists the effects that were in progress when it was fenced; ``quiesced_seconds``
    is ``None`` while one still is. ``resume_reason`` is what the person who requested a resume
    wrote.
    """

    id: str
    use_case: str
    kind: str
    reason: str
    actor: str
    asked_at: datetime
    fenced_seconds: float | None
    quiesced_seconds: float | None
    in_flight: Sequence[Mapping[str, Any]]
    resume_asked_by: str | None
    resume_reason: str | None
    resumed_by: str | None
    resumed_at: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class HaltOfAll:
    """The result of halting all use cases. ``failed`` names what may still run, and why."""

    halts: Sequence[Halt]
    failed: Mapping[str, str]
