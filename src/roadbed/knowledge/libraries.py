"""The libraries of an installation: documents, access, ingestion and search together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO

from roadbed.kernel.clock import Clock
from roadbed.kernel.ids import Ids
from roadbed.knowledge.access import AccessGroups, is_limited, may_read
from roadbed.knowledge.citation_checks import CitationChecks
from roadbed.knowledge.comparison import PassageComparison
from roadbed.knowledge.conflicts import DocumentConflicts
from roadbed.knowledge.document_families import DocumentFamilies, with_superseding
from roadbed.knowledge.document_reports import DocumentReports
from roadbed.knowledge.errors import NoLibraryError, UnknownDocumentError
from roadbed.knowledge.gaps import Gaps
from roadbed.knowledge.index import LibraryIndex, LibraryIndexes
from roadbed.knowledge.ingestion import Ingestion
from roadbed.knowledge.passage_corrections import key_of
from roadbed.knowledge.ranking import fused
from roadbed.knowledge.readable_cases import ReadableCases
from roadbed.knowledge.records import Document, PassageKey, StoredPassage
from roadbed.knowledge.removed_versions import removed_of, with_removed
from roadbed.knowledge.retrieval import Retrieval
from roadbed.knowledge.service import Documents
from roadbed.knowledge.sources.model import Upload
from roadbed.knowledge.sources.service import DAY_SECONDS, LibrarySources, library_of, place_of
from roadbed.knowledge.vectors import PassageVectors
from roadbed.knowledge.withholding import DeclaredLibrary, Withholding
from roadbed.models.embeddings.choice import chosen
from roadbed.models.embeddings.protocol import Embeddings
from roadbed.storage.database import Database
from roadbed.usecases.library import Library
from roadbed.usecases.loader import LoadedUseCase

MOST_PASSAGES = 10
MarkedText = Sequence[tuple[str, bool]]  # pieces, each with whether it is marked


@dataclass(frozen=True, kw_only=True, slots=True)
class Match:
    """A passage that a search gave, with the score of the search. A higher one fits better."""

    passage: StoredPassage
    score: float


@dataclass(frozen=True, kw_only=True, slots=True)
class DocumentListing:
    """The documents that somebody may read.

    ``is_limited`` says that the library declares an access group that the reader is not in. It
    tells nothing of whether there are documents of it.
    """

    documents: Sequence[Document]
    is_limited: bool


class Libraries:
    """What a use case with a library needs beside its decider."""

    def __init__(
        self,
        database: Database,
        indexes: Path,
        ids: Ids,
        clock: Clock,
        embeddings: Callable[[], Embeddings | None] = chosen,
        *,
        fetch_seconds: float = DAY_SECONDS,
        declared: DeclaredLibrary = lambda _use_case: Library(),
    ) -> None:
        self.documents = Documents(database, ids, clock)
        self.access = AccessGroups(database, clock)
        self.withholding = Withholding(self.documents, self.access, declared)
        self.cases = ReadableCases(database, self.withholding)
        self.families = DocumentFamilies(database, self.documents, ids, clock)
        self.sources = LibrarySources(database, clock, fetch_seconds=fetch_seconds)
        self.ingestion = Ingestion(self.documents, self.families, self.sources, clock)
        self.indexes = LibraryIndexes(database, indexes)
        self.conflicts = DocumentConflicts(database, ids, clock)
        self.vectors = PassageVectors(database, embeddings)
        comparison = PassageComparison(self.documents, self.conflicts, self.indexes)
        self.retrieval = Retrieval(
            self.documents, self.access, self.indexes, self.vectors, comparison
        )
        self.retrieve = self.retrieval.for_task
        self.citations = CitationChecks(self.documents, self.access)
        self.reports = DocumentReports(database, ids, clock)
        self.gaps = Gaps(database, self.indexes, clock)

    async def listing(
        self, use_case: str, library: Library | None, *, groups: Collection[str]
    ) -> DocumentListing:
        """The documents that ``groups`` may read, by path. Raises ``NoLibraryError``."""
        if library is None:
            raise NoLibraryError(use_case)
        documents = await self.documents.documents(use_case)
        shown = [
            document
            for document in documents
            if may_read(library, document.path, document.group, groups)
        ]
        removed = removed_of(await self.documents.newer_removed(use_case), library, groups)
        return DocumentListing(
            documents=with_removed(with_superseding(shown), removed),
            is_limited=is_limited(library, groups),
        )

    async def document(
        self, use_case: str, library: Library | None, document_id: str, *, groups: Collection[str]
    ) -> Document:
        """A document by its id, also a deleted one: answers may cite its versions.

        Raises ``NoLibraryError``; ``UnknownDocumentError``, also for what ``groups`` may not read.
        """
        if library is None:
            raise NoLibraryError(use_case)
        document = await self.documents.by_id(use_case, document_id)
        if not may_read(library, document.path, document.group, groups):
            raise UnknownDocumentError(document_id)
        family = await self.families.family_of(use_case, library, document, groups=groups)
        placed = next((one for one in family if one.id == document.id), document)
        removed = removed_of(await self.documents.newer_removed(use_case), library, groups)
        return with_removed([placed], removed)[0]

    async def upload(
        self, loaded: LoadedUseCase, path: str, content: BinaryIO, *, by: str
    ) -> Upload:
        """Store a file in the library of a use case; an ingestion reads it.

        Raises ``NoLibraryError``, ``UploadRefusedError`` and ``UploadNotAllowedError``.
        """
        place = place_of(loaded)
        groups = await self.access.of(loaded.name, by)
        return await self.sources.uploads.put(
            loaded.name, place.library, path, content, folder=place.folder, groups=groups, by=by
        )

    async def delete_upload(self, loaded: LoadedUseCase, path: str, *, by: str) -> None:
        """Remove an uploaded file; an ingestion takes its document out of the search.

        Raises ``NoLibraryError``; ``UnknownDocumentError``, also for what ``by`` may not read;
        ``UploadRefusedError`` for a document of another source.
        """
        library = library_of(loaded)
        groups = await self.access.of(loaded.name, by)
        await self.sources.uploads.delete(loaded.name, library, path, groups=groups, by=by)

    async def cited(
        self,
        use_case: str,
        library: Library | None,
        ids: Collection[str],
        *,
        groups: Collection[str],
    ) -> Mapping[str, StoredPassage]:
        """Passages by the ids that answers cite; without those that ``groups`` may not read.

        Passages of another use case are left out too: its groups are others.
        """
        keys = [key for passage_id in ids if (key := PassageKey.of(passage_id)) is not None]
        stored = await self.documents.passages(keys) if library is not None else {}
        documents = {passage.document_id for passage in stored.values()}
        own = {one for one in documents if await self.documents.use_case_of(one) == use_case}
        return {
            str(key): passage
            for key, passage in stored.items()
            if library is not None
            and passage.document_id in own
            and may_read(library, passage.path, passage.group, groups)
        }

    async def marked(
        self, use_case: str, library: Library, question: str, texts: Sequence[str]
    ) -> Sequence[MarkedText]:
        """Each text in pieces, with the words of a question marked."""
        index = await self.indexes.caught_up(use_case, library.language)
        terms = index.terms(question)
        return await asyncio.to_thread(lambda: [index.marked(terms, text) for text in texts])

    async def citable(
        self,
        use_case: str,
        library: Library | None,
        passages: Sequence[str],
        *,
        groups: Collection[str],
    ) -> Sequence[StoredPassage]:
        """Passages by their ids as citations have them, as they stand now, in this order.

        Those that ``groups`` may not read, and those that no version in force has, are left out.
        Raises ``NoLibraryError``.
        """
        if library is None:
            raise NoLibraryError(use_case)
        keys = [key for passage in passages if (key := key_of(passage)) is not None]
        same = await self.documents.same_passages(use_case, keys)
        present = list(dict.fromkeys(same[key] for key in keys if key in same))
        stored = await self.documents.passages(present)
        return [
            passage
            for key in present
            if (passage := stored.get(key)) is not None
            and may_read(library, passage.path, passage.group, groups)
        ]

    async def search(
        self,
        use_case: str,
        library: Library | None,
        question: str,
        *,
        groups: Collection[str],
        most: int = MOST_PASSAGES,
    ) -> Sequence[Match]:
        """The passages that fit a question best, of what ``groups`` may read, best first.

        By words, and by meaning where the library has vectors. A superseded document is left out,
        unless the question names it. Raises ``NoLibraryError``.
        """
        if library is None:
            raise NoLibraryError(use_case)
        index = await self.indexes.caught_up(use_case, library.language)
        known = await self.retrieval.known_to(use_case, library, index, frozenset(groups))
        superseded = known.precedence.choice(question).left_out
        asked = most
        while True:
            search = partial(LibraryIndex.search, question=question, groups=groups, most=asked)
            hits = await self.indexes.ask(use_case, library.language, search)
            near = await self.vectors.search(use_case, question, groups=groups, most=asked)
            scores = {hit.key: hit.score for hit in hits}
            if near:
                scores = fused(list(scores), [hit.key for hit in near])
            passages = await self.documents.passages(scores)
            # Access is checked again: the declaration may be newer than the index.
            matches = [
                Match(passage=passage, score=score)
                for key, score in sorted(scores.items(), key=lambda item: -item[1])
                if (passage := passages.get(key)) is not None
                and may_read(library, passage.path, passage.group, groups)
                and not passage.left_out
                and passage.document_id not in superseded
            ]
            if len(matches) >= most or max(len(hits), len(near)) < asked:
                return matches[:most]
            asked *= 2
