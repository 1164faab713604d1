"""Text for terminals and logs, with control characters escaped."""

from __future__ import annotations

import re

# Control characters except tab and line feed, DEL, C1 controls, other line ends, characters that
# change the text direction, and lone surrogates, which a terminal cannot write.
_ACTS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def visible(text: str) -> str:
    """``text`` with control characters as JSON escapes.

    In JSON such characters occur inside strings only, so its meaning is the same.
    """
    return _ACTS.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def one_line(text: str) -> str:
    """The same with line feeds escaped: in a log, each line is an entry."""
    return visible(text).replace("\n", "\\n")
