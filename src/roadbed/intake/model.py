"""Tasks as they arrive: records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypedDict

from pydantic import BaseModel

from roadbed.budgets.model import Amounts
from roadbed.kernel.ids import TaskId


class Unread(BaseModel):
    """Placeholder for an input that each version reads by its own declaration."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AdmittedTask:
    """A task that is stored, or about to be. ``content`` is the form of its input.

    ``input`` is its value for code. ``sent`` is the body as it was sent; ``None`` where
    that is the form (``usecases.parsing``). ``source`` has the sender and the surface.

    ``reference`` says that the task is drawn for the sample: a person labels it whatever its route.
    ``funded`` is false if the budget had nothing left to reserve. A revision names the first task
    in ``revises`` and has its key. ``noted``: it is kept beside the task and not decided.
    ``drawn`` is the coin of a new revision: whether the running audit counts its answer. A revision
    of a sample task is a ``reference`` whatever its own coin says.
    """

    id: TaskId
    use_case: str
    key: str | None
    input: BaseModel
    content: Mapping[str, Any]
    source: Mapping[str, str]
    reference: bool
    reference_rate: float
    admitted_at: datetime
    attempt: int = 1
    funded: bool = True
    revises: TaskId | None = None
    revision: int = 1
    noted: bool = False
    drawn: bool | None = None
    sent: Mapping[str, Any] | None = None


class TaskItem(TypedDict):
    """The fields of a task that a batch stores, without its id."""

    use_case: str
    key: str | None
    body_hash: str
    input: Mapping[str, Any]
    sent: Mapping[str, Any] | None
    source: Mapping[str, str]
    reference: bool
    reference_rate: float
    admitted_at: datetime


class AdmittedItem(TaskItem):
    """A task that is admitted."""

    id: str
    lease_seconds: float


class FundedItem(AdmittedItem, Amounts):
    """A task that is admitted with a reservation."""

    today: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Arrival:
    """A task that was checked and drawn, and is not on disk yet. ``body_hash`` is of its form."""

    task: AdmittedTask
    body_hash: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Admission:
    """``task`` as it stands; ``repeated`` when the same key and body had come before."""

    task: AdmittedTask
    repeated: bool
