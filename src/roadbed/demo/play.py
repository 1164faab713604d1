"""The demo's run: server, clients, reviewers and improvement, round by round."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import os
import shutil
import signal
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2

from roadbed.app import App, audit_folder
from roadbed.bootstrap import open_app
from roadbed.demo import afterwards
from roadbed.demo.datasets import Stream, load
from roadbed.demo.errors import DemoServerError
from roadbed.demo.people import Caller, Tally, confirm_labels, review_all, send_round
from roadbed.demo.server import Kept, ServerProcess, free_port
from roadbed.demo.view import RoundRow, View, summary_line
from roadbed.kernel.settings import Settings
from roadbed.people.errors import PersonExistsError
from roadbed.storage.embedded import EmbeddedServer, default_home
from roadbed.storage.serving import database_url

USE_CASE = "support-triage"
LIMIT, CERTAINTY = 0.02, 0.95
_NEVER = 1_000  # rounds
_POD = ("ana", "ben", "chi", "dev")
_GRANTED = {
    "shop": "reviewer",
    "reviewer": "reviewer",
    "colleague": "reviewer",
    "you": "domain_lead",
}
_CHUNK = 100  # tasks between two inspections of the audit, if the data changes
_WATCH_SECONDS = 0.8
_SENT_WITHIN_SECONDS = 30.0
_ON_THE_WAY = ("planned", "waiting", "sending")
_LEASE_SECONDS = "5"  # so that a killed server's tasks are taken over while one watches


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class DemoStage:
    """Where it plays."""

    stream: Stream
    server: ServerProcess
    environment: Mapping[str, str]
    client_token: str
    reviewer_tokens: Sequence[str]
    receiver: str
    receiver_pid: int | None
    receiver_command: str
    sheets: Path


def play(
    *, data: str, rounds: int | None, once: bool, port: int | None, as_json: bool, drift: bool
) -> None:
    """Play the demo called ``data``. Raises ``DemoDataError``, ``DemoServerError``."""
    settings = Settings()
    stream = load(data, rounds=rounds, data_dir=settings.data_dir, drift=drift)
    with contextlib.suppress(KeyboardInterrupt, asyncio.CancelledError):
        asyncio.run(_play(stream, settings, once=once, port=port, as_json=as_json))


async def _play(
    stream: Stream, settings: Settings, *, once: bool, port: int | None, as_json: bool
) -> None:
    began = time.monotonic()
    if task := asyncio.current_task():  # any end of the demo also ends its server
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    view = View(
        limit=LIMIT,
        certainty=CERTAINTY,
        notice=stream.notice,
        quiet=as_json,
        states=bool(stream.events),
    )
    async with _stage(stream, settings, port, view) as stage:
        with view:
            await _rounds(stage, view)
        if as_json:
            print(json.dumps(_summary(view, time.monotonic() - began)), flush=True)
        else:
            view.note(summary_line(view.rows, LIMIT))
            view.note(await _sent_line(stage, settings))
        if not once:
            await _keep_serving(stage, settings)


async def _keep_serving(stage: DemoStage, settings: Settings) -> None:
    folder = Path(stage.environment["ROADBED_USECASES"]) / USE_CASE
    afterwards.declare_rollout(folder)
    await stage.server.stop()  # a process runs the folder that it loaded: restart for another
    await stage.server.start()
    environment = stage.sheets.parent / "demo.env"
    afterwards.write_environment(environment, stage.environment)
    async with open_app(settings, stage.environment["ROADBED_DATABASE_URL"], only=[]) as app:
        codes = {name: await app.people.issue_link_code(name) for name in afterwards.SIGNING_IN}
    print(
        f"`kill {stage.receiver_pid}` unplugs the helpdesk, `{stage.receiver_command}` "
        "plugs it in again.\n" + afterwards.told(stage.server.address, codes, folder, environment),
        flush=True,
    )
    arriving = asyncio.create_task(
        afterwards.keep_arriving(
            stage.server.address,
            USE_CASE,
            stage.stream,
            shop_token=stage.client_token,
            reviewer_token=stage.reviewer_tokens[0],
        )
    )
    try:
        await stage.server.ended()
    finally:
        arriving.cancel()


async def _rounds(stage: DemoStage, view: View) -> None:
    clients = Caller(stage.server.address, stage.client_token)
    reviewers = [Caller(stage.server.address, token) for token in stage.reviewer_tokens]
    truth = dict(stage.stream.seed)
    told: set[str] = set()
    view.step(f"Learning from {len(stage.stream.seed):,} past inquiries")
    improved = await _improve(stage.environment)
    for number, tasks in enumerate(stage.stream.rounds, 1):
        row = RoundRow(number=number, tally=Tally(), threshold=_threshold(improved))
        view.rows.append(row)
        if number in stage.stream.events:
            view.note(f"Round {number}: {stage.stream.events[number]}.")
        if stage.stream.events:
            await _follow_state(clients, row, told, view)
        # If the data changes, people label as work arrives: labels take effect at once.
        watched = number >= min(stage.stream.events, default=_NEVER) - 1
        size = _CHUNK if watched else len(tasks)
        for start in range(0, len(tasks), size):
            part = tasks[start : start + size]
            truth.update(part)
            view.step("Inquiries arrive")
            began = time.monotonic()
            prefix = f"round-{number}-{start}"
            await send_round(clients, USE_CASE, prefix, part, row.tally, view.draw)
            row.seconds += time.monotonic() - began
            view.step("People answer what was not automatic, and the blind sample")
            done = await asyncio.gather(
                *(review_all(item, USE_CASE, truth, view.draw) for item in reviewers)
            )
            row.reviews += sum(done)
            await confirm_labels(reviewers[-1], USE_CASE)
            if watched:
                await _follow_state(clients, row, told, view)
        if stage.stream.events and not watched:
            await _follow_state(clients, row, told, view)
        view.finished(row)
        if number < len(stage.stream.rounds):
            view.step("Learning from the corrections, certifying the new version")
            improved = await _improve(stage.environment)
    await clients.close()
    for reviewer in reviewers:
        await reviewer.close()


async def _follow_state(caller: Caller, row: RoundRow, told: set[str], view: View) -> None:
    """Let the audit run, and report every state change since ``told``."""
    await asyncio.sleep(_WATCH_SECONDS)
    trust = await caller.call("GET", f"/usecases/{USE_CASE}/trust")
    for change in reversed(trust["changes"]):
        after = change["detail"].get("after")
        if after and change["at"] not in told:
            told.add(change["at"])
            row.states.append(after)
            if after in ("tightened", "cautious", "halted"):
                view.note(f"  {after}: {change['detail']['reason']}")
    if row.states[-1:] != [trust["state"]]:
        row.states.append(trust["state"])


@asynccontextmanager
async def _stage(
    stream: Stream, settings: Settings, port: int | None, view: View
) -> AsyncIterator[DemoStage]:
    if settings.database_url is None:
        home = settings.home or default_home(Path.cwd(), "demo")
        settings = settings.model_copy(update={"home": home, "audit_dir": None})
        _forget_last_time(home, audit_folder(settings))
    async with database_url(settings) as url:
        usecases = await asyncio.to_thread(_write_folder, stream)
        sheets = _fresh_outbox(Path.cwd())
        receiver_port = free_port()
        environment = _environment(settings, url, usecases, receiver_port, sheets)
        async with open_app(settings, url, only=[]) as app:
            tokens = await _add_people(app)
        server, worker, receiver = _processes(
            usecases, environment, port, receiver_port, sheets, view
        )
        try:
            await receiver.start()
            await server.start()
            await _grant_roles(settings, url)  # the server made the use case known
            await worker.start()
            yield DemoStage(
                stream=stream,
                server=server,
                environment=environment,
                client_token=tokens[0],
                reviewer_tokens=tokens[1:],
                receiver=environment["ROADBED_DEMO_RECEIVER"],
                receiver_pid=receiver.pid,
                receiver_command=receiver.command,
                sheets=sheets,
            )
        finally:
            await worker.stop()
            await server.stop()
            await receiver.stop()
            shutil.rmtree(usecases, ignore_errors=True)


def _environment(
    settings: Settings, url: str, usecases: Path, receiver_port: int, sheets: Path
) -> dict[str, str]:
    """What server and worker are started with."""
    return {
        "ROADBED_DATABASE_URL": url,
        "ROADBED_USECASES": str(usecases),
        "ROADBED_AUDIT_DIR": str(audit_folder(settings).resolve()),
        "ROADBED_LEASE_SECONDS": _LEASE_SECONDS,
        "ROADBED_DEMO_RECEIVER": f"http://127.0.0.1:{receiver_port}/",
        "ROADBED_DEMO_SHEETS": str(sheets),
    }


def _processes(
    usecases: Path,
    environment: dict[str, str],
    port: int | None,
    receiver_port: int,
    sheets: Path,
    view: View,
) -> tuple[ServerProcess, Kept, Kept]:
    """Server, worker and receiver, not started yet."""
    server = ServerProcess(
        usecases,
        environment,
        port,
        lambda n: view.note(f"The server died ({n}); it is started again. Nothing is lost."),
    )
    worker = Kept("roadbed", "worker", environment=environment)
    receiver = Kept(
        "roadbed.demo.receiver",
        str(receiver_port),
        str(sheets / "received.txt"),
        environment={},
        returns=False,
    )
    return server, worker, receiver


async def _add_people(app: App) -> list[str]:
    """The pod, two reviewers, a program and the viewer; returns the simulated people's tokens.

    The last one is the domain lead's.
    """
    for name in (*_POD, *_GRANTED):
        with contextlib.suppress(PersonExistsError):
            await app.members.add(name, by="demo", admin=name == "you")
    # The program gets the least that lets it do its part.
    tokens = [await app.people.issue_token("shop", name="shop", scopes=["submit", "read"])]
    tokens += [await app.people.issue_token(item) for item in ("reviewer", "colleague", "ana")]
    return tokens


async def _grant_roles(settings: Settings, url: str) -> None:
    async with open_app(settings, url, only=[]) as app:
        for name, role in _GRANTED.items():
            await app.members.grant(name, USE_CASE, role, by="demo")


async def _sent_line(stage: DemoStage, settings: Settings) -> str:
    """The sent deliveries, and the count of the receiver's ledger."""
    url = stage.environment["ROADBED_DATABASE_URL"]
    async with open_app(settings, url, only=[]) as app:
        for _ in range(int(_SENT_WITHIN_SECONDS / 0.5)):
            counts = (await app.deliveries.overview(USE_CASE))["destinations"]
            if not any(count.get(state) for count in counts.values() for state in _ON_THE_WAY):
                break
            await asyncio.sleep(0.5)
    sent = counts.get("helpdesk", {})
    try:
        async with httpx2.AsyncClient(timeout=5.0) as http:
            ledger = (await http.get(stage.receiver)).json()
        seen = f"its ledger has {ledger['effects']:,} from {ledger['requests']:,} requests"
    except httpx2.HTTPError:
        seen = "it cannot be asked now"
    return (
        f"Delivered {sent.get('delivered', 0):,} results to the helpdesk ({seen}) and "
        f"{counts.get('sheet', {}).get('delivered', 0):,} rows to the workbook in {stage.sheets}."
    )


