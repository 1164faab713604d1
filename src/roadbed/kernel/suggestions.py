"""What somebody meant who mistyped a name."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from roadbed.kernel.sentences import Text, sentence


def did_you_mean(typed: str, known: Iterable[str]) -> Text:
    """A sentence with the closest of the ``known`` names, led by a space; empty if none is close.

    Capitals are compared as small letters.
    """
    names = {name.lower(): name for name in sorted(known, reverse=True)}
    matches = get_close_matches(typed.lower(), names, n=1)
    return sentence(" Did you mean %(name)r?", name=names[matches[0]]) if matches else ""
