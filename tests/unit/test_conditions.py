"""Conditions in CEL: what may stand in one, and what is said of what may not."""

from __future__ import annotations

from typing import Any

import pytest

from roadbed.usecases.conditions import compiled

SEES = {"input", "output", "confidence"}
ORDER: dict[str, Any] = {
    "input": {"lines": [3, 5], "code": "a(x, y)", "none": None, "x": 1},
    "output": {},
    "confidence": 0.5,
}


@pytest.mark.parametrize(
    ("when", "says"),
    [
        ("input.lines.all(line, line > 2)", True),
        ("input.lines.all(line, line > 4)", False),
        ("input.lines.exists(line, line == 5)", True),
        ("input.lines.exists_one(line, line > 2)", False),
        ("has(input.code) && !has(input.colour)", True),
        ('input.code == "a(x, y)" && input.lines.exists(x, x == 3)', True),
        ('input.lines.exists(x, x == input.x) || input.code.contains(".map(x, x)")', False),
        ("input.lines.all(line, line > 2) && input.lines.exists(line, [line][0] == 5)", True),
        ("r'a\\' != input.code && input.lines.exists(x, x == 3)", True),
        ("input.lines.all(x, x > 2) // .map(x, x)", True),
        ("'''x''' != input.code && input.lines.all(x, {'x': x}.x > 2)", True),
    ],
)
def test_a_condition_may_ask_about_each_element(when: str, says: bool) -> None:
    assert compiled(when, SEES).execute(ORDER) is says


@pytest.mark.parametrize(
    ("when", "why"),
    [
        ("input.lines.map(x, x + 1)[0] == 4", "map is not supported.*write all, exists"),
        ("input.lines.filter(x, x > 2).size() == 2", "filter is not supported.*write all, exists"),
        ("input.lines.all(x, input.lines.exists(y, y > x))", "inside another.*two rules"),
        ("input.lines.all(input, input > 2)", "names its element 'input'"),
        ("input.lines.all(x, x > 2) && x == 1", "asked for outside"),
        ("input.lines.all(x, x > other)", r"asks for \['other'\]"),
        ("total > 3", r"asks for \['total'\], but sees only \['confidence', 'input', 'output'\]"),
    ],
)
def test_what_a_condition_may_not_do_is_said_with_what_to_write(when: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        compiled(when, SEES)
