"""The notebook of a use case."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import HTMLResponse

from roadbed.access import needs
from roadbed.console.pages import app_of, kept_for, usecase_page
from roadbed.people.permissions import Permission


@needs(Permission.VIEW)
async def notebook(request: Request) -> HTMLResponse:
    """The notebook, for new members of the pod; printable."""
    app, name = app_of(request), request.path_params["name"]
    app.service(name)
    contents = await kept_for(
        request, "notebook", name, lambda reader: app.notebooks.read(name, reader)
    )
    return await usecase_page(request, "notebook.html", name, notebook=contents)
