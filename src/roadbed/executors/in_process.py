"""Where each kind of decider runs, off the event loop: batches, plain functions, coroutines."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from pydantic import BaseModel

from roadbed.executors.threads import DeciderThreads, HungThreads, ResultQueue
from roadbed.usecases.decider import Context, Trainable

LARGEST_BATCH = 64
MOST_THREADS = 16


@dataclass(slots=True, eq=False)
class DeciderCall:
    """One input under way. ``result`` gets what the decider gave or the exception it raised.

    ``content`` is the input as JSON and ``output`` the declared model: what a child process needs.
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
        except Exception:  # an exception of a pod's own may not be able to say what it is
            told = type(error).__name__
        self.sentence = told[:500]


class BatchExecutor:
    """Gathers inputs for a trainable: whatever waits when it is free becomes the next batch."""

    def __init__(self, name: str, loop: asyncio.AbstractEventLoop) -> None:
        self._bench = DeciderThreads(name, most=2)
        self._home = ResultQueue(loop)
        self._waiting: deque[DeciderCall] = deque()
        self._working: list[DeciderCall] | None = None

    @property
    def losses(self) -> HungThreads:
        return self._bench.losses

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
        self._bench.close()

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
        self._bench.put(lambda: self._work(decider, batch))

    def _work(self, decider: Trainable, batch: list[DeciderCall]) -> None:
        results = decide_batch(decider, [call.input for call in batch])
        self._home.send(lambda: self._finish(batch, results))

    def _finish(self, batch: list[DeciderCall], results: list[object]) -> None:
        for call, result in zip(batch, results, strict=True):
            call.give(result)
        if self._working is batch:
            self._working = None
        else:
            self.losses.recover()
        self._next()


def decide_batch(decider: Trainable, inputs: list[BaseModel]) -> list[object]:
    """Results in order. A batch that fails is taken apart, so that one input harms itself only."""
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
    """Runs a plain function, one call a job."""

    def __init__(self, name: str, loop: asyncio.AbstractEventLoop) -> None:
        self._bench = DeciderThreads(name, most=MOST_THREADS)
        self._home = ResultQueue(loop)

    @property
    def losses(self) -> HungThreads:
        return self._bench.losses

    def put(self, call: DeciderCall) -> None:
        self._bench.put(lambda: self._work(call))

    def expire(self, call: DeciderCall) -> None:
        if call.started:
            self.losses.add()

    def close(self) -> None:
        self._bench.close()

    def _work(self, call: DeciderCall) -> None:
        if call.result.done():  # its deadline passed while it waited for a thread
            return
        call.started = True
        try:
            value: object = call.decider(call.input, call.context)
        except (Exception, SystemExit, KeyboardInterrupt) as error:
            value = Failed(error)
        self._home.send(lambda: self._finish(call, value))

    def _finish(self, call: DeciderCall, value: object) -> None:
        if call.result.done():
            self.losses.recover()
        call.give(value)


class CoroutineExecutor:
    """Runs coroutines on an event loop of their own; one that blocks it gets it replaced."""

    def __init__(self, name: str, loop: asyncio.AbstractEventLoop) -> None:
        self._name = name
        self._main = loop
        self._home = ResultQueue(loop)
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
                self._home.send(self.losses.recover)

        threading.Thread(target=work, name=f"decider-{self._name}", daemon=True).start()
        return loop

    async def _work(self, call: DeciderCall) -> None:
        self._home.send(partial(call.give, await result_of(call)))


def _end_tasks(loop: asyncio.AbstractEventLoop) -> None:
    """Cancel what is under way on a stopped loop; one that has not begun is never awaited else."""
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
    """What a coroutine gave, or what it raised."""
    try:
        value: object = await call.decider(call.input, call.context)
    except (Exception, SystemExit, KeyboardInterrupt, asyncio.CancelledError) as error:
        return Failed(error)
    return value


Place = BatchExecutor | FunctionExecutor | CoroutineExecutor


def is_coroutine(decider: object) -> bool:
    """Whether calling ``decider`` gives a coroutine."""
    return asyncio.iscoroutinefunction(decider) or asyncio.iscoroutinefunction(
        getattr(decider, "__call__", None)  # noqa: B004 - objects with an async __call__
    )
