"""The palette: pages, use cases, people, tasks and actions by words, as one part of a page."""

from __future__ import annotations

from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route

from roadbed.access import listing, needs, viewer_of
from roadbed.console.navigation import Entry, entries
from roadbed.console.pages import app_of, page
from roadbed.kernel.messages import gettext as _
from roadbed.people.permissions import Permission

_MOST_ASKED = 100  # characters
_MOST_PEOPLE = 5


@needs(Permission.VIEW, by=listing)
async def palette(request: Request) -> HTMLResponse:
    """What the viewer may open or do whose words begin with what was typed."""
    app, viewer = app_of(request), viewer_of(request)
    asked = request.query_params.get("q", "").replace("\0", "").strip()[:_MOST_ASKED]
    names = viewer.visible(app.deployments.names())
    with_library = [
        name for name in names if app.deployments.get(name).loaded.declared.library is not None
    ]
    offered = [*entries(viewer, names, asked, with_library)]
    if asked:
        offered += [
            Entry(
                what=_("task"), name=row["key"] or row["id"], link=f"/receipts/{quote(row['id'])}"
            )
            for row in await app.receipts.named(asked, served=names)
        ]
        if viewer.everywhere(Permission.MANAGE_PEOPLE):
            people = [one.name for one in await app.members.list() if asked.lower() in one.name]
            offered += [
                Entry(what=_("person"), name=name, link=f"/people/{quote(name)}")
                for name in people[:_MOST_PEOPLE]
            ]
        offered.append(
            Entry(
                what=_("search"),
                name=_("Receipts with %(words)s") % {"words": asked},
                link=f"/receipts?q={quote(asked)}",
            )
        )
    return page(request, "palette.html", offered=offered, asked=asked)


ROUTES = (Route("/palette", palette),)
