"""When two citations name the same passage. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from difflib import SequenceMatcher

from roadbed.scoring.content import canonical

_FEW_WORDS = 5  # a quote with fewer may stand in other passages as well
_SHARED = 0.5  # of the words of the shorter quote, where a passage was cut elsewhere
_ALIKE = 0.8  # of the words of both quotes, where a passage was edited


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
    passages. In another version of the document, a passage at the same place may have been edited.
    A right citation without passage and quote names all of its place.
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
    if len(told) <= len(said) and not names[1]:  # the words of the answer, as examples have them
        return _contains(said, told)
    if min(len(said), len(told)) < _FEW_WORDS:
        return False
    if _contains(said, told) or _contains(told, said) or _overlap(said, told):
        return True
    return _is_other_version(proposed, right) and _is_edited(said, told)


def _is_other_version(proposed: Mapping[str, object], right: Mapping[str, object]) -> bool:
    both = proposed.get("passage") and right.get("passage") and right.get("place")
    return bool(both) and proposed.get("version") != right.get("version")


def _is_edited(said: Sequence[str], told: Sequence[str]) -> bool:
    return SequenceMatcher(None, said, told, autojunk=False).ratio() >= _ALIKE


def _place(citation: Mapping[str, object]) -> str:
    return canonical([citation.get("document"), citation.get("place")])


def _words(quote: object) -> Sequence[str]:
    return str(quote or "").casefold().split()


def _contains(words: Sequence[str], part: Sequence[str]) -> bool:
    """Whether words have others in them, one after the other; signs around them do not matter."""
    sought = re.escape(" ".join(part))
    return re.search(rf"(?<!\w){sought}(?!\w)", " ".join(words)) is not None


def _overlap(one: Sequence[str], other: Sequence[str]) -> bool:
    """Whether one ends as the other begins: two cuts of a text do; rows of a table do not."""
    most = min(len(one), len(other))
    least = max(_FEW_WORDS, int(_SHARED * most))
    return any(
        one[-size:] == other[:size] or other[-size:] == one[:size]
        for size in range(least, most + 1)
    )
