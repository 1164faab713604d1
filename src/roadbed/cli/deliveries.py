"""``deliver`` and ``worker``: deliveries, and the process that sends them."""

from __future__ import annotations

import asyncio
import json as jsonlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from roadbed.cli.identity import me, readable, verified
from roadbed.cli.output import Json, opened, run, say, show
from roadbed.cli.renamed import old_verb
from roadbed.cli.usage import Verbs
from roadbed.kernel.errors import RoadbedError

if TYPE_CHECKING:
    from roadbed.app import App
    from roadbed.kernel.settings import Settings

app = typer.Typer(
    cls=Verbs, no_args_is_help=True, rich_markup_mode=None, help="List and resolve deliveries."
)
_TIMES = ["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S%z"]
DeliveryId = Annotated[str, typer.Argument(metavar="DELIVERY")]


class UnknownStateError(RoadbedError):
    """The name of a delivery state that does not exist."""

    code = "state_unknown"

    def __init__(self, state: str, known: list[str]) -> None:
        super().__init__(f"No delivery can be {state[:60]!r}.", f"Use one of {', '.join(known)}.")


def worker(
    folder: Annotated[
        Path | None, typer.Argument(help="The folder of the use cases to send for.")
    ] = None,
) -> None:
    """Send waiting deliveries until Ctrl-C. Any number of workers can run."""
    run(_work(folder))


@app.command("list")
def list_(
    usecase: Annotated[str, typer.Argument(help="The use case's name.")],
    state: Annotated[
        list[str] | None, typer.Option(help="Only this state. Repeat it for several.")
    ] = None,
    most: Annotated[int, typer.Option(min=1, max=1000)] = 50,
    json: Json = False,
) -> None:
    """Deliveries of a use case, newest first."""
    from roadbed.deliveries.model import DeliveryState

    known = [item.value for item in DeliveryState]

    async def work() -> Any:
        for item in state or ():
            if item not in known:
                raise UnknownStateError(item, known)
        async with opened(only=[]) as services:
            rows = await services.deliveries.list(usecase, states=state, most=most)
            return await readable(services).deliveries(rows)

    deliveries = run(work())
    show(
        {"deliveries": deliveries},
        as_json=json,
        text=lambda: (
            "\n".join(
                f"{entry.id}  {entry.state:12} {entry.destination:16} "
                f"{entry.created_at:%Y-%m-%d %H:%M} UTC  {entry.reason or ''}".rstrip()
                for entry in deliveries
            )
            or "No delivery matches."
        ),
    )


@app.command("show")
def show_(delivery: DeliveryId, json: Json = False) -> None:
    """Show one delivery: its exact content, the hash for an approval, every attempt."""

    async def work() -> Any:
        async with opened(only=[]) as services:
            stored = await services.deliveries.get(delivery, served=await _known(services))
            return await readable(services).delivery(*stored)

    shown, attempts = run(work())
    show(
        {"delivery": shown, "attempts": attempts},
        as_json=json,
        text=lambda: "\n".join(_lines(shown, attempts)),
    )


@app.command()
def resolve(
    delivery: DeliveryId,
    what: Annotated[
        str,
        typer.Argument(
            help="approve, refuse, replay, happened, did-not-happen, done-by-hand or cancel"
        ),
    ],
    content_hash: Annotated[
        str | None,
        typer.Option("--hash", help="The hash of the content you read. `approve` needs it."),
    ] = None,
    note: Annotated[str, typer.Option(help="The reason, in your words.")] = "",
    json: Json = False,
) -> None:
    """Resolve a delivery that needs a person."""

    async def work() -> Any:
        async with opened(only=[]) as services:
            known, person = await _known(services), me()
            if what == "approve":
                resolved, _ = await services.deliveries.get(delivery, served=known)
                person = await verified(services, resolved.use_case, "approve")
                await readable(services).check_approval(resolved)
            resolved = await services.deliveries.resolve(
                delivery,
                what,
                person=person,
                served=known,
                content_hash=content_hash,
                note=note,
            )
            return (await readable(services).delivery(resolved))[0]

    resolved = run(work())
    show(
        {"delivery": resolved}, as_json=json, text=lambda: f"{resolved.id} is {resolved.state} now."
    )


@app.command("replay")
def replay_(
    usecase: Annotated[str, typer.Argument(help="The use case's name.")],
    destination: Annotated[str, typer.Option(help="The destination where deliveries failed.")],
    since: Annotated[
        datetime | None,
        typer.Option(formats=_TIMES, help="Only failures since then; UTC if there is no zone."),
    ] = None,
    note: Annotated[str, typer.Option(help="What was corrected, in your words.")] = "",
    json: Json = False,
) -> None:
    """Send all failed deliveries of a destination again."""

    async def work() -> int:
        async with opened(only=[]) as services:
            count: int = await services.deliveries.replay(
                usecase,
                destination,
                person=me(),
                since=since if since is None or since.tzinfo else since.replace(tzinfo=UTC),
                note=note,
            )
            return count

    count = run(work())
    many = "1 delivery is" if count == 1 else f"{count:,} deliveries are"
    show({"replayed": count}, as_json=json, text=lambda: f"{many} sent again to {destination}.")


async def _known(services: Any) -> list[str]:
    """All use cases: a terminal with access to the database may see every one."""
    names: list[str] = await services.halts.known()
    return names


async def _work(folder: Path | None) -> None:
    from roadbed.cli.long_running import until_ended
    from roadbed.kernel.settings import Settings

    settings = Settings()
    if folder is not None:
        settings = settings.model_copy(update={"usecases": folder})
    await until_ended(_opened(settings), _send)
    say("Ended.")


@asynccontextmanager
async def _opened(settings: Settings) -> AsyncIterator[App]:
    from roadbed.bootstrap import open_app
    from roadbed.storage.serving import database_url

    async with database_url(settings) as url, open_app(settings, url) as services:
        yield services


async def _send(services: App, asked: asyncio.Event) -> None:
    from roadbed.background import relaying

    for name, error in services.broken.items():
        say(f"  not served: {name}: {error}")
    names = ", ".join(services.deployments.names()) or "no use case"
    senders = services.settings.senders
    say(f"Sending for {names}, at most {senders} at a time. Ctrl-C ends it.")
    async with relaying(services):
        await asked.wait()


def _lines(delivery: Any, attempts: Any) -> Iterator[str]:
    yield f"{delivery.id}  {delivery.kind} to {delivery.destination}, {delivery.state}"
    facts = {
        "Use case": delivery.use_case,
        "Task": delivery.task_id,
        "Why": delivery.reason,
        "Key": delivery.key,
        "Hash": delivery.content_hash,
        "Reference": delivery.reference,
        "Approved by": delivery.approved_by,
        "Approve until": delivery.approve_until
        and f"{delivery.approve_until:%Y-%m-%d %H:%M:%S} UTC",
    }
    for name, value in facts.items():
        if value:
            yield f"{name:14}{value}"
    if delivery.withheld:
        yield "Its task waits for a blind review. The content is shown after that."
    elif delivery.content is not None:
        yield jsonlib.dumps(delivery.content, indent=2, ensure_ascii=True)
    for attempt in attempts:
        yield (
            f"{attempt['at']:%Y-%m-%d %H:%M:%S} UTC  attempt {attempt['number']}: "
            f"{attempt['outcome']}, "
            f"{attempt['seconds'] * 1000:,.0f} ms  {attempt['detail']}".rstrip()
        )
    if not attempts:
        yield "No attempt yet."


old_verb(app, "say", "resolve", resolve, group="deliver")
