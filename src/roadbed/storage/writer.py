"""Group-commit writer: commits all waiting items in one transaction with one flush.

A single-row commit costs one flush of the write-ahead log. Here each caller queues one item and
waits; a lane takes all queued items, writes them in one transaction and wakes the callers. There is
no timer: an idle writer commits at once, a busy one commits more at a time.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar, cast

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import dict_row
from psycopg.types.json import set_json_loads
from pydantic_core import from_json, to_json

from roadbed.kernel.sentences import sentence
from roadbed.storage.database import Connection, Row, RowT, passes
from roadbed.storage.errors import RejectedWriteError, StorageUnavailableError
from roadbed.storage.sql import Query

MOST_AT_ONCE = 512
_FEWEST = 24  # enough items for a separate commit while other lanes are free
_PAUSE_SECONDS = 0.1
# All statements look up by key. By default the planner chooses scans while tables are small
# and keeps that plan as they grow.
BY_KEY = " ".join(
    f"-c {setting}"
    for setting in (
        "enable_seqscan=off",
        "enable_hashjoin=off",
        "enable_mergejoin=off",
        "jit=off",
        "plan_cache_mode=force_generic_plan",
    )
)
ItemT = TypeVar("ItemT", bound=Mapping[str, object])
_ITEMS = re.compile(r"json_to_recordset\(%\(items\)s::json\) AS item \(([^)]*)\)")


class Statement:
    """One statement of a write. With ``when``, it concerns the items that have one of these fields.

    An item does not have a field that is ``None`` or ``False``. With ``distinct``, items that are
    equal in the fields it reads are sent once; it must read plain values only.
    """

    def __init__(self, sql: str, *, when: Sequence[str] = (), distinct: bool = False) -> None:
        self.sql = _few(sql)
        self.fields = _fields(sql)
        self.when = tuple(when)
        self.distinct = distinct

    def of(self, items: Sequence[Mapping[str, object]]) -> list[dict[str, object]]:
        """The parameters: the items that the statement concerns, with the fields that it reads."""
        if self.distinct:
            rows = {tuple(item[name] for name in self.fields) for item in items}
            return [dict(zip(self.fields, row, strict=True)) for row in rows]
        if self.when:
            items = [it for it in items if any(it[name] not in (None, False) for name in self.when)]
        return [
            {name: value for name in self.fields if (value := item[name]) is not None}
            for item in items
        ]


class Write(Generic[ItemT, RowT]):
    """A kind of write: statements run in order inside the batch's transaction.

    Each reads ``json_to_recordset(%(items)s::json) AS item (field type, …)``, the batch, and names
    the fields it needs; it receives only those, because parsing JSON is the largest cost of a
    batch. ``answer``, the last one, returns the stored state, one row per item with its ``id``, so
    a batch that is repeated after a lost connection reports what the first attempt committed. Every
    statement must be idempotent.

    A statement that concerns some items only is sent for these, and not at all for a batch without
    any: see ``Statement``. The answer is sent for all.

    ``items`` is the ``TypedDict`` of an item. Raises ``ValueError`` if a statement reads a field
    that it does not have.
    """

    def __init__(
        self,
        name: str,
        *statements: str | Statement,
        answer: Query[RowT],
        items: type[ItemT],
    ) -> None:
        self.name = name
        self.statements = tuple(
            statement if isinstance(statement, Statement) else Statement(statement)
            for statement in (*statements, answer)
        )
        read = {name for of in self.statements for name in (*of.fields, *of.when)}
        if missing := read - items.__annotations__.keys():
            raise ValueError(f"{name} reads fields that its items do not have: {sorted(missing)}")


def together(parts: Mapping[str, str], last: Query[RowT]) -> Query[RowT]:
    """One statement of named parts that read each other's rows: the batch is parsed once.

    All parts see the database before the statement; a part sees another's writes only in the rows
    that it returns.
    """
    named = ", ".join(f"{name} AS ({part})" for name, part in parts.items())
    return Query(f"WITH {named} {last}")


def _fields(statement: str) -> tuple[str, ...]:
    match = _ITEMS.search(statement)
    if match is None:
        raise ValueError("a write reads json_to_recordset(%(items)s::json) AS item (field type, …)")
    return tuple(part.split()[0] for part in match.group(1).split(","))


def _few(statement: str) -> str:
    """Tell the planner that a batch is small, so that it looks rows up by key.

    The planner assumes 100 rows for the function, and few more for a new table. A limit that is
    unknown at planning time reduces the estimate to ten.
    """
    return _ITEMS.sub(r"(SELECT * FROM \g<0> LIMIT %(most)s) AS item", statement)


@dataclass(slots=True, eq=False)
class _Waiting:
    kind: Write[Any, Any]
    item: Mapping[str, object]
    done: asyncio.Future[Row | None] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )

    def settle(self, row: Row | None) -> None:
        if not self.done.done():
            self.done.set_result(row)

    def fail(self, error: Exception) -> None:
        if not self.done.done():
            self.done.set_exception(error)


class GroupCommitWriter:
    """Commits items of many callers together. One writer per process; ``lanes`` batches overlap."""

    def __init__(self, url: str, *, lanes: int = 3, give_up_seconds: float = 20.0) -> None:
        options = conninfo_to_dict(url).get("options") or ""
        self._url = make_conninfo(url, options=f"{options} {BY_KEY}")
        self._lanes = self._free = lanes
        self._give_up_seconds = give_up_seconds
        self._waiting: deque[_Waiting] = deque()
        self._arrived = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._closing = False

    async def open(self) -> None:
        """Connect and start the lanes. Raises ``StorageUnavailableError``."""
        connections = [await self._connect() for _ in range(self._lanes)]
        self._tasks = [asyncio.create_task(self._lane(connection)) for connection in connections]

    async def close(self) -> None:
        """Commit waiting items, then stop."""
        self._closing = True
        self._arrived.set()
        await asyncio.gather(*self._tasks)

    async def write(self, kind: Write[ItemT, RowT], item: ItemT) -> RowT | None:
        """Commit ``item`` (it needs an ``"id"``); returns the stored row, or ``None``.

        When this returns, the item is on disk. Raises ``RejectedWriteError`` when the database
        refuses this item, ``StorageUnavailableError`` when it cannot be reached.
        """
        if self._closing:
            raise StorageUnavailableError(sentence("the writer is closed"))
        waiting = _Waiting(kind, item)
        self._waiting.append(waiting)
        self._arrived.set()
        return cast("RowT | None", await waiting.done)

    async def _connect(self) -> Connection:
        try:
            connection = await Connection.connect(
                self._url, row_factory=dict_row, prepare_threshold=0, autocommit=True
            )
        except psycopg.OperationalError as error:
            raise StorageUnavailableError(_first_line(error)) from error
        set_json_loads(from_json, connection)
        return connection

    async def _lane(self, connection: Connection) -> None:
        while True:
            await self._arrived.wait()
            batch = self._take()
            if batch:
                self._free -= 1
                try:
                    connection = await self._commit_or_explain(connection, batch)
                except Exception as error:  # if a lane ended, its callers would wait forever
                    await _given_up(connection, batch, error)
                self._free += 1
            elif self._closing:
                break
            else:
                self._arrived.clear()
        await connection.close()

    def _take(self) -> list[_Waiting]:
        """The loop of one lane: while it waits for its flush, another lane can work."""
        share = max(len(self._waiting) // self._free, _FEWEST)
        return [
            self._waiting.popleft() for _ in range(min(len(self._waiting), share, MOST_AT_ONCE))
        ]

    async def _commit_or_explain(
        self,
        connection: Connection,
        batch: list[_Waiting],
        give_up_at: float | None = None,
    ) -> Connection:
        """Commit the batch; retry transient failures, and find a refused item."""
        if give_up_at is None:
            give_up_at = asyncio.get_running_loop().time() + self._give_up_seconds
        while True:
            try:
                await _commit(connection, batch)
                return connection
            except Exception as error:
                if not passes(error):
                    return await self._halve(connection, batch, error, give_up_at)
                failure = error
            try:
                connection = await self._restored(connection)
            except StorageUnavailableError as error:
                failure = error
            if asyncio.get_running_loop().time() > give_up_at:
                for waiting in batch:
                    waiting.fail(StorageUnavailableError(_first_line(failure)))
                return connection
            await asyncio.sleep(_PAUSE_SECONDS)

    async def _halve(
        self,
        connection: Connection,
        batch: list[_Waiting],
        error: Exception,
        give_up_at: float,
    ) -> Connection:
        """Reject a single item. Of several, commit each half separately.

        So one refused item of n costs at most 2 log2 n extra commits, not n.
        """
        try:
            await connection.rollback()
        except psycopg.Error:
            await connection.close()  # the next batch finds it closed and opens another
        if len(batch) == 1:
            batch[0].fail(RejectedWriteError(_first_line(error)))
            return connection
        middle = len(batch) // 2
        for half in (batch[:middle], batch[middle:]):
            connection = await self._commit_or_explain(connection, half, give_up_at)
        return connection

    async def _restored(self, connection: Connection) -> Connection:
        """A working connection. Raises ``StorageUnavailableError``."""
        with contextlib.suppress(psycopg.Error):
            await connection.rollback()
        if not connection.broken and not connection.closed:
            return connection
        await connection.close()
        return await self._connect()


async def write_within(
    connection: Connection, kind: Write[ItemT, RowT], item: ItemT
) -> RowT | None:
    """The same as ``write`` for one item, inside a transaction that the caller commits."""
    for statement in kind.statements:
        if rows := statement.of([item]):
            facts = {"items": to_json(rows).decode(), "most": MOST_AT_ONCE}
            cursor = await connection.execute(statement.sql, facts)
    return cast("RowT | None", await cursor.fetchone())


async def _given_up(connection: Connection, batch: Sequence[_Waiting], error: Exception) -> None:
    for waiting in batch:
        waiting.fail(StorageUnavailableError(_first_line(error)))
    with contextlib.suppress(psycopg.Error):
        await connection.close()  # in any state: the next batch opens another


async def _commit(connection: Connection, batch: Sequence[_Waiting]) -> None:
    by_kind: dict[Write[Any, Any], list[_Waiting]] = {}
    for waiting in batch:
        by_kind.setdefault(waiting.kind, []).append(waiting)
    answers: list[tuple[list[_Waiting], psycopg.AsyncCursor[Row]]] = []
    # In pipeline mode all statements are sent together: one round trip per batch. Without BEGIN
    # they still are one transaction, which ends with the pipeline: fetch nothing inside.
    async with connection.pipeline():
        for kind, members in by_kind.items():
            for statement in kind.statements:
                if items := statement.of([waiting.item for waiting in members]):
                    cursor = await connection.execute(
                        statement.sql, {"items": to_json(items).decode(), "most": MOST_AT_ONCE}
                    )
            answers.append((members, cursor))
    results = [(members, await cursor.fetchall()) for members, cursor in answers]
    for members, rows in results:
        standing = {row["id"]: row for row in rows}
        for waiting in members:
            waiting.settle(standing.get(waiting.item["id"]))


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
