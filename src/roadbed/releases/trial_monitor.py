"""Verbs: ``look`` at a trial and end it where it harms; ``watch`` does so for good."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import structlog
from psycopg.types.json import Jsonb

from roadbed.guarantee.certificates import plain
from roadbed.kernel.clock import Clock
from roadbed.kernel.json import flat
from roadbed.releases import lifecycle, trial_statistics
from roadbed.releases.gate import GateService
from roadbed.releases.release_log import ReleaseLog
from roadbed.releases.repository import ReleaseRepository
from roadbed.releases.rollback import Rollback
from roadbed.storage.background import Warnings
from roadbed.storage.database import Database
from roadbed.storage.sql import queries
from roadbed.versions.deployments import Deployments
from roadbed.versions.errors import ArtifactMissingError
from roadbed.versions.model import Release
from roadbed.versions.store import Runnable

_SQL = queries(__package__)
_LOOK_SECONDS = 0.5
_LOOK_ANYWAY_SECONDS = 10.0  # a file may be damaged without a task or a verdict
_REST = 5.0  # times as long as a look took: a long trial must not keep its server busy
_PORTION = 2_000
_SHOWN = 240  # characters of an input
_log = structlog.get_logger("roadbed")


class TrialMonitor:
    """Reads what live version and candidate said to the same tasks."""

    def __init__(
        self,
        *,
        database: Database,
        registry: Deployments,
        book: ReleaseRepository,
        gate: GateService,
        falling: Rollback,
        journal: ReleaseLog,
        clock: Clock,
    ) -> None:
        self._database = database
        self._registry = registry
        self._book = book
        self._gate = gate
        self._falling = falling
        self._journal = journal
        self._clock = clock
        self._seen: dict[str, tuple[float, float, object]] = {}  # looked at, rests until, what

    async def look(self, release_id: str) -> Release:
        """Read the trial as it stands, keep the reading, and roll back on a breach.

        A candidate that cannot run any more is rolled back, too: one whose files are missing or
        damaged, or do not load. Whatever else keeps it from being opened is no fault of it, and
        raised: ``StorageUnavailableError``, ``VersionsFolderError``, ``ResourceExhaustedError``.
        """
        release = await self._book.get(release_id)
        if release.step not in lifecycle.TRIALS:
            return release
        try:
            found = await self._gate.open(release.use_case, release.behaviour)
        except ArtifactMissingError as error:
            await self._fall(release, f"The candidate cannot run: {error.problem}")
            return await self._book.get(release_id)
        trial = await self._reading(release, found)
        await self._keep(release, trial)
        if trial["breach"]:
            await self._fall(release, trial_statistics.why_fell(release.number, trial["breach"]))
        return await self._book.get(release_id)

    async def watch(self, names: Callable[[], Sequence[str]]) -> None:
        """Look whenever there is something new, until cancelled."""
        warnings = Warnings()
        while True:
            for name in names():
                with warnings.caught("trial not looked at", usecase=name):
                    await self._look_if_new(name)
            await asyncio.sleep(_LOOK_SECONDS)

    async def _look_if_new(self, name: str) -> None:
        pulse = await self._database.fetch_one(_SQL["trial_pulse"], {"use_case": name})
        if pulse is None:
            self._seen.pop(name, None)
            return
        began = self._clock.monotonic()
        at, rests, seen = self._seen.get(name, (-_LOOK_ANYWAY_SECONDS, began, None))
        if began >= rests and (pulse != seen or began - at >= _LOOK_ANYWAY_SECONDS):
            await self.look(pulse["id"])
            ended = self._clock.monotonic()
            self._seen[name] = (began, ended + _REST * (ended - began), pulse)

    async def _reading(self, release: Release, found: Runnable) -> dict[str, Any]:
        since = release.canary_at if release.step == "canary" else release.shadow_at
        rows = await self._compared(release, since)
        trial = await asyncio.to_thread(
            trial_statistics.reading,
            rows,
            step=release.step,
            plan=release.plan,
            gate=release.gate or {},
            since=since,
            declared=found.loaded.declared,
        )
        ids = [item["task"] for item in trial["differ"]]
        inputs = await self._inputs(ids) if ids else {}
        for entry in trial["differ"]:
            entry["input"] = flat(inputs.get(entry["task"]))[:_SHOWN]
        return {**plain(trial), "at": self._clock.now().isoformat()}

    async def _compared(self, release: Release, since: datetime | None) -> list[Mapping[str, Any]]:
        rows: list[Mapping[str, Any]] = []
        facts = {
            "release": release.id,
            "authors": list(release.authors),
            "since": since,
            "after": "",
            "most": _PORTION,
        }
        while some := await self._database.fetch(_SQL["compared"], facts):
            rows += some
            facts["after"] = some[-1]["task_id"]
        return rows

    async def _inputs(self, ids: Sequence[str]) -> dict[str, Mapping[str, Any]]:
        rows = await self._database.fetch(_SQL["inputs"], {"ids": list(ids)})
        return {row["id"]: row["input"] for row in rows}

    async def _keep(self, release: Release, trial: Mapping[str, Any]) -> None:
        holders = await self._book.holders(release.id)
        async with self._database.transaction() as connection:
            now, _ = await self._book.hold(connection, release.id, holders)
            if now.step != release.step:
                return
            await connection.execute(
                _SQL["keep_trial"], {"id": release.id, "trial": Jsonb(dict(trial))}
            )
            after, _ = await self._book.hold(connection, release.id, holders)
            await self._journal.wait_of(connection, after)
            before = now.trial or {}
            if trial["ready"] and not (before.get("ready") and before["step"] == trial["step"]):
                await self._journal.tell_pod(
                    connection,
                    release.use_case,
                    "release",
                    f"{release.use_case}: the {release.step} of release {release.number} has "
                    f"compared {trial['compared']:,} tasks. It waits for somebody to take it on.",
                    waits=release.id,
                )

    async def _fall(self, release: Release, why: str) -> None:
        if await self._falling.end_trial(release, actor="roadbed", why=why):
            _log.warning("rolled back", usecase=release.use_case, release=release.id, reason=why)
            await self._registry.refresh(release.use_case)
