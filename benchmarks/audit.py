"""Costs of the signed log: writing entries, sealing them, one proof, verifying a million.

Entries go through the group-commit writer in batches as the pipeline's do, the trigger included,
once without and once with a sealer beside it. The million is inserted by the server itself, then
sealed in steps, proven and verified as an operator would.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil
import uvloop

import report
from decisions import USECASE, decisions
from roadbed.app import App
from roadbed.audit.service import AuditLog
from roadbed.bootstrap import open_app
from roadbed.kernel.clock import SystemClock
from roadbed.kernel.settings import Settings
from roadbed.storage import migrations
from roadbed.storage.database import Database
from roadbed.storage.embedded import ROOT_HOME, EmbeddedServer
from roadbed.storage.writer import GroupCommitWriter, Write

ENTRY = Write(
    "entry",
    """INSERT INTO audit_entry (use_case, kind, subject, actor, at, detail)
       SELECT 'bench', 'decided', item.id, 'roadbed', now(),
              jsonb_build_object('decision', item.id, 'route', 'automatic')
       FROM json_to_recordset(%(items)s::json) AS item (id text)""",
    "SELECT item.id FROM json_to_recordset(%(items)s::json) AS item (id text)",
)
MANY = """
INSERT INTO audit_entry (use_case, kind, subject, actor, at, detail)
SELECT 'bench', 'decided', 'tsk_' || to_char(n, 'FM0000000000000000000000000000'), 'roadbed', now(),
       jsonb_build_object('decision', 'dec_' || to_char(n, 'FM0000000000000000000000000000'),
                          'route', 'automatic')
FROM generate_series(1, %(entries)s::int) AS n
"""
EMPTY = "TRUNCATE audit_entry, audit_pending, audit_bundle, audit_tile, audit_checkpoint"
CALLERS = 512


async def writing(writer: GroupCommitWriter, seconds: float, prefix: str) -> float:
    """Entries per second of 512 callers."""
    began, done = time.perf_counter(), 0

    async def caller(number: int) -> None:
        nonlocal done
        turn = 0
        while time.perf_counter() < began + seconds:
            await writer.write(ENTRY, {"id": f"tsk_{prefix}_{number}_{turn}"})
            turn, done = turn + 1, done + 1

    await asyncio.gather(*(caller(number) for number in range(CALLERS)))
    return done / (time.perf_counter() - began)


async def rates(database: Database, folder: Path, rounds: int, seconds: float) -> dict[str, float]:
    """Without trigger, with it, and with a sealer beside: rounds take turns."""
    writer = GroupCommitWriter(database.url)
    await writer.open()
    results: dict[str, list[float]] = {"plain": [], "committed": [], "sealed": []}
    log = AuditLog(database, folder, SystemClock(), os.urandom)
    await writing(writer, 1.0, "warm")
    for number in range(rounds):
        await database.fetch("ALTER TABLE audit_entry DISABLE TRIGGER audit_commit")
        results["plain"].append(await writing(writer, seconds, f"p{number}"))
        await database.fetch("ALTER TABLE audit_entry ENABLE TRIGGER audit_commit")
        results["committed"].append(await writing(writer, seconds, f"c{number}"))
        sealer = asyncio.create_task(log.seal_forever())
        results["sealed"].append(await writing(writer, seconds, f"s{number}"))
        sealer.cancel()
        await asyncio.gather(sealer, return_exceptions=True)
    await writer.close()
    return {f"entries_per_second_{name}": report.median(values) for name, values in results.items()}


async def decided(app: App, log: AuditLog | None, seconds: float, postmaster: int) -> list[float]:
    """Decisions a second, and CPU seconds of everything a decision; with ``log`` beside or not."""
    verb = "DISABLE" if log is None else "ENABLE"
    await app.database.fetch(f"ALTER TABLE audit_entry {verb} TRIGGER audit_commit")
    sealer = asyncio.create_task(log.seal_forever()) if log else None
    before, began = _cpu(postmaster), time.perf_counter()
    rate = await decisions(app, seconds)
    spent = _cpu(postmaster) - before
    done = rate * (time.perf_counter() - began)
    if sealer:
        sealer.cancel()
        await asyncio.gather(sealer, return_exceptions=True)
    return [rate, spent / done]


def _cpu(postmaster: int) -> float:
    """CPU seconds so far of this process and of the database's."""
    everybody = [psutil.Process(), *psutil.Process(postmaster).children()]
    return sum(sum(item.cpu_times()[:2]) for item in everybody)


