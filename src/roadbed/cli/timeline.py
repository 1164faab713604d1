"""``timeline``: stages and waits of a use case, with dates."""

from __future__ import annotations

from typing import TYPE_CHECKING

from roadbed.cli.output import Json, UseCaseName, opened, run, show

if TYPE_CHECKING:
    from roadbed.insight.stage_clock import Timeline, TimelineChart


def timeline(usecase: UseCaseName, json: Json = False) -> None:
    """Show stages and waits with dates; targets: proof in 14 days, production in 8 weeks."""
    from roadbed.insight.stage_clock import chart_of

    async def work() -> tuple[Timeline, TimelineChart]:
        async with opened(only=[]) as services:
            stages = await services.stage_clock.timeline(usecase)
            return stages, chart_of(stages, services.clock.now())

    stages, drawn = run(work())
    show(
        {**drawn.facts, "timeline": stages, "road": stages},
        as_json=json,
        text=lambda: "\n".join(drawn.lines),
    )
