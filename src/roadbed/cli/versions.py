"""``version list|show|diff``, and a past task on another version."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from roadbed.cli.identity import me
from roadbed.cli.output import opened, run, show
from roadbed.cli.version_texts import detail_of, difference_of, replay_of, rows_of

if TYPE_CHECKING:
    from roadbed.versions.diff.comparison import Difference
    from roadbed.versions.replays import Replay
    from roadbed.versions.service import Version, VersionDetail

app = typer.Typer(no_args_is_help=True, help="Versions: what they are, and what differs.")
Json = Annotated[bool, typer.Option("--json", help="One JSON object.")]
UseCaseName = Annotated[str, typer.Argument(metavar="USECASE", help="The use case's name.")]
Named = Annotated[str, typer.Argument(metavar="VERSION", help="Its number or id.")]


@app.command("list")
def list_versions(
    usecase: UseCaseName,
    most: Annotated[int, typer.Option(min=1, max=500, help="How many at most.")] = 50,
    json: Json = False,
) -> None:
    """The versions of a use case, newest first: who made them, why, and when they were live."""

    async def work() -> Sequence[Version]:
        async with opened(only=[]) as services:
            return await services.versions.list(usecase, most=most)

    found = run(work())
    show(
        {"versions": found},
        as_json=json,
        text=lambda: "\n".join(rows_of(found)) or "No version yet.",
    )


@app.command("show")
def show_version(usecase: UseCaseName, version: Named, json: Json = False) -> None:
    """One version: what it is made of."""

    async def work() -> VersionDetail:
        async with opened(only=[]) as services:
            return await services.versions.show(usecase, version)

    found = run(work())
    show(found, as_json=json, text=lambda: "\n".join(detail_of(found)))


@app.command("diff")
def diff(
    a: Annotated[str, typer.Argument(metavar="A", help="Number or id of the earlier version.")],
    b: Annotated[str, typer.Argument(metavar="B", help="Number or id of the later version.")],
    usecase: Annotated[str, typer.Option("--usecase", help="The use case's name.")],
    json: Json = False,
) -> None:
    """What changed from one version to another, in words first."""

    async def work() -> Difference:
        async with opened(only=[]) as services:
            return await services.versions.diff(usecase, a, b)

    found = run(work())
    show(found, as_json=json, text=lambda: "\n".join(difference_of(found)))


def replay(task_id: str, version: str, *, as_json: bool) -> None:
    """What ``version`` says to a past task, beside what was decided."""

    async def work() -> Replay:
        async with opened(only=[]) as services:
            return await services.replays.run(task_id, version, actor=me())

    found = run(work())
    show(found, as_json=as_json, text=lambda: "\n".join(replay_of(found)))
