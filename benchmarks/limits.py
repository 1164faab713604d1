"""Clients that use too many resources, and the effect on others.

A server of its own process at a limit of 1,024 open files answers a steady stream of tasks, alone,
beside 2,000 connections that never end their headers, and beside inputs that are refused. A client
also sends headers without an end.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import os
import resource
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import report
from roadbed.storage.embedded import ROOT_HOME

OPEN_FILES = 1_024
HALF_OPEN = 2_000
REFUSED_PER_SECOND = 82
HEADER_BYTES = 200_000_000
CLIENTS = 8
USECASE = """
from pydantic import BaseModel
from roadbed import DIRECT, Answer, Pod, UseCase

class Inquiry(BaseModel):
    text: str
    amount: float = 0.0
    more: dict[str, str] = {}

class Routing(BaseModel):
    queue: str

usecase = UseCase(
    "bench", purpose="Send each inquiry to the team that resolves it",
    input=Inquiry, output=Routing,
    pod=Pod(domain_lead="ana", engineer="ben", data_specialist="chi", risk_partner="dev"),
    risk_limit=0.02, rollout=DIRECT,
)

@usecase.decider
def decide(inquiry, context):
    return Answer(output=Routing(queue="returns"), confidence=0.9)
"""
REFUSED = (
    b'{"input": {"text": "a", "amount": NaN}}',
    b'{"input": {"text": "a\\u0000b"}}',
    b'{"input": {"text": "a", "more": {"a\\u0000b": "c"}}}',
    b'{"input": {"text": "a", "amount": Infinity}}',
)


class Server:
    """Where it listens, its process, and a token."""

    def __init__(self, port: int, process: subprocess.Popen[str], token: str) -> None:
        self.port = port
        self.process = process
        self.token = token

    def request(self, body: bytes) -> bytes:
        """A task over HTTP, on a connection that stays open."""
        head = (
            f"POST /v1/usecases/bench/tasks HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            f"Authorization: Bearer {self.token}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body

    def peak_bytes(self) -> int:
        """The most memory its process has had."""
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024


@asynccontextmanager
async def serving() -> AsyncIterator[Server]:
    parent = ROOT_HOME if os.geteuid() == 0 else Path(tempfile.gettempdir())
    home = parent / f"bench-limits-{os.getpid()}"
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "usecases" / "bench"
        folder.mkdir(parents=True)
        (folder / "usecase.py").write_text(USECASE, encoding="utf-8")
        environment = {
            **os.environ,
            "ROADBED_HOME": str(home),
            "ROADBED_AUDIT_DIR": str(Path(temporary) / "audit"),
            "ROADBED_USECASES": str(folder.parent),
        }
        command = [sys.executable, "-m", "roadbed"]
        process = subprocess.Popen(  # noqa: ASYNC220 - nothing else runs yet
            [*command, "serve", "--port", "0"],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            preexec_fn=few_files,  # noqa: PLW1509 - no thread runs yet
        )
        try:
            assert process.stdout is not None
            told = await asyncio.to_thread(process.stdout.readline)
            for arguments in (("user", "add", "client", "--admin"), ("user", "token", "client")):
                said = subprocess.check_output(  # noqa: ASYNC221
                    [*command, *arguments], env=environment, text=True, stderr=subprocess.DEVNULL
                )
            token = said.strip().splitlines()[-1]
            grant = ("user", "grant", "client", "bench", "engineer")
            subprocess.run(  # noqa: ASYNC221
                [*command, *grant], env=environment, check=True, capture_output=True
            )
            yield Server(int(told.rpartition(":")[2]), process, token)
        finally:
            process.terminate()
            process.wait(30)
            shutil.rmtree(home, ignore_errors=True)


def few_files() -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (OPEN_FILES, OPEN_FILES))


async def ask(server: Server, seconds: float) -> tuple[float, float, int]:
    """Tasks a second, the slowest of a hundred in seconds, and how many failed."""
    ended = time.perf_counter() + seconds
    times: list[float] = []
    failed = 0

    async def client(number: int) -> None:
        nonlocal failed
        reader = writer = None
        count = 0
        while (began := time.perf_counter()) < ended:
            count += 1
            body = json.dumps({"input": {"text": f"{number} {count}"}}).encode()
            try:
                async with asyncio.timeout(10.0):
                    if writer is None or count % 10 == 0:  # some come with a new connection
                        if writer is not None:
                            writer.close()
                        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
                    assert reader is not None
                    writer.write(server.request(body))
                    status = await response(reader)
            except (OSError, EOFError, TimeoutError):
                failed, writer = failed + 1, None
                continue
            times.append(time.perf_counter() - began)
            failed += status >= 300
        if writer is not None:
            writer.close()

    await asyncio.gather(*(client(number) for number in range(CLIENTS)))
    return len(times) / seconds, statistics.quantiles(times, n=100)[98], failed


async def response(reader: asyncio.StreamReader) -> int:
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = head.partition(b"content-length: ")[2].partition(b"\r\n")[0]
    await reader.readexactly(int(length))
    return int(head.split()[1])


async def half_open(server: Server, stop: asyncio.Event) -> None:
    """So many connections that never end their headers, from a process of their own."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, __file__, "--hold", str(server.port), stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    await process.stdout.readline()
    await stop.wait()
    process.kill()
    await process.wait()


