"""Vectors of passages, in PostgreSQL with pgvector: the search by meaning.

They are derived: each is computed from its passage by the embedding model that is in use, and is
stored with that model's digest. A server without the extension, or one that refuses it, leaves the
search by words.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any

import psycopg
import structlog
from pydantic import TypeAdapter

from roadbed.knowledge.model import Position
from roadbed.knowledge.records import PassageKey
from roadbed.knowledge.rows import Queries, VectorsLackingRow
from roadbed.models.embeddings.cache import CachedEmbeddings
from roadbed.models.embeddings.errors import EmbeddingsError
from roadbed.models.embeddings.protocol import Embeddings, Vectors
from roadbed.storage.database import Database
from roadbed.storage.sql import queries

BATCH = 32  # passages that are embedded and stored together
INDEXED_FROM = (
    20_000  # vectors of a library: fewer are compared one by one, which finds the nearest
)
_SQL = queries(Queries)
_POSITION = TypeAdapter(Position)
_MOST_QUESTIONS = 512  # whose vectors are kept
_log = structlog.get_logger()


class VectorState(StrEnum):
    """Whether passages are searched by meaning, or why not."""

    OFF = "off"  # no embedding model is in use
    NO_EXTENSION = "no_extension"
    READY = "ready"


@dataclass(frozen=True, kw_only=True, slots=True)
class VectorHit:
    """A passage near a question; ``similarity`` is the scalar product of their vectors."""

    key: PassageKey
    document_id: str
    similarity: float


@dataclass(frozen=True, kw_only=True, slots=True)
class VectorCounts:
    """The passages in force of a library, and how many of them have a vector."""

    state: VectorState
    model: str | None = None
    passages: int = 0
    vectors: int = 0

    @property
    def lacking(self) -> int:
        """How many passages have no vector."""
        return self.passages - self.vectors


class PassageVectors:
    """Computes, stores and searches the vectors of all libraries.

    ``chosen`` gives the embedding model in use, or ``None``. It is called when vectors are needed
    first, in a thread: loading a model takes a quarter of a second.
    """

    def __init__(self, database: Database, chosen: Callable[[], Embeddings | None]) -> None:
        self._database = database
        self._chosen = chosen
        self._model: Embeddings | None = None
        self._asked = False
        self._ready: bool | None = None
        self._numbers: dict[tuple[str, str], int] = {}
        self._embedded = lru_cache(_MOST_QUESTIONS)(self._embed)

    async def state(self, *, again: bool = False) -> VectorState:
        """Whether passages can be searched by meaning. ``again``: ask the server once more.

        Raises ``EmbeddingsError`` if the declared model cannot be loaded.
        """
        if await self._loaded() is None:
            return VectorState.OFF
        if self._ready is None or (again and not self._ready):
            row = await self._database.fetch_one(_SQL["prepare_vectors"])
            self._ready = row is not None and row["ready"]
        return VectorState.READY if self._ready else VectorState.NO_EXTENSION

    async def counts(self, use_case: str) -> VectorCounts:
        """How much of a library can be searched by meaning."""
        state = await self.state()
        model = await self._loaded()
        if state is not VectorState.READY or model is None:
            return VectorCounts(state=state, model=None if model is None else model.name)
        facts = {"use_case": use_case, "collection": await self._number(model, use_case)}
        row = await self._database.fetch_one(_SQL["count_vectors"], facts)
        assert row is not None
        return VectorCounts(
            state=state, model=model.name, passages=row["passages"], vectors=row["vectors"]
        )

    async def is_behind(self, use_case: str) -> bool:
        """Whether passages lack a vector that could be computed."""
        counts = await self.counts(use_case)
        return counts.state is VectorState.READY and counts.lacking > 0

    async def lacks_extension(self) -> bool:
        """Whether only the database keeps passages from being searched by meaning."""
        try:
            return await self.state() is VectorState.NO_EXTENSION
        except EmbeddingsError:
            return False

    async def copy(self, use_case: str) -> None:
        """Give passages that did not change the vectors they had in older versions."""
        model = await self._loaded()
        assert model is not None
        facts = {"use_case": use_case, "collection": await self._number(model, use_case)}
        await self._database.fetch(_SQL["copy_vectors"], facts)

    async def fill(self, use_case: str, most: int) -> int:
        """Embed and store at most ``most`` passages that lack a vector; gives how many were stored.

        What is stored stays if the process ends. Raises ``EmbeddingsError``.
        """
        model = await self._loaded()
        assert model is not None
        # Vectors of passages are stored. None may outlive an erasure in the memory of a process.
        bare = model.uncached if isinstance(model, CachedEmbeddings) else model
        number, done = await self._number(model, use_case), 0
        while done < most:
            facts = {"use_case": use_case, "collection": number, "most": min(BATCH, most - done)}
            rows = await self._database.fetch(_SQL["vectors_lacking"], facts)
            if not rows:
                break
            vectors = await asyncio.to_thread(bare.embed, [_text(row) for row in rows])
            await self._database.fetch(
                _SQL["put_vectors"],
                {
                    "collection": number,
                    "versions": [row["version_id"] for row in rows],
                    "ordinals": [row["ordinal"] for row in rows],
                    "vectors": [written(vector) for vector in vectors],
                },
            )
            done += len(rows)
        return done

    async def tidy(self, use_case: str) -> None:
        """Remove what no search reads, and build the approximate index of a large library."""
        model = await self._loaded()
        assert model is not None
        number = await self._number(model, use_case)
        await self._database.fetch(
            _SQL["drop_old_vectors"], {"use_case": use_case, "collection": number}
        )
        row = await self._database.fetch_one(_SQL["stored_vectors"], {"collection": number})
        if row is not None and row["vectors"] >= INDEXED_FROM and not row["indexed"]:
            facts = {"collection": number, "dimensions": model.dimensions}
            await self._database.fetch(_SQL["index_vectors"], facts)

    async def search(
        self,
        use_case: str,
        question: str,
        *,
        groups: Collection[str],
        most: int,
        documents: Collection[str] | None = None,
    ) -> Sequence[VectorHit]:
        """The passages nearest to a question, only of documents that ``groups`` may read.

        ``documents`` limits the search to these ids. Nothing is found where vectors cannot be
        searched, or where the model fails: the search by words goes on.
        """
        try:
            if not question.strip() or await self.state() is not VectorState.READY:
                return []
            model = await self._loaded()
            assert model is not None
            facts: dict[str, Any] = {
                "collection": await self._number(model, use_case),
                "dimensions": model.dimensions,
                "vector": await asyncio.to_thread(self._embedded, question),
                "use_case": use_case,
                "groups": list(groups),
                "documents": None if documents is None else list(documents),
                "most": most,
            }
            rows = await self._database.fetch(_SQL["nearest_passages"], facts)
        except (EmbeddingsError, psycopg.ProgrammingError, psycopg.DataError) as error:
            _log.warning("no search by meaning", usecase=use_case, error=str(error))
            return []
        return [
            VectorHit(
                key=PassageKey(version_id=row["version_id"], ordinal=row["ordinal"]),
                document_id=row["document_id"],
                similarity=row["similarity"],
            )
            for row in rows
        ]

    def _embed(self, question: str) -> str:
        assert self._model is not None
        [vector] = self._model.embed([question])
        return written(vector)

    async def _loaded(self) -> Embeddings | None:
        if not self._asked:
            self._model = await asyncio.to_thread(self._chosen)
            self._asked = True
        return self._model

    async def _number(self, model: Embeddings, use_case: str) -> int:
        """The number of the vectors of a library by a model, in the database."""
        key = use_case, model.digest
        facts = {
            "use_case": use_case,
            "name": model.name,
            "digest": model.digest,
            "dimensions": model.dimensions,
        }
        while key not in self._numbers:
            # Another process may have stored it a moment ago: then the next look finds it.
            row = await self._database.fetch_one(_SQL["vector_collection"], facts)
            if row is not None:
                self._numbers[key] = row["id"]
        return self._numbers[key]


def written(vector: Vectors) -> str:
    """A vector as pgvector reads it. Half precision has three digits and a half."""
    return "[" + ",".join(f"{number:.5g}" for number in vector.tolist()) + "]"


def _text(row: VectorsLackingRow) -> str:
    """A passage with the headings above it, which say what a table or a sentence is about."""
    position = _POSITION.validate_python(row["position"])
    return "\n".join((*position.headings[-2:], row["text"]))
