"""Retrieval: the passages for a question, and what it names that no document is about.

It runs in the server, which knows who asks and what they may read. Deciders have no database: they
get the passages in their context.
"""

from __future__ import annotations

import asyncio
import statistics
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from functools import partial

from roadbed.intake.model import AdmittedTask
from roadbed.kernel.ids import made_before
from roadbed.knowledge import ranking
from roadbed.knowledge.access import AccessGroups, may_read
from roadbed.knowledge.comparison import PassageComparison
from roadbed.knowledge.index import Hit, LibraryIndex, LibraryIndexes
from roadbed.knowledge.known_documents import KnownDocuments, known_documents
from roadbed.knowledge.passage_corrections import KnownAnswer, PassageCorrections
from roadbed.knowledge.precedence import Choice
from roadbed.knowledge.question_terms import PassageFit, QuestionTerms
from roadbed.knowledge.records import PassageKey, StoredPassage
from roadbed.knowledge.scope import Catalogue, Scope
from roadbed.knowledge.service import Documents
from roadbed.knowledge.threads import asks_twice, names_nothing, searched_text
from roadbed.knowledge.vectors import PassageVectors, VectorHit
from roadbed.usecases.corrected_answers import CorrectedAnswer
from roadbed.usecases.decider import Correction, OlderStatement, Retrieved, RetrievedPassage
from roadbed.usecases.library import Library
from roadbed.usecases.use_case import UseCase

_MOST_CATALOGUES = 64  # kept; one for each library and combination of groups
_CANDIDATES = 50  # of the index, before they are ranked again
_LEAST_OTHERS = 0.5  # of the weight of the words beside a name
_LEAST_NEAR = 20  # passages, of which most do not matter to a question
PASSAGES = 10  # given to the decider


@dataclass(frozen=True, kw_only=True, slots=True)
class Methods:
    """What a search does beside BM25. The benchmark measures each; everything else has them all.

    ``vocabulary`` looks for other words of the same meaning, ``vectors`` searches by meaning,
    ``pages`` searches whole pages too, ``features`` orders by more than ranks.
    """

    vocabulary: bool = True
    vectors: bool = True
    pages: bool = True
    features: bool = True


ALL = Methods()
_ONLY_RANKS = ranking.FeatureWeights(words=0.0, heading=0.0, page=0.0, table=0.0, recency=0.0)

# A use case, the folders with their groups that it declares, and the groups of who asks.
_Key = tuple[str, frozenset[tuple[str, str]], frozenset[str]]


