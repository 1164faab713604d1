"""Planned deliveries: ready, held or skipped, with which key and content. Pure rules."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from roadbed.deliveries.model import CORRECTION, RESULT, DeliveryState, Prepared
from roadbed.deliveries.rows import ClaimRow, PlannedRow
from roadbed.kernel.stored_sentences import stored_message, stored_sentence
from roadbed.usecases import delivery_plan, placeholders
from roadbed.usecases.destinations import Connector, DeliveryRequest
from roadbed.usecases.parsing import form_of
from roadbed.usecases.use_case import UseCase

Json = Mapping[str, Any]
_LONGEST_KEY = 1_000  # bytes; an index entry holds 2,704, with use case and destination
_KEPT_OF_KEY = 100  # characters
_RESTORED = stored_message(
    "The database was restored from a copy after this task arrived. The result may have been sent "
    "before. Send it?"
)
_RESTORED_AFTER = stored_message(
    "%(reason)s The database was restored from a copy after this task arrived. The result may have "
    "been sent before. Send it?"
)
_STILL_THERE = stored_message(
    "Another result was sent before the input was corrected, and still exists. Send this one?"
)
_STILL_THERE_AFTER = stored_message(
    "%(reason)s Another result was sent before the input was corrected, and still exists. Send "
    "this one?"
)
# States in which the effect exists at the receiver, or may exist.
_THERE = frozenset(
    {
        DeliveryState.SENDING,
        DeliveryState.DELIVERED,
        DeliveryState.UNKNOWN,
        DeliveryState.STUCK,
        DeliveryState.COMPENSATING,
    }
)
# States in which the effect of a key never existed, or was taken back.
_GONE = frozenset({DeliveryState.CANCELLED, DeliveryState.REFUSED, DeliveryState.COMPENSATED})


def connector(declared: UseCase, destination: str) -> Connector | None:
    """The connector of a destination or action; ``None`` if it is no longer declared."""
    if destination in declared.destinations:
        return declared.destinations[destination].to
    if destination in declared.actions:
        return declared.actions[destination].to
    return declared.approvals.to if destination == "approvals" else None


class TakeBack(NamedTuple):
    """Why a delivery is taken back, where it can be and where it cannot."""

    able: str
    unable: str


LATER_FAILED = TakeBack(
    able=stored_message("A later step failed."),
    unable=stored_message("A later step failed, and this one cannot be taken back: do it by hand."),
)
CORRECTED = TakeBack(
    able=stored_message("A corrected input says something else."),
    unable=stored_message(
        "A corrected input says something else, and this one cannot be taken back: do it by hand."
    ),
)


def prepare(declared: UseCase, row: PlannedRow) -> Prepared:
    """A planned delivery as ready, as skipped, or as held with the reason."""
    facts = delivery_plan.facts({**row, "input": form_of(declared.input, row["input"])})
    kind = declared.destinations.get(row["destination"]) or declared.actions.get(row["destination"])
    if kind is None:
        return _held_delivery(row, stored_sentence("Its destination is no longer declared."))
    when = getattr(kind, "when", None)
    if when and (verdict := _skips(when, facts)):
        state, reason = verdict
        return Prepared(id=row["id"], state=state, reason=reason)
    in_order_of = getattr(kind, "in_order_of", None)
    try:
        key = placeholders.render(kind.key, facts)
        order_key = bounded(placeholders.render(in_order_of, facts)) if in_order_of else None
    except placeholders.MissingFieldError as error:
        return _held_delivery(
            row, stored_sentence("Its key cannot be made: %(error)s.", error=error)
        )
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
    """Effects that exist or may exist, the newest first; of actions first the identical ones.

    A task may send several actions of one name, but one result to each destination.
    """
    there = [said for said in earlier if said["state"] in _THERE]
    if "action" in facts:
        there.sort(key=lambda said: not _says(said, facts))
    return there


def _is_there(there: Sequence[Json], facts: Json, row: PlannedRow) -> bool:
    """Whether the same content was delivered last."""
    place = row["twins"] if "action" in facts else 0
    if place >= len(there):
        return False
    return there[place]["state"] == DeliveryState.DELIVERED and _says(there[place], facts)


def _sent_already(delivery_id: str, sent_as: str) -> Prepared:
    reason = stored_sentence("The same was sent already, as %(sent_as)s.", sent_as=sent_as)
    return Prepared(id=delivery_id, state=DeliveryState.SKIPPED, reason=reason, sent_as=sent_as)


def _says(said: Json, facts: Json) -> bool:
    return bool(said["output"] == facts["output"] and said["action"] == facts.get("action"))


def doubled(destination: str, made: Prepared, first: Json) -> Prepared:
    """A delivery whose key already belongs to ``first``.

    The same content is sent once. Other content needs a person, and gets its own key.
    """
    content = made.content or {}
    same = _says(first, {"output": content.get("output"), "action": content.get("action")})
    if same and first["state"] not in _GONE:
        return _sent_already(made.id, first["id"])
    key = bounded(f"{made.key}:{made.id}")
    of = {"key": made.key, "first": first["id"]}
    reason = stored_sentence(
        "Its key %(key)r belongs to %(first)s, which says something else. Send this one as well?",
        **of,
    )
    if same:
        reason = stored_sentence(
            "Its key %(key)r belongs to %(first)s, which is %(state)s. Send this one as well?",
            state=first["state"],
            **of,
        )
    return replace(
        made,
        state=DeliveryState.HELD,
        reason=reason,
        key=key,
        content_hash=content_hash(destination, key, content),
    )


def bounded(key: str) -> str:
    """``key``, or its beginning and its hash where it is longer than an index takes.

    The same long key gives the same short one, in every process and version.
    """
    exact = key.encode("utf-8", "surrogatepass")
    if len(exact) <= _LONGEST_KEY:
        return key
    return f"{key[:_KEPT_OF_KEY]}:sha256:{hashlib.sha256(exact).hexdigest()}"


def content_hash(destination: str, key: str, content: Mapping[str, object]) -> str:
    """The hash that an approval binds: of the destination, the key and the whole content."""
    exact = json.dumps([destination, key, content], sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(exact.encode()).hexdigest()


def as_approved(
    destination: str, key: str, content: Mapping[str, object], approved_hash: str | None
) -> bool:
    """Whether the stored content is what a person approved, if an approval was needed.

    The hash is computed again, as a stored hash could be changed together with the content.
    """
    return approved_hash is None or approved_hash == content_hash(destination, key, content)


def _skips(when: str, facts: Mapping[str, Any]) -> tuple[DeliveryState, str] | None:
    """Why the condition stops a delivery. A condition that cannot be evaluated holds it."""
    try:
        seen = {name: facts[name] for name in ("input", "output", "task", "decision")}
        applies = delivery_plan.condition(when).execute(seen)
    except Exception as error:
        return DeliveryState.HELD, stored_sentence(
            "The condition %(when)r could not be evaluated: %(error)s.", when=when, error=error
        )
    if applies is True:
        return None
    return DeliveryState.SKIPPED, stored_sentence(
        "The condition %(when)r does not hold.", when=when
    )


def _why_held(row: PlannedRow, there: Sequence[Json]) -> str:
    if row["restored"]:
        return _after(row["reason"], _RESTORED, _RESTORED_AFTER)
    if row["before"] == "there" and row["of_verdict"] is None:
        return _after(row["reason"], _STILL_THERE, _STILL_THERE_AFTER)
    if there and there[0]["verdict"] is not None:
        newest = there[0]["id"]
        if there[0]["state"] == DeliveryState.UNKNOWN:
            return stored_sentence(
                "The verdict was changed, and %(newest)s may have gone out. Look there first.",
                newest=newest,
            )
        return stored_sentence(
            "The verdict was changed after %(newest)s went out. Send this one?", newest=newest
        )
    if row["kind"] == CORRECTION:
        if there:
            return stored_sentence(
                "The automatic answer was found wrong after it went out. Send the right one?"
            )
        return stored_sentence(
            "The automatic answer was found wrong before it went out. Send the right one?"
        )
    return row["reason"] or stored_sentence("A person has to approve it.")


def _after(reason: str | None, alone: str, message: str) -> str:
    return message % {"reason": reason} if reason else alone


def _held_delivery(row: PlannedRow, reason: str) -> Prepared:
    return Prepared(id=row["id"], state=DeliveryState.HELD, reason=reason)


def request(row: ClaimRow) -> DeliveryRequest:
    """What a connector is given of a claimed delivery."""
    return DeliveryRequest(
        id=row["id"],
        key=row["key"],
        use_case=row["use_case"],
        task_id=row["task_id"],
        destination=row["destination"],
        kind=row["kind"],
        content=row["content"],
        facts=row["content"],
        attempt=row["attempt"],
    )


def said(made: Prepared) -> Json:
    """What a prepared delivery says, like a row of ``same_key``."""
    content = made.content or {}
    says = {"output": content.get("output"), "action": content.get("action")}
    return {"id": made.id, "state": made.state, **says}
