"""The search index of a library: tantivy, derived from the database.

Each machine has its own, below its home. It catches up with the changes of documents, in the order
of their commits, and is built anew where it does not fit the database: after a restore, or when its
form changed. Deleting its folder loses nothing.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import math
import os
import re
import shutil
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

import structlog
import tantivy

from roadbed.knowledge.index_units import (
    ANALYZER,
    EVERYBODY,
    page_schema,
    pages_of,
    passage_schema,
    passages_of,
)
from roadbed.knowledge.question_words import QuestionWords, text_analyzer
from roadbed.knowledge.records import PassageKey
from roadbed.knowledge.rows import ChangedDocumentsRow, PassagesOfRow, Queries
from roadbed.knowledge.vocabulary import KnownPhrase, Phrase, SearchVocabulary
from roadbed.storage.database import Database
from roadbed.storage.sql import queries

FORM = 2  # raised when the fields or their analysis change
_WORDS = re.compile(r"(\w+)")
MOST_TERMS = 64  # of a question: its cost grows with them
_SQL = queries(Queries)
_log = structlog.get_logger()
T = TypeVar("T")
_AT_ONCE = 100  # documents between two commits
_HEAP_BYTES = 50_000_000
_TITLE, _HEADING = 2.0, 2.0  # what a word weighs there, in words of the text
_RELATED = 0.5  # what other words of the same meaning weigh, in words of the question
_PASSAGES, _PAGES = "passages", "pages"
_SCHEMAS = MappingProxyType({_PASSAGES: passage_schema, _PAGES: page_schema})
_LOOK_SECONDS = 0.05


Searched = Callable[[tantivy.Schema, str], tantivy.Query]


@dataclass(frozen=True, kw_only=True, slots=True)
class Hit:
    """A passage that matches, with the score of BM25 over text, title and headings."""

    key: PassageKey
    document_id: str
    score: float


class LibraryIndex:
    """The index of one use case. Its methods block: call them in a thread."""

    def __init__(self, folder: Path, language: str) -> None:
        self._folder = folder / f"{FORM}-{language}"
        self._analyzer = text_analyzer(language)
        self._questions = QuestionWords(language)
        self._vocabulary = SearchVocabulary.of(language, self._questions.searched)
        self._indexes: dict[str, tantivy.Index] = {}
        self._lock = threading.Lock()

    @property
    def marker(self) -> tuple[int, str]:
        """Number and token of the newest change that it holds; (0, "") for none."""
        try:
            told = json.loads((self._folder / "marker.json").read_text(encoding="utf-8"))
            return int(told["number"]), str(told["token"])
        except (OSError, ValueError, KeyError, TypeError):
            return 0, ""

    def lock(self) -> int | None:
        """Let only this process write. Gives what ``unlock`` needs; ``None``: another does."""
        self._folder.mkdir(parents=True, exist_ok=True)
        held = os.open(self._folder / "writing.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(held)
            return None
        return held

    def unlock(self, held: int) -> None:
        """Let others write."""
        os.close(held)

    def opens(self) -> bool:
        """Whether its files can be read; if not, it is built anew."""
        try:
            self._opened(_PASSAGES)
            self._opened(_PAGES)
        except (ValueError, OSError):
            return False
        return True

    def clear(self) -> None:
        """Remove everything that it holds."""
        with self._lock:
            self._indexes.clear()
        (self._folder / "marker.json").unlink(missing_ok=True)
        try:  # what others have open must not vanish under them
            for unit in (_PASSAGES, _PAGES):
                writer = self._opened(unit).writer(heap_size=_HEAP_BYTES, num_threads=1)
                writer.delete_all_documents()
                writer.commit()
                writer.wait_merging_threads()
                self._opened(unit).reload()
        except (ValueError, OSError):
            with self._lock:
                self._indexes.clear()
            for unit in (_PASSAGES, _PAGES):
                shutil.rmtree(self._folder / unit, ignore_errors=True)
        self._remove_older_forms()

    def _remove_older_forms(self) -> None:
        """Remove what earlier releases wrote: nothing would take deleted documents out of it."""
        for folder in self._folder.parent.glob("*-*"):
            form = folder.name.partition("-")[0]
            if form.isdecimal() and int(form) < FORM:
                shutil.rmtree(folder, ignore_errors=True)

    def put(
        self,
        changed: Sequence[ChangedDocumentsRow],
        passages: Mapping[str, Sequence[PassagesOfRow]],
        marker: tuple[int, str],
    ) -> None:
        """Replace what it holds of ``changed`` documents. ``passages`` are those by version.

        The marker is written after the commits: a crash between them repeats the same replacement.
        """
        for unit, units_of in ((_PASSAGES, passages_of), (_PAGES, pages_of)):
            index = self._opened(unit)
            writer = index.writer(heap_size=_HEAP_BYTES, num_threads=1)
            for document in changed:
                writer.delete_documents_by_term("document", document["id"])
                if document["state"] == "deleted" or document["version_id"] is None:
                    continue
                for fields in units_of(document, passages.get(document["version_id"], ())):
                    writer.add_document(fields)
            writer.commit()
            writer.wait_merging_threads()
            index.reload()
        number, token = marker
        fresh = self._folder / "marker.new"
        fresh.write_text(json.dumps({"number": number, "token": token}), encoding="utf-8")
        fresh.replace(self._folder / "marker.json")

    def terms(self, text: str) -> list[str]:
        """The words of a question as they are indexed, each once, at most ``MOST_TERMS``.

        Function words count only where there are no others: a title that has one is rare.
        """
        words = self._questions.searched(text) or self._analyzer.analyze(text)
        return list(dict.fromkeys(words))[:MOST_TERMS]

    def says_something(self, text: str) -> bool:
        """Whether a text has a word that is no function word."""
        return bool(self._questions.searched(text))

    def has_function_word(self, text: str) -> bool:
        """Whether a text has a function word of the language."""
        return self._questions.has_function_word(text)

    def written(self, terms: Collection[str], text: str) -> Mapping[str, str]:
        """How ``text`` writes each of ``terms`` first."""
        words: dict[str, str] = {}
        for word in _WORDS.split(text):
            for term in self._questions.searched(word):
                if term in terms:
                    words.setdefault(term, word)
        return words

    def related(self, text: str) -> Sequence[KnownPhrase]:
        """The phrases of a question that the vocabulary knows, with others of the same meaning."""
        return self._vocabulary.alternatives(self._questions.searched(text)[:MOST_TERMS])

    def search(
        self,
        question: str,
        *,
        groups: Collection[str],
        most: int,
        documents: Collection[str] | None = None,
        related: bool = True,
    ) -> Sequence[Hit]:
        """The passages that match best, only of documents that ``groups`` or everybody may read.

        ``documents`` limits the search to these ids. A question is words, never query syntax.
        ``related`` also looks for other words of the same meaning.
        """
        hits = []
        for score, stored in self._best(
            _PASSAGES, _word, question, groups, documents, most=most, related=related
        ):
            key = PassageKey(
                version_id=str(stored.get_first("version")),
                ordinal=int(stored.get_first("ordinal")),  # type: ignore[arg-type]
            )
            hits.append(Hit(key=key, document_id=str(stored.get_first("document")), score=score))
        return hits

    def pages(
        self,
        question: str,
        *,
        groups: Collection[str],
        most: int,
        documents: Collection[str] | None = None,
        related: bool = True,
    ) -> Sequence[tuple[str, int]]:
        """The whole pages, slides, sheets or texts that match best, as version and part.

        What is asked stands in one passage, what it is about often elsewhere on the page. The
        arguments are those of ``search``.
        """
        best = self._best(
            _PAGES, _page_word, question, groups, documents, most=most, related=related
        )
        return [
            (str(stored.get_first("version")), int(stored.get_first("part")))  # type: ignore[arg-type]
            for _score, stored in best
        ]

    def _best(
        self,
        unit: str,
        word: Searched,
        question: str,
        groups: Collection[str],
        documents: Collection[str] | None,
        *,
        most: int,
        related: bool,
    ) -> Sequence[tuple[float, tantivy.Document]]:
        terms = self.terms(question)
        if not terms or (documents is not None and not documents):
            return []
        index = self._opened(unit)
        index.reload()
        schema = index.schema
        must = tantivy.Occur.Must
        words = [(tantivy.Occur.Should, word(schema, term)) for term in terms]
        words += [
            (tantivy.Occur.Should, _alternative(schema, phrase.others, word))
            for phrase in (self.related(question) if related else ())
        ]
        query = [
            (must, tantivy.Query.boolean_query(words)),
            (must, _silent(tantivy.Query.term_set_query(schema, "group", [EVERYBODY, *groups]))),
        ]
        if documents is not None:
            only = tantivy.Query.term_set_query(schema, "document", list(documents))
            query.append((must, _silent(only)))
        searcher = index.searcher()
        result = searcher.search(tantivy.Query.boolean_query(query), limit=most, count=False)
        return [(score, searcher.doc(address)) for score, address in result.hits]

    def frequency(self, term: str) -> int:
        """In how many passages a word stands, as ``terms`` gives it."""
        return self._opened(_PASSAGES).searcher().doc_freq("text", term)

    def weight(self, term: str) -> float:
        """How rare a word is: its weight in BM25."""
        total, having = self.passages, self.frequency(term)
        return math.log(1 + (total - having + 0.5) / (having + 0.5))

    def matched(self, terms: Sequence[str], text: str) -> Sequence[str]:
        """Which of ``terms`` stand in a text."""
        words = self.words(text)
        return [term for term in terms if term in words]

    def words(self, text: str) -> frozenset[str]:
        """The words of a text, as ``terms`` gives those of a question."""
        return frozenset(self._analyzer.analyze(text))

    def marked(self, terms: Collection[str], text: str) -> Sequence[tuple[str, bool]]:
        """``text`` in pieces, each with whether it is a word of ``terms``."""
        wanted, known = set(terms), dict[str, bool]()
        pieces: list[tuple[str, bool]] = []
        for piece in _WORDS.split(text):
            if piece not in known:
                known[piece] = not wanted.isdisjoint(self._analyzer.analyze(piece))
            pieces.append((piece, known[piece]))
        return [piece for piece in pieces if piece[0]]

    @property
    def passages(self) -> int:
        """How many passages it holds."""
        index = self._opened(_PASSAGES)
        index.reload()
        return int(index.searcher().num_docs)

    def _opened(self, unit: str) -> tantivy.Index:
        with self._lock:
            if unit not in self._indexes:
                folder = self._folder / unit
                folder.mkdir(parents=True, exist_ok=True)
                index = tantivy.Index(_SCHEMAS[unit](), path=str(folder))
                index.register_tokenizer(ANALYZER, self._analyzer)
                self._indexes[unit] = index
            return self._indexes[unit]


class LibraryIndexes:
    """The indexes of this machine, one a use case, each brought up to date from the database."""

    def __init__(self, database: Database, folder: Path) -> None:
        self._database = database
        self._folder = folder
        self._indexes: dict[tuple[str, str], LibraryIndex] = {}

    def of(self, use_case: str, language: str) -> LibraryIndex:
        """The index of a use case, as it is now."""
        key = use_case, language
        if key not in self._indexes:
            self._indexes[key] = LibraryIndex(self._folder / use_case, language)
        return self._indexes[key]

    async def caught_up(self, use_case: str, language: str) -> LibraryIndex:
        """The index of a use case with every change that is committed now."""
        index = self.of(use_case, language)
        while not await self._is_current(use_case, index):
            held = await asyncio.to_thread(index.lock)
            if held is None:  # another process brings it up to date
                await asyncio.sleep(_LOOK_SECONDS)
                continue
            try:
                await self._catch_up(use_case, index)
            finally:
                index.unlock(held)
        return index

    async def ask(self, use_case: str, language: str, question: Callable[[LibraryIndex], T]) -> T:
        """What ``question`` finds, in a thread, in the index that ``caught_up`` gave.

        Damaged files are noticed when they are read, some of them only by a search. The index is
        built anew then: the database has everything that was in it.
        """
        index = self.of(use_case, language)
        try:
            return await asyncio.to_thread(question, index)
        except (ValueError, OSError) as error:
            _log.warning("the search index is built anew", usecase=use_case, error=str(error))
            await self.rebuild(use_case, language)
            return await asyncio.to_thread(question, index)

    async def rebuild(self, use_case: str, language: str) -> LibraryIndex:
        """Build an index anew from the database."""
        index = self.of(use_case, language)
        held = await self._locked(index)
        try:
            await asyncio.to_thread(index.clear)
            await self._catch_up(use_case, index)
        finally:
            index.unlock(held)
        return index

    async def clear(self, use_case: str) -> None:
        """Empty the indexes of a use case on this machine, in each language it was built in.

        Each is built anew before its next search.
        """
        for folder in sorted((self._folder / use_case).glob(f"{FORM}-*")):
            index = self.of(use_case, folder.name.partition("-")[2])
            held = await self._locked(index)
            try:
                await asyncio.to_thread(index.clear)
            finally:
                index.unlock(held)

    async def _locked(self, index: LibraryIndex) -> int:
        """Wait until only this process writes; gives what ``unlock`` needs."""
        while True:
            if (held := await asyncio.to_thread(index.lock)) is not None:
                return held
            await asyncio.sleep(_LOOK_SECONDS)

    async def _is_current(self, use_case: str, index: LibraryIndex) -> bool:
        newest = await self._database.fetch_one(_SQL["newest_change"], {"use_case": use_case})
        marker = (newest["number"], str(newest["token"])) if newest is not None else (0, "")
        return index.marker == marker and await asyncio.to_thread(index.opens)

    async def _catch_up(self, use_case: str, index: LibraryIndex) -> None:
        number, token = index.marker
        known = number > 0 and await self._knows(use_case, number, token)
        if not known or not await asyncio.to_thread(index.opens):
            await asyncio.to_thread(index.clear)
            number = 0
        facts: dict[str, Any] = {"use_case": use_case, "after": number, "most": _AT_ONCE}
        while changed := await self._database.fetch(_SQL["changed_documents"], facts):
            versions = [row["version_id"] for row in changed if row["version_id"] is not None]
            passages: dict[str, list[PassagesOfRow]] = {}
            for passage in await self._database.fetch(
                _SQL["passages_of"], {"version_ids": versions}
            ):
                passages.setdefault(passage["version_id"], []).append(passage)
            newest = changed[-1]
            marker = newest["change"], str(newest["token"])
            await asyncio.to_thread(index.put, changed, passages, marker)
            facts["after"] = newest["change"]

    async def _knows(self, use_case: str, number: int, token: str) -> bool:
        """Whether the database has the change that an index holds; a restored copy may not."""
        facts = {"use_case": use_case, "number": number}
        row = await self._database.fetch_one(_SQL["change"], facts)
        return row is not None and str(row["token"]) == token


def _word(schema: tantivy.Schema, term: str) -> tantivy.Query:
    """A word in the text, or, weighing more, in the title or a heading."""
    fields = [tantivy.Query.term_query(schema, "text", term, "freq")]
    for name, weight in (("title", _TITLE), ("heading", _HEADING)):
        query = tantivy.Query.term_query(schema, name, term, "freq")
        fields.append(tantivy.Query.boost_query(query, weight))
    return tantivy.Query.disjunction_max_query(fields, tie_breaker=0.3)


def _page_word(schema: tantivy.Schema, term: str) -> tantivy.Query:
    return tantivy.Query.term_query(schema, "text", term, "freq")


def _alternative(
    schema: tantivy.Schema, phrases: Sequence[Phrase], word: Searched
) -> tantivy.Query:
    """The one of ``phrases`` that fits best, all of its words in the passage, at a lower weight."""
    must = tantivy.Occur.Must
    queries = [
        tantivy.Query.boolean_query([(must, word(schema, term)) for term in phrase])
        for phrase in phrases
    ]
    best = tantivy.Query.disjunction_max_query(queries)
    return tantivy.Query.boost_query(best, _RELATED)


def _silent(query: tantivy.Query) -> tantivy.Query:
    """A condition that changes no score."""
    return tantivy.Query.const_score_query(query, 0.0)
