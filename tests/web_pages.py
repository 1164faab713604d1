"""A web server on a real socket with pages that a test writes, and with bad manners on request."""

from __future__ import annotations

import gzip
import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ENDLESS = b"x" * 65_536


@dataclass
class Web:
    """``pages`` by path; ``statuses`` replace the answer; ``redirects`` lead elsewhere.

    ``trouble`` names what is wrong with a path: ``endless``, ``silent``, ``header``, ``headers``,
    ``gzip``, ``cut`` or ``drops``. ``asked`` holds the path and the status of each request.
    """

    url: str = ""
    pages: dict[str, bytes] = field(default_factory=dict)
    statuses: dict[str, int] = field(default_factory=dict)
    redirects: dict[str, str] = field(default_factory=dict)
    trouble: dict[str, str] = field(default_factory=dict)
    types: dict[str, str] = field(default_factory=dict)
    modified: dict[str, str] = field(default_factory=dict)
    tags: bool = True
    asked: list[tuple[str, int]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    @property
    def place(self) -> str:
        """Host and port, as the paths of documents begin."""
        return self.url.removeprefix("http://")

    def count(self, path: str) -> list[int]:
        """The statuses that a path was answered with, in order."""
        return [status for asked, status in self.asked if asked == path]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    web: Web


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    @property
    def web(self) -> Web:
        assert isinstance(self.server, _Server)
        return self.server.web

    def do_GET(self) -> None:
        self.web.headers.append(dict(self.headers))
        with suppress(ConnectionError, TimeoutError):
            trouble = self.web.trouble.get(self.path)
            if trouble is None:
                self._answer()
            else:
                self._misbehave(trouble)

    def _answer(self) -> None:
        web = self.web
        if self.path in web.redirects:
            self._send(302, b"", Location=web.redirects[self.path])
        elif self.path in web.statuses:
            self._send(web.statuses[self.path], b"an error page about leave")
        elif self.path not in web.pages:
            self._send(404, b"there is no such page")
        else:
            self._page(web.pages[self.path])

    def _page(self, content: bytes) -> None:
        tag = f'"{hashlib.sha256(content).hexdigest()[:16]}"'
        modified = self.web.modified.get(self.path)
        headers = {"ETag": tag} if self.web.tags else {}
        if modified is not None:
            headers["Last-Modified"] = modified
        if self.web.tags:
            unchanged = self.headers["If-None-Match"] == tag
        else:
            unchanged = modified is not None and self.headers["If-Modified-Since"] == modified
        self._send(304 if unchanged else 200, content, **headers)

    def _misbehave(self, trouble: str) -> None:
        if trouble == "gzip":
            bomb = gzip.compress(bytes(50_000_000))
            self._send(200, bomb, **{"Content-Encoding": "gzip"})
            return
        self.web.asked.append((self.path, 200))
        self.close_connection = True
        if trouble == "silent":
            self.web.over.wait(60)
            return
        self.send_response(200)
        if trouble == "header":
            self.send_header("X-Long", "a" * 10_000_000)
        elif trouble == "headers":
            for number in range(200_000):
                self.send_header(f"X-{number}", "a" * 50)
        elif trouble == "cut":
            self.send_header("Content-Length", "1000")
        self.end_headers()
        if trouble in ("cut", "drops"):
            self.wfile.write(b"the beginning")
        while trouble in ("endless", "drops") and not self.web.over.is_set():
            self.wfile.write(ENDLESS if trouble == "endless" else b"x")
            self.web.over.wait(0 if trouble == "endless" else 0.05)

    def _send(self, status: int, content: bytes, **headers: str) -> None:
        self.web.asked.append((self.path, status))
        self.send_response(status)
        if (kind := self.web.types.get(self.path)) is not None:
            self.send_header("Content-Type", kind)
        for name, value in headers.items():
            self.send_header(name, value)
        if status != 304:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if status != 304:
            self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serving_pages() -> Iterator[Web]:
    """A server on a free port of 127.0.0.1."""
    server = _Server(("127.0.0.1", 0), _Handler)
    web = server.web = Web(url=f"http://127.0.0.1:{server.server_port}")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield web
    finally:
        web.over.set()
        server.shutdown()
        server.server_close()
