"""Validation of a declaration: pure checks, each with the remedy."""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Iterator
from typing import TypeVar

from pydantic import BaseModel

from roadbed.kernel.labels import normal_label
from roadbed.scoring.function_scorer import as_scorer
from roadbed.scoring.scorers import Exact, Scorer
from roadbed.usecases.decider import Isolation, is_trainable
from roadbed.usecases.declaration import Declaration
from roadbed.usecases.errors import Problem, UseCaseError

NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_LONGEST_NAME = 60  # characters
NAME_REMEDY = f"Use lower-case words joined by hyphens, at most {_LONGEST_NAME} characters."
CURRENCY = re.compile(r"[A-Z]{3}")
Decider = TypeVar("Decider")  # a trainable or a function
ROLES = ("domain_lead", "engineer", "data_specialist", "risk_partner")


def problems(declared: Declaration) -> list[Problem]:
    """Every mistake in a declaration; empty if it is valid."""
    return [
        *_name(declared.name),
        *_purpose(declared.purpose),
        *_models(declared),
        *_pod(declared.pod),
        *_limits(declared),
        *_slices(declared),
        *_budget(declared.budget),
        *_rollout(declared),
        *_scorer(declared),
        *_on_revision(declared.on_revision),
        *_labels(declared),
        *_isolation(declared.isolation),
    ]


def read_scorer(given: object) -> tuple[Scorer, list[Problem]]:
    """The declared scorer, by default ``Exact()``, and its problems."""
    try:
        return (Exact() if given is None else as_scorer(given)), []
    except TypeError as error:
        remedy = "Write scorer=Exact(), another scorer, or a function of (proposed, right, input)."
        return Exact(), [Problem(field="scorer", problem=f"{error}.", remedy=remedy)]


def decider_problems(declared: Declaration, decider: object) -> list[Problem]:
    """Every mistake in the given decider."""
    if declared.function or declared.trainable:
        return [
            Problem(
                field="decider",
                problem="It has two deciders.",
                remedy="Keep one; combine several models inside one decider.",
            )
        ]
    if is_trainable(decider):
        return []
    if inspect.isclass(decider) or not callable(decider):
        return [
            Problem(
                field="decider",
                problem=f"{decider!r} is no decider.",
                remedy="Give a function of (input, context), or an object with fit, "
                "decide_many, save and load.",
            )
        ]
    try:
        inspect.signature(decider).bind(None, None)
    except TypeError:
        return [
            Problem(
                field="decider",
                problem="The decider does not take exactly an input and a context.",
                remedy="Write it as `def decide(inquiry, context)`.",
            )
        ]
    return []


def bound(declared: Declaration, decider: Decider) -> Decider:
    """``decider`` bound to the models, if its class has ``bind``. Raises ``UseCaseError``."""
    if not callable(getattr(type(decider), "bind", None)):
        return decider
    try:
        bound_decider: Decider = decider.bind(declared.input, declared.output)  # type: ignore[attr-defined]
    except ValueError as error:
        raise UseCaseError(
            declared.name,
            [
                Problem(
                    field="decider",
                    problem=f"The decider does not fit the models: {error}.",
                    remedy="Name fields that the models have.",
                )
            ],
        ) from error
    return bound_decider


def is_use_case_name(name: object) -> bool:
    """Whether a use case, and so its folder, may have this name."""
    return isinstance(name, str) and len(name) <= _LONGEST_NAME and bool(NAME.fullmatch(name))


def _name(name: object) -> Iterator[Problem]:
    if not is_use_case_name(name):
        problem = f"The name {name!r} cannot stand in an address."
        yield Problem(field="name", problem=problem, remedy=NAME_REMEDY)


def _purpose(purpose: object) -> Iterator[Problem]:
    if not isinstance(purpose, str) or len(purpose.strip()) < 10:
        yield Problem(
            field="purpose",
            problem="The purpose says too little.",
            remedy="Write one sentence on what is decided, and for whom.",
        )


