"""Validation of a declaration: pure checks, each with the remedy."""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Iterator
from typing import TypeVar

from pydantic import BaseModel

from roadbed.kernel.labels import normal_label
from roadbed.kernel.sentences import figure, sentence
from roadbed.scoring.function_scorer import as_scorer
from roadbed.scoring.scorers import Exact, Scorer
from roadbed.usecases.chat_apps import chat_app_problems
from roadbed.usecases.decider import Isolation, is_trainable
from roadbed.usecases.declaration import Declaration
from roadbed.usecases.errors import Problem, UseCaseError
from roadbed.usecases.library import library_problems

NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_LONGEST_NAME = 60  # characters
NAME_REMEDY = sentence(
    "Use lower-case words joined by hyphens, at most %(most)s characters.", most=_LONGEST_NAME
)
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
        *library_problems(declared.library, declared.input),
        *chat_app_problems(declared.chat_apps, declared.library),
    ]


def read_scorer(given: object) -> tuple[Scorer, list[Problem]]:
    """The declared scorer, by default ``Exact()``, and its problems."""
    try:
        return (Exact() if given is None else as_scorer(given)), []
    except TypeError as error:
        remedy = sentence(
            "Write scorer=Exact(), another scorer, or a function of (proposed, right, input)."
        )
        return Exact(), [Problem(field="scorer", problem=f"{error}.", remedy=remedy)]


def decider_problems(declared: Declaration, decider: object) -> list[Problem]:
    """Every mistake in the given decider."""
    if declared.function or declared.trainable:
        return [
            Problem(
                field="decider",
                problem=sentence("It has two deciders."),
                remedy=sentence("Keep one; combine several models inside one decider."),
            )
        ]
    if is_trainable(decider):
        return []
    if inspect.isclass(decider) or not callable(decider):
        return [
            Problem(
                field="decider",
                problem=sentence("%(decider)r is no decider.", decider=decider),
                remedy=sentence(
                    "Give a function of (input, context), or an object with fit, decide_many, "
                    "save and load."
                ),
            )
        ]
    try:
        inspect.signature(decider).bind(None, None)
    except TypeError:
        return [
            Problem(
                field="decider",
                problem=sentence("The decider does not take exactly an input and a context."),
                remedy=sentence("Write it as `def decide(inquiry, context)`."),
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
                    problem=sentence(
                        "The decider does not fit the models: %(error)s.", error=error
                    ),
                    remedy=sentence("Name fields that the models have."),
                )
            ],
        ) from error
    return bound_decider


def is_use_case_name(name: object) -> bool:
    """Whether a use case, and so its folder, may have this name."""
    return isinstance(name, str) and len(name) <= _LONGEST_NAME and bool(NAME.fullmatch(name))


def _name(name: object) -> Iterator[Problem]:
    if not is_use_case_name(name):
        problem = sentence("The name %(name)r cannot stand in an address.", name=name)
        yield Problem(field="name", problem=problem, remedy=NAME_REMEDY)


def _purpose(purpose: object) -> Iterator[Problem]:
    if not isinstance(purpose, str) or len(purpose.strip()) < 10:
        yield Problem(
            field="purpose",
            problem=sentence("The purpose says too little."),
            remedy=sentence("Write one sentence on what is decided, and for whom."),
        )


def _models(declared: Declaration) -> Iterator[Problem]:
    for field in ("input", "output"):
        model: object = getattr(declared, field)
        if not (inspect.isclass(model) and issubclass(model, BaseModel)):
            yield Problem(
                field=field,
                problem=sentence("The %(field)s is not a pydantic model.", field=field),
                remedy=sentence(
                    "Declare a class of BaseModel and pass the class as %(field)s=.", field=field
                ),
            )
        elif not model.model_fields:
            yield Problem(
                field=field,
                problem=sentence("The %(field)s model has no fields.", field=field),
                remedy=sentence("Declare what it holds."),
            )


