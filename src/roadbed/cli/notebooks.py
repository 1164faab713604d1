"""``notebook`` and ``road``: what was learnt on the way, and how long the way took."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from roadbed.cli.output import opened, run, say, show

if TYPE_CHECKING:
    from roadbed.insight.notebook import Notebook
    from roadbed.insight.stage_clock import Timeline, TimelineChart

Json = Annotated[bool, typer.Option("--json", help="One JSON object.")]
UseCaseName = Annotated[str, typer.Argument(metavar="USECASE", help="The use case's name.")]


def notebook(
    usecase: UseCaseName,
    markdown: Annotated[bool, typer.Option("--markdown", help="As a document to keep.")] = False,
    json: Json = False,
) -> None:
    """What was learnt: corrections, what was done about them, what it changed."""
    from roadbed.insight.notebook import markdown as written

    async def work() -> Notebook:
        async with opened(only=[]) as services:
            return await services.notebooks.read(usecase)

    found = run(work())
    if markdown:
        say(written(found).rstrip())
        return
    show(found, as_json=json, text=lambda: _text(found))


def road(usecase: UseCaseName, json: Json = False) -> None:
    """Its stages and waits with dates, against the time there is to a proof and to production."""
    from roadbed.insight.stage_clock import chart_of

    async def work() -> tuple[Timeline, TimelineChart]:
        async with opened(only=[]) as services:
            found = await services.stage_clock.timeline(usecase)
            return found, chart_of(found, services.clock.now())

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
