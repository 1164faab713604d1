"""Rows of the statements in ``queries.sql``. Written by ``make rows``: do not edit."""

from datetime import datetime
from typing import Never, TypedDict

from roadbed.kernel.ids import ExampleId, TaskId
from roadbed.storage.sql import Json, Query


class ImportFolderRow(TypedDict):
    """A row of ``import_folder``."""

    id: ExampleId


class InUseRow(TypedDict):
    """A row of ``in_use``."""

    id: ExampleId
    input: Json
    output: Json | None
    purpose: str
    reference: bool
    born_at: datetime


class CorrectedAnswersRow(TypedDict):
    """A row of ``corrected_answers``."""

    id: ExampleId
    input: Json
    output: Json | None


class CasesRow(TypedDict):
    """A row of ``cases``."""

    id: ExampleId
    task_id: TaskId | None
    input: Json
    output: Json | None
    actions: Json | None
    purpose: str
    reference: bool
    labelled: bool
    overdue: bool
    corrected: bool
    drawn_at: datetime
    sorted_at: datetime
    sorted_by: str


class RepeatedRow(TypedDict):
    """A row of ``repeated``."""

    id: ExampleId
    task_id: TaskId | None
    input: Json
    output: Json | None
    actions: Json | None
    purpose: str
    reference: bool
    labelled: bool
    overdue: bool
    corrected: bool
    drawn_at: datetime


class OutsideSampleRow(TypedDict):
    """A row of ``outside_sample``."""

    id: str
    input: Json


class SomeCasesRow(TypedDict):
    """A row of ``some_cases``."""

    id: ExampleId
    task_id: TaskId | None
    input: Json
    output: Json | None
    actions: Json | None
    purpose: str
    reference: bool
    labelled: bool
    overdue: bool
    corrected: bool
    drawn_at: datetime


class UnlabelledRow(TypedDict):
    """A row of ``unlabelled``."""

    id: TaskId
    task_id: TaskId
    input: Json
    output: Json | None
    actions: Json | None
    purpose: str
    reference: bool
    labelled: bool
    corrected: bool
    overdue: bool
    drawn_at: datetime
    sorted_at: datetime
    sorted_by: TaskId


class ErasedRow(TypedDict):
    """A row of ``erased``."""

    id: TaskId
    task_id: TaskId
    input: Json
    output: Json | None
    actions: Json | None
    purpose: str
    reference: bool
    labelled: bool
    corrected: bool
    overdue: bool
    drawn_at: datetime
    sorted_at: datetime
    sorted_by: TaskId
    erased: bool


class JudgedAnswersRow(TypedDict):
    """A row of ``judged_answers``."""

    of_case: str
    content_hash: str
    loss: float


class CountsRow(TypedDict):
    """A row of ``counts``."""

    learn: int
    judge: int
    reference: int


class WrittenAnswersRow(TypedDict):
    """A row of ``written_answers``."""

    prove: int
    teach: int
    unused: int


class WrittenAnswerRow(TypedDict):
    """A row of ``written_answer``."""

    use: str


class LateBeforeRow(TypedDict):
    """A row of ``late_before``."""

    moment: datetime


class Queries(TypedDict):
    """The statements of ``roadbed.examples``."""

    born: Query[Never]
    withdraw: Query[Never]
    import_folder: Query[ImportFolderRow]
    in_use: Query[InUseRow]
    corrected_answers: Query[CorrectedAnswersRow]
    cases: Query[CasesRow]
    repeated: Query[RepeatedRow]
    outside_sample: Query[OutsideSampleRow]
    some_cases: Query[SomeCasesRow]
    unlabelled: Query[UnlabelledRow]
    erased: Query[ErasedRow]
    judged_answers: Query[JudgedAnswersRow]
    counts: Query[CountsRow]
    written_answers: Query[WrittenAnswersRow]
    written_answer: Query[WrittenAnswerRow]
    erase_example: Query[Never]
    late_before: Query[LateBeforeRow]
