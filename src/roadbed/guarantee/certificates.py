"""Certificates: the proof of what a version may automate, on the reference sample."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from psycopg.types.json import Jsonb

from roadbed.decisions.evaluation import Evaluation, KnownInput, MeteredCalls
from roadbed.decisions.model import Answered, LiveVersion
from roadbed.decisions.routing import slices_of
from roadbed.examples.model import Assessed, Candidate, KnownCase
from roadbed.examples.service import ERASED, Examples, assessed
from roadbed.guarantee import presentation
from roadbed.guarantee.improvement_notes import with_timeouts
from roadbed.guarantee.rows import LastCertificateRow, Queries, TriedRow
from roadbed.guarantee.threshold_search import ThresholdSearches
from roadbed.kernel.clock import Clock
from roadbed.kernel.ids import Ids
from roadbed.kernel.json import flat, plain
from roadbed.kernel.stored_sentences import stored_sentence
from roadbed.risk import repeated_inputs, reviewer_errors
from roadbed.risk.automation_state import AutomationState, Evidence, Proof, prove
from roadbed.risk.calibration import calibration
from roadbed.risk.certificate import anytime, exact, fewest_items
from roadbed.risk.curve import risk_coverage
from roadbed.risk.search import Search
from roadbed.risk.slices import Pooling, pool, prove_slices
from roadbed.risk.weakness import groups_of, weak_spots
from roadbed.storage.database import Database
from roadbed.storage.sql import queries
from roadbed.usecases.loader import LoadedUseCase
from roadbed.usecases.use_case import UseCase
from roadbed.versions.rows import Queries as VersionQueries

_SQL = queries(Queries)
_VERSIONS = queries(VersionQueries)
Row = Mapping[str, Any]
Known = Mapping[str, Evaluation]  # by the id of the case
_SHOWN = 240  # characters of an example


@dataclass(frozen=True, kw_only=True, slots=True)
class Certification:
    """The certificate of a version. ``proof`` is ``None`` if no new certification was due."""

    certificate: Row | None
    proof: Proof | None
    sample: int
    note: str


class Certificates:
    """Proves versions on the reference sample and stores the proofs."""

    def __init__(self, database: Database, examples: Examples, ids: Ids, clock: Clock) -> None:
        self._database = database
        self._examples = examples
        self._ids = ids
        self._clock = clock

    async def last(self, behaviour: str) -> LastCertificateRow | None:
        """The newest certificate of a behaviour."""
        return await self._database.fetch_one(_SQL["last_certificate"], {"behaviour": behaviour})

    async def certify(
        self,
        loaded: LoadedUseCase,
        candidate: Candidate,
        behaviour: str,
        automation: AutomationState,
        alarm_at: datetime | None,
        calls: MeteredCalls | None = None,
        known: Known | None = None,
    ) -> Certification:
        """Evaluate ``candidate`` on the reference sample, if that is due. Raises as ``calls`` does.

        A trained version is certified once with the whole error level, and again only on items
        drawn since an alarm. A plain function is certified again with each new label, by an
        anytime-valid test. ``known`` are evaluations that exist already: nothing is evaluated
        twice.
        """
        declared = loaded.declared
        sample = await self._examples.sample(declared)
        last = await self.last(behaviour)
        judgements = sum(len(case.truth.losses) for case in sample)
        if last and _answers_judged(last, judgements):
            # The same items, on which people have judged answers that counted as wrong until then:
            # the earlier attempt could not have proven more, so this is not a second attempt.
            sample = [case for case in sample if case.drawn_at <= last["issued_at"]]
        elif last and (note := _not_due(declared, last, sample, alarm_at)) is not None:
            return Certification(certificate=last, proof=None, sample=len(sample), note=note)
        await self._database.fetch(_VERSIONS["count_inspection"], {"hash": behaviour})
        repeated = {case.id: case for case in await self._examples.repeated(declared)}
        # What teaches comes first, so that every part of the sample that is examined holds it.
        rows = [*(case for case in repeated.values() if not case.reference), *sample]
        evaluations = await self._evaluations(loaded, candidate, rows, calls, known or {})
        rows, evaluations = _counting(declared, rows, evaluations, repeated.keys())
        least, search = fewest_items(declared.risk_limit, declared.certainty), None
        if candidate.out_of_fold is None and len(rows) >= least:
            searches = ThresholdSearches(self._database, self._examples)
            search = await searches.of(loaded, candidate, behaviour, calls)
        proof, detail, examples = await self._prove(
            declared, candidate, behaviour, automation, alarm_at, rows, evaluations, search
        )
        detail["labelled"] = sum(not (case.waiting or case.erased) for case in sample)
        detail["repeated"] = len(repeated)
        detail["judgements"] = judgements
        await self._store(declared, behaviour, proof, detail, examples)
        certificate = await self.last(behaviour)
        assert certificate is not None  # it was just stored
        note = presentation.sentence(proof, certificate, declared.risk_limit)
        return Certification(certificate=certificate, proof=proof, sample=len(sample), note=note)

    async def _prove(
        self,
        declared: UseCase,
        candidate: Candidate,
        behaviour: str,
        automation: AutomationState,
        alarm_at: datetime | None,
        rows: Sequence[KnownCase],
        evaluations: Sequence[Evaluation],
        search: Search | None,
    ) -> tuple[Proof, dict[str, Any], list[Row]]:
        """The proof on the rows that count, its details for pages, and examples of errors."""
        assessment = assessed(declared, rows, evaluations)
        # When a row of a folder was drawn, nobody can tell: it is no work that arrived since.
        fresh = np.array(
            [
                alarm_at is None or (case.task_id is not None and case.drawn_at > alarm_at)
                for case in rows
            ],
            dtype=np.bool_,
        )
        pooling = _pooling(declared, candidate, rows)
        evidence, training = _pooled(declared, candidate, rows, assessment, fresh, pooling)
        allowed = await self._reviewers(declared)
        tried = await self._tried(declared.name, behaviour)
        proof = prove(
            evidence,
            training,
            automation,
            risk_limit=allowed["limit"],
            delta=allowed["delta"],
            test=exact if declared.trainable is not None else anytime,
            tries=tried["tries"],
            search=search,
        )
        if proof.certificate.threshold is None:
            proof = with_timeouts(proof, evaluations, declared.deadline_seconds)
        detail = _detail(declared, rows, assessment, evidence, proof, allowed)
        weak, examples = _weak(declared, rows, assessment, evidence, _automatic(evidence, proof))
        detail["weak"] = weak
        detail["pooling"] = dataclasses.asdict(pooling) if pooling else None
        detail["versions_tried"] = tried["versions"]
        detail["alarm_at"] = alarm_at.isoformat() if alarm_at else None
        return proof, detail, examples

    async def _evaluations(
        self,
        loaded: LoadedUseCase,
        candidate: Candidate,
        sample: Sequence[KnownCase],
        calls: MeteredCalls | None,
        known: Known,
    ) -> list[Evaluation]:
        """Each item of the sample evaluated once, those in ``known`` not again."""
        version = LiveVersion(
            id=None, decider=candidate.decider, threshold=None, certificate=None, loaded=loaded
        )
        known = {**known, **{case.id: ERASED for case in sample if case.erased}}
        missing = [case for case in sample if case.id not in known]
        inputs = [KnownInput(id=case.id, content=case.content) for case in missing]
        made = await self._examples.evaluate(loaded, version, inputs, calls)
        new = {case.id: evaluation for case, evaluation in zip(missing, made, strict=True)}
        return [known[case.id] if case.id in known else new[case.id] for case in sample]

    async def _tried(self, use_case: str, behaviour: str) -> TriedRow:
        """How many versions were tested on the sample, including this one.

        ``versions`` counts all, ``tries`` those since the last that passed: repeated attempts share
        the error level.
        """
        facts = {"use_case": use_case, "behaviour": behaviour}
        row = await self._database.fetch_one(_SQL["tried"], facts)
        return row or {"versions": 1, "tries": 1}

    async def _reviewers(self, declared: UseCase) -> dict[str, Any]:
        """What must be shown of the labels, given how reviewers did on known mistakes."""
        row = await self._database.fetch_one(_SQL["known_wrong"], {"use_case": declared.name})
        cases, misses = (row["cases"], row["misses"]) if row else (0, 0)
        limit, delta = declared.risk_limit, 1.0 - declared.certainty
        counted = reviewer_errors.counts(misses=misses, cases=cases)
        bound = None
        if counted:
            limit, delta, bound = reviewer_errors.corrected(
                limit, delta, misses=misses, cases=cases
            )
        return {
            "limit": limit,
            "delta": delta,
            "cases": cases,
            "misses": misses,
            "miss_rate_at_most": bound,
            "counted": counted,
        }

    async def _store(
        self,
        declared: UseCase,
        behaviour: str,
        proof: Proof,
        detail: Mapping[str, Any],
        examples: Sequence[Row],
    ) -> None:
        certificate = proof.certificate
        row = await self._database.fetch_one(_VERSIONS["behaviour"], {"hash": behaviour})
        certificate_id = self._ids.certificate()
        await self._database.fetch(
            _SQL["store_certificate"],
            {
                "id": certificate_id,
                "use_case": declared.name,
                "behaviour": behaviour,
                "look": row["looks"] if row else 1,
                "threshold": certificate.threshold,
                "cautious": proof.cautious,
                "on_alarm": proof.on_alarm,
                "risk_limit": declared.risk_limit,
                "certainty": declared.certainty,
                "items": certificate.items,
                "covered": certificate.covered,
                "errors": certificate.errors,
                "detail": Jsonb(plain(detail)),
                "issued_at": self._clock.now(),
            },
        )
        await self._database.fetch(
            _SQL["store_weak_examples"],
            {"certificate": certificate_id, "examples": json.dumps(examples)},
        )


def _counting(
    declared: UseCase,
    sample: Sequence[KnownCase],
    evaluations: Sequence[Evaluation],
    repeated: Collection[str],
) -> tuple[list[KnownCase], list[Evaluation]]:
    """The rows that count where inputs are repeated, see ``risk.repeats``."""
    assessment = assessed(declared, sample, evaluations)
    mean = declared.risk_measure == "mean_loss"
    most = declared.risk_limit if mean else declared.tolerance
    counting = repeated_inputs.counts(
        wrong=~(assessment.loss <= most),
        judges=np.array([case.reference for case in sample], dtype=np.bool_),
        repeated=np.array([case.id in repeated for case in sample], dtype=np.bool_),
        drawn=np.array([repeated_inputs.is_drawn(case.id) for case in sample], dtype=np.bool_),
    )
    places = np.flatnonzero(counting).tolist()
    return [sample[place] for place in places], [evaluations[place] for place in places]


def _answers_judged(last: LastCertificateRow, judgements: int) -> bool:
    """Whether people have judged answers that an earlier inspection had to count as wrong."""
    unknown: int = last["detail"].get("unknown", 0)
    return unknown > 0 and judgements > int(last["detail"].get("judgements", 0))


def _not_due(
    declared: UseCase,
    last: LastCertificateRow,
    sample: Sequence[KnownCase],
    alarm_at: datetime | None,
) -> str | None:
    """Why a version is not certified again now; ``None`` if it is due."""
    if not _same_alarm(last, alarm_at):
        return None
    labelled = sum(not (case.waiting or case.erased) for case in sample)
    if labelled <= last["detail"].get("labelled", last["items"]):
        return stored_sentence("Nothing new was corrected or labelled since the last look.")
    if declared.trainable is not None:
        return stored_sentence("Nothing new to learn from, and this version has had its one look.")
    return None


def _same_alarm(last: LastCertificateRow, alarm_at: datetime | None) -> bool:
    return bool(last["detail"].get("alarm_at") == (alarm_at.isoformat() if alarm_at else None))


def _pooling(
    declared: UseCase, candidate: Candidate, sample: Sequence[KnownCase]
) -> Pooling | None:
    """Offsets of slices, learnt from training rows; ``None`` without slices or training."""
    if not declared.slices or candidate.out_of_fold is None:
        return None
    return pool(
        declared.slices,
        candidate.slices,
        candidate.out_of_fold.confidence,
        candidate.out_of_fold.wrong,
        seen=[
            slices_of(declared, case.content)
            for case in sample
            if not (case.waiting or case.erased)
        ],
    )


def _pooled(
    declared: UseCase,
    candidate: Candidate,
    sample: Sequence[KnownCase],
    assessment: Assessed,
    fresh: np.ndarray[Any, np.dtype[np.bool_]],
    pooling: Pooling | None,
) -> tuple[Evidence, Any]:
    """Evidence and training with the scores of the live path: 0 for held answers."""
    training = candidate.out_of_fold
    confidence = assessment.confidence
    cautious = assessment.cautious
    if pooling and training:
        slices = [slices_of(declared, case.content) for case in sample]
        known = np.array([pooling.too_rare(slice_) is None for slice_ in slices], dtype=bool)
        known |= (gone := np.array([case.erased for case in sample], dtype=bool))
        confidence = _scored(pooling, slices, confidence) * known * (assessment.confidence > 0.0)
        confidence = np.where(gone, 1.0, confidence)
        cautious = None if cautious is None else cautious * known
        training = dataclasses.replace(
            training, confidence=_scored(pooling, candidate.slices, training.confidence)
        )
    evidence = Evidence(
        confidence=confidence,
        wrong=_losses(declared, sample, assessment),
        fresh=fresh,
        cautious=cautious,
        # Marked also where none waits now: which parts are looked at must not depend on that.
        waiting=np.array([case.waiting for case in sample], dtype=np.bool_),
    )
    return evidence, training


def _losses(
    declared: UseCase, sample: Sequence[KnownCase], assessment: Assessed
) -> np.ndarray[Any, np.dtype[Any]]:
    """The losses that the risk limit refers to, binary or graded. A late label counts as wrong."""
    late = np.array([case.overdue for case in sample], dtype=bool)
    loss = np.where(late, 1.0, assessment.loss)
    return loss if declared.risk_measure == "mean_loss" else ~(loss <= declared.tolerance)


def _scored(
    pooling: Pooling, slices: Sequence[Mapping[str, str]], confidence: np.ndarray[Any, Any]
) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.array(
        [
            pooling.score(float(score), slice_)
            for score, slice_ in zip(confidence, slices, strict=True)
        ],
        dtype=np.float64,
    )


def _detail(
    declared: UseCase,
    sample: Sequence[KnownCase],
    assessment: Assessed,
    evidence: Evidence,
    proof: Proof,
    allowed: Mapping[str, Any],
) -> dict[str, Any]:
    """All that the pages show of a certification, as plain records."""
    automatic = _automatic(evidence, proof)
    labelled = np.array([not (case.waiting or case.erased) for case in sample], dtype=bool)
    answered = labelled & (assessment.confidence > 0.0)
    return {
        **dataclasses.asdict(proof.certificate),
        "sign": proof.sign,
        "overdue": sum(case.overdue and not case.erased for case in sample),
        "erased": sum(case.erased for case in sample),
        "late": proof.certificate.waiting,  # of the errors, those that wait for a label
        "waiting": sum(case.waiting for case in sample),  # of the whole sample
        "labelled": int(labelled.sum()),
        "unknown": int((assessment.unknown & answered).sum()),
        "held": sum(
            evaluation.held is not None and isinstance(evaluation.answer, Answered)
            for evaluation in assessment.evaluations
        ),
        "scorer": declared.scorer.facts(),
        "tolerance": declared.tolerance,
        "risk_measure": declared.risk_measure,
        **_curves(declared, sample, assessment, evidence, proof, automatic, allowed["limit"]),
        "reviewers": allowed,
        "answered": int(answered.sum()),
        "error": _share(evidence.wrong[answered]),
    }


def _automatic(evidence: Evidence, proof: Proof) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Which rows would be automatic at the proven threshold."""
    threshold = proof.certificate.threshold
    compared = evidence.cautious if proof.cautious else evidence.confidence
    if compared is None or threshold is None:
        return np.zeros(len(evidence.wrong), dtype=np.bool_)
    return compared >= threshold


