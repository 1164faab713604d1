"""Reviewers are measured too: known cases among the work, second looks, pace.

What is made here passes through the queue like any task. It is left out of every count, teaches
nothing and proves nothing about the decider.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from psycopg.types.json import Jsonb

from roadbed.decisions.model import Answered, Service
from roadbed.improvement.model import ExampleSet
from roadbed.improvement.service import Improvement
from roadbed.intake.rules import body_hash
from roadbed.kernel.clock import Clock
from roadbed.kernel.ids import Ids
from roadbed.reviews.service import Reviews
from roadbed.risk.curve import share_interval
from roadbed.storage.database import Database
from roadbed.storage.sql import queries
from roadbed.usecases.model import UseCase

_SQL = queries(__package__)
_FEWEST_KNOWN = 100  # labelled items before known cases are drawn from them
_AT_ONCE = 3
_ASKED = 40  # of the labelled items at most, to find one that the decider gets wrong
_PORTION = 8
_REST_SECONDS = 600.0  # where none could be made: asking again at once would only cost
_LOOK_BACK = timedelta(days=30)
# Between two looks at all of that, what came meanwhile; the query would be most of an idle server.
_LATELY = timedelta(minutes=2)
_WHOLE_SECONDS = 600.0
_SECONDS_AT_ONCE = 50
_WORDS_A_SECOND = 8.0  # faster than almost anybody reads
_PRIORITY = {"check": 1, "second": 3, "lead": 3}
Json = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class ReviewerFigures:
    """One reviewer over the last 30 days. ``missed`` of ``known_wrong`` cases were let pass.

    ``too_fast`` says that half of the accepted texts were accepted faster than they can be read.
    """

    reviewer: str
    verdicts: int
    accepted: int
    agreed: int
    median_seconds: float | None
    known_wrong: int
    missed: int
    missed_low: float
    missed_high: float
    known_right: int
    spoiled: int
    second_looks: int
    overturned: int
    too_fast: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class _Case:
    """A task to be made. ``reserved_for`` is the only person who may have it."""

    kind: str
    content: Json
    source: Json
    proposed: Json | None
    confidence: float | None
    evidence: Json
    reason: str
    blind: bool
    barred: Sequence[str] = ()
    reserved_for: str | None = None
    of_verdict: str | None = None
    known: Json | None = None
    proposed_right: bool | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class _Known:
    """What the decider says to an item whose right output is known."""

    answer: Answered
    content: Json
    right: Json

    @property
    def wrong(self) -> bool:
        return self.answer.output != self.right


class Measuring:
    """Makes cases, settles second looks, reads figures."""

    def __init__(
        self,
        database: Database,
        improvement: Improvement,
        reviews: Reviews,
        ids: Ids,
        clock: Clock,
        chance: random.Random,
    ) -> None:
        self._database = database
        self._improvement = improvement
        self._reviews = reviews
        self._ids = ids
        self._clock = clock
        self._chance = chance
        self._rests: dict[str, float] = {}
        self._whole: dict[str, float] = {}  # when all of the look back is due again

    async def tick(self, service: Service) -> None:
        """Do what is due: second looks, disagreements, the lead's answers, known cases."""
        declared = service.loaded.declared
        await self._second_looks(declared)
        await self._disagreements(declared)
        await self._lead_decided(declared)
        await self._checks(service)

    async def figures(self, declared: UseCase) -> Sequence[ReviewerFigures]:
        """Every reviewer of the last 30 days, the busiest first."""
        facts = {"use_case": declared.name, "since": self._clock.now() - _LOOK_BACK}
        pace = await self._database.fetch(_SQL["pace"], facts)
        checks = await self._database.fetch(_SQL["checks_passed"], facts)
        return [_figures(row, checks, declared.certainty) for row in pace]

    async def _second_looks(self, declared: UseCase) -> None:
        if declared.second_look_share <= 0.0:
            return
        began, now = self._clock.monotonic(), self._clock.now()
        whole = began >= self._whole.get(declared.name, 0.0)
        due = await self._database.fetch(
            _SQL["second_due"],
            {
                "use_case": declared.name,
                "share": declared.second_look_share,
                "since": now - (_LOOK_BACK if whole else _LATELY),
                "others_since": now - _LOOK_BACK,
                "most": _SECONDS_AT_ONCE,
            },
        )
        for row in due:
            await self._make(declared, _again(row, "second", barred=[row["reviewer"]]))
        if whole and len(due) < _SECONDS_AT_ONCE:
            self._whole[declared.name] = began + _WHOLE_SECONDS

    async def _disagreements(self, declared: UseCase) -> None:
        rows = await self._database.fetch(_SQL["disagreements"], {"use_case": declared.name})
        for row in rows:
            if not row["agree"]:
                lead = declared.pod.domain_lead
                await self._make(declared, _again(row, "lead", reserved_for=lead))
            await self._settle(row["second_task"])

    async def _lead_decided(self, declared: UseCase) -> None:
        rows = await self._database.fetch(_SQL["lead_decided"], {"use_case": declared.name})
        for row in rows:
            if not row["upheld"]:
                await self._reviews.overturn(
                    declared, row["review_id"], by=row["reviewer"], output=row["right_output"]
                )
            await self._settle(row["task_id"])

    async def _checks(self, service: Service) -> None:
        """As many known cases as the declared share of what was reviewed asks for."""
        declared, decider = service.loaded.declared, service.live.decider
        row = await self._database.fetch_one(_SQL["reviewed_lately"], {"use_case": declared.name})
        resting = self._clock.monotonic() < self._rests.get(declared.name, 0.0)
        if row is None or decider is None or resting:
            return
        missing = int(row["reviewed"] * declared.check_share) - row["checks"]
        if missing <= 0:
            return
        if (await self._improvement.counts(declared.name))["judge"] < _FEWEST_KNOWN:
            return
        salt = self._chance.getrandbits(62)
        some = await self._improvement.some(declared, "judge", most=_ASKED, salt=salt)
        wanted = [
            number % 2 == 0
            for number in range(row["checks"], row["checks"] + min(missing, _AT_ONCE))
        ]
        # Until one could be made: also where nothing is left to pay with.
        self._rests[declared.name] = self._clock.monotonic() + _REST_SECONDS
        known: list[_Known] = []
        paying = self._improvement.paying(declared)
        for items in _portions(some):
            said = await self._improvement.answers(declared, decider, items, paying, untold=True)
            known += _answered(items, said)
            if {each.wrong for each in known} >= set(wanted):
                break
        cases = [self._known_case(known, wrong=each) for each in wanted]
        for case in filter(None, cases):
            await self._make(declared, case)
        if any(cases):
            del self._rests[declared.name]

    def _known_case(self, known: Sequence[_Known], *, wrong: bool) -> _Case | None:
        """An item the decider really gets wrong, or right; without one a mistake is made up."""
        known = self._chance.sample(known, len(known))
        fitting = [each for each in known if each.wrong is wrong]
        others = [each.right for each in known]
        if not known or (wrong and not fitting and all(each == others[0] for each in others)):
            return None
        picked = (fitting or known)[0]
        answer, right, proposed = picked.answer, picked.right, picked.answer.output
        if wrong and not fitting:
            proposed = next(each for each in others if each != right)
        return _Case(
            kind="check",
            content=picked.content,
            source={"surface": "api"},
            proposed=proposed,
            confidence=answer.confidence,
            evidence=answer.evidence,
            reason=f"Confidence {answer.confidence:.3f} is below what is needed.",
            blind=False,
            known=right,
            proposed_right=proposed == right,
        )

    async def _make(self, declared: UseCase, case: _Case) -> None:
        """Put a case into the queue, with all that belongs to it, or nothing of it."""
        facts = {
            "task_id": self._ids.task(),
            "decision_id": self._ids.decision(),
            "review_id": self._ids.review(),
            "use_case": declared.name,
            "at": self._clock.now(),
            "kind": case.kind,
            "body_hash": body_hash(case.content),
            "input": Jsonb(case.content),
            "source": Jsonb(case.source),
            "proposed": None if case.proposed is None else Jsonb(case.proposed),
            "confidence": case.confidence,
            "evidence": Jsonb(case.evidence or {}),
            "reason": case.reason,
            "blind": case.blind,
            "priority": _PRIORITY[case.kind],
            "barred": list(case.barred),
            "reserved_for": case.reserved_for,
            "of_verdict": case.of_verdict,
            "right_output": None if case.known is None else Jsonb(case.known),
            "proposed_right": case.proposed_right,
        }
        async with self._database.transaction() as connection:
            cursor = await connection.execute(_SQL["make_measure"], facts)
            if await cursor.fetchone():  # else another process was first
                for step in ("make_task", "make_decision", "make_review"):
                    await connection.execute(_SQL[step], facts)

    async def _settle(self, task_id: str) -> None:
        await self._database.fetch(_SQL["settled"], {"task_id": task_id, "at": self._clock.now()})


