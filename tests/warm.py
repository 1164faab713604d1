"""``python -m roadbed`` without its start: processes forked from one that has imported it all.

A start takes a second or two of nothing but imports, nearly twice that when it is measured. What is
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
from contextlib import contextmanager
from pathlib import Path

from tests.login import sit_down

ROOT = Path(__file__).parents[1]
STREAMS = 3
# What a shell calls. ``-I -S``: it starts in a fiftieth of a second.
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


class Warm:
    """Runs ``roadbed`` as often as asked, one at a time. Its process is there from the first.

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

    @contextmanager
    def on_path(self) -> Iterator[Path]:
        """A folder for a shell's ``PATH``: ``roadbed`` in it is forked from here.

        One at a time: what waits in the background for another would wait for ever.
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
    """Fork for whoever asks, until nobody can any more."""
    while True:
        message, files, *_ = socket.recv_fds(channel, 1, STREAMS + 1)
        if not message:
            os._exit(0)  # nothing of this process itself is measured
        child = os.fork()
        if not child:
            channel.close()
            become(files)
            play()
        for each in files:
            os.close(each)
        _, status = os.waitpid(child, 0)
        channel.send(str(os.waitstatus_to_exitcode(status)).encode())


def become(files: list[int]) -> None:
    for number, each in enumerate(files[:STREAMS]):
        os.dup2(each, number)
        os.close(each)
    with os.fdopen(files[STREAMS]) as asked:
        wanted = json.load(asked)
    os.environ.clear()
    os.environ.update(wanted["env"])
    os.chdir(wanted["cwd"])
    sys.path[0] = wanted["cwd"]
    sys.argv[1:] = wanted["arguments"]
    sit_down()


def play() -> None:
    """Run ``roadbed`` and end as Python ends, except that nothing of what is there is taken apart.

    That would take longer than most of what is asked.
    """
    code: object = 0
    try:
        runpy.run_module("roadbed", run_name="__main__", alter_sys=True)
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
    import roadbed.bootstrap
    import roadbed.cli.main
    import roadbed.web  # noqa: F401 - imported to be there

    gc.collect()
    gc.freeze()  # what is there stays in memory that all share
    serve(socket.socket(fileno=int(sys.argv[1])))
