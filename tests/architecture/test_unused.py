"""Every definition is used: by other code, a test, a document or a framework."""

from __future__ import annotations

import ast
import re
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[2]
READERS = ("src", "tests", "docs", "benchmarks", "examples", "pyproject.toml", "README.md")
TEXTS = {".py", ".html", ".js", ".md", ".sql", ".toml", ".txt"}
# Found by name, by what calls them.
BY_NAME = {
    "__getattr__",  # Python, for a name that a module loads when it is asked for
    "branch_labels",  # alembic, in each migration; so are the next three
    "depends_on",
    "down_revision",
    "revision",
}


def defined(path: Path) -> set[str]:
    """Names that a module defines, except those registered with a framework."""
    names: set[str] = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                if not node.decorator_list or isinstance(node, ast.ClassDef):
                    names.add(node.name)
            case ast.Assign():
                for target in node.targets:
                    names |= {name.id for name in ast.walk(target) if isinstance(name, ast.Name)}
            case ast.AnnAssign(target=ast.Name(id=name)):
                names.add(name)
    return {name for name in names if name not in BY_NAME and not name.startswith("__")}


def words() -> Counter[str]:
    """The number of occurrences of each word, without this file."""
    result: Counter[str] = Counter()
    for reader in READERS:
        place = ROOT / reader
        for path in place.rglob("*") if place.is_dir() else [place]:
            if path.suffix in TEXTS and path != Path(__file__):
                result.update(re.findall(r"\w+", path.read_text(encoding="utf-8")))
    return result


def test_nothing_is_defined_that_nothing_uses() -> None:
    counted = words()
    unused = [
        f"{path.relative_to(ROOT)}: {name}"
        for path in sorted((ROOT / "src").rglob("*.py"))
        for name in sorted(defined(path))
        if counted[name] < 2
    ]
    assert unused == []


def test_what_nothing_uses_is_found(tmp_path: Path) -> None:
    module = tmp_path / "module.py"
    module.write_text(
        "LIMIT = 1\n_few: int = 2\n\n\ndef used() -> None: ...\n\n\nclass Kind: ...\n"
    )
    assert defined(module) == {"LIMIT", "_few", "used", "Kind"}
