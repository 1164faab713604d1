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
from collections.abc import Mapping
from pathlib import Path

from tests.login import sit_down

ROOT = Path(__file__).parents[1]
STREAMS = 3


class Warm:
    """Runs ``roadbed`` as often as asked, one at a time. Its process is there from the first."""

    def __init__(self) -> None:
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
            self._lock,
            tempfile.TemporaryFile("w+") as asked,
            tempfile.TemporaryFile("w+") as keyboard,
            tempfile.TemporaryFile("w+") as output,
            tempfile.TemporaryFile("w+") as errors,
        ):
            for file, text in ((asked, json.dumps(wanted)), (keyboard, typed or "")):
                file.write(text)
                file.seek(0)
            files = [each.fileno() for each in (keyboard, output, errors, asked)]
            code = self._ask(files, timeout)
            output.seek(0)
            errors.seek(0)
            return subprocess.CompletedProcess(arguments, code, output.read(), errors.read())

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
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.warm", str(theirs.fileno())],
                cwd=ROOT,
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
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
