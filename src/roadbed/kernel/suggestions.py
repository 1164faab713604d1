"""What somebody meant who mistyped a name."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def did_you_mean(typed: str, known: Iterable[str]) -> str:
    """A sentence with the closest of the ``known`` names, led by a space; empty if none is close.

    Capitals are compared as small letters.
    """
    names = {name.lower(): name for name in sorted(known, reverse=True)}
    matches = get_close_matches(typed.lower(), names, n=1)
    return f" Did you mean {names[matches[0]]!r}?" if matches else ""
