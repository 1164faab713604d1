"""The library of a use case, over HTTP: only what the access groups of the person may read.

Documents are uploaded and deleted by people who may improve the use case.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from tempfile import SpooledTemporaryFile
from typing import Annotated, Any, BinaryIO, cast, get_args

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from roadbed.access import by_conflict, by_document, needs
from roadbed.api.bodies import body_of, choice_of, text_of
from roadbed.api.deps import app_of, as_json, json_object, person_of, usecase_of
from roadbed.api.problems import said, unknown_fields
from roadbed.app import App
from roadbed.knowledge.conflicts import seen_verdict
from roadbed.knowledge.document_families import settlement_kind
from roadbed.knowledge.document_reports import LONGEST_REASON, ReportDecision
from roadbed.knowledge.errors import LibraryUnavailableError, NoLibraryError
from roadbed.knowledge.ingestion_views import readable_jobs
from roadbed.knowledge.libraries import MOST_PASSAGES
from roadbed.knowledge.records import Document, DocumentState
from roadbed.people.permissions import Permission

router = APIRouter()
LONGEST_QUESTION = 50_000  # characters
_IN_MEMORY_BYTES = 1_000_000  # of an upload; more is kept in a temporary file
_CONTENT = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}
FilePath = Annotated[
    str, Query(max_length=2_000, description="The path in the library, such as hr/leave.pdf.")
]
MOST_CITED = 50
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


_REPORT_DECISIONS: tuple[ReportDecision, ...] = get_args(ReportDecision)
_REASON = body_of({"reason": {"type": "string", "minLength": 1, "maxLength": LONGEST_REASON}})
_SETTLE_CONFLICT = body_of(
    {"right": {"enum": list(_VERDICTS)}, "seen": {"enum": [None, *_VERDICTS]}}, required=["right"]
)
_ERASE = body_of({"reason": {"type": "string", "minLength": 1, "maxLength": 1000}})
_SETTLE = body_of(
    {"state": {"enum": list(_REPORT_DECISIONS)}, "note": {"type": "string"}}, required=["state"]
)


@router.get("/usecases/{name}/documents")
@needs(Permission.VIEW)
async def documents(
    name: str,
    request: Request,
    state: Annotated[DocumentState | None, Query(description="Only those in this state.")] = None,
) -> Response:
    """The documents by path, without those of access groups that the person lacks."""
    library, libraries = usecase_of(request, name).library, app_of(request).libraries
    groups = await libraries.access.of(name, person_of(request))
    listing = await libraries.listing(name, library, groups=groups)
    shown = [document for document in listing.documents if state is None or document.state == state]
    return as_json({"documents": shown})


@router.get("/usecases/{name}/documents/search")
@needs(Permission.VIEW, Permission.ASK)
async def search(
    name: str,
    request: Request,
    q: Annotated[str, Query(max_length=LONGEST_QUESTION, description="Words, never syntax.")],
    limit: Annotated[int, Query(ge=1, le=100)] = MOST_PASSAGES,
) -> Response:
    """The passages that fit a question best, the best first. Nothing is answered or stored.

    `citation` of a match is what the right output of a verdict has in `citations`.
    """
    library, libraries = usecase_of(request, name).library, app_of(request).libraries
    groups = await libraries.access.of(name, person_of(request))
    matches = await libraries.search(name, library, q, groups=groups, most=limit)
    return as_json(
        {
            "matches": [
                {
                    "passage": match.passage,
                    "score": match.score,
                    "citation": match.passage.citation(),
                }
                for match in matches
            ]
        }
    )


@router.get("/usecases/{name}/documents/passages")
@needs(Permission.VIEW, Permission.ASK)
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


@router.post("/usecases/{name}/documents/conflicts/{conflict_id}", openapi_extra=_SETTLE_CONFLICT)
@needs(Permission.IMPROVE, by=by_conflict)
async def settle_conflict(name: str, conflict_id: str, request: Request) -> Response:
    """Say which document is right. The passage of the other one leaves answers to the question.

    ``seen`` is the ``verdict`` that was read before, null for none: if somebody decided since, the
    answer is 409 and says what was decided. Without it the newest decision counts.
    """
    library, libraries = usecase_of(request, name).library, app_of(request).libraries
    if library is None:
        raise NoLibraryError(name)
    body, person = await json_object(request), person_of(request)
    unknown_fields(body, {"right", "seen"}, "Send right, and seen if it matters.")
    seen = seen_verdict(body["seen"]) if "seen" in body else None
    groups = await libraries.access.of(name, person)
    settled = await libraries.conflicts.settle(
        name, library, conflict_id, body.get("right"), groups=groups, by=person, seen=seen
    )
    return as_json({"conflict": settled})


@router.put("/usecases/{name}/documents/files", openapi_extra=_CONTENT)
@needs(Permission.IMPROVE)
async def upload(name: str, request: Request, path: FilePath) -> Response:
    """Store the body as a file of the library, in place of one that was uploaded there before.

    The answer comes after it is stored. ``job`` reads it; it is null if no ingestion can be
    started, and ``problem`` says why.
    """
    app, person = app_of(request), person_of(request)
    usecase_of(request, name)
    loaded = app.service(name).loaded
    with SpooledTemporaryFile(_IN_MEMORY_BYTES) as content:
        async for piece in request.stream():
            await asyncio.to_thread(content.write, piece)
        stored = await app.libraries.upload(loaded, path, cast("BinaryIO", content), by=person)
    return as_json({"upload": stored, **await _ingested(app, name, person)})


@router.delete("/usecases/{name}/documents/files")
@needs(Permission.IMPROVE)
async def delete(name: str, request: Request, path: FilePath) -> Response:
    """Delete an uploaded file. The job takes its document out of the search."""
    app, person = app_of(request), person_of(request)
    usecase_of(request, name)
    await app.libraries.delete_upload(app.service(name).loaded, path, by=person)
    return as_json(await _ingested(app, name, person))


@router.post("/usecases/{name}/documents/ingest")
@needs(Permission.IMPROVE)
async def ingest(
    name: str,
    request: Request,
    *,
    allow_gone: Annotated[
        bool, Query(description="Most documents were removed on purpose.")
    ] = False,
) -> Response:
    """Start the job that brings the library up to date, or give the one that is under way."""
    app, person = app_of(request), person_of(request)
    usecase_of(request, name)
    job = await app.ingestion_jobs.start(name, by=person, allow_gone=allow_gone)
    [shown] = await readable_jobs(app.libraries, [job], viewer=person)
    return as_json({"job": shown})


@router.get("/usecases/{name}/documents/deleted")
@needs(Permission.VIEW)
async def deleted(name: str, request: Request) -> Response:
    """The documents that left the library, the last one first; some have lost their text."""
    app, person = app_of(request), person_of(request)
    usecase_of(request, name)
    loaded = app.service(name).loaded
    return as_json({"deleted": await app.erasure.documents.deleted(loaded, viewer=person)})


@router.get("/usecases/{name}/documents/{document_id}")
@needs(Permission.VIEW, by=by_document)
async def document(name: str, document_id: str, request: Request) -> Response:
    """A document with its versions, its family and the reports on its version in force.

    Newest first. ``family`` are the documents that belong together with it.
    """
    library, libraries = usecase_of(request, name).library, app_of(request).libraries
    groups = await libraries.access.of(name, person_of(request))
    shown = await libraries.document(name, library, document_id, groups=groups)
    versions = await libraries.documents.versions(document_id)
    assert library is not None  # a document was found in it
    family = await libraries.families.family_of(name, library, shown, groups=groups)
    reports = await libraries.reports.of(document_id)
    return as_json({"document": shown, "versions": versions, "family": family, "reports": reports})


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


async def _ingested(app: App, name: str, person: str) -> dict[str, object]:
    started = await app.ingestion_jobs.start_after_upload(name, by=person)
    if isinstance(started, LibraryUnavailableError):
        return {"job": None, "problem": str(started)}
    [shown] = await readable_jobs(app.libraries, [started], viewer=person)
    return {"job": shown}


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
    state = choice_of(body, "state", _REPORT_DECISIONS)
    reports = await libraries.reports.settle(
        name, shown, state, by=person, note=text_of(body, "note")
    )
    return as_json({"reports": reports})


@router.post("/usecases/{name}/documents/{document_id}/erase", openapi_extra=_ERASE)
@needs(Permission.ERASE, by=by_document)
async def erase(name: str, document_id: str, request: Request) -> Response:
    """Erase the text of a deleted document permanently. Answers keep what they quote.

    ``copies`` have the same content and stay.
    """
    app, person = app_of(request), person_of(request)
    shown = await _document(request, name, document_id)
    body = await json_object(request)
    unknown_fields(body, {"reason"}, "Send a reason.")
    reason = said(body, "reason", "It stands in the log for good: no personal data.")
    loaded = app.service(name).loaded
    erased = await app.erasure.documents.erase(loaded, shown.path, by=person, reason=reason)
    return as_json({"erased": erased})


async def _document(request: Request, name: str, document_id: str) -> Document:
    library, libraries = usecase_of(request, name).library, app_of(request).libraries
    groups = await libraries.access.of(name, person_of(request))
    return await libraries.document(name, library, document_id, groups=groups)
