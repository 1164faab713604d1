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
from pydantic import TypeAdapter

from roadbed.knowledge.model import Position
from roadbed.knowledge.records import PassageKey
from roadbed.knowledge.rows import ChangedDocumentsRow, PassagesOfRow, Queries
from roadbed.knowledge.vocabulary import Phrase, SearchVocabulary
from roadbed.storage.database import Database
from roadbed.storage.sql import queries

FORM = 1  # raised when the fields or their analysis change
_WORDS = re.compile(r"(\w+)")
MOST_TERMS = 64  # of a question: its cost grows with them
_SQL = queries(Queries)
_log = structlog.get_logger()
T = TypeVar("T")
_POSITION = TypeAdapter(Position)
_AT_ONCE = 100  # documents between two commits
_HEAP_BYTES = 50_000_000
_EVERYBODY = "*"  # the group of what everybody may read; no name of a group
_TITLE, _HEADING = 2.0, 2.0  # what a word weighs there, in words of the text
_RELATED = 0.5  # what other words of the same meaning weigh, in words of the question
_ANALYZER = "words"
_SEPARATOR = re.compile(r"[/_.\-]+")
_LOOK_SECONDS = 0.05
# Words that ask and say nothing of the subject, beside the function words of a language.
_QUESTION_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "english": "what which who whom whose when where why how much many may might can could "
        "would should shall must do does did is are was were has have had been please tell give "
        "me us my our your their its his her any about there",
        "german": "wer wen wem wessen was wann wo woher wohin warum wieso wie viel viele welche "
        "welcher welches kann können darf dürfen muss müssen soll sollen gibt bitte",
        "spanish": "qué quién quiénes cuál cuáles cuándo cuánto cuánta cuántos cuántas dónde cómo "
        "puede pueden puedo debe deben hay favor",
        "french": "qui que quoi quel quelle quels quelles quand où comment combien pourquoi peut "
        "peuvent puis doit doivent est",
    }
)


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
        self._analyzer = _analyzer(language)
        self._question = _analyzer(language, without_function_words=True)
        self._vocabulary = SearchVocabulary.of(language, self._question.analyze)
        self._index: tantivy.Index | None = None
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
            self._opened()
        except (ValueError, OSError):
            return False
        return True

    def clear(self) -> None:
        """Remove everything that it holds."""
        with self._lock:
            self._index = None
        (self._folder / "marker.json").unlink(missing_ok=True)
        try:  # what others have open must not vanish under them
            writer = self._opened().writer(heap_size=_HEAP_BYTES, num_threads=1)
            writer.delete_all_documents()
            writer.commit()
            writer.wait_merging_threads()
            self._opened().reload()
        except (ValueError, OSError):
            with self._lock:
                self._index = None
            shutil.rmtree(self._folder / "tantivy", ignore_errors=True)

    def put(
        self,
        changed: Sequence[ChangedDocumentsRow],
        passages: Mapping[str, Sequence[PassagesOfRow]],
        marker: tuple[int, str],
    ) -> None:
        """Replace what it holds of ``changed`` documents. ``passages`` are those by version.

        The marker is written after the commit: a crash between them repeats the same replacement.
        """
        index = self._opened()
        writer = index.writer(heap_size=_HEAP_BYTES, num_threads=1)
        for document in changed:
            writer.delete_documents_by_term("document", document["id"])
            if document["state"] == "deleted" or document["version_id"] is None:
                continue
            for passage in passages.get(document["version_id"], ()):
                writer.add_document(_fields(document, passage))
        writer.commit()
        writer.wait_merging_threads()
        number, token = marker
        fresh = self._folder / "marker.new"
        fresh.write_text(json.dumps({"number": number, "token": token}), encoding="utf-8")
        fresh.replace(self._folder / "marker.json")
        index.reload()

    def terms(self, text: str) -> list[str]:
        """The words of a question as they are indexed, each once, at most ``MOST_TERMS``.

        Function words count only where there are no others: a title that has one is rare.
        """
        words = self._question.analyze(text) or self._analyzer.analyze(text)
        return list(dict.fromkeys(words))[:MOST_TERMS]

    def says_something(self, text: str) -> bool:
        """Whether a text has a word that is no function word."""
        return bool(self._question.analyze(text))

    def has_function_word(self, text: str) -> bool:
        """Whether a text has a function word of the language."""
        return len(self._analyzer.analyze(text)) > len(self._question.analyze(text))

    def written(self, terms: Collection[str], text: str) -> Mapping[str, str]:
        """How ``text`` writes each of ``terms`` first."""
        words: dict[str, str] = {}
        for word in _WORDS.split(text):
            for term in self._question.analyze(word):
                if term in terms:
                    words.setdefault(term, word)
        return words

    def related(self, text: str) -> Sequence[Sequence[Phrase]]:
        """For each phrase of a question that the vocabulary knows: others of the same meaning."""
        return self._vocabulary.alternatives(self._question.analyze(text)[:MOST_TERMS])

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
        terms = self.terms(question)
        if not terms or (documents is not None and not documents):
            return []
        index = self._opened()
        index.reload()
        schema = index.schema
        must = tantivy.Occur.Must
        words = [(tantivy.Occur.Should, _word(schema, term)) for term in terms]
        words += [
            (tantivy.Occur.Should, _alternative(schema, phrases))
            for phrases in (self.related(question) if related else ())
        ]
        query = [
            (must, tantivy.Query.boolean_query(words)),
            (must, _silent(tantivy.Query.term_set_query(schema, "group", [_EVERYBODY, *groups]))),
        ]
        if documents is not None:
            only = tantivy.Query.term_set_query(schema, "document", list(documents))
            query.append((must, _silent(only)))
        searcher = index.searcher()
        result = searcher.search(tantivy.Query.boolean_query(query), limit=most, count=False)
        hits = []
        for score, address in result.hits:
            stored = searcher.doc(address)
            key = PassageKey(
                version_id=str(stored.get_first("version")),
                ordinal=int(stored.get_first("ordinal")),  # type: ignore[arg-type]
            )
            hits.append(Hit(key=key, document_id=str(stored.get_first("document")), score=score))
        return hits

    def frequency(self, term: str) -> int:
        """In how many passages a word stands, as ``terms`` gives it."""
        return self._opened().searcher().doc_freq("text", term)

    def weight(self, term: str) -> float:
        """How rare a word is: its weight in BM25."""
        total, having = self.passages, self.frequency(term)
        return math.log(1 + (total - having + 0.5) / (having + 0.5))

    def matched(self, terms: Sequence[str], text: str) -> Sequence[str]:
        """Which of ``terms`` stand in a text."""
        words = set(self._analyzer.analyze(text))
        return [term for term in terms if term in words]

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
        index = self._opened()
        index.reload()
        return int(index.searcher().num_docs)

    def _opened(self) -> tantivy.Index:
        with self._lock:
            if self._index is None:
                folder = self._folder / "tantivy"
                folder.mkdir(parents=True, exist_ok=True)
                self._index = tantivy.Index(_schema(), path=str(folder))
                self._index.register_tokenizer(_ANALYZER, self._analyzer)
            return self._index


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
        while True:
            if (held := await asyncio.to_thread(index.lock)) is None:
                await asyncio.sleep(_LOOK_SECONDS)
                continue
            try:
                await asyncio.to_thread(index.clear)
                await self._catch_up(use_case, index)
            finally:
                index.unlock(held)
            return index

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


