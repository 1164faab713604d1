"""``timeline``: stages and waits of a use case, with dates."""

from __future__ import annotations

from typing import TYPE_CHECKING

from roadbed.cli.output import Json, UseCaseName, opened, run, show

if TYPE_CHECKING:
    from roadbed.insight.milestones import Picture
    from roadbed.insight.timeline import Timeline


def timeline(usecase: UseCaseName, json: Json = False) -> None:
    """Show stages and waits with dates; targets: proof in 14 days, production in 8 weeks."""
    from roadbed.insight.milestones import picture

    async def work() -> tuple[Timeline, Picture]:
        async with opened(only=[]) as services:
            stages = await services.stages.road(usecase)
            return stages, picture(stages, services.clock.now())

    stages, drawn = run(work())
    show({**drawn.facts, "road": stages}, as_json=json, text=lambda: "\n".join(drawn.lines))