class Retrieval:
    """Finds passages for the questions of all use cases with a library."""

    def __init__(
        self,
        documents: Documents,
        access: AccessGroups,
        indexes: LibraryIndexes,
        vectors: PassageVectors,
        comparison: PassageComparison,
        methods: Methods = ALL,
    ) -> None:
        self._documents = documents
        self._access = access
        self._indexes = indexes
        self._vectors = vectors
        self._comparison = comparison
        self._methods = methods
        self._corrections = PassageCorrections(documents)
        self._known: OrderedDict[_Key, KnownDocuments] = OrderedDict()

    def using(self, methods: Methods) -> Retrieval:
        """The same with other methods."""
        changed = copy(self)
        changed._methods = methods  # noqa: SLF001 - a copy of this
        return changed

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
        asked = str(task.content.get(library.question) or "")
        question = searched_text(library, task.content)
        by = task.source.get("by")
        groups = await self._access.of(declared.name, str(by)) if by is not None else frozenset()
        retrieved = await self.search(declared, question, groups=groups)
        if question == asked and names_nothing(asked):
            retrieved = replace(retrieved, names_nothing=True)
        if asks_twice(asked):
            retrieved = replace(retrieved, asks_twice=True)
        if not corrected:
            return retrieved
        index = self._indexes.of(declared.name, library.language)
        right = await self._corrections.find(
            declared.name, library, corrected, question, terms=index.terms, groups=groups
        )
        if right is None:
            return retrieved
        known = await self.known_to(declared.name, library, index, frozenset(groups))
        searched = QuestionTerms(index, question, library.language)
        return _corrected(retrieved, right, known, searched)

    async def search(
        self, declared: UseCase, question: str, *, groups: Collection[str], most: int = PASSAGES
    ) -> Retrieved:
        """The best passages of what ``groups`` may read, and what the question names in vain."""
        library = declared.library
        assert library is not None
        index = await self._indexes.caught_up(declared.name, library.language)
        known = await self.known_to(declared.name, library, index, frozenset(groups))
        scope, words, hits, pages = await self._indexes.ask(
            declared.name,
            library.language,
            partial(
                _find,
                known=known,
                choice=known.precedence.choice(question),
                question=question,
                groups=groups,
                most=most,
                methods=self._methods,
            ),
        )
        near = await self._near(declared.name, words, scope, groups=groups, most=most)
        passages = await self._readable(library, hits, near, groups=groups)
        newest = known.catalogue.newest_of(question, scope)
        asked = QuestionTerms(index, question, library.language)
        ranked = await asyncio.to_thread(
            partial(
                _ranked,
                asked,
                question,
                passages,
                hits=hits,
                near=near,
                pages=pages,
                most=most,
                weights=ranking.WEIGHTS if self._methods.features else _ONLY_RANKS,
                newest=newest,
            )
        )
        terms, weights = asked.searched(), asked.weights(words, scope.titles)
        wrong, conflicts = await self._comparison.conflicting(
            declared.name, index, known, [one.passage for one in ranked], weights
        )
        ranked = [one for one in ranked if one.passage.key not in wrong]
        best = [one.passage for one in ranked]
        older = await self._comparison.older(
            declared, index, known.precedence, best, groups, weights
        )
        return Retrieved(
            question=question,
            documents=len(known.catalogue.documents),
            passages=[_given(one, known, older.get(one.passage.key, ())) for one in ranked],
            missing=_missing(scope, ranked, index, weights),
            assumed=scope.assumed or _taken(best, newest),
            choices=scope.choices,
            is_limited=scope.is_named,
            terms=terms,
            weights=weights,
            other_language=asked.in_other_language(),
            expects=asked.kind,
            written=index.written(terms, question),
            conflicts=conflicts,
            background=_background(near),
        )

    async def _near(
        self, use_case: str, words: str, scope: Scope, *, groups: Collection[str], most: int
    ) -> Sequence[VectorHit]:
        """What the search by meaning finds; nothing where it is not used."""
        if not self._methods.vectors:
            return ()
        return await self._vectors.search(
            use_case,
            words,
            groups=groups,
            most=max(most, _CANDIDATES),
            documents=scope.documents,
        )

    async def _readable(
        self,
        library: Library,
        hits: Sequence[Hit],
        near: Sequence[VectorHit],
        *,
        groups: Collection[str],
    ) -> Mapping[PassageKey, StoredPassage]:
        """The passages that both searches found, of what ``groups`` may read.

        Access is checked again: the declaration may be newer than the index.
        """
        stored = await self._documents.passages(
            {hit.key for hit in hits} | {hit.key for hit in near}
        )
        return {
            key: passage
            for key, passage in stored.items()
            if may_read(library, passage.path, passage.group, groups) and not passage.left_out
        }

    async def known_to(
        self, use_case: str, library: Library, index: LibraryIndex, groups: frozenset[str]
    ) -> KnownDocuments:
        """What ``groups`` may know of the documents of a library, as its index has them."""
        key = use_case, frozenset(library.access.items()), groups
        known = self._known.get(key)
        if known is None or known.change != index.marker:
            change = index.marker
            rows = await self._documents.covers(use_case)
            gone = await self._documents.newer_removed(use_case)
            known = await asyncio.to_thread(known_documents, change, library, rows, gone, groups)
            self._known[key] = known
            if len(self._known) > _MOST_CATALOGUES:
                self._known.popitem(last=False)
        self._known.move_to_end(key)
        return known


def _find(
    index: LibraryIndex,
    *,
    known: KnownDocuments,
    choice: Choice,
    question: str,
    groups: Collection[str],
    most: int,
    methods: Methods,
) -> tuple[Scope, str, Sequence[Hit], Sequence[tuple[str, int]]]:
    """The scope, the words that are searched in it, and the passages and pages that they find."""
    catalogue = known.catalogue
    scope = _of_versions(catalogue, catalogue.scope(question, _usage(index)), choice)
    rest = catalogue.rest_of(question, scope)
    words = rest if index.says_something(rest) else question
    wide, within = max(most, _CANDIDATES), scope.documents
    related = methods.vocabulary
    hits = index.search(words, groups=groups, most=wide, documents=within, related=related)
    if not hits and words != question:  # the documents that the question names have none of it
        hits = index.search(question, groups=groups, most=wide, documents=within, related=related)
    pages = (
        index.pages(question, groups=groups, most=wide, documents=within, related=related)
        if methods.pages
        else ()
    )
    return scope, words, hits, pages


def _of_versions(catalogue: Catalogue, scope: Scope, choice: Choice) -> Scope:
    """A scope without superseded documents, and with those that the question names.

    A period that chooses a version is not missing.
    """
    if not choice.left_out and not choice.named:
        return scope
    documents = scope.documents
    if documents is None:
        documents = frozenset(document.document_id for document in catalogue.documents)
    periods = {period.label for period in scope.periods} if choice.named else set()
    return replace(
        scope,
        documents=(documents | choice.named) - choice.left_out,
        missing=tuple(name for name in scope.missing if name not in periods),
    )


def _missing(
    scope: Scope,
    ranked: Sequence[_Ranked],
    index: LibraryIndex,
    weights: Mapping[str, float],
) -> tuple[str, ...]:
    """What the question names and no document is about, without names in a fitting passage.

    A name that few passages mention is no subject of the library. Where one of them has half of the
    rest of the question as well, it may be the answer: a row of a list, for example. A period stays
    missing: other periods are compared with it.
    """
    periods = {period.label for period in scope.periods}

    def fits(name: str) -> bool:
        own = frozenset(index.terms(name))
        others = {term: weight for term, weight in weights.items() if term not in own}
        least = _LEAST_OTHERS * sum(others.values())
        return any(
            own <= set(one.fit.matched)
            and sum(others.get(term, 0.0) for term in one.fit.matched) >= least
            for one in ranked
        )

    return tuple(name for name in scope.missing if name in periods or not fits(name))


