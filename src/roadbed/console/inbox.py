"""My work: what waits for whoever looks, their use cases, and who stands in for them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from roadbed.access import listing, needs, own, viewer_of
from roadbed.app import App
from roadbed.console import charts, chips, tables
from roadbed.console import export as exports
from roadbed.console.account import account_page
from roadbed.console.chips import Chip
from roadbed.console.pages import app_of, page
from roadbed.console.sign_in import read_form
from roadbed.console.tables import Cell, Column, DataTable
from roadbed.exports.model import CellKind
from roadbed.inbox.model import ActionItem
from roadbed.insight.monitoring import FORTNIGHT, Overview
from roadbed.kernel.messages import gettext as _
from roadbed.kernel.messages import later, number
from roadbed.kernel.sentences import sentence
from roadbed.people.errors import AbsenceError
from roadbed.people.permissions import Permission
from roadbed.releases import presentation

_MOST_OTHERS = 5  # names in a cell


@dataclass(frozen=True, kw_only=True, slots=True)
class UseCaseRow:
    """A use case as a row of the table on *My work*; ``tasks`` are those of the last 14 days."""

    overview: Overview
    chip: Chip
    tasks: int
    automatic: int
    spark: Markup
    next_step: str


def _urgency(item: ActionItem) -> str:
    """By due time, then the oldest first, as the inbox gives them."""
    return f"{item.due is None:d} {(item.due or item.since).isoformat()} {item.id}"


def _others(item: ActionItem) -> Cell:
    """The first names, and how many more there are."""
    names = ", ".join(item.others[:_MOST_OTHERS])
    if len(item.others) > _MOST_OTHERS:
        told = {"names": names, "n": number(len(item.others) - _MOST_OTHERS)}
        return Cell(text=_("%(names)s and %(n)s more") % told, detail=", ".join(item.others))
    return Cell(text=names or "–")


def _due(item: ActionItem) -> Cell:
    if item.due is None:
        return Cell(text="–")
    return Cell(chip=chips.OVERDUE) if item.overdue else Cell(at=item.due)


TABLE: DataTable[ActionItem] = DataTable(
    name="inbox",
    key=lambda item: item.id,
    link=lambda item: item.link,
    # The order of the list is by due time, then the oldest first: that of "urgency".
    sorts=("urgency", "usecase", "since", "due"),
    sort="urgency",
    page_size=200,
    columns=(
        Column(name="item", title=later("What waits"), value=lambda item: item.title),
        Column(name="usecase", title=later("Use case"), value=lambda item: item.use_case),
        Column(name="why", title=later("Why"), value=lambda item: item.why, whole=True),
        Column(
            name="button",
            title=later("Do"),
            value=lambda item: item.button,
            show=lambda item: Cell(text=item.button, link=item.link),
        ),
        Column(
            name="since", title=later("Since"), kind=CellKind.MOMENT, value=lambda item: item.since
        ),
        Column(
            name="due",
            title=later("Due"),
            kind=CellKind.MOMENT,
            value=lambda item: item.due,
            show=_due,
        ),
        Column(
            name="for",
            title=later("You stand in for"),
            value=lambda item: ", ".join(item.stands_in_for) or None,
        ),
        Column(
            name="others",
            title=later("Others who may"),
            value=lambda item: ", ".join(item.others) or None,
            show=_others,
        ),
        Column(
            name="urgency",
            title=later("Urgency"),
            value=lambda item: _("overdue") if item.overdue else _("open"),
            order=_urgency,
            shown=False,
        ),
    ),
)


@needs(Permission.VIEW, by=listing)
async def export(request: Request) -> Response:
    """What waits for whoever looks, as a file."""
    app, viewer = app_of(request), viewer_of(request)
    names = viewer.visible(app.deployments.names())
    return await exports.export_all(request, TABLE, await app.inbox.items(viewer, names))


@needs(Permission.VIEW, by=listing)
async def home(request: Request) -> HTMLResponse:
    """What waits for whoever looks, then their use cases."""
    app, viewer = app_of(request), viewer_of(request)
    names = viewer.visible(app.deployments.names())
    items, unattended, absence, in_force, failures, rows = await asyncio.gather(
        app.inbox.items(viewer, names),
        app.inbox.unattended(viewer, names),
        app.absences.of(viewer.name),
        app.halts.in_force(),
        app.failures.list(names),
        asyncio.gather(*(_row(app, name) for name in names)),
    )
    view = tables.read(TABLE, request.query_params)
    part = tables.page_of(TABLE, view, items)
    return page(
        request,
        "inbox.html",
        items=items,
        table=tables.shown(TABLE, view, part, path="/", paged=True, export="/inbox/export"),
        oldest=min((item.since for item in items), default=None),
        unattended=unattended,
        absence=absence,
        rows=rows,
        asks=[
            name
            for name in app.deployments.names()
            if app.deployments.get(name).loaded.declared.library is not None
            and viewer.may(name, Permission.SUBMIT)
        ],
        broken={name: app.broken[name] for name in viewer.visible(app.broken)},
        in_force=[item for item in in_force if viewer.sees(item.use_case)],
        failures=failures,
        admin=viewer.admin,
    )


@needs(by=own)
async def away(request: Request) -> Response:
    """Say until when one is away, and who stands in."""
    form, viewer = await read_form(request), viewer_of(request)
    stand_in = form.get("stand_in", "").strip() or None
    try:
        until = datetime.fromisoformat(form.get("until", "").strip())
    except ValueError:
        problem = AbsenceError(
            sentence("This is no day."), sentence("Give the day on which you are back.")
        )
        return await _again(request, problem)
    try:
        await app_of(request).absences.set(
            viewer.name, until=until.replace(tzinfo=UTC), stand_in=stand_in
        )
    except AbsenceError as error:
        return await _again(request, error)
    return RedirectResponse("/account#away", status_code=303)


@needs(by=own)
async def back(request: Request) -> Response:
    """Say that one is here again."""
    await app_of(request).absences.end(viewer_of(request).name)
    return RedirectResponse("/account#away", status_code=303)


async def _again(request: Request, error: AbsenceError) -> HTMLResponse:
    return await account_page(
        request,
        status=422,
        problem=f"{error.problem} {error.remedy}",
        typed=await read_form(request),
    )


async def _row(app: App, name: str) -> UseCaseRow:
    service = app.deployments.get(name)
    overview, history, release = await asyncio.gather(
        app.monitoring.overview(service.loaded.declared, halted=service.halted),
        app.monitoring.fortnight(name),
        app.releases.current(name),
    )
    return UseCaseRow(
        overview=overview,
        chip=chips.of_use_case(service),
        tasks=sum(row["tasks"] for row in history),
        automatic=sum(row["automatic"] for row in history),
        spark=charts.spark(history, app.clock.now(), days=FORTNIGHT),
        next_step=presentation.next_step(release, _owner(overview)) if release else "",
    )


def _owner(overview: Overview) -> str:
    return overview.pod.get("engineer") or overview.pod.get("domain_lead") or _("the pod")


ROUTES: Sequence[Route] = (
    Route("/", home),
    Route("/inbox/export.{format}", export),
    Route("/account/away", away, methods=["POST"]),
    Route("/account/back", back, methods=["POST"]),
)
