"""Examples: import them from a folder, list those in use, and evaluate a version on them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np

from roadbed.budgets.service import Budgets
from roadbed.decisions.decider_runner import DeciderRunner, Retrieve
from roadbed.decisions.evaluation import (
    Evaluation,
    EvaluationContext,
    KnownInput,
    MeteredCalls,
    evaluate_many,
)
from roadbed.decisions.model import Answered, LiveVersion, Reason, Route, Routed
from roadbed.examples.model import (
    Assessed,
    ExampleSet,
    KnownCase,
    Purpose,
    UseOfAnswer,
    WrittenAnswers,
    purpose_of,
)
from roadbed.examples.rows import (
    CasesRow,
    ErasedRow,
    InUseRow,
    Queries,
    RepeatedRow,
    SomeCasesRow,
    UnlabelledRow,
)
from roadbed.intake.validation import body_hash
from roadbed.kernel.clock import Clock
from roadbed.kernel.ids import Ids
from roadbed.scoring.content import Content
from roadbed.scoring.scorers import NO_LABEL, Truth, assess
from roadbed.storage.database import Database
from roadbed.storage.sql import queries
from roadbed.usecases.corrected_answers import MOST_KEPT, corrected_answer, what_teaches
from roadbed.usecases.decider import LabelledExample
from roadbed.usecases.errors import Problem
from roadbed.usecases.loader import LoadedUseCase, read_examples
from roadbed.usecases.parsing import UnfitError, read_stored, written
from roadbed.usecases.use_case import UseCase

SQL = queries(Queries)
_AT_ONCE = 2_000
# What any version answers to an erased input: nobody can tell, so it counts as sure of itself.
ERASED = Evaluation(
    answer=Answered(output={}, confidence=1.0, cautious=1.0, evidence={}, cost=None),
    actions=(),
    held=None,
    slices={},
    score=1.0,
    routed=Routed(route=Route.REVIEW, code=Reason.NOT_PROVEN, reason=""),
)


class Examples:
    """Stores examples, and evaluates versions on them."""

    def __init__(
        self,
        database: Database,
        budgets: Budgets,
        retrieve: Retrieve,
        ids: Ids,
        clock: Clock,
    ) -> None:
        self._database = database
        self._budgets = budgets
        self.retrieve = retrieve
        self._ids = ids
        self._clock = clock

    async def import_folder(self, loaded: LoadedUseCase) -> tuple[int, list[Problem]]:
        """Store new examples of the folder; return their number and the problems.

        An unusable line is skipped. Equal lines are all counted: frequent work has the same weight
        in the proof as in daily use.
        """
        records, problems = [], []
        seen: Counter[str] = Counter()
        for _path, _line, item in read_examples(loaded):
            if isinstance(item, Problem):
                problems.append(item)
            else:
                records.append(self._record(loaded.declared, item, seen))
        stored = 0
        for start in range(0, len(records), _AT_ONCE):
            rows = await self._database.fetch(
                SQL["import_folder"],
                {"use_case": loaded.name, "items": json.dumps(records[start : start + _AT_ONCE])},
            )
            stored += len(rows)
        return stored, problems

    async def in_use(self, declared: UseCase, purpose: Purpose) -> ExampleSet:
        """Examples in use of one purpose, without those that no longer fit the models."""
        rows = await self._database.fetch(
            SQL["in_use"], {"use_case": declared.name, "purpose": purpose}
        )
        return _set(declared, rows)

    async def corrected_answers(self, declared: UseCase) -> Sequence[Mapping[str, Any]]:
        """The patch with the corrected answers that teach, for a use case with a library.

        Nothing of the sample is in it: what judges a version does not teach it. No patch if people
        named no right passage.
        """
        if declared.library is None:
            return []
        rows = await self._database.fetch(
            SQL["corrected_answers"], {"use_case": declared.name, "most": MOST_KEPT}
        )
        answers = [
            answer
            for row in rows
            if (
                answer := corrected_answer(
                    row["id"], row["input"], row["output"], question=declared.library.question
                )
            )
        ]
        return [{"kind": "corrected_answers", "answers": answers}] if answers else []

    async def some(self, declared: UseCase, *, most: int, salt: int) -> list[KnownCase]:
        """At most ``most`` holdout cases, evenly chosen; ``salt`` selects which."""
        facts = {"use_case": declared.name, "most": most, "salt": salt}
        losses = await self._judged_answers(declared) if declared.scorer.needs_person else {}
        rows = await self._database.fetch(SQL["some_cases"], facts)
        return [_case(declared, row, losses) for row in rows]

    async def outside_sample(self, use_case: str, *, most: int) -> list[KnownInput]:
        """At most ``most`` inputs that are no part of the reference sample, evenly chosen."""
        facts = {"use_case": use_case, "most": most}
        rows = await self._database.fetch(SQL["outside_sample"], facts)
        return [KnownInput(id=row["id"], content=row["input"]) for row in rows]

    async def cases(self, declared: UseCase) -> list[KnownCase]:
        """All known cases on which a version can be evaluated, in the order drawn.

        That is what only judges, every correction a reviewer made, whether it taught or not, and
        the tasks drawn for the reference sample that still have no label.
        """
        return await self._cases(declared)

    async def sample(self, declared: UseCase) -> list[KnownCase]:
        """The whole reference sample in the order drawn, with what was erased of it."""
        named = {"use_case": declared.name}
        erased = await self._database.fetch(SQL["erased"], named)
        return [case for case in await self._cases(declared, erased) if case.reference]

    async def _cases(self, declared: UseCase, more: Sequence[ErasedRow] = ()) -> list[KnownCase]:
        named = {"use_case": declared.name}
        before = await late_before(
            self._database, self._clock, declared.name, declared.label_within_hours
        )
        labelled = await self._database.fetch(SQL["cases"], named)
        unlabelled = await self._database.fetch(SQL["unlabelled"], {**named, "before": before})
        losses = await self._judged_answers(declared) if declared.scorer.needs_person else {}
        rows: list[CasesRow | UnlabelledRow | ErasedRow] = [*labelled, *unlabelled, *more]
        rows.sort(key=lambda row: (row["sorted_at"], row["sorted_by"]))
        return [_case(declared, row, losses) for row in rows]

    async def repeated(self, declared: UseCase) -> list[KnownCase]:
        """Rows of a random sample whose input occurs more than once, in either half."""
        if not declared.examples_are_random_sample:
            return []
        rows = await self._database.fetch(SQL["repeated"], {"use_case": declared.name})
        return [_case(declared, row, {}) for row in rows]

    async def _judged_answers(self, declared: UseCase) -> Mapping[str, Mapping[str, float]]:
        """Losses of judged answers by content hash, by task or example."""
        rows = await self._database.fetch(SQL["judged_answers"], {"use_case": declared.name})
        losses: dict[str, dict[str, float]] = {}
        for row in rows:
            losses.setdefault(row["of_case"], {})[row["content_hash"]] = row["loss"]
        return losses

    async def counts(self, use_case: str) -> Mapping[str, int]:
        """How many examples are in use: ``learn``, ``judge``, and of these ``reference``."""
        return await self._database.fetch_one(SQL["counts"], {"use_case": use_case}) or {}

    async def written(self, declared: UseCase) -> WrittenAnswers | None:
        """How many right answers people wrote, by their use; without those that were undone.

        ``None`` if no version learns from answers.
        """
        if (taught := what_teaches(declared)) is None:
            return None
        facts = {"use_case": declared.name, "cited": taught == "citations"}
        row = await self._database.fetch_one(SQL["written_answers"], facts)
        assert row is not None  # it counts, so it has one row
        return WrittenAnswers(**row)

    async def use_of_verdict(self, declared: UseCase, verdict_id: str) -> UseOfAnswer | None:
        """The use of the right answer of a verdict; ``None`` if no version learns from answers.

        That of a second review is told as that of the sample, or it could be told from a first one.
        """
        if (taught := what_teaches(declared)) is None:
            return None
        facts = {"verdict_id": verdict_id, "cited": taught == "citations"}
        row = await self._database.fetch_one(SQL["written_answer"], facts)
        use: Any = row["use"] if row is not None else "prove"
        return use  # type: ignore[no-any-return]

    def paying(self, declared: UseCase) -> MeteredCalls:
        """A budget hold for evaluations of known cases."""
        return MeteredCalls(self._budgets, declared.name, declared.budget)

    async def evaluate(
        self,
        loaded: LoadedUseCase,
        version: LiveVersion,
        inputs: Sequence[KnownInput],
        paying: MeteredCalls | None = None,
        *,
        untold: bool = False,
    ) -> list[Evaluation]:
        """Evaluate ``version`` on each input, on the one evaluation path.

        Paid out of the use case's budget; with ``paying``, its caller learns the cost.
        ``untold``: an answer without a price is allowed and charged at the worst case. Raises
        ``EvaluationBudgetError``, ``PriceUnknownError``.
        """
        runner = DeciderRunner(loaded.declared, self.retrieve)
        context = EvaluationContext(
            use_case=loaded,
            runner=runner,
            clock=self._clock,
            capped=loaded.declared.budget is not None and not untold,
        )
        try:
            hold = paying or self.paying(loaded.declared)
            return await evaluate_many(version, inputs, context, hold, untold=untold)
        finally:
            runner.close()

    def _record(
        self, declared: UseCase, example: LabelledExample, seen: Counter[str]
    ) -> dict[str, Any]:
        """An example as it is stored. ``seen`` counts the equal ones before it."""
        content = written(example.input)
        output = written(example.output) if example.output else None
        # The purpose depends on the input only: the same text never both trains and judges.
        whole: dict[str, Any] = {"input": content, "output": output}
        before = seen[first := body_hash(whole)]
        seen[first] += 1
        purpose = purpose_of(body_hash(content), random_sample=declared.examples_are_random_sample)
        return {
            "id": self._ids.example(),
            "input": content,
            "output": output,
            "purpose": purpose,
            "reference": purpose == "judge" and declared.examples_are_random_sample,
            "content_hash": body_hash({**whole, "before": before}) if before else first,
            "born_at": self._clock.now().isoformat(),
        }


def assessed(
    declared: UseCase, cases: Sequence[KnownCase], evaluations: Sequence[Evaluation]
) -> Assessed:
    """Score evaluations against known right outputs with the declared scorer."""
    scores = [
        assess(declared.scorer, evaluation.content, case.truth, case.content)
        for case, evaluation in zip(cases, evaluations, strict=True)
    ]
    cautious = [
        evaluation.cautious for evaluation in evaluations if isinstance(evaluation.answer, Answered)
    ]
    return Assessed(
        confidence=np.array([evaluation.confidence for evaluation in evaluations], dtype=float),
        loss=np.array([1.0 if score.loss is None else score.loss for score in scores], dtype=float),
        unknown=np.array([item.loss is None for item in scores], dtype=np.bool_),
        cautious=None
        if not cautious or None in cautious
        else np.array([evaluation.cautious or 0.0 for evaluation in evaluations], dtype=float),
        evaluations=evaluations,
    )


def _case(
    declared: UseCase,
    row: CasesRow | UnlabelledRow | RepeatedRow | SomeCasesRow | ErasedRow,
    losses: Mapping[str, Mapping[str, float]],
) -> KnownCase:
    return KnownCase(
        id=row["id"],
        task_id=row["task_id"],
        content=row["input"],
        truth=_truth(declared, row, losses) if row["labelled"] else NO_LABEL,
        judges=row["purpose"] == "judge",
        reference=row["reference"],
        corrected=row["corrected"],
        drawn_at=row["drawn_at"],
        overdue=row["overdue"],
        waiting=not row["labelled"] and not row["overdue"],
        erased=bool(row.get("erased")),
    )


def _truth(
    declared: UseCase,
    row: CasesRow | UnlabelledRow | RepeatedRow | SomeCasesRow | ErasedRow,
    losses: Mapping[str, Mapping[str, float]],
) -> Truth:
    output = as_declared(declared, row["output"])
    right = None if output is None else Content(output=output, actions=row["actions"] or ())
    judged = {**losses.get(row["id"], {}), **losses.get(row["task_id"] or "", {})}
    return Truth(right=right, actions_known=row["actions"] is not None, losses=judged)


def as_declared(
    declared: UseCase, right: Mapping[str, object] | None
) -> Mapping[str, object] | None:
    """A right output in the form of this declaration; unchanged if it does not fit."""
    if right is None:
        return None
    try:
        return read_stored(declared.output, right).form
    except UnfitError:
        return right


def _set(declared: UseCase, rows: Sequence[InUseRow]) -> ExampleSet:
    fitting = [pair for row in rows if (pair := _read(declared, row))]
    return ExampleSet(
        examples=[example for example, _ in fitting],
        until=max((row["born_at"] for row in rows), default=None),
        contents=[content for _, content in fitting],
    )


def _read(declared: UseCase, row: InUseRow) -> tuple[LabelledExample, Mapping[str, Any]] | None:
    try:
        output, reading = row["output"], read_stored(declared.input, row["input"])
        example = LabelledExample(
            input=reading.value,
            output=None if output is None else read_stored(declared.output, output).value,
        )
    except UnfitError:
        return None
    return example, reading.form


async def late_before(database: Database, clock: Clock, use_case: str, hours: float) -> datetime:
    """What came before this moment has waited ``hours``, halts not counted."""
    facts = {"use_case": use_case, "seconds": hours * 3600.0, "at": clock.now()}
    row = await database.fetch_one(SQL["late_before"], facts)
    moment: datetime = row["moment"] if row else clock.now()
    return moment
