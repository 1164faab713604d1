"""The base class of Roadbed's errors."""

from __future__ import annotations

from typing import ClassVar


class RoadbedError(Exception):
    """An error that a person can correct: a stable ``code``, a sentence and a ``remedy``.

    Subclasses set ``code``, take facts in ``__init__`` and build both sentences from them.
    The HTTP status is in ``statuses.py``, the exit code belongs to ``cli/``.
    """

    code: ClassVar[str] = "error"

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(f"{problem} {remedy}")
        self.problem = problem
        self.remedy = remedy
