"""The use cases that the demo can play: how their tasks look, and which answers are right."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from roadbed.scoring.scorers import Cited, Exact, Scorer

Output = Mapping[str, Any]  # of a use case, as JSON
_HERE = Path(__file__).parent


@dataclass(frozen=True, kw_only=True, slots=True)
class DemoUseCase:
    """A use case of the demo.

    ``folder`` holds its files, ``field`` is the text in its input, ``tasks`` the noun for these.
    ``right`` gives the right output for what a stream says of a task. ``limit`` and ``certainty``
    are those that its folder declares. ``documents`` is the folder of its library, which is copied
    if ``copied``. ``trained`` says whether its decider learns, ``delivers`` whether it has
    destinations, ``prompted`` whether it asks the imitated language model.
    """

    name: str
    folder: Path
    field: str
    tasks: str
    limit: float
    certainty: float
    right: Callable[[str], Output]
    scorer: Scorer
    documents: Path | None = None
    copied: bool = True
    trained: bool = False
    delivers: bool = False
    prompted: bool = False

    def output(self, label: str | None) -> Output | None:
        """The right output; ``None``: no answer is right."""
        return None if label is None else self.right(label)

    def is_right(self, proposed: object, label: str | None) -> bool:
        """Whether a proposed output is right."""
        right = self.output(label)
        if right is None or not isinstance(proposed, Mapping):
            return False
        return self.scorer.score(proposed, right, {}).loss == 0


TRIAGE = DemoUseCase(
    name="support-triage",
    folder=_HERE / "folder",
    field="text",
    tasks="inquiries",
    limit=0.02,
    certainty=0.95,
    right=lambda queue: {"queue": queue},
    scorer=Exact(),
    trained=True,
    delivers=True,
)


def asking(
    documents: Path,
    right: Callable[[str], Output],
    *,
    copied: bool = True,
    prompted: bool = False,
) -> DemoUseCase:
    """The use case that answers questions from ``documents``, with a language model or without."""
    return DemoUseCase(
        name="ask",
        folder=_HERE / ("ask_with_model" if prompted else "ask"),
        field="question",
        tasks="questions",
        limit=0.10,
        certainty=0.95,
        right=right,
        scorer=Cited(),
        documents=documents,
        copied=copied,
        prompted=prompted,
    )
