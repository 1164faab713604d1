"""The base class of Roadbed's errors."""

from __future__ import annotations

from typing import ClassVar

from roadbed.kernel.sentences import Text, in_source, joined


class RoadbedError(Exception):
    """An error that a person can correct: a stable ``code``, a sentence and a ``remedy``.

    Subclasses set ``code``, take facts in ``__init__`` and build both sentences from them.
    ``problem`` and ``remedy`` are in the language of whoever reads them; ``str()`` of the error is
    English: that is what logs and tables hold. The HTTP status is in ``statuses.py``, the exit code
    belongs to ``cli/``.
    """

    code: ClassVar[str] = "error"

    def __init__(self, problem: Text, remedy: Text) -> None:
        super().__init__(in_source(joined(" ", (problem, remedy))))
        self.texts = (problem, remedy)

    @property
    def problem(self) -> str:
        """What is wrong."""
        return str(self.texts[0])

    @property
    def remedy(self) -> str:
        """What to do about it."""
        return str(self.texts[1])
