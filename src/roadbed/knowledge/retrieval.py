"""Retrieval: the passages for a question, and what it names that no document is about.

It runs in the server, which knows who asks and what they may read. Deciders have no database: they
get the passages in their context.
"""

from __future__ import annotations

import asyncio
import re
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations

from roadbed.intake.model import AdmittedTask
from roadbed.knowledge.access import AccessGroups, may_read
from roadbed.knowledge.conflicts import DocumentConflicts
from roadbed.knowledge.contradictions import contradiction, of_one_time
from roadbed.knowledge.index import Hit, LibraryIndex, LibraryIndexes
from roadbed.knowledge.precedence import Choice, OrderedVersion, Precedence
from roadbed.knowledge.records import PassageKey, StoredPassage
from roadbed.knowledge.rows import CoversRow
from roadbed.knowledge.scope import Catalogue, Scope, scope_of
from roadbed.knowledge.service import Documents
from roadbed.knowledge.statements import PassageSentence, asked_statement, differing
from roadbed.knowledge.threads import searched_text
from roadbed.usecases.decider import (
    OlderStatement,
    PassageConflict,
    Retrieved,
    RetrievedPassage,
)
from roadbed.usecases.library import Library
from roadbed.usecases.use_case import UseCase

_MOST_CATALOGUES = 64  # kept; one for each library and combination of groups
_CANDIDATES = 50  # of the index, before they are ranked again
PASSAGES = 10  # given to the decider
_COMPARED = 3  # passages, the best ones, that are compared with older versions
_FROM_EACH = 4  # passages of each older version that may say something else
_MOST_OLDER = 3  # older versions that are told for a passage


# A use case, the folders with their groups that it declares, and the groups of who asks.
_Key = tuple[str, frozenset[tuple[str, str]], frozenset[str]]


@dataclass(frozen=True, slots=True)
class _Kept:
    """What is known of readable documents, and the change after which it is not right any more.

    ``dated`` gives the date, number or period that a document says, by its id; ``families`` the
    family of each that is not alone, ``owners`` the organizations of its first page.
    """

    change: tuple[int, str]
    catalogue: Catalogue
    precedence: Precedence
    dated: Mapping[str, str]
    families: Mapping[str, str]
    owners: Mapping[str, tuple[str, ...]]

    def may_contradict(self, one: StoredPassage, other: StoredPassage) -> bool:
        """Whether two passages are of documents that speak of the same thing at the same time."""
        first, second = one.document_id, other.document_id
        family = self.families.get(first, first)
        owners, others = self.owners.get(first, ()), self.owners.get(second, ())
        return (
            first != second
            and family != self.families.get(second, second)
            and (not owners or not others or bool(set(owners) & set(others)))
            and (one.kind, other.kind) == ("text", "text")
            and of_one_time(one.path, other.path)
        )


