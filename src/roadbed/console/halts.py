"""The halt: its form, its result, and the resume by two people."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from roadbed.access import needs, somewhere, viewer_of
from roadbed.console.pages import app_of, form_of, page, person_of, usecase_page
from roadbed.halts.errors import HaltIncompleteError, NotHaltedError, ResumeError
from roadbed.kernel.messages import gettext as _
from roadbed.people.permissions import Permission
from roadbed.usecases.errors import UnknownUseCaseError


@needs(Permission.VIEW)
async def halt_page(request: Request) -> HTMLResponse:
    """The form of a halt; while halted, its result and who must confirm a resume."""
    return await _halt_page(request, _name(request))


@needs(Permission.HALT)
async def halt(request: Request) -> Response:
    """Stop one use case."""
    person, name = person_of(request), _name(request)
    reason = (await _text(request, "reason")).strip()
    if not reason:
        return await _halt_page(
            request, name, status=422, problem=_("Give a reason; other people read it.")
        )
    await app_of(request).halts.halt(name, reason=reason, actor=person)
    return RedirectResponse(f"/usecases/{name}/halt", status_code=303)


@needs(Permission.RESUME)
async def resume(request: Request) -> Response:
    """Ask to go on, or agree as the second person."""
    person, name = person_of(request), _name(request)
    try:
        halt = await app_of(request).halts.resume(
            name, actor=person, note=await _text(request, "note")
        )
    except (NotHaltedError, ResumeError) as error:
        note, problem = await _text(request, "note"), f"{error.problem} {error.remedy}"
        return await _halt_page(request, name, status=409, problem=problem, note=note)
    back = f"/usecases/{name}" if halt.resumed_at and name in _served(request) else None
    return RedirectResponse(back or f"/usecases/{name}/halt", status_code=303)


@needs(Permission.DRILL)
async def drill(request: Request) -> Response:
    """Exercise the stop; back to its figures."""
    person, name = person_of(request), _name(request)
    await app_of(request).halts.drill(name, actor=person)
    return RedirectResponse(f"/usecases/{name}#stop", status_code=303)


@needs(Permission.HALT, by=somewhere)
async def halt_all_page(request: Request) -> HTMLResponse:
    """The form to halt everything, and the halted use cases."""
    return await _all_page(request)


@needs(Permission.HALT, by=somewhere)
async def halt_all(request: Request) -> Response:
    """Stop every use case that the viewer may stop; for an administrator every one there is."""
    viewer, halts = viewer_of(request), app_of(request).halts
    reason = (await _text(request, "reason")).strip()
    if not reason:
        return await _all_page(
            request, status=422, problem=_("Give a reason; other people read it.")
        )
    names = [name for name in await halts.known() if viewer.may(name, Permission.HALT)]
    result = await halts.halt_all(reason=reason, actor=viewer.name, only=names)
    if result.failed:
        error = HaltIncompleteError(len(result.halts), result.failed)
        told = f"{error.problem} {error.remedy}"
        return await _all_page(request, status=503, problem=told, failed=result.failed)
    return RedirectResponse("/halt", status_code=303)


async def _halt_page(
    request: Request, name: str, *, status: int = 200, problem: str | None = None, note: str = ""
) -> HTMLResponse:
    history = await app_of(request).halts.history(name)
    return await usecase_page(
        request,
        "halt.html",
        name,
        status,
        history=history,
        problem=problem,
        note=note,
        served=name in _served(request),
    )


async def _all_page(
    request: Request,
    *,
    status: int = 200,
    problem: str | None = None,
    failed: Mapping[str, str] | None = None,
) -> HTMLResponse:
    halts, viewer = app_of(request).halts, viewer_of(request)
    return page(
        request,
        "halt_all.html",
        status,
        known=[name for name in await halts.known() if viewer.may(name, Permission.HALT)],
        in_force={halt.use_case: halt for halt in await halts.in_force()},
        problem=problem,
        failed=failed or {},
    )


def _name(request: Request) -> str:
    """The requested use case; one with a broken folder can be halted too."""
    name: str = request.path_params["name"]
    if name not in _served(request) and name not in app_of(request).broken:
        raise UnknownUseCaseError(name)
    return name


def _served(request: Request) -> list[str]:
    return list(app_of(request).deployments.names())


async def _text(request: Request, field: str) -> str:
    return (await form_of(request)).get(field, "")
