"""The stored text of a deleted document is erased: nothing of it stays but what answers quote."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import psycopg
import pytest

from roadbed.audit.errors import AuditFolderError
from roadbed.kernel.settings import Settings
from roadbed.knowledge.citation_checks import CitationInvalidError
from roadbed.knowledge.contradictions import FigureContradiction
from roadbed.knowledge.document_erasure import ErasedDocument, path_hash
from roadbed.knowledge.errors import (
    DocumentErasureError,
    UnknownDocumentError,
)
from roadbed.knowledge.index import LibraryIndexes
from roadbed.knowledge.libraries import Libraries
from roadbed.knowledge.records import PassageKey, StoredPassage
from roadbed.knowledge.rows import Queries
from roadbed.models.embeddings.cache import CachedEmbeddings
from roadbed.models.embeddings.protocol import Vectors
from roadbed.receipts.erasure import Erasure
from roadbed.storage.sql import queries
from tests.libraries import NAME, Shelf
from tests.libraries import shelf as opened
from tests.vectors import Trigrams
from tests.web_pages import serving_pages

WORD = "quarzbach"  # stands only in what is erased
OLD = f"# Leave of {WORD}\n\nVersion 1. Everybody at {WORD} has 30 days of leave in a year.\n"
NEW = f"# Leave of {WORD}\n\nVersion 2. Everybody at {WORD} has 25 days of leave in a year.\n"
OTHER = "# Staff\n\nEverybody has 20 days of leave in a year.\n"
PATH = "leave.md"
ACCESS = 'access={"hr": "hr"}'


@pytest.fixture
async def shelf(settings: Settings, url: str) -> AsyncIterator[Shelf]:
    async with opened(settings, url, ACCESS) as made:
        app = made.app
        app.__dict__["libraries"] = libraries = Libraries(
            app.database, settings.home or Path(), app.ids, app.clock, Trigrams
        )
        app.__dict__["erasure"] = Erasure(app.database, app.audit, libraries, app.clock)
        yield made


async def put(shelf: Shelf, path: str, content: str) -> None:
    await shelf.app.libraries.upload(shelf.loaded, path, io.BytesIO(content.encode()), by="ana")


async def delete(shelf: Shelf, path: str = PATH) -> None:
    """Delete an upload and let an ingestion take its document out."""
    await shelf.app.libraries.delete_upload(shelf.loaded, path, by="ana")
    await shelf.ingest()


async def erase(shelf: Shelf, path: str = PATH, by: str = "ana") -> ErasedDocument:
    return await shelf.app.erasure.documents.erase(
        shelf.loaded, path, by=by, reason="the customer asked for it"
    )


async def vectors(shelf: Shelf) -> int:
    return await shelf.count("roadbed_vectors.passage_vector")


def words_in_index(shelf: Shelf) -> int:
    """In how many passages and pages of the index the word stands, deleted ones too."""
    folder = shelf.app.libraries.indexes._folder
    index = LibraryIndexes(shelf.app.database, folder).of(NAME, "english")  # as it is on disk
    return sum(
        index._opened(unit).searcher().doc_freq("text", term)
        for unit in ("passages", "pages")
        for term in index.terms(WORD)
    )


async def filled(shelf: Shelf) -> list[StoredPassage]:
    """An upload with two versions, quoted in every table that may quote it, and then deleted."""
    libraries = shelf.app.libraries
    await put(shelf, "staff.md", OTHER)
    await put(shelf, PATH, OLD)
    await shelf.ingest()
    await put(shelf, PATH, NEW)
    await put(shelf, "leave v2.md", NEW.replace("25", "26"))  # a family has fingerprints
    await shelf.ingest()
    assert await libraries.vectors.fill(NAME, 100) > 0
    versions = await libraries.documents.versions((await shelf.document(PATH)).id)
    keys = [PassageKey(version_id=version.id, ordinal=0) for version in versions]
    [other] = await shelf.matches("staff twenty days", most=1)
    passages = await libraries.documents.passages(keys)
    for passage in passages.values():
        spoken = FigureContradiction(
            first=f"Everybody at {WORD} has 25 days", second="Everybody has 20 days"
        )
        await libraries.conflicts.note(NAME, passage, other.passage, spoken)
    document = await shelf.document(PATH)
    await libraries.reports.report(NAME, document, f"{WORD} is sold", by="ben")
    await libraries.reports.settle(NAME, document, "kept", by="chi", note=f"{WORD} is ours")
    await delete(shelf)
    await delete(shelf, "leave v2.md")
    return list(passages.values())


class TestErase:
    async def test_nothing_of_the_text_stays_in_any_table(self, shelf: Shelf, url: str) -> None:
        passages = await filled(shelf)
        held = tables_with(url, WORD)
        assert held == {
            "audit_entry",
            "document_fingerprint",
            "document_part",
            "document_report",
            "document_version",
            "passage",
            "passage_conflict",
        }
        before = await vectors(shelf)
        assert await erase(shelf, "leave v2.md") == ErasedDocument(
            document="leave v2.md", versions=1, copies=[]
        )
        erased = await erase(shelf)
        assert (erased.versions, erased.copies) == (2, [])
        assert tables_with(url, WORD) == set()
        assert 0 < await vectors(shelf) < before
        documents = shelf.app.libraries.documents
        assert await documents.passages([passage.key for passage in passages]) == {}
        document = await shelf.document(PATH)
        versions = await documents.versions(document.id)
        assert [version.number for version in versions] == [2, 1]
        assert [version.title for version in versions] == [None, None]
        assert {version.erased_at for version in versions} == {document.erased_at}
        assert all(len(version.content_hash) == 64 for version in versions)
        assert await documents.parts(document.id, 2) == []
        assert await shelf.paths("days of leave") == ["staff.md"]
        report = (await shelf.app.libraries.reports.of(document.id))[0]
        assert (report.state, report.reason, report.note) == ("kept", "", None)

    async def test_the_index_of_this_machine_has_no_word_of_it(self, shelf: Shelf) -> None:
        await filled(shelf)
        # A deleted document leaves its words in the files of the index until they are merged.
        await shelf.app.libraries.indexes.caught_up(NAME, "english")
        assert words_in_index(shelf) > 0
        await erase(shelf, "leave v2.md")
        await erase(shelf)
        assert words_in_index(shelf) == 0
        assert await shelf.paths("leave") == ["staff.md"]

    async def test_an_index_of_another_language_has_no_word_of_it(self, shelf: Shelf) -> None:
        await put(shelf, PATH, OLD)
        await shelf.ingest()
        german = await shelf.app.libraries.indexes.caught_up(NAME, "german")
        assert german.passages == 1
        await delete(shelf)
        await erase(shelf)
        assert german.passages == 0

    async def test_the_index_of_another_machine_is_built_anew(
        self, shelf: Shelf, tmp_path: Path
    ) -> None:
        await filled(shelf)
        other = LibraryIndexes(shelf.app.database, tmp_path / "other")
        index = await other.caught_up(NAME, "english")
        marker = index.marker
        await erase(shelf)
        assert (await other.caught_up(NAME, "english")).marker[0] >= marker[0]
        assert index.marker[1] != marker[1]
        assert index.frequency(index.terms(WORD)[0]) == 0

    async def test_a_crash_before_the_index_is_made_good_by_the_next_search(
        self, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await filled(shelf)
        await shelf.app.libraries.indexes.caught_up(NAME, "english")

        async def killed(*_arguments: object) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as broken:
            broken.setattr(LibraryIndexes, "clear", killed)
            with pytest.raises(KeyboardInterrupt):
                await erase(shelf)
        assert words_in_index(shelf) > 0
        assert await shelf.paths("leave") == ["staff.md"]
        assert words_in_index(shelf) == 0

    async def test_the_log_says_who_and_why_without_path_and_text(self, shelf: Shelf) -> None:
        await filled(shelf)
        document = await shelf.document(PATH)
        versions = await shelf.app.libraries.documents.versions(document.id)
        await erase(shelf)
        [row] = await shelf.app.database.fetch(
            "SELECT subject, actor, use_case, detail FROM audit_entry "
            "WHERE kind = 'document erased'"
        )
        assert (row["subject"], row["actor"], row["use_case"]) == (document.id, "ana", NAME)
        assert row["detail"] == {
            "versions": [version.id for version in versions],
            "path": path_hash(NAME, PATH),
            "waiting": None,
            "reason": "the customer asked for it",
        }
        result = await shelf.app.audit.verify()
        assert (result.findings, result.erased) == ([], 2)  # what people wrote about it

    async def test_a_second_call_changes_nothing(self, shelf: Shelf, url: str) -> None:
        await filled(shelf)
        await erase(shelf)
        before = await shelf.document(PATH), await shelf.count("audit_entry")
        assert (await erase(shelf)).versions == 0
        assert (await shelf.document(PATH), await shelf.count("audit_entry")) == before

    async def test_equal_content_elsewhere_stays_and_is_named(self, shelf: Shelf) -> None:
        for path in (PATH, "copy.md", "hr/copy.md"):
            await put_as_member(shelf, path, OLD)
        await shelf.ingest()
        await delete(shelf)
        assert (await erase(shelf)).copies == ["copy.md"]  # ana may not read hr/
        assert await shelf.paths("days of leave") == ["copy.md"]

    async def test_the_file_may_come_back(self, shelf: Shelf) -> None:
        await put(shelf, PATH, OLD)
        await shelf.ingest()
        await delete(shelf)
        await erase(shelf)
        await put(shelf, PATH, OLD)
        await shelf.ingest()
        document = await shelf.document(PATH)
        assert (document.state, document.version, document.erased_at) == ("current", 2, None)
        versions = await shelf.app.libraries.documents.versions(document.id)
        assert [version.erased_at is None for version in versions] == [True, False]
        assert await shelf.paths("days of leave") == [PATH]
        await delete(shelf)
        assert (await erase(shelf)).versions == 1

    async def test_a_file_of_the_folder_too(self, shelf: Shelf, url: str) -> None:
        shelf.write({PATH: OLD, "staff.md": OTHER})
        await shelf.ingest()
        (shelf.folder / PATH).unlink()
        await shelf.ingest()
        assert (await erase(shelf)).versions == 1
        assert tables_with(url, WORD) == set()

    async def test_one_that_was_never_read_is_noted(self, shelf: Shelf) -> None:
        await put(shelf, PATH, " ")
        await shelf.ingest()
        await delete(shelf)
        assert (await erase(shelf)).versions == 0
        [row] = await shelf.app.database.fetch(
            "SELECT detail FROM audit_entry WHERE kind = 'document erased'"
        )
        assert row["detail"]["versions"] == []


class TestRefused:
    async def test_a_document_in_the_library(self, shelf: Shelf) -> None:
        await put(shelf, PATH, OLD)
        await shelf.ingest()
        with pytest.raises(DocumentErasureError, match=r"leave\.md is in the library.*Delete"):
            await erase(shelf)
        await shelf.app.libraries.delete_upload(shelf.loaded, PATH, by="ana")
        with pytest.raises(DocumentErasureError):  # no ingestion has taken it out yet
            await erase(shelf)
        await shelf.ingest()
        assert (await erase(shelf)).versions == 1

    async def test_a_path_that_is_not_there_or_hidden(self, shelf: Shelf) -> None:
        with pytest.raises(UnknownDocumentError):
            await erase(shelf, "nowhere.md")
        await put_as_member(shelf, "hr/pay.md", OLD)
        await shelf.ingest()
        await shelf.app.libraries.delete_upload(shelf.loaded, "hr/pay.md", by="rae")
        await shelf.ingest()
        with pytest.raises(UnknownDocumentError):
            await erase(shelf, "hr/pay.md")
        assert (await erase(shelf, "hr/pay.md", by="rae")).versions == 1

    async def test_where_its_file_came_back_a_moment_ago(
        self, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await put(shelf, PATH, OLD)
        await shelf.ingest()
        await delete(shelf)
        families = shelf.app.libraries.families
        genuine = families.refresh

        async def meanwhile(use_case: str) -> int:
            monkeypatch.undo()
            await put(shelf, PATH, NEW)
            await shelf.ingest()
            return await genuine(use_case)

        monkeypatch.setattr(families, "refresh", meanwhile)
        with pytest.raises(DocumentErasureError):
            await erase(shelf)
        assert await shelf.paths("days of leave") == [PATH]


class TestMeanwhile:
    """What began before an erasure writes nothing of the text after it."""

    async def test_vectors(self, shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
        await put(shelf, PATH, OLD)
        await shelf.ingest()
        loop = asyncio.get_running_loop()
        genuine = Trigrams.embed

        async def erased() -> None:
            await delete(shelf)
            await erase(shelf)

        def slow(self: Trigrams, texts: Sequence[str]) -> Vectors:
            asyncio.run_coroutine_threadsafe(erased(), loop).result(60)
            return genuine(self, texts)

        monkeypatch.setattr(Trigrams, "embed", slow)
        await shelf.app.libraries.vectors.fill(NAME, 100)
        assert await vectors(shelf) == 0

    async def test_contradictions(self, shelf: Shelf) -> None:
        [passage, *_] = await filled(shelf)
        [other] = await shelf.matches("staff twenty days", most=1)
        await erase(shelf)
        spoken = FigureContradiction(first=f"{WORD} has 25 days", second="has 20 days")
        await shelf.app.libraries.conflicts.note(NAME, passage, other.passage, spoken)
        assert await shelf.count("passage_conflict") == 0

    async def test_fingerprints(self, shelf: Shelf) -> None:
        [passage, *_] = await filled(shelf)
        await erase(shelf)
        before = await shelf.count("document_fingerprint")
        facts = {"version_id": passage.key.version_id, "runs": [], "words": [WORD]}
        await shelf.app.database.fetch(queries(Queries)["put_fingerprint"], facts)
        assert await shelf.count("document_fingerprint") == before


async def test_a_page_that_its_server_has_no_more(settings: Settings, url: str) -> None:
    """What was fetched before the 404 goes too, and the address is still listed as one without."""
    declared = 'urls="documents/urls.txt", private_hosts=("127.0.0.1",)'
    text = f"<html><body><h1>{WORD}</h1><p>Everybody has 30 days of leave.</p></body></html>"
    with serving_pages() as web:
        async with opened(settings, url, declared) as shelf:
            web.pages["/leave.html"] = text.encode()
            shelf.write({"urls.txt": f"{web.url}/leave.html\n"})
            await shelf.ingest()
            path = f"{web.place}/leave.html"
            web.statuses["/leave.html"] = 404
            await shelf.ingest()
            assert (await shelf.document(path)).state == "deleted"
            assert "source_piece" in tables_with(url, WORD)
            assert (await erase(shelf, path)).versions == 1
            assert tables_with(url, WORD) == set()
            again = await shelf.ingest()
            assert (again.read, again.gone, again.failed) == (0, 0, [])
            assert (await shelf.document(path)).erased_at is not None
            [page] = await shelf.app.libraries.sources.gone_pages(shelf.loaded, ())
            assert page.path == path
            web.statuses.clear()
            await shelf.ingest()
            assert await shelf.paths("days of leave") == [path]


async def test_a_right_answer_cannot_cite_it_any_more(shelf: Shelf) -> None:
    await put(shelf, PATH, OLD)
    await shelf.ingest()
    [match] = await shelf.matches("days of leave")
    answer: dict[str, Any] = {
        "route": "answer",
        "text": "30",
        "citations": [match.passage.citation()],
        "notes": [],
    }
    declared, check = shelf.loaded.declared, shelf.app.libraries.citations.check
    await delete(shelf)
    await check(declared, answer, by="ana")  # as before: a version that left may be cited
    await erase(shelf)
    with pytest.raises(CitationInvalidError, match="has no passage"):
        await check(declared, answer, by="ana")


async def test_vectors_of_passages_do_not_stay_in_memory(shelf: Shelf) -> None:
    """The cache is for texts of tasks and questions; nothing is erased from it."""
    inner = Trigrams()
    cached = CachedEmbeddings(inner)
    libraries = Libraries(
        shelf.app.database,
        shelf.app.settings.home or Path(),
        shelf.app.ids,
        shelf.app.clock,
        lambda: cached,
    )
    await put(shelf, PATH, OLD)
    await shelf.ingest()
    assert await libraries.vectors.fill(NAME, 100) == 1
    [passage] = inner.asked
    cached.embed([passage])
    assert inner.asked == [passage] * 2


async def test_the_folder_outside_is_told(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    """The erasure has happened; who asks again gets it witnessed."""
    await put(shelf, PATH, OLD)
    await shelf.ingest()
    await delete(shelf)

    async def full() -> None:
        raise AuditFolderError("/audit", "no space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(shelf.app.audit, "witness", full)
        with pytest.raises(AuditFolderError):
            await erase(shelf)
    assert (await shelf.document(PATH)).erased_at is not None
    assert (await erase(shelf)).versions == 0


async def test_what_an_answer_quotes_of_it_is_withheld_as_before(shelf: Shelf) -> None:
    """Its passages are gone, and with them what said of which access group they are."""
    await put_as_member(shelf, "hr/pay.md", OLD)
    await shelf.ingest()
    [match] = await shelf.matches("days of leave", "hr")
    evidence = {"passages": [str(match.passage.key)], "text": "quoted"}
    await shelf.app.libraries.delete_upload(shelf.loaded, "hr/pay.md", by="rae")
    await shelf.ingest()
    withholding = shelf.app.libraries.withholding
    before = await withholding.of(NAME, "ana", ["ana"], evidence)
    await erase(shelf, "hr/pay.md", by="rae")
    assert before == await withholding.of(NAME, "ana", ["ana"], evidence)
    assert before.hides(evidence)
    assert not (await withholding.of(NAME, "rae", ["ana"], evidence)).hides(evidence)


async def put_as_member(shelf: Shelf, path: str, content: str) -> None:
    """Upload as ``rae``, who is in the access group hr."""
    members, access = shelf.app.members, shelf.app.libraries.access
    if "rae" not in {row["name"] for row in await shelf.app.database.fetch(PEOPLE)}:
        await members.add("rae", by="test")
        await access.add(NAME, shelf.library, "hr", "rae", by="test")
    await shelf.app.libraries.upload(shelf.loaded, path, io.BytesIO(content.encode()), by="rae")


PEOPLE = "SELECT name FROM person"


def tables_with(url: str, word: str) -> set[str]:
    """The tables that hold a word, as text or as bytes, in every schema of Roadbed and DBOS."""
    query = """
        SELECT table_schema, table_name FROM information_schema.tables
        WHERE table_type = 'BASE TABLE'
          AND table_schema NOT IN ('pg_catalog', 'information_schema')"""
    with psycopg.connect(url) as connection:
        held = set()
        for schema, name in connection.execute(query).fetchall():
            rows = connection.execute(f'SELECT lower(t::text) FROM "{schema}"."{name}" AS t')
            text = " ".join(row for (row,) in rows.fetchall())
            if word in text or word.encode().hex() in text:
                held.add(name)
        return held