def _pod(pod: object) -> Iterator[Problem]:
    for role in ROLES:
        person = getattr(pod, role, None)
        if not isinstance(person, str) or not person.strip():
            yield Problem(
                field="pod",
                problem=sentence("The pod has no %(role)s.", role=sentence(role.replace("_", " "))),
                remedy=sentence('Name a person: Pod(%(role)s="…").', role=role),
            )


def _limits(declared: Declaration) -> Iterator[Problem]:
    if not _between(declared.risk_limit, 0.0, 0.5):
        yield Problem(
            field="risk_limit",
            problem=sentence(
                "A risk limit of %(risk_limit)r cannot be proven or means nothing.",
                risk_limit=declared.risk_limit,
            ),
            remedy=sentence("Give a share above 0 and below 0.5, for example 0.02."),
        )
    if not _between(declared.certainty, 0.5, 1.0):
        yield Problem(
            field="certainty",
            problem=sentence(
                "A certainty of %(certainty)r cannot be reached or means nothing.",
                certainty=declared.certainty,
            ),
            remedy=sentence("Give a share above 0.5 and below 1, for example 0.95."),
        )
    if not _between(declared.deadline_seconds, 0.0, 3_600.0):
        yield Problem(
            field="deadline_seconds",
            problem=sentence(
                "A deadline of %(deadline_seconds)r is out of range.",
                deadline_seconds=declared.deadline_seconds,
            ),
            remedy=sentence("Give seconds above 0 and below 3600."),
        )


def _slices(declared: Declaration) -> Iterator[Problem]:
    known = getattr(declared.input, "model_fields", {})
    for name in declared.slices:
        if name not in known:
            yield Problem(
                field="slices",
                problem=sentence("The input has no field %(name)r to slice by.", name=name),
                remedy=sentence(
                    "Name some of: %(known)s.", known=", ".join(sorted(known)) or sentence("none")
                ),
            )
    for field in ("check_share", "second_look_share"):
        if not _between(getattr(declared, field), -1e-12, 0.5):
            yield Problem(
                field=field,
                problem=sentence(
                    "A %(field)s of %(declared)r is out of range.",
                    field=field,
                    declared=getattr(declared, field),
                ),
                remedy=sentence("Give a share from 0 to below 0.5, for example 0.02."),
            )
    if not _between(declared.label_within_hours, 0.0, 8_784.0):
        yield Problem(
            field="label_within_hours",
            problem=sentence(
                "A label within %(label_within_hours)r hours is out of range.",
                label_within_hours=declared.label_within_hours,
            ),
            remedy=sentence("Give hours above 0 and at most a year, for example 72."),
        )


def _budget(budget: object) -> Iterator[Problem]:
    if budget is None:
        return
    fields = ("per_task", "per_month", *(("per_day",) if _has_day(budget) else ()))
    for field in fields:
        if not _between(getattr(budget, field, None), -1e-12, 1e12):
            yield Problem(
                field="budget",
                problem=sentence("The budget's %(field)s is no amount of money.", field=field),
                remedy=sentence("Give a number of at least 0."),
            )
    if not CURRENCY.fullmatch(str(getattr(budget, "currency", ""))):
        yield Problem(
            field="budget",
            problem=sentence("The budget's currency is no ISO code."),
            remedy=sentence("Use three capitals, for example EUR."),
        )


def _scorer(declared: Declaration) -> Iterator[Problem]:
    fields = getattr(declared.output, "model_fields", {})
    for problem in declared.scorer.problems(fields):
        yield Problem(
            field="scorer", problem=f"{problem}.", remedy=sentence("See docs/reference/scorers.md.")
        )
    if not _between(declared.tolerance, -1e-12, 1.0):
        yield Problem(
            field="tolerance",
            problem=sentence(
                "A tolerance of %(tolerance)r is out of range.", tolerance=declared.tolerance
            ),
            remedy=sentence("Give a loss from 0 to below 1; 0 accepts only what is right."),
        )
    if declared.risk_measure not in ("wrong", "mean_loss"):
        yield Problem(
            field="risk_measure",
            problem=sentence(
                "Nothing is measured by %(risk_measure)r.", risk_measure=declared.risk_measure
            ),
            remedy=sentence('Write "wrong" or "mean_loss".'),
        )


