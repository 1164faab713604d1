"""Reports from a file: a table with a header, or one JSON object a line."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from roadbed.outcomes.errors import OutcomeError
from roadbed.outcomes.sent import FIELDS
from roadbed.usecases.model import UseCase

_RIGHT = {"true": True, "yes": True, "1": True, "right": True}
_WRONG = {"false": False, "no": False, "0": False, "wrong": False}
Line = tuple[int, dict[str, Any] | OutcomeError]


def read_file(path: Path, declared: UseCase) -> Iterator[Line]:
    """Each report with the number of its line, or what is wrong with that line.

    A column of a table may be named like a field of a report, or like one of the output. Raises
    ``OutcomeError`` for a file that cannot be read at all.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield from _objects(file) if path.suffix == ".jsonl" else _table(file, declared)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise OutcomeError(
            f"{path} cannot be read: {error}.", "Give a .csv with a header, or a .jsonl, in UTF-8."
        ) from error


def _objects(file: Iterator[str]) -> Iterator[Line]:
    for number, text in enumerate(file, start=1):
        if text.strip():
            try:
                found = json.loads(text)
            except (ValueError, RecursionError) as error:
                yield number, OutcomeError(f"It is not JSON: {error}.", "Write one object a line.")
            else:
                yield number, found


def _table(file: Iterator[str], declared: UseCase) -> Iterator[Line]:
    schema = declared.output.model_json_schema().get("properties", {})
    rows = csv.DictReader(file)
    known = {*FIELDS, *schema}
    if unknown := [each for each in rows.fieldnames or () if each not in known]:
        raise OutcomeError(
            f"The table has columns that mean nothing here: {', '.join(unknown)[:200]}.",
            f"Remove them, or name them one of {', '.join(sorted(known))}.",
        )
    for row in rows:
        cells = {name: cell for name, cell in row.items() if name is not None and cell}
        try:
            yield rows.line_num, _report(cells, schema)
        except OutcomeError as error:
            yield rows.line_num, error


def _report(cells: Mapping[str, str], schema: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {name: cells[name] for name in FIELDS if name in cells}
    if said := cells.get("right"):
        words = _RIGHT | _WRONG
        if said.strip().lower() not in words:
            raise OutcomeError(f"right is {said[:60]!r}.", "Write true or false.")
        found["right"] = words[said.strip().lower()]
    output = {
        name: _value(cells[name], schema[name])
        for name in schema
        if name in cells and name not in FIELDS
    }
    if "output" in cells:
        output = _value(cells["output"], {})
    return {**found, "output": output} if output else found


def _value(cell: str, schema: Mapping[str, Any]) -> Any:
    """A cell as what it is declared to be, as far as it can be understood."""
    if schema.get("type") == "string" or "enum" in schema:
        return cell
    try:
        return json.loads(cell)
    except (ValueError, RecursionError):
        return cell
