"""Titles: names of documents by which a question means them: "the travel policy", "the DPA". Pure.

Only a name that ends with the kind of document counts. Words such as *annual leave* may be the name
of a file too, and a question that has them asks about the matter. After "according to" and in "what
does the lease say" each name counts, also the last words of one.
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

# A name may go on with such a word: "the travel policy" is travel.pdf.
_MORE = _KINDS | frozenset(
    ("card", "document", "letter", "list", "note", "notes", "regulations", "rules", "sheet")
)

_ARTICLE = (
    r"(?:(?:the|our|my|your|de[rmn]|die|das|unsere[rmn]?|eure[rmn]?|el|la|los|las|nuestr[oa]s?|le"
    r"|les|notre)\s+|l['’])"
)
_SAYS = r"(?:says?|mentions?|states?|provides?|contains?)"
# What stands before a name, and what must stand behind it.
_REFERENCES = tuple(
    (re.compile(before, re.IGNORECASE), re.compile(behind, re.IGNORECASE))
    for before, behind in (
        (rf"\b(?:according to|as per|laut|gemäß|gemäss|según|selon|d.après)\s+{_ARTICLE}?", ""),
        (rf"(?<!\bas\s)\bper\s+{_ARTICLE}", ""),
        (rf"\bdo(?:es)?\s+{_ARTICLE}", rf"\s+{_SAYS}\b"),
        (rf"\b(?:sagt|sagen)\s+{_ARTICLE}", ""),
        (rf"\bsteht\s+(?:im\s+|in\s+{_ARTICLE})", ""),
        (rf"\bdicen?\s+{_ARTICLE}", ""),
        (rf"\b(?:dit|disent)\s+{_ARTICLE}", ""),
        (rf"^\W*(?:in|en|dans)\s+{_ARTICLE}", r"\s*,"),
    )
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

    The same for "what does the lease say" and "in the lease,". ``paths`` gives the path of each id.
    A name of all documents tells nothing.
    """
    for before, behind in _REFERENCES:
        for reference in before.finditer(question):
            words = list(_WORD.finditer(question, reference.end()))[:_LONGEST]
            for last in range(len(words), 0, -1):
                name = tuple(word.group().lower() for word in words[:last])
                ids = frozenset(
                    identifier
                    for identifier, path in paths.items()
                    if title_of(path)[-last:] == name
                )
                end = _end_of_name(question, words, last)
                rest = behind.match(question, end)
                if ids and len(ids) < len(paths) and rest:
                    yield question[reference.start() : rest.end()], ids
                    break


def _end_of_name(question: str, words: Sequence[re.Match[str]], known: int) -> int:
    """Where a name ends of which the first ``known`` words are known.

    The words for the kind of document that follow belong to it.
    """
    last = known
    while last < len(words) and words[last].group().lower() in _MORE:
        if question[words[last - 1].end() : words[last].start()].strip():
            break
        last += 1
    return words[last - 1].end()


def _name(words: Sequence[re.Match[str]]) -> str:
    """Words as names are written; one in capitals may be initials."""
    if len(words) == 1:
        return words[0].group() if words[0].group().isupper() else ""
    return " ".join(word.group().lower() for word in words)
