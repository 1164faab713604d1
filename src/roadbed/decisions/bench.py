"""The bench where deciders work: threads of our own, which a hung decider may keep.

A thread cannot be ended from outside. One that hangs is written off and another takes its place, up
to a limit; the threads are daemons, so that a hung decider never holds up the end of the process.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from queue import SimpleQueue

Job = Callable[[], None]
_PATIENCE_SECONDS = 0.02  # how long work waits before another thread is tried


class Bench:
    """Runs jobs on up to ``most`` threads, growing only while work waits.

    A fast decider keeps one thread busy and never pays for a second; a slow one gets more.
    """

    def __init__(self, name: str, *, most: int) -> None:
        self._name = name
        self._most = most
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._threads = 0
        self._lost = 0
        self._idle = 0
        self._count = threading.Lock()
        self._growing: asyncio.TimerHandle | None = None

    @property
    def stuck(self) -> bool:
        """Whether so many threads hang that no more are given to this decider."""
        return self._lost >= self._most

    def put(self, job: Job) -> None:
        """Queue a job. Call from the event loop."""
        self._jobs.put(job)
        if self._threads - self._lost == 0:
            self._grow()
        elif self._growing is None:
            self._growing = asyncio.get_running_loop().call_later(_PATIENCE_SECONDS, self._look)

    def write_off(self) -> None:
        """One thread is past its deadline and will not be waited for."""
        with self._count:
            self._lost += 1

    def recover(self) -> None:
        """A thread that was written off came back after all."""
        with self._count:
            self._lost -= 1

    def close(self) -> None:
        """Let idle threads go."""
        for _ in range(self._threads):
            self._jobs.put(None)

    def _look(self) -> None:
        self._growing = None
        if not self._jobs.empty():
            if self._idle == 0:
                self._grow()
            self._growing = asyncio.get_running_loop().call_later(_PATIENCE_SECONDS, self._look)

    def _grow(self) -> None:
        if self._threads - self._lost < self._most and not self.stuck:
            self._threads += 1
            threading.Thread(target=self._work, name=f"decider-{self._name}", daemon=True).start()

    def _work(self) -> None:
        while True:
            with self._count:
                self._idle += 1
            job = self._jobs.get()
            with self._count:
                self._idle -= 1
            if job is None:
                return
            job()


class Homeward:
    """Carries results from threads back to the event loop, many with one wake-up."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._results: deque[Callable[[], None]] = deque()
        self._called = False

    def send(self, deliver: Callable[[], None]) -> None:
        """Have ``deliver`` run on the loop. Call from any thread."""
        self._results.append(deliver)
        if not self._called:
            self._called = True
            try:
                self._loop.call_soon_threadsafe(self._deliver)
            except RuntimeError:  # the loop has closed: nobody waits any more
                self._results.clear()

    def _deliver(self) -> None:
        self._called = False
        while self._results:
            self._results.popleft()()
