"""Cells of a spreadsheet that are always shown as text, never run as a formula."""

from __future__ import annotations

import re

# Characters that start a formula, also behind spaces and invisible characters, which programs cut
# off; some programs also accept the wide forms.
_SIGNS = "[=+\\-@＝＋－＠]"
_DANGER = re.compile(f"['\\s\u200b-\u200f\u2060\ufeff]*{_SIGNS}|'*[\t\r\n]")
# Where a list of numbers has semicolons, as in German, programs cut CSV at these, and at a line's
# end, even inside quotes. What follows is a cell of its own, and harmful if it calls or refers.
_PART = (
    f"([;\t\r\n](?:[^\\S\t\r\n]|['\"\u200b-\u200f\u2060\ufeff])*){{}}(?={_SIGNS}[^;\t\r\n]*[(|!])"
)
_WITHIN, _NEUTRALISED_WITHIN = re.compile(_PART.format("")), re.compile(_PART.format("'"))
_CODE = re.compile("_(?=x[0-9A-Fa-f]{4}_)")  # how a workbook writes a character by its number
_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
CELL_CHARACTERS = 32_767  # what a cell of a workbook holds; those above U+FFFF count twice

Cell = str | int | float | bool | None


def neutralised(value: Cell) -> Cell:
    """Text that would be calculated, with an apostrophe before it; numbers stay numbers.

    A part of it that a program may make a cell of its own gets one too. Text that already looks
    neutralised gets another one, so that ``restored`` undoes it exactly.
    """
    if not isinstance(value, str):
        return value
    text = _WITHIN.sub(r"\1'", value)
    return "'" + text if _DANGER.match(text) else text


def restored(text: str) -> str:
    """The text of the cell before ``neutralised``."""
    text = text[1:] if text.startswith("'") and _DANGER.match(text) else text
    return _NEUTRALISED_WITHIN.sub(r"\1", text)


def printable(text: str) -> str:
    """Text that a workbook can hold: what XML cannot carry becomes U+FFFD, the rest is kept.

    Text that looks like the code of a character is not read as one.
    """
    units = _UNPRINTABLE.sub("\ufffd", text).encode("utf-16-le")[: 2 * CELL_CHARACTERS]
    return _CODE.sub("_x005F_", units.decode("utf-16-le", "ignore"))
