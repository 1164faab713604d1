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
from roadbed.console import charts, chips
from roadbed.console.account import account_page
from roadbed.console.chips import Chip
from roadbed.console.pages import app_of, page
from roadbed.console.sign_in import read_form
from roadbed.insight.monitoring import FORTNIGHT, Overview
from roadbed.people.errors import AbsenceError
from roadbed.people.permissions import Permission
from roadbed.releases import presentation
from roadbed.versions.model import Release


@dataclass(frozen=True, kw_only=True, slots=True)
class UseCaseRow:
    """A use case as a row of the table on *My work*; ``tasks`` are those of the last 14 days."""

    overview: Overview
    chip: Chip
    tasks: int
    automatic: int
    spark: Markup
    next_step: str


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
    return page(
        request,
        "inbox.html",
        items=items,
        oldest=min((item.since for item in items), default=None),
        unattended=unattended,
        absence=absence,
        rows=rows,
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
        problem = AbsenceError("This is no day.", "Give the day on which you are back.")
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
        next_step=_next_step(release, overview) if release else "",
    )


def _next_step(release: Release, overview: Overview) -> str:
    waits = [what.removeprefix("for ") for what, _ in presentation.waiting(release)]
    verb = presentation.VERBS.get(release.next or "")
    step = f"release {release.number}: {verb[0].lower()}" if verb else f"release {release.number}"
    return f"{step}, waits for {', '.join(waits)}" if waits else f"{step} ({_owner(overview)})"


def _owner(overview: Overview) -> str:
    return overview.pod.get("engineer") or overview.pod.get("domain_lead") or "the pod"


ROUTES: Sequence[Route] = (
    Route("/", home),
    Route("/account/away", away, methods=["POST"]),
    Route("/account/back", back, methods=["POST"]),
)