def _curves(
    declared: UseCase,
    sample: Sequence[KnownCase],
    assessment: Assessed,
    evidence: Evidence,
    proof: Proof,
    automatic: np.ndarray[Any, np.dtype[np.bool_]],
    limit: float,
) -> dict[str, list[dict[str, Any]]]:
    """Risk by coverage, calibration, and the proof of each slice."""
    certainty = declared.certainty
    counts = evidence.fresh if not proof.cautious else np.ones_like(evidence.fresh)
    counted = np.array([not case.waiting for case in sample], dtype=bool) & counts
    there = np.array([not case.erased for case in sample], dtype=bool)
    curve = risk_coverage(evidence.confidence[counted], evidence.wrong[counted], certainty)
    told = counted & there
    bins = calibration(assessment.confidence[told], evidence.wrong[told], certainty)
    slices = prove_slices(
        declared.slices,
        [slices_of(declared, case.content) for case in sample],
        evidence.wrong,
        automatic & counts & there,  # nobody knows in which slice an erased one was
        risk_limit=limit,
        delta=proof.certificate.level,
        waiting=evidence.waiting,
    )
    return {
        "curve": [dataclasses.asdict(point) for point in curve],
        "calibration": [dataclasses.asdict(bin_) for bin_ in bins],
        "slices": [dataclasses.asdict(slice_) for slice_ in slices],
    }


