"""Names: variables say what they hold, and a public class name is unique."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from pathlib import Path

import pytest

from tests.architecture.test_hygiene import ROOT, SOURCE, plant, python_files

SAY_NOTHING = {"each", "found"}
# Class names that may be used twice, each with the reason.
TWICE: dict[str, str] = {}


def fields_of_classes(tree: ast.Module) -> set[ast.AST]:
    """Annotated fields: their names belong to stored or published records."""
    return {
        statement.target
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
        for statement in node.body
        if isinstance(statement, ast.AnnAssign)
    }


def bindings(root: Path) -> dict[str, list[str]]:
    """Bindings of ``each`` or ``found`` below ``root``, by package."""
    results: dict[str, list[str]] = defaultdict(list)
    for path, tree in python_files(root):
        fields = fields_of_classes(tree)
        for node in ast.walk(tree):
            name = line = None
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                name, line = node.id, node.lineno
            elif isinstance(node, ast.arg):
                name, line = node.arg, node.lineno
            if name in SAY_NOTHING and node not in fields:
                relative = path.relative_to(root)
                results[relative.parts[0]].append(f"{relative}:{line} {name}")
    return results


def repeated_classes(root: Path) -> dict[str, list[str]]:
    """Names of public classes that are defined more than once, with the files."""
    files: dict[str, list[str]] = defaultdict(list)
    for path, tree in python_files(root):
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                files[node.name].append(str(path.relative_to(root)))
    return {name: paths for name, paths in files.items() if len(paths) > 1}


@pytest.mark.parametrize("folder", ["src/roadbed", "tests", "benchmarks"])
def test_variables_are_named_after_what_they_hold(folder: str) -> None:
    assert bindings(ROOT / folder) == {}


def test_pages_name_what_they_repeat() -> None:
    """Loops of templates, and parameters of the script's functions."""
    loops = re.compile(r"\{%-? for (?:\w+, )*(?:each|found)\b|\((?:each|found)(?:, \w+)?\) =>")
    assert (
        len(loops.findall("{% for each in rows %} {% for a, each in b %} all.some((each) => 1)"))
        == 3
    )
    console = SOURCE / "roadbed" / "console"
    places = [
        f"{path.name}: {match.group(0)}"
        for path in [*console.rglob("*.html"), *console.rglob("*.js")]
        for match in loops.finditer(path.read_text(encoding="utf-8"))
    ]
    assert places == []


def test_a_public_class_name_stands_for_one_class() -> None:
    assert set(repeated_classes(SOURCE)) == set(TWICE)


@pytest.mark.parametrize(
    ("text", "results"),
    [
        ("found = 1", 1),
        ("for each in (1, 2): pass", 1),
        ("def look(found): pass", 1),
        ("sorted([], key=lambda each: each)", 1),
        ("[each for each in ()]", 1),
        ("class Finding:\n    found: str", 0),
        ("class Finding:\n    def look(self):\n        found: str = ''", 1),
        ("look(found=1)", 0),
        ("finding = 1", 0),
    ],
)
def test_a_name_that_says_nothing_is_noticed(tmp_path: Path, text: str, results: int) -> None:
    assert sum(map(len, bindings(plant(tmp_path, text)).values())) == results


def test_a_class_name_used_twice_is_noticed(tmp_path: Path) -> None:
    plant(tmp_path, "class Task: pass\nclass _Row: pass", "one.py")
    plant(tmp_path, "class Task: pass\nclass _Row: pass", "two.py")
    assert repeated_classes(tmp_path) == {"Task": ["one.py", "two.py"]}
