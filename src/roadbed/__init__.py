"""Roadbed carries an AI use case from a working pilot to dependable production.

The public face: what a pod's ``usecase.py`` imports. Names load on first use, so that the command
line stays quick.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from roadbed.scoring.scorers import Cited, Exact, Fields, Judged, Score, Sets, Within
    from roadbed.usecases.chat_apps import SlackApp, TeamsWebhook
    from roadbed.usecases.decider import Answer, Context, Isolation, Task, Unsure
    from roadbed.usecases.destinations import Action, Approvals
    from roadbed.usecases.library import Library
    from roadbed.usecases.rollout import DIRECT, Check, Gate, Rollout
    from roadbed.usecases.use_case import Budget, Pod, UseCase

__version__ = "0.1.0"
__all__ = [
    "DIRECT",
    "Action",
    "Answer",
    "Approvals",
    "Budget",
    "Check",
    "Cited",
    "Context",
    "Exact",
    "Fields",
    "Gate",
    "Isolation",
    "Judged",
    "Library",
    "Pod",
    "Rollout",
    "Score",
    "Sets",
    "SlackApp",
    "Task",
    "TeamsWebhook",
    "Unsure",
    "UseCase",
    "Within",
    "__version__",
]

_HOMES = {
    "Cited": "roadbed.scoring.scorers",
    "Library": "roadbed.usecases.library",
    "SlackApp": "roadbed.usecases.chat_apps",
    "TeamsWebhook": "roadbed.usecases.chat_apps",
    "Exact": "roadbed.scoring.scorers",
    "Fields": "roadbed.scoring.scorers",
    "Judged": "roadbed.scoring.scorers",
    "Score": "roadbed.scoring.scorers",
    "Sets": "roadbed.scoring.scorers",
    "Within": "roadbed.scoring.scorers",
    "Action": "roadbed.usecases.destinations",
    "Approvals": "roadbed.usecases.destinations",
    "Answer": "roadbed.usecases.decider",
    "Context": "roadbed.usecases.decider",
    "Task": "roadbed.usecases.decider",
    "Unsure": "roadbed.usecases.decider",
    "Budget": "roadbed.usecases.use_case",
    "Isolation": "roadbed.usecases.decider",
    "Pod": "roadbed.usecases.use_case",
    "UseCase": "roadbed.usecases.use_case",
    "Check": "roadbed.usecases.rollout",
    "DIRECT": "roadbed.usecases.rollout",
    "Gate": "roadbed.usecases.rollout",
    "Rollout": "roadbed.usecases.rollout",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'roadbed' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
