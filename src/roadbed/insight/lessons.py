"""What a lesson is: a group of corrections, what was done about it, what that changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

State = Literal["released", "learned", "accepted", "proposed", "rejected", "undone", "open"]


@dataclass(frozen=True, kw_only=True, slots=True)
class LessonCase:
    """An example: what came in, what was answered, what was right, and a reviewer's note."""

    task: str | None
    input: str
    decided: str
    right: str
    note: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Rate:
    """How often it went wrong, of tasks that a person judged and whose right answer is the same."""

    wrong: int
    of: int

    @property
    def words(self) -> str:
        return f"{self.wrong:,} of {self.of:,} wrong"


@dataclass(frozen=True, kw_only=True, slots=True)
class Lesson:
    """One group of corrections: what was ``seen``, what was ``done``, what it ``changed``.

    ``why`` says what a proposal rests on. ``n`` counts the corrections. ``version`` is the number
    of the version that answers to it.
    """

    seen: str
    why: str | None
    n: int
    words: Sequence[str]
    examples: Sequence[LessonCase]
    state: State
    done: Sequence[str]
    changed: str | None
    before: Rate | None
    after: Rate | None
    first_at: datetime | None
    last_at: datetime | None
    version: int | None = None

    @property
    def short(self) -> str:
        """It in one sentence."""
        ends = {
            "released": f"answered to by version {self.version}",
            "learned": f"version {self.version} has learned from it",
            "accepted": "accepted, not yet released",
            "proposed": "a proposal waits for a word",
            "rejected": "a proposal was rejected",
            "undone": "it was rolled back",
            "open": "nothing was done about it yet",
        }
        return f"{self.seen.rstrip('.')}: {self.changed or ends[self.state]}."
