"""Signs of Markdown that stand in a text itself, kept apart from those that a reader writes. Pure.

The first reader gives Markdown and escapes nothing: "5*3*2" and a number in italics look alike.
So each such sign of a text is a character without a meaning while the reader has it.
"""

from __future__ import annotations

import re
from dataclasses import replace

from roadbed.knowledge.model import Part

_SIGNS = "*_#[]`~^|\\<"
_FIRST = 0x10F0D0  # of the private characters of Unicode
_GUARDED = {sign: chr(_FIRST + index) for index, sign in enumerate(_SIGNS)}
_BACK = str.maketrans({guarded: sign for sign, guarded in _GUARDED.items()})
_SIGN = re.compile(r"(?<!&)#|[*_\[\]`~^|\\]|&lt;")  # &#8217; is a character
_SUPERSCRIPT = re.compile(r"\^([^^\n]+)\^")
_SUBSCRIPT = re.compile(r"(?<!~)~([^~\n]+)~(?!~)")
_EMPHASIS = re.compile(r"\*+|__|</?u>")
RAISED = _GUARDED["^"]


def guarded(text: str) -> str:
    """A text of XML or HTML whose signs no reader of Markdown knows."""
    return _SIGN.sub(lambda match: _GUARDED[match[0].replace("&lt;", "<")], text)


def restored(text: str) -> str:
    """A text with its signs again, each in its place."""
    return text if text.isascii() else text.translate(_BACK)


def restored_part(part: Part) -> Part:
    """A part with the signs of its text again, also in its headings. Places stay as they are."""
    return replace(
        part,
        text=restored(part.text),
        blocks=tuple(
            replace(
                block,
                headings=tuple(map(restored, block.headings)),
                header=restored(block.header) if block.header is not None else None,
            )
            for block in part.blocks
        ),
    )


def without_emphasis(text: str) -> str:
    """Markdown of a guarded text without bold, italic and underlined; "m^2^" becomes "m^2".

    A raised number keeps a sign before it: "10^2" is not 102. Other raised letters do not.
    """
    text = _EMPHASIS.sub("", text)
    text = _SUPERSCRIPT.sub(
        lambda match: f"^{match[1]}" if match[1].lstrip("+-(")[:1].isdigit() else match[1], text
    )
    return _SUBSCRIPT.sub(r"\1", text)
