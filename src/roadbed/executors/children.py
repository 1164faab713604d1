"""Child processes, as the parent sees them: started by the fork server, reached over a socket."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import itertools
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import structlog

import roadbed
from roadbed.executors import sandbox, wire
from roadbed.executors.fork_server import LARGEST_ORDER
from roadbed.models.embeddings import choice

_log = structlog.get_logger()
_LAST_WORDS_SECONDS = 0.5  # from the end of its socket until the fork server reports its exit
_NO_FILES: Mapping[str, bytes] = {}


@dataclass(frozen=True, kw_only=True, eq=False)
class Source:
    """The source of a child: a version's copy on disk, its trained state, and its limits.

    ``secrets`` are names of environment variables; ``memory_megabytes`` may be allocated beyond
    what a fresh child has. ``modules`` are imported before it takes calls. Those in ``preloaded``
    are imported once, in the process that it is forked from: no code of a pod is among them.
    """

    use_case: str
    folder: Path
    files: Mapping[str, bytes] = field(repr=False)
    secrets: tuple[str, ...] = ()
    memory_megabytes: int = 1024
    confine: bool = True
    modules: tuple[str, ...] = ()
    preloaded: tuple[str, ...] = ()


class Child:
    """One child process. ``received`` gets each frame, ``ended`` the reason of its end.

    ``largest`` is how many bytes a frame of it may have at this moment.
    """

    def __init__(
        self,
        server: ForkServer,
        number: int,
        received: Callable[[Mapping[str, object] | bytes], None],
        ended: Callable[[str], None],
    ) -> None:
        self._server = server
        self.number = number
        self.received = received
        self.ended = ended
        self.largest = wire.LARGEST_FRAME
        self.pid: int | None = None
        self._transport: asyncio.Transport | None = None
        self._closed = False
        self._status: int | None = None
        self._over = False

    @property
    def alive(self) -> bool:
        """Whether nothing is known of its end."""
        return not self._over and not self._closed

    def connected(self, transport: asyncio.Transport) -> None:
        """The socket is open."""
        self._transport = transport

    def send(self, content: Mapping[str, object], files: Mapping[str, bytes] = _NO_FILES) -> None:
        """Write one frame, and files behind it."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(wire.frame(content))
            for data in files.values():
                for piece in wire.raw(data):
                    self._transport.write(piece)

    def kill(self) -> None:
        """Kill it immediately."""
        self._server.order({"do": "kill", "number": self.number})

    def close(self) -> None:
        """Close its socket; an idle child then ends by itself. ``ended`` is not called."""
        self.ended = lambda _: None
        if self._transport is not None:
            self._transport.close()
        self.kill()

    def lost(self) -> None:
        """Its socket has closed."""
        self._closed = True
        if self._status is not None:
            self._end(sandbox.how_ended(self._status))
        else:
            with contextlib.suppress(RuntimeError):
                asyncio.get_running_loop().call_later(_LAST_WORDS_SECONDS, self._hung_up)

    def exited(self, status: int) -> None:
        """The fork server reports its exit."""
        self._status = status
        if self._closed or self._transport is None:
            self._end(sandbox.how_ended(status))

    def _hung_up(self) -> None:
        """Its socket has closed and nothing is known of its end: it may go on without us."""
        if not self._over:
            self.kill()
            self._end("its process ended")

    def _end(self, reason: str) -> None:
        if not self._over:
            self._over = True
            self._server.forget(self.number)
            self.ended(reason)


class _Protocol(asyncio.Protocol):
    def __init__(self, child: Child) -> None:
        self._child = child
        self._frames = wire.Frames()
        self._broken = False

    def data_received(self, data: bytes) -> None:
        if self._broken:
            return
        try:
            for content in self._frames.feed(data, largest=self._child.largest):
                self._child.received(content)
        except Exception as error:  # on any error the child is killed, so that its exit is reported
            _log.warning("a decider's process sent what cannot be read", problem=str(error)[:200])
            self._broken = True
            self._child.kill()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's name
        self._child.lost()


