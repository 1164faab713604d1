"""What an export consists of: its columns, its cells and who asked for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

ExportCell = str | int | float | bool | datetime | None


class Format(StrEnum):
    """A format of a file; its value is the end of the file's name."""

    CSV = "csv"
    XLSX = "xlsx"
    PARQUET = "parquet"


class CellKind(StrEnum):
    """What the cells of a column hold. Each of them may also be ``None``."""

    TEXT = "text"
    WHOLE = "whole"  # a whole number
    NUMBER = "number"
    MOMENT = "moment"  # an aware time
    TRUTH = "truth"


@dataclass(frozen=True, kw_only=True, slots=True)
class Heading:
    """A column of an export."""

    title: str
    kind: CellKind = CellKind.TEXT


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """Who exports what: the page, its use case if it is of one, and the view of it."""

    person: str
    page: str
    use_case: str | None
    format: Format
    view: Mapping[str, object]


@dataclass(kw_only=True, slots=True, weakref_slot=True, eq=False)
class Export:
    """An export under way."""

    id: str
    asked: Asked
    rows: int = 0


class FileWriter(Protocol):
    """Writes rows to a file, in constant memory."""

    def add(self, rows: Sequence[Sequence[ExportCell]]) -> None:
        """Add rows, each with one cell per column."""
        ...

    def close(self) -> None:
        """Write the end of the file."""
        ...
