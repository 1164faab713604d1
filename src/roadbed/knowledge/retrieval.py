"""Retrieval: the passages for a question, and what it names that no document is about.

It runs in the server, which knows who asks and what they may read. Deciders have no database: they
get the passages in their context.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from functools import partial

from roadbed.intake.model import AdmittedTask
from roadbed.knowledge.access import AccessGroups, may_read
from roadbed.knowledge.index import Hit, LibraryIndex, LibraryIndexes
from roadbed.knowledge.passage_corrections import KnownAnswer, PassageCorrections
from roadbed.knowledge.records import StoredPassage
from roadbed.knowledge.rows import CoversRow
from roadbed.knowledge.scope import Catalogue, Scope, scope_of
from roadbed.knowledge.service import Documents
from roadbed.usecases.corrected_answers import CorrectedAnswer
from roadbed.usecases.decider import Correction, Retrieved, RetrievedPassage
from roadbed.usecases.library import Library
from roadbed.usecases.use_case import UseCase

_MOST_CATALOGUES = 64  # kept; one for each library and combination of groups
_CANDIDATES = 50  # of the index, before they are ranked again
PASSAGES = 10  # given to the decider


# A use case, the folders with their groups that it declares, and the groups of who asks.
_Key = tuple[str, frozenset[tuple[str, str]], frozenset[str]]


@dataclass(frozen=True, slots=True)
class _Kept:
    """A catalogue, and the change after which it is not right any more."""

    change: tuple[int, str]
    catalogue: Catalogue


class Retrieval:
    """Finds passages for the questions of all use cases with a library."""

    def __init__(self, documents: Documents, access: AccessGroups, indexes: LibraryIndexes) -> None:
        self._documents = documents
        self._access = access
        self._indexes = indexes
        self._corrections = PassageCorrections(documents)
        self._catalogues: OrderedDict[_Key, _Kept] = OrderedDict()

    async def for_task(
        self,
        declared: UseCase,
        task: AdmittedTask,
        corrected: Sequence[CorrectedAnswer] = (),
    ) -> Retrieved | None:
        """What the library has for the question of a task; ``None`` without a library.

        ``corrected`` are the answers that the version keeps: the passages of one to nearly the
        same question come first.

        Whoever sent the task limits what is searched. An input without a sender, as examples are,
        gets what everybody may read.
        """
        library = declared.library
        if library is None:
            return None
        question = str(task.content.get(library.question) or "")
        by = task.source.get("by")
        groups = await self._access.of(declared.name, str(by)) if by is not None else frozenset()
        retrieved = await self.search(declared, question, groups=groups)
        if not corrected:
            return retrieved
        index = self._indexes.of(declared.name, library.language)
        known = await self._corrections.find(
            declared.name, library, corrected, question, terms=index.terms, groups=groups
        )
        return _corrected(retrieved, known, index) if known is not None else retrieved

    async def search(
        self, declared: UseCase, question: str, *, groups: Collection[str], most: int = PASSAGES
    ) -> Retrieved:
        """The best passages of what ``groups`` may read, and what the question names in vain."""
        library = declared.library
        assert library is not None
        index = await self._indexes.caught_up(declared.name, library.language)
        catalogue = await self._catalogue(declared.name, library, index, frozenset(groups))
        scope, hits = await self._indexes.ask(
            declared.name,
            library.language,
            partial(_find, catalogue=catalogue, question=question, groups=groups, most=most),
        )
        passages = await self._documents.passages(hit.key for hit in hits)
        terms = index.terms(question)
        # Access is checked again: the declaration may be newer than the index.
        known = [
            (hit, passage)
            for hit in hits
            if (passage := passages.get(hit.key)) is not None
            and may_read(library, passage.path, passage.group, groups)
            and not passage.left_out
        ][:most]
        return Retrieved(
            question=question,
            documents=len(catalogue.documents),
            passages=[
                _given(hit.score, passage, index.matched(terms, _whole(passage)))
                for hit, passage in known
            ],
            missing=scope.missing,
            assumed=scope.assumed,
            choices=scope.choices,
            terms=terms,
            weights={term: index.weight(term) for term in terms},
        )

    async def _catalogue(
        self, use_case: str, library: Library, index: LibraryIndex, groups: frozenset[str]
    ) -> Catalogue:
        key = use_case, frozenset(library.access.items()), groups
        kept = self._catalogues.get(key)
        if kept is None or kept.change != index.marker:
            change = index.marker
            rows = await self._documents.covers(use_case)
            kept = _Kept(change, await asyncio.to_thread(_catalogue_of, library, rows, groups))
            self._catalogues[key] = kept
            if len(self._catalogues) > _MOST_CATALOGUES:
                self._catalogues.popitem(last=False)
        self._catalogues.move_to_end(key)
        return kept.catalogue


def _find(
    index: LibraryIndex,
    *,
    catalogue: Catalogue,
    question: str,
    groups: Collection[str],
    most: int,
) -> tuple[Scope, Sequence[Hit]]:
    scope = catalogue.scope(question, _usage(index))
    words = catalogue.rest_of(question, scope)
    hits = index.search(
        words, groups=groups, most=max(most, _CANDIDATES), documents=scope.documents
    )
    return scope, hits


def _usage(index: LibraryIndex) -> Callable[[str], float]:
    """The share of passages that have a word."""
    passages = max(index.passages, 1)

    def share(word: str) -> float:
        return max((index.frequency(term) / passages for term in index.terms(word)), default=0.0)

    return share


def _catalogue_of(
    library: Library, rows: Sequence[CoversRow], groups: Collection[str]
) -> Catalogue:
    return Catalogue.of(
        [
            scope_of(row["id"], row["path"], row["cover"] or "")
            for row in rows
            if may_read(library, row["path"], row["access_group"], groups)
        ]
    )


def _whole(passage: StoredPassage) -> str:
    """Everything that a question may mean: the text, where it stands, and in which document."""
    return f"{passage.path} {passage.position.label} {passage.text}"


def _corrected(retrieved: Retrieved, known: KnownAnswer, index: LibraryIndex) -> Retrieved:
    """The right passages first, then the others. What people said goes before the scope."""
    best = max((passage.score for passage in retrieved.passages), default=1.0)
    first = [
        _given(best, passage, index.matched(retrieved.terms, _whole(passage)))
        for passage in known.passages
    ]
    ids = [passage.id for passage in first]
    others = [passage for passage in retrieved.passages if passage.id not in ids]
    return replace(
        retrieved,
        passages=[*first, *others][:PASSAGES],
        missing=(),
        choices=(),
        correction=Correction(example=known.answer.id, passages=ids, text=known.text),
    )


def _given(score: float, passage: StoredPassage, matched: Sequence[str]) -> RetrievedPassage:
    return RetrievedPassage(
        id=f"{passage.key.version_id}:{passage.key.ordinal}",
        document=passage.path,
        version=passage.version,
        place=passage.position.label,
        part=passage.part,
        text=passage.text,
        score=score,
        matched=matched,
        modified_at=passage.modified_at,
        doubtful=tuple(passage.doubtful),
    )
