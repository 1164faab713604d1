"""In-process executors: threads and event loops of this process that run deciders.

There is one executor per kind of decider: batches, plain functions, coroutines. A thread cannot be
ended from outside. A thread that hangs is written off and another one replaces it, up to a limit.
At the limit the decider is tried again now and then, until it answers. The threads are daemons, so
that a hung decider never delays the end of the process.
"""

from __future__ import annotations

import asyncio
import math
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from queue import SimpleQueue
from typing import Any

from pydantic import BaseModel

from roadbed.usecases.decider import Context, Trainable

LARGEST_BATCH = 64
MOST_THREADS = 16
TRY_AGAIN_SECONDS = 60.0
LONGEST_SECONDS = 3600.0
_PATIENCE_SECONDS = 0.02  # how long work waits before another thread is tried


@dataclass(slots=True, eq=False)
class DeciderCall:
    """One call of a decider. ``result`` gets its answer or the exception that it raised.

    ``content`` is the input as JSON and ``output`` the declared model: a child process needs both.
    """

    decider: Any
    input: BaseModel
    context: Context
    result: asyncio.Future[object]
    content: Mapping[str, Any] | None = None
    output: type[BaseModel] = BaseModel
    started: bool = False
    running: asyncio.Task[None] | None = None

    def give(self, value: object) -> None:
        if not self.result.done():
            self.result.set_result(value)


class Failed:
    """An exception of a decider, carried as a value."""

    def __init__(self, error: BaseException | str) -> None:
        try:
            told = error if isinstance(error, str) else f"{type(error).__name__}: {error}"
        except Exception:  # converting an exception of a pod to text may fail too
            told = type(error).__name__
        self.sentence = told[:500]


