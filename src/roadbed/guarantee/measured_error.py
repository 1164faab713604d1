"""Measured error: how often the automatic answers of the random sample were wrong.

Every surface shows this one figure. It is for people to read: only the certificate is a proof, and
only the running audit may be watched at every moment and still keep its error rate.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from roadbed.examples.service import late_before
from roadbed.guarantee.rows import MeasuredErrorRow, Queries
from roadbed.kernel.clock import Clock
from roadbed.risk.curve import most_within_chance, share_interval
from roadbed.storage.database import Database
from roadbed.storage.sql import queries
from roadbed.usecases.use_case import RiskMeasure, UseCase
from roadbed.versions.model import VersionInfo

_SQL = queries(Queries)


@dataclass(frozen=True, kw_only=True, slots=True)
class MeasuredError:
    """The measured error of one version, or of ``all_versions`` that a use case ever had.

    Of ``n`` automatic answers that were drawn at random and judged, ``wrong`` were wrong; ``late``
    of these count as wrong because their label is late. ``waiting`` more were drawn and have no
    label yet. ``value`` is the share, each answer weighted by 1 / its chance of being drawn, or the
    mean loss where the ``measure`` is that; ``None`` for ``n`` = 0. ``lower`` and ``upper`` are its
    two-sided interval at ``certainty``.

    Up to ``within_chance`` wrong answers of ``n`` would be within chance at the ``limit``; a mean
    loss compares ``lost``, the sum of the losses, with it. ``since`` and ``until`` are when the
    first and last counted task arrived. ``audit_at``: the figure counts from then, when a
    certificate ended a halt of this version.
    """

    of: Literal["version", "all_versions"]
    version: int | None
    measure: RiskMeasure
    limit: float
    certainty: float
    value: float | None
    wrong: int
    n: int
    late: int
    waiting: int
    lost: float
    lower: float
    upper: float
    within_chance: int
    since: datetime | None
    until: datetime | None
    audit_at: datetime | None = None

    @property
    def exceeds_chance(self) -> bool:
        """Whether more is wrong than chance explains at the limit."""
        lost = self.lost if self.measure == "mean_loss" else self.wrong
        return lost > self.within_chance


@dataclass(frozen=True, kw_only=True, slots=True)
class MeasuredErrors:
    """The measured error of the live version, and that of all versions so far."""

    version: MeasuredError
    all_versions: MeasuredError

    @property
    def differ(self) -> bool:
        """Whether the two count other answers."""
        live, ever = self.version, self.all_versions
        return (live.n, live.wrong, live.since) != (ever.n, ever.wrong, ever.since)


def measured_error(
    tally: MeasuredErrorRow, declared: UseCase, version: VersionInfo | None
) -> MeasuredError:
    """The measured error from the sums over its sample.

    Weights w = 1 / chance: value = Σ w·loss / Σ w. The interval is the exact one of a share, with
    the effective number of answers (Σ w)² / Σ w² (Kish 1965) in place of ``n``; both are the same
    while the chance does not change.
    """
    n, limit, certainty = tally["n"], declared.risk_limit, declared.certainty
    value, lower, upper = None, 0.0, 1.0
    if n:
        value = tally["loss"] / tally["weight"]
        effective = tally["weight"] ** 2 / tally["squares"]
        lower, upper = share_interval(value * effective, effective, certainty)
    of_version, audit_at = tally["of_version"], tally["audit_at"]
    began = version.live_since if of_version and version else None
    return MeasuredError(
        of="version" if of_version else "all_versions",
        version=version.number if of_version and version else None,
        measure=declared.risk_measure,
        limit=limit,
        certainty=certainty,
        value=value,
        wrong=tally["wrong"],
        n=n,
        late=tally["late"],
        waiting=tally["waiting"],
        lost=tally["lost"],
        lower=lower,
        upper=upper,
        within_chance=most_within_chance(limit, n, certainty),
        since=tally["since"],
        until=tally["until"],
        audit_at=audit_at if audit_at and began and audit_at > began else None,
    )


class MeasuredErrorReader:
    """Reads measured errors. One statement reads the whole sample."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def read(self, declared: UseCase, version: VersionInfo | None) -> MeasuredErrors:
        """The measured errors of a use case. ``version`` is the one in service."""
        hours = declared.label_within_hours
        facts = {
            "use_case": declared.name,
            "late_before": await late_before(self._database, self._clock, declared.name, hours),
            "mean": declared.risk_measure == "mean_loss",
        }
        ever, live = await self._database.fetch(_SQL["measured_error"], facts)
        return MeasuredErrors(
            version=measured_error(live, declared, version),
            all_versions=measured_error(ever, declared, version),
        )
