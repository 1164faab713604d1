"""Scope: which documents a question is about, and what it names that no document is about.

Subjects are names of organizations on the first page and words of file names; periods are years,
quarters and months of file names and covers. A question that names a subject or a period searches
only there. One that names an owner or a period that no document has is not answered from others:
their passages would look right. Pure: no database, no clock.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from roadbed.knowledge.periods import QUARTER, YEAR, Period, cover_periods, periods_of
from roadbed.knowledge.titles import titles_in, titles_of

_LONGEST_COVER = 3_000  # characters of the first page
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
_MONTH = re.compile(
    r"January|February|March|April|May|June|July|August|September|October|November|December"
)
_WORD = re.compile(r"[^\W_]+(?:[.&][^\W_]+)*")
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
_NEARLY_ALL = 0.8  # of the documents with an owner
_IN_PASSING = 0.01  # of the passages: what is mentioned no more often is no subject of theirs
_LATEST = re.compile(
    r"\b(latest|most recent|newest|current|last (?:quarter|report))\b", re.IGNORECASE
)
_UNNAMED = re.compile(
    r"\b(?:the|this|that|our|its|their) (?:company|firm|vendor|customer|supplier)\b", re.IGNORECASE
)
_CHANGE = re.compile(
    r"\b(over time|trend|since|between|compare[ds]?|changed?|each|all)\b", re.IGNORECASE
)


@dataclass(frozen=True, kw_only=True, slots=True)
class DocumentScope:
    """What a document is about. ``subjects`` are lower-case names, ``names`` as they are shown."""

    document_id: str
    path: str
    subjects: frozenset[str]
    names: tuple[str, ...]
    periods: frozenset[Period]

    def is_of(self, period: Period) -> bool:
        """Whether it is about ``period``, a part of it, or more."""
        return any(period.holds(own) or own.holds(period) for own in self.periods)

    @property
    def newest(self) -> tuple[int, int]:
        """Sorts documents by period; one without a period is the oldest."""
        return max(((period.year, period.quarter or 0) for period in self.periods), default=(0, 0))


@dataclass(frozen=True, kw_only=True, slots=True)
class Scope:
    """Where a question is searched.

    ``documents`` are ids, ``None`` for all of them. ``missing`` names owners and periods that the
    question names and no document is about. ``subjects`` are the names that it was limited to.
    ``assumed`` says what was added: the newest of a series. ``choices`` are the owners of which the
    question means one without saying which. ``titles`` are the names of documents in the question,
    as it writes them.
    """

    documents: frozenset[str] | None = None
    missing: tuple[str, ...] = ()
    subjects: tuple[str, ...] = ()
    periods: tuple[Period, ...] = ()
    assumed: str | None = None
    choices: tuple[str, ...] = ()
    titles: tuple[str, ...] = ()


def scope_of(document_id: str, path: str, first_text: str) -> DocumentScope:
    """What a document is about, from its path and the text of its first page."""
    cover = first_text[:_LONGEST_COVER]
    subjects = set(_path_words(path))
    name = next(_organizations(cover), None)
    shown = [name] if name else []
    if name:
        subjects |= set(_aliases(name))
    periods = set(periods_of(_from_path(path))) or set(cover_periods(cover))
    return DocumentScope(
        document_id=document_id,
        path=path,
        subjects=frozenset(subjects),
        names=tuple(shown),
        periods=frozenset(periods),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Catalogue:
    """The scopes of a library, prepared for questions.

    ``subjects`` are names of some documents, not of all: with the documents of each. ``owners`` are
    the words of the organizations that documents are about, ``named`` the subjects by which a
    question chooses documents. ``titles`` are names by which it means a document, with the
    documents of each.
    """

    documents: Sequence[DocumentScope]
    subjects: Mapping[str, frozenset[str]]
    owners: frozenset[str]
    named: frozenset[str]
    titles: Mapping[str, frozenset[str]]

    @classmethod
    def of(cls, documents: Sequence[DocumentScope]) -> Catalogue:
        """Prepare the documents of a library."""
        holders: dict[str, set[str]] = {}
        for document in documents:
            for subject in document.subjects:
                holders.setdefault(subject, set()).add(document.document_id)
        names = {name for document in documents for name in document.names}
        owners = frozenset(alias for name in names for alias in _aliases(name))
        codes = {code for document in documents for code in _codes(document.path)}
        subjects = {
            subject: frozenset(ids) for subject, ids in holders.items() if len(ids) < len(documents)
        }
        return cls(
            documents=documents,
            subjects=subjects,
            owners=owners,
            named=frozenset(
                subject for subject in subjects if len(subject) > 2 and subject in owners | codes
            ),
            titles=titles_of({document.document_id: document.path for document in documents}),
        )

    def scope(self, question: str, usage: Callable[[str], float]) -> Scope:
        """Where to search for ``question``.

        ``usage`` gives the share of passages that have a word. An owner is missing if the question
        names it as one (``Tesla's revenue``, ``did Tesla report``), documents have owners, none has
        this one, and at most a few passages mention it: a product is in many.
        """
        words = dict.fromkeys(word.lower() for word in _WORD.findall(question))
        named = tuple(word for word in words if word in self.named)
        titles = dict(titles_in(question, self.titles))
        within = _titled(self._about(named), titles)
        owners = self._missing_owners(question, usage)
        periods = tuple(dict.fromkeys(periods_of(question)))
        is_old = _CHANGE.search(question) is not None and _LATEST.search(question) is None
        newest = [] if periods or not named or is_old else _newest(within)
        chosen, gaps = within, tuple[str, ...]()
        if periods:
            chosen, gaps = _in_periods(within, periods, keep_undated=not named, usage=usage)
        elif newest:
            chosen = newest
        missing = tuple(dict.fromkeys((*owners, *gaps)))
        return Scope(
            documents=None
            if len(chosen) == len(self.documents)
            else frozenset(document.document_id for document in chosen),
            missing=missing,
            subjects=named,
            # A year that only texts mention chose no document: it is searched as a word.
            periods=periods if gaps or _is_any_of(within, periods) else (),
            assumed=", ".join(sorted(document.path for document in newest)) or None,
            choices=() if named or titles or missing else self._choices(question),
            titles=tuple(titles),
        )

    def newest_of(self, question: str, scope: Scope) -> Mapping[str, tuple[int, int]]:
        """The newest year and quarter of each document that has one, by its id.

        Empty where a newer document is not to be preferred: the question names a period or asks
        about a change, or most documents have no period.
        """
        dated = [document for document in self.documents if document.periods]
        is_old = _CHANGE.search(question) is not None and _LATEST.search(question) is None
        if scope.periods or is_old or 2 * len(dated) <= len(self.documents):
            return {}
        return {document.document_id: document.newest for document in dated}

    def _about(self, named: Sequence[str]) -> Sequence[DocumentScope]:
        """The documents that have one of the names; all of them without a name."""
        if not named:
            return self.documents
        ids = frozenset[str]().union(*(self.subjects[name] for name in named))
        return [document for document in self.documents if document.document_id in ids]

    def _missing_owners(self, question: str, usage: Callable[[str], float]) -> list[str]:
        known = self.owners | self.subjects.keys()
        return [
            name
            for name in _owners(question)
            if self.owners
            and not _words(name) & known
            and max(map(usage, _words(name)), default=0.0) < _IN_PASSING
        ]

    def rest_of(self, question: str, scope: Scope) -> str:
        """The question without the words that chose the documents: those are in all of them.

        The whole question, if nothing else is left.
        """
        text = question
        for title in scope.titles:
            text = text.replace(title, " ")
        if scope.periods:
            text = QUARTER.sub(" ", YEAR.sub(" ", text))
        names = frozenset(scope.subjects)
        kept = [word for word in text.split() if _plain(word) not in names]
        return " ".join(kept) if any(map(_plain, kept)) else question

    def _choices(self, question: str) -> tuple[str, ...]:
        """The owners that "the company" may mean; none if nearly all documents are of one."""
        shown = [name for document in self.documents for name in document.names]
        names = Counter(_owner_in(name, shown) for name in shown)
        if len(names) < 2 or not _UNNAMED.search(question):
            return ()
        [(_name, most)] = names.most_common(1)
        return () if most > _NEARLY_ALL * names.total() else tuple(sorted(names))


def _owner_in(name: str, names: Sequence[str]) -> str:
    """The shortest of ``names`` that ``name`` ends with: a title may end with its owner."""
    return min((other for other in names if f" {name}".endswith(f" {other}")), key=len)


def _organizations(cover: str) -> Iterator[str]:
    """The organizations that stand alone on a line.

    A heading may end with one: ``Leave regulations of Brunnhof AG`` is no organization.
    """
    for match in _ORGANIZATION.finditer(cover):
        name = match.group(1).strip(" ,.")
        words = name.split()
        if words and all(word[0].isupper() or _CONNECTING.fullmatch(word) for word in words[1:]):
            yield name


def without_replaced(text: str, by: str) -> str:
    """A text without its years, quarters and owners, each kind only if ``by`` names its own."""
    if YEAR.search(by):
        text = YEAR.sub(" ", text)
    if QUARTER.search(by):
        text = QUARTER.sub(" ", text)
    if next(_owners(by), None) is not None:
        for name in sorted(_owners(text), key=len, reverse=True):
            text = re.sub(rf"\b{re.escape(name)}(?:['’]s?)?(?!\w)", " ", text)
    return text


def _in_periods(
    documents: Sequence[DocumentScope],
    periods: Sequence[Period],
    *,
    keep_undated: bool,
    usage: Callable[[str], float],
) -> tuple[Sequence[DocumentScope], tuple[str, ...]]:
    """The documents of periods, and the periods that none has; all documents where none fits.

    A period is missing only where most documents have one, and it tells them apart. Documents
    without a period are about any, unless the question names whose they are: a year that is
    mentioned may stand in them.
    """
    dated = [document for document in documents if document.periods]
    undated = [document for document in documents if not document.periods and keep_undated]
    tells = _is_series(dated) and 2 * len(dated) > len(documents)
    fitting: dict[str, DocumentScope] = {}
    gaps: list[str] = []
    for period in periods:
        of_period = [document for document in dated if document.is_of(period)]
        fitting |= {document.document_id: document for document in of_period}
        mentioned = undated and period.quarter is None and usage(str(period.year)) > 0.0
        if not of_period and tells and not mentioned:
            gaps.append(period.label)
    if not fitting:
        return undated if tells and undated and not gaps else documents, tuple(gaps)
    return [*fitting.values(), *undated], tuple(gaps)


def _is_any_of(documents: Sequence[DocumentScope], periods: Sequence[Period]) -> bool:
    return any(document.is_of(period) for document in documents for period in periods)


def _titled(
    documents: Sequence[DocumentScope], titles: Mapping[str, frozenset[str]]
) -> Sequence[DocumentScope]:
    """Those of ``documents`` that a question names; all of them if it names none of them."""
    ids = frozenset[str]().union(*titles.values())
    return [document for document in documents if document.document_id in ids] or documents


def _newest(documents: Sequence[DocumentScope]) -> list[DocumentScope]:
    """The newest documents of a series; none if they are no series."""
    dated = [document for document in documents if document.periods]
    if not _is_series(dated):
        return []
    newest = max(document.newest for document in dated)
    return [document for document in dated if document.newest == newest]


def _owners(question: str) -> Iterator[str]:
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


def _plain(word: str) -> str:
    """A word as subjects are written, without a possessive ending."""
    match = _WORD.search(word)
    return match.group().lower() if match else ""


def _words(name: str) -> set[str]:
    return {word.lower() for word in _WORD.findall(name)} - _NO_SUBJECT


def _aliases(name: str) -> Iterator[str]:
    """A name as words that a question may use: ``AMAZON.COM`` is ``amazon`` too."""
    words = [word.lower() for word in _WORD.findall(name)]
    yield from words[:1] if words and words[0] not in _NO_SUBJECT else words[1:2]
    if words:
        first = words[0]
        for ending in (".com", ".org", ".net", ".io"):
            if first.endswith(ending):
                yield first.removesuffix(ending)


def _path_words(path: str) -> Iterator[str]:
    stem = str(PurePosixPath(path).with_suffix(""))
    for word in re.split(r"[\s/_.\-()]+", stem):
        lower = word.lower()
        if lower and not lower.isdigit() and lower not in _NO_SUBJECT and len(lower) > 1:
            yield lower


def _codes(path: str) -> Iterator[str]:
    """Words of a file name that are written in capitals, as tickers and project codes are."""
    for word in re.split(r"[\s/_.\-()]+", PurePosixPath(path).stem):
        if len(word) > 2 and word.isupper() and word.isalpha():
            yield word.lower()


def _from_path(path: str) -> str:
    return re.sub(r"[/_.\-]+", " ", str(PurePosixPath(path).with_suffix("")))


def _is_series(documents: Sequence[DocumentScope]) -> bool:
    """Whether documents differ in their periods, so that a period tells them apart."""
    return len({document.periods for document in documents}) > 1
