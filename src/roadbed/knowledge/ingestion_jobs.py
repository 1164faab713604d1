"""Ingestion as a job: it continues after a crash, can be paused, and says how far it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from roadbed.kernel.json import Json, JsonObject
from roadbed.kernel.stored_sentences import stored_sentence
from roadbed.knowledge.ingestion import IngestionSummary, library_of, note
from roadbed.knowledge.libraries import Libraries
from roadbed.knowledge.records import ChangeKind, Document, FolderChange
from roadbed.usecases.loader import LoadedUseCase
from roadbed.work.model import Job, JobKind, Progress
from roadbed.work.service import Jobs

KIND = "ingest documents"
_BATCH = 20  # documents of a step: a paused job ends after as many
_AUTOMATIC = "roadbed"


class IngestionJobs:
    """Starts and runs ingestions; a use case has at most one that is not ended.

    ``loaded_of`` gives a use case that this process serves, or raises why it is not served.
    """

    def __init__(
        self, jobs: Jobs, libraries: Libraries, loaded_of: Callable[[str], LoadedUseCase]
    ) -> None:
        self._jobs = jobs
        self._libraries = libraries
        self._ingestion = libraries.ingestion
        self._loaded_of = loaded_of

    def register(self) -> None:
        """Let this process run ingestions. Every call but the first does nothing."""
        if KIND not in self._jobs.kinds:
            self._jobs.register(JobKind(name=KIND, run=self._run))

    async def start(self, use_case: str, *, by: str, allow_gone: bool = False) -> Job:
        """Start the ingestion of a library, or return the one that is not ended.

        Raises ``NoLibraryError``, ``LibraryUnavailableError`` if its folder cannot be read, and
        what loading the use case raises.
        """
        folder = await self._ingestion.state_of_folder(self._loaded_of(use_case))
        return await self._start(use_case, folder, by=by, allow_gone=allow_gone)

    async def start_if_changed(self, use_case: str) -> Job | None:
        """Start an ingestion if the folder differs from what the newest ingestion began with.

        One that failed or was cancelled is not started again before the folder changes. Raises as
        ``start`` does.
        """
        folder = await self._ingestion.state_of_folder(self._loaded_of(use_case))
        newest = await self._jobs.newest(KIND, use_case)
        if newest is not None and (newest.ended_at is None or newest.arguments["folder"] == folder):
            return None
        return await self._start(use_case, folder, by=_AUTOMATIC, allow_gone=False)

    async def _start(self, use_case: str, folder: str, *, by: str, allow_gone: bool) -> Job:
        arguments: JsonObject = {
            "use_case": use_case,
            "by": by,
            "allow_gone": allow_gone,
            "folder": folder,
        }
        return await self._jobs.start(KIND, arguments, key=use_case, actor=by, use_case=use_case)

    async def _run(self, progress: Progress, arguments: JsonObject) -> Json:
        use_case, by = str(arguments["use_case"]), str(arguments["by"])

        async def plan() -> Json:
            return await self._plan(use_case, allow_gone=arguments["allow_gone"] is True)

        planned: Any = await progress.step("plan", plan)
        changes: Sequence[Mapping[str, Any]] = planned["changes"]
        counts: dict[str, Any] = {
            "read": 0,
            "moved": 0,
            "gone": 0,
            "unchanged": planned["unchanged"],
            "ignored": planned["ignored"],
            "unreadable": [],
        }
        for first in range(0, len(changes), _BATCH):
            batch = _Batch(progress, changes[first : first + _BATCH], first, len(changes))

            async def read(batch: _Batch = batch) -> Json:
                return await self._read(use_case, batch, by)

            counted: Any = await progress.step(f"documents from {first + 1}", read)
            for name, count in counted.items():
                counts[name] += count

        async def families() -> Json:
            words = stored_sentence("The versions of the documents are compared.")
            await progress.report(len(changes), len(changes), words)
            await self._ingestion.derive(use_case)
            return None

        async def index() -> Json:
            words = stored_sentence("The search index is brought up to date.")
            await progress.report(len(changes), len(changes), words)
            library = library_of(self._loaded_of(use_case))
            await self._libraries.indexes.caught_up(use_case, library.language)
            await progress.report(len(changes), len(changes), _ended(counts))
            return None

        await progress.step("families", families)
        await progress.step("index", index)
        return counts

    async def _plan(self, use_case: str, *, allow_gone: bool) -> Json:
        """The changes by kind and path; their files are looked at again when it is their turn."""
        plan = await self._ingestion.plan(self._loaded_of(use_case), allow_gone=allow_gone)
        return {
            "changes": [{"kind": change.kind, "path": change.path} for change in plan.changes],
            "unchanged": plan.unchanged,
            "ignored": plan.ignored,
        }

    async def _read(self, use_case: str, batch: _Batch, by: str) -> Json:
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
        await self._ingestion.carry_out(use_case, changes, batch.done, by=by)
        return batch.counts()


def _ended(counts: Mapping[str, Any]) -> str:
    """What an ingestion did, in words."""
    numbers = {**counts, "unreadable": len(counts["unreadable"])}
    told = {name: format(number, ",") for name, number in numbers.items()}
    return stored_sentence(
        "%(read)s read, %(unchanged)s unchanged, %(moved)s moved, %(gone)s gone, %(unreadable)s "
        "cannot be read.",
        **told,
    )


class _Batch:
    """A part of a plan, and what was done of it."""

    def __init__(
        self, progress: Progress, changes: Sequence[Mapping[str, Any]], first: int, total: int
    ) -> None:
        self.changes = changes
        self._kinds: Mapping[str, ChangeKind] = {
            change["path"]: change["kind"] for change in changes
        }
        self._progress = progress
        self._number = first
        self._total = total
        self._summary = IngestionSummary()

    async def report(self) -> None:
        done, total = f"{self._number:,}", f"{self._total:,}"
        words = stored_sentence("%(done)s of %(all)s documents read.", done=done, all=total)
        await self._progress.report(self._number, self._total, words)

    async def done(self, change: FolderChange, document: Document | None) -> None:
        note(self._summary, change, document)
        self._number += 1
        await self.report()

    async def done_before(self, path: str, document: Document) -> None:
        await self.done(FolderChange(kind=self._kinds[path], path=path), document)

    def counts(self) -> Json:
        return {
            "read": self._summary.read,
            "moved": self._summary.moved,
            "gone": self._summary.gone,
            "unreadable": [
                {"path": document.path, "reason": document.reason, "detail": document.detail}
                for document in self._summary.failed
            ],
        }
