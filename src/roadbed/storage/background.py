"""Warnings of background loops: rate-limited in the log, and listed for people."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import structlog

from roadbed.kernel.errors import RoadbedError
from roadbed.storage.failures import REPORTED

EVERY_SECONDS = 60.0
_log = structlog.get_logger("roadbed")


class Warnings:
    """Logs each problem of each kind of work at most once a minute, with its count."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._said: dict[tuple[object, ...], _Said] = {}

    @contextmanager
    def caught(self, not_done: str, **about: str) -> Iterator[None]:
        """Catch any error and log a warning that says what was not done.

        Unexpected errors too: an error of one item never stops the other items.
        """
        try:
            yield
        except Exception as error:
            self.say(not_done, error, **about)
        else:
            if (failures := REPORTED.get()) is not None:
                failures.succeeded(not_done, about)

    def say(self, not_done: str, error: Exception, **about: str) -> None:
        """Warn that something was not done, and why; ``about`` says for whom."""
        kind = error.code if isinstance(error, RoadbedError) else type(error).__name__
        problem = str(error) if isinstance(error, RoadbedError) else f"{kind}: {error}"
        if (failures := REPORTED.get()) is not None:
            failures.add(not_done, about, problem)
        known = (not_done, kind, *about.values())
        now = self._monotonic()
        said = self._said.get(known)
        if said is not None and now - said.at < EVERY_SECONDS:
            said.unsaid += 1
            return
        for old in [key for key, item in self._said.items() if now - item.at > 2 * EVERY_SECONDS]:
            del self._said[old]
        line = {**about, "problem": problem}
        self._said[known] = _Said(at=now, event=not_done, line=line)
        more = {"times_before": said.unsaid} if said is not None and said.unsaid else {}
        _log.warning(not_done, **line, **more)

    def summarize(self) -> bool:
        """Log the count of what was left out in a minute that is over; whether some is left."""
        now = self._monotonic()
        for said in self._said.values():
            if said.unsaid and now - said.at >= EVERY_SECONDS:
                _log.warning(said.event, **said.line, times_before=said.unsaid)
                said.at, said.unsaid = now, 0
        return any(said.unsaid for said in self._said.values())


@dataclass(slots=True)
class _Said:
    at: float
    event: str
    line: Mapping[str, str]
    unsaid: int = 0
