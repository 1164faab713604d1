"""Words of a PDF whose first letter stands apart: the first reader tears ``T otal``. Pure."""

from __future__ import annotations

import re

_TORN = re.compile(r"(?<!\w)([^\W\d_]) ([^\W\d_]{2,})(?!\w)")
_WORD = re.compile(r"[^\W\d_]+")


def mended(text: str, other: str) -> str:
    """``text`` of the first reader with words joined that ``other``, of the second, has whole.

    A letter that stands apart there too is a word, as in "Plan A names".
    """
    words = set(_WORD.findall(other))
    apart = {f"{match[1]} {match[2]}" for match in _TORN.finditer(" ".join(other.split()))}

    def join(match: re.Match[str]) -> str:
        whole = f"{match[1]}{match[2]}"
        is_torn = match[1].isupper() and whole in words and match[0] not in apart
        return whole if is_torn else match[0]

    return _TORN.sub(join, text)
