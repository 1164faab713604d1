"""What must never be in the repository, found by reading it."""

from __future__ import annotations

import ast
import hashlib
import os
import re
import subprocess
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src"

# Loading with any of these can run code of the writer.
RUNS_CODE = re.compile(
    r"(_?pickle|cPickle|dill|cloudpickle|shelve|marshal|jsonpickle)(\..+)?"
    r"|(builtins\.)?(eval|exec)"
    r"|yaml\.((unsafe_|full_)?load(_all)?|(Unsafe|Full)?Loader|C(Unsafe|Full)?Loader)"
    r"|joblib\.(load|dump)"
    r"|(torch|pandas)\.(load|read_pickle)"
)
SQL = re.compile(
    r"\b(SELECT|INSERT\s+INTO|UPDATE\s+\S+\s+SET|DELETE\s+FROM|WHERE|ORDER\s+BY|GROUP\s+BY|VALUES|"
    r"RETURNING|TRUNCATE|(CREATE|ALTER|DROP)\s+[A-Z]+|LISTEN|NOTIFY|SET\s+LOCAL)\b"
    r"|^\s*(?i:select\s.+\sfrom|insert\s+into|update\s+\S+\s+set|delete\s+from|drop\s+table)\b"
)
PINNED = re.compile(r"[A-Za-z0-9._-]+==\S+( ; .+)?")
HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}")
JUDGES = re.compile(
    r"assert|expect|check|verify|raises|warns|deprecated_call|fail$|run_state_machine"
)
SMALL_BYTES = 400  # an empty or one-line file equals others by chance


def python_files(root: Path) -> Iterator[tuple[Path, ast.Module]]:
    for path in sorted(root.rglob("*.py")):
        yield path, ast.parse(path.read_text(encoding="utf-8"), str(path))


def at(path: Path, node: ast.expr | ast.stmt, what: str) -> str:
    return f"{path.parent.name}/{path.name}:{node.lineno} {what}"


def imported_names(tree: ast.Module) -> dict[str, str]:
    """Local name to imported name: ``from yaml import load as l`` gives l → yaml.load."""
    results: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for name in node.names:
                root = name.name.partition(".")[0]
                results[name.asname or root] = name.name if name.asname else root
        elif isinstance(node, ast.ImportFrom) and node.module:
            for item in node.names:
                results[item.asname or item.name] = f"{node.module}.{item.name}"
    return results


def dotted(node: ast.expr, names: dict[str, str]) -> str:
    if isinstance(node, ast.Name):
        return names.get(node.id, node.id)
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value, names)}.{node.attr}"
    return "?"


def allows_pickle(keyword: ast.keyword) -> bool:
    refused = isinstance(keyword.value, ast.Constant) and keyword.value.value is False
    return keyword.arg == "allow_pickle" and not refused


def code_from_data(root: Path) -> list[str]:
    results: list[str] = []
    for path, tree in python_files(root):
        names = imported_names(tree)
        for node in ast.walk(tree):
            if isinstance(node, ast.Import | ast.ImportFrom):
                module = node.module or "" if isinstance(node, ast.ImportFrom) else ""
                whole = [f"{module}.{item.name}".lstrip(".") for item in node.names]
                results += [at(path, node, entry) for entry in whole if RUNS_CODE.fullmatch(entry)]
            elif isinstance(node, ast.Attribute | ast.Name):
                if RUNS_CODE.fullmatch(name := dotted(node, names)):
                    results.append(at(path, node, name))
            elif isinstance(node, ast.keyword) and allows_pickle(node):
                results.append(at(path, node.value, "allow_pickle"))
    return results


def pieces(node: ast.AST) -> list[str]:
    """The constant parts of a string that is put together from parts; else nothing."""
    if isinstance(node, ast.JoinedStr) and any(
        isinstance(value, ast.FormattedValue) for value in node.values
    ):
        return texts(node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Mod):
        return texts([node.left, node.right])
    if (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in {"format", "join", "replace"}
    ):
        return texts([node.func.value])
    return []


