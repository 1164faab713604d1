"""The demo's run: server, clients, reviewers and improvement, round by round."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import os
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx2

from roadbed.demo import afterwards
from roadbed.demo.checks import SentenceChecks, require_language_models
from roadbed.demo.datasets import Stream, load
from roadbed.demo.documents import answers, documents_stream, library_stream
from roadbed.demo.errors import DemoServerError
from roadbed.demo.people import Caller, Tally, confirm_labels, review_all, send_round
from roadbed.demo.server import Ending, port_for
from roadbed.demo.stage import DemoStage, open_stage
from roadbed.demo.view import RoundRow, View, summary_line
from roadbed.kernel.settings import Settings

_NEVER = 1_000  # rounds
_CHUNK = 100  # tasks between two inspections of the audit, if the data changes
_WATCH_SECONDS = 0.8
_SENT_WITHIN_SECONDS = 30.0
_ON_THE_WAY = ("planned", "waiting", "sending")


def play(
    *,
    use_case: str,
    data: str,
    rounds: int | None,
    once: bool,
    port: int | None,
    as_json: bool,
    drift: bool,
    with_model: bool,
) -> None:
    """Play ``use_case`` with the data called ``data``, until Ctrl-C or SIGTERM.

    ``with_model``: questions to documents are answered with the imitated language model. Raises
    ``DemoDataError``, ``DemoModelError``, ``DemoPortError``, ``DemoServerError``.
    """
    if with_model:
        require_language_models()
    settings = Settings()
    if data == "documents":
        stream = documents_stream(settings.data_dir)
    elif use_case == "ask":
        stream = library_stream(rounds, prompted=with_model)
    else:
        stream = load(data, rounds=rounds, data_dir=settings.data_dir, drift=drift)
    chosen = port_for(port, settings.port)
    view = View(
        limit=stream.use_case.limit,
        certainty=stream.use_case.certainty,
        notice=stream.notice,
        rounds=len(stream.rounds),
        quiet=as_json,
        states=bool(stream.events),
    )
    view.open()
    if port is None and chosen != settings.port != 0:
        view.note(f"Another program listens on port {settings.port}, so the demo takes {chosen}.")
    with contextlib.suppress(asyncio.CancelledError):
        asyncio.run(_play(stream, settings, view, once=once, port=chosen, as_json=as_json))


async def _play(
    stream: Stream, settings: Settings, view: View, *, once: bool, port: int, as_json: bool
) -> None:
    began = time.monotonic()
    task, loop = asyncio.current_task(), asyncio.get_running_loop()
    assert task is not None
    ending = Ending(task)  # any end of the demo also ends its processes
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ending.ask)
    view.note("Starting the database and the server.")  # from here on there is something to end
    checks = SentenceChecks()
    async with open_stage(stream, settings, port, view.note, ending) as stage:
        if stream.use_case.documents is not None:
            # Before the worker, which begins an ingestion of its own: the next has nothing to read.
            view.note(await _read_library(stage))
        await stage.worker.start()
        view.note(await _way_in(stage, settings, once=once))
        if stream.rounds:
            with view:
                await _rounds(stage, view, checks)
        if as_json:
            print(json.dumps(_summary(view, stream, time.monotonic() - began)), flush=True)
        else:
            await _close(stage, view, settings, checks)
        if not once:
            await _keep_serving(stage, settings)


async def _close(stage: DemoStage, view: View, settings: Settings, checks: SentenceChecks) -> None:
    """What the rounds gave, and answers to some questions."""
    use_case = stage.stream.use_case
    if view.rows:
        view.note(summary_line(view.rows, use_case.limit))
    if use_case.prompted:
        view.note(checks.told())
    if use_case.delivers:
        view.note(await _sent_line(stage, settings))
    if asked := stage.stream.shown:
        view.note(await answers(stage.server.address, stage.client_token, use_case, asked))


async def _read_library(stage: DemoStage) -> str:
    """Ingest the library of the use case: how many documents were read, and which cannot be."""
    output = await _command(stage.environment, "documents", "ingest", stage.stream.use_case.name)
    return f"Documents: {output.strip()}"


async def _way_in(stage: DemoStage, settings: Settings, *, once: bool) -> str:
    """The address, while the rounds are still to come; and a sign-in unless it ends with them."""
    address = stage.server.address
    rounds = len(stage.stream.rounds)
    use_case = stage.stream.use_case
    follows = (
        f"It is in use now: {rounds} rounds of {use_case.tasks} follow. Ctrl-C ends it."
        if rounds
        else "Ctrl-C ends it."
    )
    if once:
        return f"Roadbed serves at {address}\n{follows}"
    async with stage.services(settings) as app:
        code = await app.people.issue_link_code("you")
    return (
        f"Roadbed serves at {address}\n"
        f"Sign in once as you, {afterwards.SIGNING_IN['you']}: {address}/sign-in?code={code}\n"
        f"{follows}"
    )


async def _keep_serving(stage: DemoStage, settings: Settings) -> None:
    use_case = stage.stream.use_case
    folder = Path(stage.environment["ROADBED_USECASES"]) / use_case.name
    if use_case.documents is not None:
        await _keep_asking(stage, settings, folder)
        return
    afterwards.declare_rollout(folder)
    await stage.server.stop()  # a process runs the folder that it loaded: restart for another
    await stage.server.start()
    async with stage.services(settings) as app:
        codes = {name: await app.people.issue_link_code(name) for name in afterwards.SIGNING_IN}
    print(
        f"`kill {stage.receiver_pid}` unplugs the helpdesk, `{stage.receiver_command}` "
        "plugs it in again.\n"
        + afterwards.told(stage.server.address, codes, folder, stage.environment_file),
        flush=True,
    )
    await _until_ended(stage)


async def _keep_asking(stage: DemoStage, settings: Settings, folder: Path) -> None:
    """Serve on, with the page where to ask."""
    async with stage.services(settings) as app:
        codes = {name: await app.people.issue_link_code(name) for name in afterwards.SIGNING_IN}
    use_case = stage.stream.use_case
    documents = folder / "documents" if use_case.copied else use_case.documents
    print(
        afterwards.told_documents(
            stage.server.address, use_case.name, codes, documents, stage.environment_file
        ),
        flush=True,
    )
    await _until_ended(stage)


async def _until_ended(stage: DemoStage) -> None:
    """Tasks go on arriving until the server ends."""
    arriving = asyncio.create_task(
        afterwards.keep_arriving(
            stage.server.address,
            stage.stream,
            shop_token=stage.client_token,
            reviewer_token=stage.reviewer_tokens[0],
        )
    )
    try:
        await stage.server.ended()
    finally:
        arriving.cancel()


async def _rounds(stage: DemoStage, view: View, checks: SentenceChecks) -> None:
    def decided(decision: Mapping[str, Any]) -> None:
        checks.count(decision)
        view.draw()

    clients = Caller(stage.server.address, stage.client_token)
    reviewers = [Caller(stage.server.address, token) for token in stage.reviewer_tokens]
    truth = dict(stage.stream.seed)
    told: set[str] = set()
    use_case = stage.stream.use_case
    verb = "learning from" if use_case.trained else "certifying on"
    view.step(f"Before round 1: {verb} {len(stage.stream.seed):,} past {use_case.tasks}")
    improved = await _improve(stage)
    _tell(view, "Before round 1", improved)
    for number, tasks in enumerate(stage.stream.rounds, 1):
        row = RoundRow(number=number, tally=Tally(), threshold=_threshold(improved))
        view.rows.append(row)
        if number in stage.stream.events:
            view.note(f"Round {number}: {stage.stream.events[number]}.")
        if stage.stream.events:
            await _follow_state(clients, use_case.name, row, told, view)
        # If the data changes, people label as work arrives: labels take effect at once.
        watched = number >= min(stage.stream.events, default=_NEVER) - 1
        size = _CHUNK if watched else len(tasks)
        for start in range(0, len(tasks), size):
            part = tasks[start : start + size]
            truth.update(part)
            view.step(f"{view.place(number)}: {use_case.tasks} arrive")
            began = time.monotonic()
            prefix = f"round-{number}-{start}"
            await send_round(clients, use_case, prefix, part, row.tally, decided)
            row.seconds += time.monotonic() - began
            view.step(
                f"{view.place(number)}: people answer what was not automatic, and the blind sample"
            )
            done = await asyncio.gather(
                *(review_all(item, use_case, truth, view.draw) for item in reviewers)
            )
            row.reviews += sum(done)
            await confirm_labels(reviewers[-1], use_case.name)
            if watched:
                await _follow_state(clients, use_case.name, row, told, view)
        if stage.stream.events and not watched:
            await _follow_state(clients, use_case.name, row, told, view)
        view.finished(row)
        if number < len(stage.stream.rounds):
            learning = "learning from the corrections, " if use_case.trained else ""
            view.step(f"After {view.place(number).lower()}: {learning}certifying the new version")
            improved = await _improve(stage)
            _tell(view, f"After {view.place(number).lower()}", improved)
    await clients.close()
    for reviewer in reviewers:
        await reviewer.close()


async def _follow_state(
    caller: Caller, use_case: str, row: RoundRow, told: set[str], view: View
) -> None:
    """Let the audit run, and report every state change since ``told``."""
    await asyncio.sleep(_WATCH_SECONDS)
    trust = await caller.call("GET", f"/usecases/{use_case}/trust")
    for change in reversed(trust["changes"]):
        after = change["detail"].get("after")
        if after and change["at"] not in told:
            told.add(change["at"])
            row.states.append(after)
            if after in ("tightened", "cautious", "halted"):
                view.note(f"  {after}: {change['detail']['reason']}")
    if row.states[-1:] != [trust["state"]]:
        row.states.append(trust["state"])


async def _sent_line(stage: DemoStage, settings: Settings) -> str:
    """The sent deliveries, and the count of the receiver's ledger."""
    async with stage.services(settings) as app:
        for _ in range(int(_SENT_WITHIN_SECONDS / 0.5)):
            counts = (await app.deliveries.overview(stage.stream.use_case.name))["destinations"]
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


