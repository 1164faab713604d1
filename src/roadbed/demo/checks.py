"""What the checks of a model's answers did in the demo, counted from the evidence of receipts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from roadbed.demo.errors import DemoModelError

IMITATION = (
    "The language model is an imitation: a small program of the demo that speaks a provider's "
    "protocol on this machine. Nothing leaves it. It picks sentences of the passages, and for some "
    "questions it invents a figure or a sentence."
)
Decision = Mapping[str, Any]  # as a receipt has it
_MODULES = ("pydantic_ai", "openai")


def require_language_models() -> None:
    """Raises ``DemoModelError`` if the packages that speak to language models are missing."""
    from importlib.util import find_spec

    if any(find_spec(module) is None for module in _MODULES):
        raise DemoModelError


@dataclass(slots=True)
class SentenceChecks:
    """Sentences of a model, and how many were dropped, by the reason.

    ``refused`` counts the answers that were not used because of that, ``unread`` the questions that
    were answered without the model.
    """

    sentences: int = 0
    answers: int = 0
    refused: int = 0
    unread: int = 0
    dropped: Counter[str] = field(default_factory=Counter)

    def count(self, decision: Decision) -> None:
        """Add a decision as receipts show it."""
        evidence = decision["evidence"] or {}
        if "model" not in evidence:
            self.unread += 1
            return
        self.answers += 1
        self.refused += "refused" in evidence
        for sentence in _sentences(evidence):
            self.sentences += 1
            if reason := sentence.get("dropped"):
                self.dropped[str(reason).partition(":")[0]] += 1

    def told(self) -> str:
        """The counts in sentences."""
        total = sum(self.dropped.values())
        reasons = "; ".join(f"{reason}: {count}" for reason, count in self.dropped.most_common())
        return (
            f"The model replied to {_counted(self.answers, 'question')}; {self.unread:,} needed "
            "no model. "
            f"The checks dropped {total:,} of its {self.sentences:,} sentences"
            + (f" ({reasons})" if reasons else "")
            + f".\nIn {_counted(self.refused, 'answer')} the sentence that answers the question "
            "was dropped: people got these questions."
        )


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def dropped_lines(decision: Decision) -> list[str]:
    """The dropped sentences of a decision, a line each."""
    return [
        f"  Dropped: “{sentence['sentence']}” ({sentence['dropped']})"
        for sentence in _sentences(decision["evidence"] or {})
        if "dropped" in sentence
    ]


def _sentences(evidence: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield from evidence.get("sentences", ())
    yield from evidence.get("refused", ())
