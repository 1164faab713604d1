"""The HTTP API as an assistant uses it, with the token of a person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

import httpx2
from pydantic import TypeAdapter
from pydantic_core import from_json

from roadbed.assistants.errors import (
    ServerAddressError,
    ServerRefusedError,
    ServerUnreachableError,
)
from roadbed.assistants.replies import Receipt
from roadbed.kernel.json import JsonObject
from roadbed.kernel.secrets import KNOWN
from roadbed.kernel.sentences import sentence
from roadbed.knowledge.records import StoredPassage
from roadbed.outbound import PLAIN, at_most

MOST_BYTES = 8 * 1024 * 1024
WAIT_SECONDS: Final = 25.0  # the server waits at most 30
_TIMEOUT_SECONDS = 60.0
_LOOPBACK = {"127.0.0.1", "::1", "localhost"}


def connected(url: str, token: str) -> httpx2.AsyncClient:
    """A client for a server at ``url``, whose requests carry ``token``.

    Neither proxies nor a password file of the environment are used, and no redirect is followed.
    Raises ``ServerAddressError`` if the token would leave this machine without encryption.
    """
    KNOWN.learn([token])
    try:
        parts = urlsplit(url)
        encrypted, host = parts.scheme == "https", parts.hostname
    except ValueError:
        raise ServerAddressError from None
    local = parts.scheme == "http" and host in _LOOPBACK
    if not host or not (encrypted or local) or parts.username or parts.query or parts.fragment:
        raise ServerAddressError
    return httpx2.AsyncClient(
        base_url=f"{url.rstrip('/')}/v1/",
        headers={"Authorization": f"Bearer {token}", **PLAIN},
        timeout=_TIMEOUT_SECONDS,
        trust_env=False,
        event_hooks={"response": [at_most(MOST_BYTES)]},
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class ListedUseCase:
    """A use case; ``question`` is the field of its input that is searched for in its documents.

    ``earlier`` is the field with the earlier turns of a conversation. ``input`` is a JSON schema.
    """

    name: str
    purpose: str
    question: str | None
    earlier: str | None
    input: Mapping[str, object]


_LISTED = TypeAdapter(list[ListedUseCase])
_PASSAGES = TypeAdapter(list[StoredPassage])
_CITED = TypeAdapter(dict[str, StoredPassage])


class RoadbedClient:
    """The calls that assistants need. ``address`` is that of the console, for links.

    Names and ids are steps of a path: callers have checked them. Each call raises
    ``ServerRefusedError`` with the words of the server, and ``ServerUnreachableError``.
    """

    def __init__(self, http: httpx2.AsyncClient, address: str) -> None:
        self._http = http
        self.address = address

    async def use_cases(self) -> Sequence[ListedUseCase]:
        """The use cases that the person sees, with their input."""
        listed = await self._ask("GET", "usecases")
        return _LISTED.validate_python(listed["usecases"])

    async def submit(
        self, use_case: str, content: JsonObject, *, key: str | None = None
    ) -> Receipt:
        """Send a task, and wait for its decision for a while."""
        body: dict[str, object] = {"input": content, "wait": WAIT_SECONDS}
        if key is not None:
            body["key"] = key
        return await self._ask("POST", f"usecases/{use_case}/tasks", json=body)

    async def receipt(self, task: str) -> Receipt:
        """The receipt of a task."""
        return await self._ask("GET", f"receipts/{task}")

    async def search(self, use_case: str, question: str, *, most: int) -> Sequence[StoredPassage]:
        """The passages that fit a question best, of what the person may read."""
        query = {"q": question, "limit": most}
        answer = await self._ask("GET", f"usecases/{use_case}/documents/search", params=query)
        return _PASSAGES.validate_python([match["passage"] for match in answer["matches"]])

    async def passages(self, use_case: str, ids: Sequence[str]) -> Mapping[str, StoredPassage]:
        """Those of the passages that the person may read, by their ids."""
        path = f"usecases/{use_case}/documents/passages"
        answer = await self._ask("GET", path, params={"id": list(ids)})
        return _CITED.validate_python(answer["passages"])

    async def _ask(self, method: str, path: str, **content: Any) -> Mapping[str, Any]:
        try:
            response = await self._http.request(method, path, **content)
            body = from_json(response.content)
        except httpx2.TransportError as error:
            detail = str(error).rstrip(".") or type(error).__name__
            raise ServerUnreachableError(self.address, detail) from error
        except ValueError:
            body = None
        if not isinstance(body, Mapping):
            raise ServerUnreachableError(
                self.address, sentence("status %(status)s, no JSON", status=response.status_code)
            )
        if response.status_code >= 400:
            told = [str(body.get(name) or "") for name in ("detail", "remedy", "code")]
            raise ServerRefusedError(told[0], told[1], told[2])
        return body
