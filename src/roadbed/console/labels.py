"""The labels of a use case: those known, and those that wait to be confirmed as new."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from roadbed.access import needs, viewer_of
from roadbed.console.pages import app_of, form_of, person_of, reader_of, usecase_page
from roadbed.people.permissions import Permission, confirms_labels
from roadbed.reviews.errors import NoSuchLabelError, NotYourLabelError


@needs(Permission.VIEW)
async def labels(request: Request) -> HTMLResponse:
    """Which labels are known, and which verdicts wait for one."""
    name, app = request.path_params["name"], app_of(request)
    declared = app.service(name).loaded.declared
    reader = await reader_of(request, name)
    return await usecase_page(
        request,
        "labels.html",
        name,
        name=name,
        waiting=await app.new_labels.waiting(declared, reader),
        known=await app.reviews.labels.known(declared, reader),
        role=declared.new_labels_by,
        lead=getattr(declared.pod, declared.new_labels_by),
        decides=confirms_labels(viewer_of(request), name, declared.new_labels_by),
    )


@needs(Permission.CONFIRM_LABELS)
async def decide(request: Request) -> Response:
    """Confirm or refuse a label as new; back to the page."""
    name, app = request.path_params["name"], app_of(request)
    loaded = app.service(name).loaded
    form, person = await form_of(request), person_of(request)
    field, value = form.get("field", ""), form.get("value", "")
    if not field or not value:
        raise NoSuchLabelError(field, value)
    if not confirms_labels(viewer_of(request), name, loaded.declared.new_labels_by):
        raise NotYourLabelError(loaded.declared.new_labels_by)
    if form.get("new") == "yes":
        await app.new_labels.confirm(loaded.declared, field, value, by=person, rules=loaded.rules)
    else:
        await app.new_labels.refuse(loaded.declared, field, value, by=person)
    return RedirectResponse(f"/usecases/{name}/labels", status_code=303)
