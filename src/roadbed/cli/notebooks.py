"""``notebook`` and ``timeline``: what was learnt, and how long each stage took."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from roadbed.cli.output import Json, UseCaseName, opened, run, say, show

if TYPE_CHECKING:
    from roadbed.insight.notebook import Notebook


def notebook(
    usecase: UseCaseName,
    markdown: Annotated[bool, typer.Option("--markdown", help="As a document to keep.")] = False,
    json: Json = False,
) -> None:
    """What was learnt: corrections, what was done about them, what it changed."""
    from roadbed.insight import markdown as writing

    async def work() -> Notebook:
        async with opened(only=[]) as services:
            return await services.notebooks.read(usecase)

    found = run(work())
    if markdown:
        say(writing.markdown(found).rstrip())
        return
    show(found, as_json=json, text=lambda: _text(found))


def _text(found: Notebook) -> str:
    lines = [" ".join(found.in_short), ""]
    lines += [f"{number}. {each}" for number, each in enumerate(found.important, 1)]
    lines += ["", f"{found.corrections:,} corrections among {found.verdicts:,} verdicts", ""]
    for lesson in found.lessons:
        words = f"  ({', '.join(lesson.words)})" if lesson.words else ""
        lines.append(f"{lesson.n:>5}×  {lesson.state:9} {lesson.seen}{words}")
        lines += [f"{'':18}{item}" for item in (lesson.why, *lesson.done) if item]
        lines += [f"{'':18}{lesson.changed}."] if lesson.changed else []
    lines += ["", *(f"{event.at:%Y-%m-%d %H:%M}  {event.words}" for event in found.events)]
    return "\n".join(lines)
