"""Cost and protection of child processes for deciders.

The same decider inside the server and in a child process, in turn within one run, so that changes
of the machine's speed favour neither. Then a neighbouring use case while a decider hangs, exits,
asks for 4 GB and holds the interpreter's lock.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

import report
from decisions import CLIENTS, USECASE, kept, spread
from roadbed.app import App
from roadbed.bootstrap import open_app
from roadbed.decisions.model import Reason
from roadbed.kernel.settings import Settings
from roadbed.storage import migrations
from roadbed.storage.embedded import ROOT_HOME, EmbeddedServer

DEADLINE_SECONDS = 1.0
HARM = """
import os, re, threading

@usecase.decider
def decide(inquiry, context):
    if inquiry.text.startswith("hang"):
        while True:
            pass
    if inquiry.text.startswith("exit"):
        os._exit(3)
    if inquiry.text.startswith("memory"):
        bytearray(4 << 30)
    if inquiry.text.startswith("lock"):
        re.match(r"(a+)+$", "a" * 40 + "b")
    return ANSWER
"""


async def ask(app: App, use_case: str, text: str) -> Any:
    _admission, running = await app.decisions.submit(
        use_case, {"text": text}, key=None, source={"by": "bench"}, waits=True
    )
    assert running is not None
    return await running


async def rate(app: App, seconds: float) -> float:
    return await spread(CLIENTS, seconds, lambda _: ask(app, "bench", "where is my parcel"))


async def alone(app: App, count: int) -> list[float]:
    """Seconds of one decision after the other."""
    results = []
    for _ in range(count):
        began = time.perf_counter()
        await ask(app, "bench", "where is my parcel")
        results.append(time.perf_counter() - began)
    return results


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def children_megabytes() -> list[float]:
    """Proportional memory of every child of the fork server: shared pages count by their share."""
    return [
        process.memory_full_info().pss / 1e6
        for process in psutil.Process().children(recursive=True)
        if "fork_server" in " ".join(process.cmdline())
    ]


async def neighbour(app: App, seconds: float, text: str | None) -> tuple[list[float], list[float]]:
    """Latencies of a use case, and of the harmful inputs of another one sent meanwhile."""
    results: list[float] = []
    harmed: list[float] = []
    until = time.perf_counter() + seconds

    async def good() -> None:
        while time.perf_counter() < until:
            began = time.perf_counter()
            await ask(app, "bench", "where is my parcel")
            results.append(time.perf_counter() - began)
            await asyncio.sleep(0.01)

    async def bad() -> None:
        number = 0
        while text is not None and time.perf_counter() < until:
            number += 1
            began = time.perf_counter()
            decision = await ask(app, "harmful", f"{text} {number}")
            assert decision.routed.code in {Reason.DECIDER_TIMEOUT, Reason.DECIDER_FAILED}
            harmed.append(time.perf_counter() - began)

    await asyncio.gather(*(good() for _ in range(8)), bad())
    return results, harmed


def write(folder: Path) -> None:
    for name, code in {"bench": "", "harmful": HARM}.items():
        (folder / name).mkdir(parents=True)
        declared = USECASE if name == "bench" else USECASE.split("@usecase.decider")[0] + code
        declared = declared.replace('"bench"', f'"{name}"')
        if name == "harmful":
            declared = declared.replace(
                "risk_limit", f"deadline_seconds={DEADLINE_SECONDS}, risk_limit"
            )
        (folder / name / "usecase.py").write_text(declared)


async def run(rounds: int, seconds: float) -> None:
    parent = ROOT_HOME if ROOT_HOME.parent.exists() else Path(tempfile.gettempdir())
    with tempfile.TemporaryDirectory() as temporary:
        server = EmbeddedServer(parent / f"bench-isolation-{time.time_ns()}")
        url = server.start()
        try:
            migrations.upgrade(url)
            folder = Path(temporary) / "usecases"
            write(folder)
            tell(await measure(url, folder, rounds, seconds))
        finally:
            server.stop()


async def measure(url: str, folder: Path, rounds: int, seconds: float) -> dict[str, Any]:
    base = Settings(usecases=folder, audit_dir=folder.parent / "audit", home=folder.parent / "home")
    results: dict[str, Any] = {"ratio": [], "p50_ms": [], "process": [], "none": []}
    inside = base.model_copy(update={"isolation": "none"})
    isolated = base.model_copy(update={"isolation": "process"})
    async with (
        open_app(inside, url, only=["bench"]) as plain,
        open_app(isolated, url) as apart,
        kept(plain),
        kept(apart),
    ):
        for app in (plain, apart):
            await rate(app, 0.5)
        for number in range(rounds):
            pair = [("none", plain), ("process", apart)]
            for name, app in pair if number % 2 else pair[::-1]:
                results[name].append(await rate(app, seconds))
            results["ratio"].append(results["none"][-1] / results["process"][-1])
            slow, fast = await alone(apart, 200), await alone(plain, 200)
            results["p50_ms"].append((percentile(slow, 0.5) - percentile(fast, 0.5)) * 1e3)
        results["children_megabytes"] = children_megabytes()
        results["harm"] = {}
        for text in ("hang", "exit", "memory", "lock"):
            ratios, worst = [], 0.0
            for _ in range(rounds):
                quiet, _none = await neighbour(apart, seconds, None)
                noisy, harmed = await neighbour(apart, seconds, text)
                ratios.append(percentile(noisy, 0.99) / percentile(quiet, 0.99))
                worst = max(worst, *harmed)
            results["harm"][text] = {"p99_ratio": report.median(ratios), "answered_seconds": worst}
    return results


def tell(measured: dict[str, Any]) -> None:
    ratio, slower = report.median(measured["ratio"]), report.median(measured["p50_ms"])
    megabytes = max(measured["children_megabytes"])
    rows = [
        (
            "decisions/s inside ÷ in a child",
            f"{ratio:.2f}",
            "≤ 1.5, aim 1.25",
            report.judged(ratio, 1.5, 1.25, least=False),
        ),
        (
            "p50 of one decision, in a child − inside",
            f"{slower:.2f} ms",
            "≤ 1 ms",
            report.judged(slower, 1.0, least=False),
        ),
        (
            "memory of a child (PSS)",
            f"{megabytes:.0f} MB",
            "≤ 120 MB",
            report.judged(megabytes, 120.0, least=False),
        ),
    ]
    for text, harm in measured["harm"].items():
        p99, longest = harm["p99_ratio"], harm["answered_seconds"]
        most = DEADLINE_SECONDS + 0.5
        rows += [
            (
                f"a neighbour's p99 beside {text} ÷ without",
                f"{p99:.2f}",
                "≤ 1.10",
                report.judged(p99, 1.1, least=False),
            ),
            (
                f"longest answer to {text}",
                f"{longest:.2f} s",
                f"≤ {most:g} s",
                report.judged(longest, most, least=False),
            ),
        ]
    report.table(rows)
    report.end({**measured, "machine": report.machine("psycopg", "pydantic")})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0)
    chosen = parser.parse_args()
    asyncio.run(run(chosen.rounds, chosen.seconds))


if __name__ == "__main__":
    main()
