"""Governed decisions against the cheapest honest comparisons, interleaved in one run.

Rounds of everything follow one another, and each ratio is taken within its round, so that changes
of the machine's speed favour no side. The figures quoted are medians over the rounds.

Beside the server's own flush time, everything is run a second time with a flush of at least 2 ms
(`commit_delay`), which is what networked and older disks cost: there group commit has to show what
it is for. That flush is simulated by a wait and is labelled so.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypedDict

import httpx2
import psutil
import psycopg
import uvloop

import report
from roadbed.app import App
from roadbed.bootstrap import open_app
from roadbed.kernel.settings import Settings
from roadbed.reviews.model import VerdictKind
from roadbed.storage import migrations
from roadbed.storage.embedded import ROOT_HOME, EmbeddedServer

CLIENTS = 64
SLOW_FLUSH_MICROSECONDS = 2_000
USECASE = """
from pydantic import BaseModel
from roadbed import DIRECT, Answer, Pod, UseCase

class Inquiry(BaseModel):
    text: str

class Routing(BaseModel):
    queue: str

usecase = UseCase(
    "bench", purpose="Measure what everything but the decider costs",
    input=Inquiry, output=Routing, risk_limit=0.02, rollout=DIRECT,
    pod=Pod(domain_lead="a", engineer="b", data_specialist="c", risk_partner="d"))

ANSWER = Answer(output=Routing(queue="returns"), confidence=0.9)

@usecase.decider
def decide(inquiry, context):
    return ANSWER
"""
BARE = """
from fastapi import FastAPI
from pydantic import BaseModel

app = FastAPI()

class Body(BaseModel):
    input: dict[str, str]

@app.post("/")
async def handle(body: Body) -> dict[str, str]:
    return {"queue": "returns"}
"""
Rate = Callable[[], Awaitable[float]]


async def spread(clients: int, seconds: float, one: Callable[[int], Awaitable[object]]) -> float:
    """How often per second ``clients`` callers get through ``one``."""
    until, done = time.perf_counter() + seconds, 0

    async def client(number: int) -> None:
        nonlocal done
        while time.perf_counter() < until:
            await one(number)
            done += 1

    began = time.perf_counter()
    await asyncio.gather(*(client(number) for number in range(clients)))
    return done / (time.perf_counter() - began)


async def commits(url: str, connections: int, seconds: float) -> float:
    """Single-row durable commits per second of the same server, from this same process."""
    opened = [
        await psycopg.AsyncConnection.connect(url, autocommit=True, prepare_threshold=0)
        for _ in range(connections)
    ]
    await opened[0].execute(
        "CREATE TABLE IF NOT EXISTS single (id uuid PRIMARY KEY, at timestamptz)"
    )

    async def one(number: int) -> None:
        await opened[number].execute("INSERT INTO single VALUES (%s, now())", [uuid.uuid4()])

    try:
        return await spread(connections, seconds, one)
    finally:
        for connection in opened:
            await connection.close()


async def decisions(app: App, seconds: float) -> float:
    async def one(_: int) -> None:
        _admission, running = await app.decisions.submit(
            "bench", {"text": "where is my parcel"}, key=None, source={"by": "bench"}, waits=True
        )
        assert running is not None
        await running

    return await spread(CLIENTS, seconds, one)


async def human_path(app: App, seconds: float) -> float:
    """Task in, decision, review, claim, verdict with a correction, example: all durable."""
    declared = app.deployments.get("bench").loaded.declared

    async def one(number: int) -> None:
        _admission, running = await app.decisions.submit(
            "bench", {"text": "where is my parcel"}, key=None, source={"by": "bench"}, waits=True
        )
        assert running is not None
        decision = await running
        assert decision is not None
        assert decision.review_id is not None
        await app.reviews.claim(decision.review_id, reviewer=f"reviewer {number}")
        await app.reviews.give(
            declared,
            decision.review_id,
            VerdictKind.CORRECT,
            reviewer=f"reviewer {number}",
            output={"queue": "refunds"},
        )

    return await spread(CLIENTS, seconds, one)


@asynccontextmanager
async def kept(app: App) -> AsyncIterator[None]:
    """``app`` marked as a server's process is, so that one commit may be enough."""
    keeping = asyncio.create_task(app.crash_detector.keep())
    while not app.crash_detector.calm():  # noqa: ASYNC110 - it has no event
        await asyncio.sleep(0.01)
    try:
        yield
    finally:
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)


