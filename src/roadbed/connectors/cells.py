"""Cells of a spreadsheet that are always shown as text, never run as a formula."""

from __future__ import annotations

import re

# Characters that start a formula, also behind spaces and invisible characters, which programs cut
# off; some programs also accept the wide forms.
_DANGER = re.compile("['\\s\u200b-\u200f\u2060\ufeff]*[=+\\-@＝＋－＠]|'*[\t\r\n]")
_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
CELL_CHARACTERS = 32_767  # what a cell of a workbook holds

Cell = str | int | float | bool | None


def neutralised(value: Cell) -> Cell:
    """Text that would be calculated, with an apostrophe before it; numbers stay numbers.

    Text that already looks neutralised gets another one, so that ``restored`` undoes it exactly.
    """
    if isinstance(value, str) and _DANGER.match(value):
        return "'" + value
    return value


def restored(text: str) -> str:
    """The text of the cell before ``neutralised``."""
    return text[1:] if text.startswith("'") and _DANGER.match(text) else text


def printable(text: str) -> str:
    """Text that a workbook can hold: what XML cannot carry becomes U+FFFD, the rest is kept."""
    return _UNPRINTABLE.sub("\ufffd", text)[:CELL_CHARACTERS]
