"""How every benchmark ends: a table for people, one JSON object on the last line for machines."""

from __future__ import annotations

import json
import os
import platform
import statistics
from collections.abc import Mapping, Sequence
from importlib.metadata import version


def median(values: Sequence[float]) -> float:
    return statistics.median(values)


def table(rows: Sequence[tuple[str, str, str, str]]) -> None:
    """Rows of what, measured, to reach, and whether it was."""
    head = ("what", "measured", "to reach", "")
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(4)]
    for row in [head, *rows]:
        print(
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        )


def judged(value: float, floor: float, aim: float | None = None, *, least: bool = True) -> str:
    """reached, aim reached, or by how much it was missed."""
    if aim is not None and (value >= aim if least else value <= aim):
        return "aim reached"
    if value >= floor if least else value <= floor:
        return "reached"
    return f"missed by {abs(value - floor) / floor:.0%}"


def machine(*packages: str) -> dict[str, object]:
    return {
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "kernel": platform.release(),
        **{name: version(name) for name in packages},
    }


def end(facts: Mapping[str, object]) -> None:
    print(json.dumps(facts))
