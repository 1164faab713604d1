"""Report files: a table with a header, or one JSON object per line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from roadbed.kernel.json import read_json
from roadbed.kernel.sentences import sentence
from roadbed.outcomes.errors import OutcomeError
from roadbed.outcomes.report_form import FIELDS
from roadbed.tables import LeftOut, Table, TableError
from roadbed.usecases.use_case import UseCase

_RIGHT = {"true": True, "yes": True, "1": True, "right": True}
_WRONG = {"false": False, "no": False, "0": False, "wrong": False}
Line = tuple[int, dict[str, Any] | OutcomeError]


def read_file(
    path: Path, declared: UseCase, *, told: Callable[[str], None] = lambda _: None
) -> Iterator[Line]:
    """Each report with the number of its line, or the problem of that line.

    ``told`` receives sentences on guesses and cleaning first. A column of a
    table may be named like a field of a report, or like one of the output. Raises ``OutcomeError``
    for a file that cannot be read at all, before anything is given.
    """
    try:
        if path.suffix == ".jsonl":
            with path.open(encoding="utf-8-sig") as file:
                yield from _objects(file)
        else:
            yield from _table(path, declared, told)
    except TableError as error:
        raise OutcomeError(*error.texts) from error
    except (OSError, UnicodeDecodeError) as error:
        raise OutcomeError(
            sentence("%(path)s cannot be read: %(error)s.", path=path, error=error),
            sentence("Give a .csv with a header, or a .jsonl, in UTF-8."),
        ) from error


def _objects(file: Iterator[str]) -> Iterator[Line]:
    for number, text in enumerate(file, start=1):
        if text.strip():
            try:
                report = read_json(text)
            except (ValueError, RecursionError) as error:
                yield (
                    number,
                    OutcomeError(
                        sentence("It is not JSON: %(error)s.", error=error),
                        sentence("Write one object a line."),
                    ),
                )
            else:
                yield number, report


def _table(path: Path, declared: UseCase, told: Callable[[str], None]) -> Iterator[Line]:
    schema = declared.output.model_json_schema().get("properties", {})
    known = {*FIELDS, *schema}
    table = Table(path, match=lambda header: set(header) <= known)
    if unknown := [name for name in table.header if name not in known]:
        raise OutcomeError(
            sentence(
                "The table has columns that mean nothing here: %(unknown)s.",
                unknown=", ".join(unknown)[:200],
            ),
            sentence("Remove them, or name them one of %(known)s.", known=", ".join(sorted(known))),
        )
    if twice := [name for name, count in Counter(table.header).items() if count > 1]:
        raise OutcomeError(
            sentence("The header names %(twice)r more than once.", twice=twice[0]),
            sentence("Rename the columns, so that it is clear which one is meant."),
        )
    table.check()  # what follows is acted upon row by row
    table.account.left_out.clear()  # each of these is named below
    for said in table.account.sentences():
        told(said)
    for entry in table.entries():
        if isinstance(entry, LeftOut):
            yield (
                entry.line,
                OutcomeError(
                    sentence("The row has %(why)s.", why=entry.why),
                    sentence("Write as many cells as the header has."),
                ),
            )
            continue
        cells = {name: cell for name, cell in zip(table.header, entry.cells, strict=True) if cell}
        try:
            yield entry.line, _report(cells, schema)
        except OutcomeError as error:
            yield entry.line, error


def _report(cells: Mapping[str, str], schema: Mapping[str, Any]) -> dict[str, Any]:
    report: dict[str, Any] = {name: cells[name] for name in FIELDS if name in cells}
    if said := cells.get("right"):
        words = _RIGHT | _WRONG
        if said.strip().lower() not in words:
            raise OutcomeError(
                sentence("right is %(said)r.", said=said[:60]), sentence("Write true or false.")
            )
        report["right"] = words[said.strip().lower()]
    output = {
        name: _value(cells[name], schema[name])
        for name in schema
        if name in cells and name not in FIELDS
    }
    if "output" in cells:
        output = _value(cells["output"], {})
    return {**report, "output": output} if output else report


def _value(cell: str, schema: Mapping[str, Any]) -> Any:
    """A cell converted to its declared type, where possible."""
    if schema.get("type") == "string" or "enum" in schema:
        return cell
    try:
        return read_json(cell)
    except (ValueError, RecursionError):
        return cell
