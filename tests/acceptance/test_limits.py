"""Limits of a client: bytes, time, connections. Raw sockets, a real server."""

from __future__ import annotations

import asyncio
import json
import resource
from collections.abc import AsyncIterator
from contextlib import suppress
from ipaddress import ip_network
from typing import Any

import pytest
from structlog.testing import capture_logs

from roadbed import listener
from roadbed.kernel.settings import Settings
from roadbed.listener import ConnectionLimits, Connections, backlog, limits
from roadbed.storage import background
from tests.conftest import Folders, Site, serving

SMALL = {
    "max_header_bytes": 4_000,
    "header_seconds": 0.2,
    "body_seconds": 0.2,
    "max_connections": 8,
    "connections_per_address": 6,
}
Pair = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update=SMALL | {"header_seconds": 30.0, "body_seconds": 30.0})


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "_SWEEP_SECONDS", 0.02)
    monkeypatch.setattr(listener, "_LINGER_SECONDS", 0.1)


@pytest.fixture
async def impatient(settings: Settings, folders: Folders, url: str) -> AsyncIterator[Site]:
    """A site that waits 0.2 s for headers and bodies."""
    folders.write()
    async with serving(settings.model_copy(update=SMALL), url) as served:
        yield served


def port(site: Site) -> int:
    return int(site.address.rpartition(":")[2])


OPEN: list[Pair] = []


async def opened(site: Site, sends: bytes = b"", address: str = "127.0.0.1") -> Pair:
    pair = await asyncio.open_connection("127.0.0.1", port(site), local_addr=(address, 0))
    OPEN.append(pair)
    pair[1].write(sends)
    return pair


@pytest.fixture(autouse=True)
async def _closed() -> AsyncIterator[None]:
    yield
    await _close()


async def _close() -> None:
    for _, writer in OPEN:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
    OPEN.clear()


async def status_of(pair: Pair) -> int:
    async with asyncio.timeout(30):
        return int((await pair[0].readline()).split()[1])


async def answered(pair: Pair) -> tuple[int, dict[str, Any]]:
    """The status and problem of a response, after which the connection is closed."""
    async with asyncio.timeout(30):
        head, _, body = (await pair[0].read()).partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body) if body else {}


def request(path: str = "/sign-in", *headers: str) -> bytes:
    lines = [f"GET {path} HTTP/1.1", "Host: 127.0.0.1", "Connection: close", *headers, "", ""]
    return "\r\n".join(lines).encode()


def task(site: Site, body: bytes, length: int) -> bytes:
    token = site.shop.headers["authorization"]
    head = (
        f"POST /v1/usecases/triage/tasks HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: {token}\r\n"
        f"Content-Length: {length}\r\n\r\n"
    )
    return head.encode() + body


class TestSizes:
    @pytest.mark.parametrize(
        "header", [b"X-Long: " + b"a" * 100_000, b"X-%d: a\r\n" * 300 % tuple(range(300))]
    )
    async def test_headers_over_the_limit_are_refused_before_they_end(
        self, site: Site, header: bytes
    ) -> None:
        with capture_logs() as logged:
            pair = await opened(site, request()[:-2] + header)
            status, problem = await answered(pair)
        assert (status, problem["code"]) == (431, "headers_too_large")
        assert [line["event"] for line in logged] == ["request refused"]

    async def test_many_small_headers_are_too_many(self, site: Site) -> None:
        headers = [f"X{number}: a" for number in range(201)]
        assert (await answered(await opened(site, request("/", *headers))))[0] == 431

    async def test_a_second_request_in_one_piece_has_no_more_room(self, site: Site) -> None:
        first = request().replace(b"Connection: close\r\n", b"")
        pair = await opened(site, first)
        async with asyncio.timeout(30):
            await pair[0].readuntil(b"</html>")
        pair[1].write(request("/", "X: " + "a" * 5_000))
        assert (await answered(pair))[0] == 431

    async def test_headers_within_the_limit_are_taken_in_however_they_come(
        self, site: Site
    ) -> None:
        pair = await opened(site)
        for byte in request("/sign-in", "X: " + "a" * 500):
            pair[1].write(bytes([byte]))
            await asyncio.sleep(0)
        assert await status_of(pair) == 200

    async def test_a_body_over_the_limit_is_refused(self, site: Site) -> None:
        pair = await opened(site, task(site, b"", 2_000_000))
        assert await status_of(pair) == 413


class TestTimes:
    async def test_half_a_header_is_refused_in_time(self, impatient: Site) -> None:
        with capture_logs() as logged:
            status, problem = await answered(await opened(impatient, b"GET / HTTP/1.1\r\nHo"))
        assert (status, problem["code"]) == (408, "request_timeout")
        assert "request_timeout" not in logged[0]["problem"]
        assert "did not arrive within 0.2 seconds" in logged[0]["problem"]

    async def test_half_a_body_is_refused_in_time_and_admits_nothing(self, impatient: Site) -> None:
        whole = b'{"input": {"text": "hello"}}'
        status, problem = await answered(await opened(impatient, task(impatient, whole, 100)))
        assert (status, problem["code"]) == (408, "request_timeout")
        rows = await impatient.app.database.fetch("SELECT id FROM task")
        assert rows == []

    async def test_a_body_cut_off_before_its_length_is_not_admitted(self, site: Site) -> None:
        """Although the received part is a complete task."""
        for _ in range(3):
            pair = await opened(site, task(site, b'{"input": {"text": "hello"}}', 100))
            await pair[1].drain()
            pair[1].close()
            await pair[1].wait_closed()
        ended = (
            await site.shop.post("/usecases/triage/tasks", json={"input": {"text": "a"}})
        ).json()
        rows = await site.app.database.fetch("SELECT id FROM task")
        assert [row["id"] for row in rows] == [ended["task"]]


