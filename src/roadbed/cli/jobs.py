"""``jobs``: long jobs, how far they are, and their pause, resume and cancellation."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated

import typer

from roadbed.cli.identity import me
from roadbed.cli.output import Json, opened, run, show, tell
from roadbed.cli.usage import Verbs
from roadbed.kernel.terminal import one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from roadbed.app import App
    from roadbed.work.model import Job

app = typer.Typer(
    cls=Verbs,
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Long jobs, such as reading the documents of a library.",
)
JobId = Annotated[str, typer.Argument(metavar="JOB", help="The job's id.")]
_LOOK_SECONDS = 0.25
_TOLD_SECONDS = 1.0, 10.0  # between two lines of progress: on a terminal, and elsewhere
_ALONE_SECONDS = 5.0  # without a process that runs jobs: it may be starting again


@app.command("list")
def list_(
    usecase: Annotated[
        str | None, typer.Argument(metavar="USECASE", help="Only those of this use case.")
    ] = None,
    json: Json = False,
) -> None:
    """List the newest jobs."""

    async def work() -> Sequence[Job]:
        async with opened(only=[]) as services:
            return await services.jobs.list(None if usecase is None else [usecase])

    jobs = run(work())
    show(
        {"jobs": jobs},
        as_json=json,
        text=lambda: "\n".join(map(_line, jobs)) or "There are no jobs.",
    )


@app.command("show")
def show_job(job_id: JobId, json: Json = False) -> None:
    """Show one job."""

    async def work() -> Job:
        async with opened(only=[]) as services:
            return await services.jobs.job(job_id)

    _show(run(work()), as_json=json)


@app.command()
def pause(job_id: JobId, json: Json = False) -> None:
    """Begin no further step of a job. The step in progress ends first."""

    async def work() -> Job:
        async with opened(only=[]) as services:
            return await services.jobs.pause(job_id, actor=me())

    _show(run(work()), as_json=json)


@app.command()
def resume(job_id: JobId, json: Json = False) -> None:
    """Continue a paused job after its last finished step."""

    async def work() -> Job:
        async with opened(only=[]) as services:
            return await services.jobs.resume(job_id, actor=me())

    _show(run(work()), as_json=json)


@app.command()
def cancel(job_id: JobId, json: Json = False) -> None:
    """End a job for good. What its finished steps did stays done."""

    async def work() -> Job:
        async with opened(only=[]) as services:
            return await services.jobs.cancel(job_id, actor=me())

    _show(run(work()), as_json=json)


async def done(start: Callable[[App], Awaitable[Job]], usecase: str, *, quiet: bool) -> Job:
    """Start a job of a use case and wait until it is done; gives it with its result.

    A process that runs jobs does it. If there is none, or it ends, this process does it itself, and
    says so. Raises ``JobFailedError`` if the job fails, is paused or is cancelled, and
    ``RestoreUndeclaredError`` in a copy of the database that waits to be declared.
    """
    async with opened(only=[usecase]) as services:
        job = await start(services)
        progress = _Progress(quiet=quiet)
        if await services.jobs.worked_on(job.kind):
            progress.tell(f"A running Roadbed does it as {job.id}. Ctrl-C ends only this command.")
            if await _followed(services, job.id, progress):
                return await _result(services, job.id)
    # A process that runs jobs takes those of every use case.
    async with opened(only=None) as services:
        progress.tell(f"No running Roadbed takes jobs: this command does {job.id} itself.")
        await _run_here(services, job.id, progress)
        return await _result(services, job.id)


class _Progress:
    """The lines about a job on standard error."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._told_at = float("-inf")
        self._told = ""

    def tell(self, text: str) -> None:
        if not self._quiet:
            tell(text)

    def about(self, job: Job) -> None:
        now = asyncio.get_running_loop().time()
        wait = _TOLD_SECONDS[0 if sys.stderr.isatty() else 1]
        if job.doing != self._told and now - self._told_at >= wait:
            self._told, self._told_at = job.doing, now
            self.tell(one_line(job.doing))


async def _followed(services: App, job_id: str, progress: _Progress) -> bool:
    """Wait for a job; false as soon as no process runs jobs of its kind any more."""
    loop = asyncio.get_running_loop()
    worked_at = loop.time()
    while not _settled(job := await services.jobs.job(job_id)):
        progress.about(job)
        if await services.jobs.worked_on(job.kind):
            worked_at = loop.time()
        elif loop.time() - worked_at > _ALONE_SECONDS:
            return False
        await asyncio.sleep(_LOOK_SECONDS)
    return True


async def _run_here(services: App, job_id: str, progress: _Progress) -> None:
    from roadbed.halts.errors import RestoreUndeclaredError
    from roadbed.work.engine import Engine

    if services.recovery.standing is not None:
        raise RestoreUndeclaredError
    services.ingestion_jobs.register()
    engine = asyncio.create_task(Engine(services.database, services.jobs, services.clock).run())
    try:
        while not _settled(job := await services.jobs.job(job_id)):
            progress.about(job)
            await asyncio.wait([engine], timeout=_LOOK_SECONDS)
            if engine.done():
                engine.result()
    finally:
        engine.cancel()
        with suppress(asyncio.CancelledError):
            await engine


def _settled(job: Job) -> bool:
    """Whether a job does not go on by itself."""
    return job.ended_at is not None or job.state == "paused"


async def _result(services: App, job_id: str) -> Job:
    from roadbed.kernel.sentences import sentence
    from roadbed.work.errors import JobFailedError

    job = await services.jobs.job(job_id)
    if job.state != "done":
        raise JobFailedError(job_id, job.reason or sentence("it is %(state)s.", state=job.state))
    return job


def _show(job: Job, *, as_json: bool) -> None:
    show({"job": job}, as_json=as_json, text=lambda: "\n".join(_lines(job)))


def _line(job: Job) -> str:
    parts = [job.id, job.state, f"{job.kind} of {job.use_case}" if job.use_case else job.kind]
    parts += [one_line(text) for text in (job.reason or job.doing,) if text]
    return " · ".join([*parts, f"asked by {job.asked_by}, {job.asked_at:%Y-%m-%d %H:%M} UTC"])


def _lines(job: Job) -> Sequence[str]:
    lines = [_line(job)]
    if job.total is not None:
        lines.append(f"Done: {job.done:,} of {job.total:,}")
    for name, moment in (("Started", job.started_at), ("Ended", job.ended_at)):
        if moment is not None:
            lines.append(f"{name}: {moment:%Y-%m-%d %H:%M:%S} UTC")
    return lines
