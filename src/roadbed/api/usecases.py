"""Use cases, what is proven about them, and their versions over HTTP."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from roadbed.api.deps import app_of, as_json, person_of, usecase_of
from roadbed.releases.service import declaration

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
    """What is proven: the live version's certificate with its risk-coverage curve."""
    person_of(request)
    declared = usecase_of(request, name)
    app = app_of(request)
    overview = await app.monitoring.overview(declared, halted=app.registry.get(name).halted)
    live = app.registry.get(name).live
    return as_json(
        {
            "risk_limit": declared.risk_limit,
            "certainty": declared.certainty,
            "version": live.id,
            "threshold": live.threshold,
            "certificate": overview.version.certificate if overview.version else None,
            "audited": overview.audited,
            "examples": overview.examples,
        }
    )


@router.get("/usecases/{name}/releases")
async def releases(
    name: str, request: Request, limit: Annotated[int, Query(ge=1, le=200)] = 50
) -> Response:
    """Versions, newest first."""
    person_of(request)
    usecase_of(request, name)
    return as_json({"versions": await app_of(request).releases.versions(name, limit)})
