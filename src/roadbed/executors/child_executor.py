"""Child executor: sends the calls of one decider to its child processes.

A child that hangs, ends or blocks harms no other task. It is ended and replaced. The other inputs
that it held are tried again, each alone, so that only the input at fault fails. An input that fails
twice in this way is not tried again for a while.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections import OrderedDict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import structlog

from roadbed.executors import wire
from roadbed.executors.children import Child
from roadbed.executors.in_process import (
    LARGEST_BATCH,
    MOST_THREADS,
    DeciderCall,
    Failed,
    HungThreads,
)
from roadbed.executors.isolated import (
    KEPT_SECONDS,
    ChildFailedError,
    IsolatedDecider,
    ready_child,
)
from roadbed.executors.liveness import Patience, Silence
from roadbed.kernel.secrets import mask
from roadbed.kernel.stored_sentences import stored_sentence

_log = structlog.get_logger()
MOST_STRIKES = 2
REST_SECONDS = 600.0
_MOST_COROUTINES = 256
_MOST_REMEMBERED = 10_000
_CROWDED_SECONDS = 0.05  # how long work waits before a second child is started
_PATIENCE_SECONDS = 1.0  # how long several inputs may go without any sign of life, see Silence
_MOST_PATIENCE_SECONDS = 10.0  # how long a cancelled coroutine may take on a busy machine
_PAUSE_SECONDS = 5.0  # after children did not start
_MOST_LINES, _LINES_SECONDS = 100, 10.0  # that a child's decider may print
_LONGEST_LINE = 2_000


class ChildExecutor:
    """Asks the children of one decider. Call it from the event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, decider: IsolatedDecider) -> None:
        self.losses = HungThreads(most=1)  # never stuck: a child that hangs is replaced
        self.patience = Patience(seconds=_PATIENCE_SECONDS)
        self.decider = decider
        self._loop = loop
        self._waiting: deque[DeciderCall] = deque()
        self._suspects: deque[DeciderCall] = deque()
        self._workers: list[Worker] = []
        self._strikes: OrderedDict[str, tuple[int, float]] = OrderedDict()
        self._crowded: asyncio.TimerHandle | None = None
        self._paused_until = 0.0
        self._pause_reason = ""
        self._groups: dict[DeciderCall, _Group] = {}
        self.closed = False

    def put(self, call: DeciderCall) -> None:
        if reason := self._refusal(call):
            call.give(Failed(reason))
            return
        self._waiting.append(call)
        self.next()

    def expire(self, call: DeciderCall) -> None:
        """``call`` is past its deadline, and its result is no longer needed."""
        for queue in (self._waiting, self._suspects):
            if call in queue:
                queue.remove(call)
        for worker in self._workers:
            worker.expire(call)
        self.next()

    def close(self) -> None:
        """End the children."""
        self.closed = True
        for worker in list(self._workers):
            worker.close()
        self._workers.clear()
        while self.decider.spare:
            self.decider.spare.pop().close()

    def next(self) -> None:
        """Give waiting calls to children with free capacity; start a child if there is none."""
        if self.closed:
            return
        self._next_suspect()
        while self._waiting:
            worker = next((one for one in self._normal() if one.capacity > 0), None)
            if worker is None:
                self._crowd()
                return
            count = min(worker.capacity, len(self._waiting))
            worker.take([self._waiting.popleft() for _ in range(count)])

    def suspect(self, calls: Sequence[DeciderCall]) -> None:
        """Ask each again, alone: one of them hung or ended its child."""
        living = [call for call in calls if not call.result.done()]
        group = _Group(left=len(living))
        for call in living:
            self._groups[call] = group
            call.result.add_done_callback(partial(self._cleared, call))
        self._suspects += living

    def strike(self, call: DeciderCall) -> None:
        """``call`` hung or ended a child that held nothing else."""
        if group := self._groups.get(call):
            group.guilty = True
        name = _fingerprint(call)
        count, _ = self._strikes.pop(name, (0, 0.0))
        self._strikes[name] = (count + 1, self._loop.time())
        if len(self._strikes) > _MOST_REMEMBERED:
            self._strikes.popitem(last=False)

    def gone(self, worker: Worker, reason: str) -> None:
        """A worker's child has ended. Its calls are repeated or fail."""
        if worker in self._workers:
            self._workers.remove(worker)
        calls = worker.living()
        if not worker.ready:
            self._pause(reason)
        elif worker.excused:  # ended by us for what another call did
            self._waiting.extendleft(reversed(calls))
        elif len(calls) == 1 and not worker.doubtful:
            self.strike(calls[0])
            calls[0].give(
                Failed(
                    stored_sentence(
                        "%(reason)s while it decided.", reason=reason[:1].upper() + reason[1:]
                    )
                )
            )
        else:
            self.suspect(calls)
        self.next()

    def is_extra(self, worker: Worker) -> bool:
        """Whether ``worker`` is one beyond the first, which always stays."""
        return worker.alone or worker not in self._normal()[:1]

    def dismiss(self, worker: Worker) -> None:
        """Let go of a worker that had nothing to do for a while."""
        if worker in self._workers:
            self._workers.remove(worker)
        worker.close()

    def _next_suspect(self) -> None:
        quarantine = [worker for worker in self._workers if worker.alone and not worker.retired]
        for worker in quarantine:
            if self._suspects and worker.capacity > 0:
                worker.take([self._suspects.popleft()])
        if self._suspects and len(quarantine) < self.decider.processes and not self._is_paused():
            self._start(alone=True)

    def _normal(self) -> list[Worker]:
        return [worker for worker in self._workers if not worker.alone and not worker.retired]

    def _crowd(self) -> None:
        """All children are busy: start the first at once, others later while work waits."""
        if self._is_paused():
            while self._waiting:
                self._waiting.popleft().give(Failed(self._pause_reason))
            return
        normal = self._normal()
        if not normal:
            self._start(alone=False)
            return
        wanted = len(normal) < self.decider.processes and all(worker.ready for worker in normal)
        if wanted and self._crowded is None:
            self._crowded = self._loop.call_later(_CROWDED_SECONDS, self._start_another)

    def _start_another(self) -> None:
        self._crowded = None
        normal = self._normal()
        full = all(worker.capacity <= 0 for worker in normal)
        if self._waiting and full and len(normal) < self.decider.processes and not self.closed:
            self._start(alone=False)

    def _start(self, *, alone: bool) -> None:
        worker = Worker(self, alone=alone)
        self._workers.append(worker)
        worker.begin()

    def _pause(self, reason: str) -> None:
        """A child did not start: fail the waiting calls, and try again later."""
        self._paused_until = self._loop.time() + _PAUSE_SECONDS
        self._pause_reason = stored_sentence(
            "Its process does not start: %(reason)s.", reason=reason
        )
        for queue in (self._waiting, self._suspects):
            while queue:
                queue.popleft().give(Failed(self._pause_reason))

    def _is_paused(self) -> bool:
        return self._loop.time() < self._paused_until

    def _refusal(self, call: DeciderCall) -> str:
        """Why an input is not repeated; empty if it is."""
        if not self._strikes:
            return ""
        name = _fingerprint(call)
        count, at = self._strikes.get(name, (0, 0.0))
        if count and self._loop.time() - at > REST_SECONDS:
            del self._strikes[name]
            return ""
        if count < MOST_STRIKES:
            return ""
        return stored_sentence(
            "This input hung or ended the decider's process %(count)s times; it is asked "
            "again after %(minutes)s min.",
            count=count,
            minutes=format(REST_SECONDS / 60, "g"),
        )

    def _cleared(self, call: DeciderCall, _: object) -> None:
        """One suspect is over. Where none was guilty, the group was only slow: wait longer."""
        group = self._groups.pop(call, None)
        if group is None:
            return
        group.left -= 1
        if group.left == 0 and not group.guilty:
            self.patience.seconds *= 2