class TestMalformed:
    """What is no request gets a response, and one line of the log in a minute, with a count."""

    @pytest.mark.parametrize("sends", [b"nonsense\r\n\r\n", b"GET / HTTP/1.1\r\nHost : a\r\n\r\n"])
    async def test_many_are_one_line_and_a_summary(
        self, site: Site, sends: bytes, monkeypatch: pytest.MonkeyPatch, caplog: Any
    ) -> None:
        monkeypatch.setattr(background, "EVERY_SECONDS", 1_000.0)
        with capture_logs() as logged:
            for _ in range(5):
                status, problem = await answered(await opened(site, sends))
                assert (status, problem["code"]) == (400, "request_malformed")
            assert [line["event"] for line in logged] == ["request refused"]
            monkeypatch.setattr(background, "EVERY_SECONDS", 0.0)
            while len(logged) < 2:  # noqa: ASYNC110 - although nobody is connected
                await asyncio.sleep(0.01)
        assert logged[1]["times_before"] == 4
        assert caplog.records == []

    async def test_a_malformed_body_is_refused_and_admits_nothing(self, site: Site) -> None:
        sends = task(site, b"zz\r\n", 9).replace(
            b"Content-Length: 9", b"Transfer-Encoding: chunked"
        )
        status, problem = await answered(await opened(site, sends))
        assert (status, problem["code"]) == (400, "request_malformed")
        assert await site.app.database.fetch("SELECT id FROM task") == []

    async def test_an_upgrade_is_answered_as_a_request(self, site: Site, caplog: Any) -> None:
        sends = request("/sign-in", "Upgrade: websocket").replace(b"close", b"upgrade")
        assert await status_of(await opened(site, sends)) == 200
        assert caplog.records == []


class TestConnections:
    async def test_half_open_ones_give_way_to_those_who_ask(self, site: Site) -> None:
        half = [
            await opened(site, b"GET / HTTP/1.1\r\n", f"127.0.0.{number + 2}")
            for number in range(20)
        ]
        for number in range(4):
            pair = await opened(site, request(), f"127.0.1.{number + 2}")
            assert await status_of(pair) == 200
            pair[1].close()
        status, problem = await answered(half[0])
        assert (status, problem["code"]) == (503, "server_full")

    async def test_those_of_one_address_give_way_to_its_own(self, site: Site) -> None:
        half = [await opened(site, b"GET / HTTP/1.1\r\n") for _ in range(7)]
        status, problem = await answered(half[0])
        assert (status, problem["code"]) == (429, "too_many_connections")

    async def test_where_all_are_at_work_more_are_refused(self, site: Site) -> None:
        """A body that is under way is work."""
        for status, code, addresses in (
            (429, "too_many_connections", ["127.0.0.2"] * 7),
            (503, "server_full", [f"127.0.0.{number + 2}" for number in range(9)]),
        ):
            for address in addresses[:-1]:
                await opened(site, task(site, b'{"in', 100), address)
            refused, problem = await answered(await opened(site, b"", addresses[-1]))
            assert (refused, problem["code"]) == (status, code)
            await _close()

    async def test_a_trusted_proxy_has_as_many_as_there_are(
        self, settings: Settings, folders: Folders, url: str
    ) -> None:
        folders.write()
        trusted = settings.model_copy(update={"trusted_proxies": (ip_network("127.0.0.1/32"),)})
        async with serving(trusted, url) as site:
            half = [await opened(site, b"GET / HTTP/1.1\r\n") for _ in range(7)]
            pair = await opened(site, request())
            assert await status_of(pair) == 200
            assert not half[0][0].at_eof()
            await _close()


def bounds(**more: Any) -> ConnectionLimits:
    return limits(Settings(**more), 1024)


def test_half_of_the_open_files_are_for_connections() -> None:
    assert bounds().connections == 512
    assert bounds(max_connections=100).connections == 100
    assert bounds(max_connections=5_000).connections == 512
    assert limits(Settings(), 1_000_000).connections == 10_000
    # Those that wait are taken in all at one time, before any of them is counted.
    assert bounds().connections + backlog(512) < 1024 - 100
    assert backlog(10_000) == 2_048


def test_a_network_of_ipv6_counts_as_one_client() -> None:
    assert listener._network("2001:db8::1") == listener._network("2001:db8::ffff")
    assert listener._network("2001:db8:0:1::1") != listener._network("2001:db8::1")
    assert listener._network("::ffff:10.0.0.1") == "10.0.0.1"
    assert listener._network("") == ""


def test_proxies_are_named_with_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROADBED_TRUSTED_PROXIES", "10.0.0.0/8, 192.168.1.7")
    result = bounds()
    assert result.trusts("10.9.9.9")
    assert result.trusts("192.168.1.7")
    assert not result.trusts("192.168.1.8")
    assert not result.trusts("")
    assert Connections(result).limits is result


def test_files_are_opened_as_far_as_the_machine_allows() -> None:
    assert listener.open_files() == resource.getrlimit(resource.RLIMIT_NOFILE)[0]