def _weak(
    declared: UseCase,
    sample: Sequence[KnownCase],
    assessment: Assessed,
    evidence: Evidence,
    automatic: np.ndarray[Any, np.dtype[np.bool_]],
) -> tuple[list[dict[str, Any]], list[Row]]:
    """The card "where it fails": groups of answered items on which it is clearly worse.

    Their examples are rows of their own: tasks are erased, or wait to be judged a second time.
    """
    answered: list[int] = [
        number
        for number, case in enumerate(sample)
        if assessment.confidence[number] > 0.0 and case.truth.labelled
    ]
    contents = [sample[number].content for number in answered]
    right = [_right_output(sample[number]) for number in answered]
    groups = groups_of(contents)
    for group, content, output in zip(groups, contents, right, strict=True):
        group.update(slices_of(declared, content))
        group["kind"] = flat(output)
    spots = weak_spots(groups, evidence.wrong[answered], automatic[answered], declared.certainty)
    weak = [dataclasses.asdict(spot) for spot in spots]
    for spot in weak:
        del spot["examples"]
    examples: list[Row] = [
        {
            "spot": number,
            "place": place,
            "task_id": sample[answered[place]].task_id,
            "input": flat(contents[place])[:_SHOWN],
            "answered": _output(assessment.evaluations[answered[place]]),
            "right": right[place],
        }
        for number, spot in enumerate(spots)
        for place in spot.examples
    ]
    return weak, examples


def _right_output(case: KnownCase) -> Mapping[str, Any] | None:
    return case.truth.right.output if case.truth.right else None


def _output(evaluation: Evaluation) -> Mapping[str, Any] | None:
    content = evaluation.content
    return content.output if content else None


def _share(wrong: np.ndarray[Any, np.dtype[Any]]) -> float | None:
    return float(wrong.mean()) if len(wrong) else None
