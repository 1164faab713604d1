"""The documents of a use case: the list, one with its versions, and the text of one part."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import get_args
from urllib.parse import quote

from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from roadbed.access import by_conflict, by_document, needs
from roadbed.console import chips, formatting, tables
from roadbed.console import export as exports
from roadbed.console.document_table import (
    RELATIONS,
    STATES,
    TABLE,
    chip_of,
    relation_in_words,
    states_of,
)
from roadbed.console.pages import app_of, form_of, person_of, usecase_page
from roadbed.console.tables import TableView
from roadbed.kernel.errors import RoadbedError
from roadbed.kernel.messages import gettext as _
from roadbed.kernel.sentences import Sentence, sentence
from roadbed.knowledge.document_families import settlement_kind
from roadbed.knowledge.document_reports import ReportDecision
from roadbed.knowledge.errors import (
    DocumentConflictError,
    DocumentErasureError,
    DocumentFamilyError,
    LibraryUnavailableError,
    NoLibraryError,
    UnknownDocumentError,
    UploadNotAllowedError,
    UploadRefusedError,
)
from roadbed.knowledge.findings import ORDER_DOUBTFUL
from roadbed.knowledge.ingestion_views import readable_jobs
from roadbed.knowledge.model import Part
from roadbed.knowledge.records import Document
from roadbed.knowledge.sources.model import FetchedPage
from roadbed.people.permissions import Permission
from roadbed.statuses import status_of
from roadbed.work.model import Job, JobState

_LONGEST_QUESTION = 1_000  # characters in the search box
_MOST_MATCHES = 10
_MOST_FILES = 1_000  # of one upload
_MOST_FIELDS = 10
_REPORT_DECISIONS: tuple[ReportDecision, ...] = get_args(ReportDecision)


@dataclass(frozen=True, kw_only=True, slots=True)
class ShownPart:
    """A part of a version, cut where the passage begins and ends; ``ordinal`` counts from 0."""

    ordinal: int
    of: int
    label: str
    before: str
    marked: str
    after: str
    note: Sentence | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class IngestionState:
    """The ingestion of a library. ``job`` is under way; the newest may have ``failed``.

    ``words`` say how far the newest is, or why it failed. ``is_alone``: it waits, and no process
    takes jobs. ``most_gone`` counts documents that are gone if ingestion needs a confirmation for
    them. ``gone_pages`` are those of listed addresses without a page. ``problem`` is that of a list
    or folder that cannot be read now.
    """

    job: Job | None
    words: str = ""
    failed: bool = False
    is_alone: bool = False
    most_gone: int | None = None
    gone_pages: Sequence[FetchedPage] = ()
    problem: LibraryUnavailableError | None = None


@needs(Permission.VIEW)
async def documents(request: Request) -> HTMLResponse:
    """The documents that the access groups of the viewer may read, and a search in them."""
    return await _documents(request)


@needs(Permission.IMPROVE)
async def ingest(request: Request) -> Response:
    """Start an ingestion, and show its progress; an error is shown on the page of documents."""
    app, name = app_of(request), request.path_params["name"]
    form = await form_of(request)
    app.service(name)
    try:
        allow_gone = form.get("what") == "allow_gone"
        await app.ingestion_jobs.start(name, by=person_of(request), allow_gone=allow_gone)
    except LibraryUnavailableError as error:
        return await _documents(request, error, status_of(error))
    return RedirectResponse(f"/usecases/{quote(name)}/jobs", status_code=303)


@needs(Permission.IMPROVE)
async def upload(request: Request) -> Response:
    """Store files, then start their ingestion. Files before one that is refused stay stored."""
    app, name, person = app_of(request), request.path_params["name"], person_of(request)
    loaded = app.service(name).loaded
    stored = 0
    problem: RoadbedError | None = None
    try:
        async with request.form(max_files=_MOST_FILES, max_fields=_MOST_FIELDS) as form:
            folder = str(form.get("folder", "")).strip().strip("/")
            for file in form.getlist("file"):
                if not isinstance(file, UploadFile) or not file.filename:
                    continue  # a browser sends an empty one if none was chosen
                path = f"{folder}/{file.filename}" if folder else file.filename
                await app.libraries.upload(loaded, path, file.file, by=person)
                stored += 1
    except HTTPException as error:  # what python-multipart says of a broken form
        problem = UploadRefusedError(
            sentence("The form cannot be read: %(why)s", why=error.detail),
            sentence("Choose at most %(most)s files and send them again.", most=_MOST_FILES),
        )
    except (UploadRefusedError, UploadNotAllowedError) as error:
        problem = error
    return await _after_upload(request, stored, problem)


@needs(Permission.IMPROVE, by=by_document)
async def delete(request: Request) -> Response:
    """Delete an uploaded file, then start an ingestion, which takes its document out."""
    app, name, person = app_of(request), request.path_params["name"], person_of(request)
    loaded = app.service(name).loaded
    groups = await app.libraries.access.of(name, person)
    row = await app.libraries.document(
        name, loaded.declared.library, request.path_params["document_id"], groups=groups
    )
    await app.libraries.delete_upload(loaded, row.path, by=person)
    return await _after_upload(request, 1, None)


async def _after_upload(request: Request, stored: int, problem: RoadbedError | None) -> Response:
    name = request.path_params["name"]
    if stored:
        jobs = app_of(request).ingestion_jobs
        started = await jobs.start_after_upload(name, by=person_of(request))
        if problem is None and isinstance(started, LibraryUnavailableError):
            problem = started
    if problem is not None:
        return await _documents(request, problem, status_of(problem))
    return RedirectResponse(f"/usecases/{quote(name)}/documents", status_code=303)


async def _documents(
    request: Request, problem: RoadbedError | None = None, status: int = 200
) -> HTMLResponse:
    app, name = app_of(request), request.path_params["name"]
    library, libraries = app.service(name).loaded.declared.library, app.libraries
    groups = await libraries.access.of(name, person_of(request))
    listing = await libraries.listing(name, library, groups=groups)
    assert library is not None  # its documents were listed
    view = tables.read(TABLE, request.query_params)
    question = request.query_params.get("q", "").strip()[:_LONGEST_QUESTION]
    matches = []
    if question:
        matches = [
            (match.passage, formatting.seen(match.passage.text))
            for match in await libraries.search(
                name, library, question, groups=groups, most=_MOST_MATCHES
            )
        ]
    ingestion = await _ingestion(request, name, groups)
    part = tables.page_of(TABLE, view, _asked(listing.documents, view))
    conflicts = await libraries.conflicts.list(name, library, groups=groups)
    path = f"/usecases/{name}/documents"
    return await usecase_page(
        request,
        "documents.html",
        name,
        status,
        problem=problem or ingestion.problem,
        is_live=problem is None,  # what was refused is shown only in the answer to its request
        ingestion=ingestion,
        listing=listing,
        deleted=await app.erasure.documents.deleted(
            app.service(name).loaded, viewer=person_of(request)
        ),
        lacks_extension=await libraries.vectors.lacks_extension(),
        unreadable=sum(row.state == "unreadable" for row in listing.documents),
        unread=await libraries.sources.uploads.unread(name, library, groups=groups),
        states=[(state, chips.DOCUMENTS[state]) for state in STATES],
        state=view.filters.get("state"),
        relations=[(key, _(words)) for key, words in RELATIONS.items()],
        relation=view.filters.get("standing"),
        unsettled=len(
            {row.family or row.id for row in listing.documents if row.relation == "open"}
        ),
        conflicts=[conflict for conflict in conflicts if conflict.verdict is None],
        settled=[conflict for conflict in conflicts if conflict.verdict is not None],
        question=question,
        matches=matches,
        table=tables.shown(TABLE, view, part, path=path, paged=True),
    )


async def _ingestion(request: Request, name: str, groups: Collection[str]) -> IngestionState:
    """What may be done about ingestion now, and what stands in its way."""
    app = app_of(request)
    loaded, job = app.service(name).loaded, await app.ingestion_jobs.current(name)
    failed = job is not None and job.state is JobState.FAILED
    state = IngestionState(job=job if job is not None and job.ended_at is None else None)
    try:
        pages = await app.libraries.sources.gone_pages(loaded, groups)
        most_gone = await app.libraries.ingestion.most_gone(loaded) if failed else None
        state = replace(state, gone_pages=pages, most_gone=most_gone)
    except LibraryUnavailableError as error:
        state = replace(state, problem=error)
    if job is None:
        return state
    [shown] = await readable_jobs(app.libraries, [job], viewer=person_of(request))
    words = formatting.stored(shown.reason or shown.doing)
    waits = job.state in {JobState.WAITING, JobState.RUNNING}
    is_alone = waits and not await app.jobs.worked_on(job.kind)
    return replace(state, words=words, failed=failed, is_alone=is_alone)


@needs(Permission.VIEW)
async def export(request: Request) -> Response:
    """The documents of a view as a file."""
    app, name = app_of(request), request.path_params["name"]
    library = app.service(name).loaded.declared.library
    groups = await app.libraries.access.of(name, person_of(request))
    listing = await app.libraries.listing(name, library, groups=groups)
    rows = _asked(listing.documents, tables.read(TABLE, request.query_params))
    return await exports.export_all(request, TABLE, rows, use_case=name)


@needs(Permission.VIEW, Permission.SUBMIT, by=by_document)
async def document(request: Request) -> HTMLResponse:
    """A document with its versions, and the text of one part with a passage marked."""
    return await _document(request)


@needs(Permission.IMPROVE, by=by_conflict)
async def settle_conflict(request: Request) -> Response:
    """Decide which of two documents is right; back to the list."""
    app, name = app_of(request), request.path_params["name"]
    library, libraries = app.service(name).loaded.declared.library, app.libraries
    if library is None:
        raise NoLibraryError(name)
    form, person = await form_of(request), person_of(request)
    try:
        await libraries.conflicts.settle(
            name,
            library,
            request.path_params["conflict_id"],
            form.get("right"),
            groups=await libraries.access.of(name, person),
            by=person,
            seen=form.get("seen", ""),
        )
    except DocumentConflictError as error:
        return await _documents(request, error, status_of(error))
    return RedirectResponse(f"/usecases/{quote(name)}/documents#conflicts", status_code=303)


@needs(Permission.IMPROVE, by=by_document)
async def settle(request: Request) -> Response:
    """Decide about the family of a document; an error is shown on its page."""
    app, name = app_of(request), request.path_params["name"]
    library, libraries = app.service(name).loaded.declared.library, app.libraries
    form, person = await form_of(request), person_of(request)
    groups = await libraries.access.of(name, person)
    identifier = request.path_params["document_id"]
    row = await libraries.document(name, library, identifier, groups=groups)
    assert library is not None  # a document was found in it
    try:
        kind = settlement_kind(form.get("kind"))
        await libraries.families.settle(name, library, row, kind, groups=groups, by=person)
    except DocumentFamilyError as error:
        return await _document(request, f"{error.problem} {error.remedy}", 409)
    return RedirectResponse(f"/usecases/{quote(name)}/documents/{row.id}#family", status_code=303)


async def _document(
    request: Request, problem: str | None = None, status: int = 200
) -> HTMLResponse:
    app, name = app_of(request), request.path_params["name"]
    library, libraries = app.service(name).loaded.declared.library, app.libraries
    groups = await libraries.access.of(name, person_of(request))
    row = await libraries.document(name, library, request.path_params["document_id"], groups=groups)
    versions = await libraries.documents.versions(row.id)
    number = _number(request, "version", row.version or 0)
    version = next((version for version in versions if version.number == number), None)
    if version is None and "version" in request.query_params:
        raise UnknownDocumentError(f"{row.path} ({number})")
    parts = await libraries.documents.parts(row.id, number)
    assert library is not None  # a document was found in it
    family = await libraries.families.family_of(name, library, row, groups=groups)
    return await usecase_page(
        request,
        "document.html",
        name,
        status=status,
        problem=problem,
        family=[(one, relation_in_words(one)) for one in family],
        document=row,
        state=chip_of(row),
        trouble=row.trouble,
        uploaded=row.origin == "upload" and row.state != "deleted",
        versions=versions,
        version=version,
        reports=await libraries.reports.of(row.id),
        findings=[str(finding.told()) for finding in version.findings] if version else [],
        part=_part(request, row, parts) if parts else None,
    )


@needs(Permission.REVIEW, by=by_document)
async def report(request: Request) -> Response:
    """Report a document as outdated."""
    person, app, row = person_of(request), app_of(request), await _readable(request)
    name, form = request.path_params["name"], await form_of(request)
    await app.libraries.reports.report(name, row, form.get("reason", ""), by=person)
    return RedirectResponse(f"/usecases/{quote(name)}/documents/{row.id}#outdated", status_code=303)


@needs(Permission.IMPROVE, by=by_document)
async def decide(request: Request) -> Response:
    """Keep a reported document, or leave it out of the search."""
    person, app, row = person_of(request), app_of(request), await _readable(request)
    name, form = request.path_params["name"], await form_of(request)
    for state in _REPORT_DECISIONS:
        if form.get("state") == state:
            note = form.get("note", "")
            await app.libraries.reports.settle(name, row, state, by=person, note=note)
    return RedirectResponse(f"/usecases/{quote(name)}/documents/{row.id}#outdated", status_code=303)


@needs(Permission.ERASE, by=by_document)
async def ask_erase(request: Request) -> Response:
    """What erasing the text of a deleted document does, before it is done."""
    name, row = request.path_params["name"], await _readable(request)
    if row.erased_at is not None:
        return RedirectResponse(f"/usecases/{quote(name)}/documents/{row.id}", status_code=303)
    return await _ask_erase(request)


@needs(Permission.ERASE, by=by_document)
async def erase(request: Request) -> Response:
    """Erase the text of a deleted document; back to what is left of it."""
    person, app, row = person_of(request), app_of(request), await _readable(request)
    name, form = request.path_params["name"], await form_of(request)
    reason = form.get("reason", "").strip()
    if not reason:
        problem = _("Give a reason; the log keeps it permanently.")
        return await _ask_erase(request, 422, problem)
    if form.get("sure") != "yes":
        problem = _("Confirm that you know it cannot be undone.")
        return await _ask_erase(request, 422, problem, reason)
    loaded = app.service(name).loaded
    await app.erasure.documents.erase(loaded, row.path, by=person, reason=reason)
    return RedirectResponse(f"/usecases/{quote(name)}/documents/{row.id}", status_code=303)


async def _ask_erase(
    request: Request, status: int = 200, problem: str | None = None, reason: str = ""
) -> HTMLResponse:
    """The form. Raises ``DocumentErasureError`` for a document that is in the library."""
    name, row = request.path_params["name"], await _readable(request)
    if row.state != "deleted":
        raise DocumentErasureError(row.path)
    facts = {"document": row, "problem": problem, "reason": reason}
    return await usecase_page(request, "erase_document.html", name, status, **facts)


async def _readable(request: Request) -> Document:
    """The document of the path, if the viewer may read it."""
    app, name = app_of(request), request.path_params["name"]
    groups = await app.libraries.access.of(name, person_of(request))
    library = app.service(name).loaded.declared.library
    document_id = request.path_params["document_id"]
    return await app.libraries.document(name, library, document_id, groups=groups)


def _asked(rows: Sequence[Document], view: TableView) -> Sequence[Document]:
    state, standing = view.filters.get("state"), view.filters.get("standing")
    return [
        row
        for row in rows
        if (state is None or state in states_of(row))
        and (standing is None or row.relation == standing)
    ]


def _part(request: Request, row: Document, parts: Sequence[Part]) -> ShownPart:
    ordinal = _number(request, "part", 0)
    if ordinal >= len(parts):
        raise UnknownDocumentError(f"{row.path} ({ordinal})")
    part = parts[ordinal]
    first = min(_number(request, "from", 0), len(part.text))
    last = min(max(_number(request, "to", first), first), len(part.text))
    pieces = part.text[:first], part.text[first:last], part.text[last:]
    before, marked, after = map(formatting.seen_lines, pieces)
    return ShownPart(
        ordinal=ordinal,
        of=len(parts),
        label=formatting.seen(part.place.label),
        before=before,
        marked=marked,
        after=after,
        note=ORDER_DOUBTFUL if part.place.is_order_doubtful else None,
    )


def _number(request: Request, name: str, otherwise: int) -> int:
    """A number of the address; one that is none is as if it were not there."""
    value = request.query_params.get(name, "")
    return int(value) if value.isdecimal() and value.isascii() and len(value) < 9 else otherwise


ROUTES = (
    Route("/usecases/{name}/documents", documents),
    Route("/usecases/{name}/documents/export.{format}", export),
    Route("/usecases/{name}/documents/conflicts/{conflict_id}", settle_conflict, methods=["POST"]),
    Route("/usecases/{name}/documents/ingest", ingest, methods=["POST"]),
    Route("/usecases/{name}/documents/upload", upload, methods=["POST"]),
    Route("/usecases/{name}/documents/{document_id}", document),
    Route("/usecases/{name}/documents/{document_id}/family", settle, methods=["POST"]),
    Route("/usecases/{name}/documents/{document_id}/delete", delete, methods=["POST"]),
    Route("/usecases/{name}/documents/{document_id}/erase", ask_erase),
    Route("/usecases/{name}/documents/{document_id}/erase", erase, methods=["POST"]),
    Route("/usecases/{name}/documents/{document_id}/report", report, methods=["POST"]),
    Route("/usecases/{name}/documents/{document_id}/settle", decide, methods=["POST"]),
)
