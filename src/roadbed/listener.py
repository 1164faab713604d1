"""The listener: limits on connections, on their number, time and size, and trusted proxies.

uvicorn bounds neither headers nor the time they take. Here a connection that has not sent its whole
request is closed when its time is over, and earlier, the oldest first, when connections run short:
so half-open ones never keep out those who send a request.
"""

from __future__ import annotations

import asyncio
import functools
import ipaddress
import resource
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import httptools
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from roadbed.api.problems import problem
from roadbed.kernel.errors import RoadbedError
from roadbed.kernel.settings import Network, Settings
from roadbed.storage.background import Warnings

MOST_HEADERS = 200
_MOST_CONNECTIONS = 10_000
_MOST_OPEN_FILES = 65_536
_LONGEST_BACKLOG = 2_048
_SWEEP_SECONDS = 0.5
_WRITE_SECONDS = 30.0  # after this time without reading its response, a client counts as lost
_IDLE_SECONDS = 10.0
_LINGER_SECONDS = 1.0  # so long a refused client may still send before it reads the response
_LINGER_BYTES = 1_000_000
# A client that sends a body to its end before it reads the refusal gets to read it.
_LARGEST_DROPPED_BYTES = 32_000_000


class HeadersTooLargeError(RoadbedError):
    """A request line and headers of more bytes, or of more headers, than one may have."""

    code = "headers_too_large"

    def __init__(self, most: int) -> None:
        super().__init__(
            f"The headers are larger than {most:,} bytes, or more than {MOST_HEADERS}.",
            "Send fewer; ROADBED_MAX_HEADER_BYTES sets the size.",
        )


class RequestMalformedError(RoadbedError):
    """Bytes that are no HTTP request."""

    code = "request_malformed"

    def __init__(self) -> None:
        super().__init__("This is not a valid HTTP request.", "Send one of HTTP/1.1 or HTTP/1.0.")


class RequestTimeoutError(RoadbedError):
    """The request did not arrive in time."""

    code = "request_timeout"

    def __init__(self, part: str, seconds: float) -> None:
        super().__init__(
            f"The {part} did not arrive within {seconds:g} seconds.",
            "Send the request again, without pauses.",
        )


class TooManyConnectionsError(RoadbedError):
    """One address has as many connections as it may, all of them at work."""

    code = "too_many_connections"
    retry_after = 2.0

    def __init__(self, most: int) -> None:
        super().__init__(
            f"Your address has {most:,} connections already.",
            "Use connections again; ROADBED_CONNECTIONS_PER_ADDRESS sets how many.",
        )