def hold(port: int) -> None:
    """Open them from eight addresses, and reopen closed ones, 100 per second."""
    held: deque[socket.socket] = deque()
    for count in itertools.count():
        client = socket.socket()
        client.bind((f"127.0.0.{2 + count % 8}", 0))
        client.settimeout(5.0)
        with suppress(OSError):
            client.connect(("127.0.0.1", port))
            client.send(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ")
        held.append(client)
        if len(held) > HALF_OPEN:
            held.popleft().close()
            time.sleep(0.01)
        elif len(held) == HALF_OPEN:
            print("held", flush=True)


async def refused(server: Server, stop: asyncio.Event) -> None:
    """Invalid tasks at a steady rate."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    began, sent = time.perf_counter(), 0
    while not stop.is_set():
        writer.write(server.request(REFUSED[sent % len(REFUSED)]))
        await response(reader)
        sent += 1
        await asyncio.sleep(max(began + sent / REFUSED_PER_SECOND - time.perf_counter(), 0.0))
    writer.close()


async def beside(
    server: Server,
    seconds: float,
    trouble: Callable[[Server, asyncio.Event], Coroutine[Any, Any, None]],
) -> tuple[float, float, int]:
    stop = asyncio.Event()
    other = asyncio.create_task(trouble(server, stop))
    await asyncio.sleep(3.0)
    result = await ask(server, seconds)
    stop.set()
    await other
    return result


async def endless_header(server: Server) -> tuple[float, int]:
    """Seconds from the byte over 64 KB to the response, and bytes of memory it took."""
    before, times = server.peak_bytes(), []
    for _ in range(20):
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Long: " + b"a" * 65_536)
        began = time.perf_counter()
        status = (await reader.readline()).split()[1]
        assert status == b"431", status
        times.append(time.perf_counter() - began)
        writer.close()
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(b"GET / HTTP/1.1\r\nX-Long: ")
    try:
        for _ in range(HEADER_BYTES // 1_000_000):
            writer.write(b"a" * 1_000_000)
            await writer.drain()
    except OSError:
        pass  # cut off
    writer.close()
    return statistics.median(times), server.peak_bytes() - before


async def run(seconds: float) -> None:
    async with serving() as server:
        await ask(server, 2.0)
        alone = [await ask(server, seconds)]
        slow = await beside(server, seconds, half_open)
        wrong = await beside(server, seconds, refused)
        alone.append(await ask(server, seconds))
        header_seconds, header_bytes = await endless_header(server)
    rate = report.median([pair[0] for pair in alone])
    slowest = report.median([pair[1] for pair in alone])
    figures = {
        "alone_per_second": rate,
        "alone_p99_ms": 1e3 * slowest,
        "half_open_p99_over_alone": slow[1] / slowest,
        "half_open_rate_over_alone": slow[0] / rate,
        "half_open_failed": slow[2],
        "refused_rate_over_alone": wrong[0] / rate,
        "refused_failed": wrong[2],
        "header_refused_ms": 1e3 * header_seconds,
        "header_memory_bytes": header_bytes,
    }
    print(f"alone: {rate:,.0f} tasks a second, p99 {1e3 * slowest:.1f} ms")
    report.table(
        [
            (
                f"p99 beside {HALF_OPEN:,} half-open connections ÷ alone",
                f"{figures['half_open_p99_over_alone']:.2f}",
                "2",
                report.judged(figures["half_open_p99_over_alone"], 2, least=False),
            ),
            (
                "tasks that failed beside them",
                f"{slow[2]}",
                "0",
                "reached" if not slow[2] else "missed",
            ),
            (
                f"rate beside {REFUSED_PER_SECOND} refused inputs a second ÷ alone",
                f"{figures['refused_rate_over_alone']:.2f}",
                "0.9",
                report.judged(figures["refused_rate_over_alone"], 0.9),
            ),
            (
                "a header over 64 KB is refused after",
                f"{figures['header_refused_ms']:.1f} ms",
                "10 ms",
                report.judged(figures["header_refused_ms"], 10, least=False),
            ),
            (
                f"memory that a header of {HEADER_BYTES // 1_000_000} MB takes",
                f"{header_bytes / 1e6:.1f} MB",
                "5 MB",
                report.judged(header_bytes / 1e6, 5, least=False),
            ),
        ]
    )
    report.end({"machine": report.machine("uvicorn", "httptools"), **figures})


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hold", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--seconds", type=float, default=10.0, help="of each measurement")
    few, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    given = parser.parse_args()
    if given.hold:
        hold(given.hold)
    asyncio.run(run(given.seconds))
