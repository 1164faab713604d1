"""The library of a use case, over HTTP: only what the access groups of the person may read."""

from __future__ import annotations

from typing import Annotated, get_args

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from roadbed.access import by_document, needs
from roadbed.api.bodies import body_of, choice_of, text_of
from roadbed.api.deps import app_of, as_json, json_object, person_of, usecase_of
from roadbed.knowledge.document_reports import LONGEST_REASON, Settlement
from roadbed.knowledge.libraries import MOST_PASSAGES
from roadbed.knowledge.records import Document, DocumentState
from roadbed.people.permissions import Permission

router = APIRouter()
LONGEST_QUESTION = 50_000  # characters
_SETTLEMENTS: tuple[Settlement, ...] = get_args(Settlement)
_REASON = body_of({"reason": {"type": "string", "minLength": 1, "maxLength": LONGEST_REASON}})
_SETTLE = body_of(
    {"state": {"enum": list(_SETTLEMENTS)}, "note": {"type": "string"}}, required=["state"]
)


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


@router.get("/usecases/{name}/documents/{document_id}")
@needs(Permission.VIEW, by=by_document)
async def document(name: str, document_id: str, request: Request) -> Response:
    """A document with its versions and the reports on its version in force, newest first."""
    library, libraries = usecase_of(request, name).library, app_of(request).libraries
    groups = await libraries.access.of(name, person_of(request))
    shown = await libraries.document(name, library, document_id, groups=groups)
    versions = await libraries.documents.versions(document_id)
    reports = await libraries.reports.of(document_id)
    return as_json({"document": shown, "versions": versions, "reports": reports})


@router.post("/usecases/{name}/documents/{document_id}/report", openapi_extra=_REASON)
@needs(Permission.REVIEW, by=by_document)
async def report(name: str, document_id: str, request: Request) -> Response:
    """Say that a document is outdated. The data specialist decides whether it is still searched."""
    person, libraries = person_of(request), app_of(request).libraries
    shown = await _document(request, name, document_id)
    reason = text_of(await json_object(request), "reason")
    return as_json({"report": await libraries.reports.report(name, shown, reason, by=person)})


@router.post("/usecases/{name}/documents/{document_id}/settle", openapi_extra=_SETTLE)
@needs(Permission.IMPROVE, by=by_document)
async def settle(name: str, document_id: str, request: Request) -> Response:
    """Keep a reported document in the search, or leave it out until its content changes."""
    person, libraries = person_of(request), app_of(request).libraries
    shown = await _document(request, name, document_id)
    body = await json_object(request)
    state = choice_of(body, "state", _SETTLEMENTS)
    reports = await libraries.reports.settle(
        name, shown, state, by=person, note=text_of(body, "note")
    )
    return as_json({"reports": reports})


async def _document(request: Request, name: str, document_id: str) -> Document:
    library, libraries = usecase_of(request, name).library, app_of(request).libraries
    groups = await libraries.access.of(name, person_of(request))
    return await libraries.document(name, library, document_id, groups=groups)
