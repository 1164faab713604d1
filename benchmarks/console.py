"""The console as people meet it: first byte, sizes, requests, live bytes, many viewers, palette.

A real server on a database with ``--tasks`` tasks. The first 8,000 of them, their reviews and
verdicts go through the product; those above are copies, which belong to no audit entry. Meanwhile
two tasks a second arrive.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import httpx2
import psutil
import psycopg

import report
from roadbed.app import App
from roadbed.bootstrap import open_app
from roadbed.console import static_files
from roadbed.kernel.settings import Settings
from roadbed.people.model import Role
from roadbed.reviews.model import VerdictKind
from roadbed.storage import migrations
from roadbed.storage.database import with_schema
from roadbed.storage.embedded import ROOT_HOME, EmbeddedServer

NAME = "bench"
USECASE = """
from pydantic import BaseModel
from roadbed import DIRECT, Answer, Pod, UseCase

class Inquiry(BaseModel):
    text: str

class Routing(BaseModel):
    queue: str

usecase = UseCase(
    "bench", purpose="Send each inquiry to the team that resolves it",
    input=Inquiry, output=Routing, risk_limit=0.02, rollout=DIRECT,
    pod=Pod(domain_lead="lead", engineer="b", data_specialist="c", risk_partner="d"))

@usecase.decider
def decide(inquiry, context):
    number = int(inquiry.text.split()[-1])
    return Answer(output=Routing(queue=f"queue {number % 7}"), confidence=number % 100 / 100,
                  evidence={"words": inquiry.text.split()[:2]})
"""
BASE = f"/usecases/{NAME}"
PAGES = (
    "/",
    "/usecases",
    *(
        f"{BASE}{path}"
        for path in (
            "",
            "/trust",
            "/weak",
            "/outcomes",
            "/labels",
            "/proposals",
            "/releases",
            "/versions",
            "/notebook",
            "/examples/quality",
            "/deliveries",
            "/halt",
            "/members",
        )
    ),
    "/receipts",
    "/account",
)
THROUGH_PRODUCT, AT_ONCE, REVIEWED = 8_000, 200, 1_000
VIEWERS, LISTEN_SECONDS, PAUSE_SECONDS = 100, 15.0, 0.5
WORDS = ("parcel", "late", "broken", "invoice", "refund", "address", "change", "where", "order")
COPIES = """
WITH made AS (
    INSERT INTO task (id, use_case, body_hash, input, source, reference, reference_rate,
                      admitted_at)
    SELECT 'tsk_0' || lpad(n::text, 30, '0'), 'bench', 'x' || n,
           jsonb_build_object('text', 'copy ' || n), '{}', false, 0.1,
           now() - n * interval '2 seconds'
    FROM generate_series(1, %(n)s) AS n RETURNING id, admitted_at)
INSERT INTO decision (task_id, id, use_case, version, route, reason_code, reason, output,
                      confidence, evidence, attempt, decided_at, decide_seconds, halt_epoch)
SELECT made.id, 'dec_0' || right(made.id, 30), 'bench', version.id, 'review', 'not_proven', 'copy',
       '{"queue": "queue 1"}', 0.5, '{}', 1, made.admitted_at, 0.001, 0
FROM made, (SELECT live_version AS id FROM use_case WHERE name = 'bench') AS version
"""


async def fill(app: App, url: str, tasks: int) -> None:
    """Tasks with their decisions and verdicts, and people who look."""
    chance = random.Random(1)
    declared = app.deployments.get(NAME).loaded.declared
    for number in range(VIEWERS):
        await app.members.add(f"viewer{number}", by="bench")
        await app.members.grant(f"viewer{number}", NAME, Role.VIEWER, by="bench")
    for person in ("lead", "shop"):
        await app.members.add(person, by="bench", admin=person == "lead")
    first = min(tasks, THROUGH_PRODUCT)
    reviews: list[str] = []
    for start in range(0, first, AT_ONCE):
        for result in await asyncio.gather(
            *(decide(app, number, chance) for number in range(start, min(start + AT_ONCE, first)))
        ):
            reviews += [result] if result else []
    for number, review in enumerate(reviews[:REVIEWED]):
        person = f"reviewer{number % 5}"
        await app.reviews.claim(review, reviewer=person)
        await app.reviews.give(
            declared,
            review,
            VerdictKind.CORRECT,
            reviewer=person,
            output={"queue": "queue 0"},  # a label that is known from the first verdict on
        )
    if tasks > first:
        async with await psycopg.AsyncConnection.connect(
            with_schema(url), autocommit=True
        ) as connection:
            await connection.execute(COPIES, {"n": tasks - first})
            await connection.execute("ANALYZE")


async def decide(app: App, number: int, chance: random.Random) -> str | None:
    text = f"{' '.join(chance.choices(WORDS, k=8))} {number}"
    _admission, running = await app.decisions.submit(
        NAME, {"text": text}, key=None, source={"by": "bench"}, waits=True
    )
    assert running is not None
    decision = await running
    return decision.review_id if decision else None


@asynccontextmanager
async def serving(folder: Path, url: str) -> AsyncIterator[tuple[str, psutil.Process]]:
    """A server process, and its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {**os.environ, "ROADBED_DATABASE_URL": url, "ROADBED_ISOLATION": "none"}
    environment["ROADBED_AUDIT_DIR"] = str(folder.parent / "audit")
    command = ["-m", "roadbed", "serve", str(folder), "--port", str(port)]
    process = await asyncio.create_subprocess_exec(
        sys.executable, *command, env=environment, stdout=asyncio.subprocess.DEVNULL
    )
    address = f"http://127.0.0.1:{port}"
    try:
        async with httpx2.AsyncClient() as client:
            for _ in range(600):
                try:
                    await client.get(f"{address}/sign-in")
                    break
                except httpx2.HTTPError:
                    await asyncio.sleep(0.1)
        yield address, psutil.Process(process.pid)
    finally:
        process.terminate()
        await process.wait()


