"""The trial monitor: reports on shadow and canary, and rolls back a candidate proven worse."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import structlog
from psycopg.types.json import Jsonb

from roadbed.kernel.clock import Clock
from roadbed.kernel.json import flat, plain
from roadbed.kernel.stored_sentences import stored_sentence
from roadbed.releases import lifecycle, trial_statistics
from roadbed.releases.gate import GateService
from roadbed.releases.repository import ReleaseLog, ReleaseRepository
from roadbed.releases.rollback import Rollback
from roadbed.releases.rows import ComparisonsRow, Queries
from roadbed.storage.background import Warnings
from roadbed.storage.database import Database
from roadbed.storage.sql import queries
from roadbed.versions.deployments import Deployments
from roadbed.versions.errors import ArtifactMissingError
from roadbed.versions.model import Release
from roadbed.versions.store import Runnable

_SQL = queries(Queries)
_CHECK_SECONDS = 0.5
_CHECK_ANYWAY_SECONDS = 10.0  # a file may be damaged without a task or a verdict
_REST = 5.0  # times the duration of a check: a long trial must not keep its server busy
_PORTION = 2_000
_SHOWN = 240  # characters of an input
_log = structlog.get_logger("roadbed")


class TrialMonitor:
    """Compares live version and candidate on the tasks that both answered."""

    def __init__(
        self,
        *,
        database: Database,
        deployments: Deployments,
        repository: ReleaseRepository,
        gate: GateService,
        rollback: Rollback,
        log: ReleaseLog,
        clock: Clock,
    ) -> None:
        self._database = database
        self._deployments = deployments
        self._repository = repository
        self._gate = gate
        self._rollback = rollback
        self._log = log
        self._clock = clock
        # By use case: when it was checked, until when it rests, and the data at that time.
        self._seen: dict[str, tuple[float, float, object]] = {}

    async def check_trial(self, release_id: str) -> Release:
        """Make and store the report of a trial, and roll the trial back on a breach.

        A candidate whose files are missing or damaged, or do not load, is rolled back, too. Errors
        that are not its fault are raised: ``StorageUnavailableError``, ``VersionsFolderError``,
        ``ResourceExhaustedError``.
        """
        release = await self._repository.get(release_id)
        if release.step not in lifecycle.TRIALS:
            return release
        try:
            candidate = await self._gate.open(release.use_case, release.behaviour)
        except ArtifactMissingError as error:
            await self._roll_back(
                release,
                stored_sentence("The candidate cannot run: %(problem)s", problem=error.texts[0]),
            )
            return await self._repository.get(release_id)
        trial = await self._report(release, candidate)
        await self._store(release, trial)
        if trial["breach"]:
            await self._roll_back(
                release, trial_statistics.rollback_reason(release.number, trial["breach"])
            )
        return await self._repository.get(release_id)

    async def watch_trials(self, names: Callable[[], Sequence[str]]) -> None:
        """Check each running trial when it has new data, until cancelled."""
        warnings = Warnings()
        while True:
            for name in names():
                with warnings.caught("trial not checked", usecase=name):
                    await self._check_if_changed(name)
            await asyncio.sleep(_CHECK_SECONDS)

    async def _check_if_changed(self, name: str) -> None:
        changes = await self._database.fetch_one(_SQL["trial_changes"], {"use_case": name})
        if changes is None:
            self._seen.pop(name, None)
            return
        began = self._clock.monotonic()
        at, rests, seen = self._seen.get(name, (-_CHECK_ANYWAY_SECONDS, began, None))
        if began >= rests and (changes != seen or began - at >= _CHECK_ANYWAY_SECONDS):
            await self.check_trial(changes["id"])
            ended = self._clock.monotonic()
            self._seen[name] = (began, ended + _REST * (ended - began), changes)

    async def _report(self, release: Release, candidate: Runnable) -> dict[str, Any]:
        since = release.canary_at if release.step == "canary" else release.shadow_at
        rows = await self._compared(release, since)
        trial = await asyncio.to_thread(
            trial_statistics.trial_report,
            rows,
            step=release.step,
            plan=release.plan,
            gate=release.gate or {},
            since=since,
            declared=candidate.loaded.declared,
        )
        ids = [str(difference["task"]) for difference in trial["differ"]]
        inputs = await self._inputs(ids) if ids else {}
        for difference in trial["differ"]:
            difference["input"] = flat(inputs.get(str(difference["task"])))[:_SHOWN]
        return {**plain(trial), "at": self._clock.now().isoformat()}

    async def _compared(self, release: Release, since: datetime | None) -> list[ComparisonsRow]:
        rows: list[ComparisonsRow] = []
        facts = {
            "release": release.id,
            "authors": list(release.authors),
            "since": since,
            "after": "",
            "most": _PORTION,
        }
        while some := await self._database.fetch(_SQL["comparisons"], facts):
            rows += some
            facts["after"] = some[-1]["task_id"]
        return rows

    async def _inputs(self, ids: Sequence[str]) -> dict[str, Mapping[str, Any]]:
        rows = await self._database.fetch(_SQL["inputs"], {"ids": list(ids)})
        return {row["id"]: row["input"] for row in rows}

    async def _store(self, release: Release, trial: Mapping[str, Any]) -> None:
        holders = await self._repository.holders(release.id)
        async with self._database.transaction() as connection:
            now, _ = await self._repository.lock(connection, release.id, holders)
            if now.step != release.step:
                return
            await connection.execute(
                _SQL["store_trial"], {"id": release.id, "trial": Jsonb(dict(trial))}
            )
            after, _ = await self._repository.lock(connection, release.id, holders)
            await self._log.update_waits(connection, after)
            before = now.trial or {}
            if trial["ready"] and not (before.get("ready") and before["step"] == trial["step"]):
                await self._log.notify_pod(
                    connection,
                    release.use_case,
                    "release",
                    stored_sentence(
                        "%(use_case)s: the %(step)s of release %(number)s has compared %(tasks)s "
                        "tasks. It waits for a person to promote it.",
                        use_case=release.use_case,
                        step=release.step,
                        number=release.number,
                        tasks=format(trial["compared"], ","),
                    ),
                    waits=release.id,
                )

    async def _roll_back(self, release: Release, why: str) -> None:
        if await self._rollback.end_trial(release, actor="roadbed", why=why):
            _log.warning("rolled back", usecase=release.use_case, release=release.id, reason=why)
            await self._deployments.refresh(release.use_case)