@dataclass(slots=True, kw_only=True)
class _Group:
    """Calls that were running in a child when it was stopped."""

    left: int
    guilty: bool = False


class Worker:
    """One child with the calls it holds."""

    def __init__(self, executor: ChildExecutor, *, alone: bool) -> None:
        self._executor = executor
        self._loop = asyncio.get_running_loop()
        self.alone = alone
        self.ready = False
        self.retired = False
        self.excused = False  # ended by this process, not because of its calls
        self.doubtful = False  # ended by us, for one of those it holds
        self._child: Child | None = None
        self._starting: asyncio.Task[None] | None = None
        self._calls: dict[int, DeciderCall] = {}
        self._overdue: set[int] = set()
        self._last_number = 0
        self._silence = Silence(self._loop.time())
        self._lines, self._lines_at = 0, 0.0
        self._watch: asyncio.TimerHandle | None = None
        self._idle: asyncio.TimerHandle | None = None
        decider = executor.decider
        self._kind = decider.kind
        most = {"trainable": LARGEST_BATCH, "function": MOST_THREADS}
        self._most = 1 if alone else most.get(self._kind, _MOST_COROUTINES)

    @property
    def capacity(self) -> int:
        """How many more calls this child takes now."""
        if not self.ready or self.retired:
            return 0
        if self._kind == "trainable" and self._calls:
            return 0
        return self._most - len(self._calls) - len(self._overdue)

    def living(self) -> list[DeciderCall]:
        """Its calls that still have a waiting caller."""
        return [call for call in self._calls.values() if not call.result.done()]

    def begin(self) -> None:
        """Take a child that is ready, or start one."""
        spare = self._executor.decider.spare
        while spare and not self.alone:
            child = spare.pop()
            if child.alive:
                self._use(child)
                self._loop.call_soon(self._executor.next)
                return
        self._starting = self._loop.create_task(self._start())

    def take(self, calls: Sequence[DeciderCall]) -> None:
        """Send calls to the child."""
        assert self._child is not None
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None
        content = []
        for call in calls:
            self._last_number += 1
            call.started = True
            self._calls[self._last_number] = call
            content.append(
                {
                    "number": self._last_number,
                    "input": call.content,
                    "context": wire.write_context(call.context),
                    **({"shown": shown} if (shown := call.decider.shown) else {}),
                }
            )
        # Only a batch is answered in one frame.
        together = 1
        if self._kind == "trainable":
            together = len(self._calls) + len(self._overdue)
        self._child.largest = wire.largest_of(together)
        self._child.send({"calls": content})
        if self._watch is None:  # else it is asked for signs of life all the time
            self._silence.restart(self._loop.time())
        self._watch_over()

    def expire(self, call: DeciderCall) -> None:
        """``call`` is past its deadline. Cancel it where that is possible, else end the child."""
        number = next((key for key, held in self._calls.items() if held is call), None)
        if number is None or self._child is None:
            return
        only = len(self._calls) == 1 and not self._overdue
        del self._calls[number]
        self._overdue.add(number)
        if self._kind == "coroutine" and not self.alone:
            self._child.send({"cancel": number})
            silence = Silence(self._loop.time())
            self._loop.call_later(
                _PATIENCE_SECONDS / 2, self._end_unless_cancelled, number, call, silence
            )
            return
        if only:  # among several, any of them may be at fault
            self._executor.strike(call)
        self.retired = True
        self._end_if_empty()

    def close(self) -> None:
        """End the child; its calls are not repeated."""
        self._stop_timers()
        if self._starting is not None:
            self._starting.cancel()
        if self._child is not None:
            self._child.close()

    async def _start(self) -> None:
        decider = self._executor.decider
        try:
            child, _ = await ready_child(decider.server, decider.source, "decide")
        except ChildFailedError as error:
            self._executor.gone(self, error.sentence)
            return
        if self._executor.closed:
            child.close()
            return
        self._use(child)
        self._executor.next()

    def _use(self, child: Child) -> None:
        child.received, child.ended = self._received, self._ended
        child.largest = wire.largest_of(0)
        self._child, self.ready = child, True

    def _received(self, content: Mapping[str, Any] | bytes) -> None:
        self._silence.end(self._loop.time())
        if isinstance(content, bytes):
            return
        if "printed" in content:
            self._print(str(content["printed"])[:_LONGEST_LINE])
        if "answers" in content:
            self._executor.patience.learn(self._silence)
            for answer in wire.answers(content):
                self._answered(answer)
            self._end_if_empty()
            if not self._calls and self._watch is not None:
                self._watch.cancel()
                self._watch = None
            self._rest()
            self._executor.next()

    def _print(self, text: str) -> None:
        """Log one line of a decider's output; the number of lines is limited."""
        now = self._loop.time()
        if now - self._lines_at >= _LINES_SECONDS:
            self._lines, self._lines_at = 0, now
        self._lines += 1
        if self._lines > _MOST_LINES:
            if self._lines > _MOST_LINES + 1:
                return
            text = f"more than {_MOST_LINES} lines in {_LINES_SECONDS:g} s; the others are left out"
        named = self._executor.decider.source.use_case
        _log.info("a decider printed", usecase=named, text=mask(text))

    def _answered(self, answer: Mapping[str, Any]) -> None:
        number: int = answer["number"]
        if number in self._overdue:
            self._overdue.discard(number)
            return
        call = self._calls.pop(number, None)
        if call is None:
            return
        if "failed" in answer:
            call.give(Failed(str(answer["failed"])))
            return
        try:
            call.give(wire.read_answer(answer, call.output))
        except Exception as error:  # a validator of the pod's own may raise anything
            call.give(
                Failed(
                    stored_sentence(
                        "its answer cannot be read: %(name)s", name=type(error).__name__
                    )
                )
            )

    def _ended(self, reason: str) -> None:
        self._stop_timers()
        self._executor.gone(self, reason)

    def _end_if_empty(self) -> None:
        if self.retired and not self.living() and self._child is not None:
            self.excused = True
            self._child.kill()

    def _end_unless_cancelled(self, number: int, call: DeciderCall, silence: Silence) -> None:
        """A coroutine that is not cancelled in time blocks the loop of its child."""
        if number in self._overdue and self._child is not None and self._child.alive:
            now, period = self._loop.time(), _PATIENCE_SECONDS / 2
            counted = silence.measured(now, self._child.pid, period=period)
            if counted < _PATIENCE_SECONDS and silence.elapsed(now) < _MOST_PATIENCE_SECONDS:
                self._loop.call_later(period, self._end_unless_cancelled, number, call, silence)
                return
            self._executor.strike(call)
            self._give_up(excused=True)

    def _watch_over(self) -> None:
        if self._watch is None and len(self._calls) > 1:
            self._watch = self._loop.call_later(self._period(), self._check_activity)

    def _period(self) -> float:
        """How often to look for a sign of life."""
        return min(self._executor.patience.seconds, self._longest_wait()) / 2

    def _longest_wait(self) -> float:
        """How long to wait in any case: time has to be left to ask each call again."""
        return min(call.context.deadline_seconds for call in self._calls.values()) / 2

    def _check_activity(self) -> None:
        """Several calls are running: check for any activity."""
        self._watch = None
        if len(self._calls) < 2 or self._child is None or self.retired:
            return
        now = self._loop.time()
        counted = self._silence.measured(now, self._child.pid, period=self._period())
        patience = self._executor.patience.of(self._silence)
        if counted >= patience or self._silence.elapsed(now) >= self._longest_wait():
            self._give_up(excused=False)
            return
        if self._kind != "trainable":
            self._child.send({"ping": 1})
        self._watch_over()

    def _give_up(self, *, excused: bool) -> None:
        assert self._child is not None
        self.retired = True
        self.excused, self.doubtful = excused, not excused
        self._child.kill()

    def _rest(self) -> None:
        """A child beyond the first is kept for a while only."""
        if self._executor.is_extra(self) and not self._calls and self._idle is None:
            self._idle = self._loop.call_later(KEPT_SECONDS, self._leave)

    def _leave(self) -> None:
        self._idle = None
        if not self._calls:
            self._executor.dismiss(self)

    def _stop_timers(self) -> None:
        for timer in (self._watch, self._idle):
            if timer is not None:
                timer.cancel()
        self._watch = self._idle = None


def _fingerprint(call: DeciderCall) -> str:
    content = json.dumps(call.content, sort_keys=True, default=str)
    return hashlib.sha256(content.encode(errors="surrogatepass")).hexdigest()
