"""The library of a use case, over HTTP: only what the access groups of the person may read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from roadbed.access import by_conflict, by_document, needs
from roadbed.api.deps import app_of, as_json, json_object, person_of, usecase_of
from roadbed.api.problems import unknown_fields
from roadbed.knowledge.document_families import settlement_kind
from roadbed.knowledge.errors import NoLibraryError
from roadbed.knowledge.libraries import MOST_PASSAGES
from roadbed.knowledge.records import DocumentState
from roadbed.people.permissions import Permission

router = APIRouter()
LONGEST_QUESTION = 50_000  # characters
_VERDICTS = ("first", "second", "both")
_KINDS = ("current", "series", "separate")


def _body(field: str, values: Sequence[str]) -> dict[str, Any]:
    """The OpenAPI description of a body with one field."""
    schema = {
        "type": "object",
        "required": [field],
        "additionalProperties": False,
        "properties": {field: {"enum": list(values)}},
    }
    content = {"application/json": {"schema": schema}}
    return {"requestBody": {"required": True, "content": content}}


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


@router.get("/usecases/{name}/documents/conflicts")
@needs(Permission.VIEW)
async def conflicts(name: str, request: Request) -> Response:
    """The pairs of documents that state different figures, as questions brought them up.

    Only those whose both documents the person may read.
    """
    library, libraries = usecase_of(request, name).library, app_of(request).libraries
    if library is None:
        raise NoLibraryError(name)
    groups = await libraries.access.of(name, person_of(request))
    return as_json({"conflicts": await libraries.conflicts.list(name, library, groups=groups)})


@router.post(
    "/usecases/{name}/documents/conflicts/{conflict_id}", openapi_extra=_body("right", _VERDICTS)
)
@needs(Permission.IMPROVE, by=by_conflict)
async def settle_conflict(name: str, conflict_id: str, request: Request) -> Response:
    """Say which document is right. The passage of the other one leaves answers to the question."""
    library, libraries = usecase_of(request, name).library, app_of(request).libraries
    if library is None:
        raise NoLibraryError(name)
    body, person = await json_object(request), person_of(request)
    unknown_fields(body, {"right"}, "Send right alone.")
    groups = await libraries.access.of(name, person)
    settled = await libraries.conflicts.settle(
        name, library, conflict_id, body.get("right"), groups=groups, by=person
    )
    return as_json({"conflict": settled})


@router.get("/usecases/{name}/documents/{document_id}")
@needs(Permission.VIEW, by=by_document)
async def document(name: str, document_id: str, request: Request) -> Response:
    """A document with its versions, the newest first, and with its family.

    ``family`` are the documents that belong together with it, versions newest first.
    """
    library, libraries = usecase_of(request, name).library, app_of(request).libraries
    groups = await libraries.access.of(name, person_of(request))
    shown = await libraries.document(name, library, document_id, groups=groups)
    versions = await libraries.documents.versions(document_id)
    assert library is not None  # a document was found in it
    family = await libraries.families.family_of(name, library, shown, groups=groups)
    return as_json({"document": shown, "versions": versions, "family": family})


@router.post("/usecases/{name}/documents/{document_id}/family", openapi_extra=_body("kind", _KINDS))
@needs(Permission.IMPROVE, by=by_document)
async def settle_family(name: str, document_id: str, request: Request) -> Response:
    """Decide about the family of a document: this one is in force, a series, or no family.

    It goes before every evidence, until one of the documents changes.
    """
    library, libraries = usecase_of(request, name).library, app_of(request).libraries
    body, person = await json_object(request), person_of(request)
    unknown_fields(body, {"kind"}, "Send kind alone.")
    kind = settlement_kind(body.get("kind"))
    groups = await libraries.access.of(name, person)
    shown = await libraries.document(name, library, document_id, groups=groups)
    assert library is not None  # a document was found in it
    await libraries.families.settle(name, library, shown, kind, groups=groups, by=person)
    settled = await libraries.document(name, library, document_id, groups=groups)
    family = await libraries.families.family_of(name, library, settled, groups=groups)
    return as_json({"document": settled, "family": family})