def texts(nodes: Iterable[ast.expr]) -> list[str]:
    return [
        node.value
        for node in nodes
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]


def built_sql(root: Path) -> list[str]:
    return [
        at(path, node, "builds SQL")
        for path, tree in python_files(root)
        for node in ast.walk(tree)
        if isinstance(node, ast.expr) and any(SQL.search(piece) for piece in pieces(node))
    ]


def judges(node: ast.AST, helpers: frozenset[str] = frozenset()) -> bool:
    """Whether anything in here could fail a test."""
    for item in ast.walk(node):
        if isinstance(item, ast.Assert) and not isinstance(item.test, ast.Constant):
            return True
        if isinstance(item, ast.Call):
            name = dotted(item.func, {}).rpartition(".")[2]
            if JUDGES.match(name) or name in helpers:
                return True
    return False


def never_failing_tests(root: Path) -> list[str]:
    results: list[str] = []
    for path, tree in python_files(root):
        if not path.name.startswith("test_"):
            continue
        functions = [
            node
            for node in ast.walk(tree)
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        ]
        helpers = frozenset(
            function.name
            for function in functions
            if not function.name.startswith("test") and judges(function)
        )
        results += [
            at(path, item, f"{item.name} asserts nothing")
            for item in functions
            if item.name.startswith("test") and not judges(item, helpers)
        ]
    return results


def loose_locks(folder: Path) -> list[str]:
    """Lines of lock files that name an address, an option, or a package without pin or hash."""
    locks = sorted(folder.glob("*.txt"))
    result = [] if locks else [f"no lock file in {folder}"]
    for path in locks:
        text = path.read_text(encoding="utf-8")
        if "://" in text or "@" in text:
            result.append(f"{path.name} has an address")
        for line in text.replace("\\\n", " ").splitlines():
            if not line.strip() or line.lstrip().startswith("#"):
                continue
            name = line.partition("--hash")[0].strip()
            if not PINNED.fullmatch(name):
                result.append(f"{path.name}: {name or line.strip()} is not pinned")
            elif not HASH.search(line):
                result.append(f"{path.name}: {name} has no hash")
    return result


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def copies(files: Iterable[Path], data: Path) -> list[str]:
    """Files that equal one below ``data``; licences may, and small files do by chance."""
    theirs = {
        digest(path)
        for path in data.rglob("*")
        if path.is_file()
        and path.stat().st_size >= SMALL_BYTES
        and not path.name.upper().startswith("LICENSE")
    }
    return [
        str(path)
        for path in files
        if path.is_file() and path.stat().st_size >= SMALL_BYTES and digest(path) in theirs
    ]


def repository_files() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [ROOT / part for part in listed.stdout.split("\0") if part]


def test_nothing_in_the_source_runs_what_it_reads() -> None:
    assert code_from_data(SOURCE) == []


def test_python_never_builds_sql() -> None:
    assert built_sql(SOURCE) == []


def test_every_test_can_fail() -> None:
    assert never_failing_tests(ROOT / "tests") == []


def test_locks_have_hashes_and_no_addresses() -> None:
    assert loose_locks(ROOT / "requirements") == []


def test_the_project_ships_only_data_written_for_it() -> None:
    data = os.environ.get("ROADBED_DATA_DIR")
    if not data:
        pytest.skip("ROADBED_DATA_DIR is not set: NOBODY LOOKED FOR COPIES OF OTHERS' DATA")
    assert any(Path(data).rglob("*")), f"ROADBED_DATA_DIR={data} is empty"
    assert copies(repository_files(), Path(data)) == []


def plant(folder: Path, text: str, name: str = "planted.py") -> Path:
    (folder / name).write_text(text)
    return folder


@pytest.mark.parametrize(
    "text",
    [
        "import pickle",
        "import cloudpickle as safe",
        "from pickle import loads",
        "eval('1')",
        "import builtins\nbuiltins.exec('1')",
        "import yaml\nyaml.load(text)",
        "import yaml as y\ny.load(text, Loader=y.SafeLoader)",
        "from yaml import load as safe_load\nsafe_load(text)",
        "from yaml import SafeLoader, UnsafeLoader",
        "import joblib\njoblib.load(path)",
        "import numpy as np\nnp.load(path, allow_pickle=True)",
    ],
)
def test_code_that_data_could_run_is_found(tmp_path: Path, text: str) -> None:
    assert code_from_data(plant(tmp_path, text))


