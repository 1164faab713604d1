"""Deliveries: one effect on another system, its states and attempts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any


class DeliveryState(StrEnum):
    """Where a delivery stands."""

    PLANNED = "planned"  # written with the decision; key and content not made yet
    WAITING = "waiting"  # ready, or waits for its next attempt
    SENDING = "sending"  # claimed: the only state in which bytes may leave
    DELIVERED = "delivered"
    SKIPPED = "skipped"  # its condition does not hold, or the same was sent already
    HELD = "held"  # a person has to approve, or to look
    REFUSED = "refused"  # a person, or time, said no
    FAILED = "failed"  # the receiver refuses it, or tries ran out: dead letter, can be replayed
    UNKNOWN = "unknown"  # may have been made or not, and the receiver cannot tell: a person decides
    CANCELLED = "cancelled"  # taken back before it was sent
    COMPENSATING = "compensating"
    COMPENSATED = "compensated"
    STUCK = "stuck"  # was made, ought to be taken back, and cannot be: a person decides


# What a person has to look at, most pressing first.
FOR_PEOPLE = (DeliveryState.STUCK, DeliveryState.UNKNOWN, DeliveryState.FAILED, DeliveryState.HELD)
RESULT, CORRECTION, COMPENSATION = "result", "correction", "compensation"


@dataclass(frozen=True, kw_only=True, slots=True)
class Delivery:
    """A delivery as pages and people see it.

    While ``withheld``, somebody has still to judge its task blind, and nothing that could tell the
    answer is shown: no reason, key, content, hash or reference.
    """

    id: str
    use_case: str
    task_id: str
    destination: str
    kind: str
    state: DeliveryState
    reason: str | None
    key: str | None
    content: Mapping[str, Any] | None
    content_hash: str | None
    attempt: int
    next_at: datetime
    reference: str | None
    approve_until: datetime | None
    approved_by: str | None
    created_at: datetime
    done_at: datetime | None
    withheld: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Prepared:
    """What a planned delivery becomes: state, key, content and why; ``kind`` if that changes.

    ``sent_as`` is the delivery that says the same and was sent already, where that is why.
    """

    id: str
    state: DeliveryState
    reason: str | None
    key: str | None = None
    order_key: str | None = None
    content: Mapping[str, Any] | None = None
    content_hash: str | None = None
    kind: str | None = None
    sent_as: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class AttemptResult:
    """How one attempt went, and what follows. ``wait`` is seconds until the next one.

    ``counts`` says whether the destination had a part in it: only then does it tell its health.
    ``cause`` is what would fail everything sent there, in a word.
    """

    outcome: str
    state: DeliveryState
    detail: str
    wait: float = 0.0
    look_first: bool = False
    reference: str | None = None
    counts: bool = True
    cause: str | None = None
