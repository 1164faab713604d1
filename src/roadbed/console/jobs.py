"""Long jobs of a use case: those that are not ended with their buttons, then all."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from roadbed.access import by_job, needs
from roadbed.console import chips, formatting, tables
from roadbed.console import export as exports
from roadbed.console.pages import app_of, form_of, person_of, usecase_page
from roadbed.console.tables import Cell, Column, DataTable
from roadbed.exports.model import CellKind
from roadbed.kernel.messages import later
from roadbed.knowledge.ingestion_jobs import KIND as INGESTION
from roadbed.knowledge.ingestion_views import readable_jobs
from roadbed.people.permissions import Permission
from roadbed.work.errors import JobStateError
from roadbed.work.model import Job, JobState

KINDS = formatting.Words({INGESTION: later("Read the documents of the library")})
_VERBS = formatting.Words(
    {
        "pause": later("Pause"),
        "resume": later("Continue"),
        "cancel": later("Cancel the job"),
    }
)
# The states in which a job can be changed in each way.
_FROM = {
    "pause": {JobState.WAITING, JobState.RUNNING},
    "resume": {JobState.PAUSED},
    "cancel": {JobState.WAITING, JobState.RUNNING, JobState.PAUSED},
}


def _what(job: Job) -> str:
    return KINDS.get(job.kind, job.kind)


def _words(job: Job) -> str:
    return formatting.stored(job.reason or job.doing)


TABLE: DataTable[Job] = DataTable(
    name="jobs",
    key=lambda job: job.id,
    link=lambda _job: "",
    sorts=("what", "state", "by", "asked", "ended"),
    sort="-asked",
    columns=(
        Column(name="what", title=later("What"), value=_what),
        Column(
            name="state",
            title=later("State"),
            value=lambda job: chips.JOBS[job.state].word,
            show=lambda job: Cell(chip=chips.JOBS[job.state]),
        ),
        Column(name="progress", title=later("Progress"), value=_words, whole=True),
        Column(name="by", title=later("Asked by"), value=lambda job: job.asked_by),
        Column(
            name="asked", title=later("Since"), kind=CellKind.MOMENT, value=lambda job: job.asked_at
        ),
        Column(
            name="ended", title=later("Ended"), kind=CellKind.MOMENT, value=lambda job: job.ended_at
        ),
        Column(
            name="done",
            title=later("Done"),
            kind=CellKind.WHOLE,
            value=lambda job: job.done,
            shown=False,
        ),
        Column(
            name="total",
            title=later("Of"),
            kind=CellKind.WHOLE,
            value=lambda job: job.total,
            shown=False,
        ),
        Column(name="id", title=later("Id"), value=lambda job: job.id, shown=False),
    ),
)


@needs(Permission.VIEW)
async def jobs(request: Request) -> HTMLResponse:
    """The jobs of a use case."""
    return await _jobs(request, request.path_params["name"])


@needs(Permission.VIEW)
async def export(request: Request) -> Response:
    """The jobs of a view as a file."""
    app, name = app_of(request), request.path_params["name"]
    app.service(name)
    return await exports.export_all(request, TABLE, await _rows(request, name), use_case=name)


@needs(Permission.IMPROVE, by=by_job)
async def change(request: Request) -> Response:
    """Pause, resume or cancel a job; an error is shown on the page of its use case."""
    person, app = person_of(request), app_of(request)
    form = await form_of(request)
    verbs: dict[str, Callable[..., Awaitable[Job]]] = {
        "pause": app.jobs.pause,
        "resume": app.jobs.resume,
        "cancel": app.jobs.cancel,
    }
    job = await app.jobs.job(request.path_params["job_id"])
    verb = verbs.get(form.get("what", ""))
    name = str(job.use_case)  # `by_job` admits no other
    if verb is not None:
        try:
            await partial(verb, job.id)(actor=person)
        except JobStateError as error:
            return await _jobs(request, name, f"{error.problem} {error.remedy}", 409)
    return RedirectResponse(f"/usecases/{quote(name)}/jobs", status_code=303)


async def _rows(request: Request, name: str) -> list[Job]:
    app = app_of(request)
    rows = await app.jobs.list([name])
    return await readable_jobs(app.libraries, rows, viewer=person_of(request))


async def _jobs(
    request: Request, name: str, problem: str | None = None, status: int = 200
) -> HTMLResponse:
    app = app_of(request)
    declared = app.service(name).loaded.declared
    rows = await _rows(request, name)
    view = tables.read(TABLE, request.query_params)
    unfinished = [
        {
            "job": job,
            "what": _what(job),
            "chip": chips.JOBS[job.state],
            "words": _words(job),
            "verbs": [
                (verb, _VERBS[verb]) for verb, states in _FROM.items() if job.state in states
            ],
        }
        for job in rows
        if job.ended_at is None
    ]
    kinds = {job.kind for job in rows if job.state in _FROM["pause"]}
    return await usecase_page(
        request,
        "jobs.html",
        name,
        status,
        problem=problem,
        is_alone=any([not await app.jobs.worked_on(kind) for kind in kinds]),
        library=declared.library is not None,
        unfinished=unfinished,
        failed=bool(rows) and rows[0].state is JobState.FAILED,
        table=tables.shown(
            TABLE,
            view,
            tables.page_of(TABLE, view, rows),
            path=f"/usecases/{quote(name)}/jobs",
            paged=True,
        ),
    )


ROUTES = (
    Route("/usecases/{name}/jobs", jobs),
    Route("/usecases/{name}/jobs/export.{format}", export),
    Route("/jobs/{job_id}", change, methods=["POST"]),
)
