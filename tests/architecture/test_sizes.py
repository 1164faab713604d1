"""Size is no excuse: style rule 13, measured and held."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import pytest

SOURCE = Path(__file__).parents[2] / "src" / "roadbed"


@dataclass(frozen=True, kw_only=True)
class Figures:
    """Lines of files and functions by location; depth of folders."""

    files: dict[str, int]
    functions: dict[str, int]
    folders: dict[str, int]

    def __str__(self) -> str:
        longest = max(self.functions, key=self.functions.__getitem__)
        largest = max(self.files, key=self.files.__getitem__)
        return (
            f"{len(self.files)} files, median {median(self.files.values())} lines, "
            f"largest {largest} with {self.files[largest]}\n"
            f"{len(self.functions)} functions, median {median(self.functions.values())} lines, "
            f"{share_over_50(self.functions):.1%} over 50, "
            f"longest {longest} with {self.functions[longest]}\n"
            f"folders {max(self.folders.values())} deep"
        )


def share_over_50(functions: dict[str, int]) -> float:
    return sum(lines > 50 for lines in functions.values()) / len(functions)


def measure(root: Path) -> Figures:
    """Every Python file with anything in it; a function counts from its name to its end."""
    files: dict[str, int] = {}
    functions: dict[str, int] = {}
    for path in sorted(root.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        where = path.relative_to(root).as_posix()
        if text.strip():
            files[where] = len(text.splitlines())
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                assert node.end_lineno is not None
                functions[f"{where}:{node.lineno} {node.name}"] = node.end_lineno - node.lineno + 1
    folders = {
        path.relative_to(root).as_posix(): len(path.relative_to(root).parts)
        for path in root.rglob("*")
        if path.is_dir() and path.name != "__pycache__"
    }
    return Figures(files=files, functions=functions, folders=folders or {".": 0})


def over_the_caps(figures: Figures) -> list[str]:
    """One sentence for each cap that does not hold."""
    results = [
        f"{where} has {lines} lines, more than 500"
        for where, lines in figures.files.items()
        if lines > 500
    ]
    results += [
        f"{where} is {depth} folders deep, more than 3"
        for where, depth in figures.folders.items()
        if depth > 3
    ]
    if (middle := median(figures.functions.values())) > 10:
        results.append(f"the median function has {middle} lines, more than 10")
    if (share := share_over_50(figures.functions)) >= 0.02:
        longest = [where for where, lines in figures.functions.items() if lines > 50]
        results.append(f"{share:.1%} of functions are over 50 lines, not under 2 %: {longest}")
    return results


def function(lines: int) -> str:
    return "def some() -> None:\n" + "    pass\n" * (lines - 1)


def test_the_source_keeps_its_caps() -> None:
    figures = measure(SOURCE)
    print(figures)
    assert over_the_caps(figures) == [], figures


@pytest.mark.parametrize(
    ("files", "complaint"),
    [
        ({"a.py": function(2) + "\n" * 499, "b.py": "1\n", "c.py": "1\n"}, "more than 500"),
        ({"a.py": function(11)}, "median function"),
        ({"a.py": function(2) * 48 + function(51), "b.py": "1\n"}, "2.0% of functions"),
        ({"a/b/c/d/e.py": function(2)}, "4 folders deep"),
    ],
)
def test_a_cap_that_is_broken_is_told(
    tmp_path: Path, files: dict[str, str], complaint: str
) -> None:
    for where, text in files.items():
        (tmp_path / where).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / where).write_text(text)
    assert [cap for cap in over_the_caps(measure(tmp_path)) if complaint in cap]


def test_small_files_and_functions_are_fine(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(function(10) * 10)
    assert over_the_caps(measure(tmp_path)) == []
