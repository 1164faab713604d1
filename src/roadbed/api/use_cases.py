"""Use cases, what is proven about them, and their versions over HTTP."""

from __future__ import annotations

import dataclasses
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from roadbed.access import by_notice, listing, needs, viewer_of
from roadbed.api.deps import app_of, as_json, person_of, usecase_of
from roadbed.people.permissions import Permission
from roadbed.versions.model import declaration

router = APIRouter()


@router.get("/usecases")
@needs(Permission.VIEW, by=listing)
async def usecases(request: Request) -> Response:
    """The use cases served here, and those whose folder cannot be loaded, with the reason."""
    app, viewer = app_of(request), viewer_of(request)
    return as_json(
        {
            "usecases": [
                {"name": name, "purpose": app.registry.get(name).loaded.declared.purpose}
                for name in viewer.visible(app.registry.names())
            ],
            "broken": [
                {"folder": folder, "problem": str(app.broken[folder])}
                for folder in viewer.visible(app.broken)
            ],
        }
    )


@router.get("/failures")
@needs(Permission.VIEW, by=listing)
async def failures(request: Request) -> Response:
    """Background work that fails now, in any process: what, for which use case, since when."""
    app, viewer = app_of(request), viewer_of(request)
    return as_json({"failures": await app.failures.list(viewer.visible(app.registry.names()))})


@router.get("/usecases/{name}")
@needs(Permission.VIEW)
async def usecase(name: str, request: Request) -> Response:
    """What the pod declared, and the figures of now."""
    declared = usecase_of(request, name)
    app = app_of(request)
    overview = await app.monitoring.overview(declared, halted=app.registry.get(name).halted)
    return as_json({"declaration": declaration(declared), "overview": overview})


@router.get("/usecases/{name}/trust")
@needs(Permission.VIEW)
async def trust(name: str, request: Request) -> Response:
    """What is promised, on what evidence, and what would end it."""
    usecase_of(request, name)
    app = app_of(request)
    return as_json(await app.reports.report(app.registry.get(name)))


@router.get("/usecases/{name}/budget")
@needs(Permission.VIEW)
async def budget(name: str, request: Request) -> Response:
    """What may be spent, what is, and what the pod was told; amounts are decimal text."""
    person_of(request)
    declared = usecase_of(request, name).budget
    periods = await app_of(request).budgets.report(name, declared)
    return as_json(
        {"budget": dataclasses.asdict(declared) if declared else None, "periods": periods}
    )


@router.get("/usecases/{name}/notices")
@needs(Permission.VIEW)
async def notices(
    name: str, request: Request, limit: Annotated[int, Query(ge=1, le=200)] = 50
) -> Response:
    """What the pod was told, newest first; open ones have no ``seen_by``."""
    usecase_of(request, name)
    return as_json({"notices": await app_of(request).notices.list(name, every=True, most=limit)})


@router.post("/notices/{notice_id}/seen")
@needs(Permission.NOTICE, by=by_notice)
async def seen(notice_id: str, request: Request) -> Response:
    """Say that you have seen a notice; it leaves the pages."""
    await app_of(request).notices.seen(notice_id, person=person_of(request))
    return as_json({"seen": notice_id})
