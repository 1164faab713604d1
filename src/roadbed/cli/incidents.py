"""``incident``: the receipts and effects of a period in one record."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from roadbed.cli.identity import me
from roadbed.cli.output import UseCaseName, opened, run, say


def incident(
    usecase: UseCaseName,
    since: Annotated[datetime, typer.Option(help="Start of the period, UTC: 2026-11-21T09:00:00.")],
    title: Annotated[str, typer.Option(help="What happened, in one line.")],
    until: Annotated[datetime | None, typer.Option(help="End of the period. Default: now.")] = None,
    out: Annotated[
        Path | None, typer.Option(help="The file to write. Default: standard output.")
    ] = None,
) -> None:
    """Collect all receipts and effects of a period in one record."""
    from pydantic_core import to_json

    async def work() -> Any:
        async with opened(only=[usecase]) as app:
            return await app.incidents.collect(
                usecase,
                title=title,
                since=since.replace(tzinfo=UTC),
                until=until.replace(tzinfo=UTC) if until else None,
                actor=me(),
            )

    record = run(work())
    if out is None:
        say(to_json(record).decode())
        return
    out.write_bytes(to_json(record, indent=2))
    summary = record["summary"]
    say(
        f"{out}: {summary['tasks']:,} tasks, {summary['effects']:,} effects, "
        f"{summary['undone']:,} undone, {summary['still_open']:,} still open."
    )
