"""Use cases and failing background work over HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from fastapi import APIRouter, Request
from starlette.responses import Response

from roadbed.access import listing, needs, viewer_of
from roadbed.api.deps import app_of, as_json, readable_of, usecase_of
from roadbed.people.permissions import Permission
from roadbed.usecases.use_case import UseCase
from roadbed.versions.identity import declaration

router = APIRouter()


@router.get("/usecases")
@needs(Permission.VIEW, Permission.ASK, by=listing)
async def usecases(request: Request) -> Response:
    """The use cases served here, and those whose folder cannot be loaded, with the reason.

    Whoever only asks gets those that they may ask.
    """
    app, viewer = app_of(request), viewer_of(request)
    return as_json(
        {
            "usecases": [
                _listed(app.deployments.get(name).loaded.declared)
                for name in app.deployments.names()
                if viewer.may(name, Permission.VIEW) or viewer.may(name, Permission.ASK)
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
    return as_json({"failures": await app.failures.list(viewer.visible(app.deployments.names()))})


@router.get("/usecases/{name}")
@needs(Permission.VIEW)
async def usecase(name: str, request: Request) -> Response:
    """The declaration of the pod, and the current figures."""
    declared = usecase_of(request, name)
    app = app_of(request)
    overview = await app.monitoring.overview(declared, halted=app.deployments.get(name).halted)
    if overview.version is not None:
        [version] = await readable_of(request).versions(name, [overview.version])
        overview = replace(overview, version=version)
    return as_json({"declaration": declaration(declared), "overview": overview})


def _listed(declared: UseCase) -> Mapping[str, object]:
    """What somebody needs who sends a task; ``question`` is the field that is searched for.

    ``earlier`` is the field with the earlier turns of a conversation, if the input has it.
    """
    library, fields = declared.library, declared.input.model_fields
    earlier = None if library is None else library.earlier
    return {
        "name": declared.name,
        "purpose": declared.purpose,
        "question": None if library is None else library.question,
        "earlier": earlier if earlier in fields else None,
        "input": declared.input.model_json_schema(),
    }
