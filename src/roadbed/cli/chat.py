"""``chat``: which person asks by an account of a chat program."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from roadbed.cli.identity import me
from roadbed.cli.output import Json, opened, run, show
from roadbed.cli.usage import Verbs
from roadbed.kernel.terminal import one_line

if TYPE_CHECKING:
    from roadbed.app import App
    from roadbed.assistants.chat_accounts import ChatAccounts

app = typer.Typer(
    cls=Verbs,
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Accounts of chat programs, and the people who ask by them.",
)
Kind = Annotated[str, typer.Argument(help="slack or teams.")]
Account = Annotated[str, typer.Argument(help="As the chat told its owner: organization/account.")]


@app.command()
def link(
    kind: Kind,
    account: Account,
    person: Annotated[str, typer.Argument(help="The person's name.")],
    json: Json = False,
) -> None:
    """Let an account ask as a person, with the roles and access groups of that person."""

    async def work() -> None:
        async with opened(only=[]) as services:
            await _accounts(services).link(kind, account, person, by=me())

    run(work())
    show(
        {"kind": kind, "account": account, "person": person},
        as_json=json,
        text=lambda: f"{account} of {kind} asks as {person}.",
    )


@app.command()
def unlink(kind: Kind, account: Account, json: Json = False) -> None:
    """End what `link` gave."""

    async def work() -> str:
        async with opened(only=[]) as services:
            return await _accounts(services).unlink(kind, account, by=me())

    person = run(work())
    show(
        {"kind": kind, "account": account, "person": person},
        as_json=json,
        text=lambda: f"{account} of {kind} does not ask as {person} any more.",
    )


@app.command("list")
def list_(json: Json = False) -> None:
    """List the linked accounts."""

    async def work() -> Any:
        async with opened(only=[]) as services:
            return await _accounts(services).accounts()

    accounts = run(work())
    show(
        {"accounts": accounts},
        as_json=json,
        text=lambda: (
            "\n".join(one_line(f"{one.kind}  {one.account}  {one.person}") for one in accounts)
            or "No account is linked."
        ),
    )


def _accounts(services: App) -> ChatAccounts:
    from roadbed.assistants.chat_accounts import ChatAccounts

    return ChatAccounts(services.database, services.clock)