def _schema() -> tantivy.Schema:
    builder = tantivy.SchemaBuilder()
    for name in ("text", "title", "heading"):
        builder.add_text_field(name, stored=False, tokenizer_name=_ANALYZER, index_option="freq")
    for name in ("document", "version", "group"):
        builder.add_text_field(name, stored=True, tokenizer_name="raw", index_option="basic")
    builder.add_integer_field("ordinal", stored=True)
    return builder.build()


def _fields(document: ChangedDocumentsRow, passage: PassagesOfRow) -> tantivy.Document:
    position = _POSITION.validate_python(passage["position"])
    stem, _, _ = document["path"].rpartition(".")
    return tantivy.Document(
        text=passage["text"],
        # What the folder calls it says more than what the file calls itself.
        title=_SEPARATOR.sub(" ", stem),
        heading=" ".join((*position.headings, position.name or "")),
        document=document["id"],
        version=passage["version_id"],
        group=document["access_group"] or _EVERYBODY,
        ordinal=passage["ordinal"],
    )


def _analyzer(language: str, *, without_function_words: bool = False) -> tantivy.TextAnalyzer:
    builder = (
        tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.simple())
        .filter(tantivy.Filter.remove_long(60))
        .filter(tantivy.Filter.lowercase())
    )
    if without_function_words:
        builder = builder.filter(tantivy.Filter.stopword(language))
        asking = _QUESTION_WORDS.get(language, "").split()
        builder = builder.filter(tantivy.Filter.custom_stopword(asking))
    folded = builder.filter(tantivy.Filter.ascii_fold())
    return folded.filter(tantivy.Filter.stemmer(language)).build()


def _word(schema: tantivy.Schema, term: str) -> tantivy.Query:
    """A word in the text, or, weighing more, in the title or a heading."""
    fields = [tantivy.Query.term_query(schema, "text", term, "freq")]
    for name, weight in (("title", _TITLE), ("heading", _HEADING)):
        query = tantivy.Query.term_query(schema, name, term, "freq")
        fields.append(tantivy.Query.boost_query(query, weight))
    return tantivy.Query.disjunction_max_query(fields, tie_breaker=0.3)


def _alternative(schema: tantivy.Schema, phrases: Sequence[Phrase]) -> tantivy.Query:
    """The one of ``phrases`` that fits best, all of its words in the passage, at a lower weight."""
    must = tantivy.Occur.Must
    queries = [
        tantivy.Query.boolean_query([(must, _word(schema, word)) for word in phrase])
        for phrase in phrases
    ]
    best = tantivy.Query.disjunction_max_query(queries)
    return tantivy.Query.boost_query(best, _RELATED)


def _silent(query: tantivy.Query) -> tantivy.Query:
    """A condition that changes no score."""
    return tantivy.Query.const_score_query(query, 0.0)