class HungThreads:
    """Counts hanging threads, and says when a decider that blocked all of them is tried again.

    It then gets one call a minute, and less often if that hangs too, because each call may cost
    another thread. A call that returns lets it work again, until the next thread hangs. Call from
    the event loop.
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
        """Whether so many threads hang that no work is taken."""
        return self.count - self._forgiven >= self._most

    @property
    def closed(self) -> bool:
        """Whether no thread may be started, not even for one call."""
        return self.stuck and not self._trying

    def add(self) -> None:
        """A thread is past its deadline and is written off."""
        before, tried = self.stuck, self._trying
        self.count += 1
        self._trying = False
        if tried or (self.stuck and not before):
            now = asyncio.get_running_loop().time()
            rested = not tried and now - self._try_at > LONGEST_SECONDS
            self._wait = TRY_AGAIN_SECONDS if rested else min(2 * self._wait, LONGEST_SECONDS)
            self._try_at = now + self._wait

    def recover(self) -> None:
        """A thread that was written off returned after all."""
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
        """The trial call was answered: the decider works again."""
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
        self._jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._threads = 0
        self.losses = HungThreads(most)
        self._idle = 0
        self._count = threading.Lock()
        self._growing: asyncio.TimerHandle | None = None

    def put(self, job: Callable[[], None]) -> None:
        """Queue a job. Call from the event loop."""
        self._jobs.put(job)
        if self._threads - self.losses.count <= 0:
            self._grow()
        elif self._growing is None:
            self._growing = asyncio.get_running_loop().call_later(
                _PATIENCE_SECONDS, self._grow_if_stuck
            )

    def close(self) -> None:
        """End idle threads."""
        for _ in range(self._threads):
            self._jobs.put(None)

    def _grow_if_stuck(self) -> None:
        self._growing = None
        if not self._jobs.empty():
            if self._idle == 0:
                self._grow()
            self._growing = asyncio.get_running_loop().call_later(
                _PATIENCE_SECONDS, self._grow_if_stuck
            )

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
            except RuntimeError:  # the loop has closed: there are no waiting callers
                self._results.clear()

    def _deliver(self) -> None:
        self._called = False
        while self._results:
            self._results.popleft()()


class BatchExecutor:
    """Batches inputs for a trainable: all that wait when it is free become the next batch."""

    def __init__(self, name: str, loop: asyncio.AbstractEventLoop) -> None:
        self._threads = DeciderThreads(name, most=2)
        self._results = ResultQueue(loop)
        self._waiting: deque[DeciderCall] = deque()
        self._working: list[DeciderCall] | None = None

    @property
    def losses(self) -> HungThreads:
        return self._threads.losses

    def put(self, call: DeciderCall) -> None:
        self._waiting.append(call)
        self._next()

    def expire(self, call: DeciderCall) -> None:
        """``call`` is past its deadline: stop waiting for the batch that holds it."""
        if not call.started:
            self._waiting.remove(call)
        elif self._working is not None and call in self._working:
            self._working = None
            self.losses.add()
            self._next()

    def close(self) -> None:
        self._threads.close()

    def _next(self) -> None:
        if self._working is not None or not self._waiting or self.losses.closed:
            return
        decider: Trainable = self._waiting[0].decider
        batch: list[DeciderCall] = []
        while self._waiting and len(batch) < LARGEST_BATCH and self._waiting[0].decider is decider:
            batch.append(self._waiting.popleft())
        for call in batch:
            call.started = True
        self._working = batch
        self._threads.put(lambda: self._work(decider, batch))

    def _work(self, decider: Trainable, batch: list[DeciderCall]) -> None:
        results = decide_batch(decider, [call.input for call in batch])
        self._results.send(lambda: self._finish(batch, results))

    def _finish(self, batch: list[DeciderCall], results: list[object]) -> None:
        for call, result in zip(batch, results, strict=True):
            call.give(result)
        if self._working is batch:
            self._working = None
        else:
            self.losses.recover()
        self._next()


def decide_batch(decider: Trainable, inputs: list[BaseModel]) -> list[object]:
    """Results in order. A failing batch is split, so that an input can harm only itself."""
    try:
        results: list[object] = list(decider.decide_many(inputs))
        if len(results) == len(inputs):
            return results
        error: BaseException = ValueError(f"{len(results)} answers for {len(inputs)} inputs")
    except (Exception, SystemExit) as raised:
        error = raised
    if len(inputs) == 1:
        return [Failed(error)]
    return [decide_batch(decider, [input_])[0] for input_ in inputs]


class FunctionExecutor:
    """Runs a plain function, one call per job."""

    def __init__(self, name: str, loop: asyncio.AbstractEventLoop) -> None:
        self._threads = DeciderThreads(name, most=MOST_THREADS)
        self._results = ResultQueue(loop)

    @property
    def losses(self) -> HungThreads:
        return self._threads.losses

    def put(self, call: DeciderCall) -> None:
        self._threads.put(lambda: self._work(call))

    def expire(self, call: DeciderCall) -> None:
        if call.started:
            self.losses.add()

    def close(self) -> None:
        self._threads.close()

    def _work(self, call: DeciderCall) -> None:
        if call.result.done():  # its deadline passed while it waited for a thread
            return
        call.started = True
        try:
            value: object = call.decider(call.input, call.context)
        except (Exception, SystemExit, KeyboardInterrupt) as error:
            value = Failed(error)
        self._results.send(lambda: self._finish(call, value))

    def _finish(self, call: DeciderCall, value: object) -> None:
        if call.result.done():
            self.losses.recover()
        call.give(value)


class CoroutineExecutor:
    """Runs coroutines on an event loop of their own; one that blocks it gets it replaced."""

    def __init__(self, name: str, loop: asyncio.AbstractEventLoop) -> None:
        self._name = name
        self._main = loop
        self._results = ResultQueue(loop)
        self.losses = HungThreads(MOST_THREADS)
        self._closed = False
        self._loop = self._start()

    def put(self, call: DeciderCall) -> None:
        loop = self._loop

        def begin() -> None:
            call.running = loop.create_task(self._work(call))

        loop.call_soon_threadsafe(begin)

    def expire(self, call: DeciderCall) -> None:
        """Cancel it. A loop that is free does so at once; one that takes a second is blocked."""
        suspect, answered = self._loop, threading.Event()

        def cancel() -> None:
            answered.set()
            if call.running:
                call.running.cancel()

        suspect.call_soon_threadsafe(cancel)
        self._main.call_later(1.0, self._replace_unless, answered, suspect)

    def close(self) -> None:
        self._closed = True
        self._loop.call_soon_threadsafe(self._loop.stop)

    def _replace_unless(
        self, answered: threading.Event, suspect: asyncio.AbstractEventLoop
    ) -> None:
        if not answered.is_set() and suspect is self._loop:
            self.losses.add()
            self._loop = self._start()
            suspect.call_soon_threadsafe(suspect.stop)  # once it is free again

    def _start(self) -> asyncio.AbstractEventLoop:
        loop = asyncio.new_event_loop()

        def work() -> None:
            loop.run_forever()
            _end_tasks(loop)
            loop.close()
            if not self._closed:  # it was replaced, and is free again
                self._results.send(self.losses.recover)

        threading.Thread(target=work, name=f"decider-{self._name}", daemon=True).start()
        return loop

    async def _work(self, call: DeciderCall) -> None:
        self._results.send(partial(call.give, await result_of(call)))


def _end_tasks(loop: asyncio.AbstractEventLoop) -> None:
    """Cancel the tasks of a stopped loop; a task that has not begun is not awaited otherwise."""
    if tasks := asyncio.all_tasks(loop):
        for task in tasks:
            task.cancel()
        loop.run_until_complete(asyncio.wait(tasks, timeout=1.0))


class LoopExecutor:
    """Runs coroutines on the loop it is called from: one that blocks, blocks that loop."""

    def put(self, call: DeciderCall) -> None:
        call.running = asyncio.get_running_loop().create_task(self._work(call))

    def expire(self, call: DeciderCall) -> None:
        if call.running:
            call.running.cancel()

    @staticmethod
    async def _work(call: DeciderCall) -> None:
        call.give(await result_of(call))


async def result_of(call: DeciderCall) -> object:
    """The result of a coroutine, or the exception that it raised."""
    try:
        value: object = await call.decider(call.input, call.context)
    except (Exception, SystemExit, KeyboardInterrupt, asyncio.CancelledError) as error:
        return Failed(error)
    return value


InProcessExecutor = BatchExecutor | FunctionExecutor | CoroutineExecutor


def is_coroutine(decider: object) -> bool:
    """Whether calling ``decider`` gives a coroutine."""
    return asyncio.iscoroutinefunction(decider) or asyncio.iscoroutinefunction(
        getattr(decider, "__call__", None)  # noqa: B004 - objects with an async __call__
    )
