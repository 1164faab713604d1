"""Output of the command line: sentences, JSON on request, stable exit codes."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from roadbed.kernel.errors import RoadbedError
from roadbed.kernel.sentences import plain
from roadbed.kernel.terminal import visible

if TYPE_CHECKING:
    from roadbed.app import App

FAILED = 1
PROBLEMS_FOUND = 3
Result = TypeVar("Result")
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
UseCaseName = Annotated[str, typer.Argument(metavar="USECASE", help="The use case's name.")]


def say(text: str = "", *, err: bool = False) -> None:
    """A line for a person."""
    typer.echo(visible(text), err=err)


def say_in_place(text: str, above: int) -> None:
    """A text in the place of the last lines of a terminal, ``above`` many."""
    typer.echo(f"\x1b[{above}A\x1b[J{visible(text)}")


def tell(text: str) -> None:
    """A line that is not a result: on standard error."""
    typer.echo(visible(text), err=True)


def sign_in_link(address: str, code: str) -> str:
    """The address of a one-time sign-in, to open in a browser."""
    return f"{address}/sign-in?code={code}"


def show(content: object, *, as_json: bool, text: Callable[[], str]) -> None:
    """The result, as one line of JSON or as ``text()``."""
    if as_json:
        from pydantic_core import to_json

        typer.echo(visible(to_json(content, fallback=plain).decode()))
    else:
        typer.echo(visible(text()))


def fail(error: RoadbedError) -> typer.Exit:
    """Print the problem and its remedy. Returns the exit to raise."""
    complain(error)
    return typer.Exit(FAILED)


def complain(error: RoadbedError) -> None:
    """Print the problem and its remedy on standard error: two lines, or one JSON object."""
    if wants_json():
        from pydantic_core import to_json

        problem = {
            "type": f"urn:roadbed:problem:{error.code}",
            "code": error.code,
            "detail": error.problem,
            "remedy": error.remedy,
        }
        typer.echo(visible(to_json(problem).decode()), err=True)
        return
    typer.secho(visible(error.problem), err=True, fg="red" if sys.stderr.isatty() else None)
    typer.echo(visible(error.remedy), err=True)


def wants_json() -> bool:
    """Whether the terminal asked for JSON, even if the rest of what it typed is wrong."""
    typed = sys.argv[1:]
    return "--json" in (typed[: typed.index("--")] if "--" in typed else typed)


def run(work: Coroutine[Any, Any, Result]) -> Result:
    """Run a coroutine. A ``RoadbedError`` becomes two lines and exit code 1, never a traceback."""
    import uvloop

    try:
        return uvloop.run(work)
    except RoadbedError as error:
        raise fail(error) from None


@asynccontextmanager
async def opened(*, only: Sequence[str] | None) -> AsyncIterator[App]:
    """The services, on the running database or on one started for this command.

    ``only`` names the use cases to load; with an empty list none is loaded.
    """
    from roadbed.bootstrap import open_app
    from roadbed.kernel.settings import Settings
    from roadbed.storage.serving import database_url
    from roadbed.usecases.errors import UnknownUseCaseError
    from roadbed.usecases.loader import folders

    settings = Settings()
    known: Sequence[str] = ()
    try:
        async with (
            database_url(settings) as url,
            open_app(settings, url, only=only, serves=False) as app,
        ):
            known = app.deployments.names()
            yield app
            # Perhaps no server runs. A later restore must know what this command did.
            with suppress(RoadbedError):
                await app.audit.leave()
    except UnknownUseCaseError as error:
        names = [*known, *(folder.name for folder in folders(settings.usecases))]
        raise UnknownUseCaseError(error.name, settings.usecases.resolve(), names) from None
