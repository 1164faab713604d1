"""Roadbed carries an AI use case from a working pilot to dependable production.

The public face: what a pod's ``usecase.py`` imports. Names load on first use, so that the command
line stays quick.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from roadbed.scoring.scorers import Exact, Fields, Judged, Score, Sets, Within
    from roadbed.usecases.deciders import Answer, Context, Isolation, Task, Unsure
    from roadbed.usecases.destinations import Action, Approvals
    from roadbed.usecases.model import Budget, Pod, UseCase
    from roadbed.usecases.rollout import DIRECT, Check, Gate, Rollout

__version__ = "0.1.0"
__all__ = [
    "DIRECT",
    "Action",
    "Answer",
    "Approvals",
    "Budget",
    "Check",
    "Context",
    "Exact",
    "Fields",
    "Gate",
    "Isolation",
    "Judged",
    "Pod",
    "Rollout",
    "Score",
    "Sets",
    "Task",
    "Unsure",
    "UseCase",
    "Within",
    "__version__",
]

_HOMES = {
    "Exact": "roadbed.scoring.scorers",
    "Fields": "roadbed.scoring.scorers",
    "Judged": "roadbed.scoring.scorers",
    "Score": "roadbed.scoring.scorers",
    "Sets": "roadbed.scoring.scorers",
    "Within": "roadbed.scoring.scorers",
    "Action": "roadbed.usecases.destinations",
    "Approvals": "roadbed.usecases.destinations",
    "Answer": "roadbed.usecases.deciders",
    "Context": "roadbed.usecases.deciders",
    "Task": "roadbed.usecases.deciders",
    "Unsure": "roadbed.usecases.deciders",
    "Budget": "roadbed.usecases.model",
    "Isolation": "roadbed.usecases.deciders",
    "Pod": "roadbed.usecases.model",
    "UseCase": "roadbed.usecases.model",
    "Check": "roadbed.usecases.rollout",
    "DIRECT": "roadbed.usecases.rollout",
    "Gate": "roadbed.usecases.rollout",
    "Rollout": "roadbed.usecases.rollout",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'roadbed' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
