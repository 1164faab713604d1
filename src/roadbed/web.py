"""The web server's application: API and console behind one gateway."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from functools import lru_cache, partial
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount
from starlette.types import Message, Receive, Scope, Send

from roadbed.api import app as api
from roadbed.api.problems import problem
from roadbed.api.tasks import take
from roadbed.app import App
from roadbed.background import relaying, running
from roadbed.bootstrap import open_app
from roadbed.console import app as console
from roadbed.console.languages import language_of
from roadbed.console.pages import problem_page
from roadbed.kernel.clock import SystemClock
from roadbed.kernel.errors import RoadbedError
from roadbed.kernel.messages import speaking
from roadbed.kernel.sentences import figure, sentence
from roadbed.kernel.settings import Settings
from roadbed.people.errors import NotSignedInError
from roadbed.people.permissions import Viewer
from roadbed.people.rate_limit import Limit
from roadbed.risk import distributions
from roadbed.storage.database import with_schema
from roadbed.storage.serving import database_url

SESSION_COOKIE = "roadbed_session"
LOOPBACK = {"127.0.0.1", "::1", "localhost"}
_MORE_THAN_A_HOST = re.compile(rb"[^A-Za-z0-9._:\[\]-]")
_API = "/v1/"
_SUBMIT = "/v1/usecases/", "/tasks"
# Method and end of the path of requests that hold documents, of the API and of the console.
_UPLOADS = ("PUT", "/documents/files"), ("POST", "/documents/upload")
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
# Browsers then ask for nothing here without encryption, for a year.
_ENCRYPTED_HEADERS = [*_HEADERS, (b"strict-transport-security", b"max-age=31536000")]


class BodyTooLargeError(RoadbedError):
    """More bytes than a request may have."""

    code = "body_too_large"

    def __init__(self, most: int, *, upload: bool = False) -> None:
        remedy = sentence("Send less; raise ROADBED_MAX_BODY_BYTES if your inputs are that large.")
        if upload:
            remedy = sentence(
                "Send fewer documents at a time; ROADBED_MAX_UPLOAD_BYTES limits what one request "
                "may hold."
            )
        super().__init__(
            sentence("The body is larger than %(most)s bytes.", most=figure(f"{most:,}")), remedy
        )


class BodyCutOffError(RoadbedError):
    """The connection ended before the body did."""

    code = "body_cut_off"

    def __init__(self) -> None:
        super().__init__(
            sentence("The connection ended before the whole body was there."),
            sentence("Send the request again. Nothing was stored."),
        )


class ForbiddenOriginError(RoadbedError):
    """A page of another site sent the request with a signed-in person's cookie."""

    code = "forbidden_origin"

    def __init__(self) -> None:
        super().__init__(
            sentence("This request came from a page of another site."),
            sentence("Use the console itself, or an API token."),
        )


class ForeignHostError(RoadbedError):
    """The request names a host that is not this machine; a name made to point here, perhaps."""

    code = "foreign_host"

    def __init__(self) -> None:
        super().__init__(
            sentence("Roadbed does not answer under this name."),
            sentence(
                "Ask for 127.0.0.1 or localhost, or set ROADBED_ADDRESS to the name people use."
            ),
        )


class AddressError(RoadbedError):
    """The address holds a character that no database keeps."""

    code = "request_invalid"

    def __init__(self) -> None:
        super().__init__(
            sentence("The address holds a NUL character."),
            sentence("Leave it out: no name, id or text has one."),
        )


class NotLoopbackError(RoadbedError):
    """Roadbed would listen on an address that other machines can reach."""

    code = "not_loopback"

    def __init__(self, host: str) -> None:
        super().__init__(
            sentence(
                "Roadbed does not listen on %(host)s without knowing its public address.", host=host
            ),
            sentence(
                "Set ROADBED_ADDRESS to what people type (https://…), or listen on 127.0.0.1."
            ),
        )


