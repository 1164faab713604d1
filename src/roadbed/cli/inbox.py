"""``inbox``: what waits for you, and ``inbox away``: who answers while you are away."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from roadbed.cli.identity import me
from roadbed.cli.output import Json, opened, run, show
from roadbed.cli.usage import Verbs

if TYPE_CHECKING:
    from roadbed.inbox.model import ActionItem
    from roadbed.people.permissions import Viewer

app = typer.Typer(
    cls=Verbs,
    invoke_without_command=True,
    rich_markup_mode=None,
    help="What waits for you. `inbox away` names who answers while you are away.",
)


@app.callback()
def inbox(context: typer.Context, json: Json = False) -> None:
    """List what waits for you, the most urgent first."""
    if context.invoked_subcommand is not None:
        return

    async def work() -> Any:
        async with opened(only=None) as services:
            viewer = await services.people.viewer(me())
            names = services.deployments.names()
            return (
                await services.inbox.items(viewer, names),
                await services.inbox.unattended(viewer, names),
                services.clock.now(),
                viewer,
                any(person.name == viewer.name for person in await services.members.list()),
            )

    items, unattended, now, viewer, known = run(work())
    show(
        {"items": items, "unattended": unattended},
        as_json=json,
        text=lambda: "\n".join(
            [
                _headline(items, viewer, known=known),
                *(_line(item, now) for item in items),
                *(
                    f"{entry.use_case}: {entry.title.lower()}. Everybody who may is away until "
                    f"{entry.back:%Y-%m-%d}."
                    for entry in unattended
                ),
            ]
        ),
    )


@app.command()
def away(
    until: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="The day on which you are back."),
    ] = None,
    stand_in: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Who answers meanwhile; holds the same roles."),
    ] = None,
    back: Annotated[bool, typer.Option("--back", help="You are here again.")] = False,
    json: Json = False,
) -> None:
    """Say until when you are away, and who stands in."""
    if back == (until is not None):
        raise typer.BadParameter("Give --until DAY, or --back.")

    async def work() -> Any:
        async with opened(only=[]) as services:
            if until is None:
                return await services.absences.end(me())
            end = until.replace(tzinfo=UTC)
            return await services.absences.set(me(), until=end, stand_in=stand_in)

    absence = run(work())
    if until is None:
        text = "You are here again." if absence else "You were not away."
        show({"away": False}, as_json=json, text=lambda: text)
        return
    who = f" {stand_in} stands in." if stand_in else " Nobody stands in."
    show({"away": absence}, as_json=json, text=lambda: f"You are away until {until:%Y-%m-%d}.{who}")


def _headline(items: list[ActionItem], viewer: Viewer, *, known: bool) -> str:
    if not known:
        return (
            f"{viewer.name} is not known here yet, so nothing can wait for you. The first "
            f"`roadbed up` adds whoever starts it; then the roles that folders declare count. "
            f"Later an administrator adds people: `roadbed user add {viewer.name}`."
        )
    if not viewer.roles and not viewer.admin:
        return (
            f"{viewer.name} has no role here, so nothing can wait for you. "
            f"`roadbed user grant {viewer.name} USECASE ROLE` gives one."
        )
    if not items:
        return "Nothing waits for you."
    return f"{len(items):,} thing{' waits' if len(items) == 1 else 's wait'} for you."


def _line(item: ActionItem, now: datetime) -> str:
    hours = (now - item.since).total_seconds() / 3600.0
    waited = f"{hours / 24:.0f} d" if hours >= 48 else f"{hours:.0f} h"
    due = f", due {item.due:%Y-%m-%d %H:%M} UTC" if item.due else ""
    return f"{'!' if item.overdue else '·'} {item.use_case}: {item.why} ({waited}{due})"
