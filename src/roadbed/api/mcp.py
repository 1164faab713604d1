"""The MCP server over HTTP: one request, by the token of a person, without a session.

Its tools call the API inside this process as that person, so each call is checked like any other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

import httpx2
from fastapi import APIRouter
from starlette.requests import Request
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from roadbed.access import listing, needs, viewer_of
from roadbed.api.deps import app_of
from roadbed.assistants.client import RoadbedClient
from roadbed.assistants.errors import ForeignPageError, McpExtraMissingError
from roadbed.assistants.tools import Tools
from roadbed.people.errors import NotSignedInError
from roadbed.people.permissions import Permission

router = APIRouter()


class McpEndpoint:
    """``POST /mcp``, the streamable HTTP transport of MCP."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope)
        viewer = viewer_of(request)
        if viewer.session is not None:  # a browser's cookie: assistants have a token
            raise NotSignedInError
        # A token protects by itself; the transport asks that pages of other sites are refused too.
        origin = request.headers.get("origin")
        if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
            raise ForeignPageError
        try:
            serve_request = await asyncio.to_thread(_imported)
        except ModuleNotFoundError as error:
            raise McpExtraMissingError from error
        app = app_of(request)
        inside = httpx2.ASGITransport(app=_as_caller(request.app, scope))
        async with httpx2.AsyncClient(transport=inside, base_url="http://api") as http:
            tools = Tools(RoadbedClient(http, app.settings.public_address()))
            await serve_request(tools, scope, receive, send, most_bytes=app.settings.max_body_bytes)


def _imported() -> Callable[..., Awaitable[None]]:
    """Import the SDK, which takes a moment. Raises ``ModuleNotFoundError``."""
    from roadbed.assistants.mcp_server import serve_request

    return serve_request


def _as_caller(api: ASGIApp, scope: Scope) -> ASGIApp:
    """The API as the caller of ``scope`` sees it: their viewer is that of every request."""
    state = {name: scope["state"][name] for name in ("viewer", "person")}

    async def inside(inner: Scope, receive: Receive, send: Send) -> None:
        await api({**inner, "state": dict(state)}, receive, send)

    return inside


endpoint = needs(Permission.VIEW, Permission.ASK, by=listing)(McpEndpoint())
router.routes.append(Route("/mcp", endpoint, methods=["POST"]))
