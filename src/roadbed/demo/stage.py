"""Where the demo plays: its database, people and processes."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import importlib
import json
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from roadbed.demo.afterwards import write_environment
from roadbed.demo.datasets import Stream
from roadbed.demo.server import Ending, Kept, ServerProcess, free_port
from roadbed.kernel.settings import Settings
from roadbed.storage.embedded import EmbeddedServer, default_home
from roadbed.storage.serving import database_url

if TYPE_CHECKING:
    from roadbed.app import App

ADMINISTRATOR = "admin"  # manages people and has no role in a use case
_POD = ("ana", "ben", "chi", "dev")
_GRANTED = {
    "shop": "reviewer",
    "reviewer": "reviewer",
    "colleague": "reviewer",
    "you": "engineer",
}
NO_MODEL = 'base_url="http://127.0.0.1:9/v1"'
_SERVICES = "roadbed.bootstrap"
_LEASE_SECONDS = "5"  # so that a killed server's tasks are taken over while one watches


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class DemoStage:
    """Where it plays. ``log`` is what its processes write. The ``worker`` is not started yet."""

    stream: Stream
    server: ServerProcess
    worker: Kept
    environment: Mapping[str, str]
    environment_file: Path
    client_token: str
    reviewer_tokens: Sequence[str]
    receiver: str
    receiver_pid: int | None
    receiver_command: str
    sheets: Path
    log: Path

    def services(self, settings: Settings) -> AbstractAsyncContextManager[App]:
        """The services on its database, without a use case."""
        return _services(settings, self.environment["ROADBED_DATABASE_URL"])


@asynccontextmanager
async def open_stage(
    stream: Stream, settings: Settings, port: int, note: Callable[[str], None], ending: Ending
) -> AsyncIterator[DemoStage]:
    """Database, people, server and receiver, until the demo ends; it ends the worker too.

    Raises ``DemoServerError``.
    """
    # The services take as long to import as the database to start: do both at the same time.
    importing = asyncio.create_task(asyncio.to_thread(importlib.import_module, _SERVICES))
    if settings.database_url is None:
        home = settings.home or default_home(Path.cwd(), "demo")
        settings = settings.model_copy(update={"home": home, "audit_dir": None})
        ending.database = EmbeddedServer(home)
        await asyncio.to_thread(_forget_database, home)
    async with database_url(settings) as url:
        await importing
        if settings.database_url is None:
            _forget_audit(settings)
        usecases = await asyncio.to_thread(_write_folder, stream)
        sheets = _fresh_outbox(Path.cwd())
        log = sheets.parent / "demo.log"
        receiver_port, model_port = free_port(), free_port()
        if stream.use_case.prompted:
            _write_model_address(usecases / stream.use_case.name, model_port)
        environment = _environment(settings, url, usecases, receiver_port, sheets, stream)
        environment_file = sheets.parent / "demo.env"
        write_environment(environment_file, environment)
        tokens = await _add_people(settings, url)
        server, worker, receiver = _processes(
            usecases, environment, port, receiver_port, sheets, log, note
        )
        model = Kept("roadbed.demo.imitated_model", str(model_port), environment={}, log=log)
        ending.processes = (server, worker, receiver, model)
        try:
            await receiver.start()
            if stream.use_case.prompted:
                await model.start()
            await server.start()
            await _grant_roles(
                settings, url, stream.use_case.name
            )  # the server made the use case known
            yield DemoStage(
                stream=stream,
                server=server,
                worker=worker,
                environment=environment,
                environment_file=environment_file,
                client_token=tokens[0],
                reviewer_tokens=tokens[1:],
                receiver=environment["ROADBED_DEMO_RECEIVER"],
                receiver_pid=receiver.pid,
                receiver_command=receiver.command,
                sheets=sheets,
                log=log,
            )
        finally:
            ending.closing = True
            await asyncio.gather(worker.stop(), server.stop(), receiver.stop(), model.stop())
            shutil.rmtree(usecases, ignore_errors=True)


def _services(settings: Settings, url: str) -> AbstractAsyncContextManager[App]:
    from roadbed.bootstrap import open_app

    return open_app(settings, url, only=[])


def _environment(
    settings: Settings,
    url: str,
    usecases: Path,
    receiver_port: int,
    sheets: Path,
    stream: Stream,
) -> dict[str, str]:
    """What server and worker are started with."""
    from roadbed.storage.folders import audit_folder

    documents = stream.use_case.documents
    elsewhere = documents is not None and not stream.use_case.copied
    return {
        **({"ROADBED_DEMO_LIBRARY": str(documents)} if elsewhere else {}),
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
    port: int,
    receiver_port: int,
    sheets: Path,
    log: Path,
    note: Callable[[str], None],
) -> tuple[ServerProcess, Kept, Kept]:
    """Server, worker and receiver, not started yet."""
    log.write_bytes(b"")
    server = ServerProcess(
        usecases,
        environment,
        port,
        log,
        lambda n: note(f"The server died ({n}); it is started again. Nothing is lost."),
    )
    worker = Kept("roadbed", "worker", environment=environment, log=log)
    receiver = Kept(
        "roadbed.demo.receiver",
        str(receiver_port),
        str(sheets / "received.txt"),
        environment={},
        log=log,
        returns=False,
    )
    return server, worker, receiver


async def _add_people(settings: Settings, url: str) -> list[str]:
    """The pod, its reviewers, a program, the viewer and an administrator.

    Returns the tokens of the simulated people. The last one is the domain lead's.
    """
    from roadbed.people.errors import PersonExistsError

    async with _services(settings, url) as app:
        for name in (ADMINISTRATOR, *_POD, *_GRANTED):
            with contextlib.suppress(PersonExistsError):
                await app.members.add(name, by="demo", admin=name == ADMINISTRATOR)
        # The program gets the least that lets it do its part.
        tokens = [await app.people.issue_token("shop", name="shop", scopes=["submit", "read"])]
        tokens += [await app.people.issue_token(item) for item in ("reviewer", "colleague", "ana")]
    return tokens


async def _grant_roles(settings: Settings, url: str, use_case: str) -> None:
    async with _services(settings, url) as app:
        for name, role in _GRANTED.items():
            await app.members.grant(name, use_case, role, by="demo")


def _fresh_outbox(folder: Path) -> Path:
    outbox = folder / ".roadbed" / "demo-outbox"
    shutil.rmtree(outbox, ignore_errors=True)
    outbox.mkdir(parents=True)
    return outbox


def _forget_database(home: Path) -> None:
    """The demo begins with its own empty database, and with an audit log of its own."""
    server = EmbeddedServer(home)
    if server.data.exists():
        server.stop_now()
        shutil.rmtree(server.data)


def _forget_audit(settings: Settings) -> None:
    from roadbed.storage.folders import audit_folder

    shutil.rmtree(audit_folder(settings), ignore_errors=True)


def _write_model_address(folder: Path, port: int) -> None:
    """Where the imitated model listens: a decider's process has none of the demo's variables."""
    file = folder / "usecase.py"
    declared = file.read_text(encoding="utf-8")
    address = f'base_url="http://127.0.0.1:{port}/v1"'
    file.write_text(declared.replace(NO_MODEL, address), encoding="utf-8")


def _write_folder(stream: Stream) -> Path:
    usecases = Path(tempfile.mkdtemp(prefix="roadbed-demo-"))
    use_case = stream.use_case
    folder = usecases / use_case.name
    shutil.copytree(use_case.folder, folder, ignore=shutil.ignore_patterns("__pycache__"))
    if use_case.documents is not None and use_case.copied:
        shutil.copytree(use_case.documents, folder / "documents")
    (folder / "examples").mkdir()
    (folder / "examples" / "past-work.jsonl").write_text(
        "".join(
            json.dumps({"input": {use_case.field: text}, "output": use_case.output(label)}) + "\n"
            for text, label in stream.seed
        ),
        encoding="utf-8",
    )
    return usecases
