"""Ingestion: brings a library up to date with its folder.

Only files whose content changed are read. A file that cannot be read is stored with its reason, so
that none is silently missing, and the others go on. Files that are gone leave the search.
"""

from __future__ import annotations

import asyncio
import fnmatch
import hashlib
import os
import re
import stat
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from roadbed.kernel.sentences import sentence
from roadbed.kernel.storable import cleaned
from roadbed.knowledge.document_families import DocumentFamilies
from roadbed.knowledge.errors import (
    DocumentUnreadableError,
    LibraryUnavailableError,
    NoLibraryError,
    UnreadableReason,
)
from roadbed.knowledge.reading.process import DEFAULT_LIMITS, DocumentReader, ReadingLimits
from roadbed.knowledge.records import ChangeKind, Document, FolderChange, SourceFile
from roadbed.knowledge.service import READING, Documents
from roadbed.usecases.library import Library
from roadbed.usecases.loader import LoadedUseCase

# What programs leave beside documents: locks of office programs, marks of file managers.
_NO_DOCUMENTS = (".*", "~$*", "Thumbs.db", "desktop.ini", "*.tmp", "*.part")
_FEW = 10  # documents: of so few all may go
_MOST_GONE = 0.5  # of the documents that may go at once without a word
# Of a path that differs from the name of its file: characters that were not text, or a hash.
_ODD = re.compile("\ufffd|#[0-9a-f]{8}$")
READERS = 2  # processes that read side by side


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """What is to be done for a library. ``ignored`` counts files that patterns leave out."""

    changes: Sequence[FolderChange]
    unchanged: int
    ignored: int


@dataclass(slots=True)
class IngestionSummary:
    """What ingestion did, in numbers of documents; ``failed`` are those that cannot be read."""

    read: int = 0
    moved: int = 0
    gone: int = 0
    unchanged: int = 0
    ignored: int = 0
    failed: list[Document] = field(default_factory=list)


class Ingestion:
    """Reads the folders of libraries."""

    def __init__(
        self,
        documents: Documents,
        families: DocumentFamilies,
        limits: ReadingLimits = DEFAULT_LIMITS,
    ) -> None:
        self._documents = documents
        self._families = families
        self._limits = limits

    async def plan(self, loaded: LoadedUseCase, *, allow_gone: bool = False) -> Plan:
        """Compare the folder of a library with what is stored.

        Raises ``NoLibraryError``; ``LibraryUnavailableError`` if the folder is not there, or if
        most documents are gone and ``allow_gone`` does not say that this is meant.
        """
        library = library_of(loaded)
        sources, ignored = await asyncio.to_thread(_sources, library, folder_of(loaded))
        known = await self._documents.known(loaded.name)
        differences = (_difference(source, known.get(path)) for path, source in sources.items())
        changes = [change for change in differences if change is not None]
        living = [path for path, row in known.items() if row["state"] != "deleted"]
        gone = [path for path in living if path not in sources]
        if len(gone) > _FEW and len(gone) > _MOST_GONE * len(living) and not allow_gone:
            raise LibraryUnavailableError(
                sentence(
                    "%(gone)s of %(all)s documents are not in %(folder)s any more.",
                    gone=len(gone),
                    all=len(living),
                    folder=str(folder_of(loaded)),
                ),
                sentence(
                    "Check that the folder is complete. If they were removed on purpose, repeat "
                    "the command with --allow-gone."
                ),
            )
        changes += [FolderChange(kind="gone", path=path) for path in gone]
        return Plan(
            changes=changes,
            unchanged=len(sources) - sum(change.kind != "gone" for change in changes),
            ignored=ignored,
        )

    async def outstanding(
        self, loaded: LoadedUseCase, planned: Mapping[str, ChangeKind]
    ) -> Sequence[tuple[str, FolderChange | None]]:
        """What is still to be done for some paths of an earlier plan; ``None``: nothing.

        A file that went after the plan was made is left out: whether it is gone says the next plan.
        Raises ``NoLibraryError`` and ``LibraryUnavailableError``.
        """
        library, folder = library_of(loaded), folder_of(loaded)
        sources = await asyncio.to_thread(_chosen_sources, library, folder, list(planned))
        known = await self._documents.known(loaded.name, list(planned))
        outstanding: list[tuple[str, FolderChange | None]] = []
        for path, kind in planned.items():
            if (source := sources.get(path)) is not None:
                outstanding.append((path, _difference(source, known.get(path))))
            elif kind == "gone":
                lives = path in known and known[path]["state"] != "deleted"
                change = FolderChange(kind="gone", path=path) if lives else None
                outstanding.append((path, change))
        return outstanding

    async def state_of_folder(self, loaded: LoadedUseCase) -> str:
        """A hash of the names, sizes and times of a library's files, and of what is declared.

        It changes when ingestion may have something to do. No file is opened. Raises
        ``NoLibraryError`` and ``LibraryUnavailableError``.
        """
        return await asyncio.to_thread(_state, library_of(loaded), folder_of(loaded))

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
            await self._documents.move(use_case, change.path, change.source.group, by=by)
            return None
        source, name = change.source, Path(change.path).name
        try:
            # What is stored is the hash of what was read: the file may change meanwhile.
            if source.bytes > self._limits.largest_file:
                extraction = await reader.read_file(source.file, name)
            else:
                content = await asyncio.to_thread(source.file.read_bytes)
                digest = hashlib.sha256(content).hexdigest()
                source = replace(source, content_hash=digest, bytes=len(content))
                extraction = await reader.read(content, name)
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
        plan = await self.plan(loaded, allow_gone=allow_gone)
        summary = IngestionSummary(unchanged=plan.unchanged, ignored=plan.ignored)

        async def counted(change: FolderChange, document: Document | None) -> None:
            note(summary, change, document)

        await self.carry_out(loaded.name, plan.changes, counted, by=by)
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
    ) -> None:
        """Carry out changes side by side; ``done`` is called after each, with its document."""
        waiting = iter(changes)

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

    async def _forget(self, use_case: str, change: FolderChange, by: str) -> None:
        if change.kind != "new":
            await self._documents.forget(use_case, change.path, by=by)