def _on_revision(rule: object) -> Iterator[Problem]:
    if rule not in ("note", "re-decide", "ask"):
        yield Problem(
            field="on_revision",
            problem=sentence("There is no rule %(rule)r for a corrected input.", rule=rule),
            remedy=sentence('Write "note", "re-decide" or "ask".'),
        )


def _labels(declared: Declaration) -> Iterator[Problem]:
    fields = getattr(declared.output, "model_fields", {})
    for name, values in declared.labels.items():
        if name not in fields:
            yield Problem(
                field="labels",
                problem=sentence("The output has no field %(name)r to have labels.", name=name),
                remedy=sentence(
                    "Name some of: %(fields)s.",
                    fields=", ".join(sorted(fields)) or sentence("none"),
                ),
            )
        if isinstance(values, str) or not all(isinstance(value, str) for value in values):
            yield Problem(
                field="labels",
                problem=sentence("The labels of %(name)r are no list of texts.", name=name),
                remedy=sentence('Write labels={"queue": ["billing", "returns"]}.'),
            )
            continue
        for value in values:
            if not value or normal_label(value) != value:
                yield Problem(
                    field="labels",
                    problem=sentence(
                        "The label %(value)r is empty, or has blanks or characters that "
                        "nobody sees.",
                        value=value,
                    ),
                    remedy=sentence("Write %(value)r, or leave it out.", value=normal_label(value)),
                )
    if declared.new_labels_by not in ROLES:
        yield Problem(
            field="new_labels_by",
            problem=sentence(
                "Nobody can confirm a label as %(new_labels_by)r.",
                new_labels_by=declared.new_labels_by,
            ),
            remedy=sentence("Name one of: %(roles)s.", roles=", ".join(ROLES)),
        )


def _isolation(limits: object) -> Iterator[Problem]:
    if limits is None:
        return
    if not isinstance(limits, Isolation):
        yield Problem(
            field="isolation",
            problem=sentence(
                "%(limits)r sets no limits for the processes of the decider.", limits=limits
            ),
            remedy=sentence(
                "Write isolation=Isolation(processes=2, memory_megabytes=1024), or None."
            ),
        )
        return
    for name, least, most in (("processes", 1, 64), ("memory_megabytes", 64, 1_000_000)):
        value = getattr(limits, name)
        if not isinstance(value, int) or not least <= value <= most:
            yield Problem(
                field="isolation",
                problem=sentence("%(name)s is %(value)r.", name=name, value=value),
                remedy=sentence(
                    "Write a whole number from %(least)s to %(most)s.",
                    least=least,
                    most=figure(f"{most:,}"),
                ),
            )


def _rollout(declared: Declaration) -> Iterator[Problem]:
    rollout, gate = declared.rollout, declared.rollout.gate
    for role in rollout.sign_offs:
        if role not in ROLES:
            yield Problem(
                field="rollout",
                problem=sentence("Nobody can sign off as %(role)r.", role=role),
                remedy=sentence("Name some of: %(roles)s.", roles=", ".join(ROLES)),
            )
    if rollout.sticky_by is not None and rollout.sticky_by not in declared.input.model_fields:
        yield Problem(
            field="rollout",
            problem=sentence(
                "The input has no field %(sticky_by)r to keep a canary by.",
                sticky_by=rollout.sticky_by,
            ),
            remedy=sentence(
                "Name one of: %(model_fields)s.",
                model_fields=", ".join(sorted(declared.input.model_fields)),
            ),
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
                problem=sentence(
                    "A rollout with %(name)s = %(value)r is out of range.", name=name, value=value
                ),
                remedy=sentence(
                    "Give a number above %(low)s and below %(high)s.",
                    low=figure(f"{low:g}"),
                    high=figure(f"{high:g}"),
                ),
            )


def _has_day(budget: object) -> bool:
    return getattr(budget, "per_day", None) is not None


def _between(value: object, low: float, high: float) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and math.isfinite(value) and low < value < high  # type: ignore[arg-type,operator]