@asynccontextmanager
async def browsing(app: App, address: str, person: str) -> AsyncIterator[httpx2.AsyncClient]:
    code = await app.people.issue_link_code(person)
    headers = {"Origin": address, "Sec-Fetch-Site": "same-origin"}
    async with httpx2.AsyncClient(base_url=address, headers=headers, timeout=60.0) as client:
        await client.post("/sign-in/link", data={"code": code})
        yield client


async def arrive(app: App, address: str) -> None:
    """Two tasks a second, until cancelled."""
    await app.members.grant("shop", NAME, Role.REVIEWER, by="bench")
    token = await app.people.issue_token("shop")
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx2.AsyncClient(base_url=address, headers=headers, timeout=60.0) as client:
        for number in range(1_000_000):
            text = f"late parcel {number}"
            await client.post(f"/v1/usecases/{NAME}/tasks", json={"input": {"text": text}})
            await asyncio.sleep(PAUSE_SECONDS)


def p99(values: Sequence[float]) -> float:
    return sorted(values)[max(-(-len(values) * 99 // 100) - 1, 0)]


async def first_byte(client: httpx2.AsyncClient, path: str, times: int) -> list[float]:
    """Milliseconds to the first byte of the body, one request after the other."""
    result = []
    for _ in range(times + 1):
        began = time.perf_counter()
        async with client.stream("GET", path) as answer:
            async for _chunk in answer.aiter_raw():
                result.append((time.perf_counter() - began) * 1_000)
                break
    return result[1:]


async def watch(client: httpx2.AsyncClient, page: str, until: float) -> int:
    """The bytes that a stream sends up to a moment."""
    sent = 0
    facts = {"page": page, "at": "none"}
    async with client.stream("GET", "/live", params=facts) as answer:
        chunks = answer.aiter_raw()
        while (left := until - time.perf_counter()) > 0:
            try:
                sent += len(await asyncio.wait_for(anext(chunks), left))
            except (TimeoutError, StopAsyncIteration):
                break
    return sent


async def viewers(
    clients: Sequence[httpx2.AsyncClient], page: str, server: psutil.Process
) -> tuple[float, float]:
    """CPU seconds a second of the server, and bytes a second of each stream."""
    until = time.perf_counter() + LISTEN_SECONDS + 3.0
    streams = [asyncio.create_task(watch(client, page, until)) for client in clients]
    await asyncio.sleep(3.0)  # they open, and get the page once
    before, began = server.cpu_times(), time.perf_counter()
    sent = await asyncio.gather(*streams)
    after, seconds = server.cpu_times(), time.perf_counter() - began
    cpu = after.user + after.system - before.user - before.system
    return cpu / seconds, sum(sent) / max(len(sent), 1) / (LISTEN_SECONDS + 3.0)


async def navigation(app: App, address: str) -> int | None:
    """Requests of the second page that a browser opens; ``None`` without a browser."""
    sys.path.insert(0, str(Path(__file__).parents[1]))
    from tests.browser.chromium import CHROMIUM, Shared

    if CHROMIUM is None:
        return None
    code, browser = await app.people.issue_link_code("lead"), Shared()
    try:
        async with browser.page() as page:
            await page.goto(f"{address}/sign-in?code={code}")
            await page.keyboard.press("Enter")
            await page.wait_for_url(f"{address}/")
            asked: list[str] = []
            page.on("request", lambda request: asked.append(request.url))
            await page.goto(f"{address}{BASE}/trust")
            await page.locator("body[data-streaming]").wait_for()
            files = {url for url in asked if "/static/" in url}  # kept for good
            asked.clear()
            await page.goto(f"{address}{BASE}")
            await page.locator("body[data-streaming]").wait_for()
            return len([url for url in asked if url not in files])
    finally:
        await browser.end()


async def measure(folder: Path, url: str, tasks: int, times: int) -> dict[str, float]:
    figures: dict[str, float] = {}
    settings = Settings(usecases=folder, audit_dir=folder.parent / "audit")
    async with open_app(settings, url) as app:
        await fill(app, url, tasks)
    async with (
        serving(folder, url) as (address, server),
        open_app(settings, url, only=[]) as app,
        browsing(app, address, "lead") as lead,
        AsyncExitStack() as stack,
    ):
        arriving = asyncio.create_task(arrive(app, address))
        for page in PAGES:
            answer = await lead.get(page)
            assert answer.status_code == 200, page
            figures[f"size {page}"] = len(answer.content)
            spent = await first_byte(lead, page, times)
            figures[f"p50 {page}"], figures[f"p99 {page}"] = statistics.median(spent), p99(spent)
        spent = await first_byte(lead, "/palette?q=tr", times)
        figures["palette p99"] = p99(spent)
        people = [
            await stack.enter_async_context(browsing(app, address, f"viewer{number}"))
            for number in range(VIEWERS)
        ]
        page = f"{BASE}/trust"
        idle, _ = await viewers([], page, server)
        one, figures["live bytes"] = await viewers(people[:1], page, server)
        many, _ = await viewers(people, page, server)
        figures.update(idle_cpu=idle, one_cpu=one, many_cpu=many)
        figures["viewers"] = max(many - idle, 0.0) / max(one - idle, 0.001)
        requests = await navigation(app, address)
        if requests is not None:
            figures["requests"] = requests
        arriving.cancel()
    figures["static"] = sum(len(file.compressed) for file in static_files.FILES.values())
    return figures


def rows(figures: Mapping[str, float]) -> list[tuple[str, str, str, str]]:
    result = []
    for page in PAGES:
        told = f"{figures[f'p99 {page}']:.0f} ms (p50 {figures[f'p50 {page}']:.0f})"
        verdict = report.judged(figures[f"p99 {page}"], 50.0, least=False)
        result.append((f"first byte, p99: {page}", told, "≤ 50 ms", verdict))
    largest = max(figures[f"size {page}"] for page in PAGES)
    for name, told, goal, value, limit in (
        ("largest page", f"{largest / 1_000:.0f} kB", "≤ 60 kB", largest, 60_000.0),
        ("static files", f"{figures['static'] / 1_000:.0f} kB", "≤ 60 kB", figures["static"], 60e3),
        ("requests of a navigation", f"{figures.get('requests', 0):.0f}", "≤ 2",
         figures.get("requests", 0.0), 2.0),
        ("live, a tab", f"{figures['live bytes'] / 1_000:.1f} kB/s", "≤ 2 kB/s",
         figures["live bytes"], 2_000.0),
        ("100 viewers of a page cost", f"{figures['viewers']:.1f} times one", "≤ 2",
         figures["viewers"], 2.0),
        ("palette, p99", f"{figures['palette p99']:.0f} ms", "≤ 100 ms",
         figures["palette p99"], 100.0),
    ):  # fmt: skip
        result.append((name, told, goal, report.judged(value, limit, least=False)))
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=8_000)
    parser.add_argument("--times", type=int, default=100, help="requests of each page")
    arguments = parser.parse_args()
    parent = ROOT_HOME if os.geteuid() == 0 else Path(tempfile.gettempdir())
    with tempfile.TemporaryDirectory(prefix="bench-console-") as name:
        folder = Path(name) / "usecases"
        (folder / NAME).mkdir(parents=True)
        (folder / NAME / "usecase.py").write_text(USECASE, encoding="utf-8")
        home = parent / Path(name).name
        server = EmbeddedServer(home)
        url = server.start()
        try:
            migrations.upgrade(url)
            figures = asyncio.run(measure(folder, url, arguments.tasks, arguments.times))
        finally:
            server.stop()
    report.table(rows(figures))
    report.end({"benchmark": "console", "tasks": arguments.tasks, **figures,
                "machine": report.machine("starlette", "jinja2")})  # fmt: skip


if __name__ == "__main__":
    main()