class Retrieval:
    """Finds passages for the questions of all use cases with a library."""

    def __init__(
        self,
        documents: Documents,
        conflicts: DocumentConflicts,
        access: AccessGroups,
        indexes: LibraryIndexes,
    ) -> None:
        self._documents = documents
        self._conflicts = conflicts
        self._access = access
        self._indexes = indexes
        self._catalogues: OrderedDict[_Key, _Kept] = OrderedDict()

    async def for_task(self, declared: UseCase, task: AdmittedTask) -> Retrieved | None:
        """What the library has for the question of a task; ``None`` without a library.

        Whoever sent the task limits what is searched. An input without a sender, as examples are,
        gets what everybody may read.
        """
        library = declared.library
        if library is None:
            return None
        question = searched_text(library, task.content)
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
        kept = await self._kept(declared.name, library, index, frozenset(groups))
        choice = kept.precedence.choice(question)
        scope, hits = await self._indexes.ask(
            declared.name,
            library.language,
            partial(_find, kept=kept, choice=choice, question=question, groups=groups, most=most),
        )
        passages = await self._documents.passages(hit.key for hit in hits)
        terms = index.terms(question)
        # Access is checked again: the declaration may be newer than the index.
        known = [
            (hit, passage)
            for hit in hits
            if (passage := passages.get(hit.key)) is not None
            and may_read(library, passage.path, passage.group, groups)
        ][:most]
        weights = {term: index.weight(term) for term in terms}
        known, conflicts = await self._conflicting(declared.name, index, kept, known, weights)
        first = [passage for _hit, passage in known[:_COMPARED]]
        older = await self._older(declared, index, kept.precedence, first, groups, weights)
        return Retrieved(
            question=question,
            documents=len(kept.catalogue.documents),
            passages=[
                _given(
                    hit,
                    passage,
                    index.matched(terms, _whole(passage)),
                    kept,
                    older.get(passage.key, ()),
                )
                for hit, passage in known
            ],
            missing=scope.missing,
            assumed=scope.assumed,
            choices=scope.choices,
            terms=terms,
            weights=weights,
            conflicts=conflicts,
        )

    async def _conflicting(
        self,
        use_case: str,
        index: LibraryIndex,
        kept: _Kept,
        known: Sequence[tuple[Hit, StoredPassage]],
        weights: Mapping[str, float],
    ) -> tuple[list[tuple[Hit, StoredPassage]], Sequence[PassageConflict]]:
        """The passages without those that a person found to be wrong, and what is undecided.

        The best passages are compared in pairs.
        """
        wrong: set[PassageKey] = set()
        conflicts: list[PassageConflict] = []
        for (_hit, one), (_other_hit, other) in combinations(known[:_COMPARED], 2):
            if not kept.may_contradict(one, other):
                continue
            spoken = contradiction(one.text, other.text, weights, index.terms)
            if spoken is None:
                continue
            match await self._conflicts.note(use_case, one, other, spoken):
                case "first":
                    wrong.add(other.key)
                case "second":
                    wrong.add(one.key)
                case None:
                    conflicts.append(
                        PassageConflict(
                            first=_id(one),
                            second=_id(other),
                            first_text=spoken.first,
                            second_text=spoken.second,
                        )
                    )
        return [pair for pair in known if pair[1].key not in wrong], conflicts

    async def _older(
        self,
        declared: UseCase,
        index: LibraryIndex,
        precedence: Precedence,
        passages: Sequence[StoredPassage],
        groups: Collection[str],
        weights: Mapping[str, float],
    ) -> Mapping[PassageKey, Sequence[OlderStatement]]:
        """What older versions say instead of what some passages say about the question."""
        statements: dict[PassageKey, Sequence[OlderStatement]] = {}
        for passage in passages:
            versions = list(precedence.older_than(passage.document_id))
            if not versions:
                continue
            # Words of the document's name say which document is meant, not what is asked of it.
            named = set(index.terms(_words_of_path(passage.path)))
            rest = {term: weight for term, weight in weights.items() if term not in named}
            asked = asked_statement(passage.text, rest or weights, index.terms)
            if asked is None:
                continue
            search = partial(
                LibraryIndex.search,
                question=asked.text,
                groups=groups,
                most=_FROM_EACH * len(versions),
                documents=[version.document_id for version in versions],
            )
            library = declared.library
            assert library is not None
            hits = await self._indexes.ask(declared.name, library.language, search)
            stored = await self._documents.passages(hit.key for hit in hits)
            texts: dict[str, list[StoredPassage]] = {}
            for hit in hits:
                if hit.key in stored:
                    texts.setdefault(hit.document_id, []).append(stored[hit.key])
            statements[passage.key] = [
                spoken
                for version in versions
                if (spoken := _instead(version, texts, asked, rest or weights, index)) is not None
            ][:_MOST_OLDER]
        return statements

    async def _kept(
        self, use_case: str, library: Library, index: LibraryIndex, groups: frozenset[str]
    ) -> _Kept:
        key = use_case, frozenset(library.access.items()), groups
        kept = self._catalogues.get(key)
        if kept is None or kept.change != index.marker:
            change = index.marker
            rows = await self._documents.covers(use_case)
            kept = await asyncio.to_thread(_kept_of, change, library, rows, groups)
            self._catalogues[key] = kept
            if len(self._catalogues) > _MOST_CATALOGUES:
                self._catalogues.popitem(last=False)
        self._catalogues.move_to_end(key)
        return kept


