"""Runs jobs on DBOS, which keeps the results of their steps in the schema ``dbos``.

DBOS is imported when the first kind of job is registered, and runs workflows on an event loop of
its own; steps run on the loop of the app, whose services belong to it.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import secrets
import weakref
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

import psycopg
import structlog
from psycopg.types.json import Jsonb

from roadbed.audit.events import AuditEvent, record
from roadbed.kernel.clock import Clock
from roadbed.kernel.json import Json, JsonObject
from roadbed.kernel.stored_sentences import stored_sentence
from roadbed.storage.background import Warnings
from roadbed.storage.database import Database, passes
from roadbed.storage.errors import StorageUnavailableError
from roadbed.work.model import JobKind, JobState
from roadbed.work.service import SQL, Jobs, working_lock

if TYPE_CHECKING:
    import sqlalchemy

_log = structlog.get_logger("roadbed")
# Jobs of one release continue in the next: DBOS runs only workflows of its own version. Change it
# only when the steps that `_Run` makes itself change.
_VERSION = "roadbed-1"
_AT_ONCE = 2  # jobs of a kind in one process
_CONNECTIONS = 3
_ATTEMPTS = 20  # of a job whose process dies each time
_LOOK_SECONDS = 0.5
_REPEAT_SECONDS = 1.0  # after a step met a database that does not answer
_LOCK = "SELECT pg_try_advisory_lock(hashtextextended(%s, 15)) AS granted"
_UNLOCK = "SELECT pg_advisory_unlock(hashtextextended(%s, 15))"
_DIED = stored_sentence("The process that ran it died each time.")
_STUCK = stored_sentence("It could not be continued after its process ended.")
_T = TypeVar("_T")


class Engine:
    """Runs the registered kinds of job. A process has at most one that runs."""

    def __init__(
        self,
        database: Database,
        jobs: Jobs,
        clock: Clock,
        *,
        sweep_seconds: float = 60.0,
        kept_days: float = 30.0,
    ) -> None:
        self._database = database
        self._jobs = jobs
        self._clock = clock
        self._sweep_seconds = sweep_seconds
        self._kept = timedelta(days=kept_days)

    async def run(self) -> None:
        """Run jobs until cancelled.

        Raises what the database raises if a connection is lost: then every job of this process has
        stopped, and whoever calls again continues them.
        """
        while True:
            while not self._jobs.kinds:  # noqa: ASYNC110 - looked at rarely
                await asyncio.sleep(_LOOK_SECONDS)
            connection = await psycopg.AsyncConnection.connect(self._database.url, autocommit=True)
            async with connection:
                session = _Session(self._database, self._jobs, self._clock, _Locks(connection))
                try:
                    await asyncio.to_thread(session.launch)
                    await self._follow(session)
                finally:
                    await asyncio.shield(asyncio.create_task(session.close()))

    async def _follow(self, session: _Session) -> None:
        """Carry out what is asked until another kind of job is registered."""
        await session.begin()
        warnings = Warnings()
        swept = float("-inf")
        while session.kinds == set(self._jobs.kinds):
            await session.locks.check()
            await session.carry_out()
            if self._clock.monotonic() - swept >= self._sweep_seconds:
                with warnings.caught("jobs of lost processes not taken over"):
                    await session.sweep()
                    await session.forget(self._clock.now() - self._kept)
                swept = self._clock.monotonic()
            await asyncio.sleep(_LOOK_SECONDS)


class _Locks:
    """Locks that last as long as a connection: of this process, and of each job that it runs."""

    def __init__(self, connection: psycopg.AsyncConnection[Any]) -> None:
        self._connection = connection
        self._held: set[str] = set()

    async def check(self) -> None:
        """Raises ``psycopg.OperationalError`` if the connection, and with it the locks, is lost."""
        await self._connection.execute("SELECT 1")

    async def take(self, name: str) -> bool:
        # A lock of a session is granted to the same session again, so this process counts too.
        if name in self._held:
            return False
        self._held.add(name)
        granted = False
        try:
            row = await (await self._connection.execute(_LOCK, [name])).fetchone()
            granted = row is not None and row[0]
        finally:
            if not granted:
                self._held.discard(name)
        return granted

    async def share(self, name: str) -> None:
        """Take a lock that other processes may take too."""
        await self._connection.execute(SQL["work"], {"lock": name})

    async def give(self, name: str) -> None:
        await self._connection.execute(_UNLOCK, [name])
        self._held.discard(name)


class _Session:
    """DBOS from launch to close, under an executor id of its own."""

    def __init__(self, database: Database, jobs: Jobs, clock: Clock, locks: _Locks) -> None:
        self.executor = f"roadbed-{secrets.token_hex(8)}"
        self.locks = locks
        self.kinds = set(jobs.kinds)
        self._database = database
        self._jobs = jobs
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._closed = False
        self._connections: weakref.WeakSet[psycopg.Connection[Any]] = weakref.WeakSet()
        self._pool: sqlalchemy.Engine | None = None
        self._workflow: Callable[[str], Awaitable[Json]] | None = None

    def launch(self) -> None:
        """Start DBOS. It must not see the app's event loop, or it replaces that loop's threads."""
        _own_log()
        import sqlalchemy  # only a process that runs jobs pays for it
        from dbos import DBOS, DBOSConfig
        from dbos._serialization import DBOSPortableJSON  # it exports no name

        self._pool = sqlalchemy.create_engine(
            "postgresql+psycopg://",
            creator=self._connect,
            pool_size=_CONNECTIONS,
            max_overflow=2,
            pool_pre_ping=True,
        )
        config: DBOSConfig = {
            "name": "roadbed",
            "system_database_engine": self._pool,
            "application_version": _VERSION,
            "executor_id": self.executor,
            "serializer": DBOSPortableJSON,
            "use_listen_notify": False,  # a NOTIFY serialises commits of the whole server
            "enable_otlp": False,
            "log_level": "WARNING",
            "max_executor_threads": 8,
        }
        DBOS(config=config)

        async def job(job_id: str) -> Json:  # DBOS marks it: no method
            return await self._execute(job_id)

        self._workflow = DBOS.workflow(name="job", max_recovery_attempts=_ATTEMPTS)(job)
        # A process takes only what it can run: each kind has a queue of its own.
        DBOS.listen_queues([_queue(kind) for kind in self.kinds])

    def _connect(self) -> psycopg.Connection[Any]:
        if self._closed:  # a thread of DBOS that has not ended yet
            raise psycopg.OperationalError("the engine of jobs has ended")
        connection = psycopg.connect(self._database.url)
        self._connections.add(connection)
        return connection

    async def begin(self) -> None:
        """Take the lock of this process, then let DBOS look for work."""
        from dbos import DBOS

        await self.locks.take(self.executor)
        await asyncio.to_thread(DBOS.launch)
        for kind in self.kinds:
            await asyncio.to_thread(
                DBOS.register_queue,
                _queue(kind),
                worker_concurrency=_AT_ONCE,
                polling_interval_sec=_LOOK_SECONDS,
                on_conflict="always_update",
            )
            await self.locks.share(working_lock(kind))

    async def close(self) -> None:
        """End DBOS with its threads and connections; jobs in progress stay for another process."""
        from dbos import DBOS

        await asyncio.to_thread(DBOS.destroy, destroy_registry=True)
        self._closed = True
        if self._pool is not None:
            await asyncio.to_thread(self._pool.dispose)
        for connection in [*self._connections]:  # the pool leaves those in use open
            connection.close()

    async def carry_out(self) -> None:
        """Tell DBOS what people have asked since."""
        async with self._database.transaction() as connection:
            cursor = await connection.execute(SQL["asked"], {"kinds": list(self.kinds)})
            for row in await cursor.fetchall():
                await asyncio.to_thread(self._ask, row["id"], row["kind"], row["asked"])
                await connection.execute(SQL["carried_out"], {"id": row["id"]})

    def _ask(self, job_id: str, kind: str, asked: str | None) -> None:
        from dbos import DBOS, SetWorkflowID

        exists = bool(DBOS.list_workflows(workflow_ids=[job_id], load_input=False))
        if asked in ("pause", "cancel"):
            if exists:
                DBOS.cancel_workflow(job_id)
        elif exists:  # also after a start: it may have been stopped before it was carried out
            DBOS.resume_workflow(job_id, queue_name=_queue(kind))
        elif self._workflow is not None:
            with SetWorkflowID(job_id):
                DBOS.enqueue_workflow(_queue(kind), self._workflow, job_id)

    def _stop(self, job_id: str) -> None:
        from dbos import DBOS

        DBOS.cancel_workflow(job_id)

    async def sweep(self) -> None:
        """Take over what lost processes hold, and what DBOS does not know."""
        from dbos import DBOS

        pending = await asyncio.to_thread(
            DBOS.list_workflows, status="PENDING", load_input=False, load_output=False
        )
        for executor in {str(status.executor_id) for status in pending} - {self.executor}:
            if await self.locks.take(executor):
                try:
                    await asyncio.to_thread(DBOS._recover_pending_workflows, [executor])  # noqa: SLF001
                finally:
                    await self.locks.give(executor)
        await self._reconcile()

    async def _reconcile(self) -> None:
        """Let rows that should run follow DBOS: its schema may be missing after a restore."""
        from dbos import DBOS

        rows = await self._database.fetch(SQL["open"], {"kinds": list(self.kinds)})
        ids = [row["id"] for row in rows]
        if not ids:
            return
        statuses = await asyncio.to_thread(
            DBOS.list_workflows, workflow_ids=ids, load_input=False, load_output=False
        )
        known = {status.workflow_id: status.status for status in statuses}
        lost = [job_id for job_id in ids if known.get(job_id) in (None, "CANCELLED")]
        await self._database.fetch(SQL["ask_again"], {"ids": lost})
        for job_id in ids:
            if known.get(job_id) == "MAX_RECOVERY_ATTEMPTS_EXCEEDED":
                await self.end(job_id, JobState.FAILED, reason=_DIED)
            elif known.get(job_id) == "ERROR":
                await self.end(job_id, JobState.FAILED, reason=_STUCK)

    async def forget(self, before: Any) -> None:
        """Remove the step results of jobs that ended before a moment."""
        from dbos import DBOS

        while rows := await self._database.fetch(SQL["expired"], {"before": before}):
            ids = [row["id"] for row in rows]
            await asyncio.to_thread(DBOS.delete_workflows, ids)
            await self._database.fetch(SQL["forgotten"], {"ids": ids})

    async def end(
        self, job_id: str, state: JobState, *, reason: str | None = None, result: Json = None
    ) -> None:
        at = self._clock.now()
        facts = {"id": job_id, "state": state, "reason": reason, "result": Jsonb(result), "at": at}
        async with self._database.transaction() as connection:
            row = await (await connection.execute(SQL["end"], facts)).fetchone()
            if row is not None:  # else it was cancelled meanwhile
                event = AuditEvent(
                    use_case=row["use_case"],
                    kind=f"job_{state}",
                    subject=job_id,
                    actor="roadbed",
                    detail={"kind": row["kind"]},
                )
                await record(connection, event)

    async def on_app(self, work: Coroutine[Any, Any, _T]) -> _T:
        """Run ``work`` on the app's event loop, without the context of DBOS's workflow."""
        start = asyncio.run_coroutine_threadsafe
        return await asyncio.wrap_future(contextvars.Context().run(start, work, self._loop))

    async def patiently(self, work: Callable[[], Coroutine[Any, Any, _T]]) -> _T:
        """Run ``work`` as ``on_app`` does, again and again while the database does not answer.

        A job must not fail because of it, and DBOS would keep the failure of a step. If this
        process loses its locks meanwhile, the session is closed and this is cancelled.
        """
        while True:
            try:
                return await self.on_app(work())
            except Exception as raised:
                error = _first(raised)
                if not (isinstance(error, StorageUnavailableError) or passes(error)):
                    raise error from raised
                _log.warning("a job waits for the database", problem=str(error))
            await asyncio.sleep(_REPEAT_SECONDS)

    async def _execute(self, job_id: str) -> Json:
        """The workflow: one job. DBOS runs it on its own event loop."""
        from dbos._error import DBOSException  # it exports no name

        # An earlier run has not ended yet.
        while not await self.patiently(lambda: self.locks.take(job_id)):  # noqa: ASYNC110 - of the database
            await asyncio.sleep(_LOOK_SECONDS)
        try:
            begun = await self.patiently(lambda: self._begin(job_id))
            if begun is None:  # it has ended, but what follows it may be missing
                await self._follow(job_id)
                return None
            kind, arguments = begun
            run = _Run(self, job_id)
            try:
                result = await kind.run(run, arguments)
            except DBOSException:  # paused, cancelled or taken over: not a failure
                raise
            except Exception as error:
                reason = error
                await self.patiently(lambda: self._failed(job_id, reason))
                return None
            await self.patiently(lambda: self.end(job_id, JobState.DONE, result=result))
            await self._follow(job_id)
            return None
        finally:
            with suppress(psycopg.Error):  # the connection is lost, and with it the lock
                await self.on_app(self.locks.give(job_id))

    async def _follow(self, job_id: str) -> None:
        """Do what follows a job that is done. Its failure is logged: the job has its result."""

        async def follow() -> None:
            job = await self._jobs.job(job_id)
            kind = self._jobs.kinds[job.kind]
            if job.state is JobState.DONE and kind.follow is not None:
                await kind.follow(job)

        try:
            await self.patiently(follow)
        except Exception as error:
            _log.warning("nothing follows a job", job=job_id, problem=str(error))

    async def _failed(self, job_id: str, error: Exception) -> None:
        _log.warning("a job failed", job=job_id, error=type(error).__name__)
        reason = str(error).strip() or type(error).__name__
        await self.end(job_id, JobState.FAILED, reason=reason[:2000])

    async def _begin(self, job_id: str) -> tuple[JobKind, JsonObject] | None:
        facts = {"id": job_id, "at": self._clock.now()}
        row = await self._database.fetch_one(SQL["begin"], facts)
        return row and (self._jobs.kinds[row["kind"]], row["arguments"])

    async def stopped(self, job_id: str) -> bool:
        """Whether a person stopped the job. Raises if this process has lost its locks."""
        await self.locks.check()
        row = await self._database.fetch_one(SQL["state"], {"id": job_id})
        if row is not None and row["state"] == JobState.RUNNING:
            return False
        await asyncio.to_thread(self._stop, job_id)
        return True

    async def report(self, job_id: str, done: int, total: int | None, doing: str) -> None:
        facts = {"id": job_id, "done": done, "total": total, "doing": doing[:500]}
        await self._database.fetch(SQL["report"], facts)


class _Run:
    """The ``Progress`` of one run of a job."""

    def __init__(self, session: _Session, job_id: str) -> None:
        self._session = session
        self._job_id = job_id

    async def step(self, name: str, action: Callable[[], Awaitable[Json]]) -> Json:
        from dbos import DBOS

        async def work() -> Json:
            return await action()

        async def body() -> Json:
            return await self._session.patiently(work)

        # Outside the step, whose failure would be kept. DBOS raises for a stopped workflow.
        await self._session.patiently(lambda: self._session.stopped(self._job_id))
        result: Json = await DBOS.run_step_async({"name": name}, body)
        return result

    async def report(self, done: int, total: int | None, doing: str) -> None:
        loop = asyncio.get_running_loop()
        telling = self._session.report(self._job_id, done, total, doing)
        await (telling if loop is self._session._loop else self._session.on_app(telling))  # noqa: SLF001


def _queue(kind: str) -> str:
    return f"roadbed {kind}"


def _first(error: Exception) -> Exception:
    """The error itself, or the first of a group of tasks."""
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return error


class _Forward(logging.Handler):
    """Gives DBOS's warnings to our log, instead of lines of its own on the console."""

    def emit(self, record: logging.LogRecord) -> None:
        message = record.getMessage()
        # A process that ends stops what it does; another one goes on with the job.
        if not message.startswith("Asyncio task cancelled"):
            _log.warning("the engine of jobs warns", about=message[:500])


def _own_log() -> None:
    logger = logging.getLogger("dbos")
    if not logger.handlers:  # DBOS adds its console only to a logger without handlers
        logger.addHandler(_Forward(level=logging.WARNING))
        logger.propagate = False
