"""Reading process, as its parent sees it: starts the child, sends documents, keeps the limits."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import structlog
from pydantic import TypeAdapter, ValidationError

import roadbed
from roadbed.executors import sandbox
from roadbed.kernel.sentences import figure, sentence
from roadbed.knowledge.errors import DocumentUnreadableError, UnreadableReason
from roadbed.knowledge.findings import DocumentFinding
from roadbed.knowledge.model import Extraction
from roadbed.knowledge.reading import formats, frames

_log = structlog.get_logger()
_EXTRACTION = TypeAdapter(Extraction)
_REASON: TypeAdapter[UnreadableReason] = TypeAdapter(UnreadableReason)
_LONGEST_DETAIL = 1_000
_START_SECONDS = 60.0  # a busy machine takes some for the start of Python
_PRINTED = "printed"  # the file with what a child wrote to its standard error
_LAST_WORDS = 4096
# What Rust, C++ and Python print before they end a process without memory.
_OUT_OF_MEMORY = (b"memory allocation of", b"bad_alloc", b"Out of memory", b"MemoryError")
_warned: set[str] = set()  # once in this process


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadingLimits:
    """The limits of reading.

    ``largest_file`` and ``largest_text`` are bytes of a document and of its extraction as JSON.
    ``memory_megabytes`` may be allocated beyond what a fresh child has; below 512 xberg ends the
    child without a Python error. ``seconds`` are the most wall time for a document; a small one has
    ``least_seconds`` and one more for each ``bytes_per_second`` bytes. ``documents`` is how many a
    child reads before it is replaced, so that memory that a library leaks returns.
    """

    largest_file: int = 100_000_000
    largest_text: int = 64_000_000
    memory_megabytes: int = 2048
    seconds: float = 300.0
    least_seconds: float = 60.0
    bytes_per_second: int = 5_000
    documents: int = 200

    def seconds_for(self, size: int) -> float:
        """The wall time that a document of ``size`` bytes may take."""
        return min(self.seconds, self.least_seconds + size // self.bytes_per_second)


DEFAULT_LIMITS = ReadingLimits()


class DocumentReader:
    """Reads documents one after the other in a child process, as an async context manager.

    A document that ends the child costs only itself: it is read by the second reader alone in a
    new child. A document that exceeds a limit is not tried again.
    """

    def __init__(self, limits: ReadingLimits = DEFAULT_LIMITS) -> None:
        self._limits = limits
        self._child: _Child | None = None
        self._turn = asyncio.Lock()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def read(self, content: bytes, name: str) -> Extraction:
        """Read a document; ``name`` is that of its file, for messages and to tell Markdown.

        Raises ``DocumentUnreadableError`` with its reason.
        """
        if len(content) > self._limits.largest_file:
            raise _too_large(name, len(content), self._limits)
        formats.refuse_empty(content, name)
        async with self._turn:
            try:
                return await self._ask(content, name, second_only=False)
            except _ChildEndedError as first:
                _log.warning("the reading process ended", document=name, reason=first.how)
                try:
                    return await self._ask(content, name, second_only=True)
                except _ChildEndedError as second:
                    raise DocumentUnreadableError(name, second.reason, second.how) from second
                except DocumentUnreadableError as error:
                    if error.reason != "crashed":
                        raise
                    raise DocumentUnreadableError(name, first.reason, first.how) from error

    async def read_file(self, path: Path, name: str | None = None) -> Extraction:
        """Read the file at ``path``. Raises ``DocumentUnreadableError`` and ``OSError``."""
        shown = name or path.name
        size = (await asyncio.to_thread(path.stat)).st_size
        if size > self._limits.largest_file:
            raise _too_large(shown, size, self._limits)
        return await self.read(await asyncio.to_thread(path.read_bytes), shown)

    @property
    def pid(self) -> int | None:
        """The process that reads at this moment."""
        return self._child.pid if self._child is not None else None

    @property
    def folder(self) -> Path | None:
        """The temporary folder of that process, the only place that it may write to."""
        return self._child.temporary if self._child is not None else None

    @property
    def reading(self) -> bool:
        """Whether the process has a document at this moment."""
        return self._child is not None and self._child.reading

    async def close(self) -> None:
        """End the child."""
        if self._child is not None:
            await self._child.close()
            self._child = None

    async def _ask(self, content: bytes, name: str, *, second_only: bool) -> Extraction:
        if self._child is not None and self._child.asked >= self._limits.documents:
            await self.close()
        if self._child is None:
            self._child = await _Child.start(self._limits)
        child, answered = self._child, False
        try:
            answer = await child.ask(content, name, second_only=second_only)
            extraction = _extraction(answer, name)
            answered = True
            return _with_confinement(extraction, child.unconfined)
        except DocumentUnreadableError as error:
            answered = error.reason not in {UnreadableReason.TIME, UnreadableReason.MEMORY}
            raise
        finally:
            if not answered:  # also when this task was cancelled: the child is in the middle
                self._child = None
                await child.close()


class _ChildEndedError(Exception):
    """The child ended before it answered; ``how`` says in which way, ``reason`` why."""

    def __init__(self, how: str, reason: UnreadableReason = UnreadableReason.CRASHED) -> None:
        super().__init__(how)
        self.how = how
        self.reason = reason


class _Child:
    """One child process with its own temporary folder."""

    def __init__(
        self, process: asyncio.subprocess.Process, temporary: Path, limits: ReadingLimits
    ) -> None:
        self._process = process
        self.temporary = temporary
        self._limits = limits
        self.asked = 0
        self.reading = False
        self._printed_before = 0
        self.unconfined: tuple[str, ...] = ()

    @property
    def pid(self) -> int:
        return self._process.pid

    @classmethod
    async def start(cls, limits: ReadingLimits) -> _Child:
        """Start a child that is ready. Raises ``_ChildEndedError``."""
        temporary = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="roadbed-reading-"))
        home = str(Path(roadbed.__file__).parent.parent)
        with (temporary / _PRINTED).open("wb") as printed:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-P",
                "-m",
                "roadbed.knowledge.reading.child",
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=printed,
                env={**sandbox.environment((), os.environ, temporary), "PYTHONPATH": home},
                cwd="/",
                start_new_session=True,
            )
        child = cls(process, temporary, limits)
        try:
            child._write({"temporary": str(temporary), "memory_megabytes": limits.memory_megabytes})
            async with asyncio.timeout(_START_SECONDS):
                ready = await child._answer()
        except BaseException:
            await child.close()
            raise
        missing = {"files": "Landlock", "network": "seccomp"}
        child.unconfined = tuple(word for key, word in missing.items() if not ready.get(key))
        _warn(child.unconfined)
        return child

    async def ask(self, content: bytes, name: str, *, second_only: bool) -> Mapping[str, Any]:
        """Send a document. Raises ``DocumentUnreadableError`` (``time``), ``_ChildEndedError``."""
        self.asked += 1
        self.reading = True
        seconds = self._limits.seconds_for(len(content))
        self._printed_before = await asyncio.to_thread(_size, self.temporary / _PRINTED)
        try:
            async with asyncio.timeout(seconds):
                self._write(
                    {
                        "name": name,
                        "length": len(content),
                        "seconds": seconds,
                        "largest": self._limits.largest_text,
                        "second_only": second_only,
                    },
                    content,
                )
                return await self._answer()
        except TimeoutError as error:
            raise DocumentUnreadableError(
                name,
                UnreadableReason.TIME,
                sentence("%(seconds)s s", seconds=figure(f"{seconds:g}")),
            ) from error
        finally:
            self.reading = False

    async def close(self) -> None:
        """Kill the child and what it started, and remove its folder."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        if self._process.stdin is not None:
            self._process.stdin.close()
        await self._process.wait()
        await asyncio.to_thread(shutil.rmtree, self.temporary, ignore_errors=True)

    def _write(self, content: Mapping[str, object], document: bytes = b"") -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(frames.frame(content) + document)

    async def _answer(self) -> Mapping[str, Any]:
        assert self._process.stdout is not None
        stream = self._process.stdout
        try:
            (length,) = frames.HEAD.unpack(await stream.readexactly(frames.HEAD.size))
            if length > frames.LARGEST:
                raise _ChildEndedError(f"its answer has {length:,} bytes")
            return frames.content(await stream.readexactly(length))
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            status = await self._process.wait()
            file = self.temporary / _PRINTED
            printed = await asyncio.to_thread(_tail, file, self._printed_before)
            raise _ChildEndedError(sandbox.how_ended(status), _why(status, printed)) from error
        except frames.BrokenFrameError as error:
            raise _ChildEndedError("its answer cannot be read") from error


