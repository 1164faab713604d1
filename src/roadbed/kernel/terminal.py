"""Text as a terminal may show it: nothing in it moves the cursor, colours, or turns words round."""

from __future__ import annotations

import re

# Control characters but tab and line feed, other line ends, directions, halves of surrogates.
_ACTS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def visible(text: str) -> str:
    """``text`` with the escape of JSON in place of ESC and the like; JSON stays the same JSON."""
    return _ACTS.sub(lambda sign: f"\\u{ord(sign[0]):04x}", text)
