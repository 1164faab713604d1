"""Verbs: import a folder's examples, refit on what was corrected, judge on what was not seen."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from roadbed.budgets.service import Budgets
from roadbed.decisions.model import Answered, LiveVersion, NotAnswered
from roadbed.decisions.paying import Paying
from roadbed.decisions.runner import Runner
from roadbed.halts.service import late_before
from roadbed.improvement.fitting import fit
from roadbed.improvement.model import Candidate, ExampleSet, Judged, Purpose
from roadbed.improvement.rules import purpose_of
from roadbed.intake.model import AdmittedTask
from roadbed.intake.rules import body_hash
from roadbed.kernel.clock import Clock
from roadbed.kernel.ids import Ids, TaskId
from roadbed.storage.database import Database
from roadbed.storage.sql import queries
from roadbed.usecases.deciders import FunctionDecider, LabelledExample, Trainable
from roadbed.usecases.errors import Problem
from roadbed.usecases.folder import LoadedUseCase, read_examples
from roadbed.usecases.model import UseCase
from roadbed.usecases.patches import dumps, patched, read
from roadbed.usecases.rules import slices_of

SQL = queries(__package__)
_AT_ONCE = 2_000


class Improvement:
    """Examples in, candidates out. Takes nothing live; that is for ``releases``."""

    def __init__(self, database: Database, budgets: Budgets, ids: Ids, clock: Clock) -> None:
        self._database = database
        self._budgets = budgets
        self._ids = ids
        self._clock = clock

    async def import_examples(self, loaded: LoadedUseCase) -> tuple[int, list[Problem]]:
        """Store the folder's examples that are not stored yet; gives how many, and what is wrong.

        A line that cannot be used stops nothing but itself.
        """
        records, problems = [], []
        for _path, _line, item in read_examples(loaded):
            if isinstance(item, Problem):
                problems.append(item)
            else:
                records.append(self._record(loaded.declared, item))
        stored = 0
        for start in range(0, len(records), _AT_ONCE):
            rows = await self._database.fetch(
                SQL["import_folder"],
                {"use_case": loaded.name, "items": json.dumps(records[start : start + _AT_ONCE])},
            )
            stored += len(rows)
        return stored, problems

    async def examples(self, declared: UseCase, purpose: Purpose) -> ExampleSet:
        """The examples in use for ``purpose``; those that no longer fit the models are left out."""
        rows = await self._database.fetch(
            SQL["in_use"], {"use_case": declared.name, "purpose": purpose}
        )
        return _set(declared, rows)

    async def some(
        self, declared: UseCase, purpose: Purpose, *, most: int, salt: int
    ) -> ExampleSet:
        """At most ``most`` of the examples in use, picked evenly; ``salt`` says which ones."""
        facts = {"use_case": declared.name, "purpose": purpose, "most": most, "salt": salt}
        return _set(declared, await self._database.fetch(SQL["some_in_use"], facts))

    async def reference(self, declared: UseCase) -> ExampleSet:
        """The labelled reference sample, and its items whose label is overdue, as drawn."""
        labelled = await self._database.fetch(
            SQL["in_use"], {"use_case": declared.name, "purpose": "judge"}
        )
        late = await self._database.fetch(
            SQL["overdue"],
            {
                "use_case": declared.name,
                "before": await late_before(
                    self._database, self._clock, declared.name, declared.label_within_hours
                ),
            },
        )
        rows = [*(row for row in labelled if row["reference"]), *late]
        return _set(declared, sorted(rows, key=lambda row: row["drawn_at"]))

    async def counts(self, use_case: str) -> Mapping[str, int]:
        """How many examples are in use: ``learn``, ``judge``, and of these ``reference``."""
        return await self._database.fetch_one(SQL["counts"], {"use_case": use_case}) or {}

    async def refit(
        self, loaded: LoadedUseCase, *, seed: int, patches: Sequence[Mapping[str, Any]] = ()
    ) -> Candidate:
        """A candidate fitted on all ``learn`` examples, with the accepted ``patches`` around it.

        A function is its own candidate. Raises ``TrainingError`` when it cannot learn,
        ``PatchError`` when a patch does not fit.
        """
        declared, changes = loaded.declared, read(loaded.declared, patches)
        if declared.trainable is None:
            if declared.function is None:
                raise ValueError("a loaded use case always has a decider")
            return Candidate(
                decider=patched(declared.function, changes, declared, loaded.records),
                artifacts=dumps(patches),
                out_of_fold=None,
                learned_from=0,
                learned_until=None,
            )
        learn = await self.examples(declared, "learn")
        trainable = patched(declared.trainable, changes, declared, loaded.records)
        fitted = await asyncio.to_thread(fit, trainable, learn.examples, seed=seed)
        return Candidate(
            decider=fitted.decider,
            artifacts={**fitted.files, **dumps(patches)},
            out_of_fold=fitted.out_of_fold,
            learned_from=len(learn.examples),
            learned_until=learn.until,
            kinds=getattr(fitted.decider, "kinds", None),
            slices=[slices_of(declared, each) for each in learn.contents],
        )

    def paying(self, declared: UseCase) -> Paying:
        """A purse for questions about known cases: what they cost, the use case's budget pays."""
        return Paying(self._budgets, declared.name, declared.budget)

    async def judge(
        self,
        declared: UseCase,
        decider: FunctionDecider | Trainable,
        examples: ExampleSet,
        paying: Paying | None = None,
    ) -> Judged:
        """Ask ``decider`` about inputs whose right output is known, through the live path's checks.

        Anything but an answer (unsure, failed, late, invalid) counts as confidence 0: such tasks
        go to a person, so they are never automatic. Raises as ``answers`` does.
        """
        return judged(await self.answers(declared, decider, examples, paying), examples)

    async def answers(
        self,
        declared: UseCase,
        decider: FunctionDecider | Trainable,
        examples: ExampleSet,
        paying: Paying | None = None,
        *,
        untold: bool = False,
    ) -> list[Answered | None]:
        """What ``decider`` answers to each input, through the live path's checks and deadline.

        Paid out of the use case's budget; with ``paying``, its caller learns what was spent.
        ``untold``: an answer may leave its price untold, and is then charged at its worst. Raises
        ``EvaluationBudgetError``, ``PriceUnknownError``.
        """
        live = LiveVersion(id=None, decider=decider, threshold=None, certificate=None)
        runner, gate = Runner(declared), asyncio.Semaphore(256)

        async def ask(number: int, example: LabelledExample) -> Answered | NotAnswered:
            async with gate:
                task = self._replayed(declared, number, example)
                return await runner.ask(live, task, seconds=declared.deadline_seconds)

        asked = [partial(ask, *each) for each in enumerate(examples.examples)]
        try:
            purse = paying or self.paying(declared)
            found = await purse.ask(asked, lambda answer: answer, untold=untold)
        finally:
            runner.close()
        return [each if isinstance(each, Answered) else None for each in found]

    def _record(self, declared: UseCase, example: LabelledExample) -> dict[str, Any]:
        content = example.input.model_dump(mode="json")
        output = example.output.model_dump(mode="json") if example.output else None
        # The input alone decides the purpose: the same text must never both tune and judge.
        purpose = purpose_of(body_hash(content), random_sample=declared.examples_are_random_sample)
        return {
            "id": self._ids.example(),
            "input": content,
            "output": output,
            "purpose": purpose,
            "reference": purpose == "judge" and declared.examples_are_random_sample,
            "content_hash": body_hash({"input": content, "output": output}),
            "born_at": self._clock.now().isoformat(),
        }

    def _replayed(self, declared: UseCase, number: int, example: LabelledExample) -> AdmittedTask:
        return AdmittedTask(
            id=TaskId(f"tsk_replay{number}"),
            use_case=declared.name,
            key=None,
            input=example.input,
            content={},
            source={"surface": "replay"},
            reference=False,
            reference_rate=0.0,
            admitted_at=self._clock.now(),
        )


