"""Titles: names of documents by which a question means them: "the travel policy", "the DPA". Pure.

Only a name that ends with the kind of document counts. Words such as *annual leave* may be the name
of a file too, and a question that has them asks about the matter. After "according to" each name
counts, also the last words of one: "according to the lease".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from roadbed.knowledge.document_facts import title_of

_LONGEST = 8  # words of a name
_KINDS = frozenset(
    (
        *("addendum", "agreement", "checklist", "code", "contract", "guide", "guideline"),
        *("guidelines", "handbook", "manual", "minutes", "notice", "overview", "plan"),
        *("policy", "presentation", "procedure", "proposal", "report", "rfp", "statement"),
        *("terms", "handbuch", "vertrag", "richtlinie", "bericht", "política", "contrato"),
    )
)
_WORD = re.compile(r"[^\W_]+")

_REFERENCE = re.compile(
    r"\b(?:according to|as per|laut|gemäß|gemäss|según|selon|d.après)\s+"
    r"(?:(?:the|our|my|your|de[rmn]|unsere[rmn]?|eure[rmn]?|el|la|los|las|nuestr[oa]s?|le|les|notre)"
    r"\s+|l['’])?",
    re.IGNORECASE,
)


def titles_of(paths: Mapping[str, str]) -> Mapping[str, frozenset[str]]:
    """The names, and initials of long ones, with the ids of the documents that have each.

    ``paths`` gives the path of each id. A name that all documents have tells nothing.
    """
    holders: dict[str, set[str]] = {}
    for identifier, path in paths.items():
        words = title_of(path)
        if not 2 <= len(words) <= _LONGEST or words[-1] not in _KINDS:
            continue
        holders.setdefault(" ".join(words), set()).add(identifier)
        if len(words) > 2:
            initials = "".join(word[0] for word in words).upper()
            holders.setdefault(initials, set()).add(identifier)
    return {title: frozenset(ids) for title, ids in holders.items() if len(ids) < len(paths)}


def titles_in(
    question: str, titles: Mapping[str, frozenset[str]]
) -> Iterator[tuple[str, frozenset[str]]]:
    """The names in a question as it writes them, with the ids of their documents."""
    words = list(_WORD.finditer(question)) if titles else []
    for first in range(len(words)):
        for last in range(min(first + _LONGEST, len(words)), first, -1):
            run = words[first:last]
            if ids := titles.get(_name(run)):
                yield question[run[0].start() : run[-1].end()], ids
                break


def referred_titles(
    question: str, paths: Mapping[str, str]
) -> Iterator[tuple[str, frozenset[str]]]:
    """What names documents by "according to", as the question writes it, with their ids.

    ``paths`` gives the path of each id. A name of all documents tells nothing.
    """
    for reference in _REFERENCE.finditer(question):
        words = list(_WORD.finditer(question, reference.end()))[:_LONGEST]
        for last in range(len(words), 0, -1):
            run = words[:last]
            name = tuple(word.group().lower() for word in run)
            ids = frozenset(
                identifier for identifier, path in paths.items() if title_of(path)[-last:] == name
            )
            if ids and len(ids) < len(paths):
                yield question[reference.start() : run[-1].end()], ids
                break


def _name(words: Sequence[re.Match[str]]) -> str:
    """Words as names are written; one in capitals may be initials."""
    if len(words) == 1:
        return words[0].group() if words[0].group().isupper() else ""
    return " ".join(word.group().lower() for word in words)
