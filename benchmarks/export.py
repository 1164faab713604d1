"""Exports of receipts: 200,000 rows in each format, and random views against their pages.

Tasks with decisions are written straight into the tables. A server on a real socket exports them;
the client counts and drops the bytes. The memory of the server's process is measured before the
first export and after each. Then random views are read page by page and compared with the export of
the same view, as the tests do with fewer.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import resource
import sys
import tempfile
import time
from pathlib import Path

import httpx2

import report

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.browsing import browsing
from tests.conftest import Folders, Site, serving
from tests.databases import database, hurry
from tests.unit import test_exports

from roadbed.exports.model import Format
from roadbed.kernel.settings import Settings
from roadbed.storage.embedded import ROOT_HOME, EmbeddedServer

# Each fourth is in review, each hundredth of these blind.
FILL = """
WITH number AS (
    SELECT n, 'tsk_' || lpad(to_hex(n), 28, '0') AS id FROM generate_series(1, {rows}) AS n),
task AS (
    INSERT INTO task (id, use_case, body_hash, input, source, reference, reference_rate,
                      admitted_at)
    SELECT id, 'triage', md5(id),
           jsonb_build_object('text', 'Where is my parcel number ' || n || '?'),
           '{{"by": "shop"}}', n % 400 = 0, 0.01, now() - n * interval '1 second'
    FROM number),
decision AS (
    INSERT INTO decision (task_id, id, use_case, route, reason_code, reason, output, confidence,
                          evidence, attempt, decided_at, decide_seconds, halt_epoch)
    SELECT id, 'dec' || id, 'triage', CASE WHEN n % 4 = 0 THEN 'review' ELSE 'automatic' END,
           'proven', 'proven', jsonb_build_object('queue', 'returns'), random(), '{{}}', 1, now(),
           0.1, 0
    FROM number)
INSERT INTO review (id, task_id, use_case, blind, priority, opened_at)
SELECT 'rev' || id, id, 'triage', n % 400 = 0, 1, now() FROM number WHERE n % 4 = 0
"""


def megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


async def exported(client: httpx2.AsyncClient, form: Format) -> tuple[float, float, float]:
    """Seconds, seconds of CPU in this process, and MB of an export of all receipts."""
    began, used, size = time.perf_counter(), time.process_time(), 0
    async with client.stream("GET", f"/receipts/export.{form}", timeout=300.0) as answer:
        assert answer.status_code == 200
        async for part in answer.aiter_bytes():
            size += len(part)
    return time.perf_counter() - began, time.process_time() - used, size / 1e6


async def large(site: Site, rows: int) -> dict[str, float]:
    await site.app.database.fetch(FILL.format(rows=rows))
    await site.app.database.fetch("ANALYZE")
    figures: dict[str, float] = {}
    async with browsing(site) as client:
        await exported_few(client)
        before = megabytes()
        for form in Format:
            names = (f"{form}_seconds", f"{form}_cpu_seconds", f"{form}_megabytes")
            figures |= zip(names, await exported(client, form), strict=True)
        figures["memory_megabytes"] = megabytes() - before
        began = time.perf_counter()
        for _ in range(20):
            await client.get("/receipts?usecase=triage")
        figures["page_milliseconds"] = (time.perf_counter() - began) / 20 * 1000
    return figures


async def exported_few(client: httpx2.AsyncClient) -> None:
    """What is loaded once is loaded before anything is measured."""
    for form in Format:
        assert (await client.get(f"/receipts/export.{form}?q=number 77?")).status_code == 200


async def views(site: Site, count: int) -> int:
    """Random views on a small site, compared with their exports; raises where one differs."""
    await test_exports.fill(site)
    chance, rows = random.Random(1), 0
    async with browsing(site) as client:
        for _ in range(count):
            rows += await test_exports.compared(client, test_exports.view(chance))
    return rows


async def run(rows: int, count: int) -> dict[str, float]:
    server = EmbeddedServer(ROOT_HOME / "bench-export")
    server.start()
    hurry(server)
    try:
        figures: dict[str, float] = {}
        for part in ("large", "views"):
            with tempfile.TemporaryDirectory() as name, database(server) as url:
                folders = Folders(Path(name) / "usecases")
                folders.write()
                settings = Settings(
                    usecases=folders.parent,
                    audit_dir=Path(name) / "audit",
                    home=Path(name) / "home",
                    port=0,
                    isolation="none",
                )
                async with serving(settings, url) as site:
                    if part == "large":
                        figures |= await large(site, rows)
                    else:
                        figures["view_rows"] = await views(site, count)
        return figures | {"rows": rows, "views": count}
    finally:
        server.stop()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--views", type=int, default=1000)
    arguments = parser.parse_args()
    figures = asyncio.run(run(arguments.rows, arguments.views))
    lines = [
        (
            f"{arguments.rows:,} rows as {form}",
            "{:.1f} s ({:.1f} of CPU), {:.0f} MB".format(
                *(figures[f"{form}_{what}"] for what in ("seconds", "cpu_seconds", "megabytes"))
            ),
            "≤ 15 s",
            report.judged(figures[f"{form}_seconds"], 15.0, least=False),
        )
        for form in Format
    ]
    report.table(
        [
            *lines,
            (
                "memory that they add",
                f"{figures['memory_megabytes']:.0f} MB",
                "≤ 50 MB",
                report.judged(figures["memory_megabytes"], 50.0, least=False),
            ),
            ("a page of the same receipts", f"{figures['page_milliseconds']:.0f} ms", "", ""),
            (
                "random views whose export equals their pages",
                f"{figures['views']:,.0f}, {figures['view_rows']:,.0f} rows",
                "1,000",
                report.judged(figures["views"], 1000),
            ),
        ]
    )
    report.end({"benchmark": "export", **figures, "machine": report.machine()})


if __name__ == "__main__":
    main()