def _find(
    index: LibraryIndex,
    *,
    kept: _Kept,
    choice: Choice,
    question: str,
    groups: Collection[str],
    most: int,
) -> tuple[Scope, Sequence[Hit]]:
    catalogue = kept.catalogue
    scope = _of_versions(catalogue, catalogue.scope(question, _usage(index)), choice)
    words = catalogue.rest_of(question, scope)
    hits = index.search(
        words, groups=groups, most=max(most, _CANDIDATES), documents=scope.documents
    )
    return scope, hits


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


def _instead(
    version: OrderedVersion,
    texts: Mapping[str, Sequence[StoredPassage]],
    asked: PassageSentence,
    weights: Mapping[str, float],
    index: LibraryIndex,
) -> OlderStatement | None:
    """What an older version says instead of a statement; ``None``: the same, or nothing."""
    passages = texts.get(version.document_id, ())
    spoken = differing(asked, [passage.text for passage in passages], weights, index.terms)
    if spoken is None:
        return None
    number, text = spoken
    passage = passages[number]
    return OlderStatement(
        document=passage.path,
        version=passage.version,
        place=passage.position.label,
        text=text,
        dated=version.dated,
    )


def _usage(index: LibraryIndex) -> Callable[[str], float]:
    """The share of passages that have a word."""
    passages = max(index.passages, 1)

    def share(word: str) -> float:
        return max((index.frequency(term) / passages for term in index.terms(word)), default=0.0)

    return share


def _kept_of(
    change: tuple[int, str], library: Library, rows: Sequence[CoversRow], groups: Collection[str]
) -> _Kept:
    readable = [row for row in rows if may_read(library, row["path"], row["access_group"], groups)]
    scopes = [scope_of(row["id"], row["path"], row["cover"] or "") for row in readable]
    return _Kept(
        change=change,
        catalogue=Catalogue.of(scopes),
        precedence=Precedence.of(
            [
                OrderedVersion(
                    document_id=row["id"],
                    path=row["path"],
                    family=row["family"],
                    rank=row["rank"],
                    dated=row["dated"],
                    is_variant=row["kind"] == "variant",
                )
                for row in readable
                if row["family"] is not None and row["rank"] is not None
            ]
        ),
        dated={row["id"]: row["dated"] for row in readable if row["dated"] is not None},
        families={
            row["id"]: row["family"]
            for row in readable
            if row["family"] is not None and row["kind"] != "separate"
        },
        owners={scope.document_id: scope.names for scope in scopes},
    )


def _words_of_path(path: str) -> str:
    return re.sub(r"[/_.\-]+", " ", path)


def _whole(passage: StoredPassage) -> str:
    """Everything that a question may mean: the text, where it stands, and in which document."""
    return f"{passage.path} {passage.position.label} {passage.text}"


def _id(passage: StoredPassage) -> str:
    return str(passage.key)


def _given(
    hit: Hit,
    passage: StoredPassage,
    matched: Sequence[str],
    kept: _Kept,
    older: Sequence[OlderStatement],
) -> RetrievedPassage:
    current = kept.precedence.current_of(passage.document_id)
    return RetrievedPassage(
        id=str(passage.key),
        document=passage.path,
        version=passage.version,
        place=passage.position.label,
        part=passage.part,
        text=passage.text,
        score=hit.score,
        matched=matched,
        modified_at=passage.modified_at,
        doubtful=tuple(passage.doubtful),
        dated=kept.dated.get(passage.document_id),
        superseded_by=current.path if current is not None else None,
        older=older,
    )
