"""Egress: HTTP, addresses and secrets for one attempt, within one deadline."""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import httpx2
from pydantic import SecretStr

from roadbed.connectors.addresses import objection
from roadbed.kernel.clock import Clock
from roadbed.kernel.secrets import KNOWN
from roadbed.kernel.stored_sentences import stored_sentence
from roadbed.usecases.destinations import (
    RefusedError,
    Response,
    TemporaryError,
    UnknownOutcomeError,
)

BODY_LIMIT_BYTES = 64 * 1024
Resolver = Callable[[str, int], Awaitable[Sequence[str]]]

_HOST = re.compile(r"[A-Za-z0-9._-]+|[0-9A-Fa-f:.]+")
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[\t\x20-\x7e]*")
_OURS = frozenset({"host", "content-length", "transfer-encoding", "connection", "accept-encoding"})
_PORTS = {"http": 80, "https": 443}
_WRITES = ("send_request_headers.started", "send_request_body.started")
_SLEPT = stored_sentence("Its time was over before it was sent.")


class ForbiddenAddressError(RefusedError):
    """A host has an address that may not be reached; ``why`` says for what reason."""

    def __init__(self, detail: str, *, why: str) -> None:
        super().__init__(detail)
        self.why = why


async def resolve(host: str, port: int) -> Sequence[str]:
    """The addresses of ``host`` by the system, IPv4 first. Raises ``OSError``."""
    loop = asyncio.get_running_loop()
    addresses = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    # A host with both is nearly always reachable by IPv4; many networks have no IPv6.
    ordered = sorted(addresses, key=lambda address: address[0] != socket.AF_INET)
    return [str(item[4][0]) for item in ordered]


class EgressPool:
    """Lives as long as the relay; gives a ``HttpEgressClient`` to each attempt.

    Connections are kept open by host *and* address: a connection whose certificate was checked for
    one host never carries a request for another that resolves to the same address. Hosts come from
    connectors' settings, so there are few.
    """

    def __init__(
        self,
        environment: Mapping[str, str],
        clock: Clock,
        *,
        resolver: Resolver = resolve,
        certificates: ssl.SSLContext | None = None,
        body_limit: int = BODY_LIMIT_BYTES,
    ) -> None:
        self.environment = environment
        self.clock = clock
        self.resolver = resolver
        self.body_limit = body_limit
        self._certificates = certificates
        self._transports: dict[str, httpx2.AsyncBaseTransport] = {}

    def attempt(self, deadline_seconds: float) -> HttpEgressClient:
        """The client for one attempt, which ends ``deadline_seconds`` from now."""
        return HttpEgressClient(self, deadline_seconds)

    def transport(self, host: str) -> httpx2.AsyncBaseTransport:
        """The connections to ``host``. No proxy, cookie, redirect or password file."""
        if host not in self._transports:
            if self._certificates is None:
                self._certificates = httpx2.create_ssl_context(trust_env=False)
            self._transports[host] = httpx2.AsyncHTTPTransport(
                verify=self._certificates, trust_env=False
            )
        return self._transports[host]

    async def aclose(self) -> None:
        """Close every connection."""
        for transport in self._transports.values():
            await transport.aclose()
        self._transports.clear()


