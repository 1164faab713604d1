"""Ingestion: brings a library up to date with its sources.

Only files whose content changed are read, and those that were read before reading improved. A file
that cannot be read is stored with its reason, so that none is silently missing, and the others go
on. Files that are gone leave the search.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Collection,
    Mapping,
    Sequence,
)
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from roadbed.kernel.clock import Clock
from roadbed.kernel.sentences import Sentence, sentence
from roadbed.knowledge.document_families import DocumentFamilies
from roadbed.knowledge.errors import (
    DocumentUnreadableError,
    LibraryUnavailableError,
    UnreadableReason,
)
from roadbed.knowledge.findings import of_file
from roadbed.knowledge.model import Extraction
from roadbed.knowledge.reading.process import DEFAULT_LIMITS, DocumentReader, ReadingLimits
from roadbed.knowledge.records import (
    ChangeKind,
    Document,
    FolderChange,
    OmittedFiles,
    Origin,
    SourceFile,
)
from roadbed.knowledge.service import Documents, is_outdated
from roadbed.knowledge.sources.folder import LibraryFolder
from roadbed.knowledge.sources.model import Listed
from roadbed.knowledge.sources.service import ORIGINS, LibrarySources, library_of, place_of
from roadbed.knowledge.version_checks import compared_with, read_again
from roadbed.usecases.loader import LoadedUseCase

_FEW = 10  # documents: of so few all may go
_MOST_GONE = 0.5  # of the documents that may go at once without a word
_NOT_FETCHED = UnreadableReason.NOT_FETCHED
READERS = 2  # processes that read side by side


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """What is to be done for a library.

    ``unchanged`` counts the others, ``still_unreadable`` those of them that cannot be read.
    """

    made_at: datetime
    changes: Sequence[FolderChange]
    unchanged: int
    still_unreadable: int
    left_out: OmittedFiles

    @property
    def reread(self) -> int:
        """How many files that did not change are to be read again, because reading improved."""
        return sum(change.kind == "reread" for change in self.changes)


@dataclass(slots=True)
class IngestionSummary:
    """What ingestion did, in numbers of documents; ``failed`` are those that cannot be read.

    ``still_unreadable`` counts unchanged ones that could not be read before. ``unchanged`` has
    them too. ``reread`` counts files that did not change and were read again, because reading
    improved: ``improved`` of them say something else and are new versions, ``failed`` has those
    that cannot be read any more, and ``unchanged`` the others. ``with_findings`` counts the read
    and improved ones of which reading found something, apart from what concerns the machine.
    """

    read: int = 0
    reread: int = 0
    improved: int = 0
    with_findings: int = 0
    moved: int = 0
    gone: int = 0
    unchanged: int = 0
    still_unreadable: int = 0
    left_out: OmittedFiles = field(default_factory=OmittedFiles)
    failed: list[Document] = field(default_factory=list)


class Ingestion:
    """Reads the sources of libraries."""

    def __init__(
        self,
        documents: Documents,
        families: DocumentFamilies,
        sources: LibrarySources,
        clock: Clock,
        limits: ReadingLimits = DEFAULT_LIMITS,
    ) -> None:
        self._documents = documents
        self._families = families
        self._sources = sources
        self._clock = clock
        self._limits = limits

    async def plan(
        self,
        loaded: LoadedUseCase,
        *,
        allow_gone: bool = False,
        origins: Sequence[Origin] = ORIGINS,
    ) -> Plan:
        """Compare sources of a library with what is stored. Pages were fetched before.

        Raises ``NoLibraryError``; ``LibraryUnavailableError`` if the folder is not there, or if
        most documents of a source are gone and ``allow_gone`` does not say that this is meant.
        """
        sources, left_out = await self._sources.files(loaded, origins)
        known = await self._documents.known(loaded.name)
        sources = {
            path: source
            for path, source in sources.items()
            if not (source.gone and _was_read(known.get(path)))
        }
        changes, unchanged = [], []
        for path, source in sources.items():
            change = _difference(source, known.get(path))
            if change is None:
                unchanged.append(known[path]["state"])
            else:
                changes.append(change)
        gone = _gone(known, sources, origins)
        if not allow_gone:
            _refuse_most(gone, known, place_of(loaded))
        changes += [FolderChange(kind="gone", path=path) for path in gone]
        return Plan(
            made_at=self._clock.now(),
            changes=changes,
            unchanged=len(unchanged),
            still_unreadable=unchanged.count("unreadable"),
            left_out=left_out,
        )

    async def most_gone(self, loaded: LoadedUseCase) -> int | None:
        """How many documents are gone if these are so many that ingestion needs ``allow_gone``.

        No file is opened and no page is fetched. Raises as ``plan`` does.
        """
        known = await self._documents.known(loaded.name)
        paths = await self._sources.paths(loaded)
        there = {path for path, lost in paths.items() if not (lost and _was_read(known.get(path)))}
        gone = _gone(known, there, ORIGINS)
        try:
            _refuse_most(gone, known, place_of(loaded))
        except LibraryUnavailableError:
            return len(gone)
        return None

    async def outstanding(
        self, loaded: LoadedUseCase, planned: Mapping[str, ChangeKind]
    ) -> Sequence[tuple[str, FolderChange | None]]:
        """What is still to be done for some paths of an earlier plan; ``None``: nothing.

        A file that went after the plan was made is left out: whether it is gone says the next plan.
        Raises ``NoLibraryError`` and ``LibraryUnavailableError``.
        """
        sources = await self._sources.chosen(loaded, list(planned))
        known = await self._documents.known(loaded.name, list(planned))
        outstanding: list[tuple[str, FolderChange | None]] = []
        for path, kind in planned.items():
            source = sources.get(path)
            if source is not None and not (source.gone and kind == "gone"):
                outstanding.append((path, _difference(source, known.get(path))))
            elif kind == "gone":
                lives = path in known and known[path]["state"] != "deleted"
                change = FolderChange(kind="gone", path=path) if lives else None
                outstanding.append((path, change))
        return outstanding

    async def to_fetch(self, loaded: LoadedUseCase, *, everything: bool) -> Sequence[Listed]:
        """The addresses that are to be asked: all, or those that are due.

        Raises as ``plan`` does.
        """
        addresses = await self._sources.addresses(loaded)
        await self._sources.pages.forget_unlisted(loaded.name, addresses)
        if everything:
            return addresses
        return await self._sources.pages.due(loaded.name, addresses)

    async def fetch(
        self, loaded: LoadedUseCase, addresses: Sequence[Listed], silent: dict[str, int]
    ) -> None:
        """Fetch pages that changed; ``silent`` counts the addresses without an answer by host."""
        hosts = library_of(loaded).private_hosts
        await self._sources.pages.fetch(loaded.name, addresses, private_hosts=hosts, silent=silent)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[DocumentReader]:
        """A reader in a child process of its own."""
        async with DocumentReader(self._limits) as reader:
            yield reader

    async def apply(
        self, use_case: str, change: FolderChange, reader: DocumentReader, *, by: str
    ) -> Document | None:
        """Carry out one change; gives the document that was read, or could not be read.

        ``None``: nothing was read, also of a file that was removed since the plan was made.
        """
        if change.source is None:
            await self._documents.forget(use_case, change.path, by=by)
            return None
        if change.kind == "moved":
            await self._documents.move(use_case, change.source, by=by)
            return None
        if change.kind == "restored":
            await self._documents.restore(use_case, change.source, by=by)
            return None
        source, name = change.source, _name(change.source)
        if source.failure is not None:
            failed = DocumentUnreadableError(name, UnreadableReason.NOT_FETCHED, source.failure)
            return await self._documents.refuse(use_case, source, failed, by=by)
        try:
            # What is stored is the hash of what was read: the file may change meanwhile.
            if source.file is not None and source.bytes > self._limits.largest_file:
                extraction = await reader.read_file(source.file, name)
            else:
                content = await self._sources.content(use_case, source)
                digest = hashlib.sha256(content).hexdigest()
                source = replace(source, content_hash=digest, bytes=len(content))
                extraction = await reader.read(content, name)
            if change.kind != "new":
                extraction = await self._checked(use_case, source, extraction)
        except DocumentUnreadableError as error:
            return await self._documents.refuse(use_case, source, error, by=by)
        except FileNotFoundError:  # removed since the folder was listed
            await self._forget(use_case, change, by)
            return None
        except OSError as error:
            unreadable = DocumentUnreadableError(
                name, UnreadableReason.NOT_OPENED, error.strerror or str(error)
            )
            return await self._documents.refuse(use_case, source, unreadable, by=by)
        return await self._documents.keep(use_case, source, extraction, by=by)

    async def run(
        self, loaded: LoadedUseCase, *, by: str, allow_gone: bool = False
    ) -> IngestionSummary:
        """Bring a library up to date. What was done before an interruption stays done."""
        await self.fetch(loaded, await self.to_fetch(loaded, everything=True), {})
        plan = await self.plan(loaded, allow_gone=allow_gone)
        summary = IngestionSummary(
            unchanged=plan.unchanged,
            still_unreadable=plan.still_unreadable,
            left_out=plan.left_out,
        )

        async def counted(change: FolderChange, document: Document | None) -> None:
            note(summary, change, document)

        await self.carry_out(loaded.name, plan.changes, counted, by=by, found_at=plan.made_at)
        await self.derive(loaded.name)
        return summary

    async def derive(self, use_case: str) -> None:
        """Find the families of the documents as they are now. It belongs to the end."""
        await self._families.refresh(use_case)

    async def carry_out(
        self,
        use_case: str,
        changes: Sequence[FolderChange],
        done: Callable[[FolderChange, Document | None], Awaitable[None]],
        *,
        by: str,
        found_at: datetime | None,
    ) -> None:
        """Carry out changes side by side; ``done`` is called after each, with its document.

        ``found_at`` is when they were planned. New documents have this time, so that it does not
        depend on which of them was read first; ``None``: each has the time when it was read.
        """
        waiting = iter(_found(change, found_at) for change in changes)

        async def work() -> None:
            async with self.reading() as reader:
                for change in waiting:
                    await done(change, await self.apply(use_case, change, reader, by=by))

        try:
            async with asyncio.TaskGroup() as group:
                for _reader in range(min(READERS, len(changes))):
                    group.create_task(work())
        except ExceptionGroup as failed:
            raise failed.exceptions[0] from failed

    async def _checked(
        self, use_case: str, source: SourceFile, extraction: Extraction
    ) -> Extraction:
        """An extraction after the checks against the version in force."""
        before = await self._documents.in_force(use_case, source.path)
        if before is not None and before.content_hash == source.content_hash:
            return read_again(before, extraction, _name(source))
        return compared_with(before, extraction, _name(source))

    async def _forget(self, use_case: str, change: FolderChange, by: str) -> None:
        if change.kind != "new":
            await self._documents.forget(use_case, change.path, by=by)


def _found(change: FolderChange, at: datetime | None) -> FolderChange:
    """A change whose file was found at a time."""
    return replace(change, source=replace(change.source, found_at=at)) if change.source else change


def note(summary: IngestionSummary, change: FolderChange, document: Document | None) -> None:
    """Count what one change did."""
    if change.kind == "gone":
        summary.gone += 1
    elif change.kind == "moved":
        summary.moved += 1
    elif change.kind == "restored":
        summary.unchanged += 1
    elif document is None:  # it was removed since the plan was made
        summary.gone += change.kind in ("changed", "reread")
    elif change.kind == "reread":
        _note_reread(summary, change, document)
    elif document.state == "unreadable":
        summary.failed.append(document)
    else:
        summary.read += 1
        summary.with_findings += bool(of_file(document.findings))


def _note_reread(summary: IngestionSummary, change: FolderChange, document: Document) -> None:
    summary.reread += 1
    if document.state == "unreadable" and document.reason != change.reason:
        summary.failed.append(document)
    elif document.state == "unreadable":
        summary.still_unreadable += 1
        summary.unchanged += 1
    elif document.version == change.version and change.reason in (None, _NOT_FETCHED):
        summary.unchanged += 1
    else:
        summary.improved += 1
        summary.with_findings += bool(of_file(document.findings))


def _difference(source: SourceFile, stored: Mapping[str, Any] | None) -> FolderChange | None:
    """What a file has that is not stored; ``None``: nothing."""
    kind: ChangeKind
    before: dict[str, Any] = {}
    if stored is None or stored["state"] == "deleted":
        kind = "new"
    elif source.failure is not None:
        if _failed_alike(source, stored):
            return None
        kind = "changed"
    elif _is_restored(source, stored):
        kind = "restored"
    elif is_outdated(stored, source):
        kind = "reread"
        before = {"version": stored["version"], "reason": stored["reason"]}
    elif stored["content_hash"] != source.content_hash:
        kind = "changed"
    elif _moved(source, stored):
        kind = "moved"
    else:
        return None
    return FolderChange(kind=kind, path=source.path, source=source, **before)


def _moved(source: SourceFile, stored: Mapping[str, Any]) -> bool:
    place = stored["access_group"], stored["origin"], stored["address"]
    return place != (source.group, source.origin, source.address)


def _failed_alike(source: SourceFile, stored: Mapping[str, Any]) -> bool:
    """Whether a failure to fetch a page is stored already."""
    known = stored["state"], stored["reason"], stored["detail"]
    failure = "unreadable", UnreadableReason.NOT_FETCHED, source.failure
    return known == failure and not _moved(source, stored)


def _is_restored(source: SourceFile, stored: Mapping[str, Any]) -> bool:
    """Whether a page that could not be fetched has the content of its version in force."""
    failed = stored["state"], stored["reason"]
    return (
        failed == ("unreadable", UnreadableReason.NOT_FETCHED)
        and stored["version_hash"] == source.content_hash
        and not is_outdated(stored, source)
        and not _moved(source, stored)
    )


def _was_read(stored: Mapping[str, Any] | None) -> bool:
    """Whether a document is, or was, in the library with a text."""
    return stored is not None and (stored["state"] == "deleted" or stored["version"] is not None)


def _gone(
    known: Mapping[str, Mapping[str, Any]], sources: Collection[str], origins: Sequence[Origin]
) -> Sequence[str]:
    """The paths of documents that no source has any more.

    What a folder holds that cannot be opened now is not known, so nothing in it is gone.
    """
    locked = tuple(path for path in sources if path.endswith("/"))
    return [
        path
        for path, row in known.items()
        if row["state"] != "deleted"
        and row["origin"] in origins
        and path not in sources
        and not (row["origin"] == "folder" and path.startswith(locked))
    ]


def _refuse_most(
    gone: Sequence[str], known: Mapping[str, Mapping[str, Any]], place: LibraryFolder
) -> None:
    """Raises ``LibraryUnavailableError`` if most documents of folder or list are gone.

    Uploaded files go one by one, because somebody deletes each of them.
    """
    for origin, where in (("folder", place.folder), ("address", place.urls)):
        lost = sum(known[path]["origin"] == origin for path in gone)
        living = sum(
            row["state"] != "deleted" and row["origin"] == origin for row in known.values()
        )
        if lost > _FEW and lost > _MOST_GONE * living:
            raise LibraryUnavailableError(
                _lost(origin, lost, living, str(where)),
                sentence(
                    "Check that the folder is complete. If they were removed on purpose, repeat "
                    "the command with --allow-gone."
                )
                if origin == "folder"
                else sentence(
                    "Check the list and the server. If they were removed on purpose, repeat the "
                    "command with --allow-gone."
                ),
            )


def _lost(origin: str, lost: int, living: int, where: str) -> Sentence:
    if origin == "folder":
        return sentence(
            "%(gone)s of %(all)s documents are not in %(folder)s any more.",
            gone=lost,
            all=living,
            folder=where,
        )
    return sentence(
        "%(gone)s of %(all)s pages of %(file)s are not listed any more, or not on their servers.",
        gone=lost,
        all=living,
        file=where,
    )


def _name(source: SourceFile) -> str:
    """The name of a file, without the query of an address."""
    path = source.path if source.address is None else source.path.partition("?")[0]
    return Path(path).name