async def share_of_decisions(
    server: EmbeddedServer, url: str, rounds: int, seconds: float
) -> dict[str, float]:
    """Decisions through the whole path, with the log and without, in turns and pairs.

    On a shared machine the rate of a round says little. The CPU time that a decision takes hardly
    depends on the neighbours, so that is quoted beside it.
    """
    pid = int((server.data / "postmaster.pid").read_text().split()[0])
    with tempfile.TemporaryDirectory() as parent:
        folder = Path(parent) / "usecases" / "bench"
        folder.mkdir(parents=True)
        (folder / "usecase.py").write_text(USECASE)
        settings = Settings(usecases=folder.parent, audit_dir=Path(parent) / "audit")
        async with open_app(settings, url) as app:
            await decided(app, app.audit, 2.0, pid)
            pairs = []
            for number in range(rounds):
                order = [None, app.audit] if number % 2 else [app.audit, None]
                results = {log: await decided(app, log, seconds, pid) for log in order}
                pairs.append((results[app.audit], results[None]))
    return {
        "decision_rate_with_log": report.median([on[0] / off[0] for on, off in pairs]),
        "decision_cpu_with_log": report.median([on[1] / off[1] for on, off in pairs]),
        "decision_cpu_ms": report.median([on[1] * 1e3 for on, _ in pairs]),
    }


async def million(database: Database, folder: Path, entries: int) -> dict[str, float]:
    await database.fetch(EMPTY)
    log = AuditLog(database, folder, SystemClock(), os.urandom)
    clock = time.perf_counter
    began = clock()
    await database.fetch(MANY, {"entries": entries})
    inserted = clock()
    assert await log.seal() == entries
    sealed = clock()
    await log.publish()
    published = clock()
    verified = await log.verify()
    assert verified.sound, verified.findings[:3]
    proofs = []
    for number in range(1, 201):
        asked = clock()
        await log.proof_of_task(f"tsk_{1 + number * (entries - 1) // 201:028d}")
        proofs.append((clock() - asked) * 1e3)
    return {
        "insert_seconds": inserted - began,
        "seal_seconds": sealed - inserted,
        "publish_seconds": published - sealed,
        "verify_seconds": verified.seconds,
        "proof_ms": report.median(proofs),
        "proof_slowest_ms": max(proofs),
    }


async def run(entries: int, rounds: int, seconds: float) -> None:
    parent = ROOT_HOME if os.geteuid() == 0 else Path(tempfile.gettempdir())
    server = EmbeddedServer(parent / f"bench-{os.getpid()}")
    try:
        url = server.start()
        migrations.upgrade(url)
        with tempfile.TemporaryDirectory() as folder:
            async with Database(url) as database:
                result = await share_of_decisions(server, url, 4 * rounds, seconds)
                await database.fetch(EMPTY)  # another folder, another key
                result |= await rates(database, Path(folder) / "first", rounds, seconds)
                result |= await million(database, Path(folder) / "second", entries)
    finally:
        server.stop_now()
        shutil.rmtree(server.home, ignore_errors=True)
    tell(result, entries)


def tell(measured: dict[str, float], entries: int) -> None:
    for name, value in measured.items():
        print(f"{name:32}{value:>14,.2f}")
    verify, proof = measured["verify_seconds"], measured["proof_ms"]
    kept = measured["entries_per_second_sealed"] / measured["entries_per_second_plain"]
    report.table(
        [
            (
                f"verify {entries:,} entries, s",
                f"{verify:.1f}",
                "at most 10",
                report.judged(verify, 10, least=False),
            ),
            (
                f"one proof of {entries:,}, ms",
                f"{proof:.2f}",
                "at most 5",
                report.judged(proof, 5, least=False),
            ),
            (
                "decision rate, with the log ÷ without",
                f"{measured['decision_rate_with_log']:.2f}",
                "at least 0.9",
                report.judged(measured["decision_rate_with_log"], 0.9),
            ),
            (
                "CPU a decision, with the log ÷ without",
                f"{measured['decision_cpu_with_log']:.2f}",
                "at most 1.1",
                report.judged(measured["decision_cpu_with_log"], 1.1, least=False),
            ),
            ("entries a second, sealed ÷ not committed to", f"{kept:.2f}", "no figure", ""),
        ]
    )
    facts: dict[str, Any] = {name: round(value, 4) for name, value in measured.items()}
    report.end(
        {
            "benchmark": "audit",
            "entries": entries,
            **facts,
            "machine": report.machine("psycopg", "cryptography"),
        }
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3.0)
    arguments = parser.parse_args()
    uvloop.run(run(arguments.entries, arguments.rounds, arguments.seconds))


if __name__ == "__main__":
    main()
