"""Questions of documents: ingestion, scope, retrieval and speed, on filings and their questions.

Real filings with questions that people reviewed (`a-qa-sec10q` from ROADBED_DATA_DIR) and the mixed
documents of `a-documents`. The right pages of a question are judged by rule: the pages of its
document that hold most figures of its answer; years, dates and small numbers do not count. An
answer without figures is judged by its runs of three words; one that says that nothing is disclosed
has no page. Then the documents of one company, or
of one quarter, are left out, and questions about them must be found to have no document.

The section `mtrag` compares the support checks of answers with people (`answer_checks.py`).

The rules of scope were written while these questions were looked at. The search was not tuned on
them: vocabulary and weights were written before they were asked. Each step of the search is
measured in the same run. Steps with vectors need the extra embed. The section `kubernetes` asks a
question set that was written by somebody who had not read the search. The section `support`
compares the support of right and wrong answers. `--section` runs one alone.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import os
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

import answer_checks
import knowledge_abstention
import knowledge_kubernetes
import knowledge_speed
import knowledge_support
import policies
import report

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.databases import database

from roadbed.demo.library import questions as library_questions
from roadbed.kernel.clock import SystemClock
from roadbed.kernel.ids import Ids
from roadbed.knowledge.libraries import Libraries
from roadbed.knowledge.retrieval import ALL, Methods, Retrieval
from roadbed.knowledge.scope import Catalogue, DocumentScope, scope_of
from roadbed.knowledge.vectors import VectorState
from roadbed.models.embeddings import choice
from roadbed.models.embeddings.local import LocalEmbeddings
from roadbed.storage.database import Database
from roadbed.storage.embedded import ROOT_HOME, EmbeddedServer
from roadbed.usecases.decider import RetrievedPassage
from roadbed.usecases.library import Library

SECTIONS = ("filings", "kubernetes", "policies", "mtrag", "support")
COMPANIES = ("AAPL", "AMZN", "NVDA")
ONE_DOCUMENT = ("Single-Doc Single-Chunk RAG", "Single-Doc Multi-Chunk RAG")
FIGURE = re.compile(r"\$?\d[\d,]*(?:\.\d+)?\s*(?:%|million|billion|basis points)?")
NOTHING = re.compile(
    r"\b(?:no|not|any)\b[^.]{0,60}\b(?:mention|disclose|report|provide|specif|detail|indicat)",
    re.IGNORECASE,
)
WORD = re.compile(r"[a-z0-9]+")
MOST = 60  # passages, to have ten distinct pages
NONE = Methods(vocabulary=False, vectors=False, features=False, pages=False)
STEPS = {
    "words": NONE,
    "vocabulary": replace(NONE, vocabulary=True),
    "features": replace(NONE, features=True),
    "vectors": replace(NONE, vectors=True),
    "vocabulary and features": replace(NONE, vocabulary=True, features=True),
    "words and pages": replace(ALL, vectors=False),
    "vectors and features": replace(NONE, vectors=True, features=True),
    "all without whole pages": replace(ALL, pages=False),
    "all": ALL,
}


@dataclass(frozen=True)
class Question:
    text: str
    document: str  # a part of its file's name; of several documents with stars
    kind: str
    answer: str

    @property
    def single(self) -> bool:
        return self.kind == ONE_DOCUMENT[0]


def questions(folder: Path) -> list[Question]:
    with (folder / "qna_aapl_amzn_nvda.csv").open(encoding="utf-8", newline="") as file:
        return [
            Question(
                text=row["Question"],
                document=row["Source Docs"].replace("*", "").strip(),
                kind=row["Question Type"],
                answer=row["Answer"],
            )
            for row in csv.DictReader(file)
        ]


def figures(text: str) -> set[str]:
    """Numbers of at least three digits, with decimals or with a unit, that are no years."""
    numbers = set()
    for match in FIGURE.finditer(text):
        number = match.group().strip("$ ")
        digits = re.sub(r"\D", "", number)
        bare = re.sub(r"[^\d.,]", "", number).strip(".,")
        is_year = re.fullmatch(r"(?:19|20)\d\d", bare) is not None
        if not is_year and (len(digits) >= 3 or "." in bare or re.search(r"[%a-z]", number)):
            numbers.add(bare)
    return numbers


def right_pages(answer: str, pages: Mapping[int, str]) -> set[int]:
    """The pages that hold most of an answer; none if nothing of it stands anywhere."""
    wanted = figures(answer)
    if not wanted and NOTHING.search(answer):
        return set()
    if wanted:
        scores = {number: len(wanted & figures(text)) for number, text in pages.items()}
    else:
        runs = trigrams(answer)
        scores = {number: len(runs & trigrams(text)) for number, text in pages.items()}
    best = max(scores.values(), default=0)
    return {number for number, score in scores.items() if score == best and best > 0}


def trigrams(text: str) -> set[tuple[str, ...]]:
    words = WORD.findall(text.lower())
    return set(zip(words, words[1:], words[2:], strict=False))


def declared(name: str, folder: Path) -> Any:
    return SimpleNamespace(name=name, library=Library(folder=str(folder)))


class Bench:
    """A database with the documents of a folder."""

    def __init__(self, database: Database, folder: Path) -> None:
        clock = SystemClock()
        self.database = database
        # Without the cache of embeddings: a question is embedded when it is asked.
        chosen = choice.chosen()
        model = LocalEmbeddings if chosen is not None else lambda: None
        self.libraries = Libraries(database, folder, Ids(clock), clock, model)

    def retrieval(self, methods: Methods) -> Retrieval:
        return self.libraries.retrieval.using(methods)

    async def embed(self, name: str) -> float:
        """Give each passage a vector."""
        began = time.monotonic()
        while await self.libraries.vectors.fill(name, 1_000):
            pass
        await self.libraries.vectors.tidy(name)
        return time.monotonic() - began

    async def ingest(self, name: str, folder: Path) -> float:
        await self.database.fetch(
            "INSERT INTO use_case (name, declaration, coin_seed, registered_at)"
            " VALUES (%(name)s, '{}', '0', now())",
            {"name": name},
        )
        use_case = declared(name, folder)
        loaded: Any = SimpleNamespace(name=name, folder=folder, declared=use_case)
        began = time.monotonic()
        await self.libraries.ingestion.run(loaded, by="bench")
        await self.libraries.indexes.caught_up(name, "english")
        return time.monotonic() - began

    def asking(self, name: str) -> Any:
        """Retrieves the passages for a question of a library."""
        search = self.libraries.retrieval.search
        return lambda question: search(declared(name, Path("/")), question, groups=())

    async def pages(self, name: str) -> dict[str, dict[int, str]]:
        texts = {}
        for document in await self.libraries.documents.documents(name):
            if document.version is not None:
                parts = await self.libraries.documents.parts(document.id, document.version)
                texts[document.path] = {number: part.text for number, part in enumerate(parts)}
        return texts


async def retrieval(
    bench: Bench, folder: Path, asked: Sequence[Question], methods: Methods
) -> dict[str, float]:
    """How often a right page is among the first distinct pages; and the right document first."""
    pages = await bench.pages("filings")
    searching = bench.retrieval(methods)
    use_case = declared("filings", folder)
    hits: Counter[str] = Counter()
    seconds = []
    for question in (one for one in asked if one.kind in ONE_DOCUMENT):
        [path] = [path for path in pages if question.document.removesuffix(".pdf") in path]
        began = time.monotonic()
        retrieved = await searching.search(use_case, question.text, groups=(), most=MOST)
        seconds.append(time.monotonic() - began)
        hits["questions"] += 1
        hits["conflict"] += bool(retrieved.conflicts)
        hits["document"] += bool(retrieved.passages) and retrieved.passages[0].document == path
        right = right_pages(question.answer, pages[path])
        if not question.single or not right:
            continue
        order = list(dict.fromkeys((item.document, item.part) for item in retrieved.passages))
        places = [rank for rank, place in enumerate(order) if place in {(path, n) for n in right}]
        first = places[0] if places else len(order) + 100
        hits["judged"] += 1
        for most in (1, 5, 10):
            hits[f"page@{most}"] += first < most
    judged = max(hits["judged"], 1)
    return {
        "judged": hits["judged"],
        "document_first": hits["document"] / hits["questions"],
        "false_conflicts": hits["conflict"] / hits["questions"],
        **{f"page_at_{most}": hits[f"page@{most}"] / judged for most in (1, 5, 10)},
        "question_p99_ms": float(np.percentile(seconds, 99) * 1000),
        "question_median_ms": float(np.median(seconds) * 1000),
    }


def stands_at(passage: RetrievedPassage, places: Collection[tuple[str, int]]) -> bool:
    return (passage.document, passage.part) in places


async def same_topic(bench: Bench, asked: Sequence[Question]) -> dict[str, float]:
    """Questions of one document, with the pages of their answer and without."""
    pages = await bench.pages("filings")
    judged = []
    for question in (one for one in asked if one.kind in ONE_DOCUMENT):
        [path] = [path for path in pages if question.document.removesuffix(".pdf") in path]
        if right := right_pages(question.answer, pages[path]):
            places = {(path, part) for part in right}
            is_right = partial(stands_at, places=places)
            judged.append(knowledge_abstention.JudgedQuestion(question.text, is_right))
    use_case = declared("filings", Path())
    return await knowledge_abstention.same_topic(bench.libraries, use_case, judged)


def left_out(
    scopes: Sequence[DocumentScope], pages: Mapping[str, Mapping[int, str]], asked: list[Question]
) -> dict[str, float]:
    """Shares of questions whose missing document is named, and of the rest that are still asked."""
    counts: Counter[str] = Counter()
    for company in COMPANIES:
        rest = [scope for scope in scopes if company not in scope.path]
        catalogue, usage = Catalogue.of(rest), usage_of(rest, pages)
        for question in asked:
            named = {name for name in COMPANIES if name in question.document}
            is_missing = bool(catalogue.scope(question.text, usage).missing)
            if named == {company}:
                counts["company out"] += 1
                counts["company named"] += is_missing
            elif company not in named:
                counts["company rest"] += 1
                counts["company kept"] += not is_missing
    everything = Catalogue.of(scopes)
    usage = usage_of(scopes, pages)
    for scope in scopes:
        rest = [other for other in scopes if other is not scope]
        catalogue, usage = Catalogue.of(rest), usage_of(rest, pages)
        [label] = [period.label for period in scope.periods]
        for question in asked:
            if question.kind not in ONE_DOCUMENT:
                continue
            if not everything.scope(question.text, usage).periods:
                continue
            missing = catalogue.scope(question.text, usage).missing
            if question.document.removesuffix(".pdf") in scope.path:
                counts["quarter out"] += 1
                counts["quarter named"] += label in missing
            else:
                counts["quarter rest"] += 1
                counts["quarter kept"] += not missing
    return {
        f"{kind}_{what}": counts[f"{kind} {what}"]
        / counts[f"{kind} {'out' if what == 'named' else 'rest'}"]
        for kind in ("company", "quarter")
        for what in ("named", "kept")
    }


def usage_of(scopes: Sequence[DocumentScope], pages: Mapping[str, Mapping[int, str]]) -> Any:
    texts = [
        set(WORD.findall(text.lower())) for scope in scopes for text in pages[scope.path].values()
    ]
    known: dict[str, float] = {}

    def usage(word: str) -> float:
        if word not in known:
            known[word] = sum(word in text for text in texts) / max(len(texts), 1)
        return known[word]

    return usage


async def measure(
    url: str, folder: Path, data: Path, passages: int, sections: Sequence[str]
) -> dict[str, Any]:
    facts: dict[str, Any] = {}
    async with Database(url) as opened:
        bench = Bench(opened, folder)
        facts["has_vectors"] = await bench.libraries.vectors.state() is VectorState.READY
        if "filings" in sections:
            facts |= await measure_filings(bench, data, passages, has_vectors=facts["has_vectors"])
        if "kubernetes" in sections:
            audits = data / knowledge_kubernetes.FOLDER
            await bench.ingest("audits", audits)
            if facts["has_vectors"]:
                await bench.embed("audits")
            facts |= await knowledge_kubernetes.measure(bench.libraries, declared("audits", audits))
        if "support" in sections:
            facts |= await support(bench, data, has_vectors=facts["has_vectors"])
        if "policies" in sections:
            await bench.ingest("policies", data / "a-documents" / "basecamp-policies")
            if facts["has_vectors"]:
                await bench.embed("policies")
            facts |= await policies.differing_versions(bench.asking("policies"))
    return facts


async def support(bench: Bench, data: Path, *, has_vectors: bool) -> dict[str, Any]:
    """The support of right and of wrong answers."""
    facts: dict[str, Any] = {}
    for name, folder, answers_of in (
        ("library", library_questions.DOCUMENTS, knowledge_support.of_library),
        ("audits", data / knowledge_kubernetes.FOLDER, knowledge_support.of_audits),
    ):
        await bench.ingest(f"support-{name}", folder)
        if has_vectors:
            await bench.embed(f"support-{name}")
        use_case = declared(f"support-{name}", folder)
        answers = await answers_of(bench.libraries, use_case)
        facts |= knowledge_support.figures(name, answers)
    return facts


async def measure_filings(
    bench: Bench, data: Path, passages: int, *, has_vectors: bool
) -> dict[str, Any]:
    """Retrieval and abstention over quarterly reports."""
    filings = data / "a-qa-sec10q" / "docs"
    asked = questions(data / "a-qa-sec10q")
    facts: dict[str, Any] = {"documents_s": await bench.ingest("documents", data / "a-documents")}
    facts["filings_s"] = await bench.ingest("filings", filings)
    if has_vectors:
        facts["embedding_s"] = await bench.embed("filings")
    for step, methods in STEPS.items():
        if has_vectors or not methods.vectors:
            facts[step] = await retrieval(bench, filings, asked, methods)
    facts |= facts["all" if has_vectors else "words and pages"]
    facts["same_topic"] = await same_topic(bench, asked)
    pages = await bench.pages("filings")
    scopes = [
        scope_of(row["id"], row["path"], row["cover"] or "")
        for row in await bench.libraries.documents.covers("filings")
    ]
    facts |= left_out(scopes, pages, asked)
    facts |= await knowledge_speed.many(
        bench.libraries,
        database=bench.database,
        use_case=declared("many", filings),
        asked=[question.text for question in asked],
        passages=passages,
        has_vectors=has_vectors,
    )
    return facts


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--passages", type=int, default=100_000)
    parser.add_argument("--section", choices=SECTIONS, action="append", help="all by default")
    arguments = parser.parse_args()
    named = os.environ.get("ROADBED_DATA_DIR")
    if not named:
        sys.exit("ROADBED_DATA_DIR is not set: name the folder with the data sets.")
    server = EmbeddedServer(ROOT_HOME / "bench-knowledge")
    server.start()
    try:
        with tempfile.TemporaryDirectory() as folder, database(server) as url:
            sections = arguments.section or SECTIONS
            facts = asyncio.run(
                measure(url, Path(folder), Path(named), arguments.passages, sections)
            )
    finally:
        server.stop()
    rows = filing_rows(facts) if "filings" in sections else []
    if "kubernetes" in sections:
        rows += knowledge_kubernetes.rows(facts)
    if "support" in sections:
        rows += knowledge_support.rows(facts, "library")
        rows += knowledge_support.rows(facts, "audits")
    if "policies" in sections:
        rows += policies.rows(facts)
    if "mtrag" in sections:
        answers = answer_checks.measure(Path(named))
        rows += answer_checks.rows(answers)
        facts |= answers
    report.table(rows)
    report.end({**facts, **report.machine("xberg", "pypdfium2", "tantivy")})


def filing_rows(facts: Mapping[str, Any]) -> list[tuple[str, str, str, str]]:
    share = "{:.2f}".format
    return [
        (
            "a-documents ingested and indexed",
            f"{facts['documents_s']:.1f} s",
            "75 s (40)",
            report.judged(facts["documents_s"], 75, 40, least=False),
        ),
        ("filings ingested", f"{facts['filings_s']:.1f} s", "", ""),
        ("questions with a judged page", f"{facts['judged']}", "", ""),
        ("right document first", share(facts["document_first"]), "", ""),
        ("questions with a false contradiction", share(facts["false_conflicts"]), "", ""),
        ("right page first", share(facts["page_at_1"]), "", ""),
        (
            "right page in the first 5",
            share(facts["page_at_5"]),
            "0.65 (0.80)",
            report.judged(facts["page_at_5"], 0.65, 0.80),
        ),
        (
            "right page in the first 10",
            share(facts["page_at_10"]),
            "0.85 (0.92)",
            report.judged(facts["page_at_10"], 0.85, 0.92),
        ),
        *(
            (
                f"one {kind} left out: {what}",
                share(facts[f"{kind}_{key}"]),
                f"{floor} ({aim})",
                report.judged(facts[f"{kind}_{key}"], floor, aim),
            )
            for kind, key, what, floor, aim in (
                ("company", "named", "named as missing", 0.97, 0.99),
                ("company", "kept", "the rest still asked", 0.95, 0.98),
                ("quarter", "named", "named as missing", 0.95, 0.99),
                ("quarter", "kept", "the rest still asked", 0.95, 0.99),
            )
        ),
        (
            f"search of {facts['passages']:,} passages, p99",
            f"{facts['search_p99_ms']:.1f} ms",
            "30 ms (15)",
            report.judged(facts["search_p99_ms"], 30, 15, least=False),
        ),
        ("its index built", f"{facts['index_s']:.1f} s", "", ""),
        (
            "passages for a question, p99",
            f"{facts['question_p99_ms']:.1f} ms",
            "100 ms (50)",
            report.judged(facts["question_p99_ms"], 100, 50, least=False),
        ),
        *knowledge_abstention.rows(facts["same_topic"], "right pages taken away"),
        *knowledge_speed.rows(facts),
        *(step_row(step, facts[step]) for step in STEPS if step in facts),
    ]


def step_row(step: str, figures: Mapping[str, float]) -> tuple[str, str, str, str]:
    told = " / ".join(f"{figures[f'page_at_{most}']:.2f}" for most in (1, 5, 10))
    return f"page in 1 / 5 / 10: {step}", f"{told}, {figures['question_median_ms']:.0f} ms", "", ""


if __name__ == "__main__":
    main()
