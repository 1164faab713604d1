"""An HTTP receiver with its own ledger, to compare with the sender's records."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import uvicorn

from roadbed.usecases.destinations import DeliveryRequest

_EFFECTS = "/effects/"
Scope = Mapping[str, Any]  # as ASGI gives it
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]


@dataclass(frozen=True, kw_only=True, slots=True)
class ReceivedRequest:
    """One received request. ``headers`` have lower-case names."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """A response. ``stream`` gives further chunks after ``body``.

    ``works`` says whether the request has its effect anyway.
    """

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    stream: Callable[[], AsyncIterator[bytes]] | None = None
    works: bool = False


class Receiver:
    """``async with Receiver() as receiver``, then send to ``receiver.url``.

    A POST or PUT makes one effect under its ``Idempotency-Key`` (or ``webhook-id``); a repeated key
    makes no second one if it ``remembers``. GET and DELETE of ``/effects/KEY`` look up and take
    back. ``replies`` are used first, one per request; then ``always`` answers every request.
    """

    def __init__(self, *, remembers: bool = True) -> None:
        self.remembers = remembers
        self.arrivals: list[ReceivedRequest] = []
        self.effects: dict[str, list[bytes]] = {}
        self.replies: deque[Reply] = deque()
        self.always: Reply | None = None
        self._server = ReceiverServer(self._app)

    @property
    def port(self) -> int:
        return self._server.port

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def standing(self, request: DeliveryRequest) -> Sequence[Sequence[str]]:
        """The texts of each current effect with the delivery's key: a ``Ledger``."""
        return [texts(item) for item in self.effects.get(request.key, ())]

    async def __aenter__(self) -> Self:
        await self._server.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._server.stop()

    async def _app(self, scope: Scope, receive: Receive, send: Send) -> None:
        arrival = await arrived(scope, receive)
        self.arrivals.append(arrival)
        reply = self.replies.popleft() if self.replies else self.always
        if reply is None:
            reply = self._work(arrival)
        elif reply.works:
            self._work(arrival)
        await answer(reply, send)

    def _work(self, arrival: ReceivedRequest) -> Reply:
        if arrival.method in ("GET", "DELETE"):
            key = arrival.path.removeprefix(_EFFECTS)
            if key not in self.effects:
                return Reply(status=404)
            if arrival.method == "DELETE":
                del self.effects[key]
                return Reply(status=204)
            return _json({"id": key, "count": len(self.effects[key])})
        headers = arrival.headers
        key = headers.get("idempotency-key") or headers.get("webhook-id") or ""
        made = self.effects.setdefault(key, [])
        if not made or not self.remembers:
            made.append(arrival.body)
        return _json({"id": key, "ok": True})


class ReceiverServer:
    """An application on a free port of this machine, inside the running event loop."""

    def __init__(self, app: Application) -> None:
        self.port = 0
        self._app = _whole(app)
        self._server: _Quiet | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Listen on a free port, then in ``port``."""
        config = uvicorn.Config(
            self._app,
            host="127.0.0.1",
            port=0,
            log_level="error",
            interface="asgi3",  # uvicorn would take a bound method for ASGI 2
            lifespan="off",
            ws="none",
        )
        self._server = _Quiet(config)
        self._task = asyncio.create_task(self._server.serve())
        while not self._server.started and not self._task.done():  # noqa: ASYNC110 - no event
            await asyncio.sleep(0.005)
        self.port = self._server.servers[0].sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Close the port and every connection."""
        if self._server is not None and self._task is not None:
            self._server.should_exit = self._server.force_exit = True
            await self._task


def _whole(app: Application) -> Application:
    """``app``, ended without a response if the request is incomplete."""

    async def ended(scope: Scope, receive: Receive, send: Send) -> None:
        with suppress(BrokenOffError):
            await app(scope, receive, send)

    return ended


class _Quiet(uvicorn.Server):
    """uvicorn without signal handlers."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class BrokenOffError(ConnectionError):
    """The client disconnected before its request was complete."""


async def arrived(scope: Scope, receive: Receive) -> ReceivedRequest:
    """The whole request. Raises ``BrokenOffError``."""
    return ReceivedRequest(
        method=scope["method"],
        path=scope["path"],
        query=scope["query_string"].decode("latin-1"),
        headers={name.decode(): value.decode("latin-1") for name, value in scope["headers"]},
        body=await _body(receive),
    )


def texts(body: bytes) -> Sequence[str]:
    """Every text inside a JSON body, names included; the body itself if it is no JSON."""
    written = body.decode("utf-8", "replace")
    try:
        return list(_texts(json.loads(written)))
    except ValueError:
        return [written]


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, part in value.items():
            yield name
            yield from _texts(part)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)


def _json(content: object) -> Reply:
    return Reply(headers={"content-type": "application/json"}, body=json.dumps(content).encode())


async def _body(receive: Receive) -> bytes:
    body = bytearray()
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise BrokenOffError
        body += message.get("body", b"")
        more = bool(message.get("more_body", False))
    return bytes(body)


async def answer(reply: Reply, send: Send) -> None:
    """Send ``reply`` as the response."""
    headers = [(name.encode(), value.encode()) for name, value in reply.headers.items()]
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send(
        {
            "type": "http.response.body",
            "body": reply.body,
            "more_body": reply.stream is not None,
        }
    )
    if reply.stream is not None:
        async for chunk in reply.stream():
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body"})
