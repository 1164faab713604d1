"""Search by meaning: vectors of passages in PostgreSQL, and a server without the extension."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Sequence
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from roadbed.kernel.settings import Settings
from roadbed.knowledge import ingestion_jobs
from roadbed.knowledge import vectors as vectors_module
from roadbed.knowledge.ingestion_jobs import IngestionJobs
from roadbed.knowledge.libraries import Libraries
from roadbed.knowledge.vectors import PassageVectors, VectorState
from roadbed.models.embeddings.errors import EmbeddingsError
from roadbed.models.embeddings.protocol import Vectors
from roadbed.storage import migrations
from roadbed.storage.database import Database, with_schema
from roadbed.storage.doctor import examine
from roadbed.storage.embedded import EmbeddedServer
from roadbed.testing import check_embeddings
from roadbed.usecases.decider import Retrieved
from roadbed.work.model import Job
from tests.databases import empty_database
from tests.libraries import NAME, Shelf
from tests.libraries import shelf as opened

CONCEPTS = ("leave vacation holiday", "salary pay wage", "bicycle bike cycling")
FILES = {
    "leave.txt": "Everybody has thirty days of leave in a year.",
    "pay.txt": "A salary is transferred on the last working day.",
    "garage/bikes.txt": "The garage has room for each bicycle.",
}


class Concepts:
    """Embeddings of a test: a direction for each concept, and a little of every other word."""

    def __init__(self, name: str = "concepts") -> None:
        self.name = name
        self.digest = hashlib.sha256(name.encode()).hexdigest()
        self.dimensions = 16
        self.texts: list[str] = []
        self.fails = False

    def embed(self, texts: Sequence[str]) -> Vectors:
        if self.fails:
            raise EmbeddingsError("the model is away", "wait")
        self.texts += texts
        rows = np.zeros((len(texts), self.dimensions), dtype=np.float32)
        for row, text in zip(rows, texts, strict=True):
            row[-1] = 0.01
            for word in text.lower().replace(".", " ").replace("?", " ").split():
                known = [place for place, words in enumerate(CONCEPTS) if word in words.split()]
                place = known[0] if known else 4 + sum(word.encode("utf-8", "surrogatepass")) % 11
                row[place] += 1.0 if known else 0.05
        unit: Vectors = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
        return unit


def test_the_embeddings_of_these_tests_keep_the_contract() -> None:
    check_embeddings(Concepts())


@pytest.fixture
def model() -> Concepts:
    return Concepts()


@pytest.fixture
async def shelf(settings: Settings, url: str, model: Concepts) -> AsyncIterator[Shelf]:
    async with opened(settings, url, 'access={"garage": "cyclists"}') as made:
        app = made.app
        app.__dict__["libraries"] = Libraries(
            app.database, settings.home or Path(), app.ids, app.clock, lambda: model
        )
        made.write(FILES)
        await made.ingest()
        yield made


def vectors(shelf: Shelf) -> PassageVectors:
    return shelf.app.libraries.vectors


async def retrieved(shelf: Shelf, question: str, *groups: str) -> Retrieved:
    use_case: Any = SimpleNamespace(name=NAME, library=shelf.library)
    return await shelf.app.libraries.retrieval.search(use_case, question, groups=groups)


async def found(shelf: Shelf, question: str, *groups: str) -> list[str]:
    return [passage.document for passage in (await retrieved(shelf, question, *groups)).passages]


class TestSearch:
    async def test_a_passage_is_found_by_its_meaning(self, shelf: Shelf) -> None:
        assert await found(shelf, "vacation") == []
        assert await vectors(shelf).fill(NAME, 100) == 3
        result = await retrieved(shelf, "vacation")
        assert result.passages[0].document == "leave.txt"
        assert result.passages[0].similarity == pytest.approx(1.0, abs=0.1)
        assert result.passages[0].matched == []

    async def test_people_find_it_by_its_meaning_too(self, shelf: Shelf) -> None:
        async def paths(question: str, *groups: str) -> list[str]:
            matches = await shelf.app.libraries.search(NAME, shelf.library, question, groups=groups)
            assert [match.score for match in matches] == sorted(
                (match.score for match in matches), reverse=True
            )
            return [match.passage.path for match in matches]

        assert await paths("vacation") == []
        await vectors(shelf).fill(NAME, 100)
        assert (await paths("vacation"))[0] == "leave.txt"
        assert (await paths("salary"))[0] == "pay.txt"
        assert "garage/bikes.txt" not in await paths("cycling")
        assert (await paths("cycling", "cyclists"))[0] == "garage/bikes.txt"

    async def test_access_groups_limit_it(self, shelf: Shelf) -> None:
        await vectors(shelf).fill(NAME, 100)
        assert "garage/bikes.txt" not in await found(shelf, "cycling")
        assert (await found(shelf, "cycling", "cyclists"))[0] == "garage/bikes.txt"

    async def test_documents_limit_it(self, shelf: Shelf) -> None:
        await vectors(shelf).fill(NAME, 100)
        only = (await shelf.document("pay.txt")).id
        hits = await vectors(shelf).search(NAME, "vacation", groups=(), most=5, documents=[only])
        assert [hit.document_id for hit in hits] == [only]
        assert not await vectors(shelf).search(NAME, "vacation", groups=(), most=5, documents=[])

    async def test_a_large_library_is_searched_with_an_index(
        self, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        shelf.write({f"{number}.txt": f"Room {number} is blue." for number in range(60)})
        await shelf.ingest()
        await vectors(shelf).fill(NAME, 100)
        before = await vectors(shelf).search(NAME, "wage", groups=(), most=5)
        monkeypatch.setattr(vectors_module, "INDEXED_FROM", 10)
        await vectors(shelf).tidy(NAME)
        rows = await shelf.app.database.fetch(
            "SELECT indexdef FROM pg_indexes WHERE indexname LIKE 'nearest%'"
        )
        assert "hnsw" in rows[0]["indexdef"]
        after = await vectors(shelf).search(NAME, "wage", groups=(), most=5)
        assert after[0] == before[0]
        assert len(after) == 5
        only = [hit.document_id for hit in after[2:]]
        chosen = await vectors(shelf).search(NAME, "wage", groups=(), most=5, documents=only)
        assert sorted(hit.document_id for hit in chosen) == sorted(only)

    async def test_another_library_with_the_same_model_is_not_searched(self, shelf: Shelf) -> None:
        await vectors(shelf).fill(NAME, 100)
        await shelf.app.database.fetch(REGISTERED.replace(NAME, "other"))
        assert await vectors(shelf).search("other", "vacation", groups=(), most=5) == []

    async def test_a_model_that_fails_leaves_the_search_by_words(
        self, shelf: Shelf, model: Concepts
    ) -> None:
        await vectors(shelf).fill(NAME, 100)
        model.fails = True
        assert await found(shelf, "salary") == ["pay.txt"]

    async def test_without_a_model_nothing_is_stored(self, shelf: Shelf) -> None:
        without = PassageVectors(shelf.app.database, lambda: None)
        assert await without.state() is VectorState.OFF
        assert (await without.counts(NAME)).model is None
        assert await without.search(NAME, "vacation", groups=(), most=5) == []


class TestFilling:
    async def test_only_passages_without_a_vector_are_embedded(
        self, shelf: Shelf, model: Concepts
    ) -> None:
        assert await vectors(shelf).fill(NAME, 2) == 2
        assert (await vectors(shelf).counts(NAME)).lacking == 1
        assert await vectors(shelf).is_behind(NAME)
        assert await vectors(shelf).fill(NAME, 100) == 1
        assert await vectors(shelf).fill(NAME, 100) == 0
        assert not await vectors(shelf).is_behind(NAME)
        assert len(model.texts) == 3

    async def test_headings_belong_to_the_meaning(self, shelf: Shelf, model: Concepts) -> None:
        shelf.write({"rules.md": "# Cycling\n\nIt is allowed.\n"})
        await shelf.ingest()
        await vectors(shelf).fill(NAME, 100)
        assert any("Cycling" in text and "allowed" in text for text in model.texts)

    async def test_a_new_version_keeps_the_vectors_of_what_stayed(
        self, shelf: Shelf, model: Concepts
    ) -> None:
        sections = [f"# Rule {number}\n\nBikes stay outside.\n" for number in range(3)]
        shelf.write({"rules.md": "\n".join(sections)})
        await shelf.ingest()
        await vectors(shelf).fill(NAME, 100)
        shelf.write({"rules.md": "\n".join([*sections[:2], "# Rule 2\n\nBikes come inside.\n"])})
        await shelf.ingest()
        model.texts.clear()
        await vectors(shelf).copy(NAME)
        assert await vectors(shelf).fill(NAME, 100) == 1
        assert "inside" in model.texts[0]
        await vectors(shelf).tidy(NAME)
        assert await shelf.count("roadbed_vectors.passage_vector") == 6

    async def test_a_deleted_document_leaves_at_once_and_its_vectors_with_the_next_tidying(
        self, shelf: Shelf
    ) -> None:
        await vectors(shelf).fill(NAME, 100)
        (shelf.folder / "leave.txt").unlink()
        await shelf.ingest()
        assert "leave.txt" not in await found(shelf, "vacation")
        await vectors(shelf).tidy(NAME)
        assert await shelf.count("roadbed_vectors.passage_vector") == 2

    async def test_another_model_has_vectors_of_its_own(self, shelf: Shelf) -> None:
        await vectors(shelf).fill(NAME, 100)
        other = PassageVectors(shelf.app.database, lambda: Concepts("other"))
        assert (await other.counts(NAME)).vectors == 0
        assert await other.search(NAME, "vacation", groups=(), most=5) == []
        await other.fill(NAME, 100)
        await other.tidy(NAME)
        assert (await other.counts(NAME)).vectors == 3
        assert (await vectors(shelf).counts(NAME)).vectors == 0

    async def test_the_job_of_ingestion_fills_them(self, shelf: Shelf, model: Concepts) -> None:
        app = shelf.app
        jobs = IngestionJobs(app.jobs, app.libraries, lambda _name: shelf.loaded, app.clock)
        told: list[tuple[int, int | None, str]] = []

        class Directly:
            async def step(self, _name: str, action: Any) -> Any:
                return await action()

            async def report(self, done: int, total: int | None, doing: str) -> None:
                told.append((done, total, doing))

        arguments: Any = {"use_case": NAME, "by": "ana", "allow_gone": False}
        await jobs._run(Directly(), arguments)
        assert (await vectors(shelf).counts(NAME)).lacking == 0
        assert (3, 3) in [(done, total) for done, total, _doing in told]
        assert len(model.texts) == 3

    @pytest.mark.parametrize("step", ["vectors 1", "vectors in order"])
    async def test_files_that_are_uploaded_meanwhile_are_read_once(
        self, shelf: Shelf, monkeypatch: pytest.MonkeyPatch, step: str
    ) -> None:
        """While vectors are computed the same job reads them, afterwards one that follows."""
        monkeypatch.setattr(ingestion_jobs, "_PASSAGES", 1)
        app, uploads = shelf.app, ["rent.txt", "bus.txt"]
        jobs = IngestionJobs(app.jobs, app.libraries, lambda _name: shelf.loaded, app.clock)
        steps: list[str] = []

        class Uploading:
            async def step(self, name: str, action: Any) -> Any:
                result = await action()
                steps.append(name)
                while name == step and uploads:
                    path = uploads.pop()
                    content = BytesIO(f"The {path} is paid in May.".encode())
                    await app.libraries.upload(shelf.loaded, path, content, by="ana")
                    joined = await jobs.start_after_upload(NAME, by="ana")
                    assert isinstance(joined, Job)
                    assert joined.id == job.id
                return result

            async def report(self, _done: int, _total: int | None, _doing: str) -> None:
                pass

        job = await jobs.start(NAME, by="ana")
        result: Any = await jobs._run(Uploading(), job.arguments)
        await app.database.fetch(
            "UPDATE job SET state = 'done', started_at = now(), ended_at = now()"
        )
        await jobs._follow(await app.jobs.job(job.id))
        following = await jobs.current(NAME)
        assert following is not None
        if step == "vectors 1":  # it is read before the other vectors are computed
            assert following.id == job.id
            assert result["read"] == 2
            assert "vectors 1" in steps[steps.index("documents from 1") :]
        else:
            assert (following.id == job.id, result["read"]) == (False, 0)
            await jobs._run(Uploading(), following.arguments)
            await app.database.fetch(
                "UPDATE job SET state = 'done', started_at = now(), ended_at = now()"
            )
            await jobs._follow(await app.jobs.job(following.id))
            assert await jobs.current(NAME) == await app.jobs.job(following.id)
        assert (await shelf.document("bus.txt")).version == 1
        assert (await vectors(shelf).counts(NAME)).lacking == 0

    @pytest.mark.parametrize("kept", [1, 2])
    async def test_a_job_that_goes_on_without_a_model_skips_them_and_says_so(
        self, shelf: Shelf, tmp_path: Path, kept: int
    ) -> None:
        """``kept`` steps for vectors were done by a process that had the model."""
        app = shelf.app
        without = Libraries(app.database, tmp_path, app.ids, app.clock, lambda: None)
        jobs = IngestionJobs(app.jobs, without, lambda _name: shelf.loaded, app.clock)
        before = {"vectors": 3, "vectors 1": 0 if kept == 2 else None}
        told: list[str] = []

        class Resumed:
            async def step(self, name: str, action: Any) -> Any:
                if before.get(name) is not None:
                    return before[name]
                return await action()

            async def report(self, _done: int, _total: int | None, doing: str) -> None:
                told.append(doing)

        arguments: Any = {"use_case": NAME, "by": "ana", "allow_gone": False}
        await jobs._run(Resumed(), arguments)
        assert told[-1].startswith("0 read, 3 unchanged")
        assert "the search by meaning is off now" in told[-1]

    async def test_passages_that_lack_vectors_start_an_ingestion(self, shelf: Shelf) -> None:
        app = shelf.app
        jobs = IngestionJobs(app.jobs, app.libraries, lambda _name: shelf.loaded, app.clock)
        jobs.register()
        first = await jobs.start_if_changed(NAME)
        assert first is not None
        await app.database.fetch(
            "UPDATE job SET state = 'done', started_at = now(), ended_at = now()"
        )
        assert await jobs.start_if_changed(NAME) is not None
        await app.database.fetch(
            "UPDATE job SET state = 'done', started_at = now(), ended_at = now()"
        )
        await vectors(shelf).fill(NAME, 100)
        assert await jobs.start_if_changed(NAME) is None


REGISTERED = (
    "INSERT INTO use_case (name, declaration, coin_seed, registered_at)"
    f" VALUES ('{NAME}', '{{}}', '0', now())"
)


class TestServers:
    """The extension may be missing, refused, or in a schema of somebody else."""

    @pytest.fixture
    def refused(self, server: EmbeddedServer) -> Any:
        """A database of a role that may not create the extension: addresses of role and owner."""
        with empty_database(server) as url:
            with psycopg.connect(url, autocommit=True) as connection:
                row = connection.execute("SELECT current_database()").fetchone()
                assert row is not None
                role = f"limited_{row[0][-8:]}"
                connection.execute(f"CREATE ROLE {role}")
                connection.execute(f"GRANT ALL ON DATABASE {row[0]} TO {role}")
            yield make_conninfo(url, options=f"-c role={role}"), url, role
            with psycopg.connect(url, autocommit=True) as connection:
                connection.execute(f"DROP OWNED BY {role}")
                connection.execute(f"DROP ROLE {role}")

    async def test_a_role_that_may_not_create_it_has_the_newest_schema_without_vectors(
        self, refused: Any
    ) -> None:
        limited, _, _ = refused
        migrations.upgrade(limited)
        async with Database(limited) as database:
            vectors = PassageVectors(database, Concepts)
            assert await vectors.state() is VectorState.NO_EXTENSION
            assert (await vectors.counts(NAME)).model == "concepts"
            assert await vectors.search(NAME, "vacation", groups=(), most=5) == []

    def test_the_doctor_says_what_to_do(self, refused: Any, tmp_path: Path) -> None:
        limited, owner, role = refused
        migrations.upgrade(limited)
        [finding] = [
            item for item in examine(limited, tmp_path, {}) if item.name == "extension vector"
        ]
        assert finding.state == "warning"
        assert "not created" in finding.found
        assert "CREATE EXTENSION vector" in finding.remedy
        with psycopg.connect(owner, autocommit=True) as connection:
            connection.execute("CREATE EXTENSION vector")
            connection.execute(f"GRANT USAGE ON SCHEMA public TO {role}")
        findings = {item.name: item for item in examine(limited, tmp_path, {})}
        assert findings["extension vector"].state == "ok"

    async def test_an_extension_that_is_created_later_is_used(self, refused: Any) -> None:
        limited, owner, role = refused
        migrations.upgrade(limited)
        async with Database(limited) as database:
            vectors = PassageVectors(database, Concepts)
            assert await vectors.state() is VectorState.NO_EXTENSION
            with psycopg.connect(owner, autocommit=True) as connection:
                connection.execute("CREATE SCHEMA add_ons")
                connection.execute("CREATE EXTENSION vector SCHEMA add_ons")
                connection.execute(f"GRANT USAGE ON SCHEMA add_ons TO {role}")
            assert await vectors.state() is VectorState.NO_EXTENSION  # it asks again when it fills
            assert await vectors.state(again=True) is VectorState.READY
            await database.fetch(REGISTERED)
            assert await vectors.fill(NAME, 5) == 0
            assert await vectors.search(NAME, "vacation", groups=(), most=5) == []

    def test_a_backup_has_no_vectors(self, url: str) -> None:
        with psycopg.connect(with_schema(url)) as connection:
            rows = connection.execute(
                "SELECT table_name FROM information_schema.columns"
                " WHERE table_schema = 'roadbed' AND udt_name IN ('vector', 'halfvec')"
            ).fetchall()
        assert rows == []
