"""The console's routes."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Match, Mount, Route
from starlette.types import Scope

from roadbed.access import guard, listing, needs, viewer_of
from roadbed.console import (
    account,
    charts,
    chips,
    citations,
    components,
    deliveries,
    documents,
    formatting,
    gaps,
    halts,
    inbox,
    incidents,
    jobs,
    labels,
    notebooks,
    notices,
    outcomes,
    palette,
    people,
    proposals,
    questions,
    receipts,
    release_cases,
    releases,
    renamed,
    reviews,
    sign_in,
    static_files,
    timeline,
    trust,
    versions,
)
from roadbed.console.languages import Language
from roadbed.console.live import LivePages, SeenFrom
from roadbed.console.pages import app_of, page, problem_page, typed_in, usecase_page
from roadbed.guarantee.presentation import STATES
from roadbed.kernel.errors import RoadbedError
from roadbed.kernel.messages import gettext as _
from roadbed.people.errors import NotSignedInError
from roadbed.people.permissions import Permission


def create() -> Starlette:
    """The console alone; ``web.py`` mounts it and gives it its running app."""
    static = Mount(static_files.PREFIX, static_files.serve)
    routes = pages()
    app: Starlette = Starlette(
        routes=[*guard([*renamed.old_routes(routes), *routes]), static],
        exception_handlers={RoadbedError: _on_error, HTTPException: _on_http_error},
        middleware=[Middleware(Language), Middleware(SeenFrom, live=lambda: app.state.live)],
    )
    app.state.live = LivePages(app, partial(_is_live, app.routes))
    return app


def pages() -> list[Route]:
    """The routes of all pages, and of what their forms and parts call."""
    return [
        *inbox.ROUTES,
        *palette.ROUTES,
        *components.ROUTES,
        Route("/usecases", usecases),
        *sign_in.ROUTES,
        *account.ROUTES,
        *people.ROUTES,
        Route("/live", live),
        Route("/usecases/{name}", usecase),
        Route("/usecases/{name}/trust", trust.trust),
        Route("/usecases/{name}/weak", trust.weak),
        Route("/notices/{notice_id}/seen", notices.seen, methods=["POST"]),
        Route("/usecases/{name}/reviews", reviews.desk),
        Route("/usecases/{name}/reviews/next", reviews.next_item, methods=["POST"]),
        Route("/usecases/{name}/labels", labels.labels),
        Route("/usecases/{name}/labels", labels.decide, methods=["POST"]),
        Route("/usecases/{name}/reviews/{review_id}", reviews.give, methods=["POST"]),
        Route("/usecases/{name}/reviews/{review_id}/skip", reviews.skip, methods=["POST"]),
        Route("/usecases/{name}/reviews/{review_id}/undo", reviews.undo, methods=["POST"]),
        Route("/receipts/{task_id}/undo", reviews.undo_on_receipt, methods=["POST"]),
        Route("/usecases/{name}/deliveries", deliveries.deliveries),
        Route("/usecases/{name}/deliveries/export.{format}", deliveries.export),
        Route("/usecases/{name}/deliveries/replay", deliveries.replay, methods=["POST"]),
        Route("/deliveries/{delivery_id}", deliveries.delivery),
        Route("/deliveries/{delivery_id}", deliveries.say, methods=["POST"]),
        *outcomes.ROUTES,
        *citations.ROUTES,
        *documents.ROUTES,
        *questions.ROUTES,
        *gaps.ROUTES,
        *receipts.ROUTES,
        *proposals.ROUTES,
        *incidents.ROUTES,
        *jobs.ROUTES,
        Route("/usecases/{name}/notebook", notebooks.notebook),
        Route("/usecases/{name}/versions", versions.versions),
        Route("/usecases/{name}/versions/export.{format}", versions.export),
        Route("/usecases/{name}/versions/{named}", versions.difference),
        *releases.ROUTES,
        *release_cases.ROUTES,
        Route("/usecases/{name}/halt", halts.halt_page),
        Route("/usecases/{name}/halt", halts.halt, methods=["POST"]),
        Route("/usecases/{name}/resume", halts.resume, methods=["POST"]),
        Route("/usecases/{name}/drill", halts.drill, methods=["POST"]),
        Route("/halt", halts.halt_all_page),
        Route("/halt", halts.halt_all, methods=["POST"]),
    ]


@needs(Permission.VIEW, by=listing)
async def usecases(request: Request) -> HTMLResponse:
    """Every use case with its headline."""
    app, viewer = app_of(request), viewer_of(request)
    rows = []
    for name in viewer.visible(app.deployments.names()):
        service = app.deployments.get(name)
        overview = await app.monitoring.overview(service.loaded.declared, halted=service.halted)
        rows.append((overview, formatting.headline(overview, service.live, app.clock.now())))
    return page(
        request,
        "usecases.html",
        rows=rows,
        broken={name: app.broken[name] for name in viewer.visible(app.broken)},
        in_force=[halt for halt in await app.halts.in_force() if viewer.sees(halt.use_case)],
        failures=await app.failures.list(viewer.visible(app.deployments.names())),
    )


@needs(Permission.VIEW)
async def usecase(request: Request) -> HTMLResponse:
    """One use case: automation, guarantee, open work."""
    app = app_of(request)
    service = app.service(request.path_params["name"])
    name, declared = service.loaded.declared.name, service.loaded.declared
    days = 14 if request.query_params.get("days") == "14" else 1
    overview, history, halted, allowances, sent, notices = await asyncio.gather(
        app.monitoring.overview(declared, halted=service.halted),
        app.monitoring.history(name) if days == 1 else app.monitoring.fortnight(name),
        app.halts.history(name),
        app.budgets.report(name, declared.budget),
        app.kept_figures.read("sent", name, lambda: app.deliveries.overview(name)),
        app.notices.list(name),
    )
    now = app.clock.now()
    proof = (overview.version.certificate if overview.version else None) or {}
    curve = proof.get("detail", {}).get("curve", [])
    return await usecase_page(
        request,
        "usecase.html",
        overview.use_case,
        halts=halted,
        budget=declared.budget,
        allowances=[(period, charts.budget(period)) for period in allowances],
        deliveries=sent,
        overview=overview,
        live=service.live,
        state_words=_(STATES[service.live.state]),
        chip=chips.of_use_case(service),
        notices=notices,
        failures=await app.failures.list([name]),
        proof=proof,
        curve=curve,
        headline=formatting.headline(overview, service.live, now),
        curve_plot=charts.risk_coverage(
            curve,
            limit=overview.risk_limit,
            threshold=None if service.live.cautious else service.live.threshold,
        ),
        days=days,
        volume=charts.volume(history, now, days=days),
        history=history,
        **await timeline.timeline(request, overview.use_case),
    )


@needs(Permission.VIEW, by=listing)
async def live(request: Request) -> StreamingResponse:
    """What changes on the page that ``page`` names, for as long as it is open."""
    pages: LivePages = request.app.state.live
    events = await pages.stream(request, viewer_of(request))
    return StreamingResponse(events, media_type="text/event-stream")


# Pages that show what changes. The stream renders no other: opening one may be recorded.
_LIVE = frozenset(
    {
        inbox.home,
        usecases,
        usecase,
        trust.trust,
        labels.labels,
        jobs.jobs,
        documents.documents,
        reviews.desk,
        questions.question,
        deliveries.deliveries,
        deliveries.delivery,
        releases.releases,
        releases.release,
    }
)


def _is_live(routes: Sequence[BaseRoute], scope: Scope) -> bool:
    for route in routes:
        if route.matches(scope)[0] is Match.FULL:
            return isinstance(route, Route) and route.endpoint in _LIVE
    return False


async def _on_error(request: Request, error: Exception) -> Response:
    if not isinstance(error, RoadbedError):
        raise error
    if isinstance(error, NotSignedInError):
        return sign_in.not_signed_in(request, error, await typed_in(request))
    return problem_page(request, error, await typed_in(request))


async def _on_http_error(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    return page(
        request,
        "problem.html",
        error.status_code,
        problem=_("There is no such page."),
        remedy=_("Go back to the use cases."),
    )
