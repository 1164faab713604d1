"""``notebook`` and ``timeline``: what was learnt, and how long each stage took."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from roadbed.cli.identity import me
from roadbed.cli.output import Json, UseCaseName, opened, run, say, show

if TYPE_CHECKING:
    from roadbed.insight.notebook import Notebook


def notebook(
    usecase: UseCaseName,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="Print it as a Markdown document.")
    ] = False,
    json: Json = False,
) -> None:
    """Show the corrections, the actions taken, and their results."""
    from roadbed.insight.notebook import markdown as written

    async def work() -> Notebook:
        async with opened(only=[]) as services:
            reader = await services.libraries.cases.reader(usecase, me)
            return await services.notebooks.read(usecase, reader)

    contents = run(work())
    if markdown:
        say(written(contents).rstrip())
        return
    show(contents, as_json=json, text=lambda: _text(contents))


def _text(contents: Notebook) -> str:
    lines = [" ".join(contents.in_short), ""]
    lines += [f"{number}. {sentence}" for number, sentence in enumerate(contents.important, 1)]
    lines += ["", f"{contents.corrections:,} corrections among {contents.verdicts:,} verdicts", ""]
    for lesson in contents.lessons:
        words = f"  ({', '.join(lesson.words)})" if lesson.words else ""
        lines.append(f"{lesson.n:>5}×  {lesson.state:9} {lesson.seen}{words}")
        lines += [f"{'':18}{item}" for item in (lesson.why, *lesson.done) if item]
        lines += [f"{'':18}{lesson.changed}."] if lesson.changed else []
    lines += ["", *(f"{event.at:%Y-%m-%d %H:%M}  {event.words}" for event in contents.events)]
    return "\n".join(lines)
