"""``notebook`` and ``timeline``: what was learnt, and how long each stage took."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from roadbed.cli.output import opened, run, say, show

if TYPE_CHECKING:
    from roadbed.insight.milestones import Picture
    from roadbed.insight.notebook import Notebook
    from roadbed.insight.timeline import Timeline

Json = Annotated[bool, typer.Option("--json", help="One JSON object.")]
UseCaseName = Annotated[str, typer.Argument(metavar="USECASE", help="The use case's name.")]


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


def timeline(usecase: UseCaseName, json: Json = False) -> None:
    """Stages and waits with dates, against 14 days to a proof and 8 weeks to production."""
    from roadbed.insight.milestones import picture

    async def work() -> tuple[Timeline, Picture]:
        async with opened(only=[]) as services:
            found = await services.stages.road(usecase)
            return found, picture(found, services.clock.now())

    found, drawn = run(work())
    show({**drawn.facts, "road": found}, as_json=json, text=lambda: "\n".join(drawn.lines))


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
