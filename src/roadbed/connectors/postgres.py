"""``PostgresTable``: one row a delivery, under its key."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from roadbed.connectors import rendering
from roadbed.kernel.stored_sentences import stored_sentence
from roadbed.storage.sql import texts
from roadbed.usecases.destinations import (
    DeliveryRequest,
    EgressClient,
    RefusedError,
    Sent,
    TemporaryError,
    UnknownOutcomeError,
)

_CONNECT_SECONDS = 10
_STATEMENT_SECONDS = 10
_NAME = re.compile(r"[^\x00]{1,63}")
# Data, constraint, missing table or column, no permission: a retry would fail too.
_FOR_GOOD = frozenset({"0A", "22", "23", "25", "28", "3D", "3F", "42"})
# Missing table or column, or no permission: every row fails in the same way.
_OF_EVERYTHING = {"42P01": "table", "42703": "table", "42501": "table"}


@dataclass(frozen=True, slots=True)
class PostgresTable:
    """Writes ``columns`` into ``table`` of the database named by the variable ``dsn``.

    ``key_column`` needs a unique index; a repeated key updates its row. A template that is one
    field keeps its type: numbers stay numbers, objects become ``jsonb``.
    """

    kind: ClassVar[str] = "postgres"
    key_horizon: ClassVar[timedelta | None] = timedelta(days=3_650)  # as long as the row exists
    can_look_up: ClassVar[bool] = True
    can_compensate: ClassVar[bool] = True

    dsn: str
    table: str
    key_column: str
    columns: Mapping[str, str]

    def problems(self) -> Sequence[str]:
        return list(self._problems())

    async def send(self, request: DeliveryRequest, egress: EgressClient) -> Sent:
        facts = rendering.facts_of(request)
        row: dict[str, Any] = {self.key_column: request.key}
        for name, template in self.columns.items():
            value = rendering.shape(template, facts)
            row[name] = Jsonb(value) if isinstance(value, dict | list) else value
        values = {f"v{number}": value for number, value in enumerate(row.values())}
        statement = _statement(
            "upsert" if self.columns else "insert_once",
            table=self._table(),
            key=sql.Identifier(self.key_column),
            columns=sql.SQL(", ").join(map(sql.Identifier, row)),
            values=sql.SQL(", ").join(map(sql.Placeholder, values)),
            changes=sql.SQL(", ").join(
                _statement("change", column=sql.Identifier(column)) for column in self.columns
            ),
        )
        async with self._connected(egress) as connection:
            await connection.execute(statement, values)
        return Sent(
            reference=request.key,
            detail=stored_sentence("The row is in %(table)s.", table=self.table),
        )

    async def look_up(self, request: DeliveryRequest, egress: EgressClient) -> Sent | None:
        async with self._connected(egress) as connection:
            cursor = await connection.execute(self._by_key("find"), {"key": request.key})
            row = await cursor.fetchone()
        return (
            Sent(
                reference=request.key,
                detail=stored_sentence("The row exists in %(table)s.", table=self.table),
            )
            if row
            else None
        )

    async def compensate(self, request: DeliveryRequest, sent: Sent, egress: EgressClient) -> Sent:
        async with self._connected(egress) as connection:
            cursor = await connection.execute(self._by_key("remove"), {"key": request.key})
        return Sent(
            reference=request.key,
            detail=stored_sentence("%(rowcount)s rows were removed.", rowcount=cursor.rowcount),
        )

    def _table(self) -> sql.Identifier:
        return sql.Identifier(*self.table.split("."))

    def _by_key(self, name: str) -> sql.Composed:
        return _statement(name, table=self._table(), key=sql.Identifier(self.key_column))

    @asynccontextmanager
    async def _connected(
        self, egress: EgressClient
    ) -> AsyncIterator[psycopg.AsyncConnection[tuple[Any, ...]]]:
        connection = await _connect(self.dsn, egress)
        try:
            async with connection:
                egress.in_time()
                yield connection
        except psycopg.Error as error:
            raise _judged(error) from error
        except UnicodeError as error:
            raise RefusedError(
                stored_sentence("The row cannot be written: %(error)s.", error=error)
            ) from error

    def _problems(self) -> Iterator[str]:
        if "=" in self.dsn or "://" in self.dsn:
            yield "dsn is a secret and must not be written here. Name an environment variable."
        else:
            yield from rendering.secret_problems("dsn", self.dsn)
        if len(self.table.split(".")) > 2 or not all(
            map(_NAME.fullmatch, (*self.table.split("."), self.key_column, *self.columns))
        ):
            yield "A name of table or column is empty or too long. Write schema.name."
        if self.key_column in self.columns:
            yield f"{self.key_column} is filled with the key. Leave it out of columns."
        yield from rendering.template_problems("columns", self.columns)


async def _connect(name: str, egress: EgressClient) -> psycopg.AsyncConnection[tuple[Any, ...]]:
    """A connection to the database named by ``name``; a failure here has changed nothing."""
    address = egress.secret(name).get_secret_value()
    try:
        connection = await psycopg.AsyncConnection.connect(
            address, autocommit=True, connect_timeout=_CONNECT_SECONDS
        )
        await connection.execute(
            texts("roadbed.connectors")["limit"].encode(), {"limit": f"{_STATEMENT_SECONDS}s"}
        )
    except psycopg.ProgrammingError as error:
        # The driver's message quotes the address with its password.
        raise RefusedError(
            stored_sentence("%(name)s is not a database address.", name=name), cause="secret"
        ) from error
    except psycopg.Error as error:
        raise TemporaryError(
            stored_sentence("%(name)s: the database cannot be reached.", name=name)
        ) from error
    return connection


def _statement(name: str, **parts: sql.Composable) -> sql.Composed:
    text = texts("roadbed.connectors")[name]
    # The text is this package's own file, and every part is a quoted identifier or a placeholder.
    return sql.SQL(text).format(**parts)


def _judged(error: psycopg.Error) -> Exception:
    """One statement is one transaction: an answer of the server says that nothing happened."""
    if error.sqlstate is None:
        if isinstance(error, psycopg.DataError):
            return RefusedError(
                stored_sentence("The row cannot be written: %(error)s", error=error)
            )
        return UnknownOutcomeError(stored_sentence("The connection to the database was lost."))
    said = error.diag.message_primary or type(error).__name__
    detail = stored_sentence(
        "The database answered %(sqlstate)s: %(said)s", sqlstate=error.sqlstate, said=said
    )
    if error.sqlstate.startswith("57P"):
        # The server shut down, perhaps after the commit and before its answer.
        return UnknownOutcomeError(detail)
    if error.sqlstate[:2] not in _FOR_GOOD:
        return TemporaryError(detail)
    return RefusedError(detail, cause=_OF_EVERYTHING.get(error.sqlstate))
