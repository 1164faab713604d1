"""The web server's application: API and console side by side behind one door."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import structlog
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import HTTPConnection
from starlette.routing import Mount
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from roadbed.api import app as api
from roadbed.api.problems import problem
from roadbed.bootstrap import App, database_url, open_app, running
from roadbed.console import app as console
from roadbed.kernel.errors import RoadbedError
from roadbed.kernel.settings import Settings
from roadbed.people.errors import NotSignedInError

SESSION_COOKIE = "roadbed_session"
_log = structlog.get_logger("roadbed")
_HEADERS = [
    (
        b"content-security-policy",
        b"; ".join(
            [
                b"default-src 'none'",
                b"script-src 'self'",
                b"style-src 'self'",
                b"img-src 'self' data:",
                b"connect-src 'self'",
                b"form-action 'self'",
                b"base-uri 'none'",
                b"frame-ancestors 'none'",
            ]
        ),
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
]


class BodyTooLargeError(RoadbedError):
    """More bytes than a request may have."""

    code = "body_too_large"

    def __init__(self, most: int) -> None:
        super().__init__(
            f"The body is larger than {most:,} bytes.",
            "Send less; raise ROADBED_MAX_BODY_BYTES if your inputs are that large.",
        )


class ForbiddenOriginError(RoadbedError):
    """A page of another site asks in a signed-in person's name."""

    code = "forbidden_origin"

    def __init__(self) -> None:
        super().__init__(
            "This request came from a page of another site.",
            "Use the console itself, or an API token.",
        )


class NotLoopbackError(RoadbedError):
    """Roadbed was asked to listen where others could reach it."""

    code = "not_loopback"

    def __init__(self, host: str) -> None:
        super().__init__(
            f"Roadbed does not listen on {host} yet.",
            "Until people and roles are there, use 127.0.0.1, ::1 or localhost.",
        )


def create(settings: Settings | None = None) -> Starlette:
    """The whole application. Raises ``NotLoopbackError``."""
    settings = settings or Settings()
    if settings.host not in {"127.0.0.1", "::1", "localhost"}:
        raise NotLoopbackError(settings.host)
    api_app, console_app = api.create(), console.create()

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with database_url(settings) as url, open_app(settings, url) as opened:
            for each in (app, api_app, console_app):
                each.state.roadbed = opened
            async with running(opened):
                yield

    return Starlette(
        routes=[Mount("/v1", api_app), Mount("/", console_app)],
        lifespan=lifespan,
        middleware=[
            Middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost", "[::1]"]),
            Middleware(Door, most_bytes=settings.max_body_bytes),
        ],
    )


class Door:
    """Says who is asking, bounds the body, refuses foreign pages, adds the security headers."""

    def __init__(self, app: ASGIApp, *, most_bytes: int) -> None:
        self._app = app
        self._most_bytes = most_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        send = _with_headers(send)
        try:
            length = HTTPConnection(scope).headers.get("content-length", "0")
            if not length.isdigit() or int(length) > self._most_bytes:
                raise BodyTooLargeError(self._most_bytes)
            await self._identify(scope)
            await self._app(scope, self._bounded(receive), send)
        except BodyTooLargeError as error:
            await problem(error)(scope, receive, send)
        except ForbiddenOriginError as error:
            await problem(error)(scope, receive, send)

    async def _identify(self, scope: Scope) -> None:
        connection = HTTPConnection(scope)
        app: App = scope["app"].state.roadbed
        state = scope.setdefault("state", {})
        state["person"] = None
        try:
            scheme, _, secret = connection.headers.get("authorization", "").partition(" ")
            if scheme.lower() == "bearer":
                state["person"] = await app.people.holder("api", secret.strip())
            elif cookie := connection.cookies.get(SESSION_COOKIE):
                state["person"] = await app.people.holder("session", cookie)
                _refuse_foreign(connection, scope["method"])
        except NotSignedInError:
            state["person"] = None

    def _bounded(self, receive: Receive) -> Receive:
        seen = 0

        async def bounded() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > self._most_bytes:
                raise BodyTooLargeError(self._most_bytes)
            return message

        return bounded


def _refuse_foreign(connection: HTTPConnection, method: str) -> None:
    """A browser sends its cookies along whoever made it ask; only our own pages may."""
    if method in {"GET", "HEAD", "OPTIONS"}:
        return
    site = connection.headers.get("sec-fetch-site")
    origin = connection.headers.get("origin")
    own = urlsplit(origin).netloc == connection.headers.get("host") if origin else False
    if not (own or (origin is None and site == "same-origin")):
        raise ForbiddenOriginError


def _with_headers(send: Send) -> Send:
    async def wrapped(message: Message) -> None:
        if message["type"] == "http.response.start":
            present = {name for name, _ in message["headers"]}
            message["headers"] = [
                *message["headers"],
                *(each for each in _HEADERS if each[0] not in present),
            ]
        await send(message)

    return wrapped
