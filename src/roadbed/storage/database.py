"""The pool for reads and for writes that are not on the hot path."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from itertools import product
from typing import TYPE_CHECKING, Any, Self, TypeVar, overload

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from roadbed.kernel.sentences import sentence
from roadbed.storage.errors import DatabaseUrlError, StorageUnavailableError
from roadbed.storage.sql import Query

Row = Mapping[str, Any]
RowT = TypeVar("RowT", bound=Row)
Parameters = Mapping[str, object]
SCHEMA = "roadbed"
_CHECKED_SECONDS = 1.0
_FETCHED_ROWS = 50  # at a time: a row may be as large as a body
_BATCH_BYTES = 4_000_000  # after which a batch is given with fewer rows
_LONG_TYPES = (25, 114, 3802)  # text, json, jsonb
_HOSTS = re.compile(r"((\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._%-]*)(:[0-9]*)?(,|$))*")

# SQLSTATE classes of transient failures.
_PASSING = (
    "08",  # the connection
    "25006",  # read-only: after a failover, or stopped by its host for lack of space
    "40",  # a deadlock or a conflict between transactions
    "53000",  # resources
    "53100",  # the disk is full: the record is not at fault
    "53200",  # memory
    "53300",  # too many connections
    "55P03",  # a lock was not available in time
    "57014",  # cancelled by a time limit or a person
    "57P",  # the server stops or starts
    "58",  # the server's own input and output
)


def passes(error: Exception) -> bool:
    """Whether a failure is transient; otherwise the statement is at fault."""
    if isinstance(error, psycopg.Error) and error.sqlstate is not None:
        return error.sqlstate.startswith(_PASSING)
    return isinstance(error, PoolTimeout | psycopg.OperationalError | psycopg.InterfaceError)


def with_schema(url: str) -> str:
    """``url`` with Roadbed's schema first on the search path. Raises ``DatabaseUrlError``.

    The error and its cause do not quote the address: a part of the password may have been parsed as
    host, port or name.
    """
    try:
        parts = conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        parts = {}
    ports = str(parts.get("port") or "").split(",")
    if not parts or not _well_formed(url) or any(port and not port.isdigit() for port in ports):
        raise DatabaseUrlError
    options = f"{parts.get('options') or ''} -c search_path={SCHEMA},public".strip()
    return make_conninfo(url, options=options, application_name="roadbed")


def _well_formed(url: str) -> bool:
    """Whether no character of the password can be read as another part of the address."""
    _, is_address, rest = url.partition("://")
    if not is_address:
        return True
    authority = re.split("[/?]", rest, maxsplit=1)[0]
    if rest.count("@") > authority.count("@") or authority.count("@") > 1 or "#" in rest:
        return False
    return _HOSTS.fullmatch(authority.rpartition("@")[2]) is not None


class Connection(psycopg.AsyncConnection[Row]):
    """A connection that gives the rows of a ``Query`` their type."""

    checked_at = float("-inf")

    if TYPE_CHECKING:

        @overload  # type: ignore[override]  # no templates: SQL is not built
        async def execute(
            self, query: Query[RowT], params: Parameters | None = None
        ) -> psycopg.AsyncCursor[RowT]: ...
        @overload
        async def execute(
            self, query: str | bytes, params: Parameters | None = None
        ) -> psycopg.AsyncCursor[Row]: ...
        async def execute(self, query: str | bytes, params: Parameters | None = None) -> object: ...


class BlockingConnection(psycopg.Connection[Row]):
    """The same for programs that need no event loop."""

    if TYPE_CHECKING:

        @overload  # type: ignore[override]  # no templates: SQL is not built
        def execute(
            self, query: Query[RowT], params: Parameters | None = None
        ) -> psycopg.Cursor[RowT]: ...
        @overload
        def execute(
            self, query: str | bytes, params: Parameters | None = None
        ) -> psycopg.Cursor[Row]: ...
        def execute(self, query: str | bytes, params: Parameters | None = None) -> object: ...


async def _check(connection: Connection) -> None:
    """Raises if a connection is lost; one that was checked a moment ago is not asked again."""
    now = time.monotonic()
    if now - connection.checked_at > _CHECKED_SECONDS:
        await AsyncConnectionPool.check_connection(connection)
        connection.checked_at = now


def _size(cursor: psycopg.AsyncServerCursor[Row]) -> int:
    """The bytes of text in the rows that were fetched last."""
    if (result := cursor.pgresult) is None:
        return 0
    long = [place for place in range(result.nfields) if result.ftype(place) in _LONG_TYPES]
    cells = product(range(result.ntuples), long)
    return sum(len(result.get_value(row, column) or b"") for row, column in cells)


class Database:
    """A pool of connections; one call of ``transaction`` is one transaction."""

    def __init__(self, url: str, *, connections: int = 8) -> None:
        self.url = with_schema(url)
        self._pool: AsyncConnectionPool[Connection] = AsyncConnectionPool(
            self.url,
            connection_class=Connection,
            # One statement is one transaction anyway, without two more round trips for it.
            kwargs={"row_factory": dict_row, "autocommit": True},
            min_size=1,
            max_size=connections,
            timeout=10.0,
            check=_check,
            open=False,
        )

    async def __aenter__(self) -> Self:
        await self._pool.open()
        try:
            await self._pool.wait(timeout=10.0)
        except PoolTimeout as error:
            await self._pool.close()
            raise StorageUnavailableError(sentence("no connection within 10 seconds")) from error
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._pool.close()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """A connection inside one transaction. Raises ``StorageUnavailableError``."""
        async with self._connection() as connection, connection.transaction():
            yield connection

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[Connection]:
        """A connection outside a transaction. Raises ``StorageUnavailableError``."""
        try:
            async with self._pool.connection() as connection:
                yield connection
        except (PoolTimeout, psycopg.Error) as error:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                # psycopg cancels the running statement, and the cancellation may hit the next one.
                raise asyncio.CancelledError from error
            if not passes(error):
                raise
            lines = str(error).strip().splitlines() or [type(error).__name__]
            raise StorageUnavailableError(lines[0]) from error

    @overload
    async def fetch(
        self, query: Query[RowT], parameters: Parameters | None = None
    ) -> Sequence[RowT]: ...
    @overload
    async def fetch(self, query: str, parameters: Parameters | None = None) -> Sequence[Row]: ...
    async def fetch(self, query: str, parameters: Parameters | None = None) -> Sequence[Row]:
        """All rows of one statement, in a separate transaction."""
        async with self._connection() as connection:
            cursor = await connection.execute(query, parameters)
            return await cursor.fetchall() if cursor.description else []

    @overload
    def stream(
        self, query: Query[RowT], parameters: Parameters | None = None, *, batch: int = ...
    ) -> AsyncGenerator[Sequence[RowT], None]: ...
    @overload
    def stream(
        self, query: str, parameters: Parameters | None = None, *, batch: int = ...
    ) -> AsyncGenerator[Sequence[Row], None]: ...
    async def stream(
        self, query: str, parameters: Parameters | None = None, *, batch: int = 1000
    ) -> AsyncGenerator[Sequence[Row], None]:
        """All rows of one statement as they were when it began, so many at a time at most.

        The database holds them; here there is never more than one batch, and large rows make it
        shorter. A connection is in use until the end, so whoever stops before it closes the
        iterator.
        """
        async with self.transaction() as connection, connection.cursor(name="rows") as cursor:
            await cursor.execute(query, parameters)
            rows: list[Row] = []
            size = 0
            while part := await cursor.fetchmany(min(batch - len(rows), _FETCHED_ROWS)):
                rows += part
                size += _size(cursor)
                if len(rows) >= batch or size >= _BATCH_BYTES:
                    yield rows
                    rows, size = [], 0
            if rows:
                yield rows

    @overload
    async def fetch_one(
        self, query: Query[RowT], parameters: Parameters | None = None
    ) -> RowT | None: ...
    @overload
    async def fetch_one(self, query: str, parameters: Parameters | None = None) -> Row | None: ...
    async def fetch_one(self, query: str, parameters: Parameters | None = None) -> Row | None:
        """The first row, if any, in a separate transaction."""
        rows = await self.fetch(query, parameters)
        return rows[0] if rows else None
