"""Scaffold: writes a new use-case folder that runs, empty or from a table of past work."""

from __future__ import annotations

import json
import keyword
import re
import shutil
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from pydantic import BaseModel

from roadbed.kernel.errors import RoadbedError
from roadbed.kernel.sentences import sentence
from roadbed.usecases import templates
from roadbed.usecases.past_work import PastWork
from roadbed.usecases.validation import NAME_REMEDY, is_use_case_name

_MOST_SHOWN = 80  # characters of a name


class ScaffoldError(RoadbedError):
    """The folder cannot be created."""

    code = "scaffold_failed"


def folder_of(root: Path, name: str) -> Path:
    """The folder in ``root`` of a new use case. ``name`` is no path.

    Raises ``ScaffoldError`` unless a use case may have this name.
    """
    _check(name)
    return root / name


def write_empty(folder: Path, *, person: str) -> None:
    """A folder with a decider to be filled in. Raises ``ScaffoldError``."""
    _write(folder, {"usecase.py": _declaration(templates.FUNCTION, folder, person)})


def write_prompted(folder: Path, *, person: str) -> None:
    """A folder whose decider asks a language model with a prompt. Raises ``ScaffoldError``."""
    _write(
        folder,
        {
            "usecase.py": _declaration(templates.PROMPTED, folder, person),
            "prompts/route.md": templates.ROUTE,
        },
    )


def write_answers(folder: Path, documents: Path, *, person: str) -> None:
    """A folder that answers questions from the documents below ``documents``.

    The documents stay where they are. Raises ``ScaffoldError``.
    """
    if not documents.is_dir():
        raise ScaffoldError(
            sentence("%(documents)s is no folder.", documents=str(documents)),
            sentence("Name the folder that holds the documents."),
        )
    literal = templates.literal(str(documents.resolve()))
    _write(folder, {"usecase.py": _declaration(templates.ANSWERS, folder, person, folder=literal)})


def write_from_table(folder: Path, past: PastWork, *, person: str, random_sample: bool) -> None:
    """A folder whose decider learns from ``past``. Raises ``ScaffoldError``."""
    fields = field_names(past.columns.texts)
    files = {
        "usecase.py": _declaration(
            templates.TRAINED,
            folder,
            person,
            random_sample=random_sample,
            fields="".join(f"    {name}: str\n" for name in fields),
            text=json.dumps(fields[0]) if len(fields) == 1 else json.dumps(fields),
            labels=templates.declared_labels("label", past.labels),
        )
    }
    _write(folder, files, {"examples/past-work.jsonl": _lines(past, fields)})


def field_names(columns: Sequence[str]) -> list[str]:
    """Names of fields for columns of text: ``text`` for a single one, else like the columns."""
    if len(columns) == 1:
        return ["text"]
    names: list[str] = []
    for number, column in enumerate(columns, 1):
        plain = unicodedata.normalize("NFKD", column).encode("ascii", "ignore").decode().lower()
        name = re.sub(r"[^a-z0-9]+", "_", plain).strip("_")
        if not name.isidentifier():
            name = f"text_{number}"
        if keyword.iskeyword(name) or hasattr(BaseModel, name) or name.startswith("model_"):
            name = f"the_{name}"
        names.append(f"{name}_{number}" if name in names else name)
    return names


def _lines(past: PastWork, fields: Sequence[str]) -> Iterator[str]:
    for texts, label in past.rows:
        record = {
            "input": dict(zip(fields, texts, strict=True)),
            "output": None if label is None else {"label": label},
        }
        yield json.dumps(record, ensure_ascii=False) + "\n"


def _declaration(template: str, target: Path, person: str, **more: object) -> str:
    _check(target.name)
    name = templates.literal(target.name)
    return template.format(name=name, person=templates.literal(person), **more)


def _check(name: str) -> None:
    if not is_use_case_name(name):
        shown = name[:_MOST_SHOWN]
        raise ScaffoldError(
            sentence("The name %(name)r cannot stand in an address.", name=shown), NAME_REMEDY
        )


def _write(
    folder: Path, files: Mapping[str, str], long: Mapping[str, Iterator[str]] | None = None
) -> None:
    """Write all or nothing; ``long`` files line by line."""
    if folder.exists():
        raise ScaffoldError(
            sentence("%(folder)s is there already.", folder=folder),
            sentence("Choose another name or remove it."),
        )
    contents = {name: iter([text]) for name, text in files.items()} | dict(long or {})
    try:
        _fill(folder, contents)
    except OSError as error:
        raise ScaffoldError(
            sentence(
                "%(folder)s cannot be written: %(strerror)s.",
                folder=folder,
                strerror=error.strerror or error,
            ),
            sentence("Name another folder with --folder or ROADBED_USECASES."),
        ) from error


def _fill(folder: Path, contents: Mapping[str, Iterator[str]]) -> None:
    fresh = folder.with_name(f".{folder.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    for name, lines in contents.items():
        path = fresh / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", encoding="utf-8", newline="") as file:
            file.writelines(lines)
    fresh.rename(folder)
