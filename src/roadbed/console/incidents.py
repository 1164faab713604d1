"""The record of an incident."""

from __future__ import annotations

from datetime import UTC, datetime

from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from roadbed.access import needs
from roadbed.console.pages import app_of, form_of, person_of, usecase_page
from roadbed.kernel.messages import gettext as _
from roadbed.kernel.sentences import sentence
from roadbed.people.permissions import Permission
from roadbed.receipts.errors import IncidentError
from roadbed.usecases.errors import UnknownUseCaseError


@needs(Permission.INCIDENT)
async def ask(request: Request) -> HTMLResponse:
    """From when to when, and what happened."""
    person_of(request)
    return await _ask(request, {})


@needs(Permission.INCIDENT)
async def declare(request: Request) -> Response:
    """Record the incident, and redirect to its page."""
    person, name = person_of(request), _name(request)
    form = await form_of(request)
    title, since, until = (form.get(field, "").strip() for field in ("title", "since", "until"))
    if not title:
        return await _ask(request, form, problem=_("Describe what happened; other people read it."))
    try:
        incident = await app_of(request).incidents.declare(
            name,
            title=title,
            since=_time(since),
            until=_time(until) if until else None,
            actor=person,
        )
    except IncidentError as error:
        return await _ask(request, form, problem=f"{error.problem} {error.remedy}")
    return RedirectResponse(f"/usecases/{name}/incidents/{incident.id}", status_code=303)


@needs(Permission.VIEW)
async def incident(request: Request) -> HTMLResponse:
    """What an incident touched, in numbers, and the file with all of it."""
    person, name = person_of(request), _name(request)
    summary = await app_of(request).incidents.summary(
        name, request.path_params["incident_id"], viewer=person
    )
    return await usecase_page(
        request, "incident.html", name, found=summary, served=name in _served(request)
    )


@needs(Permission.VIEW)
async def download(request: Request) -> Response:
    """All of an incident in one file."""
    person, name = person_of(request), _name(request)
    incident_id = request.path_params["incident_id"]
    record = await app_of(request).incidents.record(name, incident_id, viewer=person)
    filename = f"incident-{name}-{record['incident']}.json"
    return Response(
        to_json(record, indent=2),
        media_type="application/json",
        headers={"Content-Disposition": f'attachment; filename="{filename}"'},
    )


async def _ask(
    request: Request, form: dict[str, str], *, problem: str | None = None
) -> HTMLResponse:
    name = _name(request)
    usual = await app_of(request).incidents.usual_start(name)
    return await usecase_page(
        request,
        "incident_ask.html",
        name,
        422 if problem else 200,
        title=form.get("title", ""),
        since=form.get("since") or f"{usual:%Y-%m-%dT%H:%M:%S}",
        until=form.get("until", ""),
        problem=problem,
        served=name in _served(request),
    )


def _time(typed: str) -> datetime:
    """The value of a date and time field, as UTC."""
    try:
        moment = datetime.fromisoformat(typed)
    except ValueError:
        raise IncidentError(
            sentence("This is not a valid time."),
            sentence("Write it as 2026-11-21T09:00; times are in UTC."),
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _name(request: Request) -> str:
    """The requested use case; one with a broken folder has incidents too."""
    name: str = request.path_params["name"]
    if name not in _served(request) and name not in app_of(request).broken:
        raise UnknownUseCaseError(name)
    return name


def _served(request: Request) -> list[str]:
    return list(app_of(request).deployments.names())


ROUTES = (
    Route("/usecases/{name}/incidents", ask),
    Route("/usecases/{name}/incidents", declare, methods=["POST"]),
    Route("/usecases/{name}/incidents/{incident_id}", incident),
    Route("/usecases/{name}/incidents/{incident_id}/file", download),
)
