"""Named SQL: each package keeps its statements in ``queries.sql``; Python uses their names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

_NAME = re.compile(r"^-- name: ([a-z_]+)\s*$", re.MULTILINE)


@cache
def queries(package: str) -> Mapping[str, str]:
    """The statements of ``package``'s ``queries.sql``, by the name in ``-- name: …``."""
    text = (files(package) / "queries.sql").read_text(encoding="utf-8")
    parts = _NAME.split(text)[1:]
    named = dict(zip(parts[::2], (part.strip() for part in parts[1::2]), strict=True))
    if len(named) * 2 != len(parts):
        raise ValueError(f"{package}/queries.sql uses a name twice")
    return named
