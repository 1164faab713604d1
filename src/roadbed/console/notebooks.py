"""The notebook of a use case, and its timeline."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse

from roadbed.access import needs
from roadbed.console import timeline_chart
from roadbed.console.pages import app_of, person_of, usecase_page
from roadbed.insight.milestones import picture
from roadbed.people.permissions import Permission


@needs(Permission.VIEW)
async def notebook(request: Request) -> HTMLResponse:
    """What was learnt: for whoever joins the pod; prints on paper."""
    person_of(request)
    app, name = app_of(request), request.path_params["name"]
    app.service(name)
    found = await app.notebooks.read(name)
    return await usecase_page(request, "notebook.html", name, notebook=found)


async def timeline(request: Request, name: str) -> dict[str, Any]:
    """What the section "Timeline" of a use case's page needs."""
    app = app_of(request)
    found = await app.stages.road(name)
    drawn = picture(found, app.clock.now())
    return {
        "timeline": found,
        "timeline_picture": drawn,
        "timeline_plot": timeline_chart.timeline(drawn),
    }
