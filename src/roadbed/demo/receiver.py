"""The demo's other system: takes results over HTTP and writes down each key once.

Its ledger is a file, one line a request, so that it keeps its records after a restart: ``python -m
roadbed.demo.receiver PORT LEDGER``.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import uvicorn

Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]


class DemoLedger:
    """``requests`` that came, and the different ``keys`` among them: each made one effect."""

    def __init__(self, path: Path) -> None:
        self._path = path
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        self.requests = len(lines)
        self.keys = set(lines)
        self._file = path.open("a", encoding="utf-8", buffering=1)

    def write(self, key: str) -> None:
        """A request with this key came."""
        self.requests += 1
        self.keys.add(key)
        self._file.write(key + "\n")

    async def app(
        self,
        scope: Mapping[str, Any],
        receive: Receive,  # noqa: ARG002 - ASGI gives it; the body is not looked at
        send: Send,
    ) -> None:
        """An ASGI application: POST accepts a result, GET lists the results."""
        body = json.dumps({"requests": self.requests, "effects": len(self.keys)})
        if scope["method"] == "POST":
            headers = dict(scope["headers"])
            self.write(headers.get(b"webhook-id", b"").decode("latin-1"))
            body = '{"ok": true}'
        kind = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 200, "headers": kind})
        await send({"type": "http.response.body", "body": body.encode()})


def main(port: int, path: Path) -> None:
    """Listen on loopback until stopped."""
    uvicorn.run(
        DemoLedger(path).app,
        host="127.0.0.1",
        port=port,
        log_level="error",
        interface="asgi3",
        lifespan="off",
        ws="none",
    )


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
