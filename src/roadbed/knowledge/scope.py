"""Scope: which documents a question is about, and what it names that no document is about.

Subjects are names of organizations on the first page and words of file names; periods are years,
quarters and months of file names and covers. A question that names a subject or a period searches
only there. One that names an owner or a period that no document has is not answered from others:
their passages would look right. Pure: no database, no clock.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from roadbed.kernel.amounts import without_amounts
from roadbed.knowledge.named_words import named_words
from roadbed.knowledge.owner_names import (
    WORD,
    aliases_of,
    codes_of,
    name_words,
    numbers_of,
    organizations_in,
    owners_in,
    path_words,
    plain,
    readable_path,
)
from roadbed.knowledge.periods import QUARTER, YEAR, Period, cover_periods, periods_of
from roadbed.knowledge.series import asks_for_item, series_nouns
from roadbed.knowledge.titles import referred_titles, titles_in, titles_of

_LONGEST_COVER = 3_000  # characters of the first page
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
    """What a document is about. ``subjects`` are lower-case names, ``names`` as they are shown.

    ``common`` are the subjects that its first page has in small letters: they are words too.
    ``series`` are the words that its path has for a thing of its period.
    """

    document_id: str
    path: str
    subjects: frozenset[str]
    names: tuple[str, ...]
    periods: frozenset[Period]
    common: frozenset[str] = frozenset()
    series: frozenset[str] = frozenset()

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

    @property
    def is_named(self) -> bool:
        """Whether it is limited to documents that the question names."""
        return self.documents is not None and bool(self.titles or self.subjects or self.periods)


def scope_of(document_id: str, path: str, first_text: str) -> DocumentScope:
    """What a document is about, from its path and the text of its first page."""
    cover = first_text[:_LONGEST_COVER]
    subjects = {*path_words(path), *numbers_of(path)}
    name = next(organizations_in(cover), None)
    shown = [name] if name else []
    if name:
        subjects |= set(aliases_of(name))
    periods = set(periods_of(readable_path(path))) or set(cover_periods(cover))
    return DocumentScope(
        document_id=document_id,
        path=path,
        subjects=frozenset(subjects),
        names=tuple(shown),
        periods=frozenset(periods),
        common=frozenset(subjects.intersection(WORD.findall(cover))),
        series=frozenset(series_nouns(path)),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Catalogue:
    """The scopes of a library, prepared for questions.

    ``subjects`` are names of some documents, not of all: with the documents of each. ``owners`` are
    the words of the organizations that documents are about, ``named`` the subjects by which a
    question chooses documents. ``common`` are those of them that are words too: they count with a
    capital. ``titles`` are names by which it means a document, with the documents of each.
    ``series`` are the words for things that documents of several periods are about. ``paths`` are
    those of all documents.
    """

    documents: Sequence[DocumentScope]
    subjects: Mapping[str, frozenset[str]]
    owners: frozenset[str]
    named: frozenset[str]
    common: frozenset[str]
    series: frozenset[str]
    titles: Mapping[str, frozenset[str]]
    paths: Mapping[str, str]

    @classmethod
    def of(cls, documents: Sequence[DocumentScope]) -> Catalogue:
        """Prepare the documents of a library."""
        paths = {document.document_id: document.path for document in documents}
        holders: dict[str, set[str]] = {}
        for document in documents:
            for subject in document.subjects:
                holders.setdefault(subject, set()).add(document.document_id)
        names = {name for document in documents for name in document.names}
        owners = frozenset(alias for name in names for alias in aliases_of(name))
        codes = {
            code
            for document in documents
            for code in (*codes_of(document.path), *numbers_of(document.path))
        }
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
            common=frozenset[str]().union(*(document.common for document in documents)),
            series=_series_of(documents),
            titles=titles_of(paths),
            paths=paths,
        )

    def scope(self, question: str, usage: Callable[[str], float]) -> Scope:
        """Where to search for ``question``.

        ``usage`` gives the share of passages that have a word. An owner is missing if the question
        names it as one (``Tesla's revenue``, ``did Tesla report``), documents have owners, none has
        this one, and at most a few passages mention it: a product is in many.
        """
        named = self._names_in(question)
        referred = dict(referred_titles(question, self.paths))
        titles = {**referred, **dict(titles_in(question, self.titles))}
        within = _titled(self._about(named), titles)
        owners = self._missing_owners(question, usage)
        periods = tuple(dict.fromkeys(periods_of(question)))
        is_old = _CHANGE.search(question) is not None and _LATEST.search(question) is None
        newest = [] if periods or not named or is_old else _newest(within)
        chosen, gaps = within, tuple[str, ...]()
        if periods:
            asked = {
                period for period in periods if asks_for_item(question, period.year, self.series)
            }
            chosen, gaps = _in_periods(
                within, periods, keep_undated=not named, usage=usage, asked=asked
            )
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

    def _names_in(self, question: str) -> tuple[str, ...]:
        """The names in a question that choose documents."""
        capital = {word.lower() for word in named_words(question, "english")}
        words = WORD.findall(without_amounts(question))  # EUR 1.24 is no release
        return tuple(
            word
            for word in dict.fromkeys(word.lower() for word in words)
            if word in self.named and (word not in self.common or word in capital)
        )

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
            for name in owners_in(question)
            if self.owners
            and not name_words(name) & known
            and max(map(usage, name_words(name)), default=0.0) < _IN_PASSING
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
        kept = [word for word in text.split() if plain(word) not in names]
        return " ".join(kept) if any(map(plain, kept)) else question

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


def without_replaced(text: str, by: str) -> str:
    """A text without its years, quarters and owners, each kind only if ``by`` names its own."""
    if YEAR.search(by):
        text = YEAR.sub(" ", text)
    if QUARTER.search(by):
        text = QUARTER.sub(" ", text)
    if next(owners_in(by), None) is not None:
        for name in sorted(owners_in(text), key=len, reverse=True):
            text = re.sub(rf"\b{re.escape(name)}(?:['’]s?)?(?!\w)", " ", text)
    return text


def _in_periods(
    documents: Sequence[DocumentScope],
    periods: Sequence[Period],
    *,
    keep_undated: bool,
    usage: Callable[[str], float],
    asked: Collection[Period],
) -> tuple[Sequence[DocumentScope], tuple[str, ...]]:
    """The documents of periods, and the periods that none has; all documents where none fits.

    A period is missing only where most documents have one, and it tells them apart. Documents
    without a period are about any, unless the question names whose they are: a year that is
    mentioned may stand in them, but not one whose document is ``asked`` for.
    """
    dated = [document for document in documents if document.periods]
    undated = [document for document in documents if not document.periods and keep_undated]
    tells = _is_series(dated) and 2 * len(dated) > len(documents)
    fitting: dict[str, DocumentScope] = {}
    gaps: list[str] = []
    for period in periods:
        of_period = [document for document in dated if document.is_of(period)]
        fitting |= {document.document_id: document for document in of_period}
        mentioned = (
            undated
            and period.quarter is None
            and period not in asked
            and usage(str(period.year)) > 0.0
        )
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


def _series_of(documents: Sequence[DocumentScope]) -> frozenset[str]:
    """The words for a thing of which there are documents of several periods."""
    periods: dict[str, set[frozenset[Period]]] = {}
    for document in documents:
        for noun in document.series:
            periods.setdefault(noun, set()).add(document.periods)
    return frozenset(noun for noun, several in periods.items() if len(several) > 1)


def _is_series(documents: Sequence[DocumentScope]) -> bool:
    """Whether documents differ in their periods, so that a period tells them apart."""
    return len({document.periods for document in documents}) > 1
