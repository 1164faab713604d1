"""Retry policy: what follows from an attempt, when it is repeated and how often. Pure rules."""

from __future__ import annotations

from datetime import datetime, timedelta

from roadbed.deliveries.model import AttemptResult, DeliveryState
from roadbed.kernel.clock import CLOCKS_DIFFER
from roadbed.usecases.destinations import Connector, RefusedError, Sent, TemporaryError

MOST_TEMPORARY = 12  # attempts; with the waits below that is about a day
MOST_UNKNOWN = 5
_FIRST_WAIT, _LONGEST_WAIT = 1.0, 4 * 3600.0
_LONGEST_RETRY_AFTER = 6 * 3600.0


def delivered(sent: Sent, *, looked_up: bool = False) -> AttemptResult:
    """The effect exists; ``looked_up`` if the receiver was asked and has it."""
    return AttemptResult(
        outcome="found" if looked_up else "delivered",
        state=DeliveryState.DELIVERED,
        detail=sent.detail[:500],
        reference=sent.reference,
    )


def failed(
    error: BaseException,
    to: Connector,
    *,
    attempt: int,
    first_sent_at: datetime,
    now: datetime,
    chance: float,
) -> AttemptResult:
    """What follows from a failed attempt. ``chance`` in [0, 1) spreads the next one.

    An attempt is repeated only if nothing happened, if the receiver still knows the key, or if the
    receiver can be asked. In all other cases a person decides.
    """
    detail = f"{type(error).__name__}: {error}"[:500]
    if isinstance(error, RefusedError):
        return AttemptResult(
            outcome="refused", state=DeliveryState.FAILED, detail=detail, cause=error.cause
        )
    if isinstance(error, TemporaryError):
        if attempt >= MOST_TEMPORARY:
            return AttemptResult(outcome="temporary", state=DeliveryState.FAILED, detail=detail)
        wait = backoff(attempt, chance)
        if error.retry_after is not None:
            wait = max(wait, min(error.retry_after, _LONGEST_RETRY_AFTER))
        return AttemptResult(
            outcome="temporary", state=DeliveryState.WAITING, detail=detail, wait=wait
        )
    if to.can_look_up:
        tries = attempt < MOST_TEMPORARY
        return AttemptResult(
            outcome="unknown",
            state=DeliveryState.WAITING if tries else DeliveryState.UNKNOWN,
            detail=detail,
            wait=backoff(attempt, chance),
            look_first=True,
        )
    known_until = first_sent_at + to.key_horizon - CLOCKS_DIFFER if to.key_horizon else None
    wait = backoff(attempt, chance)
    if (
        known_until is None
        or now + timedelta(seconds=wait) >= known_until
        or attempt >= MOST_UNKNOWN
    ):
        return AttemptResult(outcome="unknown", state=DeliveryState.UNKNOWN, detail=detail)
    return AttemptResult(outcome="unknown", state=DeliveryState.WAITING, detail=detail, wait=wait)


def backoff(attempt: int, chance: float) -> float:
    """Seconds before the next attempt: doubling, spread by half to both sides."""
    return float(min(_FIRST_WAIT * 2.0 ** (attempt - 1), _LONGEST_WAIT)) * (0.5 + chance)
