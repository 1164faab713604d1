"""A signed-in person's browser without a browser: cookies, and the origin of our own pages."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2

from tests.conftest import Site


async def plain(response: httpx2.Response) -> None:
    """Replace the no-break spaces of a page, which stand between numbers and units."""
    if not response.headers.get("content-type", "").startswith("text/html"):
        return  # the same two bytes may stand in a file by chance
    await response.aread()
    response._content = response.content.replace("\u00a0".encode(), b" ")


@asynccontextmanager
async def browsing(
    site: Site, name: str = "ana", *, admin: bool = False
) -> AsyncIterator[httpx2.AsyncClient]:
    """Pages as ``name`` gets them, an ``admin`` made for this; a redirect is followed."""
    if admin:
        await site.app.members.add(name, by="test", admin=True)
    code = await site.app.people.issue_link_code(name)
    async with httpx2.AsyncClient(
        base_url=site.address,
        headers={"Origin": site.address},
        follow_redirects=True,
        timeout=60.0,  # the cores may be busy
        event_hooks={"response": [plain]},
    ) as client:
        assert (await client.post("/sign-in/link", data={"code": code})).status_code == 200
        yield client
