"""Deliveries: one effect on another system, its states and attempts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, TypedDict


class DeliveryState(StrEnum):
    """State of a delivery."""

    PLANNED = "planned"  # stored with the decision; key and content do not exist yet
    WAITING = "waiting"  # ready, or waits for its next attempt
    SENDING = "sending"  # claimed: the only state in which bytes may leave
    DELIVERED = "delivered"
    SKIPPED = "skipped"  # its condition does not hold, or the same was sent already
    HELD = "held"  # a person has to approve, or to look
    REFUSED = "refused"  # a person refused, or the time to answer ended
    FAILED = "failed"  # the receiver refuses it, or tries ran out: dead letter, can be replayed
    UNKNOWN = "unknown"  # the effect may exist and cannot be looked up: a person decides
    CANCELLED = "cancelled"  # taken back before it was sent
    COMPENSATING = "compensating"
    COMPENSATED = "compensated"
    STUCK = "stuck"  # the effect exists and should be taken back, but cannot be: a person decides


# States that need a person, the most urgent first.
FOR_PEOPLE = (DeliveryState.STUCK, DeliveryState.UNKNOWN, DeliveryState.FAILED, DeliveryState.HELD)
RESULT, CORRECTION, COMPENSATION = "result", "correction", "compensation"


@dataclass(frozen=True, kw_only=True, slots=True)
class Delivery:
    """A delivery as pages and people see it.

    While ``withheld``, a person still has to label its task blind. Nothing that could show the
    answer is given then: no reason, key, content, hash or reference.
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
class ListedDelivery:
    """A delivery as a row of a table: what its task is about, and what became of it.

    While ``withheld``, there is no reason, as in ``Delivery``.
    """

    id: str
    use_case: str
    task_id: str
    input: Mapping[str, Any]
    destination: str
    kind: str
    state: DeliveryState
    reason: str | None
    attempt: int
    approve_until: datetime | None
    approved_by: str | None
    created_at: datetime
    done_at: datetime | None
    withheld: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Prepared:
    """A delivery after preparation: state, key, content and reason; ``kind`` if that changes.

    ``sent_as`` is the delivery with the same content that was sent already, if that is the reason.
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
    """Result of one attempt, and what follows. ``wait`` is seconds until the next attempt.

    ``counts`` is false if the destination had no part in it: such a result does not change its
    circuit. ``cause`` names a fault that would fail every delivery there, for example ``401``.
    """

    outcome: str
    state: DeliveryState
    detail: str
    wait: float = 0.0
    look_first: bool = False
    reference: str | None = None
    counts: bool = True
    cause: str | None = None


class NoticeItem(TypedDict):
    """A notice for the pod that a failed delivery gives rise to; ``None`` where there is none."""

    notice: str | None
    about: str | None
    text: str | None


class FinishedItem(NoticeItem):
    """An attempt that has ended."""

    id: str
    delivery_id: str
    compensates: bool
    use_case: str
    number: int
    worker: str
    state: DeliveryState
    outcome: str
    detail: str
    wait: float | None
    look_first: bool
    reference: str | None
    seconds: float
    at: datetime
    cause: str | None
