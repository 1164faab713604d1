"""Labels as people type them: their normal form, and the known label that a text means."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

# Invisible characters: soft hyphens, joiners, direction marks.
_INVISIBLE = dict.fromkeys(
    (0xAD, 0x61C, *range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2070), 0xFEFF)
)
_LONGEST = 100  # characters; two longer texts are compared without counting edits
_CHARACTERS_PER_EDIT = 3


def normal_label(text: str) -> str:
    """``text`` in the normal form for comparison and storage.

    Invisible characters are removed, every blank (also a no-break space or a tab) is a plain
    blank, blanks at both ends are trimmed, and characters are composed (NFC).
    """
    visible = text.translate(_INVISIBLE)
    plain = "".join(" " if character.isspace() else character for character in visible)
    return unicodedata.normalize("NFC", plain).strip()


def closest(text: str, known: Iterable[str]) -> str | None:
    """The label of ``known`` that ``text`` probably means; ``None`` if none is near.

    A label that differs only in case, or in blanks and compatibility forms, comes first. Otherwise
    it is the one with the fewest edits (a character added, left out, replaced, or two neighbours
    exchanged), at most one for every three characters of the shorter text. Of equally near labels
    the first in alphabetical order is given.
    """
    wanted, nearest = _folded(text), None
    fewest = 0
    for label in sorted(set(known)):
        candidate = _folded(label)
        if candidate == wanted:
            return label
        most = min(len(candidate), len(wanted)) // _CHARACTERS_PER_EDIT
        if max(len(candidate), len(wanted)) > _LONGEST:
            continue
        if abs(len(candidate) - len(wanted)) > most:
            continue
        edits = _edits(wanted, candidate)
        if edits <= most and (nearest is None or edits < fewest):
            nearest, fewest = label, edits
    return nearest


def _folded(text: str) -> str:
    compatible = unicodedata.normalize("NFKC", normal_label(text)).casefold()
    return " ".join(compatible.split())


def _edits(one: str, other: str) -> int:
    """The optimal string alignment distance of two texts."""
    before: list[int] = []
    last = list(range(len(other) + 1))
    for row, character in enumerate(one, start=1):
        line = [row]
        for column, opposite in enumerate(other, start=1):
            edits = min(
                last[column] + 1,
                line[column - 1] + 1,
                last[column - 1] + (character != opposite),
            )
            if (
                row > 1
                and column > 1
                and character == other[column - 2]
                and opposite == one[row - 2]
            ):
                edits = min(edits, before[column - 2] + 1)
            line.append(edits)
        before, last = last, line
    return last[-1]
