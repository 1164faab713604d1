"""Receipts: the list, one with everything about it, and its task on any other version."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from roadbed.access import by_task, listing, needs, viewer_of
from roadbed.console import chips, citations, forms, tables
from roadbed.console import export as exports
from roadbed.console.chips import Chip
from roadbed.console.pages import app_of, form_of, page, person_of, usecase_page
from roadbed.console.tables import Cell, Column, DataTable, TableView, words
from roadbed.exports.model import CellKind
from roadbed.kernel.errors import RoadbedError
from roadbed.kernel.json import flat
from roadbed.kernel.messages import gettext as _
from roadbed.kernel.messages import later
from roadbed.people.permissions import Permission
from roadbed.receipts.errors import ErasureError, UnknownTaskError
from roadbed.receipts.service import Filter, Receipt, moments
from roadbed.reviews.presentation import judgement, output_line
from roadbed.versions.errors import UnknownVersionError
from roadbed.versions.replays import withheld

_PAGE_SIZE = 50
_MOST = 80  # characters of a version's id or number


def _state(row: Receipt) -> Chip:
    if row["hidden"]:
        return chips.ROUTES["blind"]
    if row["erased"]:
        return chips.ROUTES["erased"]
    return chips.ROUTES["noted" if row["on_revision"] == "note" else row["route"] or "deciding"]


def _verdict(row: Receipt) -> str | None:
    if row["verdict"] is None:
        return None
    return judgement(
        row["verdict"],
        output=row["output"],
        agrees=row["agrees"],
        right=row["right_output"],
        by=row["reviewer"],
    )


TABLE: DataTable[Receipt] = DataTable(
    name="receipts",
    key=lambda row: row["task_id"],
    link=lambda row: f"/receipts/{row['task_id']}",
    sorts=("arrived",),
    sort="-arrived",
    filters={
        "usecase": None,  # of those that the viewer sees
        "q": None,
        "route": ("automatic", "review", "refused"),
        "verdict": ("accept", "correct", "reject"),
    },
    page_size=_PAGE_SIZE,
    columns=(
        Column(
            name="task",
            title=later("Task"),
            value=lambda row: words(row["input"]),
            show=lambda row: Cell(text=words(row["input"]) + _revision(row)),
        ),
        Column(
            name="state",
            title=later("State"),
            value=lambda row: _state(row).word,
            show=lambda row: Cell(chip=_state(row)),
        ),
        Column(
            name="answer",
            title=later("Answer"),
            value=lambda row: None if row["output"] is None else flat(row["output"]),
            show=lambda row: Cell(
                text="–" if row["output"] is None else output_line(row["output"])
            ),
        ),
        Column(name="verdict", title=later("Verdict"), value=_verdict),
        Column(
            name="arrived",
            title=later("Arrived"),
            kind=CellKind.MOMENT,
            value=lambda row: row["admitted_at"],
        ),
        Column(name="usecase", title=later("Use case"), value=lambda row: row["use_case"]),
        Column(
            name="revision",
            title=later("Revision"),
            kind=CellKind.WHOLE,
            value=lambda row: row["revision"],
            shown=False,
        ),
        Column(
            name="confidence",
            title=later("Confidence"),
            kind=CellKind.NUMBER,
            value=lambda row: row["confidence"],
            shown=False,
        ),
        Column(name="reason", title=later("Reason"), value=lambda row: row["reason"], shown=False),
        Column(
            name="decided",
            title=later("Decided"),
            kind=CellKind.MOMENT,
            value=lambda row: row["decided_at"],
            shown=False,
        ),
        Column(name="key", title=later("Key"), value=lambda row: row["key"], shown=False),
        Column(name="id", title=later("Id"), value=lambda row: row["task_id"], shown=False),
    ),
)


def _revision(row: Receipt) -> str:
    """Which revision of its task a row is, unless it is the first."""
    if row["revision"] == 1:
        return ""
    return " · " + _("revision %(number)s") % {"number": row["revision"]}


@needs(Permission.VIEW, by=listing)
async def receipts(request: Request) -> HTMLResponse:
    """Receipts, filtered and searched."""
    app = app_of(request)
    names = viewer_of(request).visible(app.deployments.names())
    view = _view(request, names)
    part = await app.receipts.page(
        _filter(view), view.slice(TABLE), served=names, viewer=person_of(request)
    )
    return page(
        request,
        "receipts.html",
        table=tables.shown(TABLE, view, part, path="/receipts"),
        asked=view.filters,
        names=names,
    )


@needs(Permission.VIEW, by=listing)
async def export(request: Request) -> Response:
    """The receipts of a view as a file."""
    app = app_of(request)
    names = viewer_of(request).visible(app.deployments.names())
    view = _view(request, names)
    batches = app.receipts.every(
        _filter(view),
        view.slice(TABLE, everything=True),
        served=names,
        viewer=person_of(request),
    )
    return await exports.export(request, TABLE, view, batches, use_case=view.filters.get("usecase"))


def _view(request: Request, names: Sequence[str]) -> TableView:
    """The view of an address. Its use case is one of ``names``: an export is noted in its log."""
    seen = replace(TABLE, filters={**TABLE.filters, "usecase": names})
    return tables.read(seen, request.query_params)


def _filter(view: TableView) -> Filter:
    filters = view.filters
    return Filter(
        use_case=filters.get("usecase"),
        text=filters.get("q"),
        route=filters.get("route"),
        verdict=filters.get("verdict"),
    )


@needs(Permission.VIEW, by=by_task)
async def receipt(request: Request) -> HTMLResponse:
    """Everything that is known about one task."""
    return await shown(request)


@needs(Permission.VIEW, by=by_task)
async def proof(request: Request) -> Response:
    """The proof of a task as a file; anybody can check it without this server."""
    app, task_id = app_of(request), request.path_params["task_id"]
    document = await app.audit.sealed_proof_of_task(task_id)
    await app.receipts.check_whole(task_id, viewer=person_of(request))
    return Response(
        to_json(document, indent=2) + b"\n",
        media_type="application/json",
        headers={"Content-Disposition": f'attachment; filename="proof-{task_id[-12:]}.json"'},
    )


@needs(Permission.REVIEW, Permission.IMPROVE, by=by_task)
async def replay(request: Request) -> Response:
    """The receipt with the answer of another version beside the decision."""
    person, app = person_of(request), app_of(request)
    task_id = request.path_params["task_id"]
    if (
        request.method != "POST"
    ):  # the address was opened again; a replay is not repeated automatically
        return RedirectResponse(f"/receipts/{quote(task_id)}#replay", status_code=303)
    named = (await form_of(request)).get("version", "")[:_MOST]
    try:
        if not named:
            raise UnknownVersionError(named)
        replayed = await app.replays.run(task_id, named, actor=person)
    except RoadbedError as error:
        return await shown(request, 409, replay_problem=f"{error.problem} {error.remedy}")
    return await shown(request, replayed=replayed)


async def shown(request: Request, status: int = 200, **more: object) -> HTMLResponse:
    """The page of the receipt in the path; ``more`` is the result of a form on it."""
    person, app = person_of(request), app_of(request)
    content = await app.receipts.get(request.path_params["task_id"], viewer=person)
    name = content["use_case"]
    deployment = app.deployments.find(name)
    declared = deployment.loaded.declared if deployment is not None else None
    sent = content["input"]
    facts = {
        "receipt": content,
        "input": forms.as_declared(declared.input, sent) if declared else sent,
        "library": name if declared and declared.library is not None else None,
        "moments": moments(content),
        "chip": chips.of_task(content),
        "replay_versions": await _versions(request, content),
        "replayed": None,
        "replay_problem": None,
        "report_fields": forms.fields(deployment) if deployment is not None else None,
        "picks": declared is not None and citations.picks(declared),
        "question": citations.question_of(declared, sent) if declared else "",
        "report_form": {},
        "report_problem": None,
        "undo_problem": None,
        **more,
    }
    return await usecase_page(request, "receipt.html", name, status, **facts)


async def _versions(request: Request, receipt: Mapping[str, Any]) -> Any:
    """The versions for a replay; none if the viewer may not replay."""
    if withheld(receipt, person_of(request)):
        return []
    return await app_of(request).versions.list(receipt["use_case"], most=_PAGE_SIZE)


@needs(Permission.ERASE, by=by_task)
async def ask_erase(request: Request) -> HTMLResponse:
    """What erasing does, before it is done."""
    person_of(request)
    return await _ask_erase(request)


@needs(Permission.ERASE, by=by_task)
async def erase(request: Request) -> Response:
    """Erase the data of a task; back to the rest of its receipt."""
    person = person_of(request)
    app, task_id = app_of(request), request.path_params["task_id"]
    form = await form_of(request)
    reason = form.get("reason", "").strip()
    if not reason:
        return await _ask_erase(request, 422, _("Give a reason; the log keeps it permanently."))
    if form.get("sure") != "yes":
        problem = _("Confirm that you know it cannot be undone.")
        return await _ask_erase(request, 422, problem, reason)
    try:
        await app.erasure.erase(task_id, by=person, reason=reason, served=app.deployments.names())
    except ErasureError as error:
        return await _ask_erase(request, 409, f"{error.problem} {error.remedy}", reason)
    return RedirectResponse(f"/receipts/{task_id}", status_code=303)


async def _ask_erase(
    request: Request, status: int = 200, problem: str | None = None, reason: str = ""
) -> HTMLResponse:
    task_id = request.path_params["task_id"]
    use_case = await app_of(request).erasure.use_case_of(task_id)
    if use_case not in app_of(request).deployments.names():
        raise UnknownTaskError(task_id)
    return await usecase_page(
        request, "erase.html", use_case, status, task=task_id, problem=problem, reason=reason
    )


ROUTES = (
    Route("/receipts", receipts),
    Route("/receipts/export.{format}", export),
    Route("/receipts/{task_id}", receipt),
    Route("/receipts/{task_id}/proof", proof),
    Route("/receipts/{task_id}/replay", replay, methods=["GET", "POST"]),
    Route("/receipts/{task_id}/erase", ask_erase),
    Route("/receipts/{task_id}/erase", erase, methods=["POST"]),
)
