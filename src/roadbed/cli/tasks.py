"""``submit`` and ``revise``: tasks from the terminal."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from roadbed.cli.identity import me
from roadbed.cli.output import Json, UseCaseName, fail, opened, run, show
from roadbed.cli.receipts import receipt_text
from roadbed.kernel.errors import RoadbedError
from roadbed.kernel.json import read_json

if TYPE_CHECKING:
    from asyncio import Future

    from roadbed.app import App
    from roadbed.decisions.model import Decision
    from roadbed.intake.model import Admission
    from roadbed.usecases.use_case import UseCase

_REPEATED_SECONDS = 30.0


class BadInputError(RoadbedError):
    """The typed input is not a JSON object."""

    code = "input_not_json"

    def __init__(self, detail: str, field: str = "text") -> None:
        super().__init__(
            f"The input is not a JSON object: {detail}.",
            f"""Write it like '{{"{field}": "Where is my order?"}}', or - for standard input.""",
        )


def submit(
    usecase: UseCaseName,
    content: Annotated[
        str, typer.Argument(metavar="INPUT", help="A JSON object, or - to read it.")
    ],
    key: Annotated[str | None, typer.Option(help="The same key gives the same receipt.")] = None,
    json: Json = False,
) -> None:
    """Send one task and print its receipt."""

    async def work() -> Mapping[str, Any]:
        async with opened(only=None) as app:
            sent = _object(content, app.service(usecase).loaded.declared)
            admission, running = await app.decisions.submit(
                usecase, sent, key=key, source={"surface": "cli", "by": me()}
            )
            return await _receipt_of(app, admission, running)

    receipt = run(work())
    show(receipt, as_json=json, text=lambda: receipt_text(receipt))


def revise(
    task: Annotated[str, typer.Argument(help="The id of the task or of one of its revisions.")],
    content: Annotated[
        str, typer.Argument(metavar="INPUT", help="The whole corrected input, or - to read it.")
    ],
    reason: Annotated[str | None, typer.Option(help="The reason. The receipt shows it.")] = None,
    json: Json = False,
) -> None:
    """Send a corrected input of a task and print the receipt of its new revision."""

    async def work() -> Mapping[str, Any]:
        async with opened(only=None) as app:
            usecase = await app.erasure.use_case_of(task)
            sent = _object(content, app.service(usecase).loaded.declared)
            source = {"surface": "cli", "by": me()}
            admission, running = await app.decisions.revise(
                usecase, task, sent, source=source, reason=reason
            )
            return await _receipt_of(app, admission, running)

    receipt = run(work())
    show(receipt, as_json=json, text=lambda: receipt_text(receipt))


async def _receipt_of(
    app: App, admission: Admission, running: Future[Decision | None] | None
) -> Mapping[str, Any]:
    """The receipt of a task, once it is decided."""
    if running is not None:
        await running
    elif not admission.task.noted:  # a repeated key: a server may be deciding it
        await app.receipts.wait(admission.task.id, _REPEATED_SECONDS)
    return await app.receipts.get(admission.task.id, viewer=me())


def _object(content: str, declared: UseCase) -> dict[str, Any]:
    """The typed input of a use case, an object."""
    fields = declared.input.model_fields
    field = next((name for name in fields if fields[name].annotation is str), "text")
    try:
        sent = sys.stdin.read() if content == "-" else content
        content_object = read_json(sent.removeprefix("\ufeff"))  # some write a byte order mark
    except (ValueError, RecursionError) as error:
        raise fail(BadInputError(str(error), field)) from None
    if not isinstance(content_object, dict):
        raise fail(BadInputError(f"it is a {type(content_object).__name__}", field))
    return content_object
