"""Pure rules of the way out: what a delivery becomes, and what follows from an attempt."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from roadbed.deliveries.model import CORRECTION, RESULT, AttemptResult, DeliveryState, Prepared
from roadbed.kernel.clock import CLOCKS_DIFFER
from roadbed.usecases import delivery_plan, placeholders
from roadbed.usecases.destinations import (
    Connector,
    RefusedError,
    Sent,
    TemporaryError,
)
from roadbed.usecases.parsing import form_of
from roadbed.usecases.use_case import UseCase

Json = Mapping[str, Any]
MOST_TEMPORARY = 12  # attempts; with the waits below that is about a day
MOST_UNKNOWN = 5
_FIRST_WAIT, _LONGEST_WAIT = 1.0, 4 * 3600.0
_LONGEST_RETRY_AFTER = 6 * 3600.0
_LONGEST_KEY = 1_000  # bytes; an index entry holds 2,704, with use case and destination
_KEPT_OF_KEY = 100  # characters
_RESTORED = (
    "The database was put back from a copy after this task came in. It may have been sent before. "
    "Send it?"
)
_CAUSES = {
    "401": "it answers 401, it does not know who sends",
    "403": "it answers 403, the sender is not allowed to",
    "404": "it answers 404, there is no such place",
    "407": "it answers 407, a proxy asks who sends",
    "410": "it answers 410, the place is gone",
    "secret": "its secret is missing, or cannot be used",
    "sign-in": "it does not let the sender sign in",
    "table": "the table or the right to write to it is missing",
}
_STILL_THERE = (
    "Another result went out before the input was corrected, and is there. Send this one?"
)
# Where what was sent is at the receiver, or may be.
_THERE = frozenset(
    {
        DeliveryState.SENDING,
        DeliveryState.DELIVERED,
        DeliveryState.UNKNOWN,
        DeliveryState.STUCK,
        DeliveryState.COMPENSATING,
    }
)
# What stands under a key was not sent, or is there no more.
_GONE = frozenset({DeliveryState.CANCELLED, DeliveryState.REFUSED, DeliveryState.COMPENSATED})


def connector(declared: UseCase, destination: str) -> Connector | None:
    """What sends to that destination or makes that action; ``None`` if it is no more declared."""
    if destination in declared.destinations:
        return declared.destinations[destination].to
    if destination in declared.actions:
        return declared.actions[destination].to
    return declared.approvals.to if destination == "approvals" else None


def prepare(declared: UseCase, row: Mapping[str, Any]) -> Prepared:
    """What becomes of a planned delivery: ready, skipped, or held with the reason."""
    facts = delivery_plan.facts({**row, "input": form_of(declared.input, row["input"])})
    kind = declared.destinations.get(row["destination"]) or declared.actions.get(row["destination"])
    if kind is None:
        return _held(row, "Its destination is no longer declared.")
    when = getattr(kind, "when", None)
    if when and (verdict := _skips(when, facts)):
        state, reason = verdict
        return Prepared(id=row["id"], state=state, reason=reason)
    in_order_of = getattr(kind, "in_order_of", None)
    try:
        key = placeholders.render(kind.key, facts)
        order_key = bounded(placeholders.render(in_order_of, facts)) if in_order_of else None
    except placeholders.MissingFieldError as error:
        return _held(row, f"Its key cannot be made: {error}.")
    if row["revises"] is not None:
        key = f"{key}:revision:{row['revision']}"
    earlier: Sequence[Json] = row["earlier"] or ()
    if row["kind"] == CORRECTION or any(bounded(key) == said["key"] for said in earlier):
        key = f"{key}:corrected:{row['of_verdict']}"
    key = bounded(key)
    there = _same_first(earlier, facts)
    if _is_there(there, facts, row):
        return _sent_already(row["id"], there[0]["id"])
    still_there = row["before"] == "there" or bool(there)
    held = row["kind"] == CORRECTION or row["needs_approval"] or still_there or row["restored"]
    replaces = row["before"] is not None or any(
        said["state"] in {*_THERE, DeliveryState.COMPENSATED} for said in earlier
    )
    return Prepared(
        id=row["id"],
        state=DeliveryState.HELD if held else DeliveryState.WAITING,
        reason=_why_held(row, there) if held else None,
        key=key,
        order_key=order_key,
        content=facts,
        content_hash=content_hash(row["destination"], key, facts),
        kind=CORRECTION if replaces and row["kind"] == RESULT else None,
    )


def _same_first(earlier: Sequence[Json], facts: Json) -> list[Json]:
    """What is there, or may be, the newest first; of actions first those that are the same.

    A task may send several actions of one name, but one result to each destination.
    """
    there = [said for said in earlier if said["state"] in _THERE]
    if "action" in facts:
        there.sort(key=lambda said: not _says(said, facts))
    return there


def _is_there(there: Sequence[Json], facts: Json, row: Json) -> bool:
    """Whether the same was delivered, and nothing else after it."""
    place = row["twins"] if "action" in facts else 0
    if place >= len(there):
        return False
    return there[place]["state"] == DeliveryState.DELIVERED and _says(there[place], facts)


def _sent_already(delivery_id: str, sent_as: str) -> Prepared:
    reason = f"The same was sent already, as {sent_as}."
    return Prepared(id=delivery_id, state=DeliveryState.SKIPPED, reason=reason, sent_as=sent_as)


def _says(said: Json, facts: Json) -> bool:
    return bool(said["output"] == facts["output"] and said["action"] == facts.get("action"))


def doubled(destination: str, made: Prepared, first: Json) -> Prepared:
    """What becomes of one whose key belongs to ``first`` already.

    The same content is sent once. Anything else needs a person, and goes under a key of its own.
    """
    content = made.content or {}
    same = _says(first, {"output": content.get("output"), "action": content.get("action")})
    if same and first["state"] not in _GONE:
        return _sent_already(made.id, first["id"])
    key = bounded(f"{made.key}:{made.id}")
    what = f"which is {first['state']}" if same else "which says something else"
    return replace(
        made,
        state=DeliveryState.HELD,
        reason=f"Its key {made.key!r} belongs to {first['id']}, {what}. Send this one as well?",
        key=key,
        content_hash=content_hash(destination, key, content),
    )


def refusal(use_case: str, destination: str, cause: str) -> str:
    """What the pod is told when a destination refuses all that is sent to it."""
    why = _CAUSES.get(cause, f"it answers {cause}")
    return (
        f"{use_case}: nothing reaches {destination}: {why}. What failed is not tried again by "
        f"itself. Mend it, then run `roadbed deliver replay {use_case} --destination "
        f"{destination}`, or use the button on the deliveries page."
    )


def about(destination: str, cause: str) -> str:
    """What such a notice is about; twin of ``mended`` in trust/queries.sql."""
    return f"delivery {destination} {cause}"


def bounded(key: str) -> str:
    """``key``, or its beginning and its hash where it is longer than an index takes.

    The same long key gives the same short one, in every process and version.
    """
    exact = key.encode("utf-8", "surrogatepass")
    if len(exact) <= _LONGEST_KEY:
        return key
    return f"{key[:_KEPT_OF_KEY]}:sha256:{hashlib.sha256(exact).hexdigest()}"


def content_hash(destination: str, key: str, content: Mapping[str, Any]) -> str:
    """What an approval binds: where it goes, under which key, and every byte of it."""
    exact = json.dumps([destination, key, content], sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(exact.encode()).hexdigest()


def as_approved(row: Mapping[str, Any]) -> bool:
    """Whether what lies there now is what a person approved, if one had to.

    Computed anew: the hash beside the content is only as good as whoever wrote both.
    """
    approved = row["approved_hash"]
    exact = row["destination"], row["key"], row["content"]
    return approved is None or approved == content_hash(*exact)


def delivered(sent: Sent, *, found: bool = False) -> AttemptResult:
    """The effect is there; ``found`` if looking it up showed that."""
    return AttemptResult(
        outcome="found" if found else "delivered",
        state=DeliveryState.DELIVERED,
        detail=sent.detail[:500],
        reference=sent.reference,
    )


def failed(
    error: BaseException, row: Mapping[str, Any], to: Connector, now: datetime, chance: float
) -> AttemptResult:
    """What follows from a failed attempt. ``chance`` in [0, 1) spreads the next one.

    Nothing is sent again unless nothing happened, or the receiver will know the key, or can be
    asked: else a person decides.
    """
    detail = f"{type(error).__name__}: {error}"[:500]
    if isinstance(error, RefusedError):
        return AttemptResult(
            outcome="refused", state=DeliveryState.FAILED, detail=detail, cause=error.cause
        )
    if isinstance(error, TemporaryError):
        if row["attempt"] >= MOST_TEMPORARY:
            return AttemptResult(outcome="temporary", state=DeliveryState.FAILED, detail=detail)
        wait = backoff(row["attempt"], chance)
        if error.retry_after is not None:
            wait = max(wait, min(error.retry_after, _LONGEST_RETRY_AFTER))
        return AttemptResult(
            outcome="temporary", state=DeliveryState.WAITING, detail=detail, wait=wait
        )
    if to.can_look_up:
        tries = row["attempt"] < MOST_TEMPORARY
        return AttemptResult(
            outcome="unknown",
            state=DeliveryState.WAITING if tries else DeliveryState.UNKNOWN,
            detail=detail,
            wait=backoff(row["attempt"], chance),
            look_first=True,
        )
    known_until = row["first_sent_at"] + to.key_horizon - CLOCKS_DIFFER if to.key_horizon else None
    wait = backoff(row["attempt"], chance)
    if (
        known_until is None
        or now + timedelta(seconds=wait) >= known_until
        or row["attempt"] >= MOST_UNKNOWN
    ):
        return AttemptResult(outcome="unknown", state=DeliveryState.UNKNOWN, detail=detail)
    return AttemptResult(outcome="unknown", state=DeliveryState.WAITING, detail=detail, wait=wait)


def backoff(attempt: int, chance: float) -> float:
    """Seconds before the next attempt: doubling, spread by half to both sides."""
    return float(min(_FIRST_WAIT * 2.0 ** (attempt - 1), _LONGEST_WAIT)) * (0.5 + chance)


def circuit_wait(failures: int) -> float:
    """Seconds to leave a destination alone after so many failures in a row; 0: not yet."""
    return 0.0 if failures < 5 else float(min(5.0 * 2.0 ** (failures - 5), 300.0))


def rooms(held: Mapping[str, int], free: int, *, of_use_case: int) -> dict[str, int]:
    """How many more senders each destination of a use case may take of those that are ``free``.

    ``of_use_case`` says how many all destinations of the use case hold. It may hold three times
    what it leaves free, so that a use case whose destinations all hang leaves a quarter to others.
    ``held`` says how many each destination that has something to send holds. The same rule divides
    what the use case may still take among them. Who holds none gets one as long as there is any.
    """
    given = {}
    left = max(_room(of_use_case, free), 1 if free and not of_use_case else 0)
    for destination, holds in held.items():
        if not holds and left:
            given[destination] = 1
            left -= 1
    for destination, holds in sorted(held.items(), key=lambda item: item[1]):
        first = given.get(destination, 0)
        if room := max(_room(holds, left + first) - first, 0):
            given[destination] = first + room
            left -= room
    return given


def _room(holds: int, free: int) -> int:
    return max((3 * free - holds) // 4, 0)


def _skips(when: str, facts: Mapping[str, Any]) -> tuple[DeliveryState, str] | None:
    """Why the condition keeps it back. One that cannot be evaluated lets nothing through."""
    try:
        seen = {name: facts[name] for name in ("input", "output", "task", "decision")}
        applies = delivery_plan.condition(when).execute(seen)
    except Exception as error:
        return DeliveryState.HELD, f"The condition {when!r} could not be evaluated: {error}."
    if applies is True:
        return None
    return DeliveryState.SKIPPED, f"The condition {when!r} does not hold."


def _why_held(row: Json, there: Sequence[Json]) -> str:
    if row["restored"]:
        return f"{row['reason'] or ''} {_RESTORED}".strip()
    if row["before"] == "there" and row["of_verdict"] is None:
        return f"{row['reason'] or ''} {_STILL_THERE}".strip()
    if there and there[0]["verdict"] is not None:
        newest = there[0]["id"]
        if there[0]["state"] == DeliveryState.UNKNOWN:
            return f"The verdict was changed, and {newest} may have gone out. Look there first."
        return f"The verdict was changed after {newest} went out. Send this one?"
    if row["kind"] == CORRECTION:
        when = "after" if there else "before"
        return f"The automatic answer was found wrong {when} it went out. Send the right one?"
    return row["reason"] or "A person has to approve it."


def _held(row: Mapping[str, Any], reason: str) -> Prepared:
    return Prepared(id=row["id"], state=DeliveryState.HELD, reason=reason)
