"""Recordings: a transport that answers requests to a language model from files.

``Prompted(…, transport=RecordedTransport(folder))`` makes no connection. A request that is not
recorded ends the test. With ``inner`` it asks that transport and writes what it answers.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx2

# Other headers of a response name the account, the request and the time.
_KEPT_HEADERS = ("content-type", "retry-after")


class UnrecordedRequestError(BaseException):
    """A request that no file records, or one more than it records.

    It is no ``Exception``: clients and deciders turn those into a reason why there is no answer,
    and the test would go on.
    """


class RecordedTransport(httpx2.AsyncBaseTransport):
    """Replays the files of ``folder``, each with a ``request`` and its ``responses`` in order.

    ``{"request": {"method", "path", "body"}, "responses": [{"status", "headers", "body"}]}``: a
    request is known by its method, path and JSON body, not by its host or headers, so no key is in
    a file. Raises ``UnrecordedRequestError`` for any other request. ``requests`` has the bodies
    that came, in order. With ``inner``, requests go there and the files are written; a file that is
    there gets the new responses in place of the old ones.
    """

    def __init__(self, folder: Path, inner: httpx2.AsyncBaseTransport | None = None) -> None:
        self.requests: list[Any] = []
        self._folder = folder
        self._inner = inner
        self._replayed: Counter[str] = Counter()
        self._recorded: dict[str, list[Mapping[str, Any]]] = {}
        if inner is None:
            for path in sorted(folder.glob("*.json")):
                recording = json.loads(path.read_text(encoding="utf-8"))
                self._recorded[_digest(recording["request"])] = recording["responses"]

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """The next recorded response to ``request``."""
        body = json.loads(await request.aread())
        asked = {"method": request.method, "path": request.url.path, "body": body}
        self.requests.append(body)
        if self._inner is not None:
            return await self._record(self._inner, asked, request)
        digest = _digest(asked)
        place = self._replayed[digest]
        self._replayed[digest] += 1
        responses = self._recorded.get(digest, ())
        if place >= len(responses):
            raise UnrecordedRequestError(_told(self._folder, asked, digest, len(responses)))
        return _response(responses[place])

    async def _record(
        self, inner: httpx2.AsyncBaseTransport, asked: Mapping[str, Any], request: httpx2.Request
    ) -> httpx2.Response:
        answered = await inner.handle_async_request(request)
        text = (await answered.aread()).decode()
        digest = _digest(asked)
        responses = self._recorded.setdefault(digest, [])
        responses.append(
            {
                "status": answered.status_code,
                "headers": {
                    name: answered.headers[name]
                    for name in _KEPT_HEADERS
                    if name in answered.headers
                },
                "body": _json(text),
            }
        )
        self._folder.mkdir(parents=True, exist_ok=True)
        written = json.dumps(
            {"request": asked, "responses": responses}, ensure_ascii=False, indent=2
        )
        (self._folder / f"{digest}.json").write_text(written + "\n", encoding="utf-8")
        return _response(responses[-1])


def _digest(asked: Mapping[str, Any]) -> str:
    text = json.dumps(asked, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _json(text: str) -> Any:
    """The value of JSON, or the text itself."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _response(recorded: Mapping[str, Any]) -> httpx2.Response:
    body = recorded["body"]
    text = body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)
    headers: Mapping[str, str] = {"content-type": "application/json", **recorded.get("headers", {})}
    return httpx2.Response(recorded["status"], headers=headers, content=text.encode())


def _told(folder: Path, asked: Mapping[str, Any], digest: str, known: int) -> str:
    names: Sequence[str] = sorted(path.name for path in folder.glob("*.json"))
    what = f"{known} responses are recorded, not more" if known else "it is not recorded"
    return (
        f"A request to {asked['path']} was made, and {what} in {folder} ({len(names)} files). "
        f"Record it as {digest}.json: {json.dumps(asked, ensure_ascii=False)[:2_000]}"
    )
