"""Jobs, and the kinds that their owners register."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from roadbed.kernel.json import Json, JsonObject


class JobState(StrEnum):
    """The lifecycle of a job. ``done``, ``failed`` and ``cancelled`` are final."""

    WAITING = "waiting"
    RUNNING = "running"
    PAUSED = "paused"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, kw_only=True)
class Job:
    """A job as people see it. ``done`` of ``total`` units are done; ``doing`` says what is next."""

    id: str
    kind: str
    key: str
    use_case: str | None
    arguments: JsonObject
    state: JobState
    done: int
    total: int | None
    doing: str
    reason: str | None
    result: Json
    asked_by: str
    asked_at: datetime
    started_at: datetime | None
    ended_at: datetime | None


class Progress(Protocol):
    """What a running job calls."""

    async def step(self, name: str, action: Callable[[], Awaitable[Json]]) -> Json:
        """Run ``action`` on the app's event loop and keep its result, which must be JSON.

        A step is done at least once: after a crash it runs again if its result was not kept yet.
        A finished step is not repeated; its kept result is returned.
        """

    async def report(self, done: int, total: int | None, doing: str) -> None:
        """Show how far the job is: ``done`` of ``total`` units, and what it is doing, in words."""


@dataclass(frozen=True, kw_only=True)
class JobKind:
    """A kind of job, registered by its owner with ``Jobs.register``.

    ``run`` must do nothing but compute from ``arguments`` and the results of its steps, and call
    steps in the same order whenever it gets the same results: after a crash it begins again from
    the top, with the results that were kept. It does not run on the app's event loop; its steps do.

    ``follow`` is called on the app's event loop after a job is done, and may start another one. It
    is called again if the process dies meanwhile, so it must be idempotent.
    """

    name: str
    run: Callable[[Progress, JsonObject], Awaitable[Json]]
    follow: Callable[[Job], Awaitable[None]] | None = None
