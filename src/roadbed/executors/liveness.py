"""Liveness: how long a child process gave no sign of life although it could have given one.

On a busy machine a process waits for a processor, and this process reads late what a child wrote.
Neither says anything about a decider. So the time in which the child waited for a processor does
not count, nor the time in which this process was late. Where the kernel does not tell how long a
process waited, all time counts.
Source: Linux, Documentation/scheduler/sched-stats, section ``/proc/<pid>/schedstat``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_LOADS_AGAIN = 2.0  # times the longest silence before a first answer
_NANOSECONDS = 1e9


class Silence:
    """Time of one child without a sign of life. Times are seconds of one monotonic clock.

    ``longest`` is the longest silence so far.
    """

    def __init__(self, now: float) -> None:
        self._sign_at = self._measured_at = now
        self._seconds = 0.0
        self._waits: Mapping[str, float] = {}
        self.longest = 0.0
        self.has_answered = False

    def end(self, now: float) -> None:
        """The child gave a sign of life."""
        self.longest = max(self.longest, now - self._sign_at)
        self._sign_at = now

    def restart(self, now: float) -> None:
        """From now on a sign of life is expected."""
        self._sign_at = now

    def elapsed(self, now: float) -> float:
        """The time since the last sign of life, all of it."""
        return now - self._sign_at

    def measured(self, now: float, pid: int | None, *, period: float) -> float:
        """The time since the last sign of life that counts. Call it every ``period`` seconds.

        A call that comes late counts as one ``period``.
        """
        if self._sign_at >= self._measured_at:
            self._seconds = 0.0
        since = max(self._sign_at, self._measured_at)
        waits = waited_seconds(pid) if pid is not None else {}
        waited = max((at - self._waits.get(name, 0.0) for name, at in waits.items()), default=0.0)
        self._waits, self._measured_at = waits, now
        self._seconds += max(0.0, min(now - since, period) - waited)
        return self._seconds


@dataclass(slots=True, kw_only=True)
class Patience:
    """How many ``seconds`` of silence the children of one decider may give while calls run.

    A new child may load what its decider uses first. It gets twice the longest time that others
    took to their first answer, ``at_first``; without a limit as long as none has answered.
    """

    seconds: float
    at_first: float = math.inf

    def of(self, silence: Silence) -> float:
        """How long the child with this silence may be silent."""
        return self.seconds if silence.has_answered else max(self.seconds, self.at_first)

    def learn(self, silence: Silence) -> None:
        """A child has answered."""
        if not silence.has_answered:
            silence.has_answered = True
            known = 0.0 if math.isinf(self.at_first) else self.at_first
            self.at_first = max(known, _LOADS_AGAIN * silence.longest)


def waited_seconds(pid: int) -> Mapping[str, float]:
    """How long each thread of a process has waited for a processor, by the thread's id.

    Empty where the process has ended or the kernel does not count it.
    """
    waits = {}
    try:
        for thread in Path(f"/proc/{pid}/task").iterdir():
            _, waited, _ = (thread / "schedstat").read_text(encoding="ascii").split()
            waits[thread.name] = int(waited) / _NANOSECONDS
    except (OSError, ValueError):
        return waits
    return waits
