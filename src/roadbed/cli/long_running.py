"""A process that runs until it is stopped, at any moment."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import TypeVar

from roadbed.cli.output import tell

Service = TypeVar("Service")
_PATIENCE_SECONDS = 60.0


def _give_up() -> None:
    """Exit at once; open work is recovered at the next start, as after a crash."""
    sys.stderr.write("It did not end in time, or was asked twice: it is cut off.\n")
    sys.stderr.flush()
    os._exit(1)


async def until_ended(
    service: AbstractAsyncContextManager[Service],
    go_on: Callable[[Service, asyncio.Event], Awaitable[None]],
    *,
    patience_seconds: float = _PATIENCE_SECONDS,
    give_up: Callable[[], None] = _give_up,
) -> None:
    """Open ``service`` and run ``go_on``, whose event says that it is to end, until then.

    SIGTERM or Ctrl-C gives up an opening that is under way, and lets what is open end by itself.
    A second one, or ``patience_seconds``, cuts the process off: a thread may hang in the code of a
    pod or wait for a lock, and nothing can cancel it.
    """
    loop, asked, opened = asyncio.get_running_loop(), asyncio.Event(), False

    async def work() -> None:
        nonlocal opened
        async with service as opened_service:
            opened = True
            await go_on(opened_service, asked)

    def end() -> None:
        if asked.is_set():
            give_up()
            return
        asked.set()
        timer = threading.Timer(patience_seconds, give_up)
        timer.daemon = True  # it lasts as long as the process, whose threads are waited for
        timer.start()
        if not opened:
            task.cancel()

    task = asyncio.create_task(work())
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, end)
    try:
        await task
    except asyncio.CancelledError:
        if not asked.is_set():
            raise
    except Exception as error:
        if opened or not asked.is_set():
            raise
        tell(f"Ended while it started: {error}")  # most likely of the cancellation