def note(summary: IngestionSummary, change: FolderChange, document: Document | None) -> None:
    """Count what one change did."""
    if change.kind == "gone":
        summary.gone += 1
    elif change.kind == "moved":
        summary.moved += 1
    elif document is None:  # it was removed since the plan was made
        summary.gone += change.kind == "changed"
    elif document.state == "unreadable":
        summary.failed.append(document)
    else:
        summary.read += 1


def library_of(loaded: LoadedUseCase) -> Library:
    """The library of a use case. Raises ``NoLibraryError``."""
    if loaded.declared.library is None:
        raise NoLibraryError(loaded.name)
    return loaded.declared.library


def folder_of(loaded: LoadedUseCase) -> Path:
    """Where the documents of a use case lie."""
    return loaded.folder / library_of(loaded).folder


def _difference(source: SourceFile, stored: Mapping[str, Any] | None) -> FolderChange | None:
    """What a file has that is not stored; ``None``: nothing."""
    kind: ChangeKind
    if stored is None or stored["state"] == "deleted":
        kind = "new"
    elif (stored["content_hash"], stored["reading"]) != (source.content_hash, READING):
        kind = "changed"
    elif stored["access_group"] != source.group:
        kind = "moved"
    else:
        return None
    return FolderChange(kind=kind, path=source.path, source=source)


def _sources(library: Library, folder: Path) -> tuple[dict[str, SourceFile], int]:
    """The files of a folder by their paths, and how many patterns or links leave out."""
    with _unavailable(folder):
        files, ignored = _listed(library, folder)
        return _described(files, library), ignored


def _chosen_sources(
    library: Library, folder: Path, paths: Sequence[str]
) -> Mapping[str, SourceFile]:
    """Those of some paths that are there. The whole folder is listed only for odd names."""
    with _unavailable(folder):
        if any(_ODD.search(path) for path in paths):
            listed, _ignored = _listed(library, folder)
            return _described({path: listed[path] for path in paths if path in listed}, library)
        root = folder.resolve()
        files = {path: folder / path for path in paths}
        return _described(
            {path: file for path, file in files.items() if _belongs(file, path, root, library)},
            library,
        )