class ForkServer:
    """Starts child processes, on first use, for one event loop. Call ``close`` at the end."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._children: dict[int, Child] = {}
        self._numbers = itertools.count(1)
        self._preloaded: set[str] = set()
        self._temporary: Path | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def start(
        self,
        source: Source,
        work: str,
        received: Callable[[Mapping[str, object] | bytes], None],
        ended: Callable[[str], None],
    ) -> Child:
        """A child that begins to load ``source``. It says ``ready`` or ``failed`` as a frame."""
        temporary = _own(self._open(), source)
        for name in source.preloaded:
            if name not in self._preloaded:
                self._preloaded.add(name)
                self.order({"do": "preload", "module": name})
        ours, theirs = socket.socketpair()
        child = Child(self, next(self._numbers), received, ended)
        self._children[child.number] = child
        environment = sandbox.environment(source.secrets, os.environ, temporary)
        try:
            self.order(
                {"do": "start", "number": child.number, "environment": dict(environment)},
                theirs.fileno(),
            )
        except OSError:
            self.forget(child.number)
            ours.close()
            raise
        finally:
            theirs.close()
        ours.setblocking(False)  # noqa: FBT003
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_unix_connection(lambda: _Protocol(child), sock=ours)
        child.connected(transport)
        child.send(
            {
                "work": work,
                "folder": str(source.folder.resolve()),  # the fork server works in another one
                "temporary": str(temporary),
                "memory_megabytes": source.memory_megabytes,
                "confine": source.confine,
                "modules": list(source.modules),
                "embeddings": os.environ.get(choice.VARIABLE, ""),
                "files": {name: len(data) for name, data in source.files.items()},
            },
            source.files,
        )
        return child

    def order(self, content: Mapping[str, object], descriptor: int | None = None) -> None:
        """Send an order; after the end of the fork server it is ignored, as the children ended too.

        Raises ``OSError`` where an order with a ``descriptor`` cannot be sent.
        """
        if self._control is None:
            return
        data = json.dumps(content).encode()
        if len(data) > LARGEST_ORDER:
            raise ValueError("the environment of a child is larger than 64 KB")
        if descriptor is not None:
            socket.send_fds(self._control, [data], [descriptor])
            return
        with contextlib.suppress(OSError):
            socket.send_fds(self._control, [data], [])

    def forget(self, number: int) -> None:
        """A child has ended."""
        self._children.pop(number, None)

    def close(self) -> None:
        """End all children and the server itself."""
        for child in list(self._children.values()):
            child.close()
        self._shut()
        if self._temporary is not None:
            with contextlib.suppress(RecursionError):  # folders in each other, however many
                shutil.rmtree(self._temporary, ignore_errors=True)
            self._temporary = None

    def _open(self) -> Path:
        """Start the process unless it runs; gives the children's temporary folder."""
        if self._temporary is None:
            self._temporary = Path(tempfile.mkdtemp(prefix="roadbed-"))
        if self._process is not None and self._process.poll() is None:
            return self._temporary
        self._shut()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        home = str(Path(roadbed.__file__).parent.parent)
        before = os.environ.get("PYTHONPATH")
        path = home if before is None else f"{home}{os.pathsep}{before}"
        kept = sandbox.environment((), os.environ, self._temporary)
        try:
            self._process = subprocess.Popen(
                [
                    sys.executable,
                    "-P",
                    "-m",
                    "roadbed.executors.fork_server",
                    str(theirs.fileno()),
                ],
                pass_fds=[theirs.fileno()],
                env={**kept, "PYTHONPATH": path},
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                start_new_session=True,
            )
        finally:
            theirs.close()
        ours.setblocking(False)  # noqa: FBT003
        self._control = ours
        self._preloaded.clear()
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(ours, self._listen)
        return self._temporary

    def _listen(self) -> None:
        assert self._control is not None
        while True:
            try:
                data = self._control.recv(LARGEST_ORDER)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if not data:
                _log.warning("the process that starts deciders has ended; it is started again")
                self._shut()
                return
            told = json.loads(data)
            child = self._children.get(told["number"])
            if child is not None and "pid" in told:
                child.pid = told["pid"]
            elif child is not None:
                child.exited(told["ended"])

    def _shut(self) -> None:
        if self._control is not None:
            if self._loop is not None and not self._loop.is_closed():
                self._loop.remove_reader(self._control)
            self._control.close()
            self._control = None
        if self._process is not None:
            # It ends by itself when its socket closes; it is killed where it does not.
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout=1.0)
            if self._process.poll() is None:
                self._process.kill()
                self._process.wait()
            self._process = None


def _own(temporary: Path, source: Source) -> Path:
    """A folder for the children of one version's code: none finds what another has written.

    A candidate, which nobody has signed, must not leave files for the version in service.
    """
    whose = f"{source.use_case}\0{source.folder.resolve()}"
    folder = temporary / hashlib.sha256(whose.encode()).hexdigest()[:16]
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder
