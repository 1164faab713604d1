"""Monitoring: the figures at the top of a use case's page."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from roadbed.examples.service import Examples
from roadbed.guarantee.measured_error import MeasuredErrorReader, MeasuredErrors
from roadbed.insight.kept_figures import KeptFigures
from roadbed.insight.rows import HistoryRow, Queries, ReasonsRow, TotalRow, VolumeRow
from roadbed.kernel.clock import Clock
from roadbed.reviews.rows import WaitingRow
from roadbed.reviews.service import Reviews
from roadbed.risk.curve import share_interval
from roadbed.storage.database import Database, Row, RowT
from roadbed.storage.sql import Query, queries
from roadbed.usecases.use_case import UseCase
from roadbed.versions.model import VersionInfo
from roadbed.versions.service import Versions

_SQL = queries(Queries)
RECENT = 1_000  # tasks
FORTNIGHT = 14  # days
_FORTNIGHT_SECONDS = 60.0  # for which its figures are kept


@dataclass(frozen=True, kw_only=True, slots=True)
class Overview:
    """One use case at a glance. Shares are in [0, 1], intervals two-sided at its certainty.

    ``recent`` covers the newest ``RECENT`` decisions; ``audited`` the automatic answers of all
    versions that a person has judged blind since, without late ones; the pages show ``measured``.
    ``isolated`` says that the decider runs in child processes.
    """

    use_case: str
    purpose: str
    pod: Mapping[str, str]
    risk_limit: float
    certainty: float
    halted: bool
    total: TotalRow
    recent: VolumeRow
    reasons: Sequence[ReasonsRow]
    reviews: WaitingRow
    examples: Mapping[str, int]
    audited: Row
    measured: MeasuredErrors
    version: VersionInfo | None
    isolated: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class _Decided:
    """The figures of an overview that read many decisions."""

    total: TotalRow
    recent: VolumeRow
    reasons: Sequence[ReasonsRow]
    measured: MeasuredErrors


class Monitoring:
    """Reads figures of a use case."""

    def __init__(
        self,
        database: Database,
        reviews: Reviews,
        examples: Examples,
        versions: Versions,
        measured_errors: MeasuredErrorReader,
        kept: KeptFigures,
        clock: Clock,
    ) -> None:
        self._database = database
        self._reviews = reviews
        self._examples = examples
        self._versions = versions
        self._measured_errors = measured_errors
        self._kept = kept
        self._clock = clock

    async def overview(self, declared: UseCase, *, halted: bool) -> Overview:
        """The current figures of a use case."""
        pod = declared.pod
        version = await self._versions.in_service(declared.name)
        decided, reviews, examples = await asyncio.gather(
            self._kept.read(
                "decided",
                declared.name,
                lambda: self._decided(declared, version),
                about=version and (version.id, version.certificate),
            ),
            self._reviews.waiting(declared.name),
            self._examples.counts(declared.name),
        )
        return Overview(
            use_case=declared.name,
            purpose=declared.purpose,
            halted=halted,
            pod={role: getattr(pod, role) for role in pod.__dataclass_fields__},
            risk_limit=declared.risk_limit,
            isolated=declared.isolation is not None,
            certainty=declared.certainty,
            total=decided.total,
            recent=decided.recent,
            reasons=decided.reasons,
            reviews=reviews,
            examples=examples,
            audited=_audited(decided.measured, declared),
            measured=decided.measured,
            version=version,
        )

    async def history(self, use_case: str, *, hours: float = 24.0) -> Sequence[HistoryRow]:
        """Decisions over time in 48 steps: ``at``, ``tasks``, ``automatic``."""
        since = self._clock.now() - timedelta(hours=hours)
        facts = {"use_case": use_case, "since": since, "seconds": hours * 3600 / 48}
        return await self._kept.read(
            "history",
            use_case,
            lambda: self._database.fetch(_SQL["history"], facts),
            about=hours,
        )

    async def fortnight(self, use_case: str) -> Sequence[HistoryRow]:
        """Decisions of the last 14 days by day; under traffic at most a minute old."""
        since = self._clock.now() - timedelta(days=FORTNIGHT)
        facts = {"use_case": use_case, "since": since, "seconds": 86_400}
        return await self._kept.read(
            "fortnight",
            use_case,
            lambda: self._database.fetch(_SQL["history"], facts),
            traffic_seconds=_FORTNIGHT_SECONDS,
        )

    async def pulse(self) -> int:
        """The position of the newest audit entry: it grows with every recorded event."""
        return int((await self._one(_SQL["pulse"], {}))["position"])

    async def moved(self, after: int) -> tuple[int, Sequence[str | None]]:
        """The current pulse, and the use cases of the events after ``after``.

        ``None`` among them stands for events of the whole installation.
        """
        row = await self._one(_SQL["moved"], {"after": after})
        return int(row["position"]), row["use_cases"]

    async def _decided(self, declared: UseCase, version: VersionInfo | None) -> _Decided:
        named = {"use_case": declared.name, "most": RECENT}
        return _Decided(
            total=await self._one(_SQL["total"], named),
            recent=await self._one(_SQL["volume"], named),
            reasons=await self._database.fetch(_SQL["reasons"], named),
            measured=await self._measured_errors.read(declared, version),
        )

    async def _one(self, query: Query[RowT], parameters: Mapping[str, object]) -> RowT:
        """The row of a statement that always gives one."""
        (row,) = await self._database.fetch(query, parameters)
        return row


def _audited(measured: MeasuredErrors, declared: UseCase) -> Row:
    ever = measured.all_versions
    items, wrong = ever.n - ever.late, ever.wrong - ever.late
    low, high = share_interval(wrong, items, declared.certainty)
    return {"items": items, "wrong": wrong, "low": low, "high": high}
