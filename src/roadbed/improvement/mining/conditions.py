"""Single conditions: how one is written in CEL, said in words, and evaluated here."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, TypeGuard

from roadbed.improvement.mining.fields import ConditionField

Test = Literal["is", "starts", "contains", "least", "below"]
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
# What the grammar keeps for itself; such a field is asked for by index.
_RESERVED = re.compile(
    "as|break|const|continue|else|false|for|function|if|import|in|let|loop|namespace|null|package"
    "|return|true|var|void|while"
)
Value: TypeAlias = str | float | int | bool


@dataclass(frozen=True, kw_only=True, slots=True)
class CandidateCondition:
    """One test of one field."""

    field: ConditionField
    test: Test
    value: Value

    def holds(self, values: Sequence[object]) -> list[bool]:
        """For which values of the field it holds; agrees with the CEL of ``cel``."""
        wanted, sort = self.value, _sort(self.value)
        if self.test == "is":
            return [value == wanted and _sort(value) == sort for value in values]
        if isinstance(wanted, str):
            if self.test == "starts":
                return [isinstance(value, str) and value.startswith(wanted) for value in values]
            return [isinstance(value, str) and wanted in value for value in values]
        if self.test == "least":
            return [_is_number(value) and value >= wanted for value in values]
        return [_is_number(value) and value < wanted for value in values]

    @property
    def cel(self) -> str:
        """The condition for a rule."""
        place = _place(self.field)
        value = quoted(self.value)
        if self.test == "is":
            return f"{place} == {value}"
        body = {
            "starts": f"{place}.startsWith({value})",
            "contains": f"{place}.contains({value})",
            "least": f"{place} >= {value}",
            "below": f"{place} < {value}",
        }[self.test]
        # Any other test of null is an error, and an error sends the task to a person.
        return f"{place} != null && {body}" if self.field.optional else body

    @property
    def words(self) -> str:
        """The condition for a person."""
        name = self.field.name if self.field.place == "input" else f"the answer's {self.field.name}"
        value = f'"{self.value}"' if isinstance(self.value, str) else _number(self.value)
        return {
            "is": f"{name} is {self.value if isinstance(self.value, str) else value}",
            "starts": f"{name} starts with {value}",
            "contains": f"{name} contains {value}",
            "least": f"{name} is at least {value}",
            "below": f"{name} is below {value}",
        }[self.test]


def quoted(value: Value) -> str:
    """A value as a CEL literal; nothing in a text can end it early.

    Raises ``ValueError`` for a number that has no literal.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return '"' + "".join(_escaped(sign) for sign in value) + '"'
    if not math.isfinite(value):
        raise ValueError(f"{value} cannot be written down")
    return f"{float(value)!r}" if isinstance(value, float) else str(value)


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _sort(value: object) -> str:
    """Two values of different sorts are never equal, whatever Python thinks of ``1 == True``."""
    if isinstance(value, bool):
        return "flag"
    return "number" if isinstance(value, int | float) else type(value).__name__


def _escaped(sign: str) -> str:
    if sign in '"\\':
        return "\\" + sign
    return f"\\u{ord(sign):04x}" if ord(sign) < 32 or 127 <= ord(sign) < 160 else sign


def _place(field: ConditionField) -> str:
    plain = _WORD.fullmatch(field.name) and not _RESERVED.fullmatch(field.name)
    return f"{field.place}.{field.name}" if plain else f"{field.place}[{quoted(field.name)}]"


def _number(value: Value) -> str:
    return quoted(value) if isinstance(value, bool | str) else f"{value:g}"
