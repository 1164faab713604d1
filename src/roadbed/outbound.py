"""Limits for what Roadbed reads from services that it asks: identity providers, language models.

Deliveries have their own client, ``connectors/egress.py``, which keeps the beginning of a response:
there its status counts, whatever follows.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

import httpx2

PLAIN: Mapping[str, str] = {"Accept-Encoding": "identity"}
ResponseHook = Callable[[httpx2.Response], Awaitable[None]]


class AnswerTooLargeError(httpx2.ReadError):
    """A service sent more than it may, or sent it compressed, which was not asked for.

    A few compressed bytes can become any number of bytes in memory.
    """


def at_most(most_bytes: int) -> ResponseHook:
    """A response hook of a client: bodies have at most ``most_bytes``. Send ``PLAIN`` with it.

    A larger one raises ``AnswerTooLargeError`` as soon as that is known, and its connection is
    closed.
    """

    async def limit(response: httpx2.Response) -> None:
        _check_headers(response, most_bytes)
        stream = response.stream
        if isinstance(stream, httpx2.AsyncByteStream):
            response.stream = _Counted(stream, most_bytes)

    return limit


def read_at_most(response: httpx2.Response, most_bytes: int, *, seconds: float) -> bytes:
    """The body of a streamed response of a client that does not use asyncio.

    Raises ``AnswerTooLargeError``, or ``httpx2.ReadTimeout`` after ``seconds`` in all: the
    time-out of a client counts from one chunk to the next.
    """
    _check_headers(response, most_bytes)
    until = time.monotonic() + seconds
    body = bytearray()
    for chunk in response.iter_raw():
        body += chunk
        if len(body) > most_bytes:
            raise _too_large(most_bytes)
        if time.monotonic() > until:
            raise httpx2.ReadTimeout("the answer takes too long")
    return bytes(body)


def _check_headers(response: httpx2.Response, most_bytes: int) -> None:
    if response.headers.get("content-encoding", "identity").lower() != "identity":
        raise AnswerTooLargeError("the answer is compressed")
    stated = response.headers.get("content-length", "")
    if stated.isascii() and stated.isdigit() and int(stated) > most_bytes:
        raise _too_large(most_bytes)


class _Counted(httpx2.AsyncByteStream):
    def __init__(self, stream: httpx2.AsyncByteStream, most_bytes: int) -> None:
        self._stream = stream
        self._most_bytes = most_bytes

    async def __aiter__(self) -> AsyncIterator[bytes]:
        count = 0
        async for chunk in self._stream:
            count += len(chunk)
            if count > self._most_bytes:
                raise _too_large(self._most_bytes)
            yield chunk

    async def aclose(self) -> None:
        await self._stream.aclose()


def _too_large(most_bytes: int) -> AnswerTooLargeError:
    return AnswerTooLargeError(f"the answer has more than {most_bytes:,} bytes")
