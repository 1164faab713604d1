"""Deliveries: their states, those that need a person, and one delivery with its buttons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from roadbed.access import by_delivery, needs, require, viewer_of
from roadbed.console import formatting
from roadbed.console.pages import app_of, person_of, usecase_page
from roadbed.deliveries.approvals import resolutions
from roadbed.deliveries.errors import ApprovalError, DeliveryStateError
from roadbed.deliveries.model import FOR_PEOPLE, Delivery, DeliveryState
from roadbed.people.permissions import Permission, to_say
from roadbed.usecases.use_case import UseCase

_PAGE_SIZE = 50
_OTHERS = [state for state in DeliveryState if state not in FOR_PEOPLE]


@needs(Permission.VIEW)
async def deliveries(request: Request) -> HTMLResponse:
    """Counts by destination; then what needs a person, then the rest, newest first."""
    app = app_of(request)
    name = request.path_params["name"]
    declared = app.service(name).loaded.declared
    state = _state(request.query_params.get("state"))
    before = (request.query_params.get("before") or "")[:80] or None
    overview = await app.deliveries.overview(name)
    urgent: Sequence[Delivery] = []
    if state is None and before is None:
        waiting = await app.deliveries.list(name, states=FOR_PEOPLE, most=_PAGE_SIZE)
        urgent = sorted(waiting, key=lambda delivery: FOR_PEOPLE.index(delivery.state))
    rows = await app.deliveries.list(
        name, states=[state] if state else _OTHERS, before=before, most=_PAGE_SIZE
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
        circuits=overview["circuits"],
        asked=state,
        more_of=before,
        urgent=urgent,
        rows=rows,
        more=rows[-1].id if len(rows) == _PAGE_SIZE else None,
    )


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
    target, _ = await app.deliveries.get(delivery_id, served=app.deployments.names())
    require(request, to_say(form.get("what", "")), target.use_case)
    try:
        await app.deliveries.resolve(
            delivery_id,
            form.get("what", ""),
            person=person,
            served=app.deployments.names(),
            content_hash=form.get("hash") or None,
            note=form.get("note", "")[:4000].replace("\0", ""),
        )
    except (ApprovalError, DeliveryStateError) as error:
        return await _delivery(request, status=409, problem=f"{error.problem} {error.remedy}")
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
    request: Request, *, status: int = 200, problem: str | None = None
) -> HTMLResponse:
    app = app_of(request)
    content, attempts = await app.deliveries.get(
        request.path_params["delivery_id"], served=app.deployments.names()
    )
    return await usecase_page(
        request,
        "delivery.html",
        content.use_case,
        status,
        delivery=content,
        attempts=attempts,
        content=None if content.content is None else formatting.readable(content.content),
        says=[
            formatting.say(what, content)
            for what in resolutions(content.state)
            if viewer_of(request).may(content.use_case, to_say(what))
        ],
        problem=problem,
    )


def _state(asked: str | None) -> DeliveryState | None:
    return DeliveryState(asked) if asked in set(DeliveryState) else None


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
