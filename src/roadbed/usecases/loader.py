"""Loader: reads a use-case folder with its code and examples, and hashes its behaviour."""

from __future__ import annotations

import hashlib
import importlib.util
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

from pydantic import BaseModel

from roadbed.kernel.json import json_hash, read_json
from roadbed.kernel.sentences import sentence
from roadbed.tables import LeftOut, Table, TableError
from roadbed.usecases.business_rules import BusinessRules, read_rules
from roadbed.usecases.decider import LabelledExample, Records
from roadbed.usecases.errors import Problem, UseCaseError
from roadbed.usecases.labels import normal_output
from roadbed.usecases.parsing import read_form
from roadbed.usecases.use_case import UseCase

# Examples affect a version through the trained state, documents not at all.
_NOT_BEHAVIOUR = {"examples", "docs", "__pycache__"}


@dataclass(frozen=True, kw_only=True, slots=True)
class LoadedUseCase:
    """A use case with the folder it came from. ``files`` maps each path to its SHA-256.

    ``code`` is the read-only copy whose code runs; ``None``: the folder itself. ``folder_hash`` is
    one hash over every file that shapes a decision.
    """

    declared: UseCase
    folder: Path
    files: Mapping[str, str]
    rules: BusinessRules = field(default_factory=BusinessRules)
    records: Records = field(default_factory=dict)
    code: Path | None = None
    name: str = field(init=False)
    folder_hash: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", self.declared.name)
        object.__setattr__(self, "folder_hash", json_hash(self.files))


def load(folder: Path) -> LoadedUseCase:
    """Import ``folder/usecase.py``. Raises ``UseCaseError``; other folders are not affected."""
    module = _import(folder)
    use_cases = [var for var in vars(module).values() if isinstance(var, UseCase)]
    if len(use_cases) != 1:
        raise UseCaseError(
            folder.name,
            [
                Problem(
                    file=folder / "usecase.py",
                    problem=sentence(
                        "It declares %(use_cases)s use cases.", use_cases=len(use_cases)
                    ),
                    remedy=sentence("Declare exactly one UseCase(…) at the top level."),
                )
            ],
        )
    declared = use_cases[0]
    if not (declared.function or declared.trainable):
        raise UseCaseError(
            declared.name,
            [
                Problem(
                    file=folder / "usecase.py",
                    field="decider",
                    problem=sentence("It has no decider."),
                    remedy=sentence("Put @NAME.decider on a function, or call NAME.decider(…)."),
                )
            ],
        )
    declared.prompts = {
        path.name: path.read_text(encoding="utf-8-sig", errors="replace")
        for path in sorted((folder / "prompts").glob("*.md"))
    }
    return LoadedUseCase(
        declared=declared,
        folder=folder,
        files=hashes(folder, _searched(declared)),
        rules=read_rules(folder / "rules.yaml"),
        records=read_records(folder / "data"),
    )


def folders(parent: Path) -> list[Path]:
    """The use-case folders below ``parent``, or ``parent`` itself if it is one."""
    if (parent / "usecase.py").exists():
        return [parent]
    return sorted(path.parent for path in parent.glob("*/usecase.py"))


def without_code(parent: Path) -> list[Path]:
    """Folders below ``parent`` that have no ``usecase.py``, or lost it."""
    if (parent / "usecase.py").exists() or not parent.is_dir():
        return []
    return sorted(
        path for path in parent.iterdir() if path.is_dir() and not (path / "usecase.py").exists()
    )


def read_records(folder: Path) -> Records:
    """The reference tables ``data/*.csv``: the first column is the key. Raises ``UseCaseError``."""
    return {path.stem: _records(path) for path in sorted(folder.glob("*.csv"))}


def _records(path: Path) -> dict[str, dict[str, str]]:
    remedy = sentence(
        "Write UTF-8 CSV with a header; its first column is the key, and names one row."
    )
    try:
        table = Table(path)
        records: dict[str, dict[str, str]] = {}
        for entry in table.entries():
            if isinstance(entry, LeftOut):
                raise TableError(
                    sentence("Line %(line)s has %(why)s.", line=entry.line, why=entry.why), remedy
                )
            if entry.cells[0] in records:
                raise TableError(
                    sentence("Line %(line)s has a key that was there before.", line=entry.line),
                    remedy,
                )
            records[entry.cells[0]] = dict(zip(table.header, entry.cells, strict=True))
    except TableError as error:
        problem = Problem(
            file=path,
            problem=sentence("This is no table: %(problem)s", problem=error.texts[0]),
            remedy=error.texts[1],
        )
        raise UseCaseError(path.parent.parent.name, [problem]) from error
    return records


