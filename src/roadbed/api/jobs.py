"""Long jobs over HTTP: how far they are, and their pause, resume and cancellation."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from roadbed.access import by_job, listing, needs, viewer_of
from roadbed.api.deps import app_of, as_json, person_of
from roadbed.knowledge.ingestion_views import readable_jobs
from roadbed.people.permissions import Permission
from roadbed.work.model import Job

router = APIRouter()


@router.get("/jobs")
@needs(Permission.VIEW, by=listing)
async def jobs(
    request: Request, usecase: Annotated[str | None, Query(max_length=80)] = None
) -> Response:
    """The newest 200 jobs, of one use case or of all that you see."""
    app = app_of(request)
    names = viewer_of(request).visible(app.deployments.names())
    wanted = [name for name in names if usecase in (None, name)]
    rows = await app.jobs.list(wanted)
    return as_json({"jobs": await readable_jobs(app.libraries, rows, viewer=person_of(request))})


@router.get("/jobs/{job_id}")
@needs(Permission.VIEW, by=by_job)
async def job(job_id: str, request: Request) -> Response:
    """One job: its state, how far it is, and the result once it is done."""
    return await _shown(request, await app_of(request).jobs.job(job_id))


@router.post("/jobs/{job_id}/pause")
@needs(Permission.IMPROVE, by=by_job)
async def pause(job_id: str, request: Request) -> Response:
    """Begin no further step. The step in progress ends first."""
    job = await app_of(request).jobs.pause(job_id, actor=person_of(request))
    return await _shown(request, job)


@router.post("/jobs/{job_id}/resume")
@needs(Permission.IMPROVE, by=by_job)
async def resume(job_id: str, request: Request) -> Response:
    """Continue a paused job after its last finished step."""
    job = await app_of(request).jobs.resume(job_id, actor=person_of(request))
    return await _shown(request, job)


@router.post("/jobs/{job_id}/cancel")
@needs(Permission.IMPROVE, by=by_job)
async def cancel(job_id: str, request: Request) -> Response:
    """End a job for good. What its finished steps did stays done."""
    job = await app_of(request).jobs.cancel(job_id, actor=person_of(request))
    return await _shown(request, job)


async def _shown(request: Request, job: Job) -> Response:
    """A job as the person may see it."""
    libraries = app_of(request).libraries
    [shown] = await readable_jobs(libraries, [job], viewer=person_of(request))
    return as_json({"job": shown})