@pytest.mark.parametrize(
    "text",
    [
        "import yaml\nyaml.safe_load(text)",
        "import numpy as np\nnp.load(path, allow_pickle=False)",
        "import json\njson.loads(text)",
        "model.eval_set(1)",
    ],
)
def test_harmless_reading_is_left_alone(tmp_path: Path, text: str) -> None:
    assert code_from_data(plant(tmp_path, text)) == []


@pytest.mark.parametrize(
    "text",
    [
        "f'SELECT {what} FROM tasks'",
        "f'{query} WHERE id = {id}'",
        "f'select * from {table}'",
        "f'LISTEN {channel}'",
        "'DELETE FROM %s' % table",
        "'INSERT INTO ' + table",
        "'UPDATE {} SET a = 1'.format(table)",
        "' ORDER BY '.join(parts)",
    ],
)
def test_sql_that_python_builds_is_found(tmp_path: Path, text: str) -> None:
    assert built_sql(plant(tmp_path, text))


@pytest.mark.parametrize(
    "text",
    ["'SELECT 1'", "f'Select one of {names} from the list'", "f'{n} tasks wait'", "a + b"],
)
def test_other_strings_are_left_alone(tmp_path: Path, text: str) -> None:
    assert built_sql(plant(tmp_path, text)) == []


@pytest.mark.parametrize(
    ("text", "fails"),
    [
        ("def test_a(): pass", False),
        ("async def test_a(): await call()", False),
        ("class TestA:\n    def test_a(self): assert True", False),
        ("def test_a(): assert call() == 1", True),
        ("def test_a():\n    with pytest.raises(ValueError): call()", True),
        ("def test_a(page): expect(page).to_have_title('x')", True),
        ("def same(a): assert a\ndef test_a(): same(1)", True),
        ("def same(a): return a\ndef test_a(): same(1)", False),
    ],
)
def test_a_test_that_cannot_fail_is_found(tmp_path: Path, text: str, *, fails: bool) -> None:
    result = never_failing_tests(plant(tmp_path, text, "test_planted.py"))
    assert bool(result) is not fails


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("--extra-index-url https://example.org\n", "address"),
        (f"a==1 --hash=sha256:{'0' * 64}\n# https://example.org\n", "address"),
        ("--find-links wheels\n", "not pinned"),
        (f"a>=1 \\\n    --hash=sha256:{'0' * 64}\n", "not pinned"),
        ("a==1\n", "no hash"),
    ],
)
def test_a_loose_lock_is_found(tmp_path: Path, text: str, complaint: str) -> None:
    assert [lock for lock in loose_locks(plant(tmp_path, text, "base.txt")) if complaint in lock]


def test_a_folder_without_locks_is_found(tmp_path: Path) -> None:
    assert loose_locks(tmp_path)


def some_files(folder: Path, *, name: str, size: int) -> Callable[[], list[str]]:
    """A file of ours that equals ``name`` among the data."""
    data = folder / "data"
    data.mkdir()
    (data / name).write_bytes(b"x" * size)
    ours = folder / "ours"
    ours.write_bytes(b"x" * size)
    return lambda: copies([ours], data)


def test_a_copied_data_file_is_found(tmp_path: Path) -> None:
    assert some_files(tmp_path, name="table.csv", size=SMALL_BYTES)() == [str(tmp_path / "ours")]


@pytest.mark.parametrize(
    ("name", "size"), [("LICENSE.txt", SMALL_BYTES), ("table.csv", SMALL_BYTES - 1)]
)
def test_licences_and_tiny_files_may_be_equal(tmp_path: Path, name: str, size: int) -> None:
    assert some_files(tmp_path, name=name, size=size)() == []
