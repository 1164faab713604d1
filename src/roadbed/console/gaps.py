"""Gaps: the questions that no document answers, with their buttons, then all as a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from roadbed.access import by_task, needs
from roadbed.console import chips, formatting, tables
from roadbed.console import export as exports
from roadbed.console.pages import app_of, form_of, person_of, usecase_page
from roadbed.console.tables import Cell, Column, DataTable
from roadbed.exports.model import CellKind
from roadbed.kernel.messages import later
from roadbed.knowledge.gaps import Gap, GapState
from roadbed.people.permissions import Permission

_STATES: tuple[GapState, ...] = get_args(GapState)

TABLE: DataTable[Gap] = DataTable(
    name="gaps",
    key=lambda gap: gap.id,
    link=lambda gap: f"/receipts/{gap.newest.task_id}",
    sorts=("question", "count", "newest"),
    sort="-count",
    columns=(
        Column(
            name="question",
            title=later("Newest question"),
            value=lambda gap: formatting.seen(gap.newest.question),
            whole=True,
        ),
        Column(
            name="state",
            title=later("State"),
            value=lambda gap: chips.GAPS[gap.state].word,
            show=lambda gap: Cell(chip=chips.GAPS[gap.state]),
        ),
        Column(
            name="count",
            title=later("Questions"),
            kind=CellKind.WHOLE,
            value=lambda gap: len(gap.questions),
        ),
        Column(name="people", title=later("Asked by"), value=lambda gap: ", ".join(gap.people)),
        Column(
            name="newest",
            title=later("Newest"),
            kind=CellKind.MOMENT,
            value=lambda gap: gap.newest.at,
        ),
        Column(
            name="note",
            title=later("Note"),
            value=lambda gap: formatting.seen(gap.decision.note or "") if gap.decision else None,
        ),
        Column(name="id", title=later("Id"), value=lambda gap: gap.id, shown=False),
    ),
)


@needs(Permission.VIEW)
async def gaps(request: Request) -> HTMLResponse:
    """The gaps of a use case: those that are open first."""
    name, known = request.path_params["name"], await _known(request)
    view = tables.read(TABLE, request.query_params)
    return await usecase_page(
        request,
        "gaps.html",
        name,
        open_gaps=[gap for gap in known if gap.state == "open"],
        table=tables.shown(
            TABLE,
            view,
            tables.page_of(TABLE, view, known),
            path=f"/usecases/{quote(name)}/gaps",
            paged=True,
        ),
    )


@needs(Permission.VIEW)
async def export(request: Request) -> Response:
    """The gaps as a file."""
    name, known = request.path_params["name"], await _known(request)
    return await exports.export_all(request, TABLE, known, use_case=name)


@needs(Permission.IMPROVE, by=by_task)
async def decide(request: Request) -> Response:
    """Fill, dismiss or open a gap again."""
    person, app, name = person_of(request), app_of(request), request.path_params["name"]
    library, form = app.service(name).loaded.declared.library, await form_of(request)
    task, note = request.path_params["task_id"], form.get("note", "")
    for state in _STATES:
        if form.get("state") == state:
            await app.libraries.gaps.decide(name, library, task, state, by=person, note=note)
    return RedirectResponse(f"/usecases/{quote(name)}/gaps", status_code=303)


@needs(Permission.REVIEW, by=by_task)
async def report(request: Request) -> Response:
    """Say that no document answers the question of a task."""
    person, app, name = person_of(request), app_of(request), request.path_params["name"]
    library = app.service(name).loaded.declared.library
    await app.libraries.gaps.report(name, library, request.path_params["task_id"], by=person)
    return RedirectResponse(f"/usecases/{quote(name)}/gaps", status_code=303)


async def _known(request: Request) -> Sequence[Gap]:
    app, name = app_of(request), request.path_params["name"]
    return await app.libraries.gaps.list(name, app.service(name).loaded.declared.library)


ROUTES = (
    Route("/usecases/{name}/gaps", gaps),
    Route("/usecases/{name}/gaps/export.{format}", export),
    Route("/usecases/{name}/gaps/{task_id}", decide, methods=["POST"]),
    Route("/usecases/{name}/gaps/{task_id}/report", report, methods=["POST"]),
)
