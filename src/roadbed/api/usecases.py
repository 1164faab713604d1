"""Use cases, what is proven about them, and their versions over HTTP."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from roadbed.api.deps import app_of, as_json, person_of, usecase_of
from roadbed.releases.model import declaration

router = APIRouter()


@router.get("/usecases")
async def usecases(request: Request) -> Response:
    """The use cases served here, and those whose folder cannot be loaded, with the reason."""
    person_of(request)
    app = app_of(request)
    return as_json(
        {
            "usecases": [
                {"name": name, "purpose": app.registry.get(name).loaded.declared.purpose}
                for name in app.registry.names()
            ],
            "broken": [
                {"folder": folder, "problem": str(error)} for folder, error in app.broken.items()
            ],
        }
    )


@router.get("/usecases/{name}")
async def usecase(name: str, request: Request) -> Response:
    """What the pod declared, and the figures of now."""
    person_of(request)
    declared = usecase_of(request, name)
    app = app_of(request)
    overview = await app.monitoring.overview(declared, halted=app.registry.get(name).halted)
    return as_json({"declaration": declaration(declared), "overview": overview})


@router.get("/usecases/{name}/trust")
async def trust(name: str, request: Request) -> Response:
    """What is promised, on what evidence, and what would end it."""
    person_of(request)
    usecase_of(request, name)
    app = app_of(request)
    return as_json(await app.reports.report(app.registry.get(name)))


@router.get("/usecases/{name}/notices")
async def notices(
    name: str, request: Request, limit: Annotated[int, Query(ge=1, le=200)] = 50
) -> Response:
    """What the pod was told, newest first; open ones have no ``seen_by``."""
    person_of(request)
    usecase_of(request, name)
    return as_json({"notices": await app_of(request).trust.notices(name, every=True, most=limit)})


@router.post("/notices/{notice_id}/seen")
async def seen(notice_id: str, request: Request) -> Response:
    """Say that you have seen a notice; it leaves the pages."""
    await app_of(request).trust.seen(notice_id, person=person_of(request))
    return as_json({"seen": notice_id})
