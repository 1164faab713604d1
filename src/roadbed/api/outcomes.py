"""What turned out, over HTTP: reported one by one or many at once, listed, taken back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from roadbed.access import by_outcome, needs
from roadbed.api.deps import app_of, as_json, json_object, person_of, readable_of, usecase_of
from roadbed.api.problems import RequestError
from roadbed.kernel.errors import RoadbedError
from roadbed.outcomes.model import Reported
from roadbed.outcomes.report_form import LONGEST
from roadbed.outcomes.service import MOST_AT_ONCE
from roadbed.people.permissions import Permission

router = APIRouter()
_TEXTS = {
    "task": "The id of its receipt; this or task_key.",
    "task_key": "The key that the task was sent with.",
    "note": "For whoever reviews it.",
    "source": "The system that knows.",
    "key": "The same key and content are kept once; left out, the content is the key.",
}
_ONE = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "right": {"type": "boolean", "description": "Whether the answer was right."},
        "output": {"type": "object", "description": "What is right, as the use case declares it."},
        "happened_at": {"type": "string", "format": "date-time"},
        **{
            name: {"type": "string", "maxLength": LONGEST[name], "description": what}
            for name, what in _TEXTS.items()
        },
    },
}
_MANY = {
    "type": "object",
    "required": ["outcomes"],
    "additionalProperties": False,
    "properties": {
        "outcomes": {"type": "array", "minItems": 1, "maxItems": MOST_AT_ONCE, "items": _ONE}
    },
}
_CONTENT = {"application/json": {"schema": {"anyOf": [_ONE, _MANY]}}}
_BODY = {"requestBody": {"required": True, "content": _CONTENT}}


@router.post("/usecases/{name}/outcomes", openapi_extra=_BODY)
@needs(Permission.REPORT_OUTCOMES)
async def report(name: str, request: Request) -> Response:
    """Report outcomes. Each of many gets its own result: the outcome, or its problem."""
    person, declared = person_of(request), usecase_of(request, name)
    body, outcomes = await json_object(request), app_of(request).outcomes
    if "outcomes" not in body:
        [result] = await _results(request, [await outcomes.report(declared, body, by=person)])
        return as_json(result)
    many = body["outcomes"]
    if len(body) > 1 or not isinstance(many, list) or not 0 < len(many) <= MOST_AT_ONCE:
        raise RequestError(
            f"outcomes is no list of 1 to {MOST_AT_ONCE:,} reports by itself.",
            'Send {"outcomes": [{"task": "tsk_…", "right": false}, …]} and nothing else.',
        )
    results_of_all = await outcomes.report_many(declared, many, by=person)
    kept = sum(isinstance(item, Reported) for item in results_of_all)
    results = await _results(request, results_of_all)
    return as_json({"kept": kept, "refused": len(results_of_all) - kept, "results": results})


@router.get("/usecases/{name}/outcomes")
@needs(Permission.VIEW)
async def outcomes(
    name: str,
    request: Request,
    cursor: Annotated[str | None, Query(max_length=60)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    against: Annotated[
        Literal["verdict"] | None, Query(description="Those that say a verdict is wrong.")
    ] = None,
) -> Response:
    """The newest first, and what they say of automatic answers. Pass ``next`` on as ``cursor``."""
    declared, book = usecase_of(request, name), app_of(request).outcomes.repository
    newest = await book.newest(name, most=limit, before=cursor, contradicting=against == "verdict")
    shown = replace(newest, outcomes=await readable_of(request).outcomes(newest.outcomes))
    return as_json({"summary": await book.summary(declared), **asdict(shown)})


@router.post("/outcomes/{outcome_id}/withdraw")
@needs(Permission.REPORT_OUTCOMES, by=by_outcome)
async def withdraw(outcome_id: str, request: Request) -> Response:
    """Take a report back; it counts no more."""
    outcome = await app_of(request).outcomes.withdraw(outcome_id, by=person_of(request))
    [shown] = await readable_of(request).outcomes([outcome])
    return as_json({"outcome": shown})


async def _results(
    request: Request, reports: Sequence[Reported | RoadbedError]
) -> list[dict[str, Any]]:
    """What became of each report; of an earlier one with the same key what the sender may read."""
    kept = [report.outcome for report in reports if isinstance(report, Reported)]
    shown = iter(await readable_of(request).outcomes(kept))
    return [
        {"outcome": next(shown), "repeated": report.repeated}
        if isinstance(report, Reported)
        else {"problem": {"code": report.code, "detail": report.problem, "remedy": report.remedy}}
        for report in reports
    ]
