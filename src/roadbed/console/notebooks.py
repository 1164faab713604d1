"""The notebook of a use case."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import HTMLResponse

from roadbed.access import needs
from roadbed.console.pages import app_of, person_of, usecase_page
from roadbed.people.permissions import Permission


@needs(Permission.VIEW)
async def notebook(request: Request) -> HTMLResponse:
    """The notebook, for new members of the pod; printable."""
    person_of(request)
    app, name = app_of(request), request.path_params["name"]
    app.service(name)
    contents = await app.kept_figures.read("notebook", name, lambda: app.notebooks.read(name))
    return await usecase_page(request, "notebook.html", name, notebook=contents)