class HttpEgressClient:
    """``EgressClient`` for one attempt: everything it does ends by the same deadline."""

    def __init__(self, pool: EgressPool, deadline_seconds: float) -> None:
        self._pool = pool
        self._deadline_seconds = deadline_seconds
        self._started = pool.clock.monotonic()

    def now(self) -> datetime:
        return self._pool.clock.now()

    def in_time(self) -> None:
        if self._left() <= 0.0:
            raise TemporaryError(_SLEPT)

    def secret(self, name: str) -> SecretStr:
        # Values read from a file often end in a line break, which no header or login accepts.
        value = self._pool.environment.get(name, "").rstrip("\r\n")
        if not value:
            raise RefusedError(
                stored_sentence(
                    "The secret %(name)s is not set. Set it where the relay runs.", name=name
                ),
                cause="secret",
            )
        KNOWN.learn([value])
        return SecretStr(value)

    async def address(self, host: str, port: int, *, private: bool = False) -> str:
        async with self._deadline(_Progress(self._left)):
            try:
                addresses = await self._pool.resolver(host, port)
            except (OSError, UnicodeError) as error:
                raise TemporaryError(
                    stored_sentence(
                        "%(host)s could not be resolved: %(error)s.", host=host, error=error
                    )
                ) from error
        if not addresses:
            raise TemporaryError(stored_sentence("%(host)s has no address.", host=host))
        for address in addresses:
            if (why := objection(address, private=private)) is not None:
                told = {"host": host, "why": why}
                if private:
                    raise ForbiddenAddressError(
                        stored_sentence("%(host)s may not be reached: %(why)s.", **told), why=why
                    )
                raise ForbiddenAddressError(
                    stored_sentence(
                        "%(host)s may not be reached: %(why)s. If it is your own, declare the "
                        "receiver private.",
                        **told,
                    ),
                    why=why,
                )
        return addresses[0]

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes = b"",
        private: bool = False,
    ) -> Response:
        target = _target(url)
        sent = _headers(headers or {})
        if _TOKEN.fullmatch(method) is None:
            raise RefusedError(stored_sentence("%(method)r is no HTTP method.", method=method[:40]))
        host = target.raw_host.decode("ascii")
        port = target.port or _PORTS[target.scheme]
        address = await self.address(host, port, private=private)
        progress = _Progress(self._left)
        request = httpx2.Request(
            method,
            target.copy_with(host=address, fragment=None),
            headers={"Host": _host_header(target), "Accept-Encoding": "identity", **sent},
            content=content,
            extensions={
                "sni_hostname": host.rstrip("."),
                "trace": progress.trace,
                "timeout": {},  # the deadline below covers the whole request
            },
        )
        async with self._deadline(progress):
            try:
                return await self._exchange(request, self._pool.transport(host))
            except (httpx2.TransportError, OSError, ssl.SSLError) as error:
                raise progress.failed(f"{host}: {_error_text(error)}.") from error

    async def _exchange(
        self, request: httpx2.Request, transport: httpx2.AsyncBaseTransport
    ) -> Response:
        answer = await transport.handle_async_request(request)
        try:
            body = bytearray()
            async for chunk in answer.aiter_raw():
                body += chunk
                if len(body) >= self._pool.body_limit:
                    break
        finally:
            await answer.aclose()
        return Response(
            status=answer.status_code,
            headers={name.lower(): value for name, value in answer.headers.items()},
            body=bytes(memoryview(body)[: self._pool.body_limit]),
        )

    @asynccontextmanager
    async def _deadline(self, progress: _Progress) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(max(0.0, self._left())):
                yield
        except TimeoutError as error:
            raise progress.failed(
                stored_sentence(
                    "No whole answer came within %(deadline_seconds)s s.",
                    deadline_seconds=format(self._deadline_seconds, "g"),
                )
            ) from error

    def _left(self) -> float:
        return self._deadline_seconds - (self._pool.clock.monotonic() - self._started)


class _Progress:
    """Whether a byte of the request has been sent; stops the request after the deadline.

    A timer is not enough: a suspended process that continues would write to the socket before it
    runs the timer.
    """

    def __init__(self, left: Callable[[], float]) -> None:
        self.sent = False
        self._left = left

    async def trace(self, event: str, _: Mapping[str, Any]) -> None:
        if event.endswith(_WRITES) and self._left() <= 0.0:
            raise self.failed(_SLEPT)
        if event.endswith(_WRITES[0]):
            self.sent = True

    def failed(self, detail: str) -> TemporaryError | UnknownOutcomeError:
        return UnknownOutcomeError(detail) if self.sent else TemporaryError(detail)


def url_problem(url: str) -> str | None:
    """What is wrong with a URL to send to, ``None`` if nothing is. Never quotes it: see Chat."""
    try:
        parsed = httpx2.URL(url)
        host, port = parsed.raw_host.decode("ascii"), parsed.port
    except (httpx2.InvalidURL, UnicodeError, TypeError):
        return stored_sentence("it is no URL")
    if parsed.scheme not in _PORTS:
        return stored_sentence("it begins with neither https:// nor http://")
    if parsed.userinfo:
        return stored_sentence("it holds a user name or password")
    if _HOST.fullmatch(host) is None or (port is not None and not 0 < port < 65_536):
        return stored_sentence("it names no host that could be reached")
    return None


def _target(url: str) -> httpx2.URL:
    if (problem := url_problem(url)) is not None:
        raise RefusedError(
            stored_sentence(
                "The address is not one that results may be sent to: %(problem)s.", problem=problem
            )
        )
    return httpx2.URL(url)


def _host_header(url: httpx2.URL) -> str:
    return url.netloc.decode("ascii")


def _headers(given: Mapping[str, str]) -> Mapping[str, str]:
    for name, value in given.items():
        if _TOKEN.fullmatch(name) is None or name.lower() in _OURS:
            raise RefusedError(
                stored_sentence("The header %(name)r cannot be set.", name=name[:40])
            )
        if _VALUE.fullmatch(value) is None:
            raise RefusedError(
                stored_sentence(
                    "The header %(name)s would hold a line break or a sign that headers cannot "
                    "carry.",
                    name=name,
                )
            )
    return given


def _error_text(error: Exception) -> str:
    return str(error).rstrip(".") or type(error).__name__
