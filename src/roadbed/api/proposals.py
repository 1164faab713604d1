"""Proposals over HTTP: suggestions, decisions on them, quality of examples."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from roadbed.access import by_proposal, needs
from roadbed.api.deps import (
    app_of,
    as_json,
    json_object,
    person_of,
    readable_of,
    reader_of,
    usecase_of,
)
from roadbed.api.problems import RequestError, text_field, unknown_fields
from roadbed.improvement.model import Proposal
from roadbed.improvement.prompt_optimization.optimizer import MOST_CALLS, USUAL_CALLS, PromptBudget
from roadbed.people.permissions import Permission

router = APIRouter()
State = Literal["open", "accepted", "rejected", "withdrawn"]
_NOTE = {"note": {"type": "string", "maxLength": 4000}}


def _body(properties: Mapping[str, Any]) -> dict[str, Any]:
    schema = {"type": "object", "additionalProperties": False, "properties": properties}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


@router.post("/usecases/{name}/proposals")
@needs(Permission.IMPROVE)
async def suggest(name: str, request: Request) -> Response:
    """Mine corrections and examples now; returns the open proposals, best first."""
    person = person_of(request)
    usecase_of(request, name)
    app = app_of(request)
    suggested = await app.proposals.suggest(app.deployments.get(name).loaded, actor=person)
    return as_json({"proposals": await readable_of(request).proposals(suggested)})


@router.get("/usecases/{name}/proposals")
@needs(Permission.VIEW)
async def proposals(
    name: str,
    request: Request,
    state: Annotated[list[State] | None, Query(max_length=4)] = None,
) -> Response:
    """Proposals, the best first; open ones, or those in ``state``, which may be repeated."""
    person_of(request)
    usecase_of(request, name)
    listed = await app_of(request).proposals.list(name, states=state or ["open"])
    return as_json({"proposals": await readable_of(request).proposals(listed)})


@router.post(
    "/usecases/{name}/prompt-search",
    openapi_extra=_body(
        {
            "calls": {"type": "integer", "minimum": 1, "maximum": MOST_CALLS},
            "money": {"type": "string", "description": "At most, in the price's currency."},
        }
    ),
)
@needs(Permission.IMPROVE)
async def search(name: str, request: Request) -> Response:
    """Start a search for a better prompt; its result becomes a proposal."""
    person = person_of(request)
    usecase_of(request, name)
    body = await json_object(request)
    unknown_fields(body, {"calls", "money"}, "Send calls and money, or an empty object.")
    app = app_of(request)
    begun = app.prompt_search.start(
        app.deployments.get(name).loaded, budget=_budget(body), actor=person
    )
    return as_json({"search": begun}, 202)


@router.get("/usecases/{name}/prompt-search")
@needs(Permission.VIEW)
async def searched(name: str, request: Request) -> Response:
    """The search for a better prompt that runs on this server, or the last one."""
    person_of(request)
    usecase_of(request, name)
    return as_json({"search": app_of(request).prompt_search.last(name)})


def _budget(body: Mapping[str, Any]) -> PromptBudget:
    calls, money = body.get("calls", USUAL_CALLS), text_field(body, "money", most=40)
    if type(calls) is not int or not 1 <= calls <= MOST_CALLS:
        raise RequestError("calls is no number of replies.", f"Send 1 to {MOST_CALLS:,}.")
    try:
        limit = Decimal(money) if money else None
    except InvalidOperation:
        limit = Decimal(-1)
    if limit is not None and not (limit.is_finite() and limit > 0):
        raise RequestError("money is no amount.", 'Send a number as text, such as "2.50".')
    return PromptBudget(calls=calls, money=limit)


@router.get("/usecases/{name}/examples/quality")
@needs(Permission.VIEW)
async def quality(name: str, request: Request) -> Response:
    """Contradictions and repetitions among the examples that teach."""
    usecase_of(request, name)
    app = app_of(request)
    reader = await reader_of(request, name)
    return as_json({"quality": await app.proposals.quality(name, reader)})


@router.get("/proposals/{proposal_id}")
@needs(Permission.VIEW, by=by_proposal)
async def proposal(proposal_id: str, request: Request) -> Response:
    """One proposal: its support, its cases, its change."""
    person_of(request)
    return await _told(request, await app_of(request).proposals.get(proposal_id))


@router.post(
    "/proposals/{proposal_id}/accept",
    openapi_extra=_body(
        {"edited": {"type": "object", "description": "The change as you want it."}, **_NOTE}
    ),
)
@needs(Permission.IMPROVE, by=by_proposal)
async def accept(proposal_id: str, request: Request) -> Response:
    """Make it a part of the next version, if need be as ``edited``."""
    person = person_of(request)
    body = await json_object(request)
    unknown_fields(body, {"edited", "note"}, "Send edited and note, or an empty object.")
    edited = body.get("edited")
    if edited is not None and not isinstance(edited, dict):
        raise RequestError("edited is not an object.", "Send the fields of the change.")
    proposal = await app_of(request).proposals.accept(
        proposal_id, person=person, edited=edited, note=text_field(body, "note", most=4000)
    )
    return await _told(request, proposal)


@router.post("/proposals/{proposal_id}/reject", openapi_extra=_body(_NOTE))
@needs(Permission.IMPROVE, by=by_proposal)
async def reject(proposal_id: str, request: Request) -> Response:
    """Turn it down; it comes back only if twice as many cases speak for it."""
    person = person_of(request)
    body = await json_object(request)
    unknown_fields(body, {"note"}, "Send note, or an empty object.")
    proposal = await app_of(request).proposals.reject(
        proposal_id, person=person, note=text_field(body, "note", most=4000)
    )
    return await _told(request, proposal)


@router.post("/proposals/{proposal_id}/take-back")
@needs(Permission.IMPROVE, by=by_proposal)
async def take_back(proposal_id: str, request: Request) -> Response:
    """Undo a decision on a proposal."""
    person = person_of(request)
    proposal = await app_of(request).proposals.take_back(proposal_id, person=person)
    return await _told(request, proposal)


async def _told(request: Request, proposal: Proposal) -> Response:
    return as_json({"proposal": await readable_of(request).proposal(proposal)})
