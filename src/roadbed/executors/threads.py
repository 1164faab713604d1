"""The bench where deciders work: threads of our own, which a hung decider may keep.

A thread cannot be ended from outside. One that hangs is written off and another takes its place, up
to a limit; from then on the decider is tried now and then, until it comes back. The threads are
daemons, so that a hung decider never holds up the end of the process.
"""

from __future__ import annotations

import asyncio
import math
import threading
from collections import deque
from collections.abc import Callable
from queue import SimpleQueue

Job = Callable[[], None]
TRY_AGAIN_SECONDS = 60.0
LONGEST_SECONDS = 3600.0
_PATIENCE_SECONDS = 0.02  # how long work waits before another thread is tried


class HungThreads:
    """How many threads hang, and when a decider that took all of them is tried again.

    It gets one call a minute then, and less often where that hangs as well: each may cost another
    thread. One that comes back lets it work again, until the next thread hangs. Call from the event
    loop.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self.count = 0
        self._forgiven = 0
        self._wait = TRY_AGAIN_SECONDS
        self._try_at = -math.inf
        self._trying = False

    @property
    def stuck(self) -> bool:
        """Whether so many hang that no more work is taken."""
        return self.count - self._forgiven >= self._most

    @property
    def closed(self) -> bool:
        """Whether no thread may be started, not even for one call."""
        return self.stuck and not self._trying

    def add(self) -> None:
        """One is past its deadline and will not be waited for."""
        before, tried = self.stuck, self._trying
        self.count += 1
        self._trying = False
        if tried or (self.stuck and not before):
            now = asyncio.get_running_loop().time()
            rested = not tried and now - self._try_at > LONGEST_SECONDS
            self._wait = TRY_AGAIN_SECONDS if rested else min(2 * self._wait, LONGEST_SECONDS)
            self._try_at = now + self._wait

    def recover(self) -> None:
        """One that was written off came back after all."""
        self.count = max(self.count - 1, 0)
        self._forgiven = min(self._forgiven, self.count)

    def try_again(self) -> bool:
        """Whether one call may be made although it is stuck: the first after each pause."""
        now = asyncio.get_running_loop().time()
        if now < self._try_at:
            return False
        self._trying, self._try_at = True, now + self._wait
        return True

    def answered(self) -> None:
        """The call that was tried came back: the decider works again."""
        if self.stuck:
            self._forgiven = self.count - self._most + 1
        self._trying = False


class DeciderThreads:
    """Runs jobs on up to ``most`` threads, growing only while work waits.

    A fast decider keeps one thread busy and never pays for a second; a slow one gets more.
    """

    def __init__(self, name: str, *, most: int) -> None:
        self._name = name
        self._most = most
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._threads = 0
        self.losses = HungThreads(most)
        self._idle = 0
        self._count = threading.Lock()
        self._growing: asyncio.TimerHandle | None = None

    def put(self, job: Job) -> None:
        """Queue a job. Call from the event loop."""
        self._jobs.put(job)
        if self._threads - self.losses.count <= 0:
            self._grow()
        elif self._growing is None:
            self._growing = asyncio.get_running_loop().call_later(_PATIENCE_SECONDS, self._look)

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
        if self._threads - self.losses.count < self._most and not self.losses.closed:
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


class ResultQueue:
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