def _models(declared: Declaration) -> Iterator[Problem]:
    for field in ("input", "output"):
        model: object = getattr(declared, field)
        if not (inspect.isclass(model) and issubclass(model, BaseModel)):
            yield Problem(
                field=field,
                problem=f"The {field} is not a pydantic model.",
                remedy=f"Declare a class of BaseModel and pass the class as {field}=.",
            )
        elif not model.model_fields:
            yield Problem(
                field=field,
                problem=f"The {field} model has no fields.",
                remedy="Declare what it holds.",
            )


def _pod(pod: object) -> Iterator[Problem]:
    for role in ROLES:
        person = getattr(pod, role, None)
        if not isinstance(person, str) or not person.strip():
            yield Problem(
                field="pod",
                problem=f"The pod has no {role.replace('_', ' ')}.",
                remedy=f'Name a person: Pod({role}="…").',
            )


def _limits(declared: Declaration) -> Iterator[Problem]:
    if not _between(declared.risk_limit, 0.0, 0.5):
        yield Problem(
            field="risk_limit",
            problem=f"A risk limit of {declared.risk_limit!r} cannot be proven or means nothing.",
            remedy="Give a share above 0 and below 0.5, for example 0.02.",
        )
    if not _between(declared.certainty, 0.5, 1.0):
        yield Problem(
            field="certainty",
            problem=f"A certainty of {declared.certainty!r} cannot be reached or means nothing.",
            remedy="Give a share above 0.5 and below 1, for example 0.95.",
        )
    if not _between(declared.deadline_seconds, 0.0, 3_600.0):
        yield Problem(
            field="deadline_seconds",
            problem=f"A deadline of {declared.deadline_seconds!r} is out of range.",
            remedy="Give seconds above 0 and below 3600.",
        )


def _slices(declared: Declaration) -> Iterator[Problem]:
    known = getattr(declared.input, "model_fields", {})
    for name in declared.slices:
        if name not in known:
            yield Problem(
                field="slices",
                problem=f"The input has no field {name!r} to slice by.",
                remedy=f"Name some of: {', '.join(sorted(known)) or 'none'}.",
            )
    for field in ("check_share", "second_look_share"):
        if not _between(getattr(declared, field), -1e-12, 0.5):
            yield Problem(
                field=field,
                problem=f"A {field} of {getattr(declared, field)!r} is out of range.",
                remedy="Give a share from 0 to below 0.5, for example 0.02.",
            )
    if not _between(declared.label_within_hours, 0.0, 8_784.0):
        yield Problem(
            field="label_within_hours",
            problem=f"A label within {declared.label_within_hours!r} hours is out of range.",
            remedy="Give hours above 0 and at most a year, for example 72.",
        )


def _budget(budget: object) -> Iterator[Problem]:
    if budget is None:
        return
    fields = ("per_task", "per_month", *(("per_day",) if _has_day(budget) else ()))
    for field in fields:
        if not _between(getattr(budget, field, None), -1e-12, 1e12):
            yield Problem(
                field="budget",
                problem=f"The budget's {field} is no amount of money.",
                remedy="Give a number of at least 0.",
            )
    if not CURRENCY.fullmatch(str(getattr(budget, "currency", ""))):
        yield Problem(
            field="budget",
            problem="The budget's currency is no ISO code.",
            remedy="Use three capitals, for example EUR.",
        )


def _scorer(declared: Declaration) -> Iterator[Problem]:
    fields = getattr(declared.output, "model_fields", {})
    for problem in declared.scorer.problems(fields):
        yield Problem(
            field="scorer", problem=f"{problem}.", remedy="See docs/reference/scorers.md."
        )
    if not _between(declared.tolerance, -1e-12, 1.0):
        yield Problem(
            field="tolerance",
            problem=f"A tolerance of {declared.tolerance!r} is out of range.",
            remedy="Give a loss from 0 to below 1; 0 accepts only what is right.",
        )
    if declared.risk_measure not in ("wrong", "mean_loss"):
        yield Problem(
            field="risk_measure",
            problem=f"Nothing is measured by {declared.risk_measure!r}.",
            remedy='Write "wrong" or "mean_loss".',
        )


