"""Jobs: start, look, pause, resume, cancel. Needs no engine: a process that runs jobs follows."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence

from psycopg.types.json import Jsonb

from roadbed.audit.events import AuditEvent, record
from roadbed.kernel.clock import Clock
from roadbed.kernel.ids import Ids
from roadbed.kernel.json import JsonObject
from roadbed.storage.database import Database
from roadbed.storage.sql import queries
from roadbed.work.errors import JobStateError, UnknownJobError
from roadbed.work.model import Job, JobKind, JobState
from roadbed.work.rows import GetRow, ListRow, Queries

SQL = queries(Queries)
_NEWEST = 200


def working_lock(kind: str) -> str:
    """The lock that processes share that run jobs of ``kind``."""
    return f"works on {kind}"


class Jobs:
    """Long jobs as people see them. ``kinds`` holds those that this process can run, by name."""

    def __init__(self, database: Database, ids: Ids, clock: Clock) -> None:
        self.kinds: dict[str, JobKind] = {}
        self._database = database
        self._ids = ids
        self._clock = clock

    def register(self, kind: JobKind) -> None:
        """Let this process run jobs of ``kind``. Raises ``ValueError`` for a second one."""
        if self.kinds.setdefault(kind.name, kind) is not kind:
            raise ValueError(f"Two kinds of job are named {kind.name!r}")

    async def start(
        self,
        kind: str,
        arguments: JsonObject,
        *,
        key: str,
        actor: str,
        use_case: str | None = None,
    ) -> Job:
        """Start a job, or return the unfinished one of the same kind and ``key``."""
        facts = {
            "id": self._ids.new("job"),
            "kind": kind,
            "key": key,
            "use_case": use_case,
            "arguments": Jsonb(dict(arguments)),
            "asked_by": actor,
            "at": self._clock.now(),
        }
        while True:  # the unfinished one may end between the two statements
            async with self._database.transaction() as connection:
                cursor = await connection.execute(SQL["start"], facts)
                if row := await cursor.fetchone():
                    event = AuditEvent(
                        use_case=use_case,
                        kind="job_started",
                        subject=row["id"],
                        actor=actor,
                        detail={"kind": kind, "key": key},
                    )
                    await record(connection, event)
            unfinished = row or await self._database.fetch_one(SQL["unfinished"], facts)
            if unfinished is not None:
                return await self.job(unfinished["id"])

    async def job(self, job_id: str) -> Job:
        """One job. Raises ``UnknownJobError``."""
        row = await self._database.fetch_one(SQL["get"], {"id": job_id})
        if row is None:
            raise UnknownJobError(job_id)
        return _job(row)

    async def newest(self, kind: str, key: str) -> Job | None:
        """The job of this kind and key that was asked for last, ended or not."""
        facts = {"kind": kind, "key": key}
        row = await self._database.fetch_one(SQL["newest"], facts)
        return None if row is None else await self.job(row["id"])

    async def any(self, use_case: str) -> bool:
        """Whether a use case has, or had, a job."""
        row = await self._database.fetch_one(SQL["any"], {"use_case": use_case})
        return row is not None and row["any"]

    async def use_case_of(self, job_id: str) -> str | None:
        """The use case of a job; ``None`` if it has none, or if there is no such job."""
        row = await self._database.fetch_one(SQL["get"], {"id": job_id})
        return None if row is None else row["use_case"]

    async def worked_on(self, kind: str) -> bool:
        """Whether a process runs jobs of this kind at the moment."""
        row = await self._database.fetch_one(SQL["worked_on"], {"lock": working_lock(kind)})
        return row is not None and row["worked_on"]

    async def unfinished(self) -> Mapping[str, tuple[str | None, Hashable]]:
        """The jobs that are not ended, by id: the use case, and a value that changes with the rest.

        It changes with the progress, the state, and with whether a process takes jobs of its kind.
        ``None`` stands for a job of the whole installation.
        """
        rows = await self._database.fetch(SQL["shown"], {})
        kinds = {row["kind"] for row in rows if row["state"] != JobState.PAUSED}
        worked_on = {kind: await self.worked_on(kind) for kind in kinds}
        return {
            row["id"]: (
                row["use_case"],
                (row["state"], row["done"], row["total"], row["doing"], worked_on.get(row["kind"])),
            )
            for row in rows
        }

    async def list(self, use_cases: Sequence[str] | None = None) -> Sequence[Job]:
        """The newest 200 jobs, of some use cases or of all."""
        names = None if use_cases is None else list(use_cases)
        facts = {"use_cases": names, "limit": _NEWEST}
        return [_job(row) for row in await self._database.fetch(SQL["list"], facts)]

    async def pause(self, job_id: str, *, actor: str) -> Job:
        """Begin no further step. The step in progress may end, or be done again after a resume.

        Raises ``UnknownJobError`` and ``JobStateError``.
        """
        open_states = (JobState.WAITING, JobState.RUNNING)
        return await self._change(job_id, "pause", JobState.PAUSED, open_states, actor)

    async def resume(self, job_id: str, *, actor: str) -> Job:
        """Continue a paused job after its last finished step.

        Raises ``UnknownJobError`` and ``JobStateError``.
        """
        return await self._change(job_id, "resume", JobState.WAITING, (JobState.PAUSED,), actor)

    async def cancel(self, job_id: str, *, actor: str) -> Job:
        """End a job for good; what its steps did stays done.

        Raises ``UnknownJobError`` and ``JobStateError``.
        """
        unfinished = (JobState.WAITING, JobState.RUNNING, JobState.PAUSED)
        return await self._change(job_id, "cancel", JobState.CANCELLED, unfinished, actor)

    async def _change(
        self, job_id: str, asked: str, state: JobState, sources: Sequence[JobState], actor: str
    ) -> Job:
        facts = {
            "id": job_id,
            "asked": asked,
            "state": state,
            "from": list(sources),
            "at": self._clock.now(),
        }
        async with self._database.transaction() as connection:
            row = await (await connection.execute(SQL["change"], facts)).fetchone()
            if row is not None:
                verb = {"pause": "job_paused", "resume": "job_resumed", "cancel": "job_cancelled"}
                event = AuditEvent(
                    use_case=row["use_case"],
                    kind=verb[asked],
                    subject=job_id,
                    actor=actor,
                    detail={"kind": row["kind"]},
                )
                await record(connection, event)
        job = await self.job(job_id)
        if row is None:
            raise JobStateError(job_id, job.state)
        return job


def _job(row: GetRow | ListRow) -> Job:
    return Job(
        id=row["id"],
        kind=row["kind"],
        key=row["key"],
        use_case=row["use_case"],
        arguments=row["arguments"],
        state=JobState(row["state"]),
        done=row["done"],
        total=row["total"],
        doing=row["doing"],
        reason=row["reason"],
        result=row["result"],
        asked_by=row["asked_by"],
        asked_at=row["asked_at"],
        started_at=row["started_at"],
        ended_at=row["ended_at"],
    )
