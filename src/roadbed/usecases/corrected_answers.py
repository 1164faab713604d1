"""Corrected answers: what people said is right, as a version keeps it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from roadbed.kernel.json import JsonObject
from roadbed.usecases.use_case import UseCase

MOST_KEPT = 2_000  # of a version; the newest
_MOST_CITED = 20
_LONGEST = 4_000  # characters of a question or a text


@dataclass(frozen=True, kw_only=True, slots=True)
class CorrectedPassage:
    """A citation of a right answer. ``passage`` is the id of the passage; empty if it has none."""

    document: str
    place: str
    passage: str


@dataclass(frozen=True, kw_only=True, slots=True)
class CorrectedAnswer:
    """A question with the passages that people said are right, and the text of the right answer.

    ``id`` is that of the example.
    """

    id: str
    question: str
    text: str
    citations: tuple[CorrectedPassage, ...]


def corrected_answer(
    example: str, input: Mapping[str, object], output: Mapping[str, object] | None, *, question: str
) -> JsonObject | None:
    """An example as JSON of a version; ``None`` if its right answer cites no passage.

    ``question`` names the field of the input that holds the question.
    """
    asked, right = input.get(question), output or {}
    if not isinstance(asked, str) or right.get("route") != "answer":
        return None
    citations = right.get("citations")
    cited = [
        {name: str(citation.get(name) or "") for name in ("document", "place", "passage")}
        for citation in (citations if isinstance(citations, list) else [])
        if isinstance(citation, Mapping) and citation.get("document")
    ]
    if not cited:
        return None
    return {
        "id": example,
        "question": asked[:_LONGEST],
        "text": str(right.get("text") or "")[:_LONGEST],
        "citations": cited[:_MOST_CITED],
    }


def read_corrected(content: JsonObject) -> CorrectedAnswer:
    """A corrected answer from its JSON. Raises ``KeyError``, ``TypeError``."""
    citations: Any = content["citations"]
    return CorrectedAnswer(
        id=str(content["id"]),
        question=str(content["question"]),
        text=str(content["text"]),
        citations=tuple(CorrectedPassage(**citation) for citation in citations),
    )


def what_teaches(declared: UseCase) -> Literal["examples", "citations"] | None:
    """Which right answers a version learns from: all, or those that cite a passage.

    ``None``: from none, since a function without a library learns nothing.
    """
    if declared.trainable is not None:
        return "examples"
    return "citations" if declared.library is not None else None
