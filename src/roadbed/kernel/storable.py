"""Storable values: the one definition for inputs, outputs, evidence, actions, notes and keys.

It is what PostgreSQL takes as ``jsonb`` and ``text`` and gives back equal: JSON whose texts and
object keys are valid Unicode without NUL and whose numbers are finite. Depth, digits and length are
bounded well below what the database could hold, so that reading a value back never fails either.

It is also the only rule for the characters of an input: whatever is storable is kept as it came,
control characters too. ``terminal`` makes them harmless where somebody reads them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping

MOST_DEPTH = 100  # objects and lists inside each other
MOST_CHARACTERS = 16_000_000
_MOST_DIGITS = 309  # as many as the largest float has
_LARGEST = 10**_MOST_DIGITS
_MOST_NAMED = 20
_LONGEST_PLACE = 200
_UNPAIRED = re.compile("[\ud800-\udfff]")
_MANY_DIGITS = re.compile(r"\d{309}")
_ENCODER = json.JSONEncoder(allow_nan=False, ensure_ascii=False, separators=(",", ":"))


def is_storable(value: object, *, most_characters: int = MOST_CHARACTERS) -> bool:
    """Whether ``value`` is JSON that can be stored, in at most ``most_characters``."""
    text = _encoded(value)
    if text is not None and len(text) <= most_characters and not _suspicious(text):
        return True
    return text is not None and len(text) <= most_characters and not any(_faults(value))


def faults(value: object) -> list[tuple[str, str]]:
    """Why ``value`` cannot be stored: places (``orders.2.name``) and reasons, at most 20.

    An empty place is the value itself.
    """
    text = _encoded(value)
    if text is not None and len(text) <= MOST_CHARACTERS and not _suspicious(text):
        return []
    problems = []
    for place, problem in _faults(value):
        problems.append((cleaned(place)[:_LONGEST_PLACE], problem))
        if len(problems) == _MOST_NAMED:
            break
    if not problems and (text is None or len(text) > MOST_CHARACTERS):
        problems.append(("", f"is no plain JSON of at most {MOST_CHARACTERS:,} characters"))
    return problems


def text_fault(text: str) -> str | None:
    """Why a text cannot be stored; ``None`` if it can."""
    if "\x00" in text:
        return "holds a NUL character; remove it"
    if _UNPAIRED.search(text):
        return "holds half a surrogate pair; send valid UTF-8"
    return None


def cleaned(text: str) -> str:
    """A text with characters that cannot be stored replaced."""
    if text_fault(text) is None:
        return text
    return _UNPAIRED.sub("\ufffd", text.replace("\x00", "\ufffd"))


def stripped(text: str) -> tuple[str, int]:
    """A text without characters that cannot be stored, and their number.

    It is for files that are read once, whose report says how many; the API refuses such a text.
    """
    if text_fault(text) is None:
        return text, 0
    kept = _UNPAIRED.sub("", text.replace("\x00", ""))
    return kept, len(text) - len(kept)


def _encoded(value: object) -> str | None:
    try:
        return _ENCODER.encode(value)
    except (TypeError, ValueError, RecursionError):
        return None


def _suspicious(text: str) -> bool:
    """Whether a full check is needed; false is certain and takes microseconds."""
    return (
        "\\u0000" in text
        or text.count("{") + text.count("[") > MOST_DEPTH
        or _MANY_DIGITS.search(text) is not None
        or (not text.isascii() and _UNPAIRED.search(text) is not None)
    )


def _faults(value: object, place: str = "", depth: int = 0) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        if problem := text_fault(value):
            yield place, problem
    elif isinstance(value, bool) or value is None:
        return
    elif isinstance(value, int):
        if not -_LARGEST < value < _LARGEST:
            yield place, f"is a whole number of {_MOST_DIGITS} digits or more; send it as text"
    elif isinstance(value, float):
        if value - value != 0.0:  # infinite, or not a number
            yield place, "is no finite number"
    elif isinstance(value, Mapping | list | tuple):
        if depth == MOST_DEPTH:
            yield place, f"is nested more than {MOST_DEPTH} deep"
        else:
            yield from _inner_faults(value, place, depth + 1)
    else:
        yield place, f"is a {type(value).__name__}, which is no JSON"


def _inner_faults(
    value: Mapping[object, object] | list[object] | tuple[object, ...], place: str, depth: int
) -> Iterator[tuple[str, str]]:
    if not isinstance(value, Mapping):
        for number, inner in enumerate(value):
            yield from _faults(inner, f"{place}.{number}".lstrip("."), depth)
        return
    for key, inner in value.items():
        below = f"{place}.{key}".lstrip(".")
        if isinstance(key, str) and (problem := text_fault(key)):
            yield below, f"has a name that {problem}"
        yield from _faults(inner, below, depth)
