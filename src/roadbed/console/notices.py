"""Notices: a person has seen one."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from roadbed.access import by_notice, needs
from roadbed.console.pages import app_of, person_of
from roadbed.people.permissions import Permission


@needs(Permission.NOTICE, by=by_notice)
async def seen(request: Request) -> Response:
    """A notice was read; back to where it stood."""
    await app_of(request).notices.seen(request.path_params["notice_id"], person=person_of(request))
    form = (await request.body()).decode(errors="replace")
    back = form.removeprefix("back=") if form.startswith("back=") else ""
    name = back if back in app_of(request).deployments.names() else None
    return RedirectResponse(f"/usecases/{name}/trust" if name else "/", status_code=303)
