"""The demo with documents: its questions, the reading of the library, answers in the terminal."""

from __future__ import annotations

import asyncio
import re
import textwrap
from collections.abc import Mapping, Sequence
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any

from roadbed.demo.checks import IMITATION, dropped_lines
from roadbed.demo.datasets import Labelled, Stream
from roadbed.demo.errors import DemoDataError
from roadbed.demo.people import Caller
from roadbed.demo.use_cases import DemoUseCase, asking

_FOLDER = Path("a-documents")
_LATER = 300  # questions
_ROUNDS = 5
_EXAMPLES = (
    "How many days a week may I work from home?",
    "How much may a hotel night cost?",
    "What does the Rill 25 oxygen meter cost?",
    "Is there a nursery for toddlers?",
)
# The imitated model invents a sentence for the second one.
_PROMPTED_EXAMPLES = (_EXAMPLES[1], "What are the core hours?")
_WIDEST = 100  # characters of a line
_SHOWN_LINES = 4  # of an answer


def library_stream(rounds: int | None, *, prompted: bool = False) -> Stream:
    """Questions to the library of the made-up company, with their right places.

    ``prompted``: the imitated language model answers them.
    """
    from roadbed.demo.library import questions

    rounds = rounds or _ROUNDS
    # Each question that a model answers, also in every improvement, is a request and its checks.
    first, size = (400, 150) if prompted else (1_000, 250)
    asked = questions.generate(first + rounds * size + _LATER)
    library = asyncio.run(questions.read_passages(questions.DOCUMENTS))
    right = {
        item.id: questions.right_output(item, library).model_dump(mode="json")
        for item in {item.id: item for _, item in asked}.values()
    }
    rows: list[Labelled] = [(text, item.id) for text, item in asked]
    arriving = rows[first:]
    return Stream(
        name="library",
        notice=f"{questions.NOTICE}\n{IMITATION}" if prompted else questions.NOTICE,
        seed=rows[:first],
        rounds=[arriving[n * size : (n + 1) * size] for n in range(rounds)],
        later=arriving[rounds * size :],
        use_case=asking(questions.DOCUMENTS, right.__getitem__, prompted=prompted),
        shown=_PROMPTED_EXAMPLES if prompted else _EXAMPLES,
    )


def documents_stream(data_dir: Path | None) -> Stream:
    """Sample questions to the real documents below ``data_dir``, whose right answers are not known.

    Raises ``DemoDataError``.
    """
    folder = (data_dir or Path("../shared/data")) / _FOLDER
    if not folder.is_dir():
        raise DemoDataError("documents", folder)
    listed = (files(__package__) / "library" / "sample_questions.txt").read_text(encoding="utf-8")
    return Stream(
        name="documents",
        notice=f"Real documents: audits, policies and handbooks that are public, from {folder}.",
        seed=[],
        rounds=[],
        use_case=asking(folder.resolve(), _unknown, copied=False),
        shown=[line for line in listed.splitlines() if line and not line.startswith("#")],
    )


def _unknown(label: str) -> Mapping[str, Any]:
    raise KeyError(label)  # no task of this stream has a label


async def answers(address: str, token: str, use_case: DemoUseCase, asked: Sequence[str]) -> str:
    """What the use case answers to some questions, with its sources."""
    caller = Caller(address, token)
    try:
        return "\n".join([await _answer(caller, use_case, question) for question in asked])
    finally:
        await caller.close()


async def _answer(caller: Caller, use_case: DemoUseCase, question: str) -> str:
    receipt = await caller.call(
        "POST",
        f"/usecases/{use_case.name}/tasks",
        {"input": {use_case.field: question}, "wait": 30},
    )
    while receipt["decision"] is None:
        await asyncio.sleep(0.5)
        receipt = await caller.call("GET", f"/receipts/{receipt['task']}")
    decision = receipt["decision"]
    output = decision["output"]
    route = "automatic" if decision["route"] == "automatic" else "a person looks at it first"
    if output is None:
        return f"\n{question}\n  {decision['reason']}"
    shown = _shortened(output["text"], question)
    if use_case.prompted:
        numbered = enumerate(output["citations"], 1)
        sources = [line for number, one in numbered for line in _quoted(number, one)]
        sources += dropped_lines(decision)
    else:
        sources = [f"  [{_place(citation)}]" for citation in output["citations"][:1]]
    return "\n".join((f"\n{question} ({route})", *shown, *sources))


def _place(citation: Mapping[str, Any]) -> str:
    return " › ".join(filter(None, (citation["document"], citation["place"])))


def _quoted(number: int, citation: Mapping[str, Any]) -> list[str]:
    """A citation by the number that the text has for it, with the words of the document."""
    line = f"[{number}] {_place(citation)}: “{' '.join(citation['quote'].split())}”"
    return textwrap.wrap(line, width=_WIDEST, initial_indent="  ", subsequent_indent="      ")


def _shortened(text: str, question: str) -> list[str]:
    """A few lines of an answer, indented: from the one that has the most words of the question."""
    wrap = partial(textwrap.wrap, width=_WIDEST, initial_indent="  ", subsequent_indent="  ")
    lines = [row for line in text.split("\n") if line.strip() for row in wrap(line)]
    if len(lines) <= _SHOWN_LINES:
        return lines
    asked = _words(question)
    start = max(range(len(lines)), key=lambda number: len(asked & _words(lines[number])))
    start = min(start, len(lines) - _SHOWN_LINES)
    return [*lines[start : start + _SHOWN_LINES], "  (and more)"]


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.lower()))
