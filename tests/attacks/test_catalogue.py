"""The catalogue names tests that exist."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.attacks.catalogue import CATALOGUE

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("attack", CATALOGUE)
def test_every_attack_is_tried_by_a_test_that_exists(attack: str) -> None:
    assert CATALOGUE[attack]
    for test in CATALOGUE[attack]:
        path, _, name = test.partition("::")
        tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
        names = {getattr(node, "name", None) for node in tree.body}
        assert not name or name in names, test


def test_whatever_stands_here_is_in_the_catalogue() -> None:
    listed = {test for tests in CATALOGUE.values() for test in tests}
    for path in Path(__file__).parent.glob("test_*.py"):
        assert path == Path(__file__) or path.relative_to(ROOT).as_posix() in listed