def _described(files: Mapping[str, Path], library: Library) -> dict[str, SourceFile]:
    sources = ((path, _source(file, path, library)) for path, file in files.items())
    return {path: source for path, source in sources if source is not None}


def _state(library: Library, folder: Path) -> str:
    with _unavailable(folder):
        files, _ignored = _listed(library, folder)
        state = hashlib.sha256(repr((READING, sorted(library.access.items()))).encode())
        for path, file in files.items():
            try:
                facts = file.stat()
            except FileNotFoundError:  # removed since the folder was listed
                continue
            state.update(f"\0{path}\0{facts.st_size}\0{facts.st_mtime_ns}".encode())
        return state.hexdigest()


@contextmanager
def _unavailable(folder: Path) -> Iterator[None]:
    """Raises ``LibraryUnavailableError`` for a folder that is not there or cannot be read."""
    if not folder.is_dir():
        raise LibraryUnavailableError(
            sentence("The library's folder %(folder)s is not there.", folder=str(folder)),
            sentence("Create it, or mount it again. Nothing was taken out of the library."),
        )
    try:
        yield
    except OSError as error:
        raise LibraryUnavailableError(
            sentence(
                "%(path)s cannot be read: %(why)s.",
                path=str(error.filename or folder),
                why=error.strerror or str(error),
            ),
            sentence("Give Roadbed the right to read it. Nothing was taken out of the library."),
        ) from error


def _listed(library: Library, folder: Path) -> tuple[dict[str, Path], int]:
    """The files of a folder by the paths that can be stored, and how many are left out."""
    patterns = (*_NO_DOCUMENTS, *library.ignore)
    root = folder.resolve()
    files: dict[str, Path] = {}
    ignored = 0
    for file in _files(folder):
        relative = file.relative_to(folder)
        path = _path(relative)
        left_out = any(_fits(part, patterns) for part in relative.parts)
        if left_out or not _belongs(file, path, root, library):
            ignored += 1
        else:
            files[path] = file
    return files, ignored


def _files(folder: Path) -> Iterator[Path]:
    """Every file below a folder, in the order of names. Links to folders are not followed."""
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        if entry.is_dir(follow_symlinks=False):
            yield from _files(Path(entry.path))
        else:
            yield Path(entry.path)


def _fits(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def _path(relative: Path) -> str:
    """A path as it can be stored. One that is no text keeps a mark that tells it from others."""
    raw = os.fsencode(relative.as_posix())
    path = cleaned(raw.decode("utf-8", "replace"))
    if path.encode() == raw:
        return path
    return f"{path}#{hashlib.sha256(raw).hexdigest()[:8]}"


def _belongs(file: Path, path: str, root: Path, library: Library) -> bool:
    """Whether it is a regular file below the root: a link may lead anywhere.

    A link to a document of another access group would open that group to the readers of this one.
    """
    try:
        target = file.resolve()
        if not (target.is_relative_to(root) and stat.S_ISREG(target.stat().st_mode)):
            return False
    except FileNotFoundError:
        return not file.is_symlink()  # removed a moment ago, or a link to nothing
    except (OSError, RuntimeError):  # a link to itself
        return False
    return library.group_of(_path(target.relative_to(root))) == library.group_of(path)


def _source(file: Path, path: str, library: Library) -> SourceFile | None:
    """The facts of a file; ``None`` if it is gone. One that cannot be opened has no hash."""
    try:
        facts = file.stat()
    except FileNotFoundError:
        return None
    try:
        with file.open("rb") as content:
            digest = hashlib.file_digest(content, "sha256").hexdigest()
    except FileNotFoundError:
        return None
    except OSError:  # reading it says why
        digest = ""
    return SourceFile(
        path=path,
        file=file,
        content_hash=digest,
        bytes=facts.st_size,
        modified_at=datetime.fromtimestamp(facts.st_mtime, UTC),
        group=library.group_of(path),
    )
