"""Failures of background work in one process; ``insight.failures`` stores them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace

OVER_SECONDS = 120.0  # a failure that did not recur for this long is over
_LONGEST_PROBLEM = 300


@dataclass(frozen=True, kw_only=True, slots=True)
class Failure:
    """Work that fails now. ``since`` and ``last`` are seconds of the monotonic clock."""

    work: str
    about: tuple[tuple[str, str], ...]
    problem: str
    since: float
    last: float
    times: int


class Failures:
    """The failures of one process. Loops report to the board of ``reported_to``."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._standing: dict[tuple[object, ...], Failure] = {}

    def add(self, work: str, about: dict[str, str], problem: str) -> None:
        """Record a failure of work."""
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
        """Record that the work succeeded."""
        self._standing.pop((work, *about.values()), None)

    def standing(self) -> Sequence[Failure]:
        """The current failures."""
        now = self._monotonic()
        for key, failure in list(self._standing.items()):
            if now - failure.last > OVER_SECONDS:
                del self._standing[key]
        return list(self._standing.values())


REPORTED: ContextVar[Failures | None] = ContextVar("failures", default=None)


@contextmanager
def reported_to(failures: Failures) -> Iterator[None]:
    """Report failures in this context, and in tasks started in it, to ``failures``."""
    token = REPORTED.set(failures)
    try:
        yield
    finally:
        REPORTED.reset(token)
