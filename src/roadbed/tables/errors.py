"""The error of tables."""

from __future__ import annotations

from roadbed.kernel.errors import RoadbedError


class TableError(RoadbedError):
    """The table cannot be used."""

    code = "table_invalid"