def _portions(items: ExampleSet) -> Iterator[ExampleSet]:
    for start in range(0, len(items.examples), _PORTION):
        part = slice(start, start + _PORTION)
        yield ExampleSet(examples=items.examples[part], contents=items.contents[part], until=None)


def _answered(items: ExampleSet, answers: Sequence[Answered | None]) -> list[_Known]:
    return [
        _Known(answer=answer, content=content, right=example.output.model_dump(mode="json"))
        for answer, content, example in zip(answers, items.contents, items.examples, strict=True)
        if answer is not None and example.output is not None
    ]


def _again(
    row: Json, kind: str, *, barred: Sequence[str] = (), reserved_for: str | None = None
) -> _Case:
    """The same task once more, blind, for somebody else."""
    return _Case(
        kind=kind,
        content=row["input"],
        source=row["source"],
        proposed=row["proposed"],
        confidence=row["confidence"],
        evidence=row["evidence"],
        reason=row["reason"],
        blind=True,
        barred=barred,
        reserved_for=reserved_for,
        of_verdict=row["verdict_id"],
    )


def _figures(row: Json, checks: Sequence[Json], certainty: float) -> ReviewerFigures:
    mine = [each for each in checks if each["reviewer"] == row["reviewer"]]

    def count(*, known_wrong: bool, failed_only: bool) -> int:
        return sum(
            each["n"]
            for each in mine
            if each["known_wrong"] is known_wrong and not (failed_only and each["passed"])
        )

    wrong = count(known_wrong=True, failed_only=False)
    missed = count(known_wrong=True, failed_only=True)
    low, high = share_interval(missed, wrong, certainty) if wrong else (0.0, 1.0)
    seconds, words = row["median_accept_seconds"], row["median_accept_words"]
    return ReviewerFigures(
        reviewer=row["reviewer"],
        verdicts=row["verdicts"],
        accepted=row["accepted"],
        agreed=row["agreed"],
        median_seconds=row["median_seconds"],
        known_wrong=wrong,
        missed=missed,
        missed_low=low,
        missed_high=high,
        known_right=count(known_wrong=False, failed_only=False),
        spoiled=count(known_wrong=False, failed_only=True),
        second_looks=row["second"],
        overturned=row["overturned"],
        too_fast=bool(seconds is not None and words and seconds < words / _WORDS_A_SECOND),
    )
