"""Deliveries: their states, those that need a person, and one delivery with its buttons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from roadbed.access import by_delivery, needs, require, viewer_of
from roadbed.console import chips, formatting, tables
from roadbed.console import export as exports
from roadbed.console.pages import app_of, person_of, readable_of, usecase_page
from roadbed.console.tables import Cell, Column, DataTable, TableView, words
from roadbed.deliveries.approvals import resolutions
from roadbed.deliveries.errors import ApprovalError, DeliveryStateError
from roadbed.deliveries.model import FOR_PEOPLE, DeliveryState, ListedDelivery
from roadbed.exports.model import CellKind
from roadbed.kernel.messages import gettext as _
from roadbed.kernel.messages import later
from roadbed.kernel.paging import Slice
from roadbed.people.permissions import Permission, to_say
from roadbed.usecases.use_case import UseCase

_PAGE_SIZE = 50
# Deliveries that were not needed: a list shows their number alone.
_NOISE = (DeliveryState.SKIPPED, DeliveryState.CANCELLED)
_OTHERS = [state for state in DeliveryState if state not in FOR_PEOPLE]


def _reason(row: ListedDelivery) -> str:
    if row.withheld:
        return _("shown after its task is reviewed")
    return formatting.sentence(row.reason)


def _link(row: ListedDelivery) -> str:
    return f"/deliveries/{row.id}"


def _what(row: ListedDelivery) -> str:
    told = {"kind": row.kind.capitalize(), "destination": row.destination}
    return _("%(kind)s to %(destination)s") % told


TABLE: DataTable[ListedDelivery] = DataTable(
    name="deliveries",
    key=lambda row: row.id,
    link=_link,
    sorts=("planned",),
    sort="-planned",
    filters={"state": (*DeliveryState, "people", "all")},
    page_size=_PAGE_SIZE,
    columns=(
        Column(name="task", title=later("Task"), value=lambda row: words(row.input)),
        Column(
            name="what",
            title=later("What"),
            value=_what,
            show=lambda row: Cell(text=_what(row), link=_link(row)),
        ),
        Column(
            name="state",
            title=later("State"),
            value=lambda row: chips.DELIVERIES[row.state].word,
            show=lambda row: Cell(
                chip=chips.DELIVERIES[row.state], detail=formatting.DELIVERY_STATES[row.state][1]
            ),
        ),
        Column(name="reason", title=later("Reason"), value=_reason),
        Column(
            name="planned",
            title=later("Planned"),
            kind=CellKind.MOMENT,
            value=lambda row: row.created_at,
        ),
        Column(
            name="until",
            title=later("Approve until"),
            kind=CellKind.MOMENT,
            value=lambda row: row.approve_until,
            shown=False,
        ),
        Column(
            name="ended",
            title=later("Ended"),
            kind=CellKind.MOMENT,
            value=lambda row: row.done_at,
            shown=False,
        ),
        Column(
            name="attempts",
            title=later("Attempts"),
            kind=CellKind.WHOLE,
            value=lambda row: row.attempt,
            shown=False,
        ),
        Column(
            name="approved",
            title=later("Approved by"),
            value=lambda row: row.approved_by,
            shown=False,
        ),
        Column(
            name="task-id",
            title=later("Task id"),
            value=lambda row: row.task_id,
            show=lambda row: Cell(text=row.task_id, link=f"/receipts/{row.task_id}"),
            shown=False,
        ),
        Column(name="id", title=later("Id"), value=lambda row: row.id, shown=False),
    ),
)


@needs(Permission.VIEW)
async def deliveries(request: Request) -> HTMLResponse:
    """Counts by destination; then what needs a person, then the rest, newest first."""
    app, name = app_of(request), request.path_params["name"]
    declared, readable = app.service(name).loaded.declared, readable_of(request)
    view = tables.read(TABLE, request.query_params)
    asked, path = view.filters.get("state"), f"/usecases/{name}/deliveries"
    overview = await app.deliveries.overview(name)
    urgent = None
    if asked is None and view.first_page:
        # The most urgent first, so this is no page of the list: it has no exports.
        waiting = await readable.portion(
            name, await app.deliveries.page(name, Slice(most=_PAGE_SIZE), states=FOR_PEOPLE)
        )
        rows = sorted(waiting.rows, key=lambda row: FOR_PEOPLE.index(row.state))
        first = tables.shown(
            TABLE,
            replace(view, columns=[*view.columns, "until"]),
            replace(waiting, rows=rows),
            path=path,
        )
        urgent = replace(first, name="urgent", downloads=(), earlier="", later="")
    part = await readable.portion(
        name, await app.deliveries.page(name, view.slice(TABLE), states=_states(view))
    )
    counts = _counts(declared, overview["destinations"])
    totals = {state: sum(row.get(state, 0) for row in counts.values()) for state in _in_order()}
    return await usecase_page(
        request,
        "deliveries.html",
        name,
        counts=counts,
        totals={delivery: n for delivery, n in totals.items() if n},
        waiting=sum(totals[state] for state in FOR_PEOPLE),
        left_out=sum(totals[state] for state in _NOISE) if asked is None else 0,
        circuits=overview["circuits"],
        asked=asked,
        urgent=urgent if urgent and urgent.rows else None,
        table=tables.shown(TABLE, view, part, path=path),
    )


@needs(Permission.VIEW)
async def export(request: Request) -> Response:
    """The deliveries of a view as a file."""
    app, name = app_of(request), request.path_params["name"]
    app.service(name)
    view = tables.read(TABLE, request.query_params)
    batches = readable_of(request).batches(
        name,
        app.deliveries.every(name, view.slice(TABLE, everything=True), states=_states(view)),
    )
    return await exports.export(request, TABLE, view, batches, use_case=name)


def _states(view: TableView) -> Sequence[DeliveryState]:
    """The states of a view; by itself those of the list below what needs a person."""
    asked = view.filters.get("state")
    if asked in set(DeliveryState):
        return [DeliveryState(asked)]
    if asked == "people":
        return FOR_PEOPLE
    if asked == "all" or view.selected is not None:
        return list(DeliveryState)
    return [state for state in _OTHERS if state not in _NOISE]


@needs(Permission.VIEW, by=by_delivery)
async def delivery(request: Request) -> HTMLResponse:
    """One delivery: its exact content, its attempts, and the possible decisions."""
    return await _delivery(request)


@needs(Permission.APPROVE, Permission.DELIVER, by=by_delivery)
async def say(request: Request) -> Response:
    """A person's decision on a delivery; an error is shown beside the buttons."""
    person = person_of(request)
    app = app_of(request)
    form = dict(parse_qsl((await request.body()).decode(errors="replace")))
    delivery_id = request.path_params["delivery_id"]
    target, _rest = await app.deliveries.get(delivery_id, served=app.deployments.names())
    require(request, to_say(form.get("what", "")), target.use_case)
    try:
        if form.get("what") == "approve":
            await readable_of(request).check_approval(target)
        await app.deliveries.resolve(
            delivery_id,
            form.get("what", ""),
            person=person,
            served=app.deployments.names(),
            content_hash=form.get("hash") or None,
            note=form.get("note", "")[:4000].replace("\0", ""),
        )
    except (ApprovalError, DeliveryStateError) as error:
        problem = f"{error.problem} {error.remedy}"
        return await _delivery(request, status=409, problem=problem, note=form.get("note", ""))
    return RedirectResponse(f"/deliveries/{delivery_id}", status_code=303)