def judged(answers: Sequence[Answered | None], examples: ExampleSet) -> Judged:
    """Answers held against the right outputs. No answer is wrong at confidence 0."""
    right = [
        example.output.model_dump(mode="json") if example.output else None
        for example in examples.examples
    ]
    overdue = examples.overdue or [False] * len(right)
    cautious = [each.cautious for each in answers if each]
    return Judged(
        confidence=np.array([each.confidence if each else 0.0 for each in answers], dtype=float),
        wrong=np.array(
            [
                late or each is None or each.output != expected
                for each, expected, late in zip(answers, right, overdue, strict=True)
            ],
            dtype=np.bool_,
        ),
        cautious=None
        if not cautious or None in cautious
        else np.array([(each.cautious or 0.0) if each else 0.0 for each in answers], dtype=float),
        outputs=[each.output if each else None for each in answers],
    )


def _set(declared: UseCase, rows: Sequence[Mapping[str, Any]]) -> ExampleSet:
    read = [(each, row) for row in rows if (each := _read(declared, row))]
    return ExampleSet(
        examples=[each for each, _ in read],
        until=max((row["born_at"] for row in rows), default=None),
        drawn_at=[row["drawn_at"] for _, row in read],
        contents=[row["input"] for _, row in read],
        overdue=[row["overdue"] for _, row in read],
    )


def _read(declared: UseCase, row: Mapping[str, Any]) -> LabelledExample | None:
    try:
        output = row["output"]
        return LabelledExample(
            input=declared.input.model_validate(row["input"]),
            output=None if output is None else declared.output.model_validate(output),
        )
    except ValueError:
        return None
