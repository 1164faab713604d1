"""Versions by content: stored with all files, and runnable on any machine."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from uuid import uuid4

from psycopg.types.json import Jsonb

from roadbed.decisions.decider_runner import Decider
from roadbed.examples.model import Candidate
from roadbed.executors.isolated import (
    ChildFailedError,
    DeciderProcesses,
    IsolatedDecider,
    describe,
)
from roadbed.kernel.clock import Clock
from roadbed.kernel.json import json_hash
from roadbed.kernel.sentences import sentence
from roadbed.storage.database import Database
from roadbed.storage.sql import queries
from roadbed.usecases import patches
from roadbed.usecases.errors import TrainingError, UseCaseError
from roadbed.usecases.loader import LoadedUseCase, hashes, load
from roadbed.versions import identity
from roadbed.versions.errors import (
    ArtifactMissingError,
    FolderChangedError,
    ResourceExhaustedError,
    VersionsFolderError,
)
from roadbed.versions.identity import declaration
from roadbed.versions.rows import BehaviourRow, Queries

_SQL = queries(Queries)
# No space, no open file, no memory, a failing disk: faults of the machine, not of the version.
_EXHAUSTED = {errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EIO}
_KEPT = 8  # opened versions of a use case kept in memory


@dataclass(frozen=True, kw_only=True, slots=True)
class Runnable:
    """A version opened: its code with its rules, its decider with its trained state and patches."""

    behaviour: str
    loaded: LoadedUseCase
    decider: Decider


class VersionStore:
    """Keeps the files and trained state of versions in the database, each under its hash.

    A version whose folder is not the one on disk is written out below ``folder`` and imported from
    there. Nothing is used whose bytes do not have the hash they are known by.
    """

    def __init__(
        self, database: Database, clock: Clock, folder: Path, processes: DeciderProcesses
    ) -> None:
        self._database = database
        self._clock = clock
        self._folder = folder
        self._processes = processes
        self._opened: dict[str, Runnable] = {}
        self._opening = asyncio.Lock()

    async def put(
        self, loaded: LoadedUseCase, candidate: Candidate, *, author: str, reason: str
    ) -> str:
        """Store a candidate with its folder; returns its hash. Raises ``FolderChangedError``."""
        contents = await asyncio.to_thread(_contents, loaded)
        artifacts = identity.artifact_hashes(candidate.artifacts)
        behaviour = identity.behaviour_hash(loaded.folder_hash, artifacts)
        contents |= {artifacts[name]: data for name, data in candidate.artifacts.items()}
        async with self._database.transaction() as connection:
            for digest, content in sorted(contents.items()):
                await connection.execute(
                    _SQL["store_artifact"], {"hash": digest, "content": content}
                )
            await connection.execute(
                _SQL["store_behaviour"],
                {
                    "hash": behaviour,
                    "use_case": loaded.name,
                    "folder_hash": loaded.folder_hash,
                    "files": Jsonb(dict(loaded.files)),
                    "artifacts": Jsonb(artifacts),
                    "kinds": None if candidate.kinds is None else Jsonb(list(candidate.kinds)),
                    "learned_from": candidate.learned_from,
                    "learned_until": candidate.learned_until,
                    "made_at": self._clock.now(),
                    "declaration": Jsonb(declaration(loaded.declared)),
                    "made_by": author,
                    "reason": reason,
                },
            )
        return behaviour

    async def copy(self, loaded: LoadedUseCase) -> LoadedUseCase:
        """The same folder, imported from a read-only copy of the files that shape a decision.

        What happens to the folder afterwards changes nothing. Raises ``FolderChangedError`` where
        it happened meanwhile, ``VersionsFolderError``, ``UseCaseError``.
        """
        folder = self._folder / loaded.folder_hash[:32] / loaded.folder.name
        try:
            if not await asyncio.to_thread(_is, folder, loaded.files):
                contents = await asyncio.to_thread(_contents, loaded)
                named = {name: contents[digest] for name, digest in loaded.files.items()}
                await asyncio.to_thread(_write, folder, named, loaded.files)
        except OSError as error:
            raise VersionsFolderError(self._folder, error) from error
        copied = await asyncio.to_thread(load, folder)
        return replace(copied, folder=loaded.folder, code=folder)

    async def describe(self, decider: Decider) -> None:
        """Load a decider and read what it has learned. Raises ``ArtifactMissingError``.

        ``ResourceExhaustedError`` where this machine lacks memory for it.
        """
        if isinstance(decider, IsolatedDecider):
            name = decider.source.use_case
            try:
                await describe(decider)
            except ChildFailedError as error:
                if error.exhausted:
                    raise ResourceExhaustedError(name, error) from error
                named = ", ".join(decider.source.files)
                raise ArtifactMissingError(name, named, error.sentence.rstrip(".")) from error

    async def function(
        self, loaded: LoadedUseCase, changes: Sequence[Mapping[str, object]] = ()
    ) -> Candidate:
        """The candidate of a folder whose decider is a function, with the accepted ``changes``.

        Raises ``TrainingError`` where it does not load, ``PatchError`` where a change does not fit.
        """
        declared, files = loaded.declared, patches.dumps(changes)
        if declared.function is None:
            raise ValueError("the decider is no function")
        read = patches.read(declared, changes)
        isolated = await self.isolated(loaded, files)
        return Candidate(
            decider=isolated or patches.patched(declared.function, read, declared, loaded.records),
            artifacts=files,
            out_of_fold=None,
            learned_from=0,
            learned_until=None,
        )

    async def isolated(
        self, loaded: LoadedUseCase, files: Mapping[str, bytes]
    ) -> IsolatedDecider | None:
        """The folder's function in child processes; ``None`` where it runs in this one.

        Raises ``TrainingError`` where it does not load.
        """
        if not self._processes.isolates(loaded.declared):
            return None
        try:
            return await self._processes.isolated(loaded, files)
        except ChildFailedError as error:
            raise TrainingError(
                sentence(
                    "%(name)s does not load in a child process: %(sentence)s.",
                    name=loaded.name,
                    sentence=error.sentence,
                ),
                sentence("Correct it in the folder and try again; nothing was changed."),
            ) from error

    async def fresh(self, loaded: LoadedUseCase) -> Decider | None:
        """The decider of an unreleased folder; ``None`` if it must be fitted first.

        Raises ``ArtifactMissingError`` where it does not load.
        """
        if loaded.declared.function is None:
            return None
        return await self._with_state(loaded, {})

    async def open(self, use_case: str, behaviour: str, here: LoadedUseCase | None) -> Runnable:
        """A stored version, ready to answer; ``here`` is the folder on disk, if there is one.

        Raises ``ArtifactMissingError`` when a file is not there or not the bytes it was, or when
        its code or trained state does not load: the version is at fault. It is not where the
        database or this machine fails: ``StorageUnavailableError``, ``VersionsFolderError``,
        ``ResourceExhaustedError``.
        """
        async with self._opening:  # a module is imported once, not by two tasks at a time
            opened = self._opened.get(behaviour)
            if opened and opened.loaded.name == use_case:
                self._keep(opened)
                return opened
            return await self._open(use_case, behaviour, here)

    async def contents(
        self, use_case: str, digests: Mapping[str, str]
    ) -> Mapping[str, bytes | None]:
        """Stored files by name; ``None`` where one is not stored, or not the bytes it was."""
        contents: dict[str, bytes | None] = {}
        for name, digest in digests.items():
            try:
                contents[name] = await self._artifact(use_case, name, digest)
            except ArtifactMissingError:
                contents[name] = None
        return contents

    async def _open(self, use_case: str, behaviour: str, here: LoadedUseCase | None) -> Runnable:
        row = await self._database.fetch_one(_SQL["behaviour"], {"hash": behaviour})
        if row is None or row["use_case"] != use_case or not _whole(row):
            raise ArtifactMissingError(use_case, behaviour[:12])
        loaded = here
        if loaded is None or loaded.folder_hash != row["folder_hash"]:
            loaded = await self._folder_of(use_case, row)
        runnable = Runnable(
            behaviour=behaviour, loaded=loaded, decider=await self._decider(loaded, row)
        )
        self._keep(runnable)
        return runnable

    async def combine(self, here: LoadedUseCase, behaviour: str) -> Runnable:
        """The folder on disk with the trained state of a version. Raises as ``open`` does."""
        row = await self._database.fetch_one(_SQL["behaviour"], {"hash": behaviour})
        if row is None or row["use_case"] != here.name or not _whole(row):
            raise ArtifactMissingError(here.name, behaviour[:12])
        key = identity.behaviour_hash(here.folder_hash, row["artifacts"])
        if key not in self._opened:
            self._keep(Runnable(behaviour=key, loaded=here, decider=await self._decider(here, row)))
        return self._opened[key]

    async def _decider(self, loaded: LoadedUseCase, row: BehaviourRow) -> Decider:
        files = {
            name: await self._artifact(loaded.name, name, digest)
            for name, digest in row["artifacts"].items()
        }
        return await self._with_state(loaded, files)

    async def _with_state(self, loaded: LoadedUseCase, files: Mapping[str, bytes]) -> Decider:
        """The decider with its trained state and patches, in a child process or in this one."""
        named = ", ".join(files) or "decider"
        if self._processes.isolates(loaded.declared):
            try:
                return await self._processes.isolated(loaded, files)
            except ChildFailedError as error:
                if error.exhausted:
                    raise ResourceExhaustedError(loaded.name, error) from error
                reason = error.sentence.rstrip(".")
                raise ArtifactMissingError(loaded.name, named, reason) from error
        trained = {name: data for name, data in files.items() if name != patches.ARTIFACT}
        try:
            changes = patches.loads(loaded.declared, files)
            decider = loaded.declared.trainable or loaded.declared.function
            if loaded.declared.trainable is not None:
                decider = await asyncio.to_thread(loaded.declared.trainable.load, trained)
        except Exception as error:  # a decider of the pod's own may raise anything
            if exhausted := _exhausted(error):
                raise ResourceExhaustedError(loaded.name, exhausted) from error
            reason = f"{type(error).__name__}: {error}"[:500].rstrip(".")
            raise ArtifactMissingError(loaded.name, named, reason) from error
        if decider is None:
            raise ArtifactMissingError(loaded.name, "decider")
        return patches.patched(decider, changes, loaded.declared, loaded.records)

    def _keep(self, runnable: Runnable) -> None:
        """Cache the versions of a use case that were used last, the live one among them."""
        self._opened.pop(runnable.behaviour, None)
        self._opened[runnable.behaviour] = runnable
        name = runnable.loaded.name
        opened = [key for key, kept in self._opened.items() if kept.loaded.name == name]
        for behaviour in opened[:-_KEPT]:
            del self._opened[behaviour]

    async def _folder_of(self, use_case: str, row: BehaviourRow) -> LoadedUseCase:
        folder = self._folder / row["folder_hash"][:32] / use_case
        files: Mapping[str, str] = row["files"]
        if any(not _inside(name) for name in files):
            raise ArtifactMissingError(use_case, "usecase.py")
        try:
            if not await asyncio.to_thread(_is, folder, files):
                contents = {
                    name: await self._artifact(use_case, name, digest)
                    for name, digest in files.items()
                }
                await asyncio.to_thread(_write, folder, contents, files)
        except OSError as error:
            raise VersionsFolderError(self._folder, error) from error
        try:
            return replace(await asyncio.to_thread(load, folder), code=folder)
        except OSError as error:
            raise VersionsFolderError(self._folder, error) from error
        except (UseCaseError, MemoryError) as error:
            if exhausted := _exhausted(error):
                raise ResourceExhaustedError(use_case, exhausted) from error
            raise ArtifactMissingError(use_case, "usecase.py") from error

    async def _artifact(self, use_case: str, name: str, digest: str) -> bytes:
        row = await self._database.fetch_one(_SQL["artifact"], {"hash": digest})
        if row is None or hashlib.sha256(row["content"]).hexdigest() != digest:
            raise ArtifactMissingError(use_case, name)
        return bytes(row["content"])


def _exhausted(error: BaseException | None) -> BaseException | None:
    """The error that shows a lack of resources, if that is the cause of ``error``."""
    while error is not None:
        if isinstance(error, MemoryError):
            return error
        if isinstance(error, OSError) and error.errno in _EXHAUSTED:
            return error
        error = error.__cause__ or error.__context__
    return None


def _contents(loaded: LoadedUseCase) -> dict[str, bytes]:
    """The folder's files by hash, as they were loaded. Raises ``FolderChangedError``."""
    contents = {}
    for name, digest in loaded.files.items():
        try:
            data = (loaded.folder / name).read_bytes()
        except OSError as error:
            raise FolderChangedError(loaded.name, name) from error
        if hashlib.sha256(data).hexdigest() != digest:
            raise FolderChangedError(loaded.name, name)
        contents[digest] = data
    return contents


