"""Ingestion as a job: killed, paused, restored and asked for by changed folders."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest

from roadbed.app import App
from roadbed.background import relaying
from roadbed.bootstrap import open_app
from roadbed.cli.document_texts import ingestion_text
from roadbed.kernel.settings import Settings
from roadbed.knowledge.errors import LibraryUnavailableError, NoLibraryError
from roadbed.knowledge.ingestion_jobs import KIND
from roadbed.recovery.backup import back_up
from roadbed.recovery.restore import restore
from roadbed.storage.embedded import EmbeddedServer
from roadbed.storage.errors import StorageUnavailableError
from roadbed.work.model import Job, JobState
from tests.browsing import browsing
from tests.conftest import Folders, Site
from tests.databases import database, empty_database

HANDBOOK = """
from pydantic import BaseModel
from roadbed import DIRECT, Answer, Pod, UseCase
from roadbed.usecases.library import Library

class Question(BaseModel):
    question: str

class Reply(BaseModel):
    answer: str

usecase = UseCase(
    "handbook", purpose="Answer questions about the handbook", input=Question, output=Reply,
    pod=Pod(domain_lead="ana", engineer="ben", data_specialist="chi", risk_partner="dev"),
    risk_limit=0.02, examples_are_random_sample=True, rollout=DIRECT, library=Library(),
)

@usecase.decider
def decide(question, context):
    return Answer(output=Reply(answer="yes"), confidence=0.9)
