"""``EndpointEmbeddings``: vectors from a server that speaks OpenAI's protocol, ``/embeddings``."""

from __future__ import annotations

import hashlib
import json
import os
import re
import ssl
import time
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, NoReturn

import httpx2
import numpy as np
from pydantic import SecretStr

from roadbed.kernel.sentences import sentence
from roadbed.models.embeddings.errors import EndpointError
from roadbed.models.embeddings.protocol import Vectors
from roadbed.outbound import PLAIN, AnswerTooLargeError, read_at_most
from roadbed.usecases.decider import Needs

_HOME = "https://api.openai.com/v1"
_KEY = "OPENAI_API_KEY"
_KEY_CHARACTERS = re.compile(r"[\x21-\x7e]+")
_BLANK = "."  # servers refuse a text without a character
_BYTES_PER_NUMBER = 40
_BYTES_BESIDE = 100_000
_AGAIN = frozenset((408, 409, 425, 429, 500, 502, 503, 504, 529))
_FIRST_PAUSE_SECONDS = 0.25
_CONNECT_SECONDS = 5.0


class EndpointEmbeddings:
    """Asks ``model`` at ``base_url`` for vectors of ``dimensions`` numbers.

    ``key`` names the environment variable of the key: ``OPENAI_API_KEY`` at OpenAI, elsewhere none
    by default. ``prefix`` stands before each text. A request has at most ``batch`` texts, each cut
    to ``most_characters``. One call of ``embed`` takes at most ``seconds``, repeated requests
    included. The server may exchange the model behind a name, which nobody can see: give such a
    model another ``revision``. Raises ``ValueError`` for settings that cannot work.
    """

    def __init__(
        self,
        model: str,
        *,
        dimensions: int,
        base_url: str | None = None,
        key: str | None = None,
        prefix: str = "",
        revision: str = "",
        batch: int = 64,
        most_characters: int = 8_000,
        seconds: float = 20.0,
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        if not model.strip() or min(dimensions, batch, most_characters) < 1 or seconds <= 0:
            raise ValueError("it needs a model; dimensions and limits are above zero")
        if base_url is not None and not base_url.startswith(("http://", "https://")):
            raise ValueError("base_url begins with neither https:// nor http://")
        self._model = model.strip()
        self._dimensions = dimensions
        self._address = f"{(base_url or _HOME).rstrip('/')}/embeddings"
        self._key = key or (None if base_url else _KEY)
        self._prefix = prefix
        self._batch = batch
        self._most_characters = most_characters
        self._seconds = seconds
        self._environment = environment
        identity = ["openai", self._model, dimensions, prefix, most_characters, revision]
        self._digest = hashlib.sha256(json.dumps(identity).encode()).hexdigest()

    @property
    def name(self) -> str:
        return self._model

    @property
    def digest(self) -> str:
        return self._digest

    @property
    def dimensions(self) -> int:
        return self._dimensions

    @property
    def needs(self) -> Needs:
        """The key."""
        return Needs(secrets=(self._key,) if self._key else ())

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Vectors of ``texts``. Raises ``EndpointError``."""
        vectors = np.empty((len(texts), self._dimensions), dtype=np.float32)
        until = time.monotonic() + self._seconds
        # No proxy, cookie, redirect or password file. Connections are kept for one call.
        with httpx2.Client(
            verify=_certificates(), trust_env=False, follow_redirects=False, headers=PLAIN
        ) as client:
            for start in range(0, len(texts), self._batch):
                part = [self._prepared(text) for text in texts[start : start + self._batch]]
                vectors[start : start + len(part)] = self._asked(client, part, until)
        return vectors

    def _prepared(self, text: str) -> str:
        valid = text[: self._most_characters].encode("utf-8", "replace").decode()
        return self._prefix + (valid if valid.strip() else _BLANK)

    def _asked(self, client: httpx2.Client, texts: Sequence[str], until: float) -> Vectors:
        """The vectors of one request; it is repeated while that may help and time is left."""
        pause = _FIRST_PAUSE_SECONDS
        while True:
            try:
                return self._request(client, texts, until - time.monotonic())
            except EndpointError as error:
                wait = max(pause, error.after_seconds)
                if not error.again or time.monotonic() + wait >= until:
                    raise
            time.sleep(wait)
            pause *= 2

    def _request(self, client: httpx2.Client, texts: Sequence[str], seconds: float) -> Vectors:
        key = self._secret()
        headers = {} if key is None else {"Authorization": f"Bearer {key.get_secret_value()}"}
        most = _BYTES_BESIDE + _BYTES_PER_NUMBER * self._dimensions * len(texts)
        body = {"model": self._model, "input": list(texts), "encoding_format": "float"}
        seconds = max(seconds, 0.001)
        limit = httpx2.Timeout(seconds, connect=min(_CONNECT_SECONDS, seconds))
        try:
            with client.stream(
                "POST", self._address, json=body, headers=headers, timeout=limit
            ) as response:
                if response.status_code != 200:
                    _refused(response)
                content = read_at_most(response, most, seconds=seconds)
        except AnswerTooLargeError:
            raise EndpointError(
                sentence("it sent more than vectors need, or compressed bytes")
            ) from None
        except httpx2.TimeoutException:
            raise EndpointError(sentence("it did not answer in time"), again=True) from None
        except (httpx2.HTTPError, httpx2.InvalidURL):
            # Not chained: such an error may repeat the address and its credentials.
            raise EndpointError(sentence("it cannot be reached"), again=True) from None
        return self._read(content, len(texts))

    def _read(self, content: bytes, count: int) -> Vectors:
        """The vectors in an answer, which is not trusted."""
        try:
            rows: list[Any] = [None] * count
            for item in json.loads(content)["data"]:
                rows[range(count)[item["index"]]] = item["embedding"]
            vectors = np.array(rows, dtype=np.float64)
        except (ValueError, TypeError, KeyError, IndexError, RecursionError, OverflowError):
            raise EndpointError(sentence("it sent something that is no list of vectors")) from None
        if vectors.shape != (count, self._dimensions):
            raise EndpointError(
                sentence("its vectors do not have %(n)s numbers each", n=self._dimensions)
            )
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        if not (np.isfinite(lengths).all() and (lengths > 0.0).all()):
            raise EndpointError(sentence("it sent a vector without a direction"))
        unit: Vectors = (vectors / lengths).astype(np.float32)
        return unit

    def _secret(self) -> SecretStr | None:
        if self._key is None:
            return None
        key = self._environment.get(self._key, "").strip()
        if not key:
            raise EndpointError(sentence("%(key)s is not set where Roadbed runs", key=self._key))
        if _KEY_CHARACTERS.fullmatch(key) is None:
            raise EndpointError(
                sentence("%(key)s contains a character that no key has", key=self._key)
            )
        return SecretStr(key)


@cache
def _certificates() -> ssl.SSLContext:
    """Reading them takes 30 ms."""
    return httpx2.create_ssl_context(trust_env=False)


def _refused(response: httpx2.Response) -> NoReturn:
    """An error from the status alone: the text of a server is never passed on."""
    status = response.status_code
    stated = response.headers.get("retry-after", "")
    after = float(stated) if stated.isascii() and stated.isdigit() else 0.0
    reason = sentence("it answered with %(status)s", status=status)
    if status in {401, 403}:
        reason = sentence("it does not accept the key (%(status)s)", status=status)
    raise EndpointError(reason, again=status in _AGAIN, after_seconds=after)
