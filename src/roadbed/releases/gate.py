"""The gate: candidate against live, on what the candidate never saw, by limits fixed before."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg

from roadbed.decisions.batch_evaluation import MeteredCalls
from roadbed.decisions.routing import slices_of
from roadbed.examples.model import Candidate
from roadbed.examples.service import Examples
from roadbed.executors.isolated import learns
from roadbed.guarantee.certificates import Certificates, plain
from roadbed.kernel.clock import Clock
from roadbed.releases import gate_criteria
from roadbed.releases.errors import GateRunningError, NothingToJudgeError
from roadbed.releases.external_checks import ExternalChecks
from roadbed.storage.database import Database
from roadbed.storage.sql import queries
from roadbed.usecases.decider import OutOfFold
from roadbed.usecases.rollout import Check
from roadbed.versions import identity
from roadbed.versions.deployments import Deployments
from roadbed.versions.errors import ArtifactMissingError
from roadbed.versions.model import Release
from roadbed.versions.side_by_side import Contender, Pair, SideBySide, contender, paired
from roadbed.versions.store import Runnable, VersionStore

_SQL = queries(__package__)
_VERSIONS = queries("roadbed.versions")
Row = Mapping[str, Any]
_COMPARED = ("risk_limit", "certainty", "deadline_seconds", "budget", "slices", "pod", "rollout")


@dataclass(frozen=True, kw_only=True, slots=True)
class Gated:
    """What a gate showed. ``threshold`` is ``None`` where nothing is proven."""

    report: Mapping[str, Any]
    base: str | None
    certificate: Row | None
    threshold: float | None
    alarm_at: datetime | None


class GateService:
    """Measures a candidate; writes nothing but its certificate."""

    def __init__(
        self,
        *,
        database: Database,
        examples: Examples,
        certificates: Certificates,
        store: VersionStore,
        registry: Deployments,
        clock: Clock,
        checks: ExternalChecks,
    ) -> None:
        self._database = database
        self._examples = examples
        self._certificates = certificates
        self._store = store
        self._registry = registry
        self._clock = clock
        self._checks = checks
        self._side_by_side = SideBySide(clock)

    @asynccontextmanager
    async def alone(self, release: Release) -> AsyncIterator[None]:
        """Nobody else runs this gate meanwhile. Raises ``GateRunningError``."""
        connection = await psycopg.AsyncConnection.connect(self._database.url, autocommit=True)
        async with connection:
            cursor = await connection.execute(_SQL["gate_alone"], {"release": release.id})
            if await cursor.fetchone() != (True,):
                raise GateRunningError(release.number)
            yield

    async def run(self, release: Release) -> Gated:
        """What the questions cost comes out of the budget of the use case, as it is in service.

        Raises ``NothingToJudgeError``, ``ArtifactMissingError``, ``EvaluationBudgetError``,
        ``PriceUnknownError``.
        """
        began = self._clock.monotonic()
        await self._registry.refresh(release.use_case)
        found = await self.open(release.use_case, release.behaviour)
        standing = await self._database.fetch_one(_SQL["standing"], {"use_case": release.use_case})
        if standing is None:
            raise ArtifactMissingError(release.use_case, "usecase.py")
        live = await self._live(release.use_case, standing)
        cases = await self._examples.cases(found.loaded.declared)
        if not any(case.judges and case.truth.labelled for case in cases):
            raise NothingToJudgeError(release.use_case)
        paying = self.paying(release.use_case)
        # Each case is evaluated once: the proof and the comparison rest on the same evaluations.
        bare = contender(found, None, standing["alarm_at"])
        evaluations = await self._side_by_side.run(live, bare, cases, paying)
        look = await self._certificates.certify(
            found.loaded,
            await self.candidate(found),
            found.behaviour,
            identity.standing(standing),
            standing["alarm_at"],
            paying,
            {case.id: made for case, made in zip(cases, evaluations[1], strict=True)},
        )
        candidate = contender(found, look.certificate, standing["alarm_at"])
        pairs = await self._again_where_slow(
            release, live, candidate, paired(live, candidate, cases, evaluations), paying
        )
        report = await asyncio.to_thread(self._report, release, live, candidate, standing, pairs)
        report["proof"] = {"says": look.note, "threshold": candidate.version.threshold}
        report["declares"] = await self._declares(standing["live_version"], found)
        report["checks"] = await self._ask(release, live or candidate, report)
        report["criteria"] += [_of_check(check) for check in report["checks"]]
        report["passed"] = all(criterion["passed"] for criterion in report["criteria"])
        report["at"] = self._clock.now().isoformat()
        report["alarm_at"] = standing["alarm_at"].isoformat() if standing["alarm_at"] else None
        report["spent"] = None if paying.spent is None else float(paying.spent)
        report["currency"] = paying.currency
        report["took_seconds"] = round(self._clock.monotonic() - began, 3)
        return Gated(
            report=_rounded(plain(report)),
            base=standing["live_version"],
            certificate=look.certificate,
            threshold=look.certificate["threshold"] if look.certificate else None,
            alarm_at=standing["alarm_at"],
        )

    def paying(self, use_case: str) -> MeteredCalls:
        """The purse for questions about known cases: today's limits hold."""
        return self._examples.paying(self._registry.get(use_case).loaded.declared)

    async def damaged(self, behaviour: str) -> str | None:
        """A file of a version that is not stored as it was, if there is one."""
        row = await self._database.fetch_one(_SQL["damaged"], {"behaviour": behaviour})
        return row["name"] if row else None

    async def open(self, use_case: str, behaviour: str) -> Runnable:
        """A version with all its bytes, ready to run. Raises ``ArtifactMissingError``."""
        if name := await self.damaged(behaviour):
            raise ArtifactMissingError(use_case, name)
        return await self._store.open(use_case, behaviour, self._registry.folder(use_case))

    async def _live(self, use_case: str, standing: Row) -> Contender | None:
        if standing["live_version"] is None:
            return None
        service = self._registry.get(use_case)
        version = service.live
        if version.id == standing["live_version"] and version.loaded is not None:
            return Contender(loaded=version.loaded, version=version)
        row = await self._database.fetch_one(
            _SQL["version_named"], {"use_case": use_case, "name": standing["live_version"]}
        )
        if row is None:
            return None
        found = await self.open(use_case, row["behaviour"])
        return contender(found, None, standing["alarm_at"])

    async def candidate(self, found: Runnable) -> Candidate:
        """The candidate as it was made, as far as a proof asks for it."""
        declared = found.loaded.declared
        row = (
            await self._database.fetch_one(_VERSIONS["behaviour"], {"hash": found.behaviour}) or {}
        )
        training: OutOfFold | None = None
        seen: list[dict[str, str]] = []
        if learns(found.decider):
            await self._store.describe(found.decider)
            training = found.decider.out_of_fold  # type: ignore[union-attr]  # it learns
            assert training is not None
            learn = await self._examples.in_use(declared, "learn")
            seen = [slices_of(declared, content) for content in learn.contents][
                : row["learned_from"]
            ]
            if declared.slices and len(seen) != len(training.confidence):
                training = None  # an example was taken back: whose slice is whose is lost
        return Candidate(
            decider=found.decider,
            artifacts={},
            out_of_fold=training,
            learned_from=row["learned_from"],
            learned_until=row["learned_until"],
            kinds=row["kinds"],
            slices=seen,
        )

    async def _again_where_slow(
        self,
        release: Release,
        live: Contender | None,
        candidate: Contender,
        pairs: list[Pair],
        paying: MeteredCalls,
    ) -> list[Pair]:
        """Slow answers are asked for once more before they fail a candidate."""
        old, new = _figures(pairs)
        limit = _limits(release, live or candidate, old)["seconds"]
        if new["p95_seconds"] is None or new["p95_seconds"] <= limit:
            return pairs
        return await self._side_by_side.slow_again(candidate, pairs, limit, paying)

    def _report(
        self,
        release: Release,
        live: Contender | None,
        candidate: Contender,
        standing: Row,
        pairs: Sequence[Pair],
    ) -> dict[str, Any]:
        declared = (live or candidate).loaded.declared
        limit = release.plan["gate"]
        judge = [pair for pair in pairs if pair.item.judges]
        old, new = _figures(pairs)
        held = _limits(release, live or candidate, old)
        fixes, on_corrections = gate_criteria.corrections(pairs)
        found = gate_criteria.paired(judge, declared.certainty, declared.risk_measure)
        criteria = [gate_criteria.enough(new["asked"], limit)]
        if live and live.version.loaded and found.n:
            criteria.append(gate_criteria.errors(old, new, found, limit["worse_by"]))
            criteria += gate_criteria.slices(
                judge,
                lambda content: slices_of(declared, content),
                limit["slice_worse_by"],
                declared.certainty,
                declared.risk_measure,
            )
        criteria += [on_corrections] if on_corrections else []
        automatic = live is not None and live.version.threshold is not None
        labelled = sum(pair.item.truth.labelled for pair in judge)
        criteria += [
            gate_criteria.coverage(old, new, automatic=automatic, n=labelled),
            gate_criteria.pace(old, new, held["seconds"]),
            gate_criteria.price(old, new, held["cost"]),
        ]
        return {
            "criteria": criteria,
            "certainty": declared.certainty,
            "compared_with": standing["live_version"],
            "alone": None if live else gate_criteria.alone(new, declared.certainty),
            "live": old or None,
            "candidate": new,
            "fixed": found.fixed,
            "broken": found.broken,
            "by_rule": sum(example.candidate.by_rule for example in judge),
            "corrections": fixes,
            "limits": held,
            "cases": gate_criteria.cases(pairs),
            "unknown": gate_criteria.unknown(pairs),
            "first": standing["stage"] != "live",
        }

    async def _declares(self, base: str | None, found: Runnable) -> list[dict[str, Any]]:
        """What the candidate's declaration says differently, of what people hold it to."""
        if base is None:
            return []
        row = await self._database.fetch_one(_SQL["declared_of"], {"version": base})
        before = row["declaration"] if row else {}
        row = await self._database.fetch_one(_SQL["declared_by"], {"behaviour": found.behaviour})
        after = row["declaration"] if row else {}
        return [
            {"field": item, "live": before.get(item), "candidate": after.get(item)}
            for item in _COMPARED
            if before and before.get(item) != after.get(item)
        ]

    async def _ask(
        self, release: Release, declaring: Contender, report: Mapping[str, Any]
    ) -> list[dict[str, Any]]:
        known = {
            (check.name, check.url): check
            for check in declaring.loaded.declared.rollout.gate.checks
        }
        planned = [
            known.get((item["name"], item["url"]), Check(name=item["name"], url=item["url"]))
            for item in release.plan["gate"]["checks"]
        ]
        about = {
            "use_case": release.use_case,
            "release": release.id,
            "number": release.number,
            "behaviour": release.behaviour,
            "gate": plain({name: report[name] for name in _TOLD}),
        }
        return await self._checks.ask(planned, key=release.id, about=about)


