"""When two citations name the same passage. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from roadbed.scoring.content import canonical

_FEW_WORDS = 5  # a quote with fewer may stand in other passages as well
_SHARED = 0.5  # of the words of the shorter quote, where a passage was cut elsewhere


def citations_of(value: object) -> Sequence[Mapping[str, object]]:
    """The citations in a field of an output, in their order; none if it holds no list of them."""
    if not isinstance(value, list | tuple):
        return []
    return [citation for citation in value if isinstance(citation, Mapping)]


def same_citation(proposed: Mapping[str, object], right: Mapping[str, object]) -> bool:
    """Whether a proposed citation is a right one.

    ``document`` and ``place`` must be equal, and the ``passage``. Many passages have the same
    place, such as all of a text without headings. Where the passage is another one or not named,
    what the right one says must be there: its ``quote`` must be in the proposed one or the other
    way round, or both overlap as they do where a newer version of the document is cut into other
    passages. A right citation without passage and quote names all of its place.
    """
    if _place(proposed) != _place(right):
        return False
    names = proposed.get("passage"), right.get("passage")
    if all(names) and names[0] == names[1]:
        return True
    said, told = _words(proposed.get("quote")), _words(right.get("quote"))
    if not told:
        return not names[1]
    if not said:
        return not names[0] and bool(right.get("place"))
    shorter, longer = sorted((said, told), key=len)
    if all(names) and len(shorter) < _FEW_WORDS:
        return False
    return _contains(longer, shorter) or _overlap(longer, shorter)


def _place(citation: Mapping[str, object]) -> str:
    return canonical([citation.get("document"), citation.get("place")])


def _words(quote: object) -> Sequence[str]:
    return str(quote or "").casefold().split()


def _contains(longer: Sequence[str], shorter: Sequence[str]) -> bool:
    part = re.escape(" ".join(shorter))
    return re.search(rf"(?<!\w){part}(?!\w)", " ".join(longer)) is not None


def _overlap(one: Sequence[str], other: Sequence[str]) -> bool:
    """Whether one ends as the other begins: two cuts of a text do; rows of a table do not."""
    most = min(len(one), len(other))
    least = max(_FEW_WORDS, int(_SHARED * most))
    return any(
        one[-size:] == other[:size] or other[-size:] == one[:size]
        for size in range(least, most + 1)
    )
