"""``Declaration``: what a use case declares, as ``UseCase`` fills it and its checks read it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from pydantic import BaseModel

from roadbed.scoring.scorers import Scorer
from roadbed.usecases.chat_apps import ChatApp
from roadbed.usecases.decider import FunctionDecider, Isolation, Trainable
from roadbed.usecases.destinations import ActionKind, Approvals, Destination
from roadbed.usecases.library import Library
from roadbed.usecases.rollout import Rollout

RiskMeasure: TypeAlias = Literal["wrong", "mean_loss"]
OnRevision: TypeAlias = Literal["note", "re-decide", "ask"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Pod:
    """The four people who own a use case together; each is named on every receipt."""

    domain_lead: str
    engineer: str
    data_specialist: str
    risk_partner: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Budget:
    """What a use case may cost, in ``currency`` (ISO 4217).

    ``per_task`` is the highest cost of one decision: it is reserved before the call of the decider,
    and the real cost is settled afterwards. If the budget of the day or month is used up, or a cost
    is unknown, tasks go to people. Days and months are those of UTC.
    """

    per_task: float
    per_month: float
    currency: str = "EUR"
    per_day: float | None = None


class Declaration:
    """The declared values of a use case. The checks read them without knowing ``UseCase``."""

    name: str
    purpose: str
    input: type[BaseModel]
    output: type[BaseModel]
    pod: Pod
    risk_limit: float
    certainty: float
    budget: Budget | None
    deadline_seconds: float
    examples_are_random_sample: bool
    slices: tuple[str, ...]
    label_within_hours: float
    check_share: float
    second_look_share: float
    approvals: Approvals
    rollout: Rollout
    tolerance: float
    risk_measure: RiskMeasure
    on_revision: OnRevision
    labels: dict[str, Sequence[str]]
    new_labels_by: str
    isolation: Isolation | None
    library: Library | None
    chat_apps: tuple[ChatApp, ...]
    scorer: Scorer
    prompts: Mapping[str, str]  # read from prompts/ when the folder is loaded
    destinations: dict[str, Destination]
    actions: dict[str, ActionKind]
    function: FunctionDecider | None
    trainable: Trainable | None