def create(settings: Settings | None = None, *, relays: bool = False) -> Gateway:
    """The whole application; ``relays``: it sends deliveries too.

    Raises ``NotLoopbackError``, ``DatabaseUrlError``.
    """
    settings = settings or Settings()
    if settings.host not in LOOPBACK and public_host(settings) is None:
        raise NotLoopbackError(settings.host)
    if settings.database_url is not None:
        with_schema(
            settings.database_url.get_secret_value()
        )  # shown in two lines, without a traceback
    api_app, console_app = api.create(), console.create()

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        distributions.load()
        async with database_url(settings) as url, open_app(settings, url) as opened:
            for item in (app, api_app, console_app):
                item.state.roadbed = opened
            async with running(opened), relaying(opened) if relays else nullcontext():
                yield

    pages = Starlette(routes=[Mount("/v1", api_app), Mount("/", console_app)], lifespan=lifespan)
    return Gateway(pages, settings)


def public_host(settings: Settings) -> str | None:
    """The host of ``ROADBED_ADDRESS``; ``None`` while it leads to this machine alone."""
    host = urlsplit(settings.address or "").hostname
    return None if host is None or host in LOOPBACK else host


class Gateway:
    """Identifies the viewer, limits the body, refuses foreign pages, adds security headers."""

    def __init__(self, pages: Starlette, settings: Settings) -> None:
        self._pages = pages
        self._most_bytes = settings.max_body_bytes
        self._most_upload_bytes = settings.max_upload_bytes
        self._public = public_host(settings)
        self._encrypted = urlsplit(settings.address or "").scheme == "https"
        self._hosts = LOOPBACK | {self._public or "localhost"}
        self._limit: Limit | None = None
        if (most := settings.requests_per_minute) is not None:
            self._limit = Limit(SystemClock(), most=most, seconds=60.0 / most)

    def opened(self) -> AbstractAsyncContextManager[object]:
        """The app and its background work, for servers that do not run the lifespan."""
        return self._pages.router.lifespan_context(self._pages)

    @property
    def roadbed(self) -> App:
        """The running app; there once the server has started."""
        app: App = self._pages.state.roadbed
        return app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._pages(scope, receive, send)
            return
        headers: dict[bytes, bytes] = dict(scope["headers"])
        name = _name(headers.get(b"host", b""))
        encrypted = self._encrypted and name == self._public
        send = _with_headers(send, _ENCRYPTED_HEADERS if encrypted else _HEADERS)
        try:
            if name not in self._hosts or _is_twofold(scope, headers):
                raise ForeignHostError
            if b"%00" in scope["query_string"] or "\0" in scope["path"]:
                raise AddressError
            length = headers.get(b"content-length", b"0")
            upload = _is_upload(scope)
            most = self._most_upload_bytes if upload else self._most_bytes
            if not length.isdigit() or int(length) > most:
                raise BodyTooLargeError(most, upload=upload)
            look = partial(self._viewer, headers, scope, encrypted=encrypted)
            viewer = await look()
            # A long answer asks again, by the same session or token.
            scope.setdefault("state", {})["viewer_again"] = look
            if self._limit is not None and viewer is not None:
                self._limit.spend(viewer.name)
            has_body = length.strip(b"0") != b"" or b"transfer-encoding" in headers
            bounded = _bounded(receive, most, upload=upload, has_body=has_body)
            await self._enter(scope, bounded, send, viewer)
        except RoadbedError as error:
            await self._problem(error, scope)(scope, receive, send)

    def _problem(self, error: RoadbedError, scope: Scope) -> Response:
        """For a program as JSON, for a browser as a page."""
        if scope["path"].startswith(_API):
            return problem(error)
        with speaking(language_of(scope)):  # the console, which speaks it, was not reached
            return problem_page(Request({**scope, "app": self._pages}), error)

    async def _enter(
        self, scope: Scope, receive: Receive, send: Send, viewer: Viewer | None
    ) -> None:
        path: str = scope["path"]
        start, end = _SUBMIT
        if scope["method"] == "POST" and path.startswith(start) and path.endswith(end):
            if viewer is None:
                raise NotSignedInError
            name = path[len(start) : -len(end)]
            status, answer = await take(
                self.roadbed, name, viewer, await _body(receive), header_keys=_header_keys(scope)
            )
            await _answer(send, status, answer)
            return
        state = scope.setdefault("state", {})
        state["viewer"], state["person"] = viewer, viewer and viewer.name
        await self._pages(scope, receive, send)

    async def _viewer(
        self, headers: dict[bytes, bytes], scope: Scope, *, encrypted: bool
    ) -> Viewer | None:
        """The viewer of the token or session, or ``None``."""
        people = self.roadbed.people
        scheme = "https" if encrypted else scope["scheme"]
        own = f"{scheme}://{headers.get(b'host', b'').decode('latin-1')}"
        kind, _, secret = headers.get(b"authorization", b"").decode("latin-1").partition(" ")
        bearer = kind.lower() == "bearer"
        if not bearer and not scope["path"].startswith(_API):
            # Also without a session: a foreign page must not sign a person in as another person.
            _refuse_foreign(headers, scope["method"], own)
        try:
            if bearer:
                return await people.holder("api", secret.strip())
            if b"cookie" in headers and (cookie := Request(scope).cookies.get(SESSION_COOKIE)):
                awake = scope["path"] != "/live"
                viewer = await people.holder("session", cookie, awake=awake)
                _refuse_foreign(headers, scope["method"], own)
                return viewer
        except NotSignedInError:
            pass
        return None


