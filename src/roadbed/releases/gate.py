"""The gate: compares a candidate with the live version on the holdout, by its plan's limits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg

from roadbed.decisions.evaluation import MeteredCalls
from roadbed.decisions.routing import slices_of
from roadbed.examples.model import Candidate
from roadbed.examples.service import Examples
from roadbed.guarantee.certificates import Certificates, Certification
from roadbed.kernel.clock import Clock
from roadbed.kernel.json import plain
from roadbed.kernel.stored_sentences import stored_sentence
from roadbed.releases import criteria
from roadbed.releases.criteria import Criterion, Figures, Limits
from roadbed.releases.errors import GateRunningError, NothingToJudgeError
from roadbed.releases.external_checks import CheckAnswer, ExternalChecks
from roadbed.releases.rows import AutomationStateRow, Queries
from roadbed.risk.paired import PairedDifference
from roadbed.storage.database import Database
from roadbed.storage.sql import queries
from roadbed.usecases.decider import OutOfFold
from roadbed.usecases.rollout import Check
from roadbed.usecases.use_case import UseCase
from roadbed.versions import identity
from roadbed.versions.deployments import Deployments
from roadbed.versions.errors import ArtifactMissingError
from roadbed.versions.model import Release
from roadbed.versions.rows import Queries as VersionQueries
from roadbed.versions.side_by_side import Contender, Pair, SideBySide, contender, paired
from roadbed.versions.store import Runnable, VersionStore

_SQL = queries(Queries)
_VERSIONS = queries(VersionQueries)
Row = Mapping[str, Any]
# Fields of a declaration that people rely on: a change of one is shown in the report.
_DECLARED = ("risk_limit", "certainty", "deadline_seconds", "budget", "slices", "pod", "rollout")


@dataclass(frozen=True, kw_only=True, slots=True)
class GateResult:
    """The result of a gate. ``threshold`` is ``None`` where nothing is proven."""

    report: Mapping[str, Any]
    base: str | None
    certificate: Row | None
    threshold: float | None
    alarm_at: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class _Measured:
    """The evaluations of both versions, and the certification of the candidate."""

    candidate: Contender
    certification: Certification
    pairs: Sequence[Pair]


class GateService:
    """Measures a candidate. Writes only its certificate."""

    def __init__(
        self,
        *,
        database: Database,
        examples: Examples,
        certificates: Certificates,
        store: VersionStore,
        deployments: Deployments,
        clock: Clock,
        checks: ExternalChecks,
    ) -> None:
        self._database = database
        self._examples = examples
        self._certificates = certificates
        self._store = store
        self._deployments = deployments
        self._clock = clock
        self._checks = checks
        self._side_by_side = SideBySide(examples.retrieve, clock)

    @asynccontextmanager
    async def exclusive(self, release: Release) -> AsyncIterator[None]:
        """Lock the gate of a release, so that one process runs it. Raises ``GateRunningError``."""
        connection = await psycopg.AsyncConnection.connect(self._database.url, autocommit=True)
        async with connection:
            cursor = await connection.execute(_SQL["lock_gate"], {"release": release.id})
            if await cursor.fetchone() != (True,):
                raise GateRunningError(release.number)
            yield

    async def run(self, release: Release) -> GateResult:
        """Evaluate live version and candidate on the known cases and compare them.

        The budget of the use case, as its live version declares it, pays for the evaluation. Raises
        ``NothingToJudgeError``, ``ArtifactMissingError``, ``EvaluationBudgetError``,
        ``PriceUnknownError``.
        """
        began = self._clock.monotonic()
        await self._deployments.refresh(release.use_case)
        candidate = await self.open(release.use_case, release.behaviour)
        state = await self._database.fetch_one(
            _SQL["automation_state"], {"use_case": release.use_case}
        )
        if state is None:
            raise ArtifactMissingError(release.use_case, "usecase.py")
        metered = self.metered_calls(release.use_case)
        live = await self._live(release.use_case, state)
        measured = await self._measure(release, candidate, live, state, metered)
        report = await asyncio.to_thread(self._report, release, live, measured, state)
        report["declares"] = await self._declaration_changes(state["live_version"], candidate)
        report["checks"] = await self._ask_checks(release, live or measured.candidate, report)
        report["criteria"] += [_check_criterion(answer) for answer in report["checks"]]
        report["passed"] = all(criterion["passed"] for criterion in report["criteria"])
        report["at"] = self._clock.now().isoformat()
        report["alarm_at"] = state["alarm_at"].isoformat() if state["alarm_at"] else None
        report["spent"] = None if metered.spent is None else float(metered.spent)
        report["currency"] = metered.currency
        report["took_seconds"] = round(self._clock.monotonic() - began, 3)
        certificate = measured.certification.certificate
        return GateResult(
            report=_rounded(plain(report)),
            base=state["live_version"],
            certificate=certificate,
            threshold=certificate["threshold"] if certificate else None,
            alarm_at=state["alarm_at"],
        )

    async def _measure(
        self,
        release: Release,
        candidate: Runnable,
        live: Contender | None,
        state: AutomationStateRow,
        metered: MeteredCalls,
    ) -> _Measured:
        """Evaluate each case once: the proof and the comparison use the same evaluations."""
        cases = await self._examples.cases(candidate.loaded.declared)
        if not any(case.judges and case.truth.labelled for case in cases):
            raise NothingToJudgeError(release.use_case)
        unproven = contender(candidate, None, state["alarm_at"])
        evaluations = await self._side_by_side.run(live, unproven, cases, metered)
        certification = await self._certificates.certify(
            candidate.loaded,
            await self.candidate(candidate),
            candidate.behaviour,
            identity.automation_state(state),
            state["alarm_at"],
            metered,
            {case.id: made for case, made in zip(cases, evaluations[1], strict=True)},
        )
        proven = contender(candidate, certification.certificate, state["alarm_at"])
        pairs = await self._repeat_slow(
            release, live, proven, paired(live, proven, cases, evaluations), metered
        )
        return _Measured(candidate=proven, certification=certification, pairs=pairs)

    def metered_calls(self, use_case: str) -> MeteredCalls:
        """The budget hold for evaluations of known cases, by today's limits."""
        return self._examples.paying(self._deployments.get(use_case).loaded.declared)

    async def damaged(self, behaviour: str) -> str | None:
        """The name of a stored file that is missing or damaged, if there is one."""
        row = await self._database.fetch_one(_SQL["damaged_file"], {"behaviour": behaviour})
        return row["name"] if row else None

    async def open(self, use_case: str, behaviour: str) -> Runnable:
        """Load a version whose files are all intact. Raises ``ArtifactMissingError``."""
        if name := await self.damaged(behaviour):
            raise ArtifactMissingError(use_case, name)
        return await self._store.open(use_case, behaviour, self._deployments.folder(use_case))

    async def _live(self, use_case: str, state: AutomationStateRow) -> Contender | None:
        if state["live_version"] is None:
            return None
        version = self._deployments.get(use_case).live
        if version.id == state["live_version"] and version.loaded is not None:
            return Contender(loaded=version.loaded, version=version)
        row = await self._database.fetch_one(
            _SQL["version_named"], {"use_case": use_case, "name": state["live_version"]}
        )
        if row is None:
            return None
        return contender(await self.open(use_case, row["behaviour"]), None, state["alarm_at"])

    async def candidate(self, runnable: Runnable) -> Candidate:
        """The parts of a stored candidate that a proof uses."""
        declared = runnable.loaded.declared
        (row,) = await self._database.fetch(_VERSIONS["behaviour"], {"hash": runnable.behaviour})
        training: OutOfFold | None = None
        seen: list[dict[str, str]] = []
        if declared.trainable is not None:
            await self._store.describe(runnable.decider)
            training = runnable.decider.out_of_fold  # type: ignore[union-attr]  # it learns
            assert training is not None
            learn = await self._examples.in_use(declared, "learn")
            seen = [slices_of(declared, content) for content in learn.contents][
                : row["learned_from"]
            ]
            if declared.slices and len(seen) != len(training.confidence):
                training = (
                    None  # an example was withdrawn: the slices no longer match the predictions
                )
        return Candidate(
            decider=runnable.decider,
            artifacts={},
            out_of_fold=training,
            learned_from=row["learned_from"],
            learned_until=row["learned_until"],
            kinds=row["kinds"],
            slices=seen,
        )

    async def _repeat_slow(
        self,
        release: Release,
        live: Contender | None,
        candidate: Contender,
        pairs: list[Pair],
        metered: MeteredCalls,
    ) -> list[Pair]:
        """Evaluate slow answers again before they fail a candidate."""
        old, new = _figures(pairs)
        limit = _limits(release, live or candidate, old)["seconds"]
        if new["p95_seconds"] is None or new["p95_seconds"] <= limit:
            return pairs
        return await self._side_by_side.slow_again(candidate, pairs, limit, metered)

    def _report(
        self,
        release: Release,
        live: Contender | None,
        measured: _Measured,
        state: AutomationStateRow,
    ) -> dict[str, Any]:
        candidate, pairs = measured.candidate, measured.pairs
        declared = (live or candidate).loaded.declared
        holdout = [pair for pair in pairs if pair.item.judges]
        old, new = _figures(pairs)
        held = _limits(release, live or candidate, old)
        fixes, corrections_kept = criteria.corrections(pairs)
        difference = criteria.paired(holdout, declared.certainty, declared.risk_measure)
        results = [criteria.enough(new["asked"], release.plan["gate"])]
        if live and live.version.loaded and difference.n:
            results += _comparisons(release, declared, holdout, (old, new), difference)
        results += [corrections_kept] if corrections_kept else []
        automatic = live is not None and live.version.threshold is not None
        labelled = sum(pair.item.truth.labelled for pair in holdout)
        results += [
            criteria.coverage(old, new, automatic=automatic, n=labelled),
            criteria.pace(old, new, held["seconds"]),
            criteria.price(old, new, held["cost"]),
        ]
        return {
            "criteria": results,
            "certainty": declared.certainty,
            "compared_with": state["live_version"],
            "alone": None if live else criteria.alone(new, declared.certainty),
            "live": old or None,
            "candidate": new,
            "fixed": difference.fixed,
            "broken": difference.broken,
            "by_rule": sum(pair.candidate.by_rule for pair in holdout),
            "corrections": fixes,
            "limits": held,
            "cases": criteria.cases(pairs),
            "unknown": criteria.unknown(pairs),
            "first": state["stage"] != "live",
            "proof": {
                "says": measured.certification.note,
                "threshold": candidate.version.threshold,
            },
        }

    async def _declaration_changes(
        self, base: str | None, candidate: Runnable
    ) -> list[dict[str, Any]]:
        """The fields of the declaration that people rely on and that the candidate changes."""
        if base is None:
            return []
        row = await self._database.fetch_one(_SQL["declared_of"], {"version": base})
        before = row["declaration"] if row else {}
        row = await self._database.fetch_one(
            _SQL["declared_by"], {"behaviour": candidate.behaviour}
        )
        after = row["declaration"] if row else {}
        return [
            {"field": name, "live": before.get(name), "candidate": after.get(name)}
            for name in _DECLARED
            if before and before.get(name) != after.get(name)
        ]

    async def _ask_checks(
        self, release: Release, declaring: Contender, report: Mapping[str, Any]
    ) -> list[CheckAnswer]:
        known = {
            (check.name, check.url): check
            for check in declaring.loaded.declared.rollout.gate.checks
        }
        planned = [
            known.get((check["name"], check["url"]), Check(name=check["name"], url=check["url"]))
            for check in release.plan["gate"]["checks"]
        ]
        if not planned:
            return []
        about = {
            "use_case": release.use_case,
            "release": release.id,
            "number": release.number,
            "behaviour": release.behaviour,
            "gate": plain({name: report[name] for name in _SENT}),
        }
        return await self._checks.ask(planned, key=release.id, about=about)


