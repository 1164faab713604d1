"""Halts, drills and resumes of use cases.

*Fenced*: no new effect can begin. *Quiesced*: no effect is in progress. Both are measured in
seconds from the request, and stored.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

from psycopg.types.json import Jsonb

from roadbed.audit.events import AuditEvent, record
from roadbed.halts.errors import (
    DrillLimitError,
    NotHaltedError,
    RestoreUndeclaredError,
    ResumeError,
    UnknownHaltError,
)
from roadbed.halts.model import Halt, HaltOfAll
from roadbed.halts.rows import Queries
from roadbed.kernel.clock import Clock
from roadbed.kernel.ids import Ids
from roadbed.kernel.sentences import sentence, sentences
from roadbed.people import duties
from roadbed.people.duties import Parties
from roadbed.storage.background import Warnings
from roadbed.storage.database import Connection, Database
from roadbed.storage.sql import queries, texts

if TYPE_CHECKING:
    from roadbed.usecases.rows import Queries as UseCaseQueries


_SQL = queries(Queries)
# The owner of `use_case` lies above: its statements run here, its code does not.
_USE_CASES = cast("UseCaseQueries", texts("roadbed.usecases"))
_LOOK_SECONDS = 0.01
_GIVE_UP_SECONDS = 30.0  # longer than any attempt's lease
_DRILL_SECONDS = 2.0  # senders wait at most this long for a drill
_MOST_DRILLS = 6  # by people, of a use case, within an hour: each holds back its senders and halts
_CLOCK = "roadbed"  # who makes the drills that are due
_DRILLS_WITHIN = timedelta(hours=1)


class Halts:
    """Stops use cases and starts them again. Needs nothing but the database."""

    def __init__(self, database: Database, ids: Ids, clock: Clock) -> None:
        self._database = database
        self._warnings = Warnings()
        self._ids = ids
        self._clock = clock

    async def halt(self, use_case: str, *, reason: str, actor: str) -> Halt:
        """Stop a use case; gives when it was fenced and quiesced. Raises ``UnknownHaltError``.

        A second halt of a halted use case is recorded too. When this returns, nothing of the
        use case can settle as automatic or be sent.
        """
        halt_id = self._ids.new("hlt")
        asked_at, began = self._clock.now(), self._clock.monotonic()
        async with self._database.transaction() as connection:
            await connection.execute(_SQL["fence"], {"use_case": use_case})
            row = await (
                await connection.execute(_USE_CASES["halt"], {"use_case": use_case})
            ).fetchone()
            if row is None:
                raise UnknownHaltError(use_case)
            await self._keep(
                connection, halt_id, use_case, row["halt_epoch"], reason, actor, asked_at
            )
        fenced = self._clock.monotonic() - began
        # A NOTIFY serialises commits of the whole server, so it is not in the fence's transaction.
        with self._warnings.caught("other processes not told", usecase=use_case):
            await self._database.fetch(_SQL["tell"], {"use_case": use_case})
        return await self._until_quiet(use_case, halt_id, began, fenced)

    async def hold(self, restoration: str, reason: str) -> None:
        """Halt every use case that a restore has not halted yet, until it is declared."""
        facts = {"restoration": restoration}
        running = await self._database.fetch(_SQL["not_held"], facts)
        for row in running:
            async with self._database.transaction() as connection:
                halt_id = await self.set_again(
                    connection, row["name"], reason=reason, actor="roadbed"
                )
                await connection.execute(_SQL["of_restoration"], {**facts, "id": halt_id})
        if running:
            await self.tell_all()

    async def set_again(
        self, connection: Connection, use_case: str, *, reason: str, actor: str
    ) -> str | None:
        """Halt in the caller's transaction; ``None`` if there is no such use case. Gives its id."""
        await connection.execute(_SQL["fence"], {"use_case": use_case})
        row = await (
            await connection.execute(_USE_CASES["halt"], {"use_case": use_case})
        ).fetchone()
        if row is None:
            return None
        halt_id = self._ids.new("hlt")
        await self._keep(connection, halt_id, use_case, row["halt_epoch"], reason, actor)
        return halt_id

    async def lift(self, connection: Connection, restoration: str, *, actor: str) -> None:
        """End the halts of a restore that was declared; those that people set stay in force."""
        facts = {"restoration": restoration, "actor": actor, "at": self._clock.now()}
        await connection.execute(_SQL["lift"], facts)
        cursor = await connection.execute(_USE_CASES["resume_after_restore"], facts)
        for row in await cursor.fetchall():
            event = AuditEvent(
                use_case=row["name"],
                kind="resumed",
                subject=restoration,
                actor=actor,
                detail={"reason": "the restore was declared", "epoch": row["halt_epoch"]},
            )
            await record(connection, event)

    async def tell_all(self) -> None:
        """Have every process look again at what is halted."""
        with self._warnings.caught("other processes not told", usecase="all"):
            await self._database.fetch(_SQL["tell_all"])

    async def halt_all(
        self, *, reason: str, actor: str, only: Sequence[str] | None = None
    ) -> HaltOfAll:
        """Stop every use case known to the database, or ``only`` those named, side by side.

        One that fails stops no other. Raises ``StorageUnavailableError`` when not even their names
        can be read.
        """
        names = await self.known() if only is None else only
        ended = await asyncio.gather(
            *(self.halt(name, reason=reason, actor=actor) for name in names),
            return_exceptions=True,
        )
        failed: dict[str, str] = {}
        for name, result in zip(names, ended, strict=True):
            if isinstance(result, Exception):
                failed[name] = str(result).strip() or type(result).__name__
            elif isinstance(result, BaseException):
                raise result
        return HaltOfAll(
            halts=[result for result in ended if isinstance(result, Halt)], failed=failed
        )

    async def known(self) -> list[str]:
        """Every use case the database knows, served here or not."""
        return [row["name"] for row in await self._database.fetch(_SQL["known"])]

    async def drill(self, use_case: str, *, actor: str) -> Halt:
        """Rehearse a halt without stopping anything, and store the times.

        The fence is closed until running effects have ended, and opened again. Senders wait
        meanwhile, at most two seconds. People may do so six times an hour, one at a time. Raises
        ``UnknownHaltError``, ``DrillLimitError``.
        """
        halt_id = self._ids.new("hlt")
        asked_at, began = self._clock.now(), self._clock.monotonic()
        async with self._database.transaction() as connection:
            await self._may_drill(connection, use_case, asked_at, actor)
            await connection.execute(_SQL["fence"], {"use_case": use_case})
            fenced = self._clock.monotonic() - began
            row = await (await connection.execute(_SQL["epoch"], {"use_case": use_case})).fetchone()
            if row is None:
                raise UnknownHaltError(use_case)
            flying: Sequence[Any] = []
            quiesced = None
            while self._clock.monotonic() - began < _DRILL_SECONDS:
                flying = await self._under_way(connection, use_case)
                if not flying:
                    quiesced = self._clock.monotonic() - began
                    break
                await asyncio.sleep(_LOOK_SECONDS)
            facts = {
                "id": halt_id,
                "use_case": use_case,
                "kind": "drill",
                "reason": "drill",
                "actor": actor,
                "epoch": row["halt_epoch"],
                "asked_at": asked_at,
            }
            await connection.execute(_SQL["keep"], facts)
            await connection.execute(_SQL["measured"], _times(halt_id, fenced, quiesced, flying))
            await record(connection, _event("drilled", facts))
        return await self._get(halt_id)

    async def resume(self, use_case: str, *, actor: str, note: str = "") -> Halt:
        """Request a resume; a second person confirms it.

        Raises ``NotHaltedError``, ``ResumeError`` when the same person asks twice,
        ``RestoreUndeclaredError`` while the database is a copy that nobody has declared.
        """
        async with self._database.transaction() as connection:
            await connection.execute(_SQL["fence"], {"use_case": use_case})
            restored = await (await connection.execute(_SQL["undeclared"])).fetchone()
            if restored and restored["undeclared"]:
                raise RestoreUndeclaredError
            cursor = await connection.execute(_SQL["standing"], {"use_case": use_case})
            row = await cursor.fetchone()
            if row is None:
                raise NotHaltedError(use_case)
            asked = [] if row["resume_asked_by"] is None else [row["resume_asked_by"]]
            if duties.bar(actor, Parties(authors=asked)) is not None:
                raise ResumeError(use_case, actor)
            second = bool(asked)
            facts = {
                "id": row["id"],
                "use_case": use_case,
                "actor": actor,
                "at": self._clock.now(),
                "epoch": row["epoch"],
                "reason": note,
            }
            await connection.execute(_SQL["resume_second" if second else "resume_first"], facts)
            if second:
                await connection.execute(_USE_CASES["resume"], {"use_case": use_case})
            done = "resumed" if second else "resume asked"
            await record(connection, _event(done, facts))
        with self._warnings.caught("other processes not told", usecase=use_case):
            await self._database.fetch(_SQL["tell"], {"use_case": use_case})
        return await self._get(row["id"])

    async def history(self, use_case: str, most: int = 20) -> Sequence[Halt]:
        """Halts and drills, newest first."""
        facts = {"use_case": use_case, "most": most}
        return [Halt(**row) for row in await self._database.fetch(_SQL["history"], facts)]

    async def standing(self, use_case: str) -> Halt | None:
        """The halt in force, if one is."""
        row = await self._database.fetch_one(_SQL["standing"], {"use_case": use_case})
        return await self._get(row["id"]) if row else None

    async def in_force(self) -> Sequence[Halt]:
        """The halts in force, of every use case the database knows, by name."""
        return [Halt(**row) for row in await self._database.fetch(_SQL["in_force"])]

    async def last_drill(self, use_case: str) -> datetime | None:
        """When a halt or a drill last ran."""
        row = await self._database.fetch_one(_SQL["last"], {"use_case": use_case})
        return row["at"] if row else None

    async def _may_drill(
        self, connection: Connection, use_case: str, at: datetime, actor: str
    ) -> None:
        """Of two drills one gives way, so that a halt never waits for more than one.

        Those that the clock makes count for nobody. Raises ``DrillLimitError``.
        """
        facts = {"use_case": use_case, "after": at - _DRILLS_WITHIN}
        row = await (await connection.execute(_SQL["drill_alone"], facts)).fetchone()
        if row is None or not row["alone"]:
            raise DrillLimitError(use_case, sentence("a drill is under way"), _DRILL_SECONDS)
        made = await (await connection.execute(_SQL["drills"], facts)).fetchone()
        if actor == _CLOCK or made is None or made["oldest"] is None:
            return
        if made["n"] >= _MOST_DRILLS:
            left = made["oldest"] + _DRILLS_WITHIN - at
            why = sentences(
                "there was %(n)s drill within an hour",
                "there were %(n)s drills within an hour",
                made["n"],
            )
            raise DrillLimitError(use_case, why, max(left.total_seconds(), 1.0))

    async def _keep(
        self,
        connection: Connection,
        halt_id: str,
        use_case: str,
        epoch: int,
        reason: str,
        actor: str,
        asked_at: datetime | None = None,
    ) -> None:
        facts = {
            "id": halt_id,
            "use_case": use_case,
            "kind": "halt",
            "reason": reason,
            "actor": actor,
            "epoch": epoch,
            "asked_at": asked_at or self._clock.now(),
        }
        await connection.execute(_SQL["keep"], facts)
        await record(connection, _event("halted", facts))

    async def _until_quiet(self, use_case: str, halt_id: str, began: float, fenced: float) -> Halt:
        async with self._database.transaction() as connection:
            first = flying = await self._under_way(connection, use_case)
        while flying and self._clock.monotonic() - began < _GIVE_UP_SECONDS:
            await asyncio.sleep(_LOOK_SECONDS)
            async with self._database.transaction() as connection:
                flying = await self._under_way(connection, use_case)
        quiesced = None if flying else self._clock.monotonic() - began
        await self._database.fetch(_SQL["measured"], _times(halt_id, fenced, quiesced, first))
        return await self._get(halt_id)

    async def _under_way(self, connection: Connection, use_case: str) -> Sequence[Any]:
        cursor = await connection.execute(_SQL["under_way"], {"use_case": use_case})
        return await cursor.fetchall()

    async def _get(self, halt_id: str) -> Halt:
        row = await self._database.fetch_one(_SQL["get"], {"id": halt_id})
        if row is None:
            raise UnknownHaltError(halt_id)
        return Halt(**row)


def _event(kind: str, halt: Mapping[str, Any]) -> AuditEvent:
    """The audit entry about a halt: what was done to it, with its reason and epoch."""
    return AuditEvent(
        use_case=halt["use_case"],
        kind=kind,
        subject=halt["id"],
        actor=halt["actor"],
        detail={"reason": halt["reason"], "epoch": halt["epoch"]},
    )


def _times(
    halt_id: str, fenced: float, quiesced: float | None, flying: Sequence[Any]
) -> dict[str, Any]:
    return {
        "id": halt_id,
        "fenced": fenced,
        "quiesced": quiesced,
        "in_flight": Jsonb([dict(effect) for effect in flying]),
    }