def _fresh_outbox(folder: Path) -> Path:
    outbox = folder / ".roadbed" / "demo-outbox"
    shutil.rmtree(outbox, ignore_errors=True)
    outbox.mkdir(parents=True)
    return outbox


def _forget_last_time(home: Path, audit: Path) -> None:
    """The demo begins with its own empty database and audit log."""
    server = EmbeddedServer(home)
    if server.data.exists():
        server.stop_now()
        shutil.rmtree(server.data)
    shutil.rmtree(audit, ignore_errors=True)


def _write_folder(stream: Stream) -> Path:
    import tempfile

    usecases = Path(tempfile.mkdtemp(prefix="roadbed-demo-"))
    folder = usecases / USE_CASE
    shutil.copytree(
        Path(__file__).parent / "folder", folder, ignore=shutil.ignore_patterns("__pycache__")
    )
    (folder / "examples").mkdir()
    (folder / "examples" / "past-work.jsonl").write_text(
        "".join(
            json.dumps({"input": {"text": text}, "output": {"queue": queue} if queue else None})
            + "\n"
            for text, queue in stream.seed
        ),
        encoding="utf-8",
    )
    return usecases


async def _improve(environment: Mapping[str, str]) -> Mapping[str, Any]:
    """Run ``roadbed improve`` as its own process, as an operator would."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "roadbed",
        "improve",
        USE_CASE,
        "--json",
        env={**os.environ, **environment},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await process.communicate()
    if process.returncode != 0:
        raise DemoServerError(f"improve failed: {errors.decode(errors='replace').strip()[-300:]}")
    improvement: Mapping[str, Any] = json.loads(output.decode().splitlines()[-1])
    return improvement


def _threshold(improved: Mapping[str, Any]) -> float | None:
    certificate = improved["certificate"] or {}
    threshold: float | None = certificate.get("threshold")
    return threshold


def _summary(view: View, seconds: float) -> dict[str, object]:
    rows = view.rows
    sending = sum(row.seconds for row in rows)
    tasks = sum(row.tally.tasks for row in rows)
    return {
        "tasks": tasks,
        "automatic": sum(row.tally.automatic for row in rows),
        "wrong_automatic": sum(row.tally.wrong_automatic for row in rows),
        "limit": LIMIT,
        "certainty": CERTAINTY,
        "reviews": sum(row.reviews for row in rows),
        "rounds": [dataclasses.asdict(row.tally) for row in rows],
        "decisions_per_second": round(tasks / sending, 1) if sending else 0.0,
        "seconds": round(seconds, 1),
    }
