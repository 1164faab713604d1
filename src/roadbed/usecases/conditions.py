"""Conditions in CEL, for rules and deliveries: the names and macros they may use."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence, Set
from typing import Any

# Elements of the longest list times characters and values in all; takes a fifth of a second.
MOST_STEPS = 10_000_000

# `has` names no element, and needs nothing here.
_EACH = {"all", "exists", "exists_one"}
_BUILDS = {"map", "filter"}
_TOKEN = re.compile(
    r"""[bB]?[rR][bB]?(?:'''.*?'''|\"{3}.*?\"{3}|'[^']*'|"[^"]*")"""
    r"""|[bB]?(?:'''(?:\\.|.)*?'''|\"{3}(?:\\.|.)*?\"{3}|'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*")"""
    r"""|//[^\n]*|[A-Za-z_][A-Za-z0-9_]*|\S""",
    re.DOTALL,
)
_OPEN, _CLOSE = frozenset("([{"), frozenset(")]}")


class Condition:
    """A compiled condition. A macro that reads other facts takes quadratic time."""

    # Any: the engine takes a dict only, and facts are any mapping.
    def __init__(self, program: Any, *, squares: bool) -> None:
        self._program = program
        self._squares = squares

    def execute(self, facts: Mapping[str, object]) -> object:
        """Its value for ``facts``. Raises ``ValueError`` if that would take too long.

        Errors of the engine are passed on.
        """
        if self._squares and _steps(facts) > MOST_STEPS:
            raise ValueError(
                "it compares each element of a list with more than can be compared in time; bound "
                "the lists and texts in the model, with max_length"
            )
        value: object = self._program.execute(facts)
        return value


def compiled(when: object, sees: Set[str]) -> Condition:
    """A condition over the names in ``sees``. Raises ``ValueError`` with advice."""
    import cel

    program = cel.compile(str(when))
    unknown = set(program.variables()) - sees
    tokens = [token for token in _TOKEN.findall(str(when)) if not token.startswith("//")]
    unknown -= _elements(tokens, sees)
    if unknown:
        raise ValueError(f"it asks for {sorted(unknown)}, but sees only {sorted(sees)}")
    return Condition(program, squares=_looks_elsewhere(tokens, sees))


def _looks_elsewhere(tokens: Sequence[str], sees: Set[str]) -> bool:
    """Whether a macro's condition names more than the element.

    The engine copies each named fact every time.
    """
    starts = {at for at, _ in _macros(tokens)}
    depth, inside = 0, []
    for at, token in enumerate(tokens):
        if token in _OPEN:
            depth += 1
            if at in starts:
                inside.append(depth)
        elif token in _CLOSE:
            if inside and inside[-1] == depth:
                inside.pop()
            depth -= 1
        elif inside and token in sees and tokens[at - 1] != ".":
            return True
    return False


def _steps(facts: Mapping[str, Any]) -> int:
    """Upper bound of the steps of a macro: the longest list times the size of all facts."""
    longest, size, left = 0, 0, list(facts.values())
    while left:
        value = left.pop()
        size += 1
        if isinstance(value, str):
            size += len(value)
        elif isinstance(value, Mapping | list | tuple):
            longest = max(longest, len(value))
            left.extend(value.values() if isinstance(value, Mapping) else value)
            if isinstance(value, Mapping):
                size += sum(map(len, value))
    return longest * size


def _elements(tokens: Sequence[str], sees: Set[str]) -> set[str]:
    """The names that macros give to elements. Raises ``ValueError`` for a use that never works."""
    named = {}
    for at, macro in _macros(tokens):
        if macro in _BUILDS:
            raise ValueError(
                f"the macro {macro} is not supported, since its time grows with the square of the "
                "list; write all, exists or exists_one with a condition on each element"
            )
        if tokens[at + 1] in sees:
            raise ValueError(f"{macro} names its element {tokens[at + 1]!r}; take another name")
        named[at] = tokens[at + 1]
    scopes: list[str | None] = []
    for at, token in enumerate(tokens):
        if token in _OPEN:
            if at in named and any(scopes):
                raise ValueError(
                    "a macro stands inside another, and its time would grow with the square of the "
                    "list; write two rules, or give the input a field that says it"
                )
            scopes.append(named.get(at))
        elif token in _CLOSE:
            scopes.pop()
        elif token in named.values() and token not in scopes and tokens[at - 1] != ".":
            raise ValueError(f"{token!r} is the element of a macro and is asked for outside of it")
    return set(named.values())


def _macros(tokens: Sequence[str]) -> Iterator[tuple[int, str]]:
    """Where the bracket of each macro opens that names an element, and which macro it is."""
    for at in range(2, len(tokens) - 2):
        opens = tokens[at] == "(" and tokens[at - 2] == "." and tokens[at + 2] == ","
        if opens and tokens[at - 1] in _EACH | _BUILDS:
            yield at, tokens[at - 1]
