"""Erasure, with its step to think once more."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from roadbed.access import by_task, needs
from roadbed.console.pages import app_of, form_of, person_of, usecase_page
from roadbed.people.permissions import Permission
from roadbed.receipts.errors import ErasureError, UnknownTaskError


@needs(Permission.ERASE, by=by_task)
async def ask_erase(request: Request) -> HTMLResponse:
    """What erasing does, before it is done."""
    person_of(request)
    return await _ask_erase(request)


@needs(Permission.ERASE, by=by_task)
async def erase(request: Request) -> Response:
    """Erase what is known of a task; back to what is left of its receipt."""
    person = person_of(request)
    app, task_id = app_of(request), request.path_params["task_id"]
    form = await form_of(request)
    reason = form.get("reason", "").strip()
    if not reason:
        return await _ask_erase(request, 422, "Say why; it stands in the log for good.")
    if form.get("sure") != "yes":
        return await _ask_erase(request, 422, "Tick that you know it cannot be undone.", reason)
    try:
        await app.erasure.erase(task_id, by=person, reason=reason, served=app.deployments.names())
    except ErasureError as error:
        return await _ask_erase(request, 409, f"{error.problem} {error.remedy}", reason)
    return RedirectResponse(f"/receipts/{task_id}", status_code=303)


async def _ask_erase(
    request: Request, status: int = 200, problem: str | None = None, reason: str = ""
) -> HTMLResponse:
    task_id = request.path_params["task_id"]
    use_case = await app_of(request).erasure.use_case_of(task_id)
    if use_case not in app_of(request).deployments.names():
        raise UnknownTaskError(task_id)
    return await usecase_page(
        request, "erase.html", use_case, status, task=task_id, problem=problem, reason=reason
    )


ROUTES = (
    Route("/receipts/{task_id}/erase", ask_erase),
    Route("/receipts/{task_id}/erase", erase, methods=["POST"]),
)