def _bounded(receive: Receive, most: int, *, upload: bool, has_body: bool) -> Receive:
    """``receive`` that refuses a body of more than ``most`` bytes, and one that was cut off."""
    seen, more = 0, has_body

    async def bounded() -> Message:
        nonlocal seen, more
        message = await receive()
        if message["type"] == "http.disconnect":
            if more:  # a truncated response may look complete
                raise BodyCutOffError
            return message
        more = message.get("more_body", False)
        seen += len(message.get("body", b""))
        if seen > most:
            raise BodyTooLargeError(most, upload=upload)
        return message

    return bounded


async def _body(receive: Receive) -> bytes:
    parts = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


async def _answer(send: Send, status: int, content: bytes) -> None:
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(content)).encode()),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content})


def _is_upload(scope: Scope) -> bool:
    """Whether a request may be as large as documents are."""
    method, end = _UPLOADS[0 if scope["path"].startswith(_API) else 1]
    return bool(scope["method"] == method and scope["path"].endswith(end))


def _is_twofold(scope: Scope, headers: Mapping[bytes, bytes]) -> bool:
    """Whether the request names two hosts: only one of them was checked."""
    if len(headers) == len(scope["headers"]):  # no name came twice, as in most requests
        return False
    return [name for name, _ in scope["headers"]].count(b"host") > 1


@lru_cache(maxsize=64)
def _name(host: bytes) -> str:
    if _MORE_THAN_A_HOST.search(host):
        return ""
    try:
        return urlsplit(f"//{host.decode('latin-1')}").hostname or ""
    except ValueError:
        return ""


def _header_keys(scope: Scope) -> list[str]:
    """What the headers ``Idempotency-Key`` say."""
    return [
        value.decode("latin-1") for name, value in scope["headers"] if name == b"idempotency-key"
    ]


def _refuse_foreign(headers: dict[bytes, bytes], method: str, own: str) -> None:
    """Refuse requests from pages of other origins (CSRF): a browser sends cookies with them.

    ``own`` is their origin. Scheme and host count: a page that was sent without encryption is not
    trustworthy.
    """
    if method in {"GET", "HEAD", "OPTIONS"}:
        return
    origin = headers.get(b"origin", b"").decode("latin-1")
    if not (origin == own or (not origin and headers.get(b"sec-fetch-site") == b"same-origin")):
        raise ForbiddenOriginError


def _with_headers(send: Send, headers: Sequence[tuple[bytes, bytes]]) -> Send:
    async def wrapped(message: Message) -> None:
        if message["type"] == "http.response.start":
            present = {name for name, _ in message["headers"]}
            message["headers"] = [
                *message["headers"],
                *(header for header in headers if header[0] not in present),
            ]
        await send(message)

    return wrapped
