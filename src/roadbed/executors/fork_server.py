"""Fork server: child processes are forked from it. It loads Python and libraries once.

A fork takes milliseconds and shares the memory of what is loaded; a new Python takes seconds and
shares nothing. The process runs one thread, holds no secret and imports no code of a pod. It takes
orders over one socket: ``preload`` a module that the deciders of this package need, ``start`` a
child on a socket that comes with the order, ``kill`` a child. Such a module must start no thread
and open no socket, since a child has neither. It reports when and how a child ended. When its
parent ends, it ends too, with all children and the processes they started.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
import traceback
from typing import Any

from roadbed.executors import sandbox

LARGEST_ORDER = 65_536
_MOST_ROUNDS = 100
# What nearly every pod imports while it is loaded: conditions and destinations. `cel` imports the
# libraries of its command line, too.
PRELOADED = (
    "roadbed.executors.child",
    "roadbed.connectors.folder",
    "roadbed.connectors.webhook",
    "cel",
)


def main(descriptor: int) -> None:
    """Serve orders on ``descriptor`` until the other side closes it."""
    sandbox.end_with_parent()
    sandbox.adopt_orphans()
    control = socket.socket(fileno=descriptor)
    woken, wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides when it ends
    children: dict[int, int] = {}  # pid by number
    for name in PRELOADED:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()  # a child's collector then leaves shared pages alone
    while True:
        readable: list[object]
        readable, _, _ = select.select([control, woken], [], [])  # type: ignore[type-var]
        if woken in readable:
            with contextlib.suppress(BlockingIOError):
                os.read(woken, 4096)
            _reap(control, children)
            _end_orphans(children)
        if control in readable:
            try:
                data, descriptors, _, _ = socket.recv_fds(control, LARGEST_ORDER, 1)
            except OSError:
                data = b""
            if not data:
                break
            order = json.loads(data)
            _obey(control, order, descriptors, children, pipe=(woken, wake))
    for _ in range(_MOST_ROUNDS):  # what one of them started is ours once its parent has ended
        _end(pids := sandbox.child_processes() or list(children.values()))
        if not pids:
            break
        _wait(pids)
        children.clear()


def _obey(
    control: socket.socket,
    order: dict[str, Any],
    descriptors: list[int],
    children: dict[int, int],
    pipe: tuple[int, int],
) -> None:
    if order["do"] == "preload":
        with contextlib.suppress(Exception):  # a child reports itself what it cannot import
            importlib.import_module(order["module"])
            gc.freeze()
    elif order["do"] == "kill" and order["number"] in children:
        os.kill(children[order["number"]], signal.SIGKILL)
    elif order["do"] == "start":
        pid = os.fork()
        if pid == 0:
            _become_child(control, descriptors[0], order, pipe)
        children[order["number"]] = pid
        os.close(descriptors[0])
        _report(control, {"number": order["number"], "pid": pid})


def _become_child(
    control: socket.socket, descriptor: int, order: dict[str, Any], pipe: tuple[int, int]
) -> None:
    """Never returns: a child must not go on as a second fork server.

    It keeps no end of ``pipe``: one that fills it would stop the fork server at the next signal.
    """
    code = 1
    try:
        control.close()
        signal.set_wakeup_fd(-1)
        for end in pipe:
            os.close(end)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        sandbox.end_with_parent()
        os.environ.clear()
        os.environ.update(order["environment"])
        from roadbed.executors import child

        child.main(descriptor)
        code = 0
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 1
    except BaseException:
        traceback.print_exc(file=sys.__stderr__)
        code = 1
    finally:
        os._exit(code)


def _reap(control: socket.socket, children: dict[int, int]) -> None:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        for number, of in list(children.items()):
            if of == pid:
                del children[number]
                _report(control, {"number": number, "ended": os.waitstatus_to_exitcode(status)})


def _end_orphans(children: dict[int, int]) -> None:
    """End processes that a child started and left running."""
    known = set(children.values())
    _end([pid for pid in sandbox.child_processes() if pid not in known])


def _end(pids: list[int]) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _wait(pids: list[int]) -> None:
    for pid in pids:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, 0)


def _report(control: socket.socket, content: dict[str, Any]) -> None:
    with contextlib.suppress(OSError):  # the parent has ended; the next read shows it
        control.send(json.dumps(content).encode())


if __name__ == "__main__":
    main(int(sys.argv[1]))