# Parts of the report that external checks receive.
_SENT = ("criteria", "live", "candidate", "fixed", "broken", "corrections", "proof")


def _figures(pairs: Sequence[Pair]) -> tuple[Figures, Figures]:
    """The figures of the live version, empty without one, and those of the candidate."""
    judged = [pair for pair in pairs if pair.item.judges and pair.item.truth.labelled]
    old = [pair.live for pair in judged if pair.live]
    return (
        criteria.figures(old, live=True) if old else Figures(),
        criteria.figures([pair.candidate for pair in judged]),
    )


def _comparisons(
    release: Release,
    declared: UseCase,
    holdout: Sequence[Pair],
    figures: tuple[Figures, Figures],
    difference: PairedDifference,
) -> Iterator[Criterion]:
    """The criteria that compare with a live version: in all, and for each slice."""
    limit = release.plan["gate"]
    yield criteria.errors(*figures, difference, limit["worse_by"])
    yield from criteria.slices(
        holdout,
        lambda content: slices_of(declared, content),
        limit["slice_worse_by"],
        declared.certainty,
        declared.risk_measure,
    )


def _limits(release: Release, declaring: Contender, old: Figures) -> Limits:
    declared = declaring.loaded.declared
    return criteria.limits(
        old,
        release.plan["gate"],
        deadline=declared.deadline_seconds,
        per_task=declared.budget.per_task if declared.budget else None,
    )


def _check_criterion(answer: CheckAnswer) -> Criterion:
    told = {"name": answer["name"], "reason": answer["reason"]}
    line = stored_sentence("%(name)s does not say yes: %(reason)s", **told)
    if answer["passed"]:
        line = stored_sentence("%(name)s says yes: %(reason)s", **told)
    return criteria.criterion(
        f"check {answer['name']}",
        answer["passed"],
        line,
    )


def _rounded(value: Any) -> Any:
    """Numbers as the database returns them, so that a hash of the report can be made again."""
    if isinstance(value, float):
        return round(value, 9) + 0.0
    if isinstance(value, Mapping):
        return {name: _rounded(part) for name, part in value.items()}
    return [_rounded(part) for part in value] if isinstance(value, list | tuple) else value
