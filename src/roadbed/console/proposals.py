"""Proposals: cards with their cases, the decision on each, contradictions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from roadbed.access import by_proposal, needs
from roadbed.console import formatting
from roadbed.console.pages import (
    app_of,
    kept_for,
    page,
    person_of,
    readable_of,
    use_of_answers,
    usecase_page,
)
from roadbed.improvement.errors import ProposalDecidedError, ProposalEditError
from roadbed.improvement.prompt_optimization.optimizer import PromptBudget
from roadbed.kernel.errors import RoadbedError
from roadbed.kernel.json import read_json
from roadbed.kernel.sentences import sentence
from roadbed.models.prompts.prompted import Prompted
from roadbed.people.permissions import Permission

_MOST = 50
_LONGEST = 20_000
_DECIDED = ("accepted", "rejected")
_FIELDS = ("when", "meant", "value", "by")  # kinds that can be edited
Form = Mapping[str, str]


@needs(Permission.VIEW)
async def improve(request: Request) -> HTMLResponse:
    """Open and decided proposals, and contradictions."""
    person_of(request)
    return await _improve(request, request.path_params["name"])


@needs(Permission.IMPROVE)
async def look(request: Request) -> Response:
    """Mine for proposals now."""
    person, app = person_of(request), app_of(request)
    loaded = app.service(request.path_params["name"]).loaded
    await app.proposals.suggest(loaded, actor=person)
    return RedirectResponse(f"/usecases/{loaded.name}/proposals", status_code=303)


@needs(Permission.IMPROVE)
async def search(request: Request) -> Response:
    """Begin to search for a better prompt."""
    person, app, name = person_of(request), app_of(request), request.path_params["name"]
    loaded = app.service(name).loaded
    try:
        app.prompt_search.start(loaded, budget=PromptBudget(), actor=person)
    except RoadbedError as error:
        problem = {"id": "", "text": f"{error.problem} {error.remedy}"}
        return await _improve(request, name, status=409, problem=problem)
    return RedirectResponse(f"/usecases/{name}/proposals#prompt", status_code=303)


@needs(Permission.VIEW)
async def quality(request: Request) -> HTMLResponse:
    """Contradictions and repetitions among the examples; takes seconds when there are many."""
    app, name = app_of(request), request.path_params["name"]
    app.service(name)
    report = await kept_for(
        request,
        "quality",
        name,
        lambda reader: app.proposals.quality(name, reader),
        about=await app.examples.counts(name),
    )
    if request.headers.get("x-part"):
        return page(request, "quality_part.html", quality=report)
    return await usecase_page(request, "quality.html", name, quality=report)


@needs(Permission.IMPROVE, by=by_proposal)
async def decide(request: Request) -> Response:
    """A person's decision on a proposal; an error is shown on its card."""
    person, app = person_of(request), app_of(request)
    body = (await request.body()).decode(errors="replace")
    form = {name: text[:_LONGEST] for name, text in parse_qsl(body, keep_blank_values=True)}
    proposal_id = request.path_params["proposal_id"]
    proposal = await app.proposals.get(proposal_id)
    note = form.get("note", "")
    try:
        if form.get("what") == "take-back":
            await app.proposals.take_back(proposal_id, person=person)
        elif form.get("what") == "reject":
            await app.proposals.reject(proposal_id, person=person, note=note)
        else:
            edited = _edited(form) if form.get("what") == "edit" else None
            await app.proposals.accept(proposal_id, person=person, edited=edited, note=note)
    except (ProposalDecidedError, ProposalEditError) as error:
        status = 409 if isinstance(error, ProposalDecidedError) else 422
        problem = {"id": proposal_id, "text": f"{error.problem} {error.remedy}"}
        return await _improve(request, proposal.use_case, status=status, problem=problem, form=form)
    return RedirectResponse(f"/usecases/{proposal.use_case}/proposals", status_code=303)


async def _improve(
    request: Request,
    name: str,
    *,
    status: int = 200,
    problem: Mapping[str, str] | None = None,
    form: Form | None = None,
) -> HTMLResponse:
    app = app_of(request)
    service = app.service(name)
    readable = readable_of(request)
    waiting = await readable.proposals(await app.proposals.list(name, most=_MOST))
    decided = await readable.proposals(await app.proposals.list(name, states=_DECIDED, most=_MOST))
    return await usecase_page(
        request,
        "improve.html",
        name,
        status,
        waiting=waiting,
        decided=sorted(decided, key=lambda proposal: str(proposal.decided_at), reverse=True),
        headline=formatting.proposals_waiting(waiting),
        prompted=isinstance(service.loaded.declared.function, Prompted),
        search=app.prompt_search.last(name),
        use_of_answers=await use_of_answers(app, name),
        problem=problem or {},
        form=form or {},
    )


def _edited(form: Form) -> dict[str, Any]:
    """The fields of a change as they were typed. Raises ``ProposalEditError``."""
    edited: dict[str, Any] = {name: form[name].strip() for name in _FIELDS if name in form}
    if "set" in form:
        typed = form["set"].strip()
        try:
            edited["set"] = read_json(typed) if typed else None
        except (ValueError, RecursionError) as error:
            detail = sentence("the values to set are no JSON (%(error)s)", error=error)
            raise ProposalEditError(detail) from error
    return edited


ROUTES = (
    Route("/usecases/{name}/proposals", improve),
    Route("/usecases/{name}/proposals", look, methods=["POST"]),
    Route("/usecases/{name}/examples/quality", quality),
    Route("/usecases/{name}/prompt-search", search, methods=["POST"]),
    Route("/proposals/{proposal_id}", decide, methods=["POST"]),
)
