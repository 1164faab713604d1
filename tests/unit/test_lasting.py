"""A long-running process ends at one signal in any state; a thread cannot block it."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

from roadbed import background
from roadbed.app import App
from roadbed.cli.long_running import until_ended
from roadbed.cli.sockets import bound
from roadbed.decisions.crash_detection import CrashDetector, addresses
from roadbed.kernel.clock import SystemClock


@pytest.fixture(autouse=True)
def _own_signals() -> Iterator[None]:
    kept = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in kept.items():
        signal.signal(number, handler)


async def wait(_: object, asked: asyncio.Event) -> None:
    await asked.wait()


def nothing() -> None:
    """Do not give up."""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_an_opening_is_given_up_and_taken_back(number: int) -> None:
    done = []

    @asynccontextmanager
    async def service() -> AsyncIterator[None]:
        done.append("begun")
        try:
            os.kill(os.getpid(), number)
            await asyncio.sleep(60.0)
            yield
        finally:
            done.append("taken back")

    await until_ended(service(), wait, give_up=nothing)
    assert done == ["begun", "taken back"]


async def test_an_opening_that_swallows_it_goes_on_and_ends_at_once() -> None:
    @asynccontextmanager
    async def service() -> AsyncIterator[str]:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            await asyncio.sleep(60.0)
        except asyncio.CancelledError:  # as `asyncio.wait_for` does on Python 3.11
            yield "open"

    seen = []

    async def go_on(moment: str, asked: asyncio.Event) -> None:
        seen.append((moment, asked.is_set()))

    await until_ended(service(), go_on, give_up=nothing)
    assert seen == [("open", True)]


async def test_an_opening_that_breaks_of_it_is_said_in_a_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    @asynccontextmanager
    async def service() -> AsyncIterator[None]:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            await asyncio.sleep(60.0)
            yield
        except asyncio.CancelledError:
            raise ConnectionError("the pool is closed") from None

    await until_ended(service(), wait, give_up=nothing)
    assert capsys.readouterr().err == "Ended while it started: the pool is closed\n"


async def test_what_goes_wrong_without_a_signal_is_raised() -> None:
    @asynccontextmanager
    async def service() -> AsyncIterator[None]:
        raise ConnectionError("the database is away")
        yield

    with pytest.raises(ConnectionError):
        await until_ended(service(), wait, give_up=nothing)


async def test_it_is_cut_off_by_a_second_signal_or_when_its_time_is_over() -> None:
    loop, given_up = asyncio.get_running_loop(), asyncio.Event()

    def give_up() -> None:
        loop.call_soon_threadsafe(given_up.set)

    @asynccontextmanager
    async def service() -> AsyncIterator[None]:
        yield

    for signals, seconds in ((2, 60.0), (1, 0.01)):

        async def hang(_: object, asked: asyncio.Event, signals: int = signals) -> None:
            for _number in range(signals):
                os.kill(os.getpid(), signal.SIGTERM)
                await asked.wait()
            await given_up.wait()

        given_up.clear()
        await until_ended(
            service(),
            hang,
            patience_seconds=seconds,
            give_up=give_up,
        )
        assert given_up.is_set()


def test_every_address_of_a_host_is_held_at_one_port() -> None:
    sockets = bound("localhost", 0)
    ports = {one.getsockname()[1] for one in sockets}
    assert len(ports) == 1
    for one in sockets:
        one.listen()
    with pytest.raises(OSError, match="in use"):
        bound("localhost", ports.pop())
    for one in sockets:
        one.close()
    with pytest.raises(OSError, match="assign"):
        bound("192.0.2.1", 0)


async def test_where_a_process_serves_is_known_while_it_lives(app: App) -> None:
    assert await addresses(app.database) == []
    url = app.database.url
    one = CrashDetector(url, SystemClock(), careful_seconds=0.0, address="http://127.0.0.1:1")
    other = CrashDetector(url, SystemClock(), careful_seconds=0.0)  # it does not serve
    kept = [asyncio.create_task(item.keep()) for item in (one, other)]
    while not (one.calm() and other.calm()):  # noqa: ASYNC110 - it has no event
        await asyncio.sleep(0.01)
    assert await addresses(app.database) == ["http://127.0.0.1:1"]
    await background._end(kept, patience_seconds=1.0)
    assert await addresses(app.database) == []
    # A killed process left its row, and its lock is free.
    await app.database.fetch(
        "INSERT INTO process (number, machine, address) VALUES (0, %(name)s, 'http://gone')",
        {"name": socket.gethostname()},
    )
    assert await addresses(app.database) == []
