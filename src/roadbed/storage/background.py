"""Warnings of background loops: rate-limited in the log, and listed for people."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog

from roadbed.kernel.errors import RoadbedError
from roadbed.storage.failures import REPORTED

EVERY_SECONDS = 60.0
_log = structlog.get_logger("roadbed")


class Warnings:
    """Logs each problem of each kind of work at most once a minute, with its count."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._said: dict[tuple[object, ...], tuple[float, int]] = {}

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
        said_at, unsaid = self._said.get(known, (now - EVERY_SECONDS, 0))
        if now - said_at < EVERY_SECONDS:
            self._said[known] = (said_at, unsaid + 1)
            return
        for old in [key for key, (at, _) in self._said.items() if now - at > 2 * EVERY_SECONDS]:
            del self._said[old]
        self._said[known] = (now, 0)
        more = {"times_before": unsaid} if unsaid else {}
        _log.warning(not_done, **about, problem=problem, **more)
