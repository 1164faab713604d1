"""Named SQL: each package keeps its statements in ``queries.sql``; Python uses their names.

``rows.py`` beside it types the rows that each of them returns.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Generic, TypeAlias, TypeVar

_NAME = re.compile(r"^-- name: ([a-z_]+)\s*$", re.MULTILINE)

# A document that the database keeps as JSON. Its form is the business of whoever wrote it, and what
# reads it validates it; a type here would be a promise that nothing checks.
Json: TypeAlias = Any
RowT_co = TypeVar("RowT_co", covariant=True)
QueriesT = TypeVar("QueriesT")


class Query(str, Generic[RowT_co]):
    """A statement, with the type of its rows: ``Never`` for one that returns none."""

    __slots__ = ()


def queries(names: type[QueriesT]) -> QueriesT:
    """The statements of the ``queries.sql`` beside the module of ``names``, by name.

    ``names`` is the ``Queries`` of a ``rows.py``. Raises ``ValueError`` if its names are not those
    of the statements: ``make rows`` writes it.
    """
    package = names.__module__.rpartition(".")[0]
    statements = texts(package)
    if statements.keys() != names.__annotations__.keys():
        differing = sorted(statements.keys() ^ names.__annotations__.keys())
        raise ValueError(f"{package}/rows.py is not of its queries.sql: {differing}. Run make rows")
    return statements  # type: ignore[return-value]  # the names are the same, as was just seen


@cache
def texts(package: str) -> Mapping[str, Query[Any]]:
    """The statements of ``package``'s ``queries.sql``, by the name in ``-- name: …``."""
    text = (files(package) / "queries.sql").read_text(encoding="utf-8")
    parts = _NAME.split(text)[1:]
    named: dict[str, Query[Any]] = {
        name: Query(part.strip()) for name, part in zip(parts[::2], parts[1::2], strict=True)
    }
    if len(named) * 2 != len(parts):
        raise ValueError(f"{package}/queries.sql uses a name twice")
    return named
