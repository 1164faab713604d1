"""Background work: follow releases and halts, seal the log, recover lost tasks, send, run jobs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import timedelta
from typing import Any

import structlog

from roadbed.app import App
from roadbed.assistants.chat_accounts import ChatAccounts
from roadbed.assistants.chat_replies import ChatReplies
from roadbed.audit.witness import Witness
from roadbed.connectors import witnesses
from roadbed.connectors.egress import EgressPool
from roadbed.deliveries.relay import SEND_SECONDS
from roadbed.halts.errors import DrillLimitError
from roadbed.storage.background import Warnings
from roadbed.storage.failures import reported_to
from roadbed.work.engine import Engine

_log = structlog.get_logger("roadbed")
_LOOK_FOR_LOST_SECONDS = 2.0
_MEASURE_SECONDS = 2.0
_DRILL_LOOK_SECONDS = 60.0
_LIBRARY_LOOK_SECONDS = 1.0  # for a use case that is served since
_SUGGEST_SECONDS = 30.0
_REPORT_SECONDS = 2.0
_BEGIN_AGAIN_SECONDS = 0.5


@asynccontextmanager
async def running(app: App) -> AsyncIterator[None]:
    """Follow releases and halts, audit, seal the log, and recover tasks of crashed processes."""
    network = EgressPool(witnesses.secrets(app.settings), app.clock)
    with reported_to(app.failures.here):
        followers = _followers(app, network)
    try:
        yield
    finally:
        await _end(followers, patience_seconds=1.0)
        await network.aclose()


def _followers(app: App, network: EgressPool) -> list[asyncio.Task[None]]:
    return [
        _lasting("releases", app.deployments.follow),
        _lasting("trust", lambda: app.running_audit.watch(app.declared)),
        _lasting("trials", lambda: app.releases.watch_trials(app.deployments.names)),
        _lasting("crash detection", app.crash_detector.keep),
        _lasting("recovery", lambda: _recover_forever(app)),
        _lasting("measuring", lambda: _measure_forever(app)),
        _lasting("proposals", lambda: _suggest_forever(app)),
        _lasting("audit", app.audit.seal_forever),
        _lasting("restores", app.recovery.watch),
        *(_lasting(witness.name, witness.tell_forever) for witness in _witnesses(app, network)),
        _lasting("failures", lambda: _report_forever(app)),
    ]


def _witnesses(app: App, network: EgressPool) -> list[Witness]:
    return [
        Witness(
            app.database, app.audit.folder, app.clock, name=name, every_seconds=seconds, send=send
        )
        for name, (seconds, send) in witnesses.witnesses(app.settings, network).items()
    ]


@asynccontextmanager
async def relaying(app: App) -> AsyncIterator[None]:
    """Send waiting deliveries, run halt drills and jobs. Any number of processes may do this."""
    with reported_to(app.failures.here):
        workers = [
            _lasting("restores", app.recovery.watch),
            _lasting("relay", lambda: _relay(app)),
            _lasting("drills", lambda: _drill_forever(app)),
            _lasting("jobs", lambda: _run_jobs(app)),
            _lasting("libraries", lambda: _ingest_forever(app)),
            _lasting("chat replies", lambda: _reply_in_chats(app)),
        ]
    try:
        yield
    finally:
        await _end(workers, patience_seconds=SEND_SECONDS + 1.0)


def _lasting(name: str, work: Callable[[], Coroutine[Any, Any, None]]) -> asyncio.Task[None]:
    """Work that runs until cancelled. Every error is logged, and the work starts again."""

    async def forever() -> None:
        warnings = Warnings()
        while True:
            try:
                await work()
            except Exception as error:
                warnings.say("begins again", error, work=name)
            await asyncio.sleep(_BEGIN_AGAIN_SECONDS)

    return asyncio.create_task(forever())


async def _end(tasks: Collection[asyncio.Task[None]], *, patience_seconds: float) -> None:
    """Cancel until each has ended.

    Once is not enough: on Python 3.11 ``asyncio.wait_for``, which psycopg waits with, swallows a
    cancellation that comes in the moment the server answers. So a caller that is cancelled has to
    wait too: a remaining task would run forever, and the event loop with it.
    """
    pending, cancelled = set(tasks), None
    with _closing_connections():
        while pending:
            for task in pending:
                task.cancel()
            try:
                _, pending = await asyncio.wait(pending, timeout=patience_seconds)
            except asyncio.CancelledError as error:
                cancelled = error
    if cancelled is not None:
        raise cancelled


@contextmanager
def _closing_connections() -> Iterator[None]:
    """Leave out what psycopg logs of a query whose task is cancelled twice: its connection closes.

    That is meant here, and people would take it for a fault.
    """
    logger = logging.getLogger("psycopg")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


async def _relay(app: App) -> None:
    """Nothing is sent from a copy of the database before a person has declared the restore."""
    await app.recovery.until_declared()
    await app.relay.run(app.declared)


async def _run_jobs(app: App) -> None:
    """Nothing runs on a copy of the database before a person has declared the restore."""
    await app.recovery.until_declared()
    await Engine(app.database, app.jobs, app.clock).run()


async def _reply_in_chats(app: App) -> None:
    """Nothing is told from a copy of the database before a person has declared the restore."""
    await app.recovery.until_declared()
    network = EgressPool({}, app.clock)  # it needs no secret: the address is one
    replies = ChatReplies(
        ChatAccounts(app.database, app.clock),
        people=app.people,
        receipts=app.receipts,
        libraries=app.libraries,
        declared=lambda name: (
            None if (served := app.deployments.find(name)) is None else served.loaded.declared
        ),
        egress=network.attempt,
        address=app.settings.public_address(),
    )
    try:
        await replies.run()
    finally:
        await network.aclose()


async def _ingest_forever(app: App) -> None:
    """Let the engine run ingestions where a library is declared, and ask for those that are due."""
    await app.recovery.until_declared()
    warnings = Warnings()
    looked_at = float("-inf")
    while True:
        served = [app.deployments.get(name) for name in app.deployments.names()]
        declared = [service.loaded.declared for service in served if not service.retired]
        names = [usecase.name for usecase in declared if usecase.library is not None]
        if names:
            app.ingestion_jobs.register()
        every = app.settings.library_seconds
        if names and every and app.clock.monotonic() - looked_at >= every:
            for name in names:
                with warnings.caught("library not looked at", usecase=name):
                    await app.ingestion_jobs.start_if_changed(name)
            looked_at = app.clock.monotonic()
        await asyncio.sleep(_LIBRARY_LOOK_SECONDS)


async def _drill_forever(app: App) -> None:
    warnings = Warnings()
    every = timedelta(hours=app.settings.drill_hours)
    while True:
        for name in app.deployments.names():
            with warnings.caught("no drill of the stop", usecase=name):
                last = await app.halts.last_drill(name)
                if last is None or app.clock.now() - last > every:
                    with suppress(DrillLimitError):  # another process makes it
                        await app.halts.drill(name, actor="roadbed")
        await asyncio.sleep(_DRILL_LOOK_SECONDS)


async def _recover_forever(app: App) -> None:
    warnings = Warnings()
    while True:
        with warnings.caught("nothing taken over from lost processes"):
            if recovered := await app.decisions.recover():
                _log.warning("took over tasks of a process that is gone", tasks=recovered)
        await asyncio.sleep(_LOOK_FOR_LOST_SECONDS)


async def _measure_forever(app: App) -> None:
    warnings = Warnings()
    while True:
        for name in app.deployments.names():
            with warnings.caught("reviewers not measured", usecase=name):
                await app.reviewer_checks.tick(app.deployments.get(name))
            with warnings.caught("budget not watched", usecase=name):
                if (budget := app.deployments.get(name).loaded.declared.budget) is not None:
                    await app.budgets.watch(name, budget)
        await asyncio.sleep(_MEASURE_SECONDS)


async def _report_forever(app: App) -> None:
    """Store failures for the pages. A failure to store them is only logged."""
    while True:
        await app.failures.keep()
        await asyncio.sleep(_REPORT_SECONDS)


async def _suggest_forever(app: App) -> None:
    warnings = Warnings()
    while True:
        await asyncio.sleep(_SUGGEST_SECONDS)
        for name in app.deployments.names():
            with warnings.caught("no proposals looked for", usecase=name):
                await app.proposals.suggest_if_enough(app.deployments.get(name).loaded)
