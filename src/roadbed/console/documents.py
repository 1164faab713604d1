"""The documents of a use case: the list, one with its versions, and the text of one part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from roadbed.access import by_conflict, by_document, needs
from roadbed.console import chips, formatting, tables
from roadbed.console import export as exports
from roadbed.console.chips import Chip
from roadbed.console.pages import app_of, form_of, person_of, usecase_page
from roadbed.console.tables import Cell, Column, DataTable, TableView
from roadbed.exports.model import CellKind
from roadbed.kernel.messages import gettext as _
from roadbed.kernel.messages import later
from roadbed.knowledge.document_families import settlement_kind
from roadbed.knowledge.errors import (
    DocumentFamilyError,
    NoLibraryError,
    UnknownDocumentError,
)
from roadbed.knowledge.model import Part
from roadbed.knowledge.records import Document
from roadbed.people.permissions import Permission

_LONGEST_QUESTION = 1_000  # characters in the search box
_MOST_MATCHES = 10
_STATES = ("current", "unreadable")
# What a document is to others, as the page words and filters it.
_RELATIONS = {
    "open": later("a person decides"),
    "superseded": later("superseded"),
    "newest": later("in force"),
    "variant": later("signed or copied"),
    "series": later("one of a series"),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class ShownPart:
    """A part of a version, cut where the passage begins and ends; ``ordinal`` counts from 0."""

    ordinal: int
    of: int
    label: str
    before: str
    marked: str
    after: str


def _chip(row: Document) -> Chip:
    outdated = row.state == "unreadable" and row.version is not None
    return chips.DOCUMENTS["outdated" if outdated else row.state]


def relation_in_words(row: Document) -> str | None:
    """What a document is to others, in words; ``None``: it stands alone."""
    if row.superseded_by is not None:
        return _("superseded by %(path)s") % {"path": formatting.seen(row.superseded_by)}
    return None if row.relation is None else _(_RELATIONS[row.relation])


def _findings(row: Document) -> str:
    sentences = [str(row.trouble)] if row.trouble is not None else []
    return " ".join((*sentences, *(str(finding.told()) for finding in row.findings)))


TABLE: DataTable[Document] = DataTable(
    name="documents",
    key=lambda row: row.id,
    link=lambda row: f"documents/{row.id}",
    sorts=("path", "version", "pages", "words", "group", "dated", "modified", "read"),
    sort="path",
    filters={"state": _STATES, "standing": tuple(_RELATIONS)},
    columns=(
        Column(name="path", title=later("Document"), value=lambda row: formatting.seen(row.path)),
        Column(
            name="state",
            title=later("State"),
            value=lambda row: _chip(row).word,
            show=lambda row: Cell(chip=_chip(row)),
        ),
        Column(
            name="version",
            title=later("Version"),
            kind=CellKind.WHOLE,
            value=lambda row: row.version,
        ),
        Column(
            name="pages", title=later("Pages"), kind=CellKind.WHOLE, value=lambda row: row.pages
        ),
        Column(
            name="words", title=later("Words"), kind=CellKind.WHOLE, value=lambda row: row.words
        ),
        Column(name="group", title=later("Access group"), value=lambda row: row.group),
        Column(name="dated", title=later("Dated"), value=lambda row: row.dated),
        Column(name="standing", title=later("Among others"), value=relation_in_words),
        Column(
            name="modified",
            title=later("Modified"),
            kind=CellKind.MOMENT,
            value=lambda row: row.modified_at,
        ),
        Column(
            name="read", title=later("Read"), kind=CellKind.MOMENT, value=lambda row: row.read_at
        ),
        Column(name="findings", title=later("Findings"), value=_findings, whole=True),
        Column(name="id", title=later("Id"), value=lambda row: row.id, shown=False),
    ),
)


@needs(Permission.VIEW)
async def documents(request: Request) -> HTMLResponse:
    """The documents that the access groups of the viewer may read, and a search in them."""
    app, name = app_of(request), request.path_params["name"]
    library, libraries = app.service(name).loaded.declared.library, app.libraries
    groups = await libraries.access.of(name, person_of(request))
    listing = await libraries.listing(name, library, groups=groups)
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
    part = tables.page_of(TABLE, view, _asked(listing.documents, view))
    assert library is not None  # its documents were listed
    conflicts = await libraries.conflicts.list(name, library, groups=groups)
    path = f"/usecases/{name}/documents"
    return await usecase_page(
        request,
        "documents.html",
        name,
        listing=listing,
        unreadable=sum(row.state == "unreadable" for row in listing.documents),
        states=[(state, chips.DOCUMENTS[state]) for state in _STATES],
        state=view.filters.get("state"),
        relations=[(key, _(words)) for key, words in _RELATIONS.items()],
        relation=view.filters.get("standing"),
        unsettled=len({row.family for row in listing.documents if row.standing == "open"}),
        conflicts=[conflict for conflict in conflicts if conflict.verdict is None],
        question=question,
        matches=matches,
        table=tables.shown(TABLE, view, part, path=path, paged=True),
    )


@needs(Permission.VIEW)
async def export(request: Request) -> Response:
    """The documents of a view as a file."""
    app, name = app_of(request), request.path_params["name"]
    library = app.service(name).loaded.declared.library
    groups = await app.libraries.access.of(name, person_of(request))
    listing = await app.libraries.listing(name, library, groups=groups)
    rows = _asked(listing.documents, tables.read(TABLE, request.query_params))
    return await exports.export_all(request, TABLE, rows, use_case=name)


@needs(Permission.VIEW, by=by_document)
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
    await libraries.conflicts.settle(
        name,
        library,
        request.path_params["conflict_id"],
        form.get("right"),
        groups=await libraries.access.of(name, person),
        by=person,
    )
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
        state=_chip(row),
        trouble=row.trouble,
        versions=versions,
        version=version,
        findings=[str(finding.told()) for finding in version.findings] if version else [],
        part=_part(request, row, parts) if parts else None,
    )


def _asked(rows: Sequence[Document], view: TableView) -> Sequence[Document]:
    state, standing = view.filters.get("state"), view.filters.get("standing")
    return [
        row
        for row in rows
        if (state is None or row.state == state) and (standing is None or row.relation == standing)
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
    )


def _number(request: Request, name: str, otherwise: int) -> int:
    """A number of the address; one that is none is as if it were not there."""
    value = request.query_params.get(name, "")
    return int(value) if value.isdecimal() and value.isascii() and len(value) < 9 else otherwise


ROUTES = (
    Route("/usecases/{name}/documents", documents),
    Route("/usecases/{name}/documents/export.{format}", export),
    Route("/usecases/{name}/documents/conflicts/{conflict_id}", settle_conflict, methods=["POST"]),
    Route("/usecases/{name}/documents/{document_id}", document),
    Route("/usecases/{name}/documents/{document_id}/family", settle, methods=["POST"]),
)
