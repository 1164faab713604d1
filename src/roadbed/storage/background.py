"""What a background loop could not do: in the log without flooding it, and for people to see."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace

import structlog

from roadbed.kernel.errors import RoadbedError

EVERY_SECONDS = 60.0
OVER_SECONDS = 120.0  # a failure that did not come again for so long is over
_LONGEST_PROBLEM = 300
_log = structlog.get_logger("roadbed")


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


_reported: ContextVar[Failures | None] = ContextVar("failures", default=None)


@contextmanager
def reported_to(failures: Failures) -> Iterator[None]:
    """What fails in here, and in tasks begun in here, people see as a failure of this process."""
    token = _reported.set(failures)
    try:
        yield
    finally:
        _reported.reset(token)


class Warnings:
    """Writes each problem of each kind of work once a minute at most, with how often it came."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._said: dict[tuple[object, ...], tuple[float, int]] = {}

    @contextmanager
    def caught(self, not_done: str, **about: str) -> Iterator[None]:
        """Go on after any error with a warning that says what was not done.

        Also after one that nobody foresaw: the fault of one item never stops its neighbours.
        """
        try:
            yield
        except Exception as error:
            self.say(not_done, error, **about)
        else:
            if (failures := _reported.get()) is not None:
                failures.succeeded(not_done, about)

    def say(self, not_done: str, error: Exception, **about: str) -> None:
        """Warn that something was not done, and why; ``about`` says for whom."""
        kind = error.code if isinstance(error, RoadbedError) else type(error).__name__
        problem = str(error) if isinstance(error, RoadbedError) else f"{kind}: {error}"
        if (failures := _reported.get()) is not None:
            failures.add(not_done, about, problem)
        known = (not_done, kind, *about.values())
        now = self._monotonic()
        said_at, unsaid = self._said.get(known, (now - EVERY_SECONDS, 0))
        if now - said_at < EVERY_SECONDS:
            self._said[known] = (said_at, unsaid + 1)
            return
        for old in [key for key, (at, _) in self._said.items() if now - at > 2 * EVERY_SECONDS]:
            del self._said[old]
        self._said[known] = (now, 0)
        more = {"times_before": unsaid} if unsaid else {}
        _log.warning(not_done, **about, problem=problem, **more)
