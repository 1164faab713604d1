"""Speed of search over many passages: by words, by vectors, and by both.

A part of the benchmark `knowledge`. The passages are copies of real ones in another order; each
vector is made of two real ones.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

import report
from roadbed.knowledge.libraries import Libraries
from roadbed.knowledge.retrieval import ALL, Methods
from roadbed.storage.database import Database

MANY = """
WITH document AS (
    INSERT INTO document (id, use_case, path, state, version, content_hash, reading, added_at,
                          changed_at)
    SELECT 'doc_' || n, 'many', 'file ' || n || '.txt', 'current', 1, md5(n::text), 1, now(), now()
    FROM generate_series(1, {documents}) AS n RETURNING id),
version AS (
    INSERT INTO document_version (id, document_id, number, content_hash, bytes, format, words,
                                  readers, findings, doubtful, read_at)
    SELECT 'v' || id, id, 1, id, 1, 'txt', 1, '{{}}', '[]', '[]', now() FROM document),
part AS (
    INSERT INTO document_part (version_id, ordinal, position, text)
    SELECT 'v' || id, 0, '{{"kind": "text"}}', 'text' FROM document),
piece AS (
    INSERT INTO passage (version_id, ordinal, id, part, first, last, kind, position, text, doubtful)
    SELECT 'v' || document.id, copy.n, 'p', 0, 0, 1, 'text', '{{"kind": "text"}}', source.text,
           '{{}}'
    FROM (SELECT id, row_number() OVER () AS n FROM document) AS document
    CROSS JOIN generate_series(1, 100) AS copy (n)
    JOIN (SELECT text, row_number() OVER () AS n, count(*) OVER () AS all FROM passage) AS source
      ON source.n = 1 + (document.n * 7919 + copy.n * 104729) % source.all)
INSERT INTO document_change (use_case, document_id) SELECT 'many', id FROM document
"""


# Distinct vectors: each is made of two real ones.
MANY_VECTORS = """
WITH source AS (
    SELECT embedding, row_number() OVER () - 1 AS n, count(*) OVER () AS all
    FROM roadbed_vectors.passage_vector),
fresh_passage AS (
    SELECT passage.version_id, passage.ordinal, row_number() OVER () AS n
    FROM passage JOIN document_version ON document_version.id = passage.version_id
    JOIN document ON document.id = document_version.document_id WHERE document.use_case = 'many')
INSERT INTO roadbed_vectors.passage_vector
SELECT (SELECT id FROM vector_collection WHERE use_case = 'many'),
       fresh_passage.version_id, fresh_passage.ordinal,
       roadbed_vectors.l2_normalize(one.embedding OPERATOR(roadbed_vectors.+) other.embedding)
FROM fresh_passage
JOIN source AS one ON one.n = fresh_passage.n % one.all
JOIN source AS other ON other.n = (fresh_passage.n * 7919 + fresh_passage.n / one.all) % one.all
"""


async def many(
    libraries: Libraries,
    *,
    database: Database,
    use_case: Any,
    asked: Sequence[str],
    passages: int,
    has_vectors: bool,
) -> dict[str, float]:
    """Search over so many passages, copies of real ones in another order."""
    await database.fetch(
        "INSERT INTO use_case (name, declaration, coin_seed, registered_at)"
        " VALUES ('many', '{}', '0', now())"
    )
    await database.fetch(MANY.format(documents=passages // 100))
    began = time.monotonic()
    index = await libraries.indexes.caught_up("many", "english")
    built = time.monotonic() - began
    seconds = []
    for _ in range(3):
        for question in asked:
            began = time.monotonic()
            index.search(question, groups=(), most=50)
            seconds.append(time.monotonic() - began)
    facts: dict[str, float] = {
        "passages": index.passages,
        "index_s": built,
        "search_p99_ms": float(np.percentile(seconds, 99) * 1000),
        "search_median_ms": float(np.median(seconds) * 1000),
    }
    facts |= await asking("words", libraries, Methods(vectors=False), use_case, asked)
    if has_vectors:
        facts |= await nearest(libraries, database, asked)
        facts |= await asking("meaning", libraries, ALL, use_case, asked)
    return facts


async def asking(
    name: str, libraries: Libraries, methods: Methods, use_case: Any, asked: Sequence[str]
) -> dict[str, float]:
    """How long the passages for a question take, where no question was asked before."""
    retrieval = libraries.retrieval.using(methods)
    await retrieval.search(use_case, "warm up", groups=())
    seconds = []
    for question in asked:
        began = time.monotonic()
        await retrieval.search(use_case, question, groups=())
        seconds.append(time.monotonic() - began)
    return {
        f"many_{name}_p99_ms": float(np.percentile(seconds, 99) * 1000),
        f"many_{name}_median_ms": float(np.median(seconds) * 1000),
    }


async def nearest(
    libraries: Libraries, database: Database, asked: Sequence[str]
) -> dict[str, float]:
    """Search of vectors alone: exact, and with the index. The question's vector is known."""
    vectors = libraries.vectors
    await vectors.counts("many")  # its collection has a number from here on
    await database.fetch(MANY_VECTORS)
    await database.fetch("ANALYZE roadbed_vectors.passage_vector")
    facts: dict[str, float] = {}
    best: dict[str, list[set[Any]]] = {}
    for name in ("exact", "indexed"):
        if name == "indexed":
            began = time.monotonic()
            await vectors.tidy("many")
            facts["nearest_index_s"] = time.monotonic() - began
        seconds, best[name] = [], []
        for question in asked:
            await vectors.search("many", question, groups=(), most=50)
        for question in asked:
            began = time.monotonic()
            hits = await vectors.search("many", question, groups=(), most=50)
            seconds.append(time.monotonic() - began)
            best[name].append({hit.key for hit in hits[:10]})
        facts[f"nearest_{name}_p99_ms"] = float(np.percentile(seconds, 99) * 1000)
        facts[f"nearest_{name}_median_ms"] = float(np.median(seconds) * 1000)
    pairs = zip(best["exact"], best["indexed"], strict=True)
    facts["nearest_recall"] = float(np.mean([len(one & other) / 10 for one, other in pairs]))
    vectors._embedded.cache_clear()
    return facts


def rows(facts: Mapping[str, Any]) -> list[tuple[str, str, str, str]]:
    """The table of ``many`` beside the search by words."""
    table = []
    for name, what in (
        ("many_words", "passages for a question of so many, by words"),
        ("nearest_exact", "nearest vectors of so many, exact"),
        ("nearest_indexed", "nearest vectors of so many, with the index"),
        ("many_meaning", "passages for a question of so many, by words and meaning"),
    ):
        if f"{name}_p99_ms" in facts:
            p99 = facts[f"{name}_p99_ms"]
            floor, aim = (30, 15) if name.startswith("nearest") else (100, 50)
            verdict = report.judged(p99, floor, aim, least=False)
            table.append((f"{what}, p99", f"{p99:.1f} ms", f"{floor} ({aim})", verdict))
    if "nearest_recall" in facts:
        table.append(("index of vectors built", f"{facts['nearest_index_s']:.0f} s", "", ""))
        table.append(("of the 10 nearest it gives", f"{facts['nearest_recall']:.2f}", "", ""))
        table.append(("vectors of the filings computed", f"{facts['embedding_s']:.0f} s", "", ""))
    return table
