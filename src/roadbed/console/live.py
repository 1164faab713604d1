"""Live pages: what changed on a page goes to everybody who has it open, rendered once for all.

A page opens one stream. Twice a second the process looks whether something happened, and how far
jobs are, once for all streams. A stream whose page may have changed gets the difference to what it
was sent before. Viewers of one page share the rendering as far as it asked the same of each of
them.
"""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
import re
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from urllib.parse import unquote

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from roadbed.app import App
from roadbed.console.watched_viewer import WatchedViewer
from roadbed.insight.kept_figures import TRAFFIC_SECONDS
from roadbed.kernel import messages
from roadbed.people.errors import TooManyRequestsError
from roadbed.people.permissions import Permission, Viewer
from roadbed.storage.background import Warnings

_TICK_SECONDS = 0.5
_STEADY_SECONDS = 1.5  # between two differences while changes go on
_LONGEST_SECONDS = 5.0
_SETTLED_SECONDS = TRAFFIC_SECONDS + 1.0  # after the last event figures are as new as they get
_SHARE = 20.0  # a page waits this many times what it took to render
_BEAT_SECONDS = 15.0
_MOST_STREAMS = 30  # of one person, in each process
_LEAST_PACKED = 600  # bytes
_MOST_MISSED = 1_000  # entries that are read; after more, something has changed
_LONGEST_ADDRESS = 2_000
_PIECES = re.compile(
    r"(?<=\n)|(?=<(?:tr|li|dd|section|details|path|rect|line|text|circle|polyline)\b)"
)

Pieces = Sequence[str]
Look = Callable[[], Awaitable[Viewer | None]]


@dataclass(kw_only=True, slots=True, eq=False)
class LiveStream:
    """A page that somebody has open, and what it was sent: ``pieces`` is ``None`` before that.

    ``settled`` says that it was rendered after all figures that traffic makes old had become new.
    """

    address: str
    language: str
    viewer: Viewer
    look: Look
    changed: bool
    settled: bool = False
    outbox: asyncio.Queue[str | None] = field(default_factory=lambda: asyncio.Queue(maxsize=1))
    pieces: Pieces | None = None
    sent_at: float = field(default_factory=time.monotonic)
    wait_seconds: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class _Rendering:
    """A page as one viewer got it. ``seconds`` is what it took."""

    viewer: WatchedViewer
    pieces: Pieces
    seconds: float