def read_examples(
    loaded: LoadedUseCase,
) -> Iterator[tuple[Path, int, LabelledExample | Problem]]:
    """Every line of ``examples/*.jsonl``: ``{"input": {…}, "output": {…} or null}``."""
    for path in sorted((loaded.folder / "examples").glob("*.jsonl")):
        with path.open(encoding="utf-8-sig", errors="replace") as lines:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    yield path, number, _example(loaded.declared, path, number, line)


def _example(declared: UseCase, path: Path, number: int, line: str) -> LabelledExample | Problem:
    try:
        record = read_json(line)
        if not isinstance(record, dict) or set(record) != {"input", "output"}:
            raise ValueError("it is not an object with exactly the fields input and output")
        output = record["output"]
        return LabelledExample(
            input=read_form(declared.input, record["input"]).value,
            output=None if output is None else _right(declared, output),
        )
    except (ValueError, RecursionError) as error:
        return Problem(
            file=path,
            line=number,
            problem=sentence("This example cannot be used: %(error)s.", error=error),
            remedy=sentence('Write {"input": {…}, "output": {…}}, output null if none is right.'),
        )


def _right(declared: UseCase, output: object) -> BaseModel:
    """A right output with each label in its one form. Raises ``UnfitError``."""
    normal = normal_output(declared, output) if isinstance(output, dict) else output
    return read_form(declared.output, normal).value


def _import(folder: Path) -> ModuleType:
    path = folder / "usecase.py"
    digest = hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:12]
    spec = importlib.util.spec_from_file_location(f"roadbed_usecase_{digest}", path)
    if spec is None or spec.loader is None or not path.exists():
        raise UseCaseError(
            folder.name,
            [
                Problem(
                    file=path,
                    problem=sentence("There is no usecase.py."),
                    remedy=sentence("`roadbed new NAME` writes one."),
                )
            ],
        )
    module = importlib.util.module_from_spec(spec)
    sys.modules[module.__name__] = module  # pydantic resolves annotations there
    wrote, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        spec.loader.exec_module(module)
    except UseCaseError:
        raise
    except (Exception, SystemExit) as error:
        raise UseCaseError(folder.name, [_import_problem(path, error)]) from error
    finally:
        sys.dont_write_bytecode = wrote
    return module


def _import_problem(path: Path, error: BaseException) -> Problem:
    if isinstance(error, SyntaxError):
        return Problem(
            file=path,
            line=error.lineno,
            problem=sentence("Python cannot read it: %(msg)s.", msg=error.msg),
            remedy=sentence("Correct the syntax on this line."),
        )
    return Problem(
        file=path,
        line=raised_at(path, error),
        problem=sentence(
            "It fails when imported: %(kind)s: %(error)s.", kind=type(error).__name__, error=error
        ),
        remedy=sentence("Correct this line."),
    )


def raised_at(path: Path, error: BaseException) -> int | None:
    """The line of ``path`` that was running when ``error`` was raised: the deepest, if several."""
    trace, line = error.__traceback__, None
    while trace:
        # Python knows the file by its absolute path, however it was named here.
        if Path(trace.tb_frame.f_code.co_filename).resolve() == path.resolve():
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


def _searched(declared: UseCase) -> Sequence[str]:
    """Folder and list of addresses of a library: what is searched is no behaviour."""
    library = declared.library
    return () if library is None else (library.folder, *filter(None, [library.urls]))


def hashes(folder: Path, library: Sequence[str] = ()) -> dict[str, str]:
    """SHA-256 of each file that shapes a decision, by path; not of the documents of a library."""
    hashes_by_path = {}
    for path in sorted(folder.rglob("*")):
        relative = path.relative_to(folder)
        hidden = any(part.startswith(".") for part in relative.parts)
        searched = any(relative.is_relative_to(path) for path in library)
        left_out = hidden or searched or _NOT_BEHAVIOUR & set(relative.parts)
        if path.is_file() and not left_out:
            hashes_by_path[relative.as_posix()] = hashlib.sha256(path.read_bytes()).hexdigest()
    return hashes_by_path
