"""The review desk: one item after the other, by keys."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, quote

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from roadbed.access import by_review, by_task, linker_of, needs, viewer_of
from roadbed.console import citations, forms, receipts
from roadbed.console.pages import app_of, page, person_of, usecase_page
from roadbed.kernel.errors import RoadbedError
from roadbed.kernel.sentences import sentence
from roadbed.people.permissions import Permission, confirms_labels
from roadbed.reviews.errors import NothingToUndoError, UnknownReviewError, VerdictError
from roadbed.reviews.model import HeldVerdict, Review, VerdictKind
from roadbed.statuses import status_of

_LONGEST_ID = 100


@needs(Permission.REVIEW)
async def desk(request: Request) -> HTMLResponse:
    """The page; its script asks for the first item."""
    name = request.path_params["name"]
    app = app_of(request)
    service = app.service(name)
    return await usecase_page(
        request,
        "review.html",
        name,
        name=name,
        purpose=service.loaded.declared.purpose,
        first=request.query_params.get("review", "")[:_LONGEST_ID],
        waiting=(await app.reviews.waiting(name))["waiting"],
        held=len(await app.new_labels.waiting(service.loaded.declared)),
    )


@needs(Permission.REVIEW)
async def next_item(request: Request) -> HTMLResponse:
    """The most pressing item but the one on the desk; claimed for the person who asks."""
    person, name = person_of(request), request.path_params["name"]
    app = app_of(request)
    app.service(name)
    lost = None
    if first := request.query_params.get("first"):
        try:
            return await _item(request, name, await _again(request, name, first))
        except RoadbedError as error:
            lost = error
    claimed = await app.new_labels.readable.claim_next(
        app.reviews, name, reviewer=person, linker=linker_of(request), most=2
    )
    shown = request.query_params.get("after")
    # A skipped review returns at once if there is no other.
    review = next(
        (candidate for candidate in claimed if candidate.id != shown or candidate.left), None
    )
    return await _item(request, name, review, lost=lost)


async def _again(request: Request, name: str, review_id: str) -> Review:
    """The item that was on the desk before a reload. Raises why it cannot be there again."""
    reviews = app_of(request).reviews
    if "\0" in review_id or await reviews.use_case_of(review_id) != name:
        raise UnknownReviewError(review_id)
    person = person_of(request)
    return await reviews.claim(review_id, reviewer=person, linker=linker_of(request))


@needs(Permission.REVIEW, by=by_review)
async def give(request: Request) -> HTMLResponse:
    """Give a verdict; the response shows the decider's answer."""
    person, name = person_of(request), request.path_params["name"]
    app = app_of(request)
    loaded, review_id = app.service(name).loaded, request.path_params["review_id"]
    form = dict(parse_qsl((await request.body()).decode(errors="replace")))
    try:
        kind = VerdictKind(form.get("verdict", ""))
    except ValueError:
        raise VerdictError(
            sentence("This is not a verdict."), sentence("Accept, correct or reject.")
        ) from None
    if kind is not VerdictKind.CORRECT and not forms.untouched(form):
        raise VerdictError(
            sentence("You gave a right answer, and this verdict would drop it."),
            sentence(
                "Press Correct to give the passages and fields that you filled in, "
                "or remove them and try again."
            ),
        )
    output, actions = None, forms.read_actions(form)
    review = await app.reviews.get(review_id) if actions is not None else None
    if kind is VerdictKind.CORRECT:
        kept = review.output if review and forms.untouched(form) else None
        typed = kept or forms.read(loaded.declared.output, form)
        output = await citations.with_citations(request, loaded.declared, dict(typed), form)
    elif kind is VerdictKind.ACCEPT and review and forms.changed(actions, review.actions):
        raise VerdictError(
            sentence("You changed the actions, so this is not what was proposed."),
            sentence("Press Correct to give the actions as you changed them."),
        )
    viewer = viewer_of(request)
    given = await app.new_labels.give(
        loaded.declared,
        review_id,
        kind,
        reviewer=person,
        linker=linker_of(request),
        output=output,
        actions=actions if kind is VerdictKind.CORRECT else None,
        shown=form.get("content") or None,
        rules=loaded.rules,
        may_approve=viewer.may(name, Permission.APPROVE),
        note=form.get("note") or None,
        new_kind=form.get("new_kind") == "yes",
        new_labels=form.get("new_labels") == "yes",
        confirms=confirms_labels(viewer, name, loaded.declared.new_labels_by),
    )
    waiting = (await app.reviews.waiting(name))["waiting"]
    if isinstance(given, HeldVerdict):
        lead = getattr(loaded.declared.pod, loaded.declared.new_labels_by)
        return page(request, "held.html", name=name, held=given, lead=lead, waiting=waiting)
    use = await app.examples.use_of_verdict(loaded.declared, given.verdict_id)
    return page(request, "given.html", given=given, waiting=waiting, name=name, use=use)


