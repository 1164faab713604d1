"""What waits for whoever asks, over HTTP, and the feed of notices and action items."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from roadbed.access import listing, needs, viewer_of
from roadbed.api.deps import app_of, as_json
from roadbed.people.permissions import Permission

router = APIRouter()
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


@router.get("/inbox")
@needs(Permission.VIEW, by=listing)
async def inbox(request: Request) -> Response:
    """What waits for you, the most urgent first. Administrators also see what is unattended."""
    app, viewer = app_of(request), viewer_of(request)
    names = app.deployments.names()
    return as_json(
        {
            "items": await app.inbox.items(viewer, names),
            "unattended": await app.inbox.unattended(viewer, names),
        }
    )


@router.get("/inbox/feed")
@needs(Permission.VIEW, by=listing)
async def feed(
    request: Request,
    after: datetime | None = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> Response:
    """Notices and action items newer than ``after``, the oldest first.

    Give ``next`` of one answer as ``after`` of the next request.
    """
    app, viewer = app_of(request), viewer_of(request)
    since = after or _BEGINNING
    since = since if since.tzinfo else since.replace(tzinfo=UTC)
    entries = await app.inbox.feed(viewer, app.deployments.names(), after=since, most=limit)
    return as_json({"entries": entries, "next": entries[-1].at if entries else since})