_TOLD = ("criteria", "live", "candidate", "fixed", "broken", "corrections", "proof")


def _figures(pairs: Sequence[Pair]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Those of the live version, empty without one, and those of the candidate."""
    judge = [pair for pair in pairs if pair.item.judges and pair.item.truth.labelled]
    old = [pair.live for pair in judge if pair.live]
    return (
        gate_criteria.figures(old, live=True) if old else {},
        gate_criteria.figures([pair.candidate for pair in judge]),
    )


def _limits(release: Release, declaring: Contender, old: Row) -> dict[str, Any]:
    declared = declaring.loaded.declared
    return gate_criteria.limits(
        old,
        release.plan["gate"],
        deadline=declared.deadline_seconds,
        per_task=declared.budget.per_task if declared.budget else None,
    )


def _of_check(answer: Mapping[str, Any]) -> dict[str, Any]:
    word = "says yes" if answer["passed"] else "does not say yes"
    return gate_criteria.criterion(
        f"check {answer['name']}",
        answer["passed"],
        f"{answer['name']} {word}: {answer['reason']}",
    )


def _rounded(value: Any) -> Any:
    """Numbers as the database gives them back: what was hashed can be hashed again."""
    if isinstance(value, float):
        return round(value, 9) + 0.0
    if isinstance(value, Mapping):
        return {name: _rounded(each) for name, each in value.items()}
    return [_rounded(item) for item in value] if isinstance(value, list | tuple) else value
