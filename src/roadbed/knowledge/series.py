"""Series: what the documents of several periods are called, and whether a question asks for one.

A question may name a year in two ways. "The 2017 audit" asks for a document of a series. "The flaw
of 2017" may stand in any of them. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from pathlib import PurePosixPath

from roadbed.knowledge.periods import YEAR

_SEPARATOR = re.compile(r"[\s_.\-()]+")
_BETWEEN = re.compile(
    r"(?i)\b(?:the|an?|of|in|on|at|by|to|for|from|as|and|or|did|do|does|was|were|is|are|had|have|has"
    r"|how|what|which|when|who|we|our|there)\b"
)
_JOINING = r"(?:[ ](?:of|in|for|from|von|aus|für|de|del|du))?"


def series_nouns(path: str) -> Iterator[str]:
    """What a folder or file with a year in its name calls the thing: ``security-audit-2019``."""
    for name in (*PurePosixPath(path).parent.parts, PurePosixPath(path).stem):
        words = [word for word in _SEPARATOR.split(name) if word]
        nouns = [word.lower() for word in words if len(word) > 2 and word.isalpha()]
        if nouns and YEAR.search(" ".join(words)):
            yield nouns[-1]


def asks_for_item(question: str, year: int, nouns: Collection[str]) -> bool:
    """Whether a question names ``year`` as that of one of a series: ``the 2017 security audit``."""
    if not nouns:
        return False
    noun = "|".join(re.escape(word) for word in sorted(nouns))
    before = re.search(
        rf"(?i)\b{year}\b(?P<between>(?:[ -][\w./]+){{0,3}}?)[ -](?:{noun})s?\b", question
    )
    if before is not None and not _BETWEEN.search(before["between"]):
        return True
    return re.search(rf"(?i)\b(?:{noun})s?{_JOINING}[ ]{year}\b", question) is not None