@needs(Permission.REVIEW, by=by_review)
async def skip(request: Request) -> HTMLResponse:
    """Skip it: another person reviews it."""
    name = request.path_params["name"]
    reviews = app_of(request).reviews
    await reviews.skip(request.path_params["review_id"], reviewer=person_of(request))
    return page(request, "given.html", given=None, waiting=(await reviews.waiting(name))["waiting"])


@needs(Permission.REVIEW, by=by_review)
async def undo(request: Request) -> HTMLResponse:
    """Take the last verdict or skip back and show its item again.

    A blind review goes to another person then: the next one is shown.
    """
    person, name = person_of(request), request.path_params["name"]
    reviews = app_of(request).reviews
    review: Review | None = await reviews.undo(
        request.path_params["review_id"], reviewer=person, linker=linker_of(request)
    )
    if review and review.claimed_by != person:
        claimed = await app_of(request).new_labels.readable.claim_next(
            reviews, name, reviewer=person, linker=linker_of(request)
        )
        review = next(iter(claimed), None)
    return await _item(request, name, review)


@needs(Permission.REVIEW, by=by_task)
async def undo_on_receipt(request: Request) -> Response:
    """Undo one's own verdict on a task; on to its review, or back if it is for somebody else."""
    person, app = person_of(request), app_of(request)
    task_id = request.path_params["task_id"]
    receipt = await app.receipts.get(task_id, viewer=person)
    try:
        if receipt["review"] is None:
            raise NothingToUndoError(task_id)
        review = await app.reviews.undo(
            receipt["review"]["id"], reviewer=person, linker=linker_of(request)
        )
    except RoadbedError as error:
        problem = f"{error.problem} {error.remedy}"
        return await receipts.shown(request, status_of(error), undo_problem=problem)
    if review.claimed_by != person:
        return RedirectResponse(f"/receipts/{quote(task_id)}#checked", status_code=303)
    address = f"/usecases/{quote(review.use_case)}/reviews?review={quote(review.id)}"
    return RedirectResponse(address, status_code=303)


async def _item(
    request: Request, name: str, review: Review | None, *, lost: RoadbedError | None = None
) -> HTMLResponse:
    app = app_of(request)
    service = app.service(name)
    declared = service.loaded.declared
    if review is not None:
        [review] = await app.new_labels.readable.of(person_of(request), [review])
    facts: dict[str, Any] = {
        "name": name,
        "review": review,
        "input": forms.as_declared(declared.input, review.input) if review else {},
        "output": forms.as_declared(declared.output, review.output or {}) if review else {},
        "lost": lost,
        "fields": forms.fields(service),
        "picks": citations.picks(declared),
        "question": citations.question_of(declared, review.input) if review else "",
        "kinds": forms.action_kinds(service),
        "for_others": 0 if review else (await app.reviews.waiting(name))["waiting"],
    }
    return page(request, "review_item.html", **facts)
