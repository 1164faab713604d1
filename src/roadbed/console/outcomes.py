"""What turned out: the page of a use case's outcomes, and the form on a receipt."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any
from urllib.parse import parse_qsl, quote

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from roadbed.access import by_outcome, by_task, needs
from roadbed.console import chips, citations, formatting, forms, tables
from roadbed.console import export as exports
from roadbed.console.chips import Chip
from roadbed.console.pages import app_of, person_of, readable_of, usecase_page
from roadbed.console.receipts import shown
from roadbed.console.sign_in import base
from roadbed.console.tables import Cell, Column, DataTable, words
from roadbed.decisions.model import Deployment
from roadbed.exports.model import CellKind
from roadbed.kernel.errors import RoadbedError
from roadbed.kernel.messages import gettext as _
from roadbed.kernel.messages import later
from roadbed.kernel.paging import Slice
from roadbed.outcomes.model import ListedOutcome
from roadbed.outcomes.report_form import LONGEST
from roadbed.people.permissions import Permission
from roadbed.reviews.presentation import output_line
from roadbed.statuses import status_of
from roadbed.usecases.samples import sample_of

_MOST = 50
_WORDS = {"right": True, "wrong": False}


def _turned_out(row: ListedOutcome) -> Chip:
    if row.outcome.withheld:
        return chips.OUTCOMES["withheld"]
    return chips.OUTCOMES["right" if row.outcome.right else "wrong"]


def _state(row: ListedOutcome) -> str:
    outcome = row.outcome
    parts = []
    if outcome.withdrawn_at:
        parts.append(_("withdrawn by %(person)s") % {"person": outcome.withdrawn_by})
    elif not outcome.counts:
        parts.append(_("replaced by a newer report"))
    if outcome.contradicts and not outcome.withheld:
        parts.append(_("contradicts a verdict"))
    if outcome.review:
        parts.append(_("opened a review"))
    return ", ".join(parts) or _("counts")


def _right(row: ListedOutcome) -> str | None:
    output = row.outcome.output
    return None if output is None else formatting.seen(output_line(output))


def _seen(text: str | None) -> str | None:
    return None if text is None else formatting.seen(text)


TABLE: DataTable[ListedOutcome] = DataTable(
    name="outcomes",
    key=lambda row: row.outcome.id,
    link=lambda row: f"/receipts/{row.outcome.task_id}",
    sorts=("reported",),
    sort="-reported",
    page_size=_MOST,
    columns=(
        Column(name="task", title=later("Task"), value=lambda row: words(row.input)),
        Column(
            name="turned-out",
            title=later("Turned out"),
            value=lambda row: _turned_out(row).word,
            show=lambda row: Cell(chip=_turned_out(row)),
        ),
        Column(name="right", title=later("Right answer"), value=_right),
        Column(name="state", title=later("State"), value=_state),
        Column(
            name="reported",
            title=later("Reported"),
            kind=CellKind.MOMENT,
            value=lambda row: row.outcome.reported_at,
        ),
        Column(name="by", title=later("By"), value=lambda row: row.outcome.reported_by),
        Column(name="source", title=later("Source"), value=lambda row: _seen(row.outcome.source)),
        Column(name="note", title=later("Note"), value=lambda row: _seen(row.outcome.note)),
        Column(
            name="happened",
            title=later("Happened"),
            kind=CellKind.MOMENT,
            value=lambda row: row.outcome.happened_at,
            shown=False,
        ),
        Column(
            name="task-id",
            title=later("Task id"),
            value=lambda row: row.outcome.task_id,
            shown=False,
        ),
        Column(name="id", title=later("Id"), value=lambda row: row.outcome.id, shown=False),
    ),
)


@needs(Permission.VIEW)
async def outcomes(request: Request) -> HTMLResponse:
    """Outcomes, their summary for automatic answers, and contradictions with verdicts."""
    app, name = app_of(request), request.path_params["name"]
    declared, book = app.service(name).loaded.declared, app.outcomes.repository
    view, path = tables.read(TABLE, request.query_params), f"/usecases/{name}/outcomes"
    readable = readable_of(request)
    part = await readable.portion(name, await book.page(name, view.slice(TABLE)))
    contradicting = (await book.newest(name, most=_MOST, contradicting=True)).outcomes
    chosen = Slice(ids=[outcome.id for outcome in contradicting], most=_MOST)
    against = await readable.portion(name, await book.page(name, chosen))
    return await usecase_page(
        request,
        "outcomes.html",
        name,
        summary=await app.kept_figures.read("outcomes", name, partial(book.summary, declared)),
        declared=declared,
        address=base(request),
        sample=_sample(app.service(name)),
        table=tables.shown(TABLE, view, part, path=path),
        # Chosen by what their verdicts say, so this is no page of the list: it has no exports.
        against=replace(
            tables.shown(TABLE, view, against, path=path),
            name="against",
            downloads=(),
            later="",
        ),
    )


@needs(Permission.VIEW)
async def export(request: Request) -> Response:
    """The outcomes of a view as a file."""
    app, name = app_of(request), request.path_params["name"]
    app.service(name)
    view = tables.read(TABLE, request.query_params)
    batches = readable_of(request).batches(
        name, app.outcomes.repository.every(name, view.slice(TABLE, everything=True))
    )
    return await exports.export(request, TABLE, view, batches, use_case=name)


@needs(Permission.REPORT_OUTCOMES, by=by_task)
async def report(request: Request) -> Response:
    """Report an outcome; errors are shown beside the form."""
    person, app, task_id = person_of(request), app_of(request), request.path_params["task_id"]
    form = dict(parse_qsl((await request.body()).decode(errors="replace")))
    name = await app.receipts.use_case_of(task_id)
    declared = app.service(str(name)).loaded.declared
    sent: dict[str, object] = {
        "task": task_id,
        "right": _WORDS.get(form.get("turned_out", "")),
        **{
            field: form.get(field, "").strip()[: LONGEST[field] + 1] for field in ("note", "source")
        },
    }
    try:
        typed = forms.read(declared.output, form)
        output = await citations.with_citations(request, declared, typed, form)
        sent["output"] = output or None
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


def _sample(service: Deployment) -> dict[str, Any]:
    """An output of the right form, to show how one is reported."""
    declared = service.loaded.declared
    choices = {field.name: field.choices for field in forms.fields(service) if field.choices}
    if citations.picks(declared):  # an answer needs a passage that is there; other routes do not
        choices["route"] = [route for route in choices.get("route", ()) if route != "answer"]
    known = {name: values[0] for name, values in choices.items() if values}
    return {**sample_of(declared.output), **known}


ROUTES = (
    Route("/usecases/{name}/outcomes", outcomes),
    Route("/usecases/{name}/outcomes/export.{format}", export),
    Route("/receipts/{task_id}/outcome", report, methods=["POST"]),
    Route("/outcomes/{outcome_id}/withdraw", withdraw, methods=["POST"]),
)
