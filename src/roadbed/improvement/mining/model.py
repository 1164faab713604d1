"""Records of mining: reviewed cases, support, changed cases and drafts."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from roadbed.kernel.json import flat
from roadbed.risk.curve import share_interval

Json = Mapping[str, Any]
Kind = Literal["model", "examples", "prompt", "rule", "alias", "record", "superseded"]
CERTAINTY = 0.95
FEWEST = 3  # corrections that must agree for a proposal
LONGEST_INPUT = 240


@dataclass(frozen=True, kw_only=True, slots=True)
class ReviewedCase:
    """A reviewed task: ``decided`` by the decider, ``right`` according to the reviewer.

    Either is ``None`` where there was no answer, or where none is right.
    """

    task_id: str
    input: Json
    decided: Json | None
    right: Json | None
    given_at: datetime
    confidence: float = 0.0

    @property
    def wrong(self) -> bool:
        """Whether the reviewer corrected the decider."""
        return self.decided != self.right


@dataclass(frozen=True, kw_only=True, slots=True)
class Support:
    """The evidence for a proposal.

    It would change ``cases`` answers, ``wrong_now`` of which were corrected, and ``right`` of them
    would be what the person said (or, where a person is to look, needed one). ``low`` and ``high``
    bound that share, 95 % certain; ``matched`` counts all cases it applies to.
    """

    cases: int
    right: int
    wrong_now: int
    matched: int
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ChangedCase:
    """A task before and after the change; ``after`` is ``None`` if it would go to review."""

    task_id: str
    input: str
    before: Json | None
    after: Json | None
    right: Json | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Draft:
    """A proposal before it is stored. ``about`` distinguishes drafts without a patch."""

    kind: Kind
    title: str
    reason: str
    support: Support
    cases: Sequence[ChangedCase]
    patch: Json | None
    rank: float
    about: str = ""

    @property
    def fingerprint(self) -> str:
        """Hash of the change, independent of its evidence."""
        content = json.dumps([self.kind, self.patch, self.about], sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()


def supported(*, cases: int, right: int, wrong_now: int, matched: int) -> Support:
    """A support with its interval."""
    low, high = share_interval(right, cases, CERTAINTY) if cases else (0.0, 1.0)
    return Support(
        cases=cases, right=right, wrong_now=wrong_now, matched=matched, low=low, high=high
    )


def case(seen: ReviewedCase, after: Json | None) -> ChangedCase:
    """A task with its output after the change."""
    return ChangedCase(
        task_id=seen.task_id,
        input=flat(seen.input)[:LONGEST_INPUT],
        before=seen.decided,
        after=after,
        right=seen.right,
    )


def ordered(cases: Sequence[ChangedCase]) -> list[ChangedCase]:
    """Cases that would become wrong first."""
    return sorted(cases, key=_harm)


def _harm(case: ChangedCase) -> int:
    return 0 if case.before == case.right != case.after else 1 if case.after != case.right else 2
