"""``timeline``: stages and waits of a use case, with dates."""

from __future__ import annotations

from typing import TYPE_CHECKING

from roadbed.cli.output import Json, UseCaseName, opened, run, show

if TYPE_CHECKING:
    from roadbed.insight.milestones import Picture
    from roadbed.insight.timeline import Timeline


def timeline(usecase: UseCaseName, json: Json = False) -> None:
    """Stages and waits with dates, against 14 days to a proof and 8 weeks to production."""
    from roadbed.insight.milestones import picture

    async def work() -> tuple[Timeline, Picture]:
        async with opened(only=[]) as services:
            stages = await services.stages.road(usecase)
            return stages, picture(stages, services.clock.now())

    stages, drawn = run(work())
    show({**drawn.facts, "road": stages}, as_json=json, text=lambda: "\n".join(drawn.lines))
