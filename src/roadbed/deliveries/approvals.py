"""``Deliveries``: lists deliveries, and records how a person resolves one."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import aclosing
from datetime import datetime
from typing import Any, TypedDict

from roadbed.audit.events import AuditEvent, record
from roadbed.deliveries.errors import (
    ApprovalError,
    DeliveryStateError,
    UnknownDeliveryError,
    UnknownDestinationError,
)
from roadbed.deliveries.model import Delivery, DeliveryState, ListedDelivery
from roadbed.deliveries.rows import (
    CircuitStatesRow,
    FindRow,
    ListRow,
    OfTaskRow,
    PageRow,
    Queries,
    ReplayRow,
)
from roadbed.kernel.clock import Clock
from roadbed.kernel.messages import later
from roadbed.kernel.paging import COUNTED, Portion, Slice, portion
from roadbed.kernel.sentences import Sentence, sentence
from roadbed.people import duties
from roadbed.people.duties import Parties
from roadbed.storage.database import Database
from roadbed.storage.sql import queries

_SQL = queries(Queries)
Row = Mapping[str, Any]
_LISTED = tuple(ListedDelivery.__dataclass_fields__)
_REPLAYED_AT_ONCE = 500
# How a person may resolve a delivery: from which states, to which state.
RESOLUTIONS = {
    "approve": ((DeliveryState.HELD,), DeliveryState.WAITING),
    "refuse": ((DeliveryState.HELD,), DeliveryState.REFUSED),
    "replay": ((DeliveryState.FAILED,), DeliveryState.WAITING),
    "happened": ((DeliveryState.UNKNOWN, DeliveryState.STUCK), DeliveryState.DELIVERED),
    "did-not-happen": ((DeliveryState.UNKNOWN,), DeliveryState.WAITING),
    "done-by-hand": ((DeliveryState.STUCK,), DeliveryState.COMPENSATED),
    "cancel": (
        (DeliveryState.PLANNED, DeliveryState.WAITING, DeliveryState.FAILED),
        DeliveryState.CANCELLED,
    ),
}


class DeliveryOverview(TypedDict):
    """Deliveries of a use case: counts by destination and state, and the circuit of each."""

    destinations: Mapping[str, Mapping[str, int]]
    circuits: Mapping[str, CircuitStatesRow]


class Deliveries:
    """Reads deliveries and records how people resolve them. It sends nothing."""

    def __init__(self, database: Database, clock: Clock, close_notices: str) -> None:
        self._database = database
        self._clock = clock
        self._close_notices = close_notices

    async def list(
        self,
        use_case: str,
        *,
        states: Sequence[str] | None = None,
        before: str | None = None,
        most: int = 50,
    ) -> Sequence[Delivery]:
        """Deliveries of a use case, newest first."""
        rows = await self._database.fetch(
            _SQL["list"],
            {
                "use_case": use_case,
                "states": list(states) if states else None,
                "before": before,
                "most": most,
            },
        )
        return [_read(row) for row in rows]

    async def page(
        self, use_case: str, asked: Slice, *, states: Sequence[str]
    ) -> Portion[ListedDelivery]:
        """One page of the deliveries in ``states``, with how many there are."""
        facts = {"use_case": use_case, "states": list(states), **asked.facts(counted=COUNTED + 1)}
        rows = await self._database.fetch(_SQL["page"], facts)
        total, newer = (rows[0]["total"] or 0, rows[0]["newer"] or 0) if rows else (0, 0)
        return portion([_listed(row) for row in rows], asked, total=total, newer=newer)

    async def every(
        self, use_case: str, asked: Slice, *, states: Sequence[str]
    ) -> AsyncGenerator[Sequence[ListedDelivery], None]:
        """All deliveries in ``states`` at one moment, in batches."""
        facts = {"use_case": use_case, "states": list(states), **asked.facts()}
        async with aclosing(self._database.stream(_SQL["page"], facts)) as batches:
            async for rows in batches:
                yield [_listed(row) for row in rows]

    async def get(
        self, delivery_id: str, *, served: Sequence[str]
    ) -> tuple[Delivery, Sequence[Row]]:
        """One delivery with its attempts. Raises ``UnknownDeliveryError``."""
        row = await self._find(delivery_id, served)
        attempts = await self._database.fetch(_SQL["attempts"], {"ids": [delivery_id]})
        if row["withheld"]:
            attempts = [{**attempt, "detail": ""} for attempt in attempts]
        return _read(row), attempts

    async def use_case_of(self, delivery_id: str) -> str | None:
        """The use case that a delivery belongs to; ``None`` if there is no such delivery."""
        row = await self._database.fetch_one(_SQL["use_case_of"], {"id": delivery_id})
        return row["use_case"] if row else None

    async def of_task(self, task_id: str) -> Sequence[Delivery]:
        """What was, or will be, sent for a task, in the order planned."""
        rows = await self._database.fetch(_SQL["of_task"], {"task_id": task_id})
        return [_read(row) for row in rows]

    async def overview(self, use_case: str) -> DeliveryOverview:
        """Counts of deliveries by destination and state, and the circuits that are open."""
        named = {"use_case": use_case}
        counts: dict[str, dict[str, int]] = {}
        for row in await self._database.fetch(_SQL["counts"], named):
            counts.setdefault(row["destination"], {})[row["state"]] = row["n"]
        circuits = await self._database.fetch(_SQL["circuit_states"], named)
        return {
            "destinations": counts,
            "circuits": {circuit["destination"]: circuit for circuit in circuits},
        }

    async def resolve(
        self,
        delivery_id: str,
        what: str,
        *,
        person: str,
        served: Sequence[str],
        content_hash: str | None = None,
        note: str = "",
    ) -> Delivery:
        """Resolve a delivery that needs a person, in one of the ways of ``RESOLUTIONS``.

        ``approve`` must name the hash of exactly what was read. Raises ``UnknownDeliveryError``,
        ``DeliveryStateError``, ``ApprovalError``.
        """
        row = await self._find(delivery_id, served)
        if what not in RESOLUTIONS:
            raise ApprovalError(
                sentence("%(what)r does not resolve a delivery.", what=what),
                sentence("Use one of %(resolutions)s.", resolutions=", ".join(RESOLUTIONS)),
            )
        states, after = RESOLUTIONS[what]
        if row["state"] not in states:
            raise DeliveryStateError(delivery_id, row["state"], _either(states))
        if what == "approve":
            self._may_approve(row, person, content_hash)
        if after is DeliveryState.WAITING:
            if row["erased"]:
                raise DeliveryStateError(
                    delivery_id, later("erased"), sentence("there with its content")
                )
            # Without a key it was never prepared: preparing is tried again, and may hold it again.
            after = DeliveryState.WAITING if row["key"] else DeliveryState.PLANNED
        async with self._database.transaction() as connection:
            cursor = await connection.execute(
                _SQL["decide"],
                {
                    "id": delivery_id,
                    "state": after,
                    "from": list(states),
                    "ready": row["key"] is not None,
                    "approves": what == "approve",
                    "person": person,
                    "hash": content_hash if what == "approve" and row["key"] else None,
                    "reason": f"{person}: {what}" + (f", {note}" if note else ""),
                },
            )
            if not await cursor.fetchone():
                raise DeliveryStateError(
                    delivery_id, sentence("no longer what it was"), _either(states)
                )
            if what == "approve" and row["key"] and row["revised"]:
                await connection.execute(_SQL["superseded_by_approval"], {"id": delivery_id})
            await connection.execute(self._close_notices, {"use_case": row["use_case"]})
            event = AuditEvent(
                use_case=row["use_case"],
                kind="delivery",
                subject=delivery_id,
                actor=person,
                at=self._clock.now(),
                detail={"task": row["task_id"], "said": what, "hash": content_hash, "note": note},
            )
            await record(connection, event)
        return _read(await self._find(delivery_id, served))

    async def replay(
        self,
        use_case: str,
        destination: str,
        *,
        person: str,
        since: datetime | None = None,
        note: str = "",
    ) -> int:
        """Send again all deliveries that failed at ``destination`` since then; returns how many.

        Each gets an audit entry with ``person``. A delivery without its needed approval is held.
        Raises ``UnknownDestinationError`` if there is no delivery to that destination.
        """
        named = {"use_case": use_case, "destination": destination}
        if not await self._database.fetch(_SQL["known_destination"], named):
            raise UnknownDestinationError(destination)
        reason = f"{person}: replay" + (f", {note}" if note else "")
        count, after = 0, ""
        facts = {**named, "since": since, "reason": reason, "most": _REPLAYED_AT_ONCE}
        while True:
            async with self._database.transaction() as connection:
                cursor = await connection.execute(_SQL["replay"], {**facts, "after": after})
                rows = await cursor.fetchall()
                at = self._clock.now()
                events = [_replayed(use_case, row, person, note, at) for row in rows]
                await record(connection, *events)
                await connection.execute(self._close_notices, {"use_case": use_case})
            count += len(rows)
            if len(rows) < _REPLAYED_AT_ONCE:
                return count
            after = max(row["id"] for row in rows)

    def _may_approve(self, row: FindRow, person: str, content_hash: str | None) -> None:
        if row["key"] is None:
            return
        if content_hash != row["content_hash"]:
            raise ApprovalError(
                sentence("The content that you approve is not the content that would be sent."),
                sentence("Open the delivery again, read it, and approve its current content."),
            )
        if row["approve_until"] and row["approve_until"] < self._clock.now():
            raise ApprovalError(
                sentence("The time to approve has passed, so the delivery is refused."),
                sentence("Submit the task again if it is still needed."),
            )
        corrected = [] if row["reviewer"] is None else [row["reviewer"]]
        if duties.bar(person, Parties(senders=row["senders"], correctors=corrected)) is not None:
            raise ApprovalError(
                sentence("You cannot approve your own request."),
                sentence("Ask another person of the pod."),
            )

    async def _find(self, delivery_id: str, served: Sequence[str]) -> FindRow:
        facts = {"id": delivery_id, "served": list(served)}
        row = await self._database.fetch_one(_SQL["find"], facts)
        if row is None:
            raise UnknownDeliveryError(delivery_id)
        return row


def _replayed(use_case: str, row: ReplayRow, person: str, note: str, at: datetime) -> AuditEvent:
    """The audit entry of one delivery that is sent again with others."""
    detail = {"task": row["task_id"], "said": "replay", "hash": None, "note": note}
    return AuditEvent(
        use_case=use_case,
        kind="delivery",
        subject=row["id"],
        actor=person,
        at=at,
        detail=detail,
    )


def resolutions(state: DeliveryState) -> Sequence[str]:
    """How a person may resolve a delivery in this state."""
    return [what for what, (states, _) in RESOLUTIONS.items() if state in states]


def _either(states: Iterable[DeliveryState]) -> Sentence:
    """One of several states, in words."""
    first, *others = map(sentence, states)
    for last in others:
        first = sentence("%(first)s or %(last)s", first=first, last=last)
    return first


def _listed(row: PageRow) -> ListedDelivery:
    stored: Row = row
    fields: dict[str, Any] = {name: stored[name] for name in _LISTED}
    fields["state"] = DeliveryState(row["state"])
    return ListedDelivery(**(fields | {"reason": None} if row["withheld"] else fields))


def _read(row: FindRow | ListRow | OfTaskRow) -> Delivery:
    withheld = row["withheld"]  # then these fields could show a blind reviewer the answer
    return Delivery(
        id=row["id"],
        use_case=row["use_case"],
        task_id=row["task_id"],
        destination=row["destination"],
        kind=row["kind"],
        state=DeliveryState(row["state"]),
        reason=None if withheld else row["reason"],
        key=None if withheld else row["key"],
        content=None if withheld else row["content"],
        content_hash=None if withheld else row["content_hash"],
        attempt=row["attempt"],
        next_at=row["next_at"],
        reference=None if withheld else row["reference"],
        approve_until=row["approve_until"],
        approved_by=row["approved_by"],
        created_at=row["created_at"],
        done_at=row["done_at"],
        withheld=withheld,
    )
