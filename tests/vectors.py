"""A small embedding model for tests, and a server with OpenAI's protocol for embeddings."""

from __future__ import annotations

import hashlib
import json
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np

from roadbed.models.embeddings.protocol import Vectors


class Trigrams:
    """Vectors of hashed character trigrams: similar spellings have similar vectors."""

    name = "trigrams"

    def __init__(self, dimensions: int = 64, salt: str = "") -> None:
        self.dimensions = dimensions
        self.digest = hashlib.sha256(f"{dimensions} {salt}".encode()).hexdigest()
        self.asked: list[str] = []

    def embed(self, texts: Sequence[str]) -> Vectors:
        self.asked += texts
        vectors = np.zeros((len(texts), self.dimensions), dtype=np.float32)
        for row, text in enumerate(texts):
            padded = f"  {text} ".encode("utf-8", "replace")
            for start in range(len(padded) - 2):
                digest = hashlib.blake2b(padded[start : start + 3], digest_size=4).digest()
                number = int.from_bytes(digest, "big")
                vectors[row, number % self.dimensions] += 1.0 if number & 1 << 20 else -1.0
        vectors[:, 0] += 0.01
        lengths: Vectors = np.linalg.norm(vectors, axis=1, keepdims=True)
        unit: Vectors = vectors / lengths
        return unit


@dataclass(frozen=True, kw_only=True)
class Served:
    """One answer of the server; without ``body`` the vectors that were asked for."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None


@dataclass(kw_only=True)
class VectorServer:
    """``script`` is used up first, one answer per request; then all get their vectors."""

    url: str = ""
    model: Trigrams = field(default_factory=Trigrams)
    script: deque[Served] = field(default_factory=deque)
    bodies: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)

    def answer(self, path: str, key: str | None, body: dict[str, Any]) -> Served:
        if path != "/v1/embeddings":
            return Served(status=404)
        self.bodies.append(body)
        self.keys.append(key)
        if self.script:
            return self.script.popleft()
        return Served(body=embedded(3.0 * self.model.embed(body["input"])))


def embedded(vectors: Any) -> bytes:
    """An answer with ``vectors``, the last one first."""
    data = [
        {"object": "embedding", "index": number, "embedding": [float(value) for value in vector]}
        for number, vector in enumerate(vectors)
    ]
    return json.dumps({"object": "list", "data": data[::-1], "model": "small"}).encode()


@contextmanager
def vector_server() -> Iterator[VectorServer]:
    """A server on loopback."""
    served = VectorServer()
    listener = ThreadingHTTPServer(("127.0.0.1", 0), _handler(served.answer))
    served.url = f"http://127.0.0.1:{listener.server_port}/v1"
    thread = threading.Thread(target=listener.serve_forever, daemon=True)
    thread.start()
    try:
        yield served
    finally:
        listener.shutdown()
        listener.server_close()
        thread.join()


def _handler(
    answer: Callable[[str, str | None, dict[str, Any]], Served],
) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            given = answer(self.path, self.headers.get("authorization"), body)
            content = given.body or b"{}"
            self.send_response(given.status)
            for name, value in given.headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing is printed."""

    return Handler
