"""Ingestion as a job: it continues after a crash, can be paused, and says how far it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from roadbed.kernel.clock import Clock
from roadbed.kernel.json import Json, JsonObject
from roadbed.kernel.stored_sentences import stored_sentence
from roadbed.knowledge.errors import LibraryUnavailableError
from roadbed.knowledge.ingestion import IngestionSummary, note
from roadbed.knowledge.libraries import Libraries
from roadbed.knowledge.records import Document, FolderChange, Origin
from roadbed.knowledge.sources.model import Listed
from roadbed.knowledge.sources.service import ORIGINS, library_of
from roadbed.knowledge.vectors import VectorState
from roadbed.usecases.loader import LoadedUseCase
from roadbed.work.model import Job, JobKind, JobState, Progress
from roadbed.work.service import Jobs

KIND = "ingest documents"
_BATCH = 20  # documents of a step: a paused job ends after as many
_PASSAGES = 320  # of a step that computes vectors: about 20 s
_MOST_PLANS = 40  # of a job, for files that were uploaded while it ran
_UPLOADED = "uploaded"  # the result of a step for vectors that leaves the rest for later
_RETRY_SECONDS = 3_600.0  # until pages are asked for again after an ingestion that did not end well
_AUTOMATIC = "roadbed"


class IngestionJobs:
    """Starts and runs ingestions; a use case has at most one that is not ended.

    ``loaded_of`` gives a use case that this process serves, or raises why it is not served.
    """

    def __init__(
        self,
        jobs: Jobs,
        libraries: Libraries,
        loaded_of: Callable[[str], LoadedUseCase],
        clock: Clock,
    ) -> None:
        self._jobs = jobs
        self._clock = clock
        self._libraries = libraries
        self._ingestion = libraries.ingestion
        self._sources = libraries.sources
        self._loaded_of = loaded_of

    def register(self) -> None:
        """Let this process run ingestions. Every call but the first does nothing."""
        if KIND not in self._jobs.kinds:
            self._jobs.register(JobKind(name=KIND, run=self._run, follow=self._follow))

    async def start(
        self, use_case: str, *, by: str, allow_gone: bool = False, fetch: bool = True
    ) -> Job:
        """Start the ingestion of a library, or return the one that is not ended.

        ``fetch``: ask all addresses of its list for changes, not only those that are due. Raises
        ``NoLibraryError``, ``LibraryUnavailableError`` if a source cannot be read, and what loading
        the use case raises.
        """
        state = await self._sources.state(self._loaded_of(use_case))
        return await self._start(use_case, state, by=by, allow_gone=allow_gone, fetch=fetch)

    async def start_after_upload(self, use_case: str, *, by: str) -> Job | LibraryUnavailableError:
        """Start the ingestion of uploaded files. They stay stored if it cannot be started now."""
        try:
            return await self.start(use_case, by=by, fetch=False)
        except LibraryUnavailableError as error:
            return error

    async def start_if_changed(self, use_case: str) -> Job | None:
        """Start an ingestion if its sources differ from what the newest one began with.

        Also if pages are due to be asked for changes, or passages lack vectors of the embedding
        model that is in use now. One that failed or was cancelled is not started again before
        something changes. Raises as ``start`` does.
        """
        loaded = self._loaded_of(use_case)
        state = await self._sources.state(loaded)
        newest = await self._jobs.newest(KIND, use_case)
        if newest is not None:
            if newest.ended_at is None:
                return None
            unchanged = newest.arguments["folder"] == state
            if unchanged and not await self._is_due(loaded, newest):
                return None
        return await self._start(use_case, state, by=_AUTOMATIC, allow_gone=False, fetch=False)

    async def current(self, use_case: str) -> Job | None:
        """The newest ingestion of a library, ended or not."""
        return await self._jobs.newest(KIND, use_case)

    async def _is_due(self, loaded: LoadedUseCase, newest: Job) -> bool:
        if newest.state is not JobState.DONE and newest.ended_at is not None:
            wait = timedelta(seconds=_RETRY_SECONDS)
            if self._clock.now() - newest.ended_at < wait:
                return False
        if newest.state is JobState.DONE and await self._libraries.vectors.is_behind(loaded.name):
            return True
        addresses = await self._sources.addresses(loaded)
        return bool(await self._sources.pages.due(loaded.name, addresses))

    async def _start(
        self, use_case: str, state: str, *, by: str, allow_gone: bool, fetch: bool
    ) -> Job:
        arguments: JsonObject = {
            "use_case": use_case,
            "by": by,
            "allow_gone": allow_gone,
            "fetch": fetch,
            "folder": state,
        }
        return await self._jobs.start(KIND, arguments, key=use_case, actor=by, use_case=use_case)

    async def _run(self, progress: Progress, arguments: JsonObject) -> Json:
        use_case, by = str(arguments["use_case"]), str(arguments["by"])
        await self._fetch(progress, use_case, everything=arguments.get("fetch") is True)

        async def plan() -> Json:
            return await self._plan(use_case, allow_gone=arguments["allow_gone"] is True)

        planned: Any = await progress.step("plan", plan)
        counts: dict[str, Any] = {
            "read": 0,
            "reread": 0,
            "improved": 0,
            "with_findings": 0,
            "moved": 0,
            "gone": 0,
            "unchanged": planned["unchanged"],
            "ignored": planned["ignored"],
            "left_out": planned.get("left_out", {}),  # a job of an earlier release has none
            "still_unreadable": planned.get("still_unreadable", 0),
            "unreadable": [],
        }
        total = await self._carry_out(progress, use_case, planned, counts, by, first=0)
        uploads: str = planned["uploads"]
        plans, embedded = 1, None
        # Whoever uploads while the job runs gets this job, so it reads those files too, also
        # before it goes on with vectors, which take long.
        while embedded is None:
            while plans < _MOST_PLANS:
                plans += 1
                planned = await self._plan_uploads(progress, use_case, uploads, number=plans)
                if planned is None:
                    break
                uploads = planned["uploads"]
                total = await self._carry_out(progress, use_case, planned, counts, by, first=total)
            await self._derive(progress, use_case, total)
            known = uploads if plans < _MOST_PLANS else None
            embedded = await self._embed(progress, use_case, known)
        told = _ended(counts, embedded=embedded)

        async def end() -> Json:
            await progress.report(total, total, told)
            return None

        await progress.step("end", end)
        return counts

    async def _follow(self, job: Job) -> None:
        """Start another ingestion for files that were uploaded too late for this one."""
        use_case = str(job.arguments["use_case"])
        loaded = self._loaded_of(use_case)
        state = await self._sources.state(loaded)
        if state == job.arguments["folder"]:  # nothing can be new
            return
        plan = await self._ingestion.plan(loaded, allow_gone=True, origins=("upload",))
        if plan.changes:
            await self._start(use_case, state, by=_AUTOMATIC, allow_gone=False, fetch=False)

    async def _plan_uploads(
        self, progress: Progress, use_case: str, uploads: str, *, number: int
    ) -> Any:
        """A plan for files that were uploaded since their state was ``uploads``, or ``None``."""

        async def plan() -> Json:
            if await self._sources.state_of_uploads(use_case) == uploads:
                return None
            return await self._plan(use_case, allow_gone=True, origins=("upload",))

        return await progress.step(f"plan {number}", plan)

    async def _derive(self, progress: Progress, use_case: str, total: int) -> None:
        """Find the families of what was read, and let the search by words find it."""

        async def families() -> Json:
            words = stored_sentence("The versions of the documents are compared.")
            await progress.report(total, total, words)
            await self._ingestion.derive(use_case)
            return None

        async def index() -> Json:
            words = stored_sentence("The search index is brought up to date.")
            await progress.report(total, total, words)
            library = library_of(self._loaded_of(use_case))
            await self._libraries.indexes.caught_up(use_case, library.language)
            return None

        await progress.step("families", families)
        await progress.step("index", index)

    async def _fetch(self, progress: Progress, use_case: str, *, everything: bool) -> None:
        """Fetch the pages of the list that changed, in steps."""

        async def list_addresses() -> Json:
            loaded = self._loaded_of(use_case)
            addresses = await self._ingestion.to_fetch(loaded, everything=everything)
            return [{"path": listed.path, "address": listed.address} for listed in addresses]

        addresses: Any = await progress.step("addresses", list_addresses)
        silent: dict[str, int] = {}
        for first in range(0, len(addresses), _BATCH):
            batch = [Listed(**listed) for listed in addresses[first : first + _BATCH]]

            async def fetch(batch: Sequence[Listed] = batch, first: int = first) -> Json:
                done, total = f"{first:,}", f"{len(addresses):,}"
                words = stored_sentence("%(done)s of %(all)s pages asked.", done=done, all=total)
                await progress.report(first, len(addresses), words)
                await self._ingestion.fetch(self._loaded_of(use_case), batch, silent)
                return None

            await progress.step(f"pages from {first + 1}", fetch)

    async def _carry_out(
        self,
        progress: Progress,
        use_case: str,
        planned: Mapping[str, Any],
        counts: dict[str, Any],
        by: str,
        *,
        first: int,
    ) -> int:
        """Carry out a plan in steps; gives how many changes there were in all."""
        changes: Sequence[Mapping[str, Any]] = planned["changes"]
        at = planned.get("at")  # a job of an earlier release has none
        found_at = None if at is None else datetime.fromisoformat(at)
        total = first + len(changes)
        for begin in range(0, len(changes), _BATCH):
            batch = _Batch(progress, changes[begin : begin + _BATCH], first + begin, total)

            async def read(batch: _Batch = batch) -> Json:
                return await self._read(use_case, batch, by, found_at)

            counted: Any = await progress.step(f"documents from {first + begin + 1}", read)
            for name, count in counted.items():
                counts[name] += count
        return total

    async def _embed(self, progress: Progress, use_case: str, uploads: str | None) -> bool | None:
        """Give a vector to each passage that lacks one, if passages are searched by meaning.

        ``False``: an earlier process began, and this one has no embedding model or no extension.
        ``None``: it stopped, because the state of the uploaded files is not ``uploads`` any more.
        """
        vectors = self._libraries.vectors

        async def prepare() -> Json:
            if await vectors.state(again=True) is not VectorState.READY:
                return None
            await vectors.copy(use_case)
            return (await vectors.counts(use_case)).lacking

        async def embed() -> Json:
            return await self._embed_some(progress, use_case, uploads)

        async def tidy() -> Json:
            if await vectors.state() is not VectorState.READY:
                return False
            await vectors.tidy(use_case)
            return None

        lacking, batch = await progress.step("vectors", prepare), 0
        if lacking is None:
            return True
        while lacking:
            batch += 1
            lacking = await progress.step(f"vectors {batch}", embed)
            if lacking == _UPLOADED:
                return None
        return lacking is not None and await progress.step("vectors in order", tidy) is not False

    async def _embed_some(self, progress: Progress, use_case: str, uploads: str | None) -> Json:
        """Compute a part of the vectors; how many are lacking then, or why the rest waits."""
        vectors = self._libraries.vectors
        if await vectors.state() is not VectorState.READY:
            return None
        await vectors.fill(use_case, _PASSAGES)
        # What is left is counted anew: passages may come and go while others are embedded.
        counts = await vectors.counts(use_case)
        done, whole = f"{counts.vectors:,}", f"{counts.passages:,}"
        words = stored_sentence(
            "%(done)s of %(all)s passages can be searched by meaning.", done=done, all=whole
        )
        await progress.report(counts.vectors, counts.passages, words)
        if uploads is not None and await self._sources.state_of_uploads(use_case) != uploads:
            return _UPLOADED
        return counts.lacking

    async def _plan(
        self, use_case: str, *, allow_gone: bool, origins: Sequence[Origin] = ORIGINS
    ) -> Json:
        """The changes by kind and path; their files are looked at again when it is their turn."""
        uploads = await self._sources.state_of_uploads(use_case)
        plan = await self._ingestion.plan(
            self._loaded_of(use_case), allow_gone=allow_gone, origins=origins
        )
        return {
            "uploads": uploads,
            "at": plan.made_at.isoformat(),
            "changes": [_planned(change) for change in plan.changes],
            "unchanged": plan.unchanged,
            "ignored": plan.left_out.total,
            "left_out": asdict(plan.left_out),
            "still_unreadable": plan.still_unreadable,
        }

    async def _read(self, use_case: str, batch: _Batch, by: str, found_at: datetime | None) -> Json:
        """Carry out a part of the plan, also if an earlier process did some of it."""
        await batch.report()
        outstanding = await self._ingestion.outstanding(
            self._loaded_of(use_case), {change["path"]: change["kind"] for change in batch.changes}
        )
        for path, change in outstanding:
            if change is None:
                document = await self._libraries.documents.document(use_case, path)
                await batch.done_before(path, document)
        changes = [change for _path, change in outstanding if change is not None]
        await self._ingestion.carry_out(use_case, changes, batch.done, by=by, found_at=found_at)
        return batch.counts()


def _planned(change: FolderChange) -> dict[str, Any]:
    planned: dict[str, Any] = {"kind": change.kind, "path": change.path}
    if change.kind == "reread":
        planned |= {"version": change.version, "reason": change.reason}
    return planned


def _ended(counts: Mapping[str, Any], *, embedded: bool) -> str:
    """What an ingestion did, in words. Also unchanged documents may be ones without a text."""
    told = {name: format(counts[name], ",") for name in ("read", "unchanged", "moved", "gone")}
    unreadable = len(counts["unreadable"]) + counts["still_unreadable"]
    done = stored_sentence(
        "%(read)s read, %(unchanged)s unchanged, %(moved)s moved, %(gone)s gone, %(unreadable)s "
        "cannot be read.",
        **told,
        unreadable=format(unreadable, ","),
    )
    if counts["reread"]:
        done = stored_sentence(
            "%(done)s %(reread)s read again, because reading improved, %(improved)s of them with "
            "another text or other findings.",
            done=done,
            reread=format(counts["reread"], ","),
            improved=format(counts["improved"], ","),
        )
    if embedded:
        return done
    return stored_sentence(
        "%(done)s Some passages have no vector, because the search by meaning is off now.",
        done=done,
    )


class _Batch:
    """A part of a plan, and what was done of it."""

    def __init__(
        self, progress: Progress, changes: Sequence[Mapping[str, Any]], first: int, total: int
    ) -> None:
        self.changes = changes
        self._planned = {change["path"]: FolderChange(**change) for change in changes}
        self._rereads = any(change["kind"] == "reread" for change in changes)
        self._progress = progress
        self._number = first
        self._total = total
        self._summary = IngestionSummary()

    async def report(self) -> None:
        done, total = f"{self._number:,}", f"{self._total:,}"
        words = stored_sentence("%(done)s of %(all)s documents read.", done=done, all=total)
        if self._rereads:
            words = stored_sentence(
                "%(done)s of %(all)s documents read. Unchanged ones are read again, because "
                "reading improved.",
                done=done,
                all=total,
            )
        await self._progress.report(self._number, self._total, words)

    async def done(self, change: FolderChange, document: Document | None) -> None:
        note(self._summary, change, document)
        self._number += 1
        await self.report()

    async def done_before(self, path: str, document: Document) -> None:
        await self.done(self._planned[path], document)

    def counts(self) -> Json:
        return {
            "read": self._summary.read,
            "reread": self._summary.reread,
            "improved": self._summary.improved,
            "with_findings": self._summary.with_findings,
            "still_unreadable": self._summary.still_unreadable,
            "moved": self._summary.moved,
            "unchanged": self._summary.unchanged,
            "gone": self._summary.gone,
            "unreadable": [
                {"path": document.path, "reason": document.reason, "detail": document.detail}
                for document in self._summary.failed
            ],
        }