def _extraction(answer: Mapping[str, Any], name: str) -> Extraction:
    """The answer of a child, checked: it read a document that nobody trusts."""
    try:
        if "extraction" in answer:
            return _EXTRACTION.validate_python(answer["extraction"])
        reason = _REASON.validate_python(answer.get("unreadable"))
    except ValidationError as error:
        raise _ChildEndedError("its answer is not valid") from error
    raise DocumentUnreadableError(name, reason, str(answer.get("detail", ""))[:_LONGEST_DETAIL])


def _with_confinement(extraction: Extraction, missing: tuple[str, ...]) -> Extraction:
    if not missing:
        return extraction
    finding = DocumentFinding(kind="not_confined", detail=", ".join(missing))
    return replace(extraction, confined=False, findings=(*extraction.findings, finding))


def _warn(missing: tuple[str, ...]) -> None:
    for word in missing:
        if word not in _warned:
            _warned.add(word)
            _log.warning("documents are read without a limit of the kernel", missing=word)


def _too_large(name: str, size: int, limits: ReadingLimits) -> DocumentUnreadableError:
    detail = sentence(
        "%(size)s bytes, and %(largest)s are allowed",
        size=figure(f"{size:,}"),
        largest=figure(f"{limits.largest_file:,}"),
    )
    return DocumentUnreadableError(name, UnreadableReason.TOO_LARGE, detail)


def _size(path: Path) -> int:
    with contextlib.suppress(OSError):
        return path.stat().st_size
    return 0


def _tail(path: Path, begin: int) -> bytes:
    """The last words of a file, from ``begin`` on."""
    with contextlib.suppress(OSError), path.open("rb") as file:
        file.seek(max(begin, path.stat().st_size - _LAST_WORDS))
        return file.read(_LAST_WORDS)
    return b""


def _why(status: int, printed: bytes) -> UnreadableReason:
    """Why a child ended that printed ``printed`` while it had the document."""
    if status == -signal.SIGXCPU:
        return UnreadableReason.TIME
    # pdfium calls abort() without a word where it gets no memory; Rust, the C library and C++ say
    # why they abort, and a failed check in pdfium ends with another signal.
    silent = status == -signal.SIGABRT and not printed.strip()
    if silent or any(words in printed for words in _OUT_OF_MEMORY):
        return UnreadableReason.MEMORY
    return UnreadableReason.CRASHED
