"""Writes a use-case folder that runs: an empty one, or one made of a table of past work."""

from __future__ import annotations

import csv
import json
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from roadbed.kernel.errors import RoadbedError
from roadbed.usecases import starters
from roadbed.usecases.rules import NAME

_MOST_EMPTY = 0.2
_LONGEST_FIELD = 1_000_000


class ScaffoldError(RoadbedError):
    """The folder cannot be written as asked."""

    code = "scaffold_failed"


class TableError(RoadbedError):
    """The table of past work cannot be used."""

    code = "table_invalid"


@dataclass(frozen=True, kw_only=True, slots=True)
class PastWork:
    """Labelled texts of a table. ``left_out`` counts rows by why they are not used."""

    rows: Sequence[tuple[str, str | None]]
    labels: Counter[str]
    left_out: Counter[str]


def read_table(path: Path, *, text: str, label: str, empty_is_none: bool = False) -> PastWork:
    """The labelled rows of a CSV file with a header.

    ``empty_is_none`` takes an empty label to say "belongs to none of them"; otherwise such rows are
    left out, and a table with too many is refused. Raises ``TableError``.
    """
    rows, labels, left_out = [], Counter[str](), Counter[str]()
    total = 0
    for found_text, found_label in _cells(path, text, label):
        total += 1
        if not found_text:
            left_out["empty text"] += 1
        elif not found_label and not empty_is_none:
            left_out["empty label"] += 1
        else:
            rows.append((found_text, found_label or None))
            labels[found_label or ""] += 1
    if total and left_out["empty label"] > _MOST_EMPTY * total:
        raise TableError(
            f"{left_out['empty label']} of {total} rows have no {label!r}.",
            "If empty means that none of the labels fits, add --empty-is-none; "
            "otherwise label them or remove them.",
        )
    del labels[""]
    if len(labels) + empty_is_none < 2:
        raise TableError(
            f"The column {label!r} holds {len(labels)} label"
            f"{'' if len(labels) == 1 else 's'}; there is nothing to tell apart.",
            "Name another column with --label, or add rows of other labels.",
        )
    return PastWork(rows=rows, labels=labels, left_out=left_out)


def write_empty(folder: Path, *, person: str) -> None:
    """A folder with a decider to be filled in. Raises ``ScaffoldError``."""
    _write(folder, {"usecase.py": starters.FUNCTION.format(name=_named(folder), person=person)})


def write_prompted(folder: Path, *, person: str) -> None:
    """A folder whose decider asks a language model with a prompt. Raises ``ScaffoldError``."""
    _write(
        folder,
        {
            "usecase.py": starters.PROMPTED.format(name=_named(folder), person=person),
            "prompts/route.md": starters.ROUTE,
        },
    )


def write_from_table(folder: Path, past: PastWork, *, person: str, random_sample: bool) -> None:
    """A folder whose decider learns from ``past``. Raises ``ScaffoldError``."""
    lines = "".join(
        json.dumps(
            {"input": {"text": text}, "output": None if label is None else {"label": label}},
            ensure_ascii=False,
        )
        + "\n"
        for text, label in past.rows
    )
    _write(
        folder,
        {
            "usecase.py": starters.TRAINED.format(
                name=_named(folder),
                person=person,
                random_sample=random_sample,
                labels=starters.declared_labels("label", past.labels),
            ),
            "examples/past-work.jsonl": lines,
        },
    )


def _cells(path: Path, text: str, label: str) -> Iterator[tuple[str, str]]:
    csv.field_size_limit(_LONGEST_FIELD)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            sample = file.read(65_536)
            file.seek(0)
            reader = csv.reader(file, _dialect(sample))
            header = [each.strip() for each in next(reader, [])]
            where = [_column(header, name) for name in (text, label)]
            for row in reader:
                if any(row):
                    cells = [row[each].strip() if each < len(row) else "" for each in where]
                    yield _clean(cells[0]), _clean(cells[1])
    except OSError as error:
        raise TableError(f"{path} cannot be read: {error.strerror}.", "Check the path.") from error
    except UnicodeDecodeError as error:
        raise TableError(
            f"{path} is not UTF-8 text (byte {error.start}).", "Save it as CSV in UTF-8."
        ) from error
    except csv.Error as error:
        raise TableError(
            f"{path} is not a readable CSV: {error}.", "Save it as CSV with quoted fields."
        ) from error


def _dialect(sample: str) -> type[csv.Dialect]:
    try:
        return csv.Sniffer().sniff(sample.partition("\n")[0], delimiters=",;\t|")
    except csv.Error:
        return csv.excel


def _column(header: Sequence[str], name: str) -> int:
    found = [number for number, each in enumerate(header) if each == name]
    if len(found) > 1:
        raise TableError(
            f"The header names {name!r} {len(found)} times.",
            "Rename the columns, so that it is clear which one is meant.",
        )
    if not found:
        raise TableError(
            f"There is no column {name!r}.",
            f"The header has: {', '.join(header)[:300] or 'nothing'}.",
        )
    return found[0]


def _clean(text: str) -> str:
    return "".join(each for each in text if each >= " " or each in "\t\n").strip()


def _named(folder: Path) -> str:
    if not NAME.fullmatch(folder.name):
        raise ScaffoldError(
            f"The name {folder.name!r} cannot stand in an address.",
            "Use lower-case words joined by hyphens.",
        )
    return folder.name


def _write(folder: Path, files: dict[str, str]) -> None:
    if folder.exists():
        raise ScaffoldError(f"{folder} is there already.", "Choose another name or remove it.")
    fresh = folder.with_name(f".{folder.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    for name, content in files.items():
        path = fresh / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    fresh.rename(folder)