class State(TypedDict):
    text: str
    queue: str


@asynccontextmanager
async def langgraph(url: str) -> AsyncIterator[Callable[[float], Awaitable[float]]]:
    """The same job as a graph: decide, interrupt for a person, resume with the correction."""
    from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
    from langgraph.graph import END, START, StateGraph
    from langgraph.types import Command, interrupt
    from psycopg.rows import dict_row
    from psycopg_pool import AsyncConnectionPool

    def decide(state: State) -> dict[str, str]:
        return {"queue": "returns" if state["text"] else ""}

    def review(state: State) -> dict[str, str]:
        return {"queue": interrupt({"proposed": state["queue"]})}

    graph = StateGraph(State)
    graph.add_node("decide", decide)
    graph.add_node("review", review)
    graph.add_edge(START, "decide")
    graph.add_edge("decide", "review")
    graph.add_edge("review", END)
    pool: AsyncConnectionPool[Any] = AsyncConnectionPool(
        url,
        min_size=16,
        max_size=16,
        open=False,
        kwargs={"autocommit": True, "prepare_threshold": 0, "row_factory": dict_row},
    )
    async with pool:
        saver = AsyncPostgresSaver(pool)
        await saver.setup()
        compiled = graph.compile(checkpointer=saver)

        async def one(_: int) -> None:
            config: Any = {"configurable": {"thread_id": uuid.uuid4().hex}}
            await compiled.ainvoke({"text": "where is my parcel", "queue": ""}, config)
            await compiled.ainvoke(Command(resume="refunds"), config)

        yield lambda seconds: spread(CLIENTS, seconds, one)


