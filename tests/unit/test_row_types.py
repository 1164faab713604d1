"""The types of rows are those that PostgreSQL gives on the newest schema."""

from __future__ import annotations

from collections import Counter
from importlib import import_module
from pathlib import Path
from typing import Any

import psycopg
import pytest

from roadbed.storage.database import with_schema
from roadbed.storage.sql import queries
from roadbed.storage.writer import Write
from tests import row_types
from tests.row_types import Described, Describer

# Modules that declare a `Write`.
WRITERS = ("roadbed.transactions", "roadbed.intake.tasks", "roadbed.reviews.service")


def described(url: str, sql: str) -> Described:
    describer = Describer(url)
    try:
        return describer.describe("it", sql)
    finally:
        describer.close()


def columns(url: str, sql: str) -> dict[str, str]:
    """Type of each column, with ``?`` where it may be null."""
    return {
        column.name: column.type + "?" * column.nullable for column in described(url, sql).columns
    }


def test_rows_are_typed_as_the_statements_give_them(
    url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    by_package, faults = row_types.describe(url)
    assert faults == []
    for path, text in row_types.modules(by_package).items():
        assert path.read_text(encoding="utf-8") == text, f"{path} is out of date: run make rows"
    statements = [statement for part in by_package.values() for statement in part]
    untyped = Counter(statement.why_none for statement in statements if not statement.columns)
    with capsys.disabled():
        print(f"\n{len(statements) - untyped.total()} of {len(statements)} statements return typed")
        print("rows; the others:", ", ".join(f"{n} {why}" for why, n in untyped.items()))
    assert set(untyped) <= {"returns no rows", "hands items to other parts of its statement"}


def test_every_statement_of_a_write_is_accepted(url: str) -> None:
    """The parts of a statement are described one by one; here they are put together."""
    writes = {
        value
        for name in WRITERS
        for value in vars(import_module(name)).values()
        if isinstance(value, Write)
    }
    assert len(writes) > 10
    with psycopg.connect(with_schema(url), autocommit=True) as connection:
        for statement in [it for write in writes for it in write.statements]:
            result = connection.pgconn.prepare(b"", row_types.numbered(statement.sql, {}).encode())
            assert not result.error_message, statement.sql


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT name, live_version FROM use_case", {"name": "str", "live_version": "VersionId?"}),
        ("SELECT id, reference_rate FROM task", {"id": "TaskId", "reference_rate": "float"}),
        ("SELECT count(*) AS n, max(id) AS last FROM task", {"n": "int", "last": "str?"}),
        ("SELECT coalesce(max(id), '') AS last FROM task", {"last": "str"}),
        ("SELECT coalesce(max(id), key) AS a FROM task GROUP BY key", {"a": "str?"}),
        ("SELECT key IS NOT NULL AS a, key = '' AS b FROM task", {"a": "bool", "b": "bool?"}),
        ("SELECT now() AS a, interval '1 s' AS b, 1.5 AS c", {
            "a": "datetime", "b": "timedelta", "c": "Decimal"}),
        ("SELECT barred, input FROM review JOIN task ON task.id = task_id", {
            "barred": "list[str]", "input": "Json"}),
        # What an outer join leaves out is null, through other joins, sorts and subqueries as well.
        ("""SELECT task.id, review.id AS review FROM task
            LEFT JOIN review ON review.task_id = task.id ORDER BY review.opened_at""",
         {"id": "TaskId", "review": "ReviewId?"}),
        ("SELECT review.id FROM review RIGHT JOIN task ON review.task_id = task.id",
         {"id": "ReviewId?"}),
        ("SELECT review.id, task.id AS task FROM review FULL JOIN task ON review.task_id = task.id",
         {"id": "ReviewId?", "task": "TaskId?"}),
        ("""SELECT n FROM task
            LEFT JOIN (SELECT task_id, count(*) AS n FROM review GROUP BY 1) AS of
            ON of.task_id = task.id""", {"n": "int?"}),
        ("""SELECT id, given FROM task LEFT JOIN (SELECT task_id, true AS given FROM review) AS of
           ON of.task_id = task.id""", {"id": "TaskId", "given": "bool?"}),
        ("""WITH of AS MATERIALIZED (SELECT task_id FROM review) SELECT of.task_id FROM task
           LEFT JOIN of ON of.task_id = task.id""", {"task_id": "TaskId?"}),
        ("""SELECT own.id, other.id AS other FROM task AS own LEFT JOIN task AS other
           ON other.id = own.revises""", {"id": "TaskId", "other": "TaskId?"}),
        ("UPDATE use_case SET halted = true RETURNING name", {"name": "str"}),
        ("DELETE FROM in_flight USING task WHERE task.id = task_id RETURNING task_id, reserved",
         {"task_id": "TaskId", "reserved": "Decimal?"}),
        ("SELECT id FROM task UNION SELECT key FROM task", {"id": "str?"}),
        ("SELECT item.id FROM json_to_recordset(%(items)s::json) AS item (id text)", {"id": "str"}),
        # Comments.
        ("-- not null: last\nSELECT max(id) AS last FROM task", {"last": "str"}),
        ("-- nullable: id\nSELECT id FROM task", {"id": "TaskId?"}),
        ("-- null elements: keys\nSELECT ARRAY(SELECT key FROM task) AS keys",
         {"keys": "list[str | None]?"}),
        ("-- parameter: at timestamptz\nSELECT %(at)s - now() AS ahead", {"ahead": "timedelta?"}),
    ],
)  # fmt: skip
def test_a_column_has_its_type(url: str, sql: str, expected: dict[str, str]) -> None:
    assert columns(url, sql) == expected


@pytest.mark.parametrize(
    ("sql", "fault"),
    [
        ("SELECT nothing FROM task", 'column "nothing" does not exist'),
        ("-- not null: other\nSELECT id FROM task", "columns that it does not have: .*other"),
        ("-- not null: id\nSELECT id FROM task", "of id is known without it"),
        ("-- nullable: key\nSELECT key FROM task", "of key is known without it"),
    ],
)
def test_a_wrong_statement_or_comment_is_told(url: str, sql: str, fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        described(url, sql)


def test_rows_of_other_statements_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "stale_rows"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "queries.sql").write_text("-- name: first\nSELECT 1\n-- name: second\nSELECT 2\n")
    (package / "rows.py").write_text("class Queries(dict):\n    first: str\n    third: str\n")
    monkeypatch.syspath_prepend(tmp_path)
    names: Any = import_module("stale_rows.rows").Queries
    with pytest.raises(ValueError, match=r"\['second', 'third'\]. Run make rows"):
        queries(names)
