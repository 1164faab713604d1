"""Text for terminals and logs, with control characters escaped."""

from __future__ import annotations

import codecs
import io
import re
from typing import TextIO

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


def escape_unencodable(stream: TextIO) -> None:
    """Let ``stream`` write characters that its encoding lacks as JSON escapes, and never fail."""
    if isinstance(stream, io.TextIOWrapper) and codecs.lookup(stream.encoding).name != "utf-8":
        codecs.register_error("roadbed.escape", _as_escapes)
        stream.reconfigure(errors="roadbed.escape")


def _as_escapes(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    units = error.object[error.start : error.end].encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4)), error.end