def _background(near: Sequence[VectorHit]) -> float | None:
    """The similarity of passages that do not matter; ``None`` if too few are known."""
    if len(near) < _LEAST_NEAR:
        return None
    return statistics.median(hit.similarity for hit in near)


@dataclass(frozen=True, slots=True)
class _Ranked:
    """A passage with its score, what it has of the question, and how near it is to it."""

    passage: StoredPassage
    score: float
    fit: PassageFit
    similarity: float | None


def _ranked(
    asked: QuestionTerms,
    question: str,
    passages: Mapping[PassageKey, StoredPassage],
    *,
    hits: Sequence[Hit],
    near: Sequence[VectorHit],
    pages: Sequence[tuple[str, int]],
    most: int,
    weights: ranking.FeatureWeights,
    newest: Mapping[str, tuple[int, int]],
) -> list[_Ranked]:
    """The best ``most`` of the passages that the searches found, best first."""
    rankings = [[hit.key for hit in one if hit.key in passages] for one in (hits, near)]
    page_of = {key: (key.version_id, passage.part) for key, passage in passages.items()}
    # What pages say counts as much as what passages say: a search of them, or two.
    fusion = ranking.with_pages(
        ranking.fused(*rankings), page_of, pages, weight=sum(map(bool, rankings))
    )
    similarity = {hit.key: hit.similarity for hit in near}
    candidates = [
        ranking.PassageFeatures(
            fusion=fusion[key],
            words=asked.share(asked.matched(passages[key])),
            heading=asked.share_in(" ".join(passages[key].position.headings)),
            page=page_of[key],
            table=passages[key].kind == "table",
            modified_at=passages[key].modified_at,
            period=newest.get(passages[key].document_id),
        )
        for key in fusion
    ]
    scored = zip(fusion, ranking.scores(question, candidates, weights), strict=True)
    best = sorted(scored, key=lambda item: -item[1])[:most]
    return [
        _Ranked(passages[key], score, asked.fit(passages[key]), similarity.get(key))
        for key, score in best
    ]


def _taken(best: Sequence[StoredPassage], newest: Mapping[str, tuple[int, int]]) -> str | None:
    """The document of the best passage, if it was preferred to one of an older period."""
    if not best or best[0].document_id not in newest:
        return None
    first = newest[best[0].document_id]
    others = [newest[one.document_id] for one in best if one.document_id in newest]
    return best[0].path if first == max(others) and first > min(others) else None


def _usage(index: LibraryIndex) -> Callable[[str], float]:
    """The share of passages that have a word."""
    passages = max(index.passages, 1)

    def share(word: str) -> float:
        return max((index.frequency(term) / passages for term in index.terms(word)), default=0.0)

    return share


def _corrected(
    retrieved: Retrieved, right: KnownAnswer, known: KnownDocuments, asked: QuestionTerms
) -> Retrieved:
    """The right passages first, then the others. What people said goes before the scope.

    A passage of a document that was replaced since is right no longer. If the newer version was
    there when it was said, the older one was meant.
    """
    best = max((passage.score for passage in retrieved.passages), default=1.0)
    first = [
        _given(_Ranked(passage, best, asked.fit(passage), None), known, ())
        for passage in right.passages
        if _is_still_meant(passage, right.answer, known)
    ]
    if not first:
        return retrieved
    ids = [passage.id for passage in first]
    others = [passage for passage in retrieved.passages if passage.id not in ids]
    return replace(
        retrieved,
        passages=[*first, *others][:PASSAGES],
        missing=(),
        choices=(),
        correction=Correction(example=right.answer.id, passages=ids, text=right.text),
    )


def _is_still_meant(passage: StoredPassage, answer: CorrectedAnswer, known: KnownDocuments) -> bool:
    newer = list(known.precedence.newer_than(passage.document_id))
    return not newer or any(made_before(version.document_id, answer.id) for version in newer)


def _given(
    ranked: _Ranked, known: KnownDocuments, older: Sequence[OlderStatement]
) -> RetrievedPassage:
    passage = ranked.passage
    current = known.precedence.current_of(passage.document_id)
    return RetrievedPassage(
        id=str(passage.key),
        document=passage.path,
        version=passage.version,
        place=passage.position.label,
        part=passage.part,
        text=passage.text,
        score=ranked.score,
        matched=ranked.fit.matched,
        related=ranked.fit.related,
        has_kind=ranked.fit.has_kind,
        modified_at=passage.modified_at,
        doubtful=tuple(passage.doubtful),
        dated=known.dated.get(passage.document_id),
        superseded_by=current.path if current is not None else None,
        newer_removed=known.removed.get(passage.document_id) if current is None else None,
        older=older,
        similarity=ranked.similarity,
    )
