"""Deliveries per second, time to halt, and budgets under concurrent use.

Workers are processes of their own; the receiver is a bare ASGI server in another, whose ledger
(arrivals with their times) is what counts. Everything is on one machine, so two workers share its
cores with the receiver and the database: the receiver waits a little before it answers, as a
receiver elsewhere would.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import median
from typing import Any

import httpx2
import numpy as np
import uvloop

import report
from roadbed.app import App
from roadbed.bootstrap import open_app
from roadbed.budgets.service import SQL as BUDGETS
from roadbed.kernel.settings import Settings
from roadbed.storage import migrations
from roadbed.storage.embedded import ROOT_HOME, EmbeddedServer

RECEIVER = """
import asyncio, json, os, time
SECONDS = float(os.environ["BENCH_RECEIVER_SECONDS"])
seen, times = set(), []

async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    body = b""
    if scope["method"] == "POST":
        times.append(time.monotonic())
        seen.add(dict(scope["headers"])[b"webhook-id"])
        await asyncio.sleep(SECONDS)
    else:
        body = json.dumps({"n": len(times), "keys": len(seen), "first": times[:1],
                           "last": times[-1:]}).encode()
        if scope["path"] == "/forget":
            times.clear(), seen.clear()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})
"""
USECASE = """
from pydantic import BaseModel
from roadbed import DIRECT, Answer, Pod, UseCase
from roadbed.connectors import Webhook

class Thing(BaseModel):
    text: str

usecase = UseCase(
    "bench", purpose="Measure the way out", input=Thing, output=Thing,
    risk_limit=0.02, rollout=DIRECT,
    pod=Pod(domain_lead="a", engineer="b", data_specialist="c", risk_partner="d"))
usecase.deliver("crm", to=Webhook(url="http://127.0.0.1:{port}/", private=True))

@usecase.decider
def decide(thing, context):
    return Answer(output=thing, confidence=0.9)
