"""A signed-in person's browser without a browser: cookies, and the origin of our own pages."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2

from tests.conftest import Site


@asynccontextmanager
async def browsing(
    site: Site, name: str = "ana", *, admin: bool = False
) -> AsyncIterator[httpx2.AsyncClient]:
    """Pages as ``name`` gets them, an ``admin`` made for this; a redirect is followed."""
    if admin:
        await site.app.members.add(name, by="test", admin=True)
    code = await site.app.people.issue_link_code(name)
    async with httpx2.AsyncClient(
        base_url=site.address, headers={"Origin": site.address}, follow_redirects=True
    ) as client:
        assert (await client.post("/sign-in/link", data={"code": code})).status_code == 200
        yield client
