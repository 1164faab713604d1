"""The timeline of a use case over HTTP."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from roadbed.access import needs
from roadbed.api.deps import app_of, as_json, person_of, usecase_of
from roadbed.insight.stage_clock import chart_of
from roadbed.people.permissions import Permission

router = APIRouter()


@router.get("/usecases/{name}/timeline")
@needs(Permission.VIEW)
async def timeline(name: str, request: Request) -> Response:
    """Stages and waits with their dates, against 14 days to a proof and 8 weeks to production."""
    person_of(request)
    usecase_of(request, name)
    app = app_of(request)
    stages = await app.stage_clock.timeline(name)
    return as_json({**chart_of(stages, app.clock.now()).facts, "timeline": stages, "road": stages})
