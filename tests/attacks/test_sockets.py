"""Hostile bytes and slow clients: the next client is always served."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from urllib.parse import urlsplit

import pytest

from tests.acceptance.test_api import TASKS
from tests.attacks import chance, rounds
from tests.conftest import Site

GOOD = b"POST /v1/usecases/triage/tasks HTTP/1.1\r\nHost: 127.0.0.1\r\n"
WHOLE = (
    b"\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",  # TLS at a plain port
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"GET / HTTP/9.9\r\nHost: 127.0.0.1\r\n\r\n",
    b"GET http://169.254.169.254/ HTTP/1.1\r\nHost: 169.254.169.254\r\n\r\n",
    b"GET / HTTP/1.1\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: evil.example\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " + b"a" * 200_000 + b"\r\n\r\n",
    b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    b"GET / HTTP/1.1\r\n" + b"X: a\r\n" * 5_000 + b"Host: 127.0.0.1\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost : 127.0.0.1\r\n\r\n",
    b"GET / HTTP/1.1\nHost: 127.0.0.1\n\n",
    GOOD + b"Content-Length: -1\r\n\r\n",
    GOOD + b"Content-Length: 99999999999999999999\r\n\r\n",
    GOOD + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
    GOOD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    GOOD + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\na\r\n",
    GOOD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
    GOOD + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    GOOD + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n{}",
    GOOD + b"Connection: upgrade\r\nUpgrade: websocket\r\n\r\n",
)


@asynccontextmanager
async def connected(
    site: Site,
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    place = urlsplit(site.address)
    reader, writer = await asyncio.open_connection(place.hostname, place.port)
    try:
        yield reader, writer
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


async def said(site: Site, sent: bytes) -> bytes:
    """The response to these bytes."""
    async with connected(site) as (reader, writer):
        with suppress(OSError):
            writer.write(sent)
            await writer.drain()
            writer.write_eof()
            async with asyncio.timeout(30):
                return await reader.read(100_000)
    return b""


async def served(site: Site) -> None:
    answer = await site.shop.post(TASKS, json={"input": {"text": "still here"}})
    assert answer.status_code == 200, answer.text


async def test_bytes_that_are_no_sound_request_do_nothing(site: Site) -> None:
    for sent in WHOLE * rounds(1, 20):
        answer = await said(site, sent)
        status = int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/1.1 ") else 400
        assert 300 <= status < 500 or status == 100, (sent[:200], answer[:300])
    await served(site)
    assert len(await site.app.database.fetch("SELECT 1 FROM task")) == 1  # the one just sent


@pytest.mark.parametrize(
    "hosts",
    [
        [b"evil.example", b"127.0.0.1"],
        [b"127.0.0.1", b"evil.example"],
        [b"127.0.0.1", b"127.0.0.1"],
        [b"evil.example@127.0.0.1"],
        [b"127.0.0.1/evil"],
        [b"127.0.0.1?evil"],
        [b"127.0.0.1#evil"],
    ],
)
async def test_a_request_names_one_host_and_nothing_more(site: Site, hosts: list[bytes]) -> None:
    lines = b"".join(b"Host: %s\r\n" % host for host in hosts)
    answer = await said(site, b"GET /sign-in HTTP/1.1\r\n%s\r\n" % lines)
    assert answer.startswith(b"HTTP/1.1 400 "), answer[:300]


async def test_requests_that_are_cut_or_changed_at_random_do_nothing(site: Site) -> None:
    random = chance("cut")
    whole = GOOD + b'Content-Length: 24\r\n\r\n{"input": {"text": "a"}}'
    for _ in range(rounds(60, 5_000)):
        sent = bytearray(whole[: random.randrange(1, len(whole))])
        for _ in range(random.randrange(4)):
            sent[random.randrange(len(sent))] = random.randrange(256)
        answer = await said(site, bytes(sent))
        status = int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/1.1 ") else 400
        assert 300 <= status < 500, (bytes(sent), answer[:300])
    await served(site)


async def test_clients_that_never_finish_keep_nobody_else_out(site: Site) -> None:
    async with AsyncExitStack() as stack:
        for number in range(rounds(40, 400)):
            try:
                _, writer = await stack.enter_async_context(connected(site))
                writer.write(GOOD if number % 2 else GOOD + b"Content-Length: 900\r\n\r\n{")
                await writer.drain()
            except OSError:  # a limit was met: that is an answer too
                break
        await served(site)
