"""The trust report of a use case, for the Trust page, the API and ``roadbed trust``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from roadbed.decisions.model import Deployment
from roadbed.guarantee import outlook, presentation
from roadbed.guarantee.measured_error import MeasuredErrorReader, MeasuredErrors
from roadbed.guarantee.model import AuditView, Notice, Volume
from roadbed.guarantee.notices import Notices
from roadbed.guarantee.rows import Queries
from roadbed.guarantee.running_audit import RunningAuditMonitor
from roadbed.kernel.clock import Clock
from roadbed.kernel.messages import gettext as _
from roadbed.reviews.model import ReviewerFigures
from roadbed.reviews.reviewer_checks import ReviewerChecks
from roadbed.risk import distributions, sampling
from roadbed.risk.automation_state import State
from roadbed.risk.certificate import TAUGHT, UNTAUGHT, delta_for, smallest_sample
from roadbed.risk.curve import CurvePoint
from roadbed.risk.forecast import Forecast, forecast_opening
from roadbed.storage.database import Database
from roadbed.storage.sql import queries
from roadbed.usecases.use_case import UseCase
from roadbed.versions.model import VersionInfo
from roadbed.versions.service import Versions

_SQL = queries(Queries)
LIMITS = (0.0025, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.03, 0.04, 0.05, 0.075, 0.1, 0.15)
REVIEW_SECONDS = 30.0
_DAYS = 7


@dataclass(frozen=True, kw_only=True, slots=True)
class OtherLimit:
    """What another limit would come to on the evidence of now: shares in [0, 1].

    ``errors`` are wrong automatic answers in 1,000 tasks, ``people`` how many of them people see.
    ``threshold`` is ``None`` where that limit cannot be shown. ``n`` labelled items lie above it,
    ``wrong`` of them wrong.
    """

    limit: float
    threshold: float | None
    automated: float
    errors: float
    people: int
    n: int
    wrong: int


@dataclass(frozen=True, kw_only=True, slots=True)
class TrustReport:
    """The guarantee, its evidence, and the conditions that would end it."""

    use_case: str
    promise: str
    state: State
    state_words: str
    state_reason: str | None
    state_since: Any
    way_out: str
    risk_limit: float
    certainty: float
    version: VersionInfo | None
    threshold: float | None
    cautious: bool
    rate: float
    proof: Mapping[str, Any] | None
    sample: Sequence[str]
    audit: AuditView
    measured: MeasuredErrors
    forecast: Forecast
    forecast_doubled: Forecast
    forecast_words: str
    weak_words: str
    volume: Volume
    other_limits: Sequence[OtherLimit]
    reviewers: Sequence[ReviewerFigures]
    changes: Sequence[Mapping[str, Any]]
    notices: Sequence[Notice]


class TrustReports:
    """Puts reports together; changes nothing."""

    def __init__(
        self,
        database: Database,
        running_audit: RunningAuditMonitor,
        notices: Notices,
        reviewer_checks: ReviewerChecks,
        versions: Versions,
        measured_errors: MeasuredErrorReader,
        clock: Clock,
    ) -> None:
        self._database = database
        self._reviewer_checks = reviewer_checks
        self._running_audit = running_audit
        self._notices = notices
        self._versions = versions
        self._measured_errors = measured_errors
        self._clock = clock

    async def report(self, service: Deployment) -> TrustReport:
        """The report of one use case, now."""
        declared, live = service.loaded.declared, service.live
        version = await self._versions.in_service(declared.name)
        proof = await self._with_examples(version.certificate if version else None)
        row = await self._database.fetch_one(_SQL["live"], {"use_case": declared.name})
        volume = await self._volume(declared.name)
        curve = [CurvePoint(**point) for point in (proof or {}).get("detail", {}).get("curve", [])]
        delta = _delta(declared, (proof or {}).get("detail") or {})
        soon, sooner = (
            forecast_opening(
                curve,
                risk_limit=declared.risk_limit,
                delta=delta,
                tasks_per_day=volume.tasks,
                rate=rate,
            )
            for rate in (live.rate, min(2.0 * live.rate, 1.0))
        )
        return TrustReport(
            use_case=declared.name,
            promise=presentation.promise(declared, live.state),
            state=live.state,
            state_words=_(presentation.STATES[live.state]),
            state_reason=row["state_reason"] if row else None,
            state_since=row["state_since"] if row else None,
            way_out=_(presentation.WAY_OUT[live.state]).format(use_case=declared.name),
            risk_limit=declared.risk_limit,
            certainty=declared.certainty,
            version=version,
            threshold=live.threshold,
            cautious=live.cautious,
            rate=live.rate,
            proof=proof,
            sample=presentation.sample((proof or {}).get("detail", {})),
            audit=await self._running_audit.audit(declared),
            measured=await self._measured_errors.read(declared, version),
            forecast=soon,
            forecast_doubled=sooner,
            forecast_words=outlook.forecast(
                soon,
                sooner,
                opened=live.threshold is not None,
                tasks=volume.tasks,
                can_double=live.rate < sampling.RATE_BEFORE,
                labelled=max((point.n for point in curve), default=0),
                fewest=smallest_sample(declared.risk_limit, delta, share=1.0),  # delta has it
            ),
            weak_words=outlook.weak(
                version.number if version and version.certificate else None,
                (proof or {}).get("detail", {}),
            ),
            volume=volume,
            other_limits=other_limits(curve, LIMITS, delta),
            reviewers=await self._reviewer_checks.figures(declared),
            changes=await self._running_audit.changes(declared.name),
            notices=await self._notices.list(declared.name),
        )

    async def _with_examples(self, proof: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
        """A proof whose weak spots have the examples that may be shown now, with their tasks.

        Who shows it to a person leaves out what they may not read, and the tasks.
        """
        if not proof or not (weak := proof["detail"].get("weak")):
            return proof
        rows = await self._database.fetch(_SQL["weak_examples"], {"certificate": proof["id"]})
        shown = [
            {**spot, "examples": [_example(row) for row in rows if row["spot"] == number]}
            for number, spot in enumerate(weak)
        ]
        return {**proof, "detail": {**proof["detail"], "weak": shown}}

    async def _volume(self, use_case: str) -> Volume:
        since = self._clock.now() - timedelta(days=_DAYS)
        row = await self._database.fetch_one(_SQL["volume"], {"use_case": use_case, "since": since})
        if row is None or row["first"] is None:
            return Volume(tasks=0.0, reviews=0.0, review_hours=0.0)
        # A use case that began an hour ago has no full day: extrapolate from the hour.
        days = min(max((self._clock.now() - row["first"]).total_seconds() / 86_400, 1.0), _DAYS)
        reviews = row["reviews"] / days
        return Volume(
            tasks=row["tasks"] / days,
            reviews=reviews,
            review_hours=reviews * REVIEW_SECONDS / 3_600,
        )


def _example(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in ("task_id", "input", "answered", "right")}


def _delta(declared: UseCase, detail: Mapping[str, Any]) -> float:
    """The risk of error that one more certification may take."""
    share = max(TAUGHT if declared.trainable else UNTAUGHT)
    return delta_for(detail.get("tries") or 1, 1.0 - declared.certainty) * share


def other_limits(
    curve: Sequence[CurvePoint], limits: Sequence[float], delta: float
) -> list[OtherLimit]:
    """For each limit the loosest point of the curve that a test at ``delta`` would pass."""
    results = []
    errors, labelled = [point.errors for point in curve], [point.n for point in curve]
    for limit in limits:
        chances = distributions.binom.cdf(errors, labelled, limit)
        passing = [point for point, chance in zip(curve, chances, strict=True) if chance <= delta]
        best = max(passing, key=lambda point: point.coverage, default=None)
        automated = best.coverage if best else 0.0
        results.append(
            OtherLimit(
                limit=limit,
                threshold=best.threshold if best else None,
                automated=automated,
                errors=1_000.0 * automated * best.risk if best else 0.0,
                people=round(1_000 * (1.0 - automated)),
                n=best.n if best else 0,
                wrong=best.errors if best else 0,
            )
        )
    return results
