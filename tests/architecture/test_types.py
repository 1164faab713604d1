"""Public signatures have precise types: ``Any`` is the exception."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src" / "roadbed"
MOST = 40  # of about 1,900 public functions and methods


def signatures(root: Path) -> Iterator[tuple[str, bool]]:
    """Each public function and method below ``root``, and whether its signature has ``Any``."""
    for path in sorted(root.rglob("*.py")):
        where = path.relative_to(root).as_posix()
        for name, node in _public(ast.parse(path.read_text(encoding="utf-8")).body):
            yield f"{where}:{node.lineno} {name}", _has_any(node)


def _public(
    body: list[ast.stmt], of: str = ""
) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    for statement in body:
        if isinstance(statement, ast.ClassDef) and not statement.name.startswith("_"):
            yield from _public(statement.body, f"{statement.name}.")
        elif isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef) and (
            not statement.name.startswith("_") or statement.name in ("__init__", "__call__")
        ):
            yield f"{of}{statement.name}", statement


def _has_any(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    given = node.args
    arguments = [*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg]
    annotations = [argument.annotation for argument in arguments if argument] + [node.returns]
    return any(
        isinstance(part, ast.Name) and part.id == "Any"
        for annotation in annotations
        if annotation is not None
        for part in ast.walk(annotation)
    )


def test_few_public_signatures_have_any() -> None:
    every = list(signatures(SOURCE))
    loose = [name for name, has_any in every if has_any]
    print(f"{len(loose)} of {len(every)} public signatures have Any:", *loose, sep="\n  ")
    assert len(loose) <= MOST


@pytest.mark.parametrize(
    ("text", "loose"),
    [
        ("def f(x: int) -> str: ...", 0),
        ("def f(x: Any) -> str: ...", 1),
        ("def f(*x: Any) -> str: ...", 1),
        ("async def f() -> dict[str, Any]: ...", 1),
        ("class A:\n    def f(self, *, x: Sequence[Any]) -> str: ...", 1),
        ("class A:\n    def __init__(self, **x: Any) -> None: ...", 1),
        ("def _f(x: Any) -> Any: ...", 0),
        ("class _A:\n    def f(self) -> Any: ...", 0),
    ],
)
def test_a_loose_signature_is_found(tmp_path: Path, text: str, loose: int) -> None:
    (tmp_path / "module.py").write_text(text)
    assert sum(has_any for _, has_any in signatures(tmp_path)) == loose