"""
FILES = 60


@pytest.fixture
def documents(folders: Folders) -> Path:
    """The folder of a library with 60 documents."""
    folder = folders.parent / "handbook"
    (folder / "documents").mkdir(parents=True)
    (folder / "usecase.py").write_text(HANDBOOK)
    for number in range(FILES):
        write(folder / "documents", number, "three signatures")
    return folder / "documents"


@pytest.fixture
async def library(settings: Settings, documents: Path, url: str) -> AsyncIterator[App]:
    assert documents.name
    async with open_app(settings, url) as opened:
        yield opened


def write(folder: Path, number: int, needed: str) -> None:
    text = f"# Rule {number}\n\nA trip of {number} days needs {needed}.\n"
    (folder / f"rule-{number:02}.md").write_text(text)


def environment(settings: Settings, url: str) -> dict[str, str]:
    return {
        **os.environ,
        "ROADBED_DATABASE_URL": url,
        "ROADBED_USECASES": str(settings.usecases),
        "ROADBED_HOME": str(settings.home),
        "ROADBED_AUDIT_DIR": str(settings.audit_dir),
        "ROADBED_ISOLATION": "none",
    }


@asynccontextmanager
async def process(
    settings: Settings, url: str, *arguments: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "roadbed", *arguments),
        env=environment(settings, url),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield child
    finally:
        if child.returncode is None:
            child.kill()
        await child.communicate()


async def typed(settings: Settings, url: str, *arguments: str) -> tuple[str, str]:
    """What a command prints, and says on standard error."""
    async with process(settings, url, *arguments) as child:
        printed, told = await child.communicate()
    assert child.returncode == 0, told.decode()
    return printed.decode(), told.decode()


async def until(app: App, holds: Callable[[Job], bool]) -> Job:
    """The newest ingestion as soon as something holds of it."""
    async with asyncio.timeout(60):
        while True:
            job = await app.jobs.newest(KIND, "handbook")
            if job is not None and holds(job):
                return job
            await asyncio.sleep(0.01)


@asynccontextmanager
async def held(app: App) -> AsyncIterator[Job]:
    """An ingestion that cannot store another document meanwhile: some are stored, some are not."""
    await until(app, lambda job: job.ended_at is None and job.done > 4)
    connection = await psycopg.AsyncConnection.connect(app.database.url)
    async with connection:
        await connection.execute("LOCK TABLE document IN SHARE MODE")
        job = await app.jobs.newest(KIND, "handbook")
        assert job is not None
        assert job.done < FILES
        yield job
        await connection.rollback()


def is_ended(job: Job) -> bool:
    return job.ended_at is not None


async def until_worked_on(app: App, expected: bool) -> None:
    async with asyncio.timeout(30):
        while await app.jobs.worked_on(KIND) is not expected:  # noqa: ASYNC110 - of the database
            await asyncio.sleep(0.05)


async def answered(app: App) -> Job:
    """The ingestion once it is ended, over a restart of the database."""
    while True:
        with suppress(StorageUnavailableError):
            return await until(app, is_ended)
        await asyncio.sleep(0.1)


async def versions(app: App) -> dict[str, int]:
    """How many versions each document has."""
    rows = await app.database.fetch(
        "SELECT path, count(v.id) AS n FROM document d LEFT JOIN document_version v "
        "ON v.document_id = d.id GROUP BY path"
    )
    return {row["path"]: row["n"] for row in rows}


def each_once() -> dict[str, int]:
    return {f"rule-{number:02}.md": 1 for number in range(FILES)}


async def test_a_killed_worker_is_replaced_and_no_document_is_read_twice(
    library: App, settings: Settings, url: str
) -> None:
    async with process(settings, url, "worker") as first:
        async with held(library) as job:
            first.kill()
            await first.wait()
        assert (await library.jobs.job(job.id)).state is JobState.RUNNING
        async with process(settings, url, "worker"):
            ended = await until(library, is_ended)
    assert (ended.id, ended.state) == (job.id, JobState.DONE)
    result: Any = ended.result
    assert (result["read"], result["unreadable"]) == (FILES, [])
    assert (ended.done, ended.total) == (FILES, FILES)
    assert await versions(library) == each_once()


async def read_earlier(app: App) -> None:
    """Let all documents be read by an earlier reading, which tore a number in half of them."""
    async with app.database.transaction() as connection:
        for statement in (
            "UPDATE document SET reading = 0",
            "UPDATE document_version SET reading = 0",
            """UPDATE document_part SET text = replace(text, 'three', 'thr ee') WHERE version_id IN
               (SELECT version_id FROM document_part ORDER BY text LIMIT 30)""",
        ):
            await connection.execute(statement)


async def test_a_killed_worker_is_replaced_and_no_document_is_read_again_twice(
    library: App, settings: Settings, url: str
) -> None:
    async with process(settings, url, "worker"):
        await until(library, is_ended)
    await read_earlier(library)
    job = await library.ingestion_jobs.start("handbook", by="ana")
    async with process(settings, url, "worker") as first:
        async with held(library) as going:
            assert "because reading improved" in going.doing
            first.kill()
            await first.wait()
        async with process(settings, url, "worker"):
            ended = await until(library, is_ended)
    assert (ended.id, going.id, ended.state) == (job.id, job.id, JobState.DONE)
    result: Any = ended.result
    assert (result["reread"], result["improved"], result["unchanged"]) == (FILES, 30, 30)
    assert (result["read"], result["unreadable"], ended.done) == (0, [], FILES)
    assert ended.doing.startswith("0 read, 30 unchanged, 0 moved, 0 gone, 0 cannot be read. ")
    assert "60 read again, because reading improved, 30 of them with another text" in ended.doing
    assert sorted((await versions(library)).values()) == [1] * 30 + [2] * 30


async def test_a_job_that_two_processes_ran_says_all_that_it_did(
    library: App, settings: Settings, url: str
) -> None:
    """The first process loses its locks, and so the job, but not its life: it reads on."""
    async with relaying(library), AsyncExitStack() as stack:
        async with held(library) as job:
            [first] = await holders(library, job.id)
            await library.database.fetch("SELECT pg_terminate_backend(%(pid)s)", {"pid": first})
            # It lives on: whichever of the two has the job ends it.
            await stack.enter_async_context(process(settings, url, "worker"))
            async with asyncio.timeout(30):
                while await holders(library, job.id) in ([], [first]):  # noqa: ASYNC110 - of the database
                    await asyncio.sleep(0.05)
        ended = await until(library, is_ended)
    result: Any = ended.result
    assert (ended.id, ended.state, result["read"]) == (job.id, JobState.DONE, FILES)
    assert (ended.done, ended.total) == (FILES, FILES)
    assert await versions(library) == each_once()


async def test_the_api_pauses_and_resumes_and_the_terminal_cancels(
    documents: Path, site: Site, settings: Settings, url: str
) -> None:
    async with relaying(site.app):
        async with held(site.app) as job:
            paused = await site.reviewer.post(f"/jobs/{job.id}/pause")
            assert paused.json()["job"]["state"] == "paused"
        await asyncio.sleep(2)
        assert 4 < len(await versions(site.app)) < FILES
        assert (await site.reviewer.post(f"/jobs/{job.id}/pause")).json()["code"] == "job_state"
        assert (await site.reviewer.post(f"/jobs/{job.id}/resume")).status_code == 200
        assert (await until(site.app, is_ended)).state is JobState.DONE
        assert await versions(site.app) == each_once()

        for number in range(FILES):
            write(documents, number, "no signature")
        again = await site.app.ingestion_jobs.start("handbook", by="ana")
        async with held(site.app):
            printed, _told = await typed(settings, url, "jobs", "cancel", again.id, "--json")
        assert json.loads(printed)["job"]["state"] == "cancelled"
        await asyncio.sleep(2)
    read = (await versions(site.app)).values()
    assert set(read) == {1, 2}
    listed = (await site.reviewer.get("/jobs", params={"usecase": "handbook"})).json()["jobs"]
    assert [job["state"] for job in listed] == ["cancelled", "done"]
    assert (await site.reviewer.get(f"/jobs/{job.id}")).json()["job"]["result"]["read"] == FILES


async def test_the_page_of_a_use_case_shows_its_jobs_with_their_buttons(
    documents: Path, folders: Folders, site: Site
) -> None:
    async with browsing(site, "ana") as browser:
        empty = await browser.get("/usecases/handbook/jobs")
        assert "roadbed documents ingest handbook" in empty.text
        assert "/usecases/handbook/jobs" in (await browser.get("/usecases/handbook/halt")).text
        job = await site.app.ingestion_jobs.start("handbook", by="ana")
        page = await browser.get("/usecases/handbook/jobs")
        assert "1 job is not ended." in page.text
        assert "It did not begin yet." in page.text
        alone = [page, await browser.get("/usecases/handbook/documents")]
        assert all("No process takes jobs at the moment." in shown.text for shown in alone)
        paused = await browser.post(f"/jobs/{job.id}", data={"what": "pause"})
        assert "paused" in paused.text
        assert "Continue" in paused.text
        assert "No process takes jobs" not in paused.text
        refused = await browser.post(f"/jobs/{job.id}", data={"what": "pause"})
        assert (refused.status_code, "is paused" in refused.text) == (409, True)
        await browser.post(f"/jobs/{job.id}", data={"what": "cancel"})
        ended = await browser.get("/usecases/handbook/jobs")
        assert "No job is under way." in ended.text
        exported = await browser.get("/usecases/handbook/jobs/export.csv")
        assert "cancelled" in exported.text
        offered = await browser.get("/palette", params={"q": "handbook jobs"})
        assert "/usecases/handbook/jobs" in offered.text
    async with browsing(site, "dev") as browser:
        await site.app.ingestion_jobs.start("handbook", by="ana")
        page = await browser.get("/usecases/handbook/jobs")
        assert 'value="pause"' not in page.text


async def test_without_library_or_jobs_there_is_no_page_and_no_kind(site: Site) -> None:
    async with relaying(site.app):
        await asyncio.sleep(1.5)
        assert not site.app.jobs.kinds
        async with browsing(site, "ana") as browser:
            assert "/usecases/triage/jobs" not in (await browser.get("/usecases/triage/halt")).text


async def test_a_restart_of_the_database_interrupts_no_ingestion(
    documents: Path, settings: Settings, server: EmbeddedServer, tmp_path: Path
) -> None:
    own = EmbeddedServer(server.home.with_name(f"{server.home.name}-own"))
    own.start()
    try:
        with database(own) as url:
            async with open_app(settings, url) as app, relaying(app):
                await until(app, lambda job: job.done > 4)
                await asyncio.to_thread(own.stop)
                await asyncio.to_thread(own.start)
                job = await answered(app)
                assert job.state is JobState.DONE
                assert await versions(app) == each_once()
    finally:
        own.stop()
        await asyncio.to_thread(shutil.rmtree, own.home, ignore_errors=True)


async def test_a_restored_copy_runs_nothing_before_it_is_declared(
    library: App, settings: Settings, server: EmbeddedServer, tmp_path: Path
) -> None:
    target = tmp_path / "a.backup"
    await library.members.add("ana", by="test", admin=True)
    async with relaying(library):
        async with held(library) as job:
            await back_up(library.database.url, library.audit, library.clock, target)
        await until(library, is_ended)
    with empty_database(server) as copy:
        assert settings.audit_dir is not None
        await asyncio.to_thread(
            restore, copy, settings.audit_dir, target, replace=False, unverified=True
        )
        async with open_app(settings, copy) as app, relaying(app):
            copied, stored = await app.jobs.job(job.id), await versions(app)
            await asyncio.sleep(2)
            assert copied.state is JobState.RUNNING
            assert await app.jobs.job(job.id) == copied
            assert await versions(app) == stored
            assert not app.jobs.kinds
            await app.recovery.declare(by="ana", reason="the disk broke")
            ended = await until(app, is_ended)
            assert (ended.id, ended.state) == (job.id, JobState.DONE)
            assert await versions(app) == each_once()


async def test_the_terminal_reads_the_documents_itself_where_nobody_else_does(
    library: App, settings: Settings, url: str
) -> None:
    printed, told = await typed(settings, url, "documents", "ingest", "handbook")
    assert "60 read, 0 unchanged" in printed
    assert "No running Roadbed takes jobs" in told
    assert await versions(library) == each_once()
    async with relaying(library):
        await until_worked_on(library, True)
        printed, told = await typed(settings, url, "documents", "ingest", "handbook")
        assert "0 read, 60 unchanged" in printed
        assert "A running Roadbed does it" in told
    await until_worked_on(library, False)


async def test_a_changed_folder_asks_for_an_ingestion(library: App, documents: Path) -> None:
    start = library.ingestion_jobs.start_if_changed
    first = await start("handbook")
    assert first is not None
    assert first.asked_by == "roadbed"
    assert await start("handbook") is None
    assert (await library.ingestion_jobs.start("handbook", by="ana")).id == first.id
    await library.jobs.cancel(first.id, actor="ana")
    assert await start("handbook") is None
    (documents / "~$lock.docx").write_text("of a program")
    assert await start("handbook") is None
    write(documents, 3, "many signatures")
    second = await start("handbook")
    assert second is not None
    assert second.id != first.id


async def test_a_folder_that_is_gone_is_an_error_and_no_job(
    library: App, documents: Path, folders: Folders
) -> None:
    documents.rename(documents.with_name("away"))  # noqa: ASYNC240 - nothing else runs
    with pytest.raises(LibraryUnavailableError):
        await library.ingestion_jobs.start_if_changed("handbook")
    assert await library.jobs.newest(KIND, "handbook") is None


async def test_a_use_case_without_a_library_has_no_ingestion(app: App) -> None:
    with pytest.raises(NoLibraryError):
        await app.ingestion_jobs.start("triage", by="ana")


async def locks(app: App) -> int:
    """How many locks of sessions are held in the database."""
    row = await app.database.fetch_one(
        "SELECT count(*) AS n FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 1 AND "
        "database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    )
    assert row is not None
    return int(row["n"])


async def holders(app: App, job_id: str) -> list[int]:
    """The sessions of the database that hold the lock of a job."""
    rows = await app.database.fetch(
        "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 1 "
        "AND (classid::bigint << 32 | objid::bigint) = hashtextextended(%(job)s, 15)",
        {"job": job_id},
    )
    return [row["pid"] for row in rows]


async def test_nothing_is_left_when_a_process_ends(library: App) -> None:
    before = set(threading.enumerate())
    async with relaying(library):
        await until(library, is_ended)
    left = {thread.name for thread in set(threading.enumerate()) - before}
    assert not {name for name in left if "dbos" in name.lower() or "queue" in name.lower()}
    async with asyncio.timeout(30):
        while await locks(library):  # noqa: ASYNC110 - the server ends a session a moment later
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("statement", ["import roadbed", "import roadbed.cli.main", "import HELP"])
async def test_what_only_asks_does_not_import_what_runs_jobs(statement: str) -> None:
    heavy = "{'dbos', 'tantivy', 'xberg', 'sqlalchemy'}"
    if statement == "import HELP":
        statement = (
            "import sys; sys.argv = ['roadbed', '--help']\n"
            "from roadbed.cli.main import run\n"
            "try:\n    run()\nexcept SystemExit:\n    pass"
        )
    program = f"{statement}\nimport sys\nassert not {heavy} & set(sys.modules)"
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, stdout=asyncio.subprocess.DEVNULL
    )
    assert await child.wait() == 0


def test_the_terminal_names_what_was_left_out_and_what_still_cannot_be_read() -> None:
    counts: Any = {
        "read": 0,
        "unchanged": 87,
        "moved": 0,
        "gone": 0,
        "ignored": 7,
        "unreadable": [],
    }
    left_out = {"patterns": 1, "links": 5, "special": 1, "duplicates": 0}
    result: Any = {**counts, "left_out": left_out, "still_unreadable": 34, "with_findings": 3}
    told = ingestion_text("handbook", result)
    assert "1 left out by a pattern, 5 links that are not followed, 1 pipes" in told
    assert "34 of the unchanged ones cannot be read" in told
    assert "`roadbed documents list handbook --unreadable` names them." in told
    assert "3 of those that were read have findings; `roadbed documents list handbook" in told
    earlier = ingestion_text("handbook", counts)  # the result of a job of an earlier release
    assert earlier.endswith("0 gone, 7 left out by a pattern")