@needs(Permission.DELIVER)
async def replay(request: Request) -> Response:
    """All that failed at one destination, again."""
    person = person_of(request)
    name = request.path_params["name"]
    app = app_of(request)
    app.service(name)
    form = dict(parse_qsl((await request.body()).decode(errors="replace")))
    await app.deliveries.replay(name, form.get("destination", ""), person=person)
    return RedirectResponse(f"/usecases/{name}/deliveries", status_code=303)


async def _delivery(
    request: Request, *, status: int = 200, problem: str | None = None, note: str = ""
) -> HTMLResponse:
    app = app_of(request)
    stored = await app.deliveries.get(
        request.path_params["delivery_id"], served=app.deployments.names()
    )
    content, attempts = await readable_of(request).delivery(*stored)
    # Who cannot read it has no hash of it to approve.
    unread = content.content_hash is None and stored[0].content_hash is not None
    return await usecase_page(
        request,
        "delivery.html",
        content.use_case,
        status,
        delivery=content,
        attempts=attempts,
        note=note,
        content=None if content.content is None else formatting.readable(content.content),
        says=[
            formatting.say(what, content)
            for what in resolutions(content.state)
            if not (unread and what == "approve")
            and viewer_of(request).may(content.use_case, to_say(what))
        ],
        problem=problem,
    )


def _in_order() -> list[DeliveryState]:
    """What needs people first."""
    return [*FOR_PEOPLE, *_OTHERS]


def _counts(
    declared: UseCase, counted: Mapping[str, Mapping[str, int]]
) -> dict[str, Mapping[str, Any]]:
    """Every destination and action declared, and those that were once."""
    names = [*declared.destinations, *declared.actions]
    names += [name for name in sorted(counted) if name not in names]
    return {name: counted.get(name, {}) for name in names}