def _whole(row: BehaviourRow) -> bool:
    """Whether the files and the trained state in the row match its hash."""
    folder: str = row["folder_hash"]
    named: str = row["hash"]
    return folder == json_hash(row["files"]) and named == identity.behaviour_hash(
        folder, row["artifacts"]
    )


def _inside(name: str) -> bool:
    """Whether a file of this name lies inside its folder."""
    path = PurePosixPath(name)
    return bool(path.parts) and path.as_posix() == name and not {"..", "/"} & set(path.parts)


def _is(folder: Path, files: Mapping[str, str]) -> bool:
    """Whether ``folder`` holds exactly these files. A planted bytecode file would run, too.

    A link counts as another file, also a link to a folder, whose files are not listed here.
    """
    if not folder.is_dir() or folder.is_symlink() or folder.parent.is_symlink():
        return False
    try:
        there = {
            f"{path.relative_to(folder).as_posix()}{'@' if path.is_symlink() else ''}"
            for path in folder.rglob("*")
            if path.is_symlink() or not path.is_dir()
        }
        return there == set(files) and hashes(folder) == files
    except FileNotFoundError:  # another process replaces it at this moment
        return False


def _write(folder: Path, contents: Mapping[str, bytes], files: Mapping[str, str]) -> None:
    """Write all files or none. Other processes may do the same at the same time."""
    fresh = folder.parent.with_name(f"{folder.parent.name}.{uuid4().hex[:8]}")
    for name, data in contents.items():
        path = fresh / folder.name / PurePosixPath(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        path.chmod(0o444)
    try:
        # Check and replace under one lock. Without it, what another process wrote after the check
        # would be moved away while that process imports from it.
        with _only_writer(folder.parent.parent):
            if not _is(folder, files):
                old = fresh.with_suffix(".old")
                with contextlib.suppress(FileNotFoundError):
                    os.replace(folder.parent, old)  # noqa: PTH105  # atomic, and says so
                shutil.rmtree(old, ignore_errors=True)
                os.replace(fresh, folder.parent)  # noqa: PTH105  # atomic, and says so
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


@contextlib.contextmanager
def _only_writer(folder: Path) -> Iterator[None]:
    """Hold the lock of the folder of versions. The kernel frees it when its holder dies."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
