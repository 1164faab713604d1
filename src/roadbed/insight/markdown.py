"""A notebook as Markdown. What people and models wrote can say nothing but words in it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from roadbed.insight.lessons import Lesson
from roadbed.insight.notebook import Notebook

_SPECIAL = re.compile(r"([\\`*_\[\]{}|~$#!])")
_ADDRESS = re.compile(r"(?i):(?=//)|(?<=www)\.")


def markdown(notebook: Notebook) -> str:
    """The notebook as one document."""
    return "\n".join(_lines(notebook)) + "\n"


def escaped(text: str) -> str:
    """Text that Markdown shows as it is, in one line: no mark-up, HTML, link or mention."""
    line = "".join(item if item.isprintable() else _told(item) for item in " ".join(text.split()))
    line = _SPECIAL.sub(r"\\\1", line.replace("&", "&amp;"))
    line = line.replace("<", "&lt;").replace(">", "&gt;").replace("@", "&#64;")
    return _ADDRESS.sub(lambda match: f"&#{ord(match[0])};", line)


def _told(sign: str) -> str:
    return json.dumps(sign)[1:-1]


def _lines(notebook: Notebook) -> Iterator[str]:
    yield f"# Notebook of {escaped(notebook.use_case)}"
    yield ""
    yield f"As of {notebook.made_at:%Y-%m-%d %H:%M} UTC."
    yield ""
    yield "## In short"
    yield ""
    yield escaped(" ".join(notebook.in_short))
    if notebook.important:
        yield ""
        yield "What matters most:"
        yield ""
        for number, sentence in enumerate(notebook.important, 1):
            yield f"{number}. {escaped(sentence)}"
    yield ""
    yield "## What was learned"
    yield ""
    yield f"{notebook.corrections:,} corrections among {notebook.verdicts:,} verdicts."
    for lesson in notebook.lessons:
        yield ""
        yield from _lesson(lesson)
    yield ""
    yield "## What happened"
    yield ""
    for event in notebook.events:
        by = "" if event.actor == "roadbed" else f" ({escaped(event.actor)})"
        yield f"- {event.at:%Y-%m-%d %H:%M} UTC: {escaped(event.words)}{by}"


def _lesson(lesson: Lesson) -> Iterator[str]:
    yield f"### {escaped(lesson.seen)}"
    yield ""
    yield f"- {lesson.n:,} times" + (
        f", {lesson.first_at:%Y-%m-%d} to {lesson.last_at:%Y-%m-%d}"
        if lesson.first_at and lesson.last_at
        else ""
    )
    if lesson.why:
        yield f"- {escaped(lesson.why)}"
    if lesson.words:
        yield f"- Words that tell them: {escaped(', '.join(lesson.words))}"
    for example in lesson.examples:
        note = f" ({escaped(example.note)})" if example.note else ""
        yield (
            f"- “{escaped(example.input)}”: answered {escaped(example.decided)}, "
            f"right {escaped(example.right)}{note}"
        )
    for said in lesson.done or ["Nothing was done about it yet."]:
        yield f"- {escaped(said)}"
    if lesson.changed:
        yield f"- What it changed: {escaped(lesson.changed)}."
