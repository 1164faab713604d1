"""Reviewer checks: cases with a known right answer, second reviews, and how fast people review.

A check passes through the queue like any task. It is left out of every count, is no example and no
evidence about the decider.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, cast

from psycopg.types.json import Jsonb

from roadbed.decisions import routing
from roadbed.decisions.evaluation import KnownInput
from roadbed.decisions.items import DecidedItem
from roadbed.decisions.model import Answered, Deployment, Route
from roadbed.decisions.rows import SettledRow
from roadbed.examples.service import Examples
from roadbed.intake.tasks import ADMIT
from roadbed.kernel.clock import Clock
from roadbed.kernel.ids import Ids
from roadbed.reviews.model import ReviewerFigures
from roadbed.reviews.reviewer_check_cases import (
    CheckCase,
    EvaluatedCase,
    again,
    agreed,
    alike,
    answered,
    figures_of,
    portions,
    task_of,
    who_decides,
)
from roadbed.reviews.rows import DisagreementsRow, Queries
from roadbed.reviews.service import Reviews
from roadbed.scoring.content import Content
from roadbed.scoring.scorers import assess, is_wrong
from roadbed.storage.database import Database
from roadbed.storage.sql import queries
from roadbed.storage.writer import Write, write_within
from roadbed.usecases.use_case import UseCase
from roadbed.versions.model import Release

_SQL = queries(Queries)
_FEWEST_KNOWN = 100  # labelled items before reviewer checks are drawn from them
_AT_ONCE = 3
_ASKED = 40  # of the labelled items at most, to find one that the decider gets wrong
_REST_SECONDS = 600.0  # none could be created: an immediate retry would only add cost
_LOOK_BACK = timedelta(days=30)
# Between two full searches only recent verdicts are searched: the full query is expensive.
_LATELY = timedelta(minutes=2)
_WHOLE_SECONDS = 600.0
_SECONDS_AT_ONCE = 50
_PRIORITY = {"answer": 2, "second": 3, "lead": 3}  # a check has the priority of any task like it
_KEYS_TRIED = 20
Json = Mapping[str, Any]


class ReviewerChecks:
    """Makes checks, settles second reviews, reads the figures of reviewers."""

    def __init__(
        self,
        database: Database,
        examples: Examples,
        reviews: Reviews,
        ids: Ids,
        clock: Clock,
        chance: random.Random,
        settle: Write[DecidedItem, SettledRow],
    ) -> None:
        self._settle_write = settle
        self._database = database
        self._examples = examples
        self._reviews = reviews
        self._ids = ids
        self._clock = clock
        self._chance = chance
        self._rests: dict[str, float] = {}
        self._whole: dict[str, float] = {}  # when all of the look back is due again

    async def tick(self, service: Deployment) -> None:
        """Do what is due: second reviews, disagreements, the lead's answers, checks."""
        declared = service.loaded.declared
        await self._second_looks(service)
        await self._disagreements(service)
        await self._lead_decided(declared)
        await self._other_answers(service)
        await self._checks(service)

    async def ask_about(self, service: Deployment, release: Release) -> int:
        """Open reviews for the candidate's answers that its gate could not judge.

        They look like other reviews: the version is hidden, and its author cannot review. Returns
        how many were opened; those that are open already are not opened again.
        """
        cases = ((release.gate or {}).get("unknown") or {}).get("cases") or ()
        known = {case.id: case for case in await self._examples.cases(service.loaded.declared)}
        opened = 0
        for row in cases:
            if (case := known.get(row["example"])) is not None:
                content = Content(
                    output=row["candidate"],
                    actions=row["candidate_actions"],
                    provenance=row["provenance"],
                )
                of_case = case.task_id or case.id
                opened += await self._ask(
                    service,
                    of_case,
                    case.content,
                    content,
                    row["confidence"],
                    barred=release.authors,
                )
        return opened

    async def _other_answers(self, service: Deployment) -> None:
        """In a canary, the answer of the version that did not decide, where only people can judge.

        What was decided is judged in the task's own review. No author of the candidate judges it.
        """
        declared = service.loaded.declared
        if not declared.scorer.needs_person or service.trial is None:
            return
        facts = {"use_case": declared.name, "release": service.trial.release}
        for row in await self._database.fetch(_SQL["other_answers"], facts):
            content = Content(output=row["output"], actions=row["actions"] or ())
            await self._ask(
                service,
                row["task_id"],
                row["input"],
                content,
                row["confidence"] or 0.0,
                known_as=row["content"],
                barred=row["authors"],
            )

    async def _ask(
        self,
        service: Deployment,
        of_case: str,
        input: Json,
        content: Content,
        confidence: float,
        known_as: str | None = None,
        barred: Sequence[str] = (),
    ) -> bool:
        """Open a review of one answer on a case with known input, once."""
        declared, live = service.loaded.declared, service.live
        most = confidence if live.threshold is None else min(confidence, live.threshold - 0.001)
        routed = routing.route(None, max(most, 0.0), live, halted=service.halted)
        like = await self._like_these(declared)
        return await self._make(
            declared,
            CheckCase(
                kind="answer",
                content=input,
                source=like["source"],
                key=like["key"],
                rate=live.rate,
                decided={
                    "version": live.id,
                    "certificate": live.certificate,
                    "reason_code": routed.code,
                    "reason": routed.reason,
                    "rule": None,
                    "output": content.output,
                    "confidence": max(most, 0.0),
                    "threshold": live.threshold,
                    "evidence": {},
                    "cost": like["cost"],
                    "seconds": self._chance.uniform(0.001, 0.01),
                    "actions": content.actions or None,
                    "provenance": content.provenance or None,
                    "content_hash": known_as or content.hash,
                    "halt_epoch": service.halt_epoch,
                },
                blind=False,
                of_case=of_case,
                barred=barred,
            ),
        )

    async def _like_these(self, declared: UseCase) -> Json:
        """Sender and cost of a recent task, and a key that could be one of those around it."""
        named = {"use_case": declared.name}
        like = await self._database.fetch(_SQL["like_these"], named)
        if not like:
            return {"source": {"surface": "api"}, "key": None, "cost": None}
        picked = self._chance.choice(like)
        if picked["key"] is None:
            return picked
        keys = [row["key"] for row in like if row["key"] is not None]
        fresh = [alike(picked["key"], keys, self._chance) for _ in range(_KEYS_TRIED)]
        taken = await self._database.fetch(_SQL["taken_keys"], {**named, "keys": fresh})
        free = [key for key in fresh if key not in {row["key"] for row in taken}]
        return {**picked, "key": free[0] if free else fresh[0]}

    async def figures(self, declared: UseCase) -> Sequence[ReviewerFigures]:
        """Every reviewer of the last 30 days, the busiest first."""
        facts = {"use_case": declared.name, "since": self._clock.now() - _LOOK_BACK}
        pace = await self._database.fetch(_SQL["pace"], facts)
        checks = await self._database.fetch(_SQL["checks_passed"], facts)
        return [figures_of(row, checks, declared.certainty) for row in pace]

    async def _second_looks(self, service: Deployment) -> None:
        declared = service.loaded.declared
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
                "lead": declared.pod.domain_lead,
                "most": _SECONDS_AT_ONCE,
            },
        )
        for row in due:
            knowing = sorted({row["reviewer"], *row["first_barred"]})
            # The second reviewer cannot decide a dispute between the two labels.
            spared = [declared.pod.domain_lead] if row["third"] else []
            key = (await self._like_these(declared))["key"]
            case = again(service, row, "second", key=key, barred=knowing, spared=spared)
            await self._make(declared, case)
        if whole and len(due) < _SECONDS_AT_ONCE:
            self._whole[declared.name] = began + _WHOLE_SECONDS

    async def _disagreements(self, service: Deployment) -> None:
        declared = service.loaded.declared
        rows = await self._database.fetch(_SQL["disagreements"], {"use_case": declared.name})
        for row in rows:
            if not row["withdrawn"] and not agreed(declared, row, "first", "second"):
                await self._dispute(service, row)
            await self._settle(row["second_task"], row["word"], passed=None)

    async def _dispute(self, service: Deployment, row: DisagreementsRow) -> None:
        """Two labels of one task differ: ask who knows neither, the domain lead if possible."""
        declared = service.loaded.declared
        facts = {"use_case": declared.name, "since": self._clock.now() - _LOOK_BACK}
        labellers = [
            labeller["reviewer"]
            for labeller in await self._database.fetch(_SQL["labellers"], facts)
        ]
        knowing = sorted({row["first_reviewer"], row["second_reviewer"], *row["barred"]})
        decides = who_decides(declared.pod.domain_lead, knowing, labellers)
        if decides in row["senders"]:
            decides = None  # who sent the task decides nothing about it
        key = (await self._like_these(declared))["key"]
        case = again(service, row, "lead", key=key, barred=knowing, reserved_for=decides)
        await self._make(declared, case)

    async def _lead_decided(self, declared: UseCase) -> None:
        rows = await self._database.fetch(_SQL["lead_decided"], {"use_case": declared.name})
        for row in rows:
            upheld = row["withdrawn"] or agreed(declared, row, "first", "lead")
            if not (row["withdrawn"] or (row["stands"] and upheld)):
                await self._reviews.overturn(
                    declared,
                    row["review_id"],
                    word=row["word"],
                    by=row["reviewer"],
                    output=row["lead_output"],
                    actions=row["lead_actions"],
                )
            await self._settle(row["task_id"], row["word"], passed=upheld)

    async def _checks(self, service: Deployment) -> None:
        """Make as many checks as the declared share of reviewed tasks asks for."""
        declared, decider = service.loaded.declared, service.live.decider
        row = await self._database.fetch_one(_SQL["reviewed_lately"], {"use_case": declared.name})
        resting = self._clock.monotonic() < self._rests.get(declared.name, 0.0)
        if row is None or decider is None or resting:
            return
        missing = int(row["reviewed"] * declared.check_share) - row["checks"]
        if missing <= 0:
            return
        if (await self._examples.counts(declared.name))["judge"] < _FEWEST_KNOWN:
            return
        salt = self._chance.getrandbits(62)
        some = await self._examples.some(declared, most=_ASKED, salt=salt)
        wanted = [
            number % 2 == 0
            for number in range(row["checks"], row["checks"] + min(missing, _AT_ONCE))
        ]
        # Until one could be created, also if the budget is used up.
        self._rests[declared.name] = self._clock.monotonic() + _REST_SECONDS
        known: list[EvaluatedCase] = []
        paying = self._examples.paying(declared)
        version = replace(service.live, loaded=service.live.loaded or service.loaded)
        for cases in portions(some):
            # Evaluated as the task that it may become: a decider may tell the id in its evidence.
            ids = [self._ids.task() for _ in cases]
            inputs = [
                KnownInput(id=task_id.removeprefix("tsk_"), content=case.content)
                for task_id, case in zip(ids, cases, strict=True)
            ]
            made = await self._examples.evaluate(
                service.loaded, version, inputs, paying, untold=True
            )
            # As a task that arrives now would go, so also under a halt.
            now = [evaluation.under(version, halted=service.halted) for evaluation in made]
            known += answered(declared, cases, now, ids)
            if {case.wrong for case in known} >= set(wanted):
                break
        made_any = False
        for wrong in wanted:
            if case := await self._check_case(service, known, wrong=wrong):
                await self._make(declared, case)
                made_any = True
        if made_any:
            del self._rests[declared.name]

    async def _check_case(
        self, service: Deployment, known: list[EvaluatedCase], *, wrong: bool
    ) -> CheckCase | None:
        """A case that the live version really gets wrong, or right, on its way to a person.

        Without one that it gets wrong, another case's right answer is proposed. It looks like the
        work that arrives: sender, key and rate are those of a recent task, and the decision has
        every field that a task's decision has.
        """
        declared = service.loaded.declared
        fitting = [case for case in known if case.wrong is wrong]
        picked = self._chance.choice(fitting or known) if known else None
        if picked is None:
            return None
        known.remove(picked)
        content = picked.evaluation.content
        if wrong and not fitting:
            content = self._made_up(declared, picked, known)
        if content is None:
            return None
        model = await self._like_these(declared)
        live, answer, routed = service.live, picked.evaluation.answer, picked.evaluation.routed
        truth = picked.case.truth
        return CheckCase(
            task_id=picked.task_id,
            kind="check",
            content=picked.case.content,
            source=model["source"],
            key=model["key"],
            rate=live.rate,
            decided={
                "version": live.id,
                "certificate": live.certificate,
                "reason_code": routed.code,
                "reason": routed.reason,
                "rule": routed.rule,
                "output": content.output,
                "confidence": answer.confidence if isinstance(answer, Answered) else None,
                "threshold": live.threshold,
                "evidence": answer.evidence,
                "cost": answer.cost,
                "seconds": picked.evaluation.seconds,
                "actions": picked.evaluation.actions or None,
                "provenance": content.provenance or None,
                "content_hash": content.hash,
                "halt_epoch": service.halt_epoch,
            },
            blind=False,
            origin=picked.case.task_id,
            known=truth,
            proposed_right=not wrong,
        )

    def _made_up(
        self, declared: UseCase, picked: EvaluatedCase, known: Sequence[EvaluatedCase]
    ) -> Content | None:
        """The picked answer with the right output of another case, if that would be wrong."""
        content = picked.evaluation.content
        for other in self._chance.sample(known, len(known)):
            right = other.case.truth.right
            if content is None or right is None:
                continue
            changed = replace(content, output=right.output)
            score = assess(declared.scorer, changed, picked.case.truth, picked.case.content)
            if score.loss is not None and is_wrong(score, declared.tolerance):
                return changed
        return None

    async def _make(self, declared: UseCase, case: CheckCase) -> bool:
        """Put a case into the queue by the statements of every task, or nothing of it."""
        task_id, now = case.task_id or self._ids.task(), self._clock.now()
        known = case.known.right if case.known else None
        told = case.known.actions_known if case.known else False
        mark = {
            "task_id": task_id,
            "use_case": declared.name,
            "at": now,
            "kind": case.kind,
            "of_verdict": case.of_verdict,
            "of_case": case.of_case,
            "content_hash": case.decided["content_hash"],
            "right_output": None if known is None else Jsonb(known.output),
            "right_actions": Jsonb(known.proposed_actions) if known and told else None,
            "proposed_right": case.proposed_right,
        }
        # No task is decided before it came: the time it took lies before its decision.
        came = now - timedelta(seconds=case.decided["seconds"])
        decision = self._decided(declared, case, task_id, now)
        try:
            async with self._database.transaction() as connection:
                cursor = await connection.execute(_SQL["make_measure"], mark)
                if not await cursor.fetchone():
                    return False  # another process was first
                await write_within(connection, ADMIT, task_of(declared, case, task_id, came))
                row = await write_within(connection, self._settle_write, decision)
                if row is None or row["decision_id"] is None:
                    raise _HaltedMeanwhileError
                whose = {
                    "barred": list(case.barred),
                    "skipped_by": list(case.spared),
                    "reserved_for": case.reserved_for,
                }
                facts = {"review_id": decision["review_id"], "origin": case.origin, **whose}
                await connection.execute(_SQL["reserve"], facts)
        except _HaltedMeanwhileError:
            return False  # halted or released meanwhile: retry at the next check
        return True

    def _decided(
        self, declared: UseCase, case: CheckCase, task_id: str, now: datetime
    ) -> DecidedItem:
        decided = dict(case.decided)
        first = routing.priority(decided["reason_code"], reference=False)
        seconds = decided.pop("seconds")
        item = {
            "id": self._ids.decision(),
            "task_id": task_id,
            "use_case": declared.name,
            "route": Route.REVIEW,
            "attempt": 1,
            "decided_at": now,
            "decide_seconds": seconds,
            **decided,
            "deliveries": None,
            "sends_actions": False,
            "effect_hash": None,  # nothing of it is ever sent
            "output_hash": None,
            "review_id": self._ids.review(),
            "blind": case.blind,
            "priority": _PRIORITY.get(case.kind, first),
        }
        return cast("DecidedItem", item)  # `decided` has the other fields

    async def _settle(self, task_id: str, word: str, *, passed: bool | None) -> None:
        facts = {"task_id": task_id, "word": word, "at": self._clock.now(), "passed": passed}
        await self._database.fetch(_SQL["settled"], facts)


class _HaltedMeanwhileError(Exception):
    """The epoch in which a case was decided has ended."""
