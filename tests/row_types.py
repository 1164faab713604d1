"""Types of the rows of every named statement, as PostgreSQL describes them.

``make rows`` writes ``rows.py`` beside each ``queries.sql``. ``tests/unit/test_row_types.py`` fails
if one of them differs from what the statements give on the newest schema.

A column is ``| None`` if its base column may be null, if an outer join may leave it out, or if it
is an expression of which nothing is known. Comments below a statement's name say what is known
better:

- ``-- not null: a, b`` and ``-- nullable: a, b``
- ``-- null elements: a`` for an array that holds nulls
- ``-- parameter: at timestamptz`` where PostgreSQL cannot infer the type of a parameter

A statement that reads ``item``, ``born`` or ``fresh`` is a part of others (``transactions.py``). It
is described with the items of the largest of them.
"""

from __future__ import annotations

import json
import keyword
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
from psycopg.pq import ExecStatus

from roadbed.storage.database import with_schema
from roadbed.storage.embedded import ROOT_HOME, EmbeddedServer
from roadbed.storage.sql import texts
from tests.databases import database

SOURCE = Path(__file__).parents[1] / "src"
_TYPES = {
    "bool": "bool",
    "bytea": "bytes",
    "date": "date",
    "float8": "float",
    "int2": "int",
    "int4": "int",
    "int8": "int",
    "interval": "timedelta",
    "json": "Json",
    "jsonb": "Json",
    "name": "str",
    "numeric": "Decimal",
    "oid": "int",
    "regclass": "str",
    "text": "str",
    "timestamptz": "datetime",
    "uuid": "UUID",
    "varchar": "str",
    "void": "str",  # psycopg gives an empty text
}
# Columns that hold ids, in their own table and in others.
_IDS = {
    "certificate.id": "CertificateId",
    "decision.id": "DecisionId",
    "example.id": "ExampleId",
    "review.id": "ReviewId",
    "task.id": "TaskId",
    "use_case.live_version": "VersionId",
    "verdict.id": "VerdictId",
    "version.id": "VersionId",
    "*.decision_id": "DecisionId",
    "*.review_id": "ReviewId",
    "*.task_id": "TaskId",
    "*.verdict_id": "VerdictId",
    "decision.version": "VersionId",
}
_IMPORTS = {
    "date": "from datetime import date",
    "datetime": "from datetime import datetime",
    "timedelta": "from datetime import timedelta",
    "Decimal": "from decimal import Decimal",
    "UUID": "from uuid import UUID",
    **{name: f"from roadbed.kernel.ids import {name}" for name in set(_IDS.values())},
}
_PLACEHOLDER = re.compile(r"%\((\w+)\)s")
_HINT = re.compile(r"^-- (not null|nullable|null elements|parameter): (.+)$", re.MULTILINE)
_HANDS_ON = re.compile(
    r"^(SELECT|RETURNING) (item\.\*|\* FROM (item\b|json_to_recordset\(%\(items\)s))", re.MULTILINE
)
# What parts of a statement read of the others.
_PART = re.compile(r"\b(FROM|JOIN|USING) (item|born|fresh)\b(?! \()")
_OTHER_PARTS = """WITH item AS ({items}), born AS (SELECT task_id AS id FROM item),
fresh AS (SELECT * FROM item) """
_COLUMN = re.compile(r"(\w+)\.(\w+)")
# Expressions that are never null, as EXPLAIN prints them.
_NEVER_NULL = re.compile(
    r"(count|jsonb?_build_(object|array)|row_number|nextval|now|clock_timestamp"
    r"|answer_withheld|authors_of|senders_of"  # functions of the migrations
    r"|pg_try_advisory\w*|ARRAY|EXISTS|COALESCE)\s?$"
)
_CONSTANT = re.compile(r"'[^']*'(::[\w\s\[\]]+)?|-?[0-9.]+|true|false|now\(\)|count\(\*\)")
_TRUTH = re.compile(r" IS (NOT )?(NULL|TRUE|FALSE|DISTINCT FROM)\b|^NOT EXISTS$")
_WINDOW = re.compile(r"( OVER \w+|( OVER| FILTER) )?")


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column that a statement returns, with its Python type."""

    name: str
    type: str
    nullable: bool


@dataclass(frozen=True, kw_only=True)
class Described:
    """A named statement: its columns, or the reason why it has none."""

    name: str
    columns: tuple[Column, ...] = ()
    why_none: str = ""


def packages() -> list[str]:
    """Packages that have named statements for Roadbed's database.

    Those of ``connectors`` are for databases of others, and name their tables by ``{}``.
    """
    files = SOURCE.glob("roadbed/**/queries.sql")
    named = {".".join(path.parent.relative_to(SOURCE).parts) for path in files}
    return sorted(named - {"roadbed.connectors"})


class Describer:
    """Describes statements on one database with the newest schema."""

    def __init__(self, url: str) -> None:
        self._connection = psycopg.connect(with_schema(url), autocommit=True)
        self._types = dict(self._pairs("SELECT oid::int8, typname FROM pg_type"))
        self._arrays = dict(
            self._pairs("SELECT typarray::int8, typname FROM pg_type WHERE typarray <> 0")
        )
        columns = self._connection.execute(
            "SELECT attrelid::int8, attnum, attname, attnotnull FROM pg_attribute"
        ).fetchall()
        self._columns = {(table, number): name for table, number, name, _ in columns}
        self._not_null = {(table, number) for table, number, _, never in columns if never}
        self._tables = dict(self._pairs("SELECT oid::int8, relname FROM pg_class"))

    def close(self) -> None:
        self._connection.close()

    def describe(self, name: str, text: str) -> Described:
        """The columns of a statement. Raises ``ValueError`` if PostgreSQL refuses it."""
        hints = _hints(text)
        whole = self._whole(text)
        sql = numbered(whole, hints.get("parameter", {}))
        prepared = self._connection.pgconn.prepare(b"", sql.encode())
        if prepared.status != ExecStatus.COMMAND_OK:
            raise ValueError(f"{name}: {prepared.error_message.decode()}")
        result = self._connection.pgconn.describe_prepared(b"")
        if not result.nfields:
            return Described(name=name, why_none="returns no rows")
        if _HANDS_ON.search(text):
            return Described(name=name, why_none="hands items to other parts of its statement")
        plan = _Plan(self._explained(sql))
        claimed = {**hints.get("nullable", {}), **hints.get("not null", {})}
        elements = dict(hints.get("null elements", {}))
        columns = []
        for index in range(result.nfields):
            column = (result.fname(index) or b"").decode()
            base = (result.ftable(index), result.ftablecol(index))
            nullable = not plan.never_null(
                index, not_null=base in self._not_null, table=self._tables.get(base[0])
            )
            if claimed.pop(column, None) is not None:
                if nullable == (column in hints.get("nullable", {})):
                    raise ValueError(f"{name}: what a comment says of {column} is known without it")
                nullable = not nullable
            given = self._id(base) or self._type(result.ftype(index))
            if elements.pop(column, None) is not None:
                given = given.replace("]", " | None]")
            columns.append(Column(name=column, type=given, nullable=nullable))
        if unknown := [*claimed, *elements]:
            raise ValueError(f"{name}: comments name columns that it does not have: {unknown}")
        return Described(name=name, columns=tuple(columns))

    def _id(self, base: tuple[int, int]) -> str | None:
        table, column = self._tables.get(base[0]), self._columns.get(base)
        return _IDS.get(f"{table}.{column}") or _IDS.get(f"*.{column}")

    def _whole(self, text: str) -> str:
        """``text`` as it can run: a part with the others that it reads."""
        if not _PART.search(text) or re.search(r"\b(item|fresh) AS( MATERIALIZED)? \(", text):
            return text
        items = texts("roadbed.decisions")["whole_items"]
        return _OTHER_PARTS.format(items=items) + text

    def _type(self, oid: int) -> str:
        if oid in self._arrays:
            return f"list[{_TYPES[self._arrays[oid]]}]"
        return _TYPES[self._types[oid]]

    def _explained(self, sql: str) -> dict[str, Any]:
        if re.match(r"(SET|SHOW|LOCK|NOTIFY|LISTEN|TRUNCATE)\b", sql.lstrip(), re.IGNORECASE):
            return {}
        text = "EXPLAIN (VERBOSE, GENERIC_PLAN, COSTS OFF, FORMAT JSON) "
        result = self._connection.pgconn.exec_((text + sql).encode())
        if result.status != ExecStatus.TUPLES_OK:
            raise ValueError(result.error_message.decode())
        plan: dict[str, Any] = json.loads((result.get_value(0, 0) or b"").decode())[0]["Plan"]
        return plan

    def _pairs(self, sql: str) -> list[tuple[Any, Any]]:
        return self._connection.execute(sql.encode()).fetchall()


class _Plan:
    """What a plan says about nulls: the tables that outer joins may leave out, and expressions."""

    def __init__(self, plan: Mapping[str, Any]) -> None:
        self._output = _computing(plan).get("Output", [])
        self._left_out_aliases: set[str] = set()
        self._left_out_tables: set[str] = set()
        self._aliases: set[str] = set()
        self._computed_below = False
        self._subplans = {
            node["Subplan Name"]: node for node in _nodes(plan) if "Subplan Name" in node
        }
        for node in _nodes(plan):
            self._aliases.add(node.get("Alias", ""))
            for child in _may_be_left_out(node):
                self._leave_out(child)

    def never_null(self, index: int, *, not_null: bool, table: str | None) -> bool:
        """Whether the column with this index is never null, as far as is known."""
        printed = self._output[index] if index < len(self._output) else ""
        if table is not None:
            alias = _COLUMN.fullmatch(printed)
            if alias and alias[1] in self._aliases:
                return not_null and alias[1] not in self._left_out_aliases
            return not_null and table not in self._left_out_tables
        if printed == "item.id" or (printed == "id" and self._aliases == {"item"}):
            # Every item of a write has one.
            return "item" not in self._left_out_aliases
        # What is computed below stands in parentheses of its own.
        return _is_never_null(printed, unwrap=not self._computed_below)

    def _leave_out(self, plan: Mapping[str, Any]) -> None:
        for node in _nodes(plan):
            self._left_out_aliases.add(node.get("Alias", ""))
            self._left_out_tables.add(node.get("Relation Name", ""))
            outputs = node.get("Output", [])
            if not all(_COLUMN.fullmatch(printed) for printed in outputs):
                self._computed_below = True
            if (name := f"CTE {node.get('CTE Name')}") in self._subplans:
                self._computed_below = True
                self._left_out_tables |= {
                    below.get("Relation Name", "") for below in _nodes(self._subplans[name])
                }


def _nodes(plan: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield plan
    for child in plan.get("Plans", []):
        yield from _nodes(child)


def _may_be_left_out(node: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    sides = {"Left": ("Inner",), "Right": ("Outer",), "Full": ("Inner", "Outer")}
    sides = {**sides, "Anti": ("Inner",), "Right Anti": ("Outer",)}
    left_out = sides.get(node.get("Join Type", ""), ())
    return [
        child for child in node.get("Plans", []) if child.get("Parent Relationship") in left_out
    ]


def _computing(plan: Mapping[str, Any]) -> Mapping[str, Any]:
    """The node that computes the columns: those above it hand rows on."""
    while plan.get("Node Type") in ("Sort", "Incremental Sort", "Limit", "Unique", "LockRows"):
        plan = next(
            child
            for child in plan["Plans"]
            if child["Parent Relationship"] in ("Outer", "Subquery")
        )
    return plan


def _is_never_null(printed: str, *, unwrap: bool) -> bool:
    """Whether an expression is never null; with ``unwrap``, also one in parentheses."""
    if _CONSTANT.fullmatch(printed) and printed != "NULL":
        return True
    opened = printed.find("(")
    if opened < 0 or (not printed.endswith(")") and " OVER " not in printed):
        return False
    closed = _closes(printed, opened)
    if opened == 0:
        inside = _outer(printed[1:closed])
        if closed != len(printed) - 1:
            return False
        return bool(_TRUTH.search(inside)) or (
            unwrap and _is_never_null(printed[1:-1], unwrap=True)
        )
    if not _NEVER_NULL.match(printed[:opened]) or not _WINDOW.fullmatch(
        _outer(printed[closed + 1 :])
    ):
        return False
    last = printed[opened + 1 : closed].rpartition(", ")[2]
    return not printed.startswith("COALESCE") or bool(_CONSTANT.fullmatch(last.strip("()")))


def _outer(text: str) -> str:
    """``text`` without what stands in parentheses."""
    result, depth = "", 0
    for letter in text:
        depth -= letter == ")"
        if depth == 0 and letter not in "()":
            result += letter
        depth += letter == "("
    return result


def _closes(text: str, opened: int) -> int:
    depth = 0
    for index in range(opened, len(text)):
        depth += {"(": 1, ")": -1}.get(text[index], 0)
        if depth == 0:
            return index
    return len(text)


def numbered(sql: str, types: Mapping[str, str]) -> str:
    """A statement with ``$1`` for ``%(name)s``, as psycopg sends it."""
    names: dict[str, int] = {}

    def number(match: re.Match[str]) -> str:
        name = match.group(1)
        place = f"${names.setdefault(name, len(names) + 1)}"
        return f"({place}::{types[name]})" if name in types else place

    result = _PLACEHOLDER.sub(number, sql)
    return result.replace("%%", "%") if names else sql


def _hints(text: str) -> dict[str, dict[str, str]]:
    result: dict[str, dict[str, str]] = {}
    for kind, items in _HINT.findall(text):
        for item in items.split(","):
            name, _, said = item.strip().partition(" ")
            result.setdefault(kind, {})[name] = said
    return result


def class_name(statement: str) -> str:
    return "".join(word.title() for word in statement.split("_")) + "Row"


def module(package: str, statements: list[Described]) -> str:
    """The text of one ``rows.py``, not yet formatted."""
    rows = [statement for statement in statements if statement.columns]
    used = {
        word for row in rows for column in row.columns for word in re.findall(r"\w+", column.type)
    }
    typing = ["Never"] if len(rows) < len(statements) else []
    lines = [
        '"""Rows of the statements in ``queries.sql``. Written by ``make rows``: do not edit."""',
        "",
        *(line for name, line in _IMPORTS.items() if name in used),
        f"from typing import {', '.join([*typing, 'TypedDict'])}",
        "",
        f"from roadbed.storage.sql import {'Json, ' if 'Json' in used else ''}Query",
    ]
    for row in rows:
        lines += ["", "", *_class(row)]
    lines += [
        "",
        "",
        "class Queries(TypedDict):",
        f'    """The statements of ``{package}``."""',
        "",
    ]
    for statement in statements:
        given = class_name(statement.name) if statement.columns else "Never"
        lines.append(f"    {statement.name}: Query[{given}]")
    return "\n".join(lines) + "\n"


def _class(row: Described) -> list[str]:
    name = class_name(row.name)
    fields = {
        column.name: column.type + (" | None" if column.nullable else "") for column in row.columns
    }
    words = {word for said in fields.values() for word in re.findall(r"\w+", said)}
    if any(
        keyword.iskeyword(field) or field in words or not field.isidentifier() for field in fields
    ):
        inner = ", ".join(f'"{field}": {said}' for field, said in fields.items())
        return [f'{name} = TypedDict("{name}", {{{inner}}})']
    return [
        f"class {name}(TypedDict):",
        f'    """A row of ``{row.name}``."""',
        "",
        *(f"    {field}: {said}" for field, said in fields.items()),
    ]


def describe(url: str) -> tuple[dict[str, list[Described]], list[str]]:
    """All named statements by package, and what PostgreSQL or a comment says against some."""
    describer = Describer(url)
    described: dict[str, list[Described]] = {}
    faults = []
    for package in packages():
        described[package] = []
        for name, text in texts(package).items():
            try:
                described[package].append(describer.describe(name, text))
            except ValueError as error:
                faults.append(f"{package}: {error}")
    describer.close()
    return described, faults


def modules(described: Mapping[str, list[Described]]) -> dict[Path, str]:
    """The text of each ``rows.py``, formatted, by its path."""
    return {
        SOURCE / package.replace(".", "/") / "rows.py": _formatted(module(package, statements))
        for package, statements in described.items()
    }


def _formatted(text: str) -> str:
    for command in (["check", "--select", "I", "--fix", "--quiet", "--exit-zero"], ["format"]):
        text = subprocess.run(
            [sys.executable, "-m", "ruff", *command, "--stdin-filename", "rows.py", "-"],
            input=text,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    return text


def main() -> None:
    """Write every ``rows.py`` anew."""
    home = ROOT_HOME if os.geteuid() == 0 else Path(tempfile.gettempdir())
    server = EmbeddedServer(home / f"roadbed-rows-{uuid4().hex[:12]}")
    server.start()
    try:
        with database(server) as url:
            described, faults = describe(url)
        if faults:
            sys.exit("\n".join(faults))
        for path, text in modules(described).items():
            path.write_text(text, encoding="utf-8")
    finally:
        server.stop()
        shutil.rmtree(server.home, ignore_errors=True)


if __name__ == "__main__":
    main()
