"""What turned out: the page of a use case's outcomes, and the form on a receipt."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, quote

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from roadbed.access import by_outcome, by_task, needs
from roadbed.console import forms
from roadbed.console.pages import app_of, person_of, usecase_page
from roadbed.console.receipts import shown
from roadbed.console.sign_in import base
from roadbed.kernel.errors import RoadbedError
from roadbed.outcomes.report_form import LONGEST
from roadbed.people.permissions import Permission
from roadbed.statuses import status_of

_MOST = 50
_WORDS = {"right": True, "wrong": False}


@needs(Permission.VIEW)
async def outcomes(request: Request) -> HTMLResponse:
    """Outcomes, their summary for automatic answers, and contradictions with verdicts."""
    app, name = app_of(request), request.path_params["name"]
    declared, book = app.service(name).loaded.declared, app.outcomes.repository
    before = request.query_params.get("before", "")[:60] or None
    newest = await book.newest(name, most=_MOST, before=before)
    return await usecase_page(
        request,
        "outcomes.html",
        name,
        summary=await book.summary(declared),
        declared=declared,
        address=base(request),
        sample=_sample(forms.fields(app.service(name))),
        found=newest,
        against=(await book.newest(name, most=_MOST, contradicting=True)).outcomes,
        older=before is not None,
    )


@needs(Permission.REPORT_OUTCOMES, by=by_task)
async def report(request: Request) -> Response:
    """Report an outcome; errors are shown beside the form."""
    person, app, task_id = person_of(request), app_of(request), request.path_params["task_id"]
    form = dict(parse_qsl((await request.body()).decode(errors="replace")))
    name = await app.receipts.use_case_of(task_id)
    declared = app.service(str(name)).loaded.declared
    sent = {
        "task": task_id,
        "right": _WORDS.get(form.get("turned_out", "")),
        "output": forms.read(declared.output, form) or None,
        **{
            field: form.get(field, "").strip()[: LONGEST[field] + 1] for field in ("note", "source")
        },
    }
    try:
        await app.outcomes.report(declared, sent, by=person)
    except RoadbedError as error:
        problem = f"{error.problem} {error.remedy}"
        return await shown(request, status_of(error), report_form=form, report_problem=problem)
    return RedirectResponse(f"/receipts/{quote(task_id)}#turned-out", status_code=303)


@needs(Permission.REPORT_OUTCOMES, by=by_outcome)
async def withdraw(request: Request) -> Response:
    """Take a report back; on to the receipt of its task."""
    app = app_of(request)
    outcome = await app.outcomes.withdraw(request.path_params["outcome_id"], by=person_of(request))
    return RedirectResponse(f"/receipts/{outcome.task_id}#turned-out", status_code=303)


def _sample(fields: list[forms.FormField]) -> dict[str, Any]:
    """An output of the right form, to show how one is reported."""
    plain = {"number": 1, "boolean": True, "json": {}}
    return {
        field.name: field.choices[0] if field.choices else plain.get(field.kind, "…")
        for field in fields
    }


ROUTES = (
    Route("/usecases/{name}/outcomes", outcomes),
    Route("/receipts/{task_id}/outcome", report, methods=["POST"]),
    Route("/outcomes/{outcome_id}/withdraw", withdraw, methods=["POST"]),
)
