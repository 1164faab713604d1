"""Owner names: organizations and subjects in covers, paths and questions. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from roadbed.knowledge.periods import QUARTER

_SUFFIX = (
    r"(?:inc|incorporated|corp|corporation|llc|llp|ltd|limited|plc|gmbh|ag|se|s\.a|n\.v|b\.v"
    r"|foundation)"
)
# A line that is the name of an organization and nothing else, as covers and letterheads have it.
_ORGANIZATION = re.compile(
    rf"(?im)^[ \t#*]*([^\W\d_][\w.&'’ -]{{0,60}}?),?[ \t]+{_SUFFIX}\b\.?[ \t#*]*$"
)
_OWNER = re.compile(r"\b([A-Z][\w&.-]*(?:[ ][A-Z][\w&.-]*){0,3})(?:'s|’s|s'|s’)(?=\W|$)")
# Whoever does something, or something is said of: after an auxiliary verb or a preposition.
_AFTER = re.compile(
    r"\b(?i:did|does|do|has|have|had|is|was|were|will|would|can|could|should|by|at|for|of|to|from|with"
    r"|about|impact|affect)[ ]([A-Z][\w&.-]*(?:[ ][A-Z][\w&.-]*){0,3})"
)
_RELEASE = re.compile(r"(?i)(?<![a-z\d.])v?(\d{1,4}(?:\.\d{1,4})+)(?![a-z\d.])")
_MONTH = re.compile(
    r"January|February|March|April|May|June|July|August|September|October|November|December"
)
WORD = re.compile(r"[^\W_]+(?:[.&][^\W_]+)*")
_NO_SUBJECT = frozenset(
    [
        "a",
        "an",
        "the",
        "of",
        "and",
        "or",
        "for",
        "to",
        "in",
        "on",
        "by",
        "with",
        "from",
        "draft",
        "final",
        "report",
        "version",
        "copy",
        "signed",
        "executable",
        "current",
        "new",
        "old",
        "template",
        "document",
        "documents",
        "q1",
        "q2",
        "q3",
        "q4",
        "fy",
        "index",
        "readme",
    ]
)
# Words in small letters within the name of an organization.
_CONNECTING = re.compile(
    r"(?i)of|and|the|for|&|de|la|le|du|des?|der|die|das|und|für|von|van|den|y|e|et|del|los|las|d[aio]|dos"
)
_QUESTION_WORDS = frozenset(
    [
        "What",
        "Which",
        "Who",
        "Whose",
        "When",
        "Where",
        "Why",
        "How",
        "Is",
        "Are",
        "Was",
        "Were",
        "Did",
        "Do",
        "Does",
        "Has",
        "Have",
        "Had",
        "Can",
        "Could",
        "Will",
        "Would",
        "Should",
        "In",
        "On",
        "For",
        "At",
        "By",
        "From",
        "According",
        "Based",
        "Compare",
        "Describe",
        "Explain",
        "List",
        "Give",
        "Tell",
        "Show",
        "Summarize",
        "It",
        "That",
        "There",
        "Here",
        "Let",
        "He",
        "She",
        "They",
        "This",
        "These",
        "Those",
    ]
)


def organizations_in(cover: str) -> Iterator[str]:
    """The organizations that stand alone on a line.

    A heading may end with one: ``Leave regulations of Brunnhof AG`` is no organization.
    """
    for match in _ORGANIZATION.finditer(cover):
        name = match.group(1).strip(" ,.")
        words = name.split()
        if words and all(word[0].isupper() or _CONNECTING.fullmatch(word) for word in words[1:]):
            yield name


def owners_in(question: str) -> Iterator[str]:
    """Names that something in the question belongs to."""
    for match in _OWNER.finditer(question):
        name = match.group(1)
        first, _, rest = name.partition(" ")
        if first in _QUESTION_WORDS:  # at the start of a sentence, not a part of the name
            name = rest
        if name:
            yield name
    for match in _AFTER.finditer(question):
        # "Can I" and "do I": whoever asks owns no documents.
        name = match.group(1)
        if name != "I" and not QUARTER.fullmatch(name) and not _MONTH.fullmatch(name):
            yield match.group(1)


def plain(word: str) -> str:
    """A word as subjects are written, without a possessive ending."""
    match = WORD.search(word)
    return match.group().lower() if match else ""


def name_words(name: str) -> set[str]:
    """The words of a name that can tell it from others, in small letters."""
    return {word.lower() for word in WORD.findall(name)} - _NO_SUBJECT


def aliases_of(name: str) -> Iterator[str]:
    """A name as words that a question may use: ``AMAZON.COM`` is ``amazon`` too."""
    words = [word.lower() for word in WORD.findall(name)]
    yield from words[:1] if words and words[0] not in _NO_SUBJECT else words[1:2]
    if words:
        first = words[0]
        for ending in (".com", ".org", ".net", ".io"):
            if first.endswith(ending):
                yield first.removesuffix(ending)


def path_words(path: str) -> Iterator[str]:
    """The words of a path that may name what a document is about, in small letters."""
    stem = str(PurePosixPath(path).with_suffix(""))
    for word in re.split(r"[\s/_.\-()]+", stem):
        lower = word.lower()
        if lower and not lower.isdigit() and lower not in _NO_SUBJECT and len(lower) > 1:
            yield lower


def numbers_of(path: str) -> Iterator[str]:
    """Numbers of releases and editions in a file name: ``v1.24`` is ``1.24`` too."""
    for match in _RELEASE.finditer(PurePosixPath(path).stem):
        yield match.group(1)
        yield f"v{match.group(1)}"


def codes_of(path: str) -> Iterator[str]:
    """Words of a file name that are written in capitals, as tickers and project codes are."""
    for word in re.split(r"[\s/_.\-()]+", PurePosixPath(path).stem):
        if len(word) > 2 and word.isupper() and word.isalpha():
            yield word.lower()


def readable_path(path: str) -> str:
    """A path without its ending, in words."""
    return re.sub(r"[/_.\-]+", " ", str(PurePosixPath(path).with_suffix("")))
