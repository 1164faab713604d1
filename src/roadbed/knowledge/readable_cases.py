"""Cases: answered tasks and examples as pages list them, each as one person may read it.

Outcomes, cases of releases, proposals, weak spots and examples show answers beside right answers.
They are stored once, and each reader gets from them what their own access groups may read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from roadbed.kernel.json import flat
from roadbed.knowledge.rows import AnsweredTasksRow, Queries
from roadbed.knowledge.withholding import NOTE, Readability, Withholding
from roadbed.storage.database import Database
from roadbed.storage.sql import queries

_SQL = queries(Queries)
# The names under which reports, proposals and outcomes keep the parts of a case.
_TASK = ("task", "task_id")
_DECIDED = ("answered", "decided", "before", "after", "live", "candidate")
_GIVEN = ("right", "output")  # by a person, an example or another system
_ACTIONS = ("live_actions", "candidate_actions")
_EVIDENCE = ("provenance",)
_OF_DECIDER = ("why",)  # a text that a scorer wrote beside an answer
_OF_PERSON = ("note",)
# Of what was sent of an answer: what its receiver said, and keys that may be made of the answer.
_OF_RECEIVER = ("reason",)
_KEYS = ("key", "reference", "content_hash", "attempts")
_QUOTING = (*_DECIDED, *_GIVEN, *_ACTIONS, *_EVIDENCE)
Case = Mapping[str, Any]


class ReadableCases:
    """Cases without what the access groups of their reader may not read."""

    def __init__(self, database: Database, withholding: Withholding) -> None:
        self._database = database
        self._withholding = withholding

    async def of(self, use_case: str, viewer: str | None, cases: Sequence[Case]) -> Sequence[Case]:
        """Cases of one use case as ``viewer`` may read them, in their order.

        A case names its task as ``task`` or ``task_id``; one without a task is an example that
        nobody sent. The same object is returned of what is shown whole. Another one has
        ``withheld`` and the note in place of each text that may say what a hidden document says.
        """
        if not cases or await self._withholding.reads_all(use_case, viewer):
            return cases
        ids = sorted({task for case in cases if (task := _task_of(case))})
        rows = await self._database.fetch(_SQL["answered_tasks"], {"ids": ids}) if ids else []
        by_task = {str(row["id"]): row for row in rows}
        asked = [by_task.get(_task_of(case) or "") for case in cases]
        may_read = await self._withholding.of_each(
            use_case,
            viewer,
            [
                (_senders(task), [*_parts(case, _QUOTING), *_answers(task)])
                for case, task in zip(cases, asked, strict=True)
            ],
        )
        earlier = self._withholding.earlier(use_case)
        return [
            _readable(case, task, readability, earlier)
            for case, task, readability in zip(cases, asked, may_read, strict=True)
        ]

    async def reader(self, use_case: str, viewer: Callable[[], str]) -> Reader | None:
        """A reader of cases; ``None`` if nothing is withheld from them.

        So it is where there is no library. Then neither the database is asked nor ``viewer``, who
        reads: what no answer of theirs changes is rendered once for many.
        """
        if self._withholding.library(use_case) is None:
            return None
        if await self._withholding.reads_all(use_case, person := viewer()):
            return None
        return Reader(cases=self, use_case=use_case, person=person)


@dataclass(frozen=True, kw_only=True, slots=True)
class Reader:
    """A person who may not read all documents of a use case."""

    cases: ReadableCases
    use_case: str
    person: str

    async def read(self, cases: Sequence[Case]) -> Sequence[Case]:
        """Cases as the person may read them, as ``ReadableCases.of`` gives them."""
        return await self.cases.of(self.use_case, self.person, cases)


def _task_of(case: Case) -> str | None:
    return next((str(case[name]) for name in _TASK if case.get(name)), None)


def _senders(task: AnsweredTasksRow | None) -> tuple[str, ...]:
    return () if task is None or task["sender"] is None else (task["sender"],)


def _answers(task: AnsweredTasksRow | None) -> list[Any]:
    """What was answered to a task, by a decider and by a person."""
    return [] if task is None else [output for output in (task["output"], task["right"]) if output]


def _parts(case: Case, names: Sequence[str]) -> list[object]:
    return [case[name] for name in names if case.get(name)]


def _readable(
    case: Case, task: AnsweredTasksRow | None, readability: Readability, earlier: str | None
) -> Case:
    """A case without what is hidden; the same object if nothing of it is."""
    answers = _parts(case, _DECIDED)
    decided = [*answers, task["output"]] if task is not None else answers
    hidden = (
        readability.hides(_parts(case, _QUOTING))
        or any(_hides(readability, output, decided=True) for output in answers)
        or any(
            _hides(readability, output, decided=output in decided)
            for output in _parts(case, _GIVEN)
        )
    )
    shown = {
        name: _part(name, value, readability, decided=decided, hidden=hidden)
        for name, value in case.items()
    }
    if task is not None and any(
        _hides(readability, output, decided=output == task["output"]) for output in _answers(task)
    ):
        shown |= {name: None for name in _KEYS if name in case}
        shown |= {name: str(NOTE) for name in _OF_RECEIVER if case.get(name)}
    if "input" in case:
        shown["input"] = _input(case["input"], task, readability, earlier)
    return case if shown == case else {**shown, "withheld": True}


def _part(
    name: str, value: Any, readability: Readability, *, decided: Sequence[object], hidden: bool
) -> Any:
    if name in _DECIDED or name in _GIVEN:
        if not isinstance(value, Mapping):
            return value
        return readability.output(value, decided=name in _DECIDED or value in decided)
    if name in _ACTIONS:
        return [] if hidden else value
    if name in _EVIDENCE:
        return readability.evidence(value)
    if name in _OF_DECIDER or name in _OF_PERSON:
        quotes = hidden or (name in _OF_DECIDER and readability.is_behind)
        return str(NOTE) if value and quotes else value
    return value


def _hides(readability: Readability, output: object, *, decided: bool) -> bool:
    return isinstance(output, Mapping) and readability.hides_output(output, decided=decided)


def _input(
    input: Any, task: AnsweredTasksRow | None, readability: Readability, earlier: str | None
) -> Any:
    """An input, or its text in one line, without the earlier turns that may quote."""
    if isinstance(input, Mapping):
        return readability.input(input, earlier)
    if task is None or not isinstance(input, str):
        return input
    whole = readability.input(task["input"], earlier)
    return input if whole == task["input"] else flat(whole)[: len(input)]