async def requests(address: str, path: str, token: str, seconds: float) -> float:
    """HTTP requests per second from a client in a separate process."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        __file__,
        "--load",
        address,
        path,
        token,
        str(seconds),
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await process.communicate()
    return float(output)


async def load(address: str, path: str, token: str, seconds: float) -> float:
    """The client: 64 connections that write raw HTTP/1.1, so that it costs as little as may be."""
    host, port = address.removeprefix("http://").split(":")
    body = b'{"input": {"text": "where is my parcel"}}'
    request = (
        f"POST {path} HTTP/1.1\r\nHost: {host}:{port}\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode() + body
    opened = [await asyncio.open_connection(host, int(port)) for _ in range(CLIENTS)]

    async def one(number: int) -> None:
        reader, writer = opened[number]
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), head
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        await reader.readexactly(length)

    rate = await spread(CLIENTS, seconds, one)
    for _, writer in opened:
        writer.close()
    return rate


class Child:
    """A server process for the HTTP comparison."""

    def __init__(self, command: list[str], port: int, environment: dict[str, str]) -> None:
        self.address = f"http://127.0.0.1:{port}"
        self.process = subprocess.Popen(
            command, env={**os.environ, **environment}, stdout=subprocess.DEVNULL
        )

    async def ready(self) -> float:
        """Seconds until it answers."""
        began = time.perf_counter()
        async with httpx2.AsyncClient(timeout=1.0) as client:
            while True:
                try:
                    await client.get(self.address)
                    return time.perf_counter() - began
                except httpx2.HTTPError:
                    await asyncio.sleep(0.02)

    def megabytes(self) -> float:
        return float(psutil.Process(self.process.pid).memory_info().rss / 1e6)

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait()


async def measure(url: str, folder: Path, rounds: int, seconds: float) -> dict[str, list[float]]:
    results: dict[str, list[float]] = {}

    def note(name: str, value: float) -> None:
        results.setdefault(name, []).append(value)

    settings = Settings(usecases=folder, audit_dir=folder.parent / "audit")
    async with open_app(settings, url) as app, kept(app), langgraph(url) as graph:
        await decisions(app, 1.0)  # warm up
        await graph(0.5)
        for _ in range(rounds):
            note("commits_1", await commits(url, 1, seconds / 2))
            note("commits_16", await commits(url, 16, seconds / 2))
            began = time.process_time()
            note("decisions", await decisions(app, seconds))
            note(
                "cpu_ms", (time.process_time() - began) / (results["decisions"][-1] * seconds) * 1e3
            )
            note("human_path", await human_path(app, seconds))
            note("langgraph", await graph(seconds))
    return results


async def measure_http(
    url: str, folder: Path, rounds: int, seconds: float
) -> tuple[dict[str, list[float]], dict[str, float]]:
    settings = Settings(usecases=folder, audit_dir=folder.parent / "audit")
    async with open_app(settings, url, only=[]) as app:
        await app.members.add("b", by="bench")  # the engineer of the pod
        token = await app.people.issue_token("b")
    bare_file = folder.parent / "bare.py"
    bare_file.write_text(BARE)
    ours = Child(
        [sys.executable, "-m", "roadbed", "serve", str(folder), "--port", "18423"],
        18423,
        {"ROADBED_DATABASE_URL": url, "ROADBED_AUDIT_DIR": str(folder.parent / "audit")},
    )
    bare = Child(
        [
            sys.executable,
            "-m",
            "uvicorn",
            "--app-dir",
            str(bare_file.parent),
            "bare:app",
            "--port",
            "18424",
            "--log-level",
            "warning",
            "--no-access-log",
        ],
        18424,
        {},
    )
    try:
        facts = {"ready_seconds": await ours.ready()}
        await bare.ready()
        results: dict[str, list[float]] = {"http": [], "bare": []}
        path = "/v1/usecases/bench/tasks"
        await requests(ours.address, path, token, 1.0)
        for _ in range(rounds):
            results["bare"].append(await requests(bare.address, "/", token, seconds))
            results["http"].append(await requests(ours.address, path, token, seconds))
        facts["server_megabytes"] = ours.megabytes()
        return results, facts
    finally:
        ours.stop()
        bare.stop()


def ratios(rates: dict[str, list[float]], over: str, under: str) -> float:
    return report.median([a / b for a, b in zip(rates[over], rates[under], strict=True)])


def slow_flush(url: str, microseconds: int) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"ALTER SYSTEM SET commit_delay = {microseconds}")
        connection.execute("ALTER SYSTEM SET commit_siblings = 0")
        connection.execute("SELECT pg_reload_conf()")
    time.sleep(0.5)


async def run(rounds: int, seconds: float) -> None:
    parent = ROOT_HOME if os.geteuid() == 0 else Path(tempfile.gettempdir())
    server = EmbeddedServer(parent / f"bench-{os.getpid()}")
    url = server.start()
    migrations.upgrade(url)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "usecases"
        (folder / "bench").mkdir(parents=True)
        (folder / "bench" / "usecase.py").write_text(USECASE)
        try:
            own = await measure(url, folder, rounds, seconds)
            http, facts = await measure_http(url, folder, rounds, seconds)
            slow_flush(url, SLOW_FLUSH_MICROSECONDS)
            slow = await measure(url, folder, rounds, seconds)
        finally:
            server.stop_now()
            import shutil

            shutil.rmtree(server.home, ignore_errors=True)
    tell(own, slow, http, facts)


def tell(
    own: dict[str, list[float]],
    slow: dict[str, list[float]],
    http: dict[str, list[float]],
    facts: dict[str, float],
) -> None:
    shown = {
        f"{name}_per_second": round(report.median(values), 1)
        for name, values in [*own.items(), *http.items()]
        if name != "cpu_ms"
    }
    figures = {
        "decisions_over_commits": ratios(own, "decisions", "commits_1"),
        "decisions_over_commits_slow_flush": ratios(slow, "decisions", "commits_1"),
        "decisions_over_16_commits": ratios(own, "decisions", "commits_16"),
        "decisions_over_16_commits_slow_flush": ratios(slow, "decisions", "commits_16"),
        "human_path_over_langgraph": ratios(own, "human_path", "langgraph"),
        "human_path_over_langgraph_slow_flush": ratios(slow, "human_path", "langgraph"),
        "http_over_bare": ratios(http, "http", "bare"),
        "cpu_ms_per_decision": report.median(own["cpu_ms"]),
        **facts,
    }
    flush_ms = 1e3 / report.median(own["commits_1"])
    slow_ms = 1e3 / report.median(slow["commits_1"])
    for name, value in shown.items():
        print(f"{name:28}{value:>12,.1f}")
    for name, values in slow.items():
        if name != "cpu_ms":
            print(
                f"{name + '_per_second':28}{report.median(values):>12,.1f}  (2 ms flush, simulated)"
            )
    f = figures
    report.table(
        [
            (
                f"decisions ÷ commits, one connection ({flush_ms:.1f} ms a commit)",
                f"{f['decisions_over_commits']:.2f}",
                "no figure below 2 ms",
                "",
            ),
            (
                f"the same with a simulated flush ({slow_ms:.1f} ms a commit)",
                f"{f['decisions_over_commits_slow_flush']:.1f}",
                "25, aim 40",
                report.judged(f["decisions_over_commits_slow_flush"], 25, 40),
            ),
            (
                "decisions ÷ commits, 16 connections",
                f"{f['decisions_over_16_commits']:.2f}",
                "1",
                report.judged(f["decisions_over_16_commits"], 1),
            ),
            (
                "the same with a simulated flush",
                f"{f['decisions_over_16_commits_slow_flush']:.2f}",
                "1",
                report.judged(f["decisions_over_16_commits_slow_flush"], 1),
            ),
            (
                "human path ÷ LangGraph",
                f"{f['human_path_over_langgraph']:.0f}",
                "100",
                report.judged(f["human_path_over_langgraph"], 100),
            ),
            (
                "the same with a simulated flush",
                f"{f['human_path_over_langgraph_slow_flush']:.0f}",
                "100",
                report.judged(f["human_path_over_langgraph_slow_flush"], 100),
            ),
            (
                "HTTP ÷ bare FastAPI",
                f"{f['http_over_bare']:.2f}",
                "0.35, aim 0.5",
                report.judged(f["http_over_bare"], 0.35, 0.5),
            ),
            (
                "CPU a decision, ms",
                f"{f['cpu_ms_per_decision']:.3f}",
                "at most 0.2",
                report.judged(f["cpu_ms_per_decision"], 0.2, least=False),
            ),
            (
                "server resident, MB",
                f"{f['server_megabytes']:.0f}",
                "at most 300",
                report.judged(f["server_megabytes"], 300, least=False),
            ),
            (
                "server ready, s",
                f"{f['ready_seconds']:.2f}",
                "at most 3",
                report.judged(f["ready_seconds"], 3, least=False),
            ),
        ]
    )
    report.end(
        {
            "benchmark": "decisions",
            **{name: round(value, 4) for name, value in figures.items()},
            **shown,
            "machine": report.machine("psycopg", "fastapi", "uvicorn", "langgraph"),
        }
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--load", nargs=4, metavar=("ADDRESS", "PATH", "TOKEN", "SECONDS"))
    arguments = parser.parse_args()
    if arguments.load:
        address, path, token, seconds = arguments.load
        print(uvloop.run(load(address, path, token, float(seconds))))
    else:
        uvloop.run(run(arguments.rounds, arguments.seconds))


if __name__ == "__main__":
    main()