async def _improve(stage: DemoStage) -> Mapping[str, Any]:
    """Run ``roadbed improve``."""
    output = await _command(stage.environment, "improve", stage.stream.use_case.name, "--json")
    improvement: Mapping[str, Any] = json.loads(output.splitlines()[-1])
    return improvement


async def _command(environment: Mapping[str, str], *verb: str) -> str:
    """What ``roadbed`` prints, run as its own process, as an operator would.

    Raises ``DemoServerError`` if it fails.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "roadbed",
        *verb,
        env={**os.environ, **environment},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        output, errors = await process.communicate()
    finally:
        if process.returncode is None:  # the demo ends while it learns
            process.kill()
            await process.wait()
    if process.returncode != 0:
        told = errors.decode(errors="replace").strip()[-300:]
        raise DemoServerError(f"{verb[0]} failed: {told}")
    return output.decode()


def _tell(view: View, when: str, improved: Mapping[str, Any]) -> None:
    """Why nothing is automatic from now on, if that is so."""
    if _threshold(improved) is None:
        view.note(f"{when}: version {improved['number']} is live. {improved['note']}")


def _threshold(improved: Mapping[str, Any]) -> float | None:
    certificate = improved["certificate"] or {}
    threshold: float | None = certificate.get("threshold")
    return threshold


def _summary(view: View, stream: Stream, seconds: float) -> dict[str, object]:
    rows = view.rows
    sending = sum(row.seconds for row in rows)
    tasks = sum(row.tally.tasks for row in rows)
    return {
        "tasks": tasks,
        "automatic": sum(row.tally.automatic for row in rows),
        "wrong_automatic": sum(row.tally.wrong_automatic for row in rows),
        "limit": stream.use_case.limit,
        "certainty": stream.use_case.certainty,
        "reviews": sum(row.reviews for row in rows),
        "rounds": [dataclasses.asdict(row.tally) for row in rows],
        "decisions_per_second": round(tasks / sending, 1) if sending else 0.0,
        "seconds": round(seconds, 1),
    }
