"""Gaps: questions that no document answers, grouped by what they ask.

A question belongs here if a person confirmed that nothing in the documents answers it. Questions
that share most of their words make one gap.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from roadbed.audit.events import AuditEvent, record
from roadbed.kernel.clock import Clock
from roadbed.kernel.sentences import sentence
from roadbed.kernel.storable import cleaned
from roadbed.knowledge.errors import GapReportError, NoLibraryError, UnknownGapError
from roadbed.knowledge.index import LibraryIndexes
from roadbed.knowledge.rows import GapDecisionsRow, Queries
from roadbed.storage.database import Database
from roadbed.storage.sql import queries
from roadbed.usecases.library import Library

_SQL = queries(Queries)
ALIKE = 0.6  # of the terms of each question, in another one of the same gap
_MOST = 2_000  # questions and answers that are looked at, the newest
_LONGEST_NOTE = 2_000  # characters
GapState = Literal["open", "filled", "dismissed"]
Terms = Callable[[str], Collection[str]]


@dataclass(frozen=True, kw_only=True, slots=True)
class GapQuestion:
    """A question without an answer; ``at`` is when a person said so."""

    task_id: str
    question: str
    asked_by: str | None
    at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class GapDecision:
    """What a person decided about one question of a gap. It holds for the gap."""

    task_id: str
    state: GapState
    note: str | None
    decided_by: str
    decided_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class ConfirmedAnswer:
    """A question whose answer with citations a person confirmed or gave, and when."""

    question: str
    at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Gap:
    """Questions that ask nearly the same, newest first. ``id`` is the task of the oldest one.

    ``decision`` is the newest of a person; ``None``: nobody decided, and a ``filled`` one was
    filled by a confirmed answer.
    """

    id: str
    questions: Sequence[GapQuestion]
    state: GapState
    decision: GapDecision | None

    @property
    def newest(self) -> GapQuestion:
        """The newest question."""
        return self.questions[0]

    @property
    def people(self) -> Sequence[str]:
        """Who asked, each once, by name."""
        return sorted({item.asked_by for item in self.questions if item.asked_by})


class Gaps:
    """The gaps of all libraries, derived from verdicts, reports and decisions."""

    def __init__(self, database: Database, indexes: LibraryIndexes, clock: Clock) -> None:
        self._database = database
        self._indexes = indexes
        self._clock = clock

    async def list(self, use_case: str, library: Library | None) -> Sequence[Gap]:
        """The gaps of a use case: those with most questions first. Raises ``NoLibraryError``."""
        if library is None:
            raise NoLibraryError(use_case)
        facts = {"use_case": use_case, "field": library.question, "most": _MOST}
        asked = await self._database.fetch(_SQL["gap_questions"], facts)
        if not asked:
            return []
        answered = await self._database.fetch(_SQL["confirmed_answers"], facts)
        decided = await self._database.fetch(_SQL["gap_decisions"], facts)
        return gaps_of(
            [GapQuestion(**row) for row in asked],
            [ConfirmedAnswer(**row) for row in answered],
            [_decision(row) for row in decided],
            self._indexes.of(use_case, library.language).terms,
        )

    async def mark(self, use_case: str) -> str:
        """What changes whenever the gaps of a use case may have changed."""
        row = await self._database.fetch_one(_SQL["gap_mark"], {"use_case": use_case})
        return str(row["mark"]) if row else ""

    async def report(self, use_case: str, library: Library | None, task_id: str, *, by: str) -> Gap:
        """Say that no document answers the question of a task. A repetition changes nothing.

        Raises ``NoLibraryError``; ``GapReportError`` while the task waits for a blind review.
        """
        if library is None:
            raise NoLibraryError(use_case)
        facts = {"use_case": use_case, "task_id": task_id, "by": by, "at": self._clock.now()}
        async with self._database.transaction() as connection:
            row = await (await connection.execute(_SQL["report_gap"], facts)).fetchone()
            if row is None:
                raise GapReportError(
                    sentence("This question waits for a blind review."),
                    sentence("Say it there: its right answer is that no document has it."),
                )
            if row["fresh"]:
                await record(connection, _event("gap reported", facts, {}))
        return await self._get(use_case, library, task_id)

    async def decide(
        self,
        use_case: str,
        library: Library | None,
        task_id: str,
        state: GapState,
        *,
        by: str,
        note: str = "",
    ) -> Gap:
        """Say that the gap of a question is filled, is dismissed, or is open again.

        Raises ``NoLibraryError``; ``UnknownGapError`` if the question belongs to no gap.
        """
        await self._get(use_case, library, task_id)
        note = cleaned(note).strip()[:_LONGEST_NOTE]
        facts = {
            "use_case": use_case,
            "task_id": task_id,
            "state": state,
            "note": note or None,
            "by": by,
            "at": self._clock.now(),
        }
        async with self._database.transaction() as connection:
            await connection.execute(_SQL["decide_gap"], facts)
            await record(connection, _event("gap decided", facts, {"state": state, "note": note}))
        return await self._get(use_case, library, task_id)

    async def _get(self, use_case: str, library: Library | None, task_id: str) -> Gap:
        for gap in await self.list(use_case, library):
            if any(item.task_id == task_id for item in gap.questions):
                return gap
        raise UnknownGapError(task_id)


def gaps_of(
    questions: Sequence[GapQuestion],
    answers: Sequence[ConfirmedAnswer],
    decisions: Sequence[GapDecision],
    terms: Terms,
) -> list[Gap]:
    """Questions grouped by what they ask, with the state of each group, the largest first.

    ``terms`` gives the words of a question as they are searched.
    """
    ordered = sorted(questions, key=lambda item: (item.at, item.task_id))
    groups = _Groups(terms)
    members: dict[int, list[GapQuestion]] = defaultdict(list)
    for item in ordered:
        members[groups.add(item.question)].append(item)
    filled: dict[int, datetime] = {}
    for answer in answers:
        if (group := groups.find(answer.question)) is not None:
            filled[group] = max(answer.at, filled.get(group, answer.at))
    by_task = {decision.task_id: decision for decision in decisions}
    gaps = []
    for group, items in members.items():
        own = [by_task[item.task_id] for item in items if item.task_id in by_task]
        newest = max(own, key=lambda decision: decision.decided_at, default=None)
        gaps.append(
            Gap(
                id=items[0].task_id,
                questions=items[::-1],
                state=state_of(items[-1].at, newest, filled.get(group)),
                decision=newest,
            )
        )
    return sorted(gaps, key=lambda gap: (-len(gap.questions), gap.id))


def state_of(
    asked_at: datetime, decision: GapDecision | None, answered_at: datetime | None
) -> GapState:
    """The state of a gap whose newest question was found unanswered at ``asked_at``.

    A dismissed gap stays so. One that was filled opens again with the next question that nothing
    answers, and an answer that is confirmed later fills it.
    """
    if decision is not None and decision.state == "dismissed":
        return "dismissed"
    since = asked_at if decision is None else max(asked_at, decision.decided_at)
    if answered_at is not None and answered_at > since:
        return "filled"
    if decision is not None and decision.state == "filled" and decision.decided_at >= asked_at:
        return "filled"
    return "open"


class _Groups:
    """Groups of questions: a question joins the group of the earlier one that it is most like."""

    def __init__(self, terms: Terms) -> None:
        self._terms = terms
        self._sizes: list[int] = []
        self._group_of: list[int] = []
        self._having: dict[str, list[int]] = defaultdict(list)

    def add(self, question: str) -> int:
        """The group that a question joins, perhaps a new one."""
        group, number = self.find(question), len(self._sizes)
        words = set(self._terms(question))
        self._sizes.append(len(words))
        for word in words:
            self._having[word].append(number)
        self._group_of.append(number if group is None else group)
        return self._group_of[number]

    def find(self, question: str) -> int | None:
        """The group of the question that is most like this one; ``None`` if none is alike."""
        words = set(self._terms(question))
        common = Counter(number for word in words for number in self._having.get(word, ()))
        best, likeness = None, ALIKE
        for number, count in common.items():
            share = count / max(len(words), self._sizes[number])
            if share > likeness or (share == likeness and best is None):
                best, likeness = number, share
        return None if best is None else self._group_of[best]


def _decision(row: GapDecisionsRow) -> GapDecision:
    facts: dict[str, Any] = dict(row)
    return GapDecision(**facts)


def _event(kind: str, facts: Mapping[str, Any], detail: Mapping[str, object]) -> AuditEvent:
    return AuditEvent(
        use_case=facts["use_case"],
        kind=kind,
        subject=facts["task_id"],
        actor=facts["by"],
        detail=detail,
    )
