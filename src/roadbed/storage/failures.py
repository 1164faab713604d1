"""What a process cannot do in the background now, for people to see (insight/failures.py)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace

OVER_SECONDS = 120.0  # a failure that did not come again for so long is over
_LONGEST_PROBLEM = 300


@dataclass(frozen=True, kw_only=True, slots=True)
class Failure:
    """Work that cannot be done now. ``since`` and ``last`` are seconds of the monotonic clock."""

    work: str
    about: tuple[tuple[str, str], ...]
    problem: str
    since: float
    last: float
    times: int


class Failures:
    """The failures of one process. A loop reports to those of ``reported_to``."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._standing: dict[tuple[object, ...], Failure] = {}

    def add(self, work: str, about: dict[str, str], problem: str) -> None:
        """Work failed, perhaps again."""
        now = self._monotonic()
        key, facts = (work, *about.values()), tuple(about.items())
        known = self._standing.get(key)
        problem = (problem.strip().splitlines() or [""])[0][:_LONGEST_PROBLEM].replace("\0", "")
        if known is None:
            self._standing[key] = Failure(
                work=work, about=facts, problem=problem, since=now, last=now, times=1
            )
        else:
            again = known.times + 1
            self._standing[key] = replace(known, problem=problem, last=now, times=again)

    def succeeded(self, work: str, about: dict[str, str]) -> None:
        """The work was done."""
        self._standing.pop((work, *about.values()), None)

    def standing(self) -> Sequence[Failure]:
        """What cannot be done now."""
        now = self._monotonic()
        for key, failure in list(self._standing.items()):
            if now - failure.last > OVER_SECONDS:
                del self._standing[key]
        return list(self._standing.values())


REPORTED: ContextVar[Failures | None] = ContextVar("failures", default=None)


@contextmanager
def reported_to(failures: Failures) -> Iterator[None]:
    """What fails in here, and in tasks begun in here, people see as a failure of this process."""
    token = REPORTED.set(failures)
    try:
        yield
    finally:
        REPORTED.reset(token)
