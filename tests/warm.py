"""``python -m roadbed`` without its start-up: processes forked from a warm one.

The imports of a start take a second or two, nearly twice that when measured. What is
forked is a process as any other: its own arguments, environment, folder, streams and exit code.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import runpy
import socket
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.login import sit_down

ROOT = Path(__file__).parents[1]
STREAMS = 3
# The command for a shell. ``-I -S``: it starts in 20 ms.
PROGRAM = """#!/bin/sh
exec '{python}' -I -S '{client}' "$@"
"""
CLIENT = """
import json, os, socket, sys
with socket.socket(socket.AF_UNIX) as channel:
    channel.connect({path!r})
    wanted = {{"arguments": sys.argv[1:], "cwd": os.getcwd(), "env": dict(os.environ)}}
    socket.send_fds(channel, [json.dumps(wanted).encode() + b"\\n"], [0, 1, 2])
    sys.exit(int(channel.recv(16)))
"""


class Spawned:
    """A concurrent process; its parent is another process, which reports its exit."""

    def __init__(self, told: socket.socket) -> None:
        self._told = told
        self._lock = threading.Lock()
        self.pid = int(told.recv(16))
        self.returncode: int | None = None

    def send_signal(self, number: int) -> None:
        """Send it, unless the process is known to have ended."""
        if self.returncode is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code, when it has ended. Raises ``TimeoutError``."""
        with self._lock:
            if self.returncode is None:
                self._told.settimeout(timeout)
                self.returncode = int(self._told.recv(16))
                self._told.close()
            return self.returncode


class Warm:
    """Runs ``roadbed``, one at a time. Its process starts with the first run.

    With ``measured=False`` the lines that run in it are not counted. ``started`` is a folder that
    all test processes of one run share.
    """

    started: Path

    def __init__(self, *, measured: bool = True) -> None:
        self._measured = measured
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def run(
        self,
        *arguments: str,
        cwd: Path,
        env: Mapping[str, str],
        typed: str | None = None,
        timeout: float,
    ) -> subprocess.CompletedProcess[str]:
        wanted = {"arguments": arguments, "cwd": str(cwd), "env": dict(env)}
        with (
            tempfile.TemporaryFile("w+") as keyboard,
            tempfile.TemporaryFile("w+") as output,
            tempfile.TemporaryFile("w+") as errors,
        ):
            keyboard.write(typed or "")
            keyboard.seek(0)
            streams = [stream.fileno() for stream in (keyboard, output, errors)]
            code = self.fork(json.dumps(wanted), streams, timeout)
            output.seek(0)
            errors.seek(0)
            return subprocess.CompletedProcess(arguments, code, output.read(), errors.read())

    def fork(self, wanted: str, streams: list[int], timeout: float) -> int:
        """The exit code of a process on these three streams; ``wanted`` says what it is."""
        with self._lock, tempfile.TemporaryFile("w+") as asked:
            asked.write(wanted)
            asked.seek(0)
            return self._ask([*streams, asked.fileno()], timeout)

    def spawn(
        self,
        *arguments: str,
        cwd: Path,
        env: Mapping[str, str],
        streams: tuple[int, int, int],
        module: str = "roadbed",
    ) -> Spawned:
        """``python -m module`` beside everything else, on these three streams."""
        wanted = {"arguments": arguments, "cwd": str(cwd), "env": dict(env), "module": module}
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with self._lock, tempfile.TemporaryFile("w+") as asked, theirs:
            asked.write(json.dumps(wanted))
            asked.seek(0)
            self._ask([*streams, asked.fileno(), theirs.fileno()], 60)
        return Spawned(ours)

    @contextmanager
    def on_path(self) -> Iterator[Path]:
        """A folder for a shell's ``PATH``: ``roadbed`` in it is forked from here.

        One at a time: a background command that waits for another one would wait forever.
        """
        with (
            tempfile.TemporaryDirectory(prefix="roadbed-warm-") as name,
            socket.socket(socket.AF_UNIX) as door,
        ):
            folder = Path(name)
            client, program, path = folder / "client.py", folder / "roadbed", folder / "door"
            client.write_text(CLIENT.format(path=str(path)))
            program.write_text(PROGRAM.format(python=sys.executable, client=client))
            program.chmod(0o755)
            door.bind(str(path))
            door.listen()
            porter = threading.Thread(target=self._answer, args=(door,), daemon=True)
            porter.start()
            yield folder
            door.shutdown(socket.SHUT_RDWR)
            porter.join()

    def _answer(self, door: socket.socket) -> None:
        while True:
            try:
                channel, _ = door.accept()
            except OSError:  # it was shut
                return
            with channel:
                wanted, streams, *_ = socket.recv_fds(channel, 1 << 20, STREAMS)
                while not wanted.endswith(b"\n"):
                    wanted += channel.recv(1 << 20)
                code = self.fork(wanted.decode(), streams, 500)
                for stream in streams:
                    os.close(stream)
                channel.send(str(code).encode())

    def first(self, verb: str) -> bool:
        """Whether no test process of this run has started ``verb`` from nothing yet."""
        try:
            (self.started / f"started-{verb}").touch(exist_ok=False)
        except FileExistsError:
            return False
        return True

    def end(self) -> None:
        if self._process:
            self._channel.close()
            self._process.wait(10)
            self._process = None

    def _ask(self, files: list[int], timeout: float) -> int:
        if self._process is None:
            self._start()
        self._channel.settimeout(timeout)
        try:
            socket.send_fds(self._channel, [b"."], files)
            return int(self._channel.recv(16))
        except TimeoutError:
            assert self._process is not None
            self._process.kill()
            self.end()
            raise

    def _start(self) -> None:
        self._channel, theirs = socket.socketpair()
        kept = {k: v for k, v in os.environ.items() if self._measured or not k.startswith("COV")}
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.warm", str(theirs.fileno())],
                cwd=ROOT,
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                env={**kept, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
            )


