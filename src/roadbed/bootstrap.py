"""The running app from its settings: databases opened, use cases loaded and served."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Mapping, MutableMapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import structlog

from roadbed.app import App
from roadbed.audit.errors import AuditFolderError, AuditKeyError
from roadbed.connectors.egress import EgressPool
from roadbed.executors.isolated import DeciderProcesses
from roadbed.kernel.clock import SystemClock
from roadbed.kernel.errors import RoadbedError
from roadbed.kernel.secrets import KNOWN
from roadbed.kernel.settings import Settings
from roadbed.kernel.terminal import one_line
from roadbed.storage.database import Database
from roadbed.storage.errors import StorageUnavailableError
from roadbed.storage.writer import GroupCommitWriter
from roadbed.usecases.decider import needs_of
from roadbed.usecases.errors import UseCaseError
from roadbed.usecases.loader import LoadedUseCase, folders, load, without_code

# Standard output belongs to results; what happens on the way goes to standard error.


def _without_secrets(_: object, __: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
    """A log entry with secrets masked and control characters escaped."""
    clean = {}
    for name, value in event.items():
        masked = value if name == "exc_info" else KNOWN.mask_all(value)
        clean[name] = one_line(masked) if isinstance(masked, str) else masked
    return clean


_processors = structlog.get_config()["processors"]
structlog.configure(
    logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    processors=[*_processors[:-1], _without_secrets, _processors[-1]],
)
_log = structlog.get_logger("roadbed")


@asynccontextmanager
async def open_app(
    settings: Settings, url: str, *, only: Sequence[str] | None = None, serves: bool = True
) -> AsyncIterator[App]:
    """Services on an open database, with the use cases of ``settings.usecases`` registered.

    ``only`` limits which are loaded. A use case that cannot load does not stop the others. One that
    ``serves`` loads every decider at once; a command loads those that it asks.
    """
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(Database(url))
        reserved = await stack.enter_async_context(Database(url, connections=4))
        writer = GroupCommitWriter(database.url)
        await writer.open()
        stack.push_async_callback(writer.close)
        network = EgressPool(os.environ, SystemClock())
        stack.push_async_callback(network.aclose)
        processes = DeciderProcesses(enabled=settings.isolation == "process", eager=serves)
        stack.callback(processes.close)
        KNOWN.learn_environment(os.environ)
        app = App(settings, database, reserved, writer, network, processes)
        stack.push_async_callback(app.decisions.close)
        stack.push_async_callback(app.prompt_search.close)
        for folder in [*folders(settings.usecases), *without_code(settings.usecases)]:
            if only is None or folder.name in only:
                await _serve(app, folder, processes if serves else None)
        await _look_for_a_restore(app)
        yield app


async def _look_for_a_restore(app: App) -> None:
    """Before anything is decided: a database older than its witness is halted."""
    try:
        restoration = await app.recovery.detect()
    except (AuditFolderError, AuditKeyError) as error:  # the sealing loop logs it repeatedly
        _log.warning("not known whether the database is a copy", problem=str(error))
        return
    if restoration is not None:
        _log.error("everything is halted", restore=restoration.sentence)


async def _serve(app: App, folder: Path, processes: DeciderProcesses | None) -> None:
    try:
        if processes is not None and (folder / "usecase.py").exists():
            await processes.try_import(folder)
        loaded = await asyncio.to_thread(load, folder)
        await serve(app, loaded)
    except StorageUnavailableError:
        raise  # no fault of the folder: without it, a process would live on that does nothing
    except RoadbedError as error:
        stored = await app.deployments.add_stored(folder.name, error)
        if stored or (folder / "usecase.py").exists():
            app.broken[folder.name] = error
            what = "served as released" if stored else "use case not served"
            _log.warning(what, folder=folder.name, problem=str(error))


async def serve(app: App, loaded: LoadedUseCase) -> None:
    """Register a loaded use case with its examples and serve it. Raises ``UseCaseError``."""
    if loaded.name in app.deployments.names():
        raise UseCaseError(loaded.name, [])
    if loaded.code is None and loaded.files:
        loaded = await app.store.copy(loaded)
    KNOWN.learn_environment(
        os.environ, needs_of(loaded.declared.trainable or loaded.declared.function).secrets
    )
    await app.deployer.register(loaded)
    _, problems = await app.examples.import_folder(loaded)
    for problem in problems[:10]:
        _log.warning("example left out", usecase=loaded.name, problem=str(problem))
    await app.deployments.add(loaded)
