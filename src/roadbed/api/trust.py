"""The guarantee of a use case over HTTP."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from roadbed.access import needs
from roadbed.api.deps import app_of, as_json, readable_of, usecase_of
from roadbed.people.permissions import Permission

router = APIRouter()


@router.get("/usecases/{name}/trust")
@needs(Permission.VIEW)
async def trust(name: str, request: Request) -> Response:
    """The guarantee, its evidence, and the conditions that would end it."""
    usecase_of(request, name)
    app = app_of(request)
    return as_json(
        await readable_of(request).trust(await app.reports.report(app.deployments.get(name)))
    )
