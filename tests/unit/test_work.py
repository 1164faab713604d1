"""Long jobs on a real database, in this process and in others that are killed."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from roadbed.kernel.clock import SystemClock
from roadbed.kernel.ids import Ids
from roadbed.storage.database import Database
from roadbed.work.engine import Engine
from roadbed.work.errors import JobStateError, UnknownJobError
from roadbed.work.model import Job, JobState
from roadbed.work.service import Jobs, working_lock
from tests.unit.work_program import counting


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    async with Database(url) as opened:
        yield opened


@pytest.fixture
def jobs(database: Database) -> Jobs:
    return Jobs(database, Ids(SystemClock()), SystemClock())


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log"


@asynccontextmanager
async def running(database: Database, jobs: Jobs, log: Path) -> AsyncIterator[None]:
    if not jobs.kinds:
        jobs.register(counting(log))
    task = asyncio.create_task(Engine(database, jobs, SystemClock(), sweep_seconds=0.5).run())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@asynccontextmanager
async def process(url: str, log: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    program = [sys.executable, "-m", "tests.unit.work_program", url, str(log)]
    child = await asyncio.create_subprocess_exec(*program)
    try:
        yield child
    finally:
        if child.returncode is None:
            child.kill()
        await child.wait()


async def until(jobs: Jobs, job_id: str, holds: Callable[[Job], bool]) -> Job:
    async with asyncio.timeout(20):
        while not holds(job := await jobs.job(job_id)):  # noqa: ASYNC110 - of the database
            await asyncio.sleep(0.05)
    return job


async def until_written(log: Path, text: str) -> None:
    async with asyncio.timeout(20):
        while text not in written(log):  # noqa: ASYNC110 - another process writes
            await asyncio.sleep(0.02)


def written(log: Path) -> str:
    return log.read_text() if log.exists() else ""


def steps(log: Path) -> list[int]:
    return [int(line.split()[0]) for line in written(log).splitlines()]


def held(log: Path, step: int) -> Path:
    """The file that holds a step back while it exists."""
    hold = log.parent / f"hold-{step}"
    hold.touch()
    return hold


def ended(job: Job) -> bool:
    return job.ended_at is not None


async def test_a_key_has_one_unfinished_job(jobs: Jobs) -> None:
    first = await jobs.start("counting", {"steps": 1}, key="a", actor="ann")
    again = await jobs.start("counting", {"steps": 9}, key="a", actor="bob")
    other = await jobs.start("counting", {"steps": 1}, key="b", actor="ann")
    assert first == again
    assert first.state is JobState.WAITING
    assert [job.id for job in await jobs.list()] == [other.id, first.id]
    await jobs.cancel(first.id, actor="ann")
    assert (await jobs.start("counting", {"steps": 1}, key="a", actor="ann")).id != first.id


async def test_what_pages_show_of_unfinished_jobs_changes_with_their_progress(
    database: Database, jobs: Jobs
) -> None:
    job = await jobs.start("count", {}, key="a", actor="ana")
    looks = [await jobs.unfinished()]
    await database.fetch(
        "UPDATE job SET state = 'running', done = 1, doing = 'One.' WHERE id = %(id)s RETURNING id",
        {"id": job.id},
    )
    looks.append(await jobs.unfinished())
    async with database.transaction() as connection:
        lock = {"lock": working_lock("count")}
        await connection.execute(
            "SELECT pg_advisory_xact_lock_shared(hashtextextended(%(lock)s, 15))", lock
        )
        looks.append(await jobs.unfinished())
    assert [look[job.id][0] for look in looks] == [None] * 3
    assert len({look[job.id][1] for look in looks}) == 3
    await jobs.cancel(job.id, actor="ana")
    assert await jobs.unfinished() == {}


async def test_an_ended_job_cannot_change(jobs: Jobs) -> None:
    job = await jobs.start("counting", {"steps": 1}, key="a", actor="ann")
    with pytest.raises(JobStateError):
        await jobs.resume(job.id, actor="ann")
    await jobs.cancel(job.id, actor="ann")
    for verb in (jobs.pause, jobs.resume, jobs.cancel):
        with pytest.raises(JobStateError):
            await verb(job.id, actor="ann")
    with pytest.raises(UnknownJobError):
        await jobs.job("job_none")


async def test_a_job_runs_its_steps_and_keeps_the_result(
    database: Database, jobs: Jobs, log: Path
) -> None:
    before = set(threading.enumerate())
    async with running(database, jobs, log):
        started = await jobs.start("counting", {"steps": 3}, key="a", actor="ann")
        job = await until(jobs, started.id, ended)
    assert (job.state, job.result, job.done, job.total) == (JobState.DONE, {"total": 3}, 3, 3)
    assert job.doing == "counted 2"
    assert steps(log) == [0, 1, 2]
    left = {thread.name for thread in set(threading.enumerate()) - before}
    assert not {name for name in left if "dbos" in name or "queue" in name}


async def test_a_failure_has_its_reason(database: Database, jobs: Jobs, log: Path) -> None:
    async with running(database, jobs, log):
        started = await jobs.start("counting", {"steps": 3, "fails": 1}, key="a", actor="ann")
        job = await until(jobs, started.id, ended)
    assert (job.state, job.reason) == (JobState.FAILED, "step 1 cannot be done")
    assert steps(log) == [0]


async def test_a_paused_job_continues_and_a_cancelled_one_does_not(
    database: Database, jobs: Jobs, log: Path
) -> None:
    hold = held(log, 1)
    async with running(database, jobs, log):
        job = await jobs.start("counting", {"steps": 4}, key="a", actor="ann")
        await until_written(log, "1 ")
        await jobs.pause(job.id, actor="ann")
        hold.unlink()
        await asyncio.sleep(2)
        assert 2 not in steps(log)
        await jobs.resume(job.id, actor="ann")
        assert (await until(jobs, job.id, ended)).state is JobState.DONE
        assert steps(log).count(0) == 1
        first = len(written(log).splitlines())
        held(log, 1)
        other = await jobs.start("counting", {"steps": 4}, key="b", actor="ann")
        async with asyncio.timeout(20):
            while 1 not in steps(log)[first:]:  # noqa: ASYNC110 - another loop writes
                await asyncio.sleep(0.02)
        await jobs.cancel(other.id, actor="ann")
        hold.unlink()
        await asyncio.sleep(2)
        assert 2 not in steps(log)[first:]
    assert (await jobs.job(other.id)).state is JobState.CANCELLED


async def test_a_killed_job_continues_in_another_process(url: str, jobs: Jobs, log: Path) -> None:
    hold = held(log, 2)
    job = await jobs.start("counting", {"steps": 5}, key="a", actor="ann")
    async with process(url, log) as first:
        await until_written(log, "2 ")
        async with process(url, log) as second:
            await asyncio.sleep(3)  # the second sees it, and leaves it alone
            assert steps(log) == [0, 1, 2]
            first.kill()
            await first.wait()
            hold.unlink()
            finished = await until(jobs, job.id, ended)
            assert f"4 {second.pid}" in written(log)
    assert (finished.state, finished.result) == (JobState.DONE, {"total": 10})
    assert steps(log) == [0, 1, 2, 2, 3, 4]


async def test_what_follows_a_job_is_done_after_its_end_also_if_the_process_is_killed(
    url: str, jobs: Jobs, log: Path
) -> None:
    after, hold = log.with_name("after"), log.with_name("hold-after")
    hold.touch()
    job = await jobs.start("counting", {"steps": 1}, key="a", actor="ann")
    async with process(url, log) as first:
        await until_written(after, job.id)
        assert (await jobs.job(job.id)).state is JobState.DONE
        first.kill()
        await first.wait()
    hold.unlink()
    async with process(url, log) as second:
        await until_written(after, f"{second.pid}")
    assert written(after).splitlines() == [
        f"{job.id} done {first.pid}",
        f"{job.id} done {second.pid}",
    ]
    assert steps(log) == [0]


async def test_nothing_follows_a_job_that_failed(database: Database, jobs: Jobs, log: Path) -> None:
    async with running(database, jobs, log):
        failed = await jobs.start("counting", {"steps": 2, "fails": 1}, key="a", actor="ann")
        await until(jobs, failed.id, ended)
        done = await jobs.start("counting", {"steps": 1}, key="a", actor="ann")
        await until_written(log.with_name("after"), done.id)
    assert failed.id not in written(log.with_name("after"))


async def test_a_job_is_done_even_if_what_follows_it_fails(
    database: Database, jobs: Jobs, log: Path
) -> None:
    log.with_name("fail-after").touch()
    async with running(database, jobs, log):
        first = await jobs.start("counting", {"steps": 1}, key="a", actor="ann")
        await until_written(log.with_name("after"), first.id)
        log.with_name("fail-after").unlink()
        second = await jobs.start("counting", {"steps": 1}, key="a", actor="ann")
        await until_written(log.with_name("after"), second.id)
    assert [(await jobs.job(one.id)).state for one in (first, second)] == [JobState.DONE] * 2
    assert written(log.with_name("after")).count(first.id) == 1
