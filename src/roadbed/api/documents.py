"""The library of a use case, over HTTP: only what the access groups of the person may read."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from roadbed.access import by_document, needs
from roadbed.api.deps import app_of, as_json, person_of, usecase_of
from roadbed.knowledge.libraries import MOST_PASSAGES
from roadbed.knowledge.records import DocumentState
from roadbed.people.permissions import Permission

router = APIRouter()
LONGEST_QUESTION = 50_000  # characters
MOST_CITED = 50


@router.get("/usecases/{name}/documents")
@needs(Permission.VIEW)
async def documents(
    name: str,
    request: Request,
    state: Annotated[DocumentState | None, Query(description="Only those in this state.")] = None,
) -> Response:
    """The documents by path. ``hidden`` counts those of access groups that the person lacks."""
    library, libraries = usecase_of(request, name).library, app_of(request).libraries
    groups = await libraries.access.of(name, person_of(request))
    listing = await libraries.listing(name, library, groups=groups)
    shown = [document for document in listing.documents if state is None or document.state == state]
    return as_json({"documents": shown, "hidden": listing.hidden})


@router.get("/usecases/{name}/documents/search")
@needs(Permission.VIEW)
async def search(
    name: str,
    request: Request,
    q: Annotated[str, Query(max_length=LONGEST_QUESTION, description="Words, never syntax.")],
    limit: Annotated[int, Query(ge=1, le=100)] = MOST_PASSAGES,
) -> Response:
    """The passages that fit a question best, the best first. Nothing is answered or stored."""
    library, libraries = usecase_of(request, name).library, app_of(request).libraries
    groups = await libraries.access.of(name, person_of(request))
    matches = await libraries.search(name, library, q, groups=groups, most=limit)
    return as_json({"matches": matches})


@router.get("/usecases/{name}/documents/passages")
@needs(Permission.VIEW)
async def passages(
    name: str,
    request: Request,
    id: Annotated[
        list[str],
        Query(min_length=1, max_length=MOST_CITED, description="Ids of passages, from citations."),
    ],
) -> Response:
    """Passages that an answer cites, by their ids: where they stand. Others are left out."""
    library, libraries = usecase_of(request, name).library, app_of(request).libraries
    groups = await libraries.access.of(name, person_of(request))
    return as_json({"passages": await libraries.cited(name, library, id, groups=groups)})


@router.get("/usecases/{name}/documents/{document_id}")
@needs(Permission.VIEW, by=by_document)
async def document(name: str, document_id: str, request: Request) -> Response:
    """A document with its versions, the newest first."""
    library, libraries = usecase_of(request, name).library, app_of(request).libraries
    groups = await libraries.access.of(name, person_of(request))
    shown = await libraries.document(name, library, document_id, groups=groups)
    versions = await libraries.documents.versions(document_id)
    return as_json({"document": shown, "versions": versions})
