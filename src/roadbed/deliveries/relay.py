"""Relay: the only sender. It keeps no plan; everything it does follows from rows.

A round prepares planned deliveries. Then it claims some under the lock that a halt takes
exclusively, and sends them. Nothing is sent that was not claimed a moment before. So a relay that
loses the database, or is stopped and continues later, sends nothing more.
"""

from __future__ import annotations

import asyncio
import functools
import itertools
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, replace
from typing import Any

from psycopg.errors import UniqueViolation
from pydantic_core import to_json

from roadbed.deliveries import circuits, outbox, retry_policy
from roadbed.deliveries.circuits import Circuits
from roadbed.deliveries.model import (
    COMPENSATION,
    AttemptResult,
    DeliveryState,
    FinishedItem,
    NoticeItem,
    Prepared,
)
from roadbed.deliveries.rows import (
    BrokenRow,
    ClaimRow,
    FinishedRow,
    LostRow,
    PlannedRow,
    Queries,
    ToTakeBackRow,
)
from roadbed.kernel.clock import Clock
from roadbed.kernel.ids import Ids
from roadbed.kernel.secrets import mask
from roadbed.kernel.stored_sentences import stored_sentence
from roadbed.storage.background import Warnings
from roadbed.storage.database import Connection, Database, passes
from roadbed.storage.sql import queries
from roadbed.storage.writer import GroupCommitWriter, Write
from roadbed.usecases.destinations import (
    Connector,
    EgressClient,
    Sent,
    UnknownOutcomeError,
)
from roadbed.usecases.use_case import UseCase

SQL = queries(Queries)
SEND_SECONDS = 10.0  # for one attempt, look-up included
LEASE_SECONDS = 15.0  # longer than any attempt may last
STALE_SECONDS = 0.5  # a claim older than this is not acted on
_IDLE_SECONDS = 0.1
_PREPARE_AT_ONCE = 200
_HOUSEKEEPING_SECONDS = 1.0
Row = Mapping[str, Any]


