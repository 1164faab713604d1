"""Conditions in CEL: what is allowed, and the errors for the rest."""

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


class TestTime:
    """The engine copies other facts in a macro once for each element."""

    @pytest.mark.parametrize(
        "when",
        [
            "input.lines.all(x, x in input.lines)",
            "input.lines.all(x, input.lines[0] == 0)",
            "confidence > 0.1 && input.lines.exists(x, input.text.contains('b'))",
            "input.lines.exists(x, (x == 1) == (input.text == 'b'))",
        ],
    )
    @pytest.mark.parametrize(
        ("lines", "text", "runs"), [(100, 100, True), (100_000, 1, False), (2, 10**7, False)]
    )
    def test_what_would_take_long_is_not_begun(
        self, when: str, lines: int, text: int, runs: bool
    ) -> None:
        facts = {
            "input": {"lines": list(range(lines)), "text": "a" * text},
            "output": {},
            "confidence": 0.5,
        }
        condition = compiled(when, SEES)
        if runs:
            assert isinstance(condition.execute(facts), bool)
            return
        with pytest.raises(ValueError, match="max_length"):
            condition.execute(facts)

    @pytest.mark.parametrize(
        "when",
        [
            "input.lines.all(x, x >= 0) && input.text != 'b'",
            "input.lines.exists(x, x == 0 && [x][0] == 0) || input.lines[0] == 0",
            "input.lines.all(x, {'input': x}.input >= 0)",
            "input.text.contains('b') || size(input.lines) > 3",
        ],
    )
    def test_one_that_asks_of_the_element_alone_has_no_limit(self, when: str) -> None:
        lines = list(range(100_000))
        facts = {"input": {"lines": lines, "text": "a" * 1000}, "output": {}, "confidence": 0.5}
        assert compiled(when, SEES).execute(facts) is True