def _on_revision(rule: object) -> Iterator[Problem]:
    if rule not in ("note", "re-decide", "ask"):
        yield Problem(
            field="on_revision",
            problem=f"There is no rule {rule!r} for a corrected input.",
            remedy='Write "note", "re-decide" or "ask".',
        )


def _labels(declared: Declaration) -> Iterator[Problem]:
    fields = getattr(declared.output, "model_fields", {})
    for name, values in declared.labels.items():
        if name not in fields:
            yield Problem(
                field="labels",
                problem=f"The output has no field {name!r} to have labels.",
                remedy=f"Name some of: {', '.join(sorted(fields)) or 'none'}.",
            )
        if isinstance(values, str) or not all(isinstance(value, str) for value in values):
            yield Problem(
                field="labels",
                problem=f"The labels of {name!r} are no list of texts.",
                remedy='Write labels={"queue": ["billing", "returns"]}.',
            )
            continue
        for value in values:
            if not value or normal_label(value) != value:
                yield Problem(
                    field="labels",
                    problem=f"The label {value!r} is empty, or has blanks or characters that "
                    "nobody sees.",
                    remedy=f"Write {normal_label(value)!r}, or leave it out.",
                )
    if declared.new_labels_by not in ROLES:
        yield Problem(
            field="new_labels_by",
            problem=f"Nobody can confirm a label as {declared.new_labels_by!r}.",
            remedy=f"Name one of: {', '.join(ROLES)}.",
        )


def _isolation(limits: object) -> Iterator[Problem]:
    if limits is None:
        return
    if not isinstance(limits, Isolation):
        yield Problem(
            field="isolation",
            problem=f"{limits!r} sets no limits for the processes of the decider.",
            remedy="Write isolation=Isolation(processes=2, memory_megabytes=1024), or None.",
        )
        return
    for name, least, most in (("processes", 1, 64), ("memory_megabytes", 64, 1_000_000)):
        value = getattr(limits, name)
        if not isinstance(value, int) or not least <= value <= most:
            yield Problem(
                field="isolation",
                problem=f"{name} is {value!r}.",
                remedy=f"Write a whole number from {least} to {most:,}.",
            )


def _rollout(declared: Declaration) -> Iterator[Problem]:
    rollout, gate = declared.rollout, declared.rollout.gate
    for role in rollout.sign_offs:
        if role not in ROLES:
            yield Problem(
                field="rollout",
                problem=f"Nobody can sign off as {role!r}.",
                remedy=f"Name some of: {', '.join(ROLES)}.",
            )
    if rollout.sticky_by is not None and rollout.sticky_by not in declared.input.model_fields:
        yield Problem(
            field="rollout",
            problem=f"The input has no field {rollout.sticky_by!r} to keep a canary by.",
            remedy=f"Name one of: {', '.join(sorted(declared.input.model_fields))}.",
        )
    for name, value, low, high in (
        ("sign_off_hours", rollout.sign_off_hours, 0.0, 8_784.0),
        ("shadow_tasks", rollout.shadow_tasks, -1, 10**7),
        ("canary_tasks", rollout.canary_tasks, -1, 10**7),
        ("canary_share", rollout.canary_share, 0.0, 0.5 + 1e-12),
        ("margin", rollout.margin, -1e-12, 0.5),
        ("gate.worse_by", gate.worse_by, -1e-12, 0.5),
        ("gate.slice_worse_by", gate.slice_worse_by, -1e-12, 0.5),
        ("gate.slower_by", gate.slower_by, 0.0, 1e6),
        ("gate.dearer_by", gate.dearer_by, 0.0, 1e6),
        ("gate.fewest", gate.fewest, -1, 10**7),
    ):
        if not _between(value, low, high):
            yield Problem(
                field="rollout",
                problem=f"A rollout with {name} = {value!r} is out of range.",
                remedy=f"Give a number above {low:g} and below {high:g}.",
            )


def _has_day(budget: object) -> bool:
    return getattr(budget, "per_day", None) is not None


def _between(value: object, low: float, high: float) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and math.isfinite(value) and low < value < high  # type: ignore[arg-type,operator]