class Relay:
    """Sends waiting deliveries of the declared use cases, at most ``senders`` at a time."""

    def __init__(
        self,
        *,
        database: Database,
        writer: GroupCommitWriter,
        ids: Ids,
        clock: Clock,
        egress: Callable[[float], EgressClient],
        finish: Write[FinishedItem, FinishedRow],
        chance: Callable[[], float],
        name: str,
        address: str,
        senders: int,
        close_notices: str,
    ) -> None:
        self._database = database
        self._writer = writer
        self._ids = ids
        self._clock = clock
        self._egress = egress
        self._finish = finish
        self._chance = chance
        self._name = name
        self._address = address
        self._senders = senders
        self._close_notices = close_notices
        self._warnings = Warnings()
        self._sending: set[asyncio.Task[None]] = set()
        self._held: Counter[tuple[str, str]] = Counter()  # senders by use case and destination
        self._circuits = Circuits()
        self._tidied: dict[str, float] = {}

    async def run(self, declared: Callable[[], Sequence[UseCase]]) -> None:
        """Work until cancelled; then wait for running attempts."""
        try:
            for turn in itertools.count():
                busy = False
                usecases = deque(declared())
                usecases.rotate(-turn)  # another use case is first each time
                for usecase in usecases:
                    with self._warnings.caught("deliveries not processed", usecase=usecase.name):
                        busy = await self.round(usecase) or busy
                if not busy:
                    await self._pause()
        finally:
            if self._sending:
                await asyncio.wait(self._sending, timeout=SEND_SECONDS)

    async def round(self, declared: UseCase) -> bool:
        """One round for a use case; whether there was anything to do."""
        prepared = 0
        if declared.destinations or declared.actions:
            prepared = await self._prepare(declared)
        await self._tidy(declared)
        claimed = await self._send_some(declared)
        return bool(prepared or claimed)

    async def settle(self) -> None:
        """Wait until no attempt of this relay is running."""
        while self._sending:
            await asyncio.wait(self._sending)

    async def _pause(self) -> None:
        timer = asyncio.create_task(asyncio.sleep(_IDLE_SECONDS))
        await asyncio.wait({timer, *self._sending}, return_when=asyncio.FIRST_COMPLETED)
        timer.cancel()

    async def _prepare(self, declared: UseCase) -> int:
        for most in (_PREPARE_AT_ONCE, 1):
            try:
                async with self._database.transaction() as connection:
                    return await self._prepare_some(connection, declared, most)
            except UniqueViolation:  # another process stored the same key just now: try again
                continue
        return 0

    async def _prepare_some(self, connection: Connection, declared: UseCase, most: int) -> int:
        named = {"use_case": declared.name}
        cursor = await connection.execute(SQL["prepare_alone"], named)
        row = await cursor.fetchone()
        if row is None or not row["alone"]:
            return 0
        planned = await connection.execute(SQL["planned"], {**named, "most": most})
        rows = await planned.fetchall()
        if rows:
            await self._prepare_each(connection, declared, rows)
        return len(rows)

    async def _prepare_each(
        self, connection: Connection, declared: UseCase, rows: Sequence[PlannedRow]
    ) -> None:
        """Prepare all of ``rows``; a row that fails is held with the reason.

        Rows that fail together are halved until the faulty one remains, so that it stops no other.
        """
        try:
            async with connection.transaction():
                await self._prepare_rows(connection, declared, rows)
        except UniqueViolation:
            raise
        except Exception as error:
            if passes(error):
                raise
            if len(rows) > 1:
                middle = len(rows) // 2
                for half in (rows[:middle], rows[middle:]):
                    await self._prepare_each(connection, declared, half)
                return
            place = {"usecase": declared.name, "destination": rows[0]["destination"]}
            self._warnings.say("delivery not prepared, but held", error, **place)
            facts = {
                "id": rows[0]["id"],
                "reason": stored_sentence(
                    "It could not be prepared: %(error)s", error=_sentence(error)
                ),
                "approve_seconds": declared.approvals.within_hours * 3600.0,
            }
            await connection.execute(SQL["not_prepared"], facts)

    async def _prepare_rows(
        self, connection: Connection, declared: UseCase, rows: Sequence[PlannedRow]
    ) -> None:
        prepared = [outbox.prepare(declared, row) for row in rows]
        prepared = await self._limited(connection, declared, rows, prepared)
        prepared = await self._without_doubles(connection, declared, rows, prepared)
        await connection.execute(
            SQL["prepared"],
            {
                "items": to_json([asdict(delivery) for delivery in prepared]).decode(),
                "approve_seconds": declared.approvals.within_hours * 3600.0,
            },
        )
        unsent = [
            it.id for it in prepared if it.state is DeliveryState.SKIPPED and it.sent_as is None
        ]
        if unsent and any(row["before"] for row in rows):
            await connection.execute(SQL["left_alone"], {"ids": unsent})
        if unsent and any(row["earlier"] for row in rows):
            await connection.execute(SQL["left_by_verdict"], {"ids": unsent})
        held = [delivery.id for delivery in prepared if delivery.state is DeliveryState.HELD]
        if held and declared.approvals.to is not None:
            await connection.execute(SQL["ask"], {"ids": held, "address": self._address})

    async def _limited(
        self,
        connection: Connection,
        declared: UseCase,
        rows: Sequence[PlannedRow],
        prepared: Sequence[Prepared],
    ) -> list[Prepared]:
        """Hold actions over their daily limit. Only one relay prepares at a time, so it counts."""
        limits = {n: kind.per_day for n, kind in declared.actions.items() if kind.per_day}
        if not limits:
            return list(prepared)
        today = self._clock.now().replace(hour=0, minute=0, second=0, microsecond=0)
        facts = {"use_case": declared.name, "names": list(limits), "since": today}
        cursor = await connection.execute(SQL["made_today"], facts)
        made = Counter({row["destination"]: row["made"] for row in await cursor.fetchall()})
        limited = []
        for row, delivery in zip(rows, prepared, strict=True):
            limit = limits.get(row["destination"])
            over = limit is not None and made[row["destination"]] >= limit
            if limit and delivery.state is DeliveryState.WAITING:
                made[row["destination"]] += 1
            why = stored_sentence("The limit of %(limit)s a day is reached.", limit=limit)
            limited.append(
                replace(delivery, state=DeliveryState.HELD, reason=why) if over else delivery
            )
        return limited

    async def _without_doubles(
        self,
        connection: Connection,
        declared: UseCase,
        rows: Sequence[PlannedRow],
        prepared: Sequence[Prepared],
    ) -> list[Prepared]:
        """Handle repeated keys: the same content is sent once, other content needs a person."""
        named = [
            {"destination": row["destination"], "key": delivery.key}
            for row, delivery in zip(rows, prepared, strict=True)
            if delivery.key is not None
        ]
        facts = {"use_case": declared.name, "items": to_json(named).decode()}
        cursor = await connection.execute(SQL["same_key"], facts)
        taken: dict[tuple[str, str | None], Row] = {
            (row["destination"], row["key"]): row for row in await cursor.fetchall()
        }
        distinct = []
        for row, delivery in zip(rows, prepared, strict=True):
            if delivery.key is None:
                distinct.append(delivery)
                continue
            first = taken.setdefault((row["destination"], delivery.key), outbox.said(delivery))
            same = first["id"] == delivery.id
            distinct.append(
                delivery if same else outbox.doubled(row["destination"], delivery, first)
            )
        return distinct

    async def _tidy(self, declared: UseCase) -> None:
        """Apply what follows from time or from other deliveries; about once a second."""
        now = self._clock.monotonic()
        if now - self._tidied.get(declared.name, -1e9) < _HOUSEKEEPING_SECONDS:
            return
        self._tidied[declared.name] = now
        named = {"use_case": declared.name}
        for row in await self._database.fetch(SQL["lost"], {**named, "most": 200}):
            with self._caught("lost delivery not processed", declared, row):
                await self._settle_lost(declared, row)
        await self._database.fetch(SQL["expire"], named)
        await self._database.fetch(SQL["never_sent"], named)
        for broken in await self._database.fetch(SQL["broken"], named):
            with self._caught("delivery not taken back", declared, broken):
                await self._take_back(declared, broken, outbox.LATER_FAILED)
        async with self._database.transaction() as connection:
            for statement in (SQL["not_again"], SQL["ask_back"], self._close_notices):
                await connection.execute(statement, named)
        for made in await self._database.fetch(SQL["to_take_back"], named):
            with self._caught("delivery not taken back", declared, made):
                await self._take_back(declared, made, outbox.CORRECTED)

    def _caught(
        self, not_done: str, declared: UseCase, row: LostRow | BrokenRow | ToTakeBackRow | ClaimRow
    ) -> AbstractContextManager[None]:
        """Log an error of one row, so that it stops no other row."""
        place = {"usecase": declared.name, "destination": row["destination"]}
        return self._warnings.caught(not_done, **place)

    async def _settle_lost(self, declared: UseCase, row: LostRow) -> None:
        to = outbox.connector(declared, row["destination"])
        error = UnknownOutcomeError(stored_sentence("the sender never reported the result"))
        if to is None:
            outcome = AttemptResult(
                outcome="unknown", state=DeliveryState.UNKNOWN, detail=str(error)
            )
        else:
            outcome = self._failed(error, row, to)
        await self._finished(row, outcome, LEASE_SECONDS)

    async def _take_back(
        self, declared: UseCase, row: BrokenRow | ToTakeBackRow, why: outbox.TakeBack
    ) -> None:
        to = outbox.connector(declared, row["destination"])
        # After a restore it may have been taken back already.
        able = to is not None and to.can_compensate and not row["restored"]
        if not able and row.get("again"):
            await self._database.fetch(SQL["left_there"], {"id": row["id"]})
            return
        async with self._database.transaction() as connection:
            if able:
                await connection.execute(SQL["compensate"], {"id": row["id"]})
            await connection.execute(
                SQL["compensating"],
                {
                    "id": row["id"],
                    "state": DeliveryState.COMPENSATING if able else DeliveryState.STUCK,
                    "reason": why.able if able else why.unable,
                },
            )

    async def _send_some(self, declared: UseCase) -> int:
        free = self._senders - len(self._sending)
        if free <= 0:
            return 0
        named = {"use_case": declared.name}
        async with self._database.transaction() as connection:
            await connection.execute(SQL["gate"], named)
            cursor = await connection.execute(SQL["places"], named)
            places = [row["destination"] for row in await cursor.fetchall()]
            shares = circuits.sender_shares(
                {name: self._held[declared.name, name] for name in places},
                free,
                of_use_case=sum(
                    count for (name, _), count in self._held.items() if name == declared.name
                ),
            )
            began = (
                self._clock.monotonic()
            )  # not before: a halt drill may hold the lock for seconds
            claimed = await connection.execute(
                SQL["claim"], {**named, "rooms": _shares(shares), "lease_seconds": LEASE_SECONDS}
            )
            rows = await claimed.fetchall()
        for row in rows:
            task = asyncio.create_task(self._send(declared, row, began))
            self._sending.add(task)
            place = (declared.name, row["destination"])
            self._held[place] += 1
            task.add_done_callback(functools.partial(self._sent, place))
        return len(rows)

    def _sent(self, place: tuple[str, str], task: asyncio.Task[None]) -> None:
        self._sending.discard(task)
        self._held[place] -= 1
        if not self._held[place]:
            del self._held[place]

    async def _send(self, declared: UseCase, row: ClaimRow, claimed_at: float) -> None:
        to = outbox.connector(declared, row["destination"])
        began = self._clock.monotonic()
        if to is None:
            outcome = AttemptResult(
                outcome="refused",
                state=DeliveryState.FAILED,
                detail=stored_sentence("Its destination is not declared."),
            )
        elif began - claimed_at > STALE_SECONDS:
            # Halted, disconnected or suspended since: the claim may belong to another relay.
            outcome = AttemptResult(
                outcome="temporary",
                state=DeliveryState.WAITING,
                detail=stored_sentence("claimed too late"),
                counts=False,
            )
        elif not outbox.as_approved(
            row["destination"], row["key"], row["content"], row["approved_hash"]
        ):
            outcome = AttemptResult(
                outcome="refused",
                state=DeliveryState.FAILED,
                detail=stored_sentence("What would be sent is not what was approved."),
            )
        else:
            outcome = await self._attempt(to, row)
            if self._clock.monotonic() - began > SEND_SECONDS + STALE_SECONDS:
                # No attempt lasts so long: this process was suspended in the middle of it.
                outcome = replace(outcome, counts=outcome.state is DeliveryState.DELIVERED)
        # If this fails, the lease runs out and the delivery counts as lost.
        with self._caught("outcome of a delivery not recorded", declared, row):
            await self._finished(row, outcome, self._clock.monotonic() - began)
        if outcome.counts:
            await self._count(declared.name, row["destination"], outcome)

    async def _attempt(self, to: Connector, row: ClaimRow) -> AttemptResult:
        request = outbox.request(row)
        egress = self._egress(SEND_SECONDS)
        try:
            async with asyncio.timeout(SEND_SECONDS):
                if row["kind"] == COMPENSATION:
                    made = Sent(reference=row["of_reference"])
                    return retry_policy.delivered(await to.compensate(request, made, egress))
                if row["look_first"] and to.can_look_up:
                    there = await to.look_up(request, egress)
                    if there is not None:
                        return retry_policy.delivered(there, looked_up=True)
                return retry_policy.delivered(await to.send(request, egress))
        except TimeoutError:
            error: Exception = UnknownOutcomeError(
                stored_sentence("no answer within %(seconds)s s", seconds=format(SEND_SECONDS, "g"))
            )
        except Exception as problem:
            error = problem
        return self._failed(error, row, to)

    def _failed(self, error: Exception, row: ClaimRow | LostRow, to: Connector) -> AttemptResult:
        return retry_policy.failed(
            error,
            to,
            attempt=row["attempt"],
            first_sent_at=row["first_sent_at"],
            now=self._clock.now(),
            chance=self._chance(),
        )

    async def _finished(
        self, row: ClaimRow | LostRow, outcome: AttemptResult, seconds: float
    ) -> None:
        item: FinishedItem = {
            "id": self._ids.new("att"),
            "delivery_id": row["id"],
            "compensates": row["kind"] == COMPENSATION,
            "use_case": row["use_case"],
            "number": row["attempt"],
            "worker": self._name,
            "state": outcome.state,
            "outcome": outcome.outcome,
            "detail": _storable(mask(outcome.detail)),
            "wait": outcome.wait,
            "look_first": outcome.look_first,
            "reference": outcome.reference and _storable(outcome.reference),
            "seconds": seconds,
            "at": self._clock.now(),
            "cause": outcome.cause if outcome.state is DeliveryState.FAILED else None,
            **_notice(self._ids, row, outcome),
        }
        await self._writer.write(self._finish, item)

    async def _count(self, use_case: str, destination: str, result: AttemptResult) -> None:
        """Store for all workers when the circuit of a destination opens or closes."""
        state = self._circuits.record(use_case, destination, result, self._clock.monotonic())
        if state is None:
            return
        facts = {
            "use_case": use_case,
            "destination": destination,
            "failures": state.failures,
            "wait": state.pause,
            "error": _storable(mask(result.detail)),
        }
        with self._warnings.caught(
            "state of a destination not shared", usecase=use_case, destination=destination
        ):
            await self._database.fetch(SQL["trip"], facts)


def _storable(text: str) -> str:
    """Text of a receiver without what no database stores: NUL and halves of characters."""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode("utf-8")


def _sentence(error: Exception) -> str:
    """The first line of an error; further lines may quote the record."""
    line = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return f"{_storable(line)[:300].rstrip('.')}."


def _notice(ids: Ids, row: ClaimRow | LostRow, outcome: AttemptResult) -> NoticeItem:
    """The notice for the pod, if everything sent there would fail in the same way."""
    if outcome.cause is None or outcome.state is not DeliveryState.FAILED:
        return {"notice": None, "about": None, "text": None}
    return {
        "notice": ids.new("ntc"),
        "about": circuits.notice_subject(row["destination"], outcome.cause),
        "text": circuits.refusal(row["use_case"], row["destination"], outcome.cause),
    }


def _shares(shares: Mapping[str, int]) -> str:
    places = [{"destination": name, "room": share} for name, share in shares.items()]
    return to_json(places).decode()
