"""The notebook of a use case over HTTP."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import PlainTextResponse, Response

from roadbed.access import needs
from roadbed.api.deps import app_of, as_json, reader_of, usecase_of
from roadbed.insight.notebook import markdown
from roadbed.people.permissions import Permission

router = APIRouter()


@router.get("/usecases/{name}/notebook")
@needs(Permission.VIEW)
async def notebook(
    name: str,
    request: Request,
    format: Annotated[str, Query(pattern="^(json|markdown)$")] = "json",  # its name
) -> Response:
    """Corrections in groups, the actions taken, and their effect."""
    usecase_of(request, name)
    app = app_of(request)
    reader = await reader_of(request, name)
    contents = await app.notebooks.read(name, reader)
    if format == "markdown":
        return PlainTextResponse(markdown(contents), media_type="text/markdown; charset=utf-8")
    return as_json(contents)