class ServerFullError(RoadbedError):
    """The process has its maximum of connections."""

    code = "server_full"
    retry_after = 2.0

    def __init__(self, most: int) -> None:
        super().__init__(
            f"This server has {most:,} connections, its maximum.",
            "Try again in a few seconds; ROADBED_MAX_CONNECTIONS and the limit of open files "
            "(`ulimit -n`) set how many.",
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class ConnectionLimits:
    """What a connection may take. Sizes are in bytes."""

    header_bytes: int
    header_seconds: float
    body_bytes: int
    body_seconds: float
    connections: int
    per_address: int
    proxies: tuple[Network, ...]

    def trusts(self, address: str) -> bool:
        """Whether a trusted proxy speaks from there, for many people at once."""
        with suppress(ValueError):
            parsed = ipaddress.ip_address(address)
            return any(parsed in network for network in self.proxies)
        return False


def limits(settings: Settings, open_files: int) -> ConnectionLimits:
    """The limits that ``settings`` and the limit of open files allow.

    Half of the files are for connections at most, and as many as wait to be taken in have room
    beside them, so that database and files never lack one.
    """
    return ConnectionLimits(
        header_bytes=settings.max_header_bytes,
        header_seconds=settings.header_seconds,
        body_bytes=settings.max_body_bytes,
        body_seconds=settings.body_seconds,
        connections=min(settings.max_connections or _MOST_CONNECTIONS, max(open_files // 2, 8)),
        per_address=settings.connections_per_address,
        proxies=settings.trusted_proxies,
    )


def backlog(connections: int) -> int:
    """How many connections may wait to be taken in: all of them may be, at one time."""
    return max(min(connections * 3 // 4, _LONGEST_BACKLOG), 1)


def open_files() -> int:
    """The limit of open files, raised as far as this process may, to 65,536 at most."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = _MOST_OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, _MOST_OPEN_FILES)
    if soft != resource.RLIM_INFINITY and soft < most:
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
            return most
    return most if soft == resource.RLIM_INFINITY else soft


def configured(
    application: ASGIApp,
    settings: Settings,
    *,
    host: str,
    port: int,
    most: ConnectionLimits | None = None,
    opens: bool = True,
) -> uvicorn.Config:
    """Configuration of uvicorn for ``application``, with every limit in force.

    ``opens``: the server opens the application, and closes it.
    """
    most = most or limits(settings, open_files())
    return uvicorn.Config(
        application,
        host=host,
        port=port,
        # uvicorn calls it like the class that it also takes.
        http=functools.partial(LimitedProtocol, Connections(most)),  # type: ignore[arg-type]
        ws="none",
        lifespan="on" if opens else "off",
        # Else any local client could say who it is, and by which scheme it came.
        proxy_headers=bool(most.proxies),
        forwarded_allow_ips=[str(network) for network in most.proxies],
        server_header=False,
        backlog=backlog(most.connections),
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=5,
    )


class Connections:
    """The connections of one listener: counts them, and closes what waits too long."""

    def __init__(self, limits: ConnectionLimits) -> None:
        self.limits = limits
        self.warnings = Warnings()
        self._of: dict[str, dict[LimitedProtocol, None]] = {}
        self._unsent_of: Counter[str] = Counter()
        self._all = 0
        # In the order in which they began to wait. The first two may be closed for others' sake.
        self._unsent: dict[LimitedProtocol, float] = {}  # a request is not there yet
        self._idle: dict[LimitedProtocol, float] = {}  # between two requests
        self._bodies: dict[LimitedProtocol, float] = {}  # a body is under way
        self._unread: dict[LimitedProtocol, float] = {}  # a response is not read
        self._sweeping: asyncio.TimerHandle | None = None

    def add(self, connection: LimitedProtocol) -> RoadbedError | None:
        """Count one more, and make room for it; why it is refused if there is no room."""
        address = connection.address
        siblings = self._of.setdefault(address, {})
        siblings[connection] = None
        self._all += 1
        self.unsent(connection)
        if self._sweeping is None:
            loop = asyncio.get_running_loop()
            self._sweeping = loop.call_later(_SWEEP_SECONDS, self._sweep, loop)
        most = self.limits.per_address
        while len(siblings) > most and not self.limits.trusts(address):
            too_many = TooManyConnectionsError(most)
            if not self._make_room(siblings, connection, too_many):
                return too_many
        while self._all > self.limits.connections:
            full = ServerFullError(self.limits.connections)
            if not self._make_room(self._waiting(), connection, full):
                return full
        return None

    def remove(self, connection: LimitedProtocol) -> None:
        """It is closed."""
        address = connection.address
        siblings = self._of.get(address, {})
        if connection not in siblings:
            return
        del siblings[connection]
        if not siblings:
            del self._of[address]
        self._all -= 1
        self._has_sent(connection)
        for waiting in (self._idle, self._bodies, self._unread):
            waiting.pop(connection, None)

    def unsent(self, connection: LimitedProtocol) -> None:
        """From now on it has the time of headers to send a request."""
        self._idle.pop(connection, None)
        self._unsent[connection] = time.monotonic()
        self._unsent_of[connection.address] += 1

    def begun(self, connection: LimitedProtocol) -> None:
        """Its headers are there, or a part of a document; it has the time of a body from now on."""
        self._has_sent(connection)
        connection.body_bytes = 0
        self._bodies.pop(connection, None)
        self._bodies[connection] = time.monotonic()

    def sent(self, connection: LimitedProtocol) -> None:
        """Its request is there."""
        self._bodies.pop(connection, None)

    def idle(self, connection: LimitedProtocol) -> None:
        """It has its response."""
        self._idle[connection] = time.monotonic()

    def is_idle(self, connection: LimitedProtocol) -> bool:
        """Whether it is between two requests."""
        return connection in self._idle

    def unread(self, connection: LimitedProtocol, *, waits: bool) -> None:
        """Whether its response waits to be read."""
        if waits:
            self._unread[connection] = time.monotonic()
        else:
            self._unread.pop(connection, None)

    def _has_sent(self, connection: LimitedProtocol) -> None:
        if self._unsent.pop(connection, None) is not None:
            self._unsent_of[connection.address] -= 1
            if not self._unsent_of[connection.address]:
                del self._unsent_of[connection.address]

    def _waiting(self) -> Iterator[LimitedProtocol]:
        """Those that may give way: first of the address that has most without a request."""
        address, count = self._unsent_of.most_common(1)[0] if self._unsent_of else ("", 0)
        if count > 1:
            yield from (one for one in self._of[address] if one in self._unsent)
        yield from self._unsent
        yield from self._idle

    def _make_room(
        self,
        among: Iterable[LimitedProtocol],
        new: LimitedProtocol,
        error: RoadbedError,
    ) -> bool:
        """Close the one that waits longest without a request; whether there was one."""
        for connection in among:
            if connection is not new and (connection in self._unsent or connection in self._idle):
                self.warnings.say("connection closed to make room", error)
                connection.give_way(error)
                return True
        return False

    def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        now = time.monotonic()
        self._sweeping = None
        unsaid = self.warnings.summarize()
        if self._all or unsaid:
            self._sweeping = loop.call_later(_SWEEP_SECONDS, self._sweep, loop)
        for connection in _older(self._unsent, now - self.limits.header_seconds):
            connection.refuse(RequestTimeoutError("request", self.limits.header_seconds))
        for connection in _older(self._bodies, now - self.limits.body_seconds):
            connection.body_is_late()
        # uvicorn closes idle ones sooner, but not those whose body came after their response.
        for connection in (
            *_older(self._idle, now - _IDLE_SECONDS),
            *_older(self._unread, now - _WRITE_SECONDS),
        ):
            connection.transport.abort()


def _older(waiting: dict[LimitedProtocol, float], moment: float) -> list[LimitedProtocol]:
    older = []
    for connection, since in waiting.items():
        if since > moment:
            break
        older.append(connection)
    return older


class LimitedProtocol(HttpToolsProtocol):
    """One connection, with limits of size and time for what it sends."""

    def __init__(self, connections: Connections, **facts: Any) -> None:
        super().__init__(**facts)
        self._among = connections
        self._limits = connections.limits
        self.address = ""
        self._in_headers = True
        self._header_bytes = self._dropped_bytes = self.body_bytes = 0
        self._refused = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Count it; refuse it where there is no room."""
        super().connection_made(transport)
        self.address = _network(self.client[0] if self.client else "")
        if (error := self._among.add(self)) is not None:
            self.refuse(error)

    def connection_lost(self, exc: Exception | None) -> None:
        """Count it no more."""
        self._among.remove(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse what came, never more of a header than one may have."""
        if self._refused:
            self._drop(len(data), _LINGER_BYTES)
            return
        if self._among.is_idle(self):
            self._among.unsent(self)
        most, position = self._limits.header_bytes, 0
        while position < len(data):
            step = most + 1 - self._header_bytes if self._in_headers else len(data)
            piece = data[position : position + step]
            position += step
            if self._in_headers:
                self._header_bytes += len(piece)
            self._parse(piece)
            if self._refused or self.transport.is_closing():
                return
            if self._in_headers and (
                self._header_bytes > most or len(self.headers or ()) > MOST_HEADERS
            ):
                self.refuse(HeadersTooLargeError(most))
                return

    def _parse(self, piece: bytes) -> None:
        """As uvicorn does, but without a line of the log for each request that is none."""
        self._unset_keepalive_if_required()
        try:
            with suppress(httptools.HttpParserUpgrade):  # to what is not served: a request
                self.parser.feed_data(piece)
        except httptools.HttpParserError:
            if self.cycle is not None and self.cycle.more_body and not self.cycle.response_started:
                self._give_up_body()
            self.refuse(RequestMalformedError())

    def on_headers_complete(self) -> None:
        """Begin to work on the request, unless its headers are too many."""
        self._in_headers = False
        most, size = self._limits.header_bytes, 0
        if not self._header_bytes:  # it came in one piece with the request before it
            size = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
        if size > most or len(self.headers) > MOST_HEADERS:
            self.refuse(HeadersTooLargeError(most))
            return
        self._dropped_bytes = 0
        self._among.begun(self)
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Keep a part of the body; of a request that has its response, drop it."""
        if self._refused:
            return
        if self.cycle.response_complete:
            self._drop(len(body), max(4 * self._limits.body_bytes, _LARGEST_DROPPED_BYTES))
        self.body_bytes += len(body)
        if self.body_bytes > self._limits.body_bytes:  # only uploads may be as large
            self._among.begun(self)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is there."""
        if self._refused:
            return
        self._in_headers, self._header_bytes = True, 0
        self._among.sent(self)
        super().on_message_complete()
        if self.cycle.response_complete:
            self._among.idle(self)

    def on_response_complete(self) -> None:
        """Wait for the next request."""
        super().on_response_complete()
        if not self.pipeline and not self.cycle.more_body and not self._refused:
            self._among.idle(self)

    def pause_writing(self) -> None:
        """The client does not read."""
        super().pause_writing()
        self._among.unread(self, waits=True)

    def resume_writing(self) -> None:
        """The client reads."""
        super().resume_writing()
        self._among.unread(self, waits=False)

    def body_is_late(self) -> None:
        """Refuse the request; one that has its response is cut off."""
        if self.flow.read_paused:  # the server is late, not the client
            self._among.begun(self)
        elif self.cycle.response_started:
            self.transport.abort()
        else:
            self._give_up_body()
            self.refuse(RequestTimeoutError("body", self._limits.body_seconds))

    def give_way(self, error: RoadbedError) -> None:
        """Close it for another one's sake; who has sent nothing of a request gets no response."""
        self._among.remove(self)
        if self._header_bytes and not self._refused:
            self._refused = True
            self._write(error)
            self.transport.close()
        else:
            self.transport.abort()

    def refuse(self, error: RoadbedError) -> None:
        """Respond with ``error`` and close, as soon as the client had a chance to read it."""
        cycle = self.cycle
        at_work = cycle is not None and not (cycle.response_complete or cycle.disconnected)
        if self._refused or at_work:  # a response may be on its way already
            self.transport.abort()
            return
        self._refused = True
        self._unset_keepalive_if_required()
        self._among.sent(self)
        self._among.warnings.say("request refused", error)
        self._write(error)
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.loop.call_later(_LINGER_SECONDS, self.transport.abort)

    def _give_up_body(self) -> None:
        """Tell those who work on the request that nothing more comes."""
        self.cycle.disconnected = True
        self.cycle.message_event.set()

    def _drop(self, size: int, most: int) -> None:
        self._dropped_bytes += size
        if self._dropped_bytes > most:
            self.transport.abort()

    def _write(self, error: RoadbedError) -> None:
        response = problem(error)
        status = response.status_code
        lines = [b"HTTP/1.1 %d %s" % (status, HTTPStatus(status).phrase.encode())]
        lines += [b"%s: %s" % header for header in response.raw_headers]
        lines += [b"connection: close", b"", bytes(response.body)]
        self.transport.write(b"\r\n".join(lines))


def _network(address: str) -> str:
    """Whom an address counts for: of IPv6, a whole network is one client's."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address) or parsed.ipv4_mapped:
        return str(getattr(parsed, "ipv4_mapped", None) or parsed)
    return str(ipaddress.ip_network((parsed, 64), strict=False))