"""
FILL = """
WITH made AS (
    INSERT INTO task (id, use_case, key, body_hash, input, source, reference, reference_rate,
                      admitted_at)
    SELECT 'tsk_' || %(mark)s || lpad(n::text, 12, '0'), 'bench', NULL, 'x',
           '{"text": "where is my parcel"}', '{}', false, 0.0, now()
    FROM generate_series(1, %(n)s) AS n RETURNING id
), decided AS (
    INSERT INTO decision (task_id, id, use_case, route, reason_code, reason, output, confidence,
                          evidence, attempt, decided_at, decide_seconds, halt_epoch)
    SELECT id, 'dec_' || substr(id, 5), 'bench', 'automatic', 'proven', 'x',
           '{"text": "where is my parcel"}', 0.9, '{}', 1, now(), 0.0, 0
    FROM made RETURNING task_id
)
INSERT INTO delivery (id, use_case, task_id, destination, kind, state, created_at)
SELECT 'dlv_' || substr(task_id, 5) || '_0', 'bench', task_id, 'crm', 'result', 'planned', now()
FROM decided
"""


class Bench:
    def __init__(self, app: App, environment: dict[str, str], port: int) -> None:
        self.app = app
        self.environment = environment
        self.receiver = f"http://127.0.0.1:{port}"
        self.mark = 0

    async def fill(self, count: int) -> None:
        self.mark += 1
        facts = {"n": count, "mark": f"{self.mark:04d}"}
        await self.app.database.fetch(FILL, facts)

    def workers(self, count: int) -> list[subprocess.Popen[bytes]]:
        command = [sys.executable, "-m", "roadbed", "worker"]
        return [subprocess.Popen(command, env=self.environment) for _ in range(count)]

    async def ledger(self, path: str = "/") -> dict[str, Any]:
        async with httpx2.AsyncClient(timeout=30.0) as http:
            result: dict[str, Any] = (await http.get(self.receiver + path)).json()
        return result

    async def arrived(self, count: int, seconds: float = 120.0) -> dict[str, Any]:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            result = await self.ledger()
            if result["keys"] >= count:
                return result
            await asyncio.sleep(0.1)
        raise RuntimeError(f"only {result} of {count} arrived")


async def throughput(bench: Bench, workers: int, count: int) -> float:
    """Deliveries a second from the first arrival to the last."""
    await bench.ledger("/forget")
    running = bench.workers(workers)
    await asyncio.sleep(4.0)  # they are up and find nothing
    await bench.fill(count)
    result = await bench.arrived(count)
    for item in running:
        item.terminate()
    for entry in running:
        entry.wait(30)
    return float(count / (result["last"][0] - result["first"][0]))


async def halts(bench: Bench, count: int) -> dict[str, float]:
    """Halt under 64 senders, again and again; what arrives after *quiesced* is counted."""
    await bench.ledger("/forget")
    await bench.fill(count * 120)
    running = bench.workers(1)
    await bench.arrived(200)
    fenced, quiesced, flying, after = [], [], [], 0
    for _ in range(count):
        await asyncio.sleep(0.15)  # all senders are busy again
        done = await bench.app.halts.halt("bench", reason="benchmark", actor="a")
        at = await bench.ledger()
        fenced.append(done.fenced_seconds or 99.0)
        quiesced.append(done.quiesced_seconds or 99.0)
        flying.append(len(done.in_flight))
        await asyncio.sleep(0.02)
        after += (await bench.ledger())["n"] - at["n"]
        await bench.app.halts.resume("bench", actor="a")
        await bench.app.halts.resume("bench", actor="b")
    for item in running:
        item.terminate()
        item.wait(30)
    result = await bench.ledger()
    return {
        "halts": count,
        "fenced_median_ms": median(fenced) * 1e3,
        "fenced_p99_ms": float(np.quantile(fenced, 0.99)) * 1e3,
        "quiesced_median_ms": median(quiesced) * 1e3,
        "quiesced_p99_ms": float(np.quantile(quiesced, 0.99)) * 1e3,
        "in_flight_median": median(flying),
        "sent_after_quiesced": after,
        "sent": result["n"],
        "sent_twice": result["n"] - result["keys"],
    }


async def budgets(bench: Bench, count: int, hands: int) -> dict[str, float]:
    """Reserve one by one from many connections at once, for twice what the cap allows."""
    cap = count // 2
    database = bench.app.database
    await database.fetch("DELETE FROM budget_part")
    granted, began = 0, time.perf_counter()
    todo = iter(range(count))
    reserve = (
        "SELECT budget_take('bench', '2026-01', %(cap)s, 1, 1, (pg_backend_pid() %% 8)::smallint)"
        " AS n"
    )

    async def hand() -> None:
        nonlocal granted
        for _ in todo:
            row = await database.fetch_one(reserve, {"cap": cap})
            granted += row["n"] if row else 0

    await asyncio.gather(*(hand() for _ in range(hands)))
    seconds = time.perf_counter() - began
    used = await database.fetch_one(BUDGETS["used"], {"use_case": "bench", "period": "2026-01"})
    held = float(used["reserved"]) if used else 0.0
    return {
        "reservations": count,
        "a_second": count / seconds,
        "overspent": max(held - cap, 0.0) + max(granted - cap, 0),
        "falsely_blocked": cap - granted,
    }


@asynccontextmanager
async def stage(receiver_seconds: float) -> AsyncIterator[Bench]:
    server = EmbeddedServer(ROOT_HOME / f"bench-deliveries-{os.getpid()}")
    url = server.start()
    try:
        migrations.upgrade(url)
        with tempfile.TemporaryDirectory() as folder:
            port = 8_700 + os.getpid() % 200
            (Path(folder) / "receiver.py").write_text(RECEIVER)
            usecases = Path(folder) / "usecases"
            (usecases / "bench").mkdir(parents=True)
            code = USECASE.replace("{port}", str(port))
            (usecases / "bench" / "usecase.py").write_text(code)
            environment = {
                **os.environ,
                "ROADBED_DATABASE_URL": url,
                "ROADBED_USECASES": str(usecases),
                "ROADBED_AUDIT_DIR": f"{folder}/audit",
                "BENCH_RECEIVER_SECONDS": str(receiver_seconds),
            }
            command = [sys.executable, "-m", "uvicorn", "--app-dir", folder, "receiver:app"]
            options = ["--port", str(port), "--log-level", "error", "--lifespan", "off"]
            receiver = subprocess.Popen(  # noqa: ASYNC220 - before anything is measured
                [*command, *options], env=environment
            )
            try:
                settings = Settings(usecases=usecases)
                async with open_app(settings, url) as app:
                    await asyncio.sleep(1.0)
                    yield Bench(app, environment, port)
            finally:
                receiver.terminate()
                receiver.wait(10)
    finally:
        server.stop()
        import shutil

        shutil.rmtree(server.home, ignore_errors=True)


async def measure(options: argparse.Namespace) -> dict[str, Any]:
    results: dict[str, Any] = {}
    async with stage(options.receiver_seconds) as bench:
        one, two, ratios = [], [], []
        for _ in range(options.rounds):
            one.append(await throughput(bench, 1, options.deliveries))
            two.append(await throughput(bench, 2, options.deliveries))
            ratios.append(two[-1] / one[-1])
        results |= {"one_worker": median(one), "two_workers": median(two), "ratio": median(ratios)}
        results |= await halts(bench, options.halts)
        results |= {
            f"budget_{name}": value
            for name, value in (await budgets(bench, options.reservations, 8)).items()
        }
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--deliveries", type=int, default=4_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--halts", type=int, default=1_000)
    parser.add_argument("--reservations", type=int, default=100_000)
    parser.add_argument("--receiver-seconds", type=float, default=0.02)
    options = parser.parse_args()
    result = uvloop.run(measure(options))
    judged = report.judged
    report.table(
        [
            (
                "deliveries a second, one worker",
                f"{result['one_worker']:,.0f}",
                "≥ 500",
                judged(result["one_worker"], 500),
            ),
            (
                "two workers ÷ one",
                f"{result['ratio']:.2f}",
                "≥ 1.6",
                judged(result["ratio"], 1.6),
            ),
            (
                "halt, 64 senders: fenced p99, ms",
                f"{result['fenced_p99_ms']:.1f}",
                "≤ 50",
                judged(result["fenced_p99_ms"], 50, least=False),
            ),
            (
                "quiesced p99, ms",
                f"{result['quiesced_p99_ms']:.1f}",
                "",
                f"receiver answers in {options.receiver_seconds * 1e3:.0f} ms",
            ),
            (
                f"sent after quiesced, in {result['halts']:,} halts",
                f"{result['sent_after_quiesced']}",
                "0",
                judged(result["sent_after_quiesced"], 0, least=False),
            ),
            (
                "sent twice",
                f"{result['sent_twice']}",
                "0",
                judged(result["sent_twice"], 0, least=False),
            ),
            (
                f"overspent in {result['budget_reservations']:,} reservations",
                f"{result['budget_overspent']:g}",
                "0",
                judged(result["budget_overspent"], 0, least=False),
            ),
            (
                "falsely blocked",
                f"{result['budget_falsely_blocked']:g}",
                "0",
                judged(result["budget_falsely_blocked"], 0, least=False),
            ),
        ]
    )
    report.end(
        {"benchmark": "deliveries", **result, "machine": report.machine("httpx2", "psycopg")}
    )


if __name__ == "__main__":
    main()
