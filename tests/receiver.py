"""A receiver on a real socket that records requests and answers as configured."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Receiver:
    """``answers`` are the next status codes, 200 when there are none; ``seconds`` it thinks."""

    url: str = ""
    seconds: float = 0.0
    answers: list[int] = field(default_factory=list)
    got: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)

    def wait_for(self, count: int, seconds: float = 30.0) -> None:
        """Until so many have come."""
        until = time.monotonic() + seconds
        while len(self.got) < count:
            assert time.monotonic() < until, f"{len(self.got)} of {count} came"
            time.sleep(0.02)


@contextmanager
def receiving() -> Iterator[Receiver]:
    """A receiver on a free port."""
    result = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status = result.answers.pop(0) if result.answers else 200
            if status == 200:
                result.got.append(body)
                result.keys.append(self.headers["Idempotency-Key"])
            time.sleep(result.seconds)
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps({"id": f"ref-{len(result.got)}"}).encode())

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    result.url = f"http://127.0.0.1:{server.server_port}/inbox"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield result
    server.shutdown()
    server.server_close()