class LivePages:
    """The open pages of this process. ``position`` is the newest audit entry that it has seen."""

    def __init__(self, pages: ASGIApp, is_live: Callable[[Scope], bool]) -> None:
        self.position: int | None = None
        self._jobs: Mapping[str, tuple[str | None, Hashable]] | None = None
        self._pages = pages
        self._is_live = is_live
        self._streams: set[LiveStream] = set()
        self._of_person: Counter[str] = Counter()
        self._loop: asyncio.Task[None] | None = None
        self._warnings = Warnings()

    async def stream(self, request: Request, viewer: Viewer) -> AsyncIterator[str]:
        """The events of one page: ``ready``, then what changed as ``change`` or ``packed``.

        It ends with the session or token that opened it. Raises ``TooManyRequestsError`` where the
        person has many open.
        """
        if self._of_person[viewer.name] >= _MOST_STREAMS:
            raise TooManyRequestsError(1.0)
        app: App = request.app.state.roadbed
        stream = LiveStream(
            address=request.query_params.get("page", "/")[:_LONGEST_ADDRESS],
            language=messages.best(request.headers.get("accept-language", "")),
            viewer=viewer,
            look=request.state.viewer_again,
            changed=await self._missed(request, app, viewer),
        )
        return self._events(request, app, stream)

    async def _events(self, request: Request, app: App, stream: LiveStream) -> AsyncIterator[str]:
        name = stream.viewer.name
        self._streams.add(stream)
        self._of_person[name] += 1
        if self._loop is None:
            self._loop = asyncio.create_task(self._run(app))
        try:
            yield f"id: {self.position or 0}\nevent: ready\ndata: {{}}\n\n"
            while not await request.is_disconnected():
                try:
                    event = await asyncio.wait_for(stream.outbox.get(), _BEAT_SECONDS)
                except TimeoutError:
                    event = ":\n\n"
                if event is None:
                    return
                yield event
        finally:
            self._leave(stream, name)

    def _leave(self, stream: LiveStream, name: str) -> None:
        self._streams.discard(stream)
        self._of_person[name] -= 1
        if not self._of_person[name]:
            del self._of_person[name]
        if not self._streams and self._loop is not None:
            self._loop.cancel()
            self._loop = self._jobs = None

    async def _missed(self, request: Request, app: App, viewer: Viewer) -> bool:
        """Whether something happened since the page was rendered, or since the last event."""
        seen = request.headers.get("last-event-id") or request.query_params.get("at") or ""
        if not (seen.isascii() and seen.isdigit() and len(seen) < 19):
            self.position = await app.monitoring.pulse()
            return True
        position = await app.monitoring.pulse()
        if self._loop is None:  # otherwise the others have to be told what lies between
            self.position = position
        if not 0 <= position - int(seen) <= _MOST_MISSED:
            return True
        return _concerns(viewer, (await app.monitoring.moved(int(seen)))[1])

    async def _run(self, app: App) -> None:
        while True:
            with self._warnings.caught("live pages not refreshed"):
                await self._tick(app)
            await asyncio.sleep(_TICK_SECONDS)

    async def _tick(self, app: App) -> None:
        if self.position is None:
            self.position = await app.monitoring.pulse()
        self.position, happened = await app.monitoring.moved(self.position)
        names = [*happened, *await self._progressed(app)]
        now = time.monotonic()
        for stream in [*self._streams]:
            viewer = await stream.look()
            if viewer is None:
                self._streams.discard(stream)
                _end(stream)
                continue
            stream.viewer = viewer
            if _concerns(viewer, names):
                stream.changed, stream.settled = True, False
            elif not stream.settled and now - stream.sent_at > _SETTLED_SECONDS:
                stream.changed = stream.settled = True
        due: dict[tuple[str, str], list[LiveStream]] = {}
        for stream in self._streams:
            rested = now - stream.sent_at >= stream.wait_seconds
            if stream.changed and rested and not stream.outbox.full():
                due.setdefault((stream.address, stream.language), []).append(stream)
        for streams in due.values():
            with self._warnings.caught("live page not refreshed"):
                await self._refresh(streams)

    async def _progressed(self, app: App) -> Sequence[str | None]:
        """The use cases of jobs that went on: progress is no event of the audit log.

        The first look compares with no jobs: a page may be older than it.
        """
        before, self._jobs = self._jobs or {}, await app.jobs.unfinished()
        entries = {*before.items()} ^ {*self._jobs.items()}
        return [use_case for _, (use_case, _) in entries]

    async def _refresh(self, streams: Sequence[LiveStream]) -> None:
        """Send the viewers of one address, in one language, what changed on it."""
        renderings: list[_Rendering] = []
        events: dict[tuple[int, int], str] = {}
        now = time.monotonic()
        for stream in streams:
            rendering = next(
                (one for one in renderings if one.viewer.answers_hold_for(stream.viewer)), None
            )
            quiet = now - stream.sent_at > 2 * _STEADY_SECONDS
            if rendering is None:
                # One that fails is not tried again at once.
                stream.sent_at, stream.wait_seconds = now, _LONGEST_SECONDS
                rendering = await self._render(stream)
                if rendering is None:
                    stream.changed = False
                    continue
                renderings.append(rendering)
            key = (id(stream.pieces), id(rendering.pieces))
            if key not in events:
                events[key] = _event(self.position or 0, stream.pieces, rendering.pieces)
            least = 0.0 if quiet else _STEADY_SECONDS
            stream.wait_seconds = min(max(least, _SHARE * rendering.seconds), _LONGEST_SECONDS)
            stream.sent_at, stream.changed, stream.pieces = now, False, rendering.pieces
            if events[key] and not stream.outbox.full():
                stream.outbox.put_nowait(events[key])

    async def _render(self, stream: LiveStream) -> _Rendering | None:
        """The page of a stream as its viewer gets it; ``None`` if it is no live one, or failed."""
        path, _, query = stream.address.partition("?")
        path, statuses = unquote(path), [0]
        watched, body, began = WatchedViewer(stream.viewer), bytearray(), time.monotonic()
        scope: Scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "GET",
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "root_path": "",
            "query_string": query.encode(),
            # No cookie and no token: all that the page learns of a person, it asks of ``watched``.
            "headers": [
                (b"host", b"localhost"),
                (b"accept-language", messages.header_for(stream.language).encode()),
            ],
            "client": None,
            "server": None,
            "state": {"viewer": watched, "refreshing": True},
        }
        # The server looked for NUL in its own address, not in the one that stands in it.
        if "\0" in unquote(stream.address) or not self._is_live(scope):
            return None

        async def receive() -> Message:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Message) -> None:
            statuses.append(message.get("status", 0))
            body.extend(message.get("body", b""))

        await self._pages(scope, receive, send)
        if max(statuses) >= 500:  # what is shown stays until the server can answer again
            return None
        pieces = tuple(piece for piece in _PIECES.split(body.decode()) if piece)
        return _Rendering(viewer=watched, pieces=pieces, seconds=time.monotonic() - began)


def _end(stream: LiveStream) -> None:
    while not stream.outbox.empty():
        stream.outbox.get_nowait()
    stream.outbox.put_nowait(None)


def _concerns(viewer: Viewer, names: Sequence[str | None]) -> bool:
    """Whether one of the use cases, ``None`` for all of them, is for ``viewer`` to see."""
    if viewer.everywhere(Permission.VIEW):
        return bool(names)
    return any(viewer.sees(name) for name in names if name is not None)


def _event(position: int, before: Pieces | None, after: Pieces) -> str:
    """What makes ``after`` of ``before``: pieces to copy, as place and number, and new ones.

    Compressed where that is worth it: once for all who get it, which a compressed stream is not.
    """
    if before == after:
        return ""
    content = json.dumps(
        {"all": after} if before is None else {"steps": steps(before, after)},
        ensure_ascii=False,
        separators=(",", ":"),
    )
    if len(content) < _LEAST_PACKED:
        return f"id: {position}\nevent: change\ndata: {content}\n\n"
    packed = base64.b64encode(gzip.compress(content.encode(), mtime=0)).decode()
    return f"id: {position}\nevent: packed\ndata: {packed}\n\n"


def steps(before: Pieces, after: Pieces) -> list[list[int] | str]:
    """How ``after`` comes of ``before``: ``[place, number]`` of pieces to copy, or a new piece."""
    result: list[list[int] | str] = []
    matcher = SequenceMatcher(None, before, after, autojunk=False)
    for tag, start, end, new_start, new_end in matcher.get_opcodes():
        if tag == "equal":
            result.append([start, end - start])
        else:
            result.extend(after[new_start:new_end])
    return result


class SeenFrom:
    """Notes for each page up to which audit entry it certainly shows everything."""

    def __init__(self, pages: ASGIApp, live: Callable[[], LivePages]) -> None:
        self._pages = pages
        self._live = live

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope.setdefault("state", {})["seen"] = self._live().position
        await self._pages(scope, receive, send)