def serve(channel: socket.socket) -> None:
    """Fork on request, until no caller is left."""
    while True:
        message, files, *_ = socket.recv_fds(channel, 1, STREAMS + 2)
        if not message:
            os._exit(0)  # nothing of this process itself is measured
        child = os.fork()
        if not child:
            channel.close()
            if len(files) > STREAMS + 1:
                watch(files)
            play(become(files))
        for file in files:
            os.close(file)
        if len(files) > STREAMS + 1:
            channel.send(b"0")
            with suppress(ChildProcessError):  # those that watched and have ended
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass
        else:
            _, status = os.waitpid(child, 0)
            channel.send(str(os.waitstatus_to_exitcode(status)).encode())


def watch(files: list[int]) -> None:
    """Report the forked process and its exit on the last of ``files``; returns in it only."""
    told = socket.socket(fileno=files.pop())
    child = os.fork()
    if not child:
        told.close()
        return
    for file in files:
        os.close(file)  # a pipe ends with the process that writes to it
    told.send(str(child).encode())
    _, status = os.waitpid(child, 0)
    with suppress(OSError):  # no caller is left
        told.send(str(os.waitstatus_to_exitcode(status)).encode())
    os._exit(0)


def become(files: list[int]) -> str:
    """Be the process that is asked for; gives the module to run."""
    for number, descriptor in enumerate(files[:STREAMS]):
        os.dup2(descriptor, number)
        os.close(descriptor)
    with os.fdopen(files[STREAMS]) as asked:
        wanted = json.load(asked)
    os.environ.clear()
    os.environ.update(wanted["env"])
    os.chdir(wanted["cwd"])
    sys.path[0] = wanted["cwd"]
    sys.argv[1:] = wanted["arguments"]
    sit_down()
    module: str = wanted.get("module", "roadbed")
    return module


def play(module: str) -> None:
    """Run ``module`` and end as Python ends, but without freeing objects.

    That would take longer than most commands.
    """
    code: object = 0
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        code = end.code
    except BaseException:
        traceback.print_exc()
        code = 1
    threading._shutdown()  # type: ignore[attr-defined]  # waits for threads, as an end does
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code if isinstance(code, int) else 0 if code is None else 1)


if __name__ == "__main__":
    import coverage

    import roadbed.bootstrap
    import roadbed.cli.main
    import roadbed.models.text.classifier
    import roadbed.web  # noqa: F401 - imported to be there
    from roadbed.risk import distributions

    distributions.load()
    if (measurement := coverage.Coverage.current()) is not None:
        measurement.save()  # once: what was counted so far, each forked process would write again
    gc.collect()
    gc.freeze()  # existing objects stay in shared memory
    serve(socket.socket(fileno=int(sys.argv[1])))
