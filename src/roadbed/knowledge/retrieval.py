"""Retrieval: the passages for a question, and what it names that no document is about.

It runs in the server, which knows who asks and what they may read. Deciders have no database: they
get the passages in their context.
"""

from __future__ import annotations

import asyncio
import statistics
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from roadbed.intake.model import AdmittedTask
from roadbed.knowledge import ranking
from roadbed.knowledge.access import AccessGroups, may_read
from roadbed.knowledge.index import Hit, LibraryIndex, LibraryIndexes
from roadbed.knowledge.records import PassageKey, StoredPassage
from roadbed.knowledge.rows import CoversRow
from roadbed.knowledge.scope import Catalogue, Scope, scope_of
from roadbed.knowledge.service import Documents
from roadbed.knowledge.vectors import PassageVectors, VectorHit
from roadbed.usecases.decider import Retrieved, RetrievedPassage
from roadbed.usecases.library import Library
from roadbed.usecases.use_case import UseCase

_MOST_CATALOGUES = 64  # kept; one for each library and combination of groups
_CANDIDATES = 50  # of the index, before they are ranked again
_LEAST_NEAR = 20  # passages, of which most do not matter to a question
PASSAGES = 10  # given to the decider


@dataclass(frozen=True, kw_only=True, slots=True)
class Methods:
    """What a search does beside BM25. The benchmark measures each; everything else has them all.

    ``vocabulary`` looks for other words of the same meaning, ``vectors`` searches by meaning,
    ``features`` orders by more than ranks.
    """

    vocabulary: bool = True
    vectors: bool = True
    features: bool = True


ALL = Methods()
_ONLY_RANKS = ranking.FeatureWeights(words=0.0, heading=0.0, page=0.0, table=0.0, recency=0.0)

# A use case, the folders with their groups that it declares, and the groups of who asks.
_Key = tuple[str, frozenset[tuple[str, str]], frozenset[str]]


@dataclass(frozen=True, slots=True)
class _Kept:
    """A catalogue, and the change after which it is not right any more."""

    change: tuple[int, str]
    catalogue: Catalogue


class Retrieval:
    """Finds passages for the questions of all use cases with a library."""

    def __init__(
        self,
        documents: Documents,
        access: AccessGroups,
        indexes: LibraryIndexes,
        vectors: PassageVectors,
        methods: Methods = ALL,
    ) -> None:
        self._documents = documents
        self._access = access
        self._indexes = indexes
        self._vectors = vectors
        self._methods = methods
        self._catalogues: OrderedDict[_Key, _Kept] = OrderedDict()

    async def for_task(self, declared: UseCase, task: AdmittedTask) -> Retrieved | None:
        """What the library has for the question of a task; ``None`` without a library.

        Whoever sent the task limits what is searched. An input without a sender, as examples are,
        gets what everybody may read.
        """
        library = declared.library
        if library is None:
            return None
        question = str(task.content.get(library.question) or "")
        by = task.source.get("by")
        groups = await self._access.of(declared.name, str(by)) if by is not None else frozenset()
        return await self.search(declared, question, groups=groups)

    async def search(
        self, declared: UseCase, question: str, *, groups: Collection[str], most: int = PASSAGES
    ) -> Retrieved:
        """The best passages of what ``groups`` may read, and what the question names in vain."""
        library = declared.library
        assert library is not None
        index = await self._indexes.caught_up(declared.name, library.language)
        catalogue = await self._catalogue(declared.name, library, index, frozenset(groups))
        scope, words, hits = await self._indexes.ask(
            declared.name,
            library.language,
            partial(
                _find,
                catalogue=catalogue,
                question=question,
                groups=groups,
                most=most,
                related=self._methods.vocabulary,
            ),
        )
        near: Sequence[VectorHit] = ()
        if self._methods.vectors:
            near = await self._vectors.search(
                declared.name,
                words,
                groups=groups,
                most=max(most, _CANDIDATES),
                documents=scope.documents,
            )
        stored = await self._documents.passages(
            {hit.key for hit in hits} | {hit.key for hit in near}
        )
        # Access is checked again: the declaration may be newer than the index.
        passages = {
            key: passage
            for key, passage in stored.items()
            if may_read(library, passage.path, passage.group, groups)
        }
        return Retrieved(
            question=question,
            documents=len(catalogue.documents),
            passages=await asyncio.to_thread(
                partial(
                    _ranked,
                    index,
                    question,
                    passages,
                    hits=hits,
                    near=near,
                    most=most,
                    weights=ranking.WEIGHTS if self._methods.features else _ONLY_RANKS,
                )
            ),
            missing=scope.missing,
            assumed=scope.assumed,
            choices=scope.choices,
            terms=index.terms(question),
            weights={term: index.weight(term) for term in index.terms(question)},
            background=_background(near),
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
    related: bool,
) -> tuple[Scope, str, Sequence[Hit]]:
    """The scope, the words that are searched in it, and what they find."""
    scope = catalogue.scope(question, _usage(index))
    words = catalogue.rest_of(question, scope)
    hits = index.search(
        words,
        groups=groups,
        most=max(most, _CANDIDATES),
        documents=scope.documents,
        related=related,
    )
    return scope, words, hits


def _background(near: Sequence[VectorHit]) -> float | None:
    """The similarity of passages that do not matter; ``None`` if too few are known."""
    if len(near) < _LEAST_NEAR:
        return None
    return statistics.median(hit.similarity for hit in near)


def _ranked(
    index: LibraryIndex,
    question: str,
    passages: Mapping[PassageKey, StoredPassage],
    *,
    hits: Sequence[Hit],
    near: Sequence[VectorHit],
    most: int,
    weights: ranking.FeatureWeights,
) -> Sequence[RetrievedPassage]:
    """The best ``most`` of the passages that the searches found, best first."""
    terms = index.terms(question)
    rarity = {term: index.weight(term) for term in terms}
    whole = sum(rarity.values()) or 1.0
    fusion = ranking.fused(
        [hit.key for hit in hits if hit.key in passages],
        [hit.key for hit in near if hit.key in passages],
    )
    similarity = {hit.key: hit.similarity for hit in near}
    matched = {key: index.matched(terms, _whole(passages[key])) for key in fusion}
    candidates = [
        ranking.PassageFeatures(
            fusion=fusion[key],
            words=sum(rarity[term] for term in matched[key]) / whole,
            heading=_share(index, rarity, " ".join(passages[key].position.headings)),
            page=(passages[key].key.version_id, passages[key].part),
            table=passages[key].kind == "table",
            modified_at=passages[key].modified_at,
        )
        for key in fusion
    ]
    scored = zip(fusion, ranking.scores(question, candidates, weights), strict=True)
    best = sorted(scored, key=lambda item: -item[1])[:most]
    return [_given(score, passages[key], matched[key], similarity.get(key)) for key, score in best]


def _share(index: LibraryIndex, rarity: Mapping[str, float], text: str) -> float:
    """The share of a question's words, by rarity, that a text has."""
    whole = sum(rarity.values()) or 1.0
    return sum(rarity[term] for term in index.matched(list(rarity), text)) / whole


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


def _given(
    score: float, passage: StoredPassage, matched: Sequence[str], similarity: float | None
) -> RetrievedPassage:
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
        similarity=similarity,
    )
